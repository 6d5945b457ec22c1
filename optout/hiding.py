"""Masks by claims: the scopes of claims that are in a hidden state are masked, and no others by us.

A claim covers its scope and the other names of the same thing. A mask is lifted where no hidden claim covers its scope
any more; one that a steward set by hand carries another reason and is left alone.

Both functions are called by `optout.moving` inside its transaction, one transaction at a time.
"""

from collections.abc import Iterable, Iterator

from django.utils import timezone

from optout.models import Claim
from optout.states import HIDDEN
from search.models import Mask
from search.scope import Scope, parse_scope

REASON = "claim"
AT_ONCE = 500


def scopes_of(claim: Claim) -> list[Scope]:
    return [parse_scope(scope) for scope in (claim.scope, *claim.names)]


def hide(claims: Iterable[Claim]) -> None:
    """Mask what the claims cover; what is masked already stays so."""
    scopes = {scope.key: scope for claim in claims for scope in scopes_of(claim)}
    for keys in _batches(scopes):
        masked = set(Mask.objects.filter(key__in=keys, lifted_at=None).values_list("key", flat=True))
        Mask.objects.bulk_create(
            (Mask(key=key, scope=str(scopes[key]), reason=REASON) for key in keys if key not in masked),
            ignore_conflicts=True,
        )


def show(claims: Iterable[Claim]) -> None:
    """Lift the masks of what the claims cover and no hidden claim covers."""
    keys = {scope.key for claim in claims for scope in scopes_of(claim)} - _covered_by_another_name()
    for some in _batches(keys):
        covered = Claim.objects.filter(key__in=some, state__in=HIDDEN).values_list("key", flat=True)
        bare = set(some) - set(covered)
        Mask.objects.filter(key__in=bare, lifted_at=None, reason=REASON).update(lifted_at=timezone.now())


def _covered_by_another_name() -> set[str]:
    renamed = Claim.objects.filter(state__in=HIDDEN).exclude(names=[])
    return {parse_scope(name).key for names in renamed.values_list("names", flat=True) for name in names}


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    """In order, as many at a time as one statement may name."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]
