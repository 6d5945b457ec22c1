"""The one way in which the state of a claim changes.

A move writes the state, its event, the ledger's entry and the masks in one transaction, or nothing at all. Who wants to
write more with it (a proof, a mail) opens `alone()` around both.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from governance.ledger import log
from governance.ledger.canonical import canonical
from governance.ledger.entries import Kind
from optout import hiding
from optout.models import Claim, Event
from optout.states import HIDDEN, Action, NotAllowed, Role, State, after

AT_ONCE = 500

_Item = TypeVar("_Item")

_LOCK = 0x6F70746F75740001
"""Of PostgreSQL's advisory locks, the one that all moves share: the bytes of `optout`, and 1."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who moves a claim: a role, and the name of the user or the pseudonym of the request."""

    role: Role
    name: str = ""
    user: int | None = None
    """Primary key of the user, since names change."""


SYSTEM = Actor(Role.SYSTEM)


@dataclass(frozen=True, slots=True)
class Words:
    """What is said with a move: a reason code, a note for reviewers, a sentence for the requester."""

    reason: str = ""
    note: str = ""
    public: str = ""


NOTHING_SAID = Words()


@dataclass(slots=True)
class _Step:
    """One claim on its way."""

    claim: Claim
    before: State
    after: State
    salt: str = field(default_factory=lambda: secrets.token_hex(32))
    statement: str = ""

    @property
    def commitment(self) -> str:
        return commitment(self.salt, self.statement)


def commitment(salt: str, statement: str) -> str:
    """What the ledger holds of an event: SHA-256, hexadecimal, of the salt's 32 bytes and the statement as UTF-8."""
    return hashlib.sha256(bytes.fromhex(salt) + statement.encode()).hexdigest()


@contextmanager
def alone() -> Iterator[None]:
    """A transaction in which no other process moves a claim.

    One at a time, so that what a move looks at (other claims to the same scope, masks) cannot change before it is
    written, and no two moves wait for each other. The ledger's order would make them take turns anyway.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield


def move(claim: Claim, action: Action, actor: Actor, words: Words = NOTHING_SAID, **fields: Any) -> Claim:
    """Take one claim along the table; NotAllowed where there is no such way. Returns the claim as it is then."""
    (moved,) = move_all([claim.pk], action, actor, words, **fields)
    return moved


def move_all(
    claims: Iterable[int], action: Action, actor: Actor, words: Words = NOTHING_SAID, **fields: Any
) -> list[Claim]:
    """Take all of the claims, named by primary key, along the table, or none of them.

    `fields` are columns of the claim that change with its state (`reason`, `proof`, `listed_in`, `applied_in`,
    `duplicate_of`). Returns the claims as they are then, by primary key, each with its request.
    """
    keys = sorted(set(claims))
    if not keys:
        return []
    with alone():
        now = timezone.now()
        steps = [step for some in _batches(keys) for step in _steps(some, action, actor)]
        if len(steps) != len(keys):
            raise Claim.DoesNotExist(f"{len(keys) - len(steps)} of the claims to move do not exist")
        _write_states(steps, now, fields)
        _write_events(steps, now, action, actor, words)
        _write_masks(steps)
    return [step.claim for step in steps]


def _steps(keys: Sequence[int], action: Action, actor: Actor) -> list[_Step]:
    locked = Claim.objects.select_for_update(of=("self",)).select_related("request")
    return [_step(claim, action, actor) for claim in locked.filter(pk__in=keys).order_by("pk")]


def _step(claim: Claim, action: Action, actor: Actor) -> _Step:
    before = State(claim.state)
    try:
        return _Step(claim, before, after(before, action, actor.role))
    except NotAllowed as error:
        raise NotAllowed(f"claim {claim.number}: {error}") from None


def _write_states(steps: Sequence[_Step], now: datetime, fields: dict[str, Any]) -> None:
    for some in _batches(steps):
        # An action leads to one state, so one statement does for all of them.
        Claim.objects.filter(pk__in=[step.claim.pk for step in some]).update(
            state=some[0].after, moves=F("moves") + 1, changed_at=now, **fields
        )
    for step in steps:
        step.claim.state, step.claim.changed_at = step.after, now
        step.claim.moves += 1
        for name, value in fields.items():
            setattr(step.claim, name, value)


def _write_events(steps: Sequence[_Step], now: datetime, action: Action, actor: Actor, words: Words) -> None:
    for step in steps:
        step.statement = _statement(step, now, action, actor, words)
    indices = log.append_all((Kind.CLAIM_MOVED, {"claim": step.commitment}) for step in steps)
    Event.objects.bulk_create(
        (
            Event(
                claim=step.claim,
                number=step.claim.moves,
                action=action,
                before=step.before,
                after=step.after,
                role=actor.role,
                actor=actor.name,
                user_id=actor.user,
                reason=words.reason,
                note=words.note,
                public=words.public,
                at=now,
                ledger_index=index,
                salt=step.salt,
                statement=step.statement,
            )
            for step, index in zip(steps, indices, strict=True)
        ),
        batch_size=AT_ONCE,
    )


def _statement(step: _Step, now: datetime, action: Action, actor: Actor, words: Words) -> str:
    """What the ledger commits to; the requester is given it, so it says nothing that they are not told."""
    said = {
        "request": step.claim.request.public_id,
        "claim": step.claim.number,
        "scope": step.claim.scope,
        "event": step.claim.moves,
        "action": action,
        "before": step.before,
        "after": step.after,
        "role": actor.role,
        "reason": words.reason,
        "public": words.public,
        "at": now.isoformat(timespec="microseconds"),
    }
    return canonical(said).decode()


def _write_masks(steps: Sequence[_Step]) -> None:
    hiding.hide(step.claim for step in steps if step.after in HIDDEN and step.before not in HIDDEN)
    hiding.show(step.claim for step in steps if step.before in HIDDEN and step.after not in HIDDEN)


def _batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
