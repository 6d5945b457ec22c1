"""Any order of acts by anybody leaves the records right: a random walk over the real doors and the real database.

After every act each claim has a chain of events that the table allows and that ends in its state, each event has its
entry in the ledger, no claim is lost, and masked is what the hidden claims cover. A refused act changes nothing.
"""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, NamedTuple, TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from governance.ledger.models import Entry
from optout import proving, reviewing, workflow
from optout.models import DENYING, Challenge, Claim, Event, Request
from optout.moving import Actor, commitment, move, move_all
from optout.ownership.base import NotProven
from optout.refusals import NotPermitted, Refused
from optout.states import HIDDEN, TRANSITIONS, Action, NotAllowed, Role, State
from search.models import Mask
from search.scope import parse_scope
from tests.optout import spoken
from tests.optout.asking import CONTACT, published, reviewer

T = TypeVar("T")

RUNS, STEPS_A_RUN = 4, 2_500
"""10,000 steps, in runs that processes can share."""
SCOPES = [
    parse_scope(scope)
    for scope in ("account:ada", "account:old-ada", "repo:ada/engine", "repo:old-ada/engine", "repo:bob/compiler")
]
ACCOUNTS = ((1, "ada"), (2, "ada"), (3, "bob"))
"""Two people have had the name `ada`, and both can prove it."""

WAYS = {(row.action, before, row.role): row.after for row in TRANSITIONS for before in row.before}
PICKS = st.integers(0, 10**6)
REFUSALS = (NotAllowed, NotPermitted, Refused, NotProven)


class Seen(NamedTuple):
    """A claim as the database has it."""

    state: str
    moves: int
    key: str
    names: list[str]


class Walk(RuleBasedStateMachine):
    taken: ClassVar[Counter[str]] = Counter()
    """Acts that were done, and that were refused, over all examples."""
    reviewers: ClassVar[list[User]] = []

    @initialize()
    def begin(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.submitted = 0
        self.requests: list[Request] = []
        self.challenges: list[Challenge] = []
        self.states: dict[int, str] = {}
        self.last_event = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self.entries = Entry.objects.count()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @rule(acts=st.lists(st.tuples(PICKS, PICKS, PICKS), min_size=30, max_size=60))
    def act(self, acts: list[tuple[int, int, int]]) -> None:
        for which, one, other in acts:
            acting = ACTS[which % len(ACTS)]
            try:
                acting(self, one, other)
            except REFUSALS:
                self.check(refused=True)
                Walk.taken["refused"] += 1
            else:
                self.check(refused=False)
                Walk.taken["done"] += 1

    # --- What people and programs do ----------------------------------------------------------------

    def submit(self, one: int, other: int) -> None:
        wanted = [scope for place, scope in enumerate(SCOPES) if one >> place & 1] or [SCOPES[other % len(SCOPES)]]
        self.requests.append(workflow.submit(wanted, CONTACT))
        self.submitted += len(wanted)

    def challenge(self, one: int, other: int) -> None:
        _, login = ACCOUNTS[other % len(ACCOUNTS)]
        self.challenges.append(proving.challenge(self.request(one), spoken.METHOD, login))

    def prove(self, one: int, other: int) -> None:
        """The newest challenge is answered, or any: most of the others are void or were answered."""
        made = self.challenges[-1] if self.challenges and one % 4 else chosen(self.challenges, one)
        numbers = [number for number, login in ACCOUNTS if login == made.subject]
        said = f"{numbers[other % len(numbers)]} {made.subject}" if other % 10 else "nothing"
        proving.prove(made.request, made, said)

    def withdraw(self, one: int, other: int) -> None:
        request = self.request(one)
        workflow.withdraw(request, None if other % 4 == 0 else [self.number(request, other)])

    def decide(self, one: int, other: int) -> None:
        who, claim = self.reviewers[other % 2], self.claim(one)
        if other % 3 == 0:
            reviewing.accept([claim], who)
        elif other % 3 == 1:
            reviewing.deny([claim], who, sorted(DENYING)[other % len(DENYING)], public="so it is")
        else:
            reviewing.ask_info([claim], who, "which one?")

    def reconsider(self, one: int, other: int) -> None:
        reviewing.reconsider([self.claim(one)], self.reviewers[other % 2], "seen again")

    def answer(self, one: int, other: int) -> None:
        claim = self.claim(one)
        workflow.answer(claim.request, [claim.number], "that one")

    def appeal(self, one: int, other: int) -> None:
        claim = self.claim(one)
        workflow.appeal(claim.request, [claim.number], "it is mine")

    def hear(self, one: int, other: int) -> None:
        hearing = reviewing.uphold if other % 2 else reviewing.reverse
        hearing(self.claim(one), self.reviewers[other // 2 % 2])

    def mark_duplicate(self, one: int, other: int) -> None:
        reviewing.mark_duplicate(self.claim(one), self.reviewers[0], self.claim(other))

    def publish(self, one: int, other: int) -> None:
        keys = list(Claim.objects.filter(state__in=[State.ACCEPTED, State.REVERSED]).values_list("pk", flat=True))
        if not keys:
            raise NotAllowed("nothing can be listed")
        move_all(keys, Action.LIST, Actor(Role.STEWARD), listed_in=published())

    def filter(self, one: int, other: int) -> None:
        keys = Claim.objects.filter(state__in=[State.LISTED, State.APPLIED]).values_list("pk", flat=True)
        move_all(keys, Action.APPLY, Actor(Role.PIPELINE), applied_in="tiny")

    def report(self, one: int, other: int) -> None:
        before, action = ((State.APPLIED, Action.CLOSE), (State.CLOSED, Action.REOPEN))[other % 2]
        move_all(Claim.objects.filter(state=before).values_list("pk", flat=True), action, Actor(Role.SYSTEM))

    def wait(self, one: int, other: int) -> None:
        long_ago = timezone.now() - workflow.PROVE_WITHIN - timedelta(seconds=1)
        Request.objects.filter(pk=self.request(one).pk).update(created_at=long_ago)
        workflow.expire_claims()

    def try_anything(self, one: int, other: int) -> None:
        """A move past the doors: the table alone says whether it may be."""
        claim, action, role = self.claim(one), [*Action][other % len(Action)], [*Role][other // 100 % len(Role)]
        may = (action, State(claim.state), role) in WAYS
        if not may or action not in PLAIN:
            before = self.event_count()
            if may:
                return
            with pytest.raises(NotAllowed):
                move(claim, action, Actor(role))
            assert self.event_count() == before
            return
        assert move(claim, action, Actor(role)).state == WAYS[action, State(claim.state), role]

    # --- What must hold after each ------------------------------------------------------------------

    def check(self, *, refused: bool) -> None:
        events = list(Event.objects.filter(pk__gt=self.last_event).order_by("pk"))
        claims = {pk: Seen(*seen) for pk, *seen in Claim.objects.values_list("pk", "state", "moves", "key", "names")}
        assert len(claims) == self.submitted, "a claim was lost, or made of nothing"
        assert not (refused and events), "a refused act changed something"
        self.check_chains(events, claims)
        self.check_ledger(events)
        assert masked() == covered(claims), "masked is not what the hidden claims cover"
        assert not Claim.objects.filter(duplicate_of__state__in=FALLEN).exists(), "nothing stands for a duplicate"

    def check_chains(self, events: list[Event], claims: dict[int, Seen]) -> None:
        for event in events:
            assert event.before == self.states.get(event.claim_id, State.DRAFT)
            assert WAYS[Action(event.action), State(event.before), Role(event.role)] == event.after
            self.states[event.claim_id] = event.after
        assert {pk: claim.state for pk, claim in claims.items()} == self.states
        if events:
            self.last_event = events[-1].pk
            changed = {event.claim_id for event in events}
            latest = {event.claim_id: event.number for event in events}
            assert latest == {pk: claims[pk].moves for pk in changed}
            assert all(count == 1 for count in Counter((e.claim_id, e.number) for e in events).values())

    def check_ledger(self, events: list[Event]) -> None:
        added = {entry.index: entry.body for entry in Entry.objects.filter(index__gte=self.entries)}
        assert added == {event.ledger_index: {"claim": commitment(event.salt, event.statement)} for event in events}
        self.entries += len(added)

    # --- Who and what -------------------------------------------------------------------------------

    def request(self, pick: int) -> Request:
        return chosen(self.requests, pick)

    def claim(self, pick: int) -> Claim:
        return Claim.objects.select_related("request").get(pk=chosen(list(self.states), pick))

    def number(self, request: Request, pick: int) -> int:
        return pick % request.claims.count() + 1

    def event_count(self) -> int:
        return Event.objects.count()


PLAIN = frozenset({Action.ASK_PROOF, Action.REVIEW, Action.DISPUTE, Action.ASK_INFO, Action.ANSWER, Action.CLOSE,
                   Action.REOPEN, Action.EXPIRE, Action.APPEAL})  # fmt: skip
"""Moves that need no column besides the state, and after which nothing is done to other claims."""

ACTS: tuple[Callable[[Walk, int, int], None], ...] = (
    Walk.submit, Walk.challenge, Walk.prove, Walk.challenge, Walk.prove, Walk.withdraw, Walk.decide, Walk.decide,
    Walk.decide, Walk.reconsider, Walk.answer, Walk.appeal, Walk.hear, Walk.mark_duplicate, Walk.publish, Walk.filter,
    Walk.report, Walk.wait, Walk.try_anything, Walk.try_anything,
)  # fmt: skip


FALLEN = (State.WITHDRAWN, State.DENIED, State.APPEALED, State.UPHELD, State.EXPIRED)
"""A claim in one of these stands for nothing."""


def chosen(items: list[T], pick: int) -> T:
    if not items:
        raise Refused("nothing", "there is nothing yet")
    return items[pick % len(items)]


def masked() -> set[str]:
    return set(Mask.objects.filter(lifted_at=None).values_list("key", flat=True))


def covered(claims: dict[int, Seen]) -> set[str]:
    hidden = [claim for claim in claims.values() if claim.state in HIDDEN]
    return {claim.key for claim in hidden} | {parse_scope(name).key for claim in hidden for name in claim.names}


@pytest.mark.django_db
@pytest.mark.parametrize("run", range(RUNS))
def test_any_order_of_acts_leaves_the_records_right(run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "MOST_CHALLENGES", 10_000)  # a walk is longer than a day
    Walk.reviewers = [reviewer("grace"), reviewer("joan")]
    Walk.taken = Counter()
    some = settings(max_examples=10, stateful_step_count=3, deadline=None, suppress_health_check=list(HealthCheck))
    while Walk.taken.total() < STEPS_A_RUN:
        run_state_machine_as_test(Walk, settings=some)
    assert Walk.taken["done"] >= STEPS_A_RUN // 4
