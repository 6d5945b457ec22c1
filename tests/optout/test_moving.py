"""The one move: everything of it or nothing, with an event, an entry of the ledger and the mask."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

from governance.ledger import log
from governance.ledger.models import Entry
from optout import reviewing
from optout.models import Claim, Event, Immutable, Mail, Proof, Reason, Request
from optout.moving import Actor, Words, commitment, move, move_all
from optout.states import Action, NotAllowed, Role, State
from search.models import Mask
from tests.optout.asking import ask, claim_of, in_review, listed, prove_as, proven, reviewer, states_of

pytestmark = pytest.mark.django_db

REVIEWER = Actor(Role.REVIEWER, "grace")
RECORDS: tuple[type[models.Model], ...] = (Request, Claim, Proof, Event, Entry, Mask, Mail)


def test_a_move_writes_state_event_and_entry_and_says_who_did_what() -> None:
    claim = claim_of(in_review("repo:ada/engine"))
    size = log.size()
    moved = move(claim, Action.ACCEPT, REVIEWER, Words(Reason.REVIEWED, "looked", "Yours."), reason=Reason.REVIEWED)
    claim.refresh_from_db()
    assert (claim.state, claim.moves, claim.reason) == (moved.state, moved.moves, moved.reason)
    assert claim.state == State.ACCEPTED
    event = claim.events.get(number=claim.moves)
    assert (event.action, event.before, event.after) == ("accept", "in_review", "accepted")
    assert (event.role, event.actor, event.reason, event.note, event.public) == (
        "reviewer", "grace", "reviewed", "looked", "Yours."
    )  # fmt: skip
    assert log.size() == size + 1 == event.ledger_index + 1


def test_the_ledger_holds_a_commitment_that_only_salt_and_statement_open() -> None:
    request = proven("repo:ada/engine")
    for event in Event.objects.filter(claim__request=request):
        body = log.entry(event.ledger_index).body
        opened = hashlib.sha256(bytes.fromhex(event.salt) + event.statement.encode()).hexdigest()
        assert body == {"claim": opened} == {"claim": commitment(event.salt, event.statement)}
        said = json.loads(event.statement)
        assert (said["scope"], said["after"], said["event"]) == ("repo:ada/engine", event.after, event.number)
        assert len(event.salt) == 64
    assert Event.objects.values("salt").distinct().count() == Event.objects.count()


def test_nothing_personal_is_in_the_ledger() -> None:
    request = proven("repo:ada/engine", "account:ada")
    written = b"".join(bytes(data) for data in Entry.objects.values_list("data", flat=True))
    # Not the name itself: three letters of it may stand in a digest.
    for personal in ("repo:", "account:", "engine", request.contact, request.public_id, "contact"):
        assert personal.encode() not in written


def test_the_statement_says_nothing_that_the_requester_is_not_told() -> None:
    claim = claim_of(in_review("repo:ada/engine"))
    move(claim, Action.ASK_INFO, REVIEWER, Words(note="smells of fraud", public="Which one?"))
    statement = claim.events.latest("number").statement
    assert "Which one?" in statement
    assert "fraud" not in statement
    assert "grace" not in statement


def test_a_move_that_is_not_in_the_table_changes_nothing() -> None:
    claim = claim_of(ask("repo:ada/engine"))
    before = counts()
    with pytest.raises(NotAllowed, match="claim 1: accept: the claim is submitted"):
        move(claim, Action.ACCEPT, REVIEWER)
    assert counts() == before


def test_of_many_claims_all_move_or_none() -> None:
    request = proven("repo:ada/engine", "repo:bob/compiler", "repo:ada/compiler")
    assert states_of(request) == ["accepted", "awaiting_verification", "accepted"]
    before = counts()
    with pytest.raises(NotAllowed, match="claim 2"):
        move_all(request.claims.values_list("pk", flat=True), Action.RECONSIDER, REVIEWER)
    assert states_of(request) == ["accepted", "awaiting_verification", "accepted"]
    assert counts() == before


def test_a_claim_that_does_not_exist_stops_all() -> None:
    claim = claim_of(proven("repo:ada/engine"))
    with pytest.raises(Claim.DoesNotExist):
        move_all([claim.pk, claim.pk + 1000], Action.RECONSIDER, REVIEWER)
    claim.refresh_from_db()
    assert claim.state == State.ACCEPTED


def test_moving_nothing_does_nothing() -> None:
    size = log.size()
    assert move_all([], Action.CLOSE, Actor(Role.SYSTEM)) == []
    assert log.size() == size


class Crash(Exception):
    """The process dies here."""


def crash_before(statement: int) -> Callable[..., Any]:
    """A wrapper of the database under which the statement of this number, from 0, is never run."""
    count = -1

    def run(execute: Callable[..., Any], *args: Any) -> Any:
        nonlocal count
        count += 1
        if count == statement:
            raise Crash
        return execute(*args)

    return run


def prove_engine() -> None:
    request = ask("repo:ada/engine", "repo:old-ada/compiler")
    prove_as(request)


def accept_engine() -> None:
    reviewing.accept(Claim.objects.filter(state=State.IN_REVIEW), reviewer(), public="Yours.")


@pytest.mark.parametrize("act", [prove_engine, accept_engine])
def test_a_crash_between_any_two_statements_leaves_nothing_or_everything(act: Callable[[], None]) -> None:
    """An act may be several transactions; after each crash the records hold together."""
    in_review("repo:ada/other")
    reviewer()
    crashes = 0
    while True:
        saved = transaction.savepoint()
        try:
            with connection.execute_wrapper(crash_before(crashes)):
                act()
        except Crash:
            transaction.set_rollback(False)  # the statement was not run, so what is before it can be read
            assert_whole()
        else:
            break
        finally:
            transaction.savepoint_rollback(saved)
        crashes += 1
    assert crashes > 20


def assert_whole() -> None:
    assert Entry.objects.count() == Event.objects.count()
    for claim in Claim.objects.all():
        events = list(claim.events.order_by("number"))
        assert [event.number for event in events] == list(range(1, claim.moves + 1))
        assert claim.state == (events[-1].after if events else State.DRAFT)
        assert claim.state != State.DRAFT
        assert claim.state != State.VERIFIED, "proof, mask and decision are one step"
    hidden = Claim.objects.filter(state__in=["accepted", "in_review"])
    keys = set(hidden.values_list("key", flat=True))
    assert keys <= set(Mask.objects.filter(lifted_at=None).values_list("key", flat=True))
    decided = Claim.objects.filter(reason=Reason.REVIEWED).count()
    assert Mail.objects.filter(key__startswith="decided").count() == decided
    assert Proof.objects.count() == Claim.objects.exclude(proof=None).values("proof").distinct().count()


def counts() -> list[int]:
    return [record.objects.count() for record in RECORDS]  # type: ignore[attr-defined]


# --- What the database itself refuses -------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "lost"},
        {"state": State.CLOSED},
        {"state": State.LISTED},
        {"state": State.DENIED},
        {"state": State.DENIED, "reason": Reason.PROVEN},
        {"state": State.DUPLICATE},
        {"reason": ""},
        {"proof": None},
    ],
)
def test_the_database_holds_no_claim_in_a_state_that_cannot_be(fields: dict[str, Any]) -> None:
    claim = claim_of(proven("repo:ada/engine"))
    assert claim.state == State.ACCEPTED
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.filter(pk=claim.pk).update(**fields)


@pytest.mark.parametrize("fields", [{"listed_in": None}, {"state": State.APPLIED}, {"state": State.ACCEPTED}])
def test_the_database_keeps_what_is_listed_on_its_list(fields: dict[str, Any]) -> None:
    claim = claim_of(listed("repo:ada/engine"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.filter(pk=claim.pk).update(**fields)


def test_the_database_holds_one_event_of_each_number_and_one_claim_of_each_scope() -> None:
    claim = claim_of(ask("repo:ada/engine"))
    event = claim.events.get()
    event.pk = None
    event.ledger_index += 1
    with pytest.raises(IntegrityError), transaction.atomic():
        event.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.create(request=claim.request, number=2, scope=claim.scope, key=claim.key)


def test_an_event_is_written_once() -> None:
    event = claim_of(ask("repo:ada/engine")).events.get()
    event.note = "otherwise"
    with pytest.raises(Immutable):
        event.save()
    with pytest.raises(Immutable):
        event.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(note="otherwise")


def test_a_used_challenge_has_one_proof() -> None:
    proof = prove_as(ask("repo:ada/engine")).proof
    with pytest.raises(IntegrityError), transaction.atomic():
        Proof.objects.create(request=proof.request, challenge=proof.challenge, nonce="another")
