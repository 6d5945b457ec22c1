"""Door of reviewers, for reading: everything that a decision about a claim is made on, hidden or not."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from optout.hiding import scopes_of
from optout.models import Claim, Event
from search import unmasked
from search.engines.base import EngineError, Hit
from search.models import Build
from search.scope import Scope

MOST_PLACES = 20
MOST_OTHERS = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """What the active build of one release holds of a claim, whether it is masked or not."""

    release: str
    documents: int
    places: tuple[Hit, ...]
    """The first of them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    claim: Claim
    held: tuple[Held, ...] | None
    """None where the releases cannot be asked."""
    others: tuple[Claim, ...]
    """Other claims to the same scope, or to a name of the same thing."""
    siblings: int
    """Other claims of the same request."""
    events: tuple[Event, ...]

    @property
    def proof_text(self) -> str:
        """What was checked, for people."""
        proof = self.claim.proof
        return json.dumps(proof.evidence, indent=2, ensure_ascii=False, sort_keys=True) if proof else ""


def evidence_of(claim: Claim) -> Evidence:
    keys = [scope.key for scope in scopes_of(claim)]
    others = Claim.objects.filter(key__in=keys).exclude(pk=claim.pk).select_related("proof", "request")
    return Evidence(
        claim=claim,
        held=_held(claim),
        others=tuple(others.order_by("pk")[:MOST_OTHERS]),
        siblings=Claim.objects.filter(request=claim.request_id).count() - 1,
        events=tuple(claim.events.order_by("number")),
    )


def _held(claim: Claim) -> tuple[Held, ...] | None:
    try:
        return tuple(_held_in(build, scopes_of(claim)) for build in unmasked.active_builds())
    except EngineError:
        logger.exception("the releases could not be asked what they hold of a claim")
        return None


def _held_in(build: Build, scopes: Sequence[Scope]) -> Held:
    places = islice(unmasked.documents(build, scopes[0]), MOST_PLACES)
    return Held(build.release.name, unmasked.count(build, scopes), tuple(places))
