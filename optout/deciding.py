"""What becomes of claims by our own rules.

The policy is applied to each that was just proven, two who proved the same dispute it, and duplicates come back when
the claim that stood for them falls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from optout.facts import Held
from optout.models import Claim, Proof, Reason
from optout.moving import AT_ONCE, SYSTEM, Words, move_all
from optout.ownership.base import SubjectKind
from optout.policy import Decision, Facts, Verdict, decide
from optout.states import HIDDEN, Action, State
from search.scope import Scope, parse_scope

CLAIMED = HIDDEN | {State.APPEALED, State.CLOSED}
"""A proven claim in one of these stands beside one of another subject to the same scope."""

CONTESTABLE = frozenset({State.VERIFIED, State.IN_REVIEW, State.NEEDS_INFO, State.ACCEPTED})
"""In these nothing is settled yet, so that both claims can be put before a person."""

ACCEPTED = Words(Reason.PROVEN, public="Proven and owned.")
LOOKED_AT = "A person has to look at this claim."
RESTORED = Words(
    public="The claim that stood for this one does not stand any more. It is hidden again; a person looks."
)


@dataclass(frozen=True, slots=True)
class Basis:
    """What the claims of one proof are decided on."""

    proof: Proof
    young: bool
    """Whether the subject was made after an active release was registered."""
    held: Mapping[Scope, Held] | None
    """What the releases hold of each scope; None where they could not be asked."""
    confirmed: frozenset[str]
    """Scopes of which the forge confirmed that what the releases hold is the proven account's."""


def decide_all(claims: Sequence[Claim], basis: Basis) -> list[Claim]:
    """Move verified claims on as the policy says; returns them as they are then, by number. Called within `alone()`."""
    rivals = _rivals(claims, basis.proof)
    by_decision: dict[Decision, list[int]] = {}
    disputed: list[int] = []
    for claim in claims:
        others = rivals.get(claim.key, [])
        open_ones = [rival.pk for rival in others if rival.state in CONTESTABLE]
        if open_ones or any(rival.state == State.DISPUTED for rival in others):
            disputed += [claim.pk, *open_ones]
            continue
        decision = decide(_facts(claim, basis, len(others)))
        by_decision.setdefault(decision, []).append(claim.pk)
    moved = move_all(disputed, Action.DISPUTE, SYSTEM, Words(note="proven by two subjects", public=LOOKED_AT))
    for decision, keys in by_decision.items():
        moved += _follow(decision, keys)
    mine = {claim.pk for claim in claims}
    return sorted((claim for claim in moved if claim.pk in mine), key=lambda claim: claim.number)


def restore_duplicates(fallen: Sequence[Claim]) -> list[Claim]:
    """Put before a person again what these claims stood for. Called within `alone()`, after they have moved."""
    over = [claim.pk for claim in fallen]
    duplicates = Claim.objects.filter(duplicate_of__in=over, state=State.DUPLICATE).values_list("pk", flat=True)
    return move_all(duplicates, Action.RESTORE, SYSTEM, RESTORED, duplicate_of=None)


def _follow(decision: Decision, claims: Sequence[int]) -> list[Claim]:
    if decision.verdict is Verdict.ACCEPT:
        return move_all(claims, Action.ACCEPT, SYSTEM, ACCEPTED, reason=Reason.PROVEN)
    words = Words(note=f"{decision.code}: {decision.sentence}", public=LOOKED_AT)
    return move_all(claims, Action.REVIEW, SYSTEM, words)


def _facts(claim: Claim, basis: Basis, rivals: int) -> Facts:
    scope = parse_scope(claim.scope)
    found = basis.held[scope] if basis.held is not None else None
    own = found.of([basis.proof.subject_name]) if found else frozenset()
    return Facts(
        scope=scope,
        owned=True,
        subject=_kind_of(basis.proof),
        young=basis.young,
        confirmed=claim.scope in basis.confirmed,
        repositories=len(found.repositories) if found else None,
        of_others=len(found.repositories - own) if found else None,
        rivals=rivals,
    )


def _kind_of(proof: Proof) -> SubjectKind:
    """An organisation, where what was proven belongs to one: whoever may write to it does not speak for it."""
    owner = proof.evidence.get("owner") or {}
    is_of_organisation = owner.get("kind") == SubjectKind.ORGANISATION
    return SubjectKind.ORGANISATION if is_of_organisation else SubjectKind(proof.kind)


def _rivals(claims: Sequence[Claim], proof: Proof) -> dict[str, list[Claim]]:
    """Key of a scope -> claims to it that another subject has proven.

    A repository and the account that it lies in are no rivals: one person may have proven both.
    """
    same_kind = Q(proof__provider=proof.provider, proof__kind=proof.kind)
    others = ~Q(proof__provider=proof.provider) | (same_kind & ~Q(proof__subject_id=proof.subject_id))
    keys = [claim.key for claim in claims]
    found: dict[str, list[Claim]] = {}
    for start in range(0, len(keys), AT_ONCE):
        for claim in Claim.objects.filter(others, key__in=keys[start : start + AT_ONCE], state__in=CLAIMED):
            found.setdefault(claim.key, []).append(claim)
    return found
