"""Door of the masks: scopes that are hidden from every answer.

A mask works by being part of every question: `visible()` is a clause that all answers are asked with. It is read
from the records at each question, so that it holds in every process from the moment it is written.
"""

from django.db import transaction
from django.utils import timezone

from search.engines.base import EVERYTHING, AnyOf, Clause, Field, Not
from search.models import Mask
from search.scope import Scope


def hide(scope: Scope, reason: str = "") -> Mask:
    """Hide everything the scope covers; harmless where it is hidden already."""
    with transaction.atomic():
        mask, _ = Mask.objects.get_or_create(
            key=scope.key, lifted_at=None, defaults={"scope": str(scope), "reason": reason}
        )
    return mask


def lift(scope: Scope) -> bool:
    """Show the scope again; False where it was not hidden."""
    return bool(Mask.objects.filter(key=scope.key, lifted_at=None).update(lifted_at=timezone.now()))


def masked_keys() -> frozenset[str]:
    return frozenset(Mask.objects.filter(lifted_at=None).values_list("key", flat=True))


def visible() -> Clause:
    """What may be shown: every document that no mask covers."""
    keys = masked_keys()
    return Not(AnyOf(Field.SCOPES, keys)) if keys else EVERYTHING
