"""Masks by claims: the scopes of claims that are in a hidden state are masked, and no others by us.

A claim covers its scope and the other names of the same thing. A mask is lifted where no hidden claim covers its scope
any more. Masks of claims have an owner of their own: what a steward hides by hand is neither theirs nor ours to show.

Both functions are called by `optout.moving` inside its transaction, one transaction at a time.
"""

from collections.abc import Iterable

from optout.models import Claim
from optout.states import HIDDEN
from search import masks
from search.scope import Scope, parse_scope

OWNER = "claims"
AT_ONCE = 500


def scopes_of(claim: Claim) -> list[Scope]:
    return [parse_scope(scope) for scope in (claim.scope, *claim.names)]


def hide(claims: Iterable[Claim]) -> None:
    """Mask what the claims cover."""
    masks.hide_all((scope for claim in claims for scope in scopes_of(claim)), OWNER)


def show(claims: Iterable[Claim]) -> None:
    """Lift the masks of what the claims cover and no hidden claim covers."""
    keys = {scope.key for claim in claims for scope in scopes_of(claim)} - _covered_by_another_name()
    masks.lift_all(keys - _covered(keys), OWNER)


def _covered(keys: Iterable[str]) -> set[str]:
    ordered, covered = sorted(keys), set[str]()
    for start in range(0, len(ordered), AT_ONCE):
        some = Claim.objects.filter(key__in=ordered[start : start + AT_ONCE], state__in=HIDDEN)
        covered |= set(some.values_list("key", flat=True))
    return covered


def _covered_by_another_name() -> set[str]:
    renamed = Claim.objects.filter(state__in=HIDDEN).exclude(names=[])
    return {parse_scope(name).key for names in renamed.values_list("names", flat=True) for name in names}
