"""Door of decisions by people: those who have the permission `optout.decide_claim`."""

from collections.abc import Iterable

from django.contrib.auth.models import User

from optout import mail
from optout.deciding import restore_duplicates
from optout.models import DENYING, Claim, Reason
from optout.moving import Actor, Words, alone, move_all
from optout.refusals import NotPermitted, Refused
from optout.states import HIDDEN, LIVE, Action, Role, State
from optout.workflow import appeal_until

PERMISSION = "optout.decide_claim"
_STANDING = HIDDEN & LIVE


def accept(claims: Iterable[Claim], reviewer: User, *, note: str = "", public: str = "") -> list[Claim]:
    """Accept all of the claims, or none."""
    words = Words(Reason.REVIEWED, note, public)
    with alone():
        moved = move_all(_keys(claims), Action.ACCEPT, _actor(reviewer), words, reason=Reason.REVIEWED)
        mail.queue_about(mail.Kind.DECIDED, moved, accepted=True, public=public)
    return moved


def deny(claims: Iterable[Claim], reviewer: User, reason: Reason, *, note: str = "", public: str = "") -> list[Claim]:
    """Deny all of the claims, or none, for one reason; `public` is what the requesters are told besides.

    What they stood for as duplicates is looked at again.
    """
    if reason not in DENYING:
        raise Refused("reason", f"must be one of {', '.join(sorted(DENYING))}")
    if reason is Reason.OTHER and not public.strip():
        raise Refused("public", "must say what the other reason is")
    with alone():
        moved = move_all(_keys(claims), Action.DENY, _actor(reviewer), Words(reason, note, public), reason=reason)
        if moved:
            until = appeal_until(moved[0])
            mail.queue_about(mail.Kind.DECIDED, moved, reason=reason.label, public=public, appeal_until=until)
        restore_duplicates(moved)
    return moved


def ask_info(claims: Iterable[Claim], reviewer: User, question: str, *, note: str = "") -> list[Claim]:
    """Ask the requesters of the claims; they answer on their page."""
    if not question.strip():
        raise Refused("question", "is empty")
    with alone():
        moved = move_all(_keys(claims), Action.ASK_INFO, _actor(reviewer), Words(note=note, public=question))
        mail.queue_about(mail.Kind.QUESTION, moved, public=question)
    return moved


def reconsider(claims: Iterable[Claim], reviewer: User, note: str) -> list[Claim]:
    """Take an acceptance back, as long as no list holds it; the note says why."""
    if not note.strip():
        raise Refused("note", "must say why the acceptance is taken back")
    return move_all(_keys(claims), Action.RECONSIDER, _actor(reviewer), Words(note=note), reason="")


def mark_duplicate(claim: Claim, reviewer: User, of: Claim, note: str = "") -> Claim:
    """Let another live claim of the same proven subject to the same scope stand for this one."""
    actor = _actor(reviewer)
    with alone():
        claim, of = _fresh(claim), _fresh(of)
        if claim.pk == of.pk or claim.key != of.key or not _same_subject(claim, of) or State(of.state) not in _STANDING:
            raise Refused("of", "must be a live claim of the same subject to the same scope")
        (moved,) = move_all([claim.pk], Action.MARK_DUPLICATE, actor, Words(note=note), duplicate_of=of)
    return moved


def uphold(claim: Claim, reviewer: User, *, note: str = "", public: str = "") -> Claim:
    """Confirm a denial after an appeal; by another reviewer than the one who denied."""
    with alone():
        actor = _another(claim, reviewer)
        (moved,) = move_all([claim.pk], Action.UPHOLD, actor, Words(claim.reason, note, public))
        mail.queue_about(mail.Kind.DECIDED, [moved], reason=moved.get_reason_display(), public=public)
        restore_duplicates([moved])
    return moved


def reverse(claim: Claim, reviewer: User, *, note: str = "", public: str = "") -> Claim:
    """Accept after an appeal; by another reviewer than the one who denied."""
    with alone():
        actor = _another(claim, reviewer)
        words = Words(Reason.REVIEWED, note, public)
        (moved,) = move_all([claim.pk], Action.REVERSE, actor, words, reason=Reason.REVIEWED)
        mail.queue_about(mail.Kind.DECIDED, [moved], accepted=True, public=public)
    return moved


def _keys(claims: Iterable[Claim]) -> list[int]:
    return [claim.pk for claim in claims]


def _fresh(claim: Claim) -> Claim:
    return Claim.objects.select_for_update(of=("self",)).select_related("proof").get(pk=claim.pk)


def _same_subject(one: Claim, other: Claim) -> bool:
    return one.proof is not None and other.proof is not None and one.proof.subject == other.proof.subject


def _actor(reviewer: User) -> Actor:
    if not reviewer.has_perm(PERMISSION):  # an inactive user has none
        raise NotPermitted("you have no permission to decide claims")
    return Actor(Role.REVIEWER, reviewer.get_username(), reviewer.pk)


def _another(claim: Claim, reviewer: User) -> Actor:
    """The reviewer as actor, where it is not the one who denied."""
    actor = _actor(reviewer)
    denial = claim.events.filter(action=Action.DENY).order_by("-number").first()
    if denial is not None and denial.user_id == reviewer.pk:
        raise NotPermitted("an appeal is heard by another reviewer than the one who denied")
    return actor
