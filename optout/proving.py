"""Door of challenges and proofs.

A method of proof may ask a forge, so it is called outside of any transaction, and so is the forge about what the
releases hold under a proven login, which may have been another's before. What was found is then written in one: the
nonce is used up, the proof recorded, every claim that it covers verified, hidden and decided by the policy.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string

from optout import facts, mail
from optout.deciding import Basis, decide_all
from optout.facts import Held
from optout.models import Challenge, Claim, Proof, Request
from optout.moving import AT_ONCE, SYSTEM, Words, alone, move_all
from optout.ownership import METHODS, email_code
from optout.ownership.base import EMAIL, Covered, Ground, NotProven, Proven, Statement, is_plain_name, new_nonce
from optout.ownership.coverage import MOST_QUESTIONS, MOST_SECONDS
from optout.ownership.forge_api import ForgeApi, forge_api
from optout.ownership.forges import DEFAULT_FORGES, Forge, parse_forges
from optout.refusals import AlreadyUsed, Refused, TooMany
from optout.states import Action, State
from optout.workflow import requester
from search.lookup import active_releases
from search.scope import Scope, ScopeKind, parse_scope

VALID = timedelta(hours=24)
A_DAY = timedelta(days=1)
MOST_CHALLENGES = 20
"""A day, of one request; and of codes to one address, whoever asks for them."""
MOST_TRIES = 10
MOST_REPOSITORIES = 5
"""Of those that the releases hold under one name, that the forge is asked about."""

BY_LOGIN = frozenset({ScopeKind.ACCOUNT, ScopeKind.SWHID})
"""Of these only a login is compared with what the releases hold; of a repository the forge was asked itself."""

WAITING = (State.SUBMITTED, State.AWAITING_VERIFICATION)


@dataclass(frozen=True, slots=True)
class Tie:
    """What the forge says of repositories that the releases hold under names of an account."""

    confirmed: bool
    """Whether they are the account's, as far as they were asked about; also where there are none."""
    of_another: str = ""
    """One that belongs to another account."""


@dataclass(slots=True)
class Owners:
    """A forge, asked whose repositories are; each once, and at some point no more."""

    api: ForgeApi
    account: int | None
    """Number of the account that they should belong to; None where the method does not tell it."""
    _left: int = MOST_QUESTIONS
    _end: float = field(default_factory=lambda: time.monotonic() + MOST_SECONDS)
    _known: dict[str, bool | None] = field(default_factory=dict)

    def tie(self, repositories: Iterable[str]) -> Tie:
        """Whether at least one of the first few of the repositories (owner/name) is the account's, and none another's.

        What is gone shows nothing, nor does what was made after a release: the name was free by then.
        """
        askable = (name for name in sorted(repositories) if _is_repository(name))
        mine = {name: self._is_mine(name) for name in islice(askable, MOST_REPOSITORIES)}
        of_another = next((name for name, is_mine in mine.items() if is_mine is False), "")
        return Tie(any(mine.values()) and not of_another, of_another)

    def _is_mine(self, name: str) -> bool | None:
        if name not in self._known:
            self._known[name] = self._ask(name)
        return self._known[name]

    def _ask(self, name: str) -> bool | None:
        if self.account is None or not self._left or time.monotonic() > self._end:
            return None
        self._left -= 1
        try:
            there = self.api.repository(name)
        except NotProven as error:
            if error.temporary:
                self._left = 0  # a forge that wants rest gets it
            return None
        if there.owner_id != self.account:
            return False
        return None if _young(there.since) else True


def _is_repository(name: str) -> bool:
    steps = name.split("/")
    return len(steps) == 2 and all(map(is_plain_name, steps))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a proof led to: the claims that it covers as they are now, and of the others why it does not."""

    proof: Proof
    covered: tuple[Claim, ...]
    uncovered: tuple[tuple[Claim, str], ...]


def challenge(request: Request, method: str, subject: str, forge: str = "") -> Challenge:
    """Ask a requester to show that they control `subject` (a login at the forge, or an address); valid for 24 hours.

    Earlier challenges of the same method that are not answered become void. A code goes out by mail. Raises Refused.
    """
    if method not in METHODS:
        raise Refused("method", f"must be one of {', '.join(METHODS)}")
    subject, forge = _named(request, method, subject.strip(), forge)
    with alone():
        now = timezone.now()
        _check_rate(request, method, subject, now)
        waiting = list(request.claims.filter(state__in=WAITING))
        _check_wanted(waiting, method, subject)
        request.challenges.filter(method=method, used_at=None).update(used_at=now)
        made = _make(request, method, forge, subject, now)
        submitted = [claim.pk for claim in waiting if claim.state == State.SUBMITTED]
        move_all(submitted, Action.ASK_PROOF, requester(request))
    return made


def statement_of(challenge: Challenge) -> Statement:
    """What the challenge asks to be proven: all scopes of the request, whatever becomes of some of them meanwhile."""
    return Statement(
        origin=settings.SITE_URL,
        request=challenge.request.public_id,
        nonce=challenge.nonce,
        expires_at=challenge.expires_at,
        forge=challenge.forge,
        subject=challenge.subject,
        scopes=tuple(challenge.request.claims.values_list("scope", flat=True)),
    )


def _named(request: Request, method: str, subject: str, forge: str) -> tuple[str, str]:
    """Subject and forge as a statement names them."""
    if method == email_code.METHOD:
        return subject.lower(), EMAIL
    home = next(iter(forges()))
    return subject, _forge(forge or request.forge or home).name


def forges() -> dict[str, Forge]:
    """The forges that the settings name."""
    text = settings.FORGES or DEFAULT_FORGES
    return parse_forges(text, allow_private=settings.FORGES_ALLOW_PRIVATE, tokens=settings.FORGE_TOKENS)


def prove(request: Request, challenge: Challenge, answer: str) -> Outcome:
    """Check the answer to a challenge of this request.

    Raises AlreadyUsed, TooMany tries, and NotProven, which says what to do next. A try that failed because a forge did
    not answer is not counted.
    """
    if challenge.request_id != request.pk:
        raise Refused("challenge", "there is no such challenge in this request")
    statement = statement_of(challenge)
    _count_try(challenge, statement)
    try:
        proven = import_string(METHODS[challenge.method])(statement, answer, _against(challenge))
    except NotProven as error:
        if error.temporary:
            Challenge.objects.filter(pk=challenge.pk, tries__gt=0).update(tries=F("tries") - 1)
        raise
    held = facts.held([parse_scope(name) for covered in proven.covers for name in (covered.scope, *covered.names)])
    proven = replace(proven, covers=tuple(_with_contents(covered, proven, held) for covered in proven.covers))
    ties = _ties(proven, held)
    proven = replace(proven, covers=tuple(_with_tie(covered, proven, ties) for covered in proven.covers))
    with alone():
        _use_up(challenge)
        proof = _record(challenge, proven)
        confirmed = frozenset(scope for scope, tie in ties.items() if tie.confirmed)
        return _apply(proven, Basis(proof, _young(proven.since), held, confirmed))


def _check_rate(request: Request, method: str, subject: str, now: datetime) -> None:
    lately = Challenge.objects.filter(created_at__gt=now - A_DAY)
    if lately.filter(request=request).count() >= MOST_CHALLENGES:
        raise TooMany("request", f"{MOST_CHALLENGES} challenges were made for it today; ask again tomorrow")
    to_address = lately.filter(method=email_code.METHOD, subject=subject)
    if method == email_code.METHOD and to_address.count() >= MOST_CHALLENGES:
        raise TooMany("subject", f"{MOST_CHALLENGES} codes were sent to it today; ask again tomorrow")


def _check_wanted(waiting: Sequence[Claim], method: str, subject: str) -> None:
    if not waiting:
        raise Refused("request", "nothing in this request waits for a proof")
    # Else anybody could have codes sent to anybody.
    if method == email_code.METHOD and f"{ScopeKind.EMAIL}:{subject}" not in {claim.scope for claim in waiting}:
        raise Refused("subject", "must be one of the e-mail addresses that the request asks about")


def _make(request: Request, method: str, forge: str, subject: str, now: datetime) -> Challenge:
    code = email_code.make_code() if method == email_code.METHOD else ""
    made = Challenge(
        request=request,
        method=method,
        forge=forge,
        subject=subject,
        nonce=new_nonce(),
        code_digest=email_code.digest(code) if code else "",
        created_at=now,
        expires_at=(now + VALID).replace(microsecond=0),
    )
    try:
        made.text = statement_of(made).text
    except ValueError as error:
        raise Refused("subject", str(error)) from None
    made.save()
    if code:
        mail.queue(mail.Kind.CODE, request, str(made.pk), to=subject, code=code, expires_at=made.expires_at)
    return made


def _count_try(challenge: Challenge, statement: Statement) -> None:
    now = timezone.now()
    most = email_code.MOST_TRIES if challenge.method == email_code.METHOD else MOST_TRIES
    open_now = Challenge.objects.filter(pk=challenge.pk, used_at=None, expires_at__gt=now)
    if open_now.filter(tries__lt=most).update(tries=F("tries") + 1):
        return
    challenge.refresh_from_db()
    if challenge.used_at:
        raise AlreadyUsed
    statement.check_current(now)
    raise TooMany("answer", f"This challenge was tried {most} times. Ask for a new one.")


def _against(challenge: Challenge) -> Forge | str:
    """What a method compares the answer with."""
    return challenge.code_digest if challenge.method == email_code.METHOD else _forge(challenge.forge)


def _forge(name: str) -> Forge:
    known = forges()
    if name not in known:
        raise Refused("forge", f"must be one of {', '.join(known)}")
    return known[name]


def _use_up(challenge: Challenge) -> None:
    now = timezone.now()
    if not Challenge.objects.filter(pk=challenge.pk, used_at=None, expires_at__gt=now).update(used_at=now):
        raise AlreadyUsed


def _record(challenge: Challenge, proven: Proven) -> Proof:
    return Proof.objects.create(
        request=challenge.request,
        challenge=challenge,
        method=proven.method,
        provider=proven.provider,
        kind=proven.kind,
        subject_id=proven.subject_id,
        subject_name=proven.subject,
        names=proven.names,
        nonce=challenge.nonce,
        evidence=proven.evidence,
        evidence_digest=proven.evidence_sha256,
    )


def _apply(proven: Proven, basis: Basis) -> Outcome:
    proof = basis.proof
    said = {covered.scope: covered for covered in proven.covers}
    waiting = list(proof.request.claims.filter(state=State.AWAITING_VERIFICATION).select_related("request"))
    _write_names([claim for claim in waiting if said[claim.scope].owned], proven)
    words = Words(public=f"Proven by {proof.method} as {proof.subject_name} ({proof.provider}).")
    owned = [claim.pk for claim in waiting if said[claim.scope].owned]
    verified = move_all(owned, Action.VERIFY, SYSTEM, words, proof=proof)
    covered = decide_all(verified, basis)
    _tell(proof, covered)
    others = ((claim, said[claim.scope].sentence) for claim in waiting if not said[claim.scope].owned)
    return Outcome(proof, tuple(covered), tuple(others))


def _with_contents(covered: Covered, proven: Proven, held: Mapping[Scope, Held] | None) -> Covered:
    """What the method says of a scope; of a content, what the releases say: whether proven repositories hold it all.

    A content that others hold as well would be hidden for them too, so it is not covered: a license, a fork's parent.
    """
    scope = parse_scope(covered.scope)
    if scope.kind is not ScopeKind.SWHID or proven.provider == EMAIL or not _forge(proven.provider).home:
        return covered
    if held is None:
        return replace(covered, sentence="The releases could not be asked who holds it. Prove it again later.")
    own = held[scope].of([proven.subject])
    if not own:
        return replace(covered, sentence=_nobody(proven.subject, scope))
    if own != held[scope].repositories:
        others = f"Others hold it as well as {proven.subject}. Ask for your own copies by repo: or path:."
        return replace(covered, sentence=others)
    return replace(covered, owned=True, sentence=f"Only repositories of {proven.subject} hold it.")


def _nobody(subject: str, scope: Scope) -> str:
    unsure = ", as far as they could be read" if facts.is_unsure(scope) else ""
    return f"No release holds it in a repository of {subject}{unsure}."


def _ties(proven: Proven, held: Mapping[Scope, Held] | None) -> dict[str, Tie]:
    """Of each covered scope that is proven by a login alone: whether the releases hold it of that same account."""
    by_login = [covered for covered in proven.covers if covered.owned and parse_scope(covered.scope).kind in BY_LOGIN]
    if held is None or not by_login:
        return {}
    owners = Owners(forge_api(_forge(proven.provider)), _account(proven))
    return {covered.scope: _tie(covered, proven, held, owners) for covered in by_login}


def _tie(covered: Covered, proven: Proven, held: Mapping[Scope, Held], owners: Owners) -> Tie:
    """Of the scope and of every other name that its claim will cover."""
    scopes = [parse_scope(name) for name in (covered.scope, *covered.names)]
    own = [held[scope].of([scope.value if scope.kind is ScopeKind.ACCOUNT else proven.subject]) for scope in scopes]
    ties = [owners.tie(repositories) for repositories in own if repositories]
    of_another = next((tie.of_another for tie in ties if tie.of_another), "")
    return Tie(all(tie.confirmed for tie in ties), of_another)


def _with_tie(covered: Covered, proven: Proven, ties: Mapping[str, Tie]) -> Covered:
    tie = ties.get(covered.scope)
    if tie is None or not tie.of_another:
        return covered
    sentence = (
        f"The releases hold {tie.of_another} under this name, which belongs to another account than {proven.subject} "
        "today. Ask for your own repositories by repo:."
    )
    return replace(covered, owned=False, ground=Ground.OTHER_OWNER, sentence=sentence, names=())


def _account(proven: Proven) -> int | None:
    """Number of the account that was proven, or that the proven repository lies in, where the method recorded it."""
    told = proven.evidence.get("account") or proven.evidence.get("owner") or {}
    number = told.get("id")
    return number if isinstance(number, int) else None


def _write_names(claims: Sequence[Claim], proven: Proven) -> None:
    names = proven.names
    renamed = [claim for claim in claims if claim.scope in names]
    for claim in renamed:
        claim.names = list(names[claim.scope])
    Claim.objects.bulk_update(renamed, ["names"], batch_size=AT_ONCE)


def _young(since: datetime | None) -> bool:
    """Whether what was made then is younger than a release that is active: its name may have been another's before."""
    return since is not None and any(release.created_at < since for release in active_releases())


def _tell(proof: Proof, covered: Sequence[Claim]) -> None:
    if not covered:
        return
    accepted = sum(claim.state == State.ACCEPTED for claim in covered)
    mail.queue(
        mail.Kind.VERIFIED,
        proof.request,
        str(proof.pk),
        claims=mail.Shown.of(covered),
        accepted=accepted,
        waiting=len(covered) - accepted,
    )
