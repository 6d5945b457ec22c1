"""Door of the masks: scopes that are hidden from every answer.

A mask works by being part of every question: `visible()` is a clause that all answers are asked with. It is read
from the records at each question, so that it holds in every process from the moment it is written.
"""

from collections.abc import Collection, Iterable, Iterator

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from search.engines.base import EVERYTHING, AnyOf, Clause, Field, Not
from search.models import Mask
from search.scope import Scope

STEWARD = "steward"
"""The owner of masks that people set by hand. Others set theirs under a name of their own."""

AT_ONCE = 500


def hide(scope: Scope, reason: str = "") -> Mask:
    """Hide everything the scope covers; harmless where a steward hid it already."""
    with transaction.atomic():
        mask, _ = Mask.objects.get_or_create(
            key=scope.key, owner=STEWARD, lifted_at=None, defaults={"scope": str(scope), "reason": reason}
        )
    return mask


def lift(scope: Scope) -> bool:
    """Lift the steward's mask; False where there was none. What others hide stays hidden."""
    return bool(lift_all([scope.key], STEWARD))


def hide_all(scopes: Iterable[Scope], owner: str) -> None:
    """Hide all of the scopes for `owner`; what that owner hides already stays as it is."""
    by_key = {scope.key: scope for scope in scopes}
    for keys in _batches(by_key):
        masked = set(_in_force(keys, owner).values_list("key", flat=True))
        Mask.objects.bulk_create(
            (Mask(key=key, scope=str(by_key[key]), owner=owner) for key in keys if key not in masked),
            ignore_conflicts=True,
        )


def lift_all(keys: Iterable[str], owner: str) -> int:
    """Lift the masks that `owner` has on scopes of these keys; returns how many there were."""
    return sum(_in_force(some, owner).update(lifted_at=timezone.now()) for some in _batches(keys))


def _in_force(keys: Collection[str], owner: str) -> "QuerySet[Mask]":
    return Mask.objects.filter(key__in=keys, owner=owner, lifted_at=None)


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    """In order, as many at a time as one statement may name."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def masked_keys() -> frozenset[str]:
    return frozenset(Mask.objects.filter(lifted_at=None).values_list("key", flat=True))


def visible() -> Clause:
    """What may be shown: every document that no mask covers."""
    keys = masked_keys()
    return Not(AnyOf(Field.SCOPES, keys)) if keys else EVERYTHING
