"""The outbox of work: what is asked for is done, once, whoever dies; without a broker it is done at once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import LazySettings
from django.db import InterfaceError, transaction
from django.utils import timezone

from governance import work
from governance.env import SettingError, env_url
from governance.env_work import WorkSettings, workers
from governance.models import Work
from governance.work import SCHEDULE, LeaseLost, TryAgain
from tests.governance import chores

CHORE, SETTLED = "tests.governance.chores.chore", "tests.governance.chores.settled"
NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture(autouse=True)
def _chores(settings: LazySettings) -> Iterator[None]:
    settings.TASKS = dict.fromkeys([CHORE, SETTLED], "tests.governance.chores.give_up")
    yield
    for notes in (chores.done, chores.given_up, chores.during):
        notes.clear()


@pytest.fixture
def waiting(db: None) -> Work:
    """A task that was asked for and not begun: within the test's transaction nothing is sent."""
    work.enqueue(CHORE, [(1, 2)])
    return Work.objects.get()


def fail(error: Exception) -> None:
    def act() -> None:
        raise error

    chores.during.append(act)


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_work_is_done_after_the_commit() -> None:
    with transaction.atomic():
        work.enqueue(CHORE, [(1,), (2,)])
        assert chores.done == []
    assert chores.done == [(1,), (2,)]
    assert not Work.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_never_asked_for() -> None:
    with transaction.atomic():
        work.enqueue(CHORE, [(1,)])
        transaction.set_rollback(True)
    assert (chores.done, Work.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_loses_nothing(settings: LazySettings) -> None:
    here = settings.WORK
    settings.WORK = workers(None, password="", ca="", time_limit=here.time_limit, lease=here.lease, memory=here.memory)
    away = WorkSettings(NOWHERE, "", here.time_limit, here.lease, here.memory)
    work._away_until = float("inf")
    try:
        settings.WORK = away
        work.enqueue(CHORE, [(1,)])
        assert chores.done == []
        assert Work.objects.get().sent_at is None
    finally:
        work._away_until = 0.0
        settings.WORK = here
    assert work.send_due() == 1
    assert chores.done == [(1,)]


@pytest.mark.django_db
@pytest.mark.parametrize(("waiting", "sent"), [(0, [1, 2, 3]), (2, [1]), (3, []), (9, [])])
def test_no_more_is_sent_again_than_the_broker_does_not_hold(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, waiting: int, sent: list[int]
) -> None:
    here, posted = settings.WORK, []
    settings.WORK = WorkSettings(NOWHERE, "", here.time_limit, here.lease, here.memory)
    now = timezone.now()
    for number in (3, 2, 1):
        long_ago = now - timedelta(days=1, minutes=9 - number)
        Work.objects.create(pk=number, key=str(number), task=CHORE, sent_at=long_ago)

    def broker(name: str, *arguments: Any) -> int:
        if name == "post":
            posted.append(arguments[1][0])
        return waiting

    monkeypatch.setattr(work, "_of_broker", broker)
    assert work.send_due() == len(sent)
    assert posted == sent


@pytest.mark.django_db
def test_a_database_connection_that_broke_does_not_end_the_renewing_of_a_lease(
    waiting: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = work._take(waiting.pk)
    assert lease
    answers = iter([False, True])
    monkeypatch.setattr(type(lease.ended), "wait", lambda event, timeout=None: next(answers))
    monkeypatch.setattr(work.Lease, "row", lambda lease: fail_now(InterfaceError("the cursor is closed")))
    monkeypatch.setattr(work, "connection", Mock())
    work._keep(lease, lambda: pytest.fail("the lease is not lost"))


def fail_now(error: Exception) -> None:
    raise error


def test_a_task_that_is_asked_for_twice_is_one(waiting: Work) -> None:
    work.enqueue(CHORE, [(1, 2), (1, 3)])
    assert Work.objects.count() == 2


def test_a_task_that_is_done_is_not_done_again(waiting: Work) -> None:
    assert work.run(waiting.pk)
    assert not work.run(waiting.pk)
    assert chores.done == [(1, 2)]


def test_a_task_that_somebody_is_at_is_left_to_him(waiting: Work) -> None:
    assert work._take(waiting.pk)
    assert not work.run(waiting.pk)
    assert chores.done == []
    assert work.send_due() == 0


def test_a_task_whose_holder_is_silent_goes_to_another(waiting: Work) -> None:
    first = work._take(waiting.pk)
    assert first
    Work.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert work.send_due() == 1
    assert chores.done == [(1, 2)]
    with pytest.raises(LeaseLost), work.settling(first):
        pytest.fail("what the first one did must not be written down")


def test_a_machine_whose_clock_is_ahead_takes_nothing_away(waiting: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    assert work._take(waiting.pk)
    ahead = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    assert work.send_due() == 0
    assert not work.run(waiting.pk)


def test_what_is_asked_for_while_it_is_done_is_done_again(waiting: Work) -> None:
    chores.during.append(lambda: work.enqueue(CHORE, [(1, 2)]))
    work.run(waiting.pk)
    assert Work.objects.get().held_until is None
    work.run(waiting.pk)
    assert chores.done == [(1, 2), (1, 2)]
    assert not Work.objects.exists()


def test_a_failure_that_may_pass_is_tried_again_later_each_time(waiting: Work) -> None:
    for number, pause in enumerate(SCHEDULE, 1):
        fail(TryAgain("the engine is busy"))
        work.run(waiting.pk)
        row = Work.objects.get()
        assert (row.tries, row.problem, row.held_until) == (number, "the engine is busy", None)
        assert pause - timedelta(minutes=1) < row.send_at - timezone.now() <= pause
    assert work.send_due() == 0
    fail(TryAgain("the engine is busy"))
    work.run(waiting.pk)
    assert chores.given_up == ["the engine is busy"]
    assert not Work.objects.exists()


def test_an_error_that_nobody_foresaw_is_named(waiting: Work) -> None:
    fail(KeyError("x"))
    work.run(waiting.pk)
    assert Work.objects.get().problem == "KeyError: 'x'"


def test_a_task_that_kills_its_workers_is_given_up(waiting: Work) -> None:
    Work.objects.update(takes=work.MOST_TAKES)
    work.run(waiting.pk)
    assert chores.done == []
    (problem,) = chores.given_up
    assert f"a worker died {work.MOST_TAKES} times" in problem


def test_what_is_written_down_ends_the_task_in_one_step(db: None) -> None:
    work.enqueue(SETTLED, [(5,)])
    work.run(Work.objects.get().pk)
    assert (chores.done, Work.objects.count()) == ([(5,)], 0)


def test_what_nobody_is_at_can_be_withdrawn(waiting: Work) -> None:
    work.enqueue(CHORE, [(9,)])
    work._take(waiting.pk)
    work.withdraw(CHORE, [(1, 2), (9,)])
    assert Work.objects.get() == waiting


@pytest.mark.parametrize(
    ("url", "values", "problem"),
    [
        ("", {"password": "x"}, "REDIS_PASSWORD: is set, and REDIS_URL is not"),
        ("", {"ca": "x"}, "REDIS_CA: is set, and REDIS_URL is not"),
        ("redis://:x@host", {"password": "x"}, "REDIS_PASSWORD: is set, and REDIS_URL holds a password too"),
        ("redis://host", {"ca": "x"}, "REDIS_CA: is set, and REDIS_URL does not begin with rediss:"),
        ("rediss://host", {"ca": "/nowhere"}, "REDIS_CA: /nowhere is not a file of certificates"),
        ("redis:///0", {}, "REDIS_URL: must be redis://"),
        ("redis://host/x", {}, "REDIS_URL: must be redis://"),
        ("redis://host", {"lease": 60, "time_limit": 60}, "WORK_LEASE: is 60, must be less than WORK_TIME_LIMIT"),
    ],
)
def test_settings_that_contradict_each_other_are_named(
    monkeypatch: pytest.MonkeyPatch, url: str, values: dict[str, object], problem: str
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    asked = {"password": "", "ca": "", "time_limit": 600, "lease": 60, "memory": 2000, **values}
    with pytest.raises(SettingError, match="^" + problem.replace("(", r"\(")):
        workers(env_url("REDIS_URL", ("redis", "rediss")), **asked)  # type: ignore[arg-type]


def test_a_password_from_a_file_may_hold_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://steward@cache.example.org:6380/2")
    made = workers(env_url("REDIS_URL", ("redis",)), password="a/b:@ c", ca="", time_limit=600, lease=60, memory=2000)
    assert made.redis == "redis://steward:a%2Fb%3A%40%20c@cache.example.org:6380/2"
    assert "a%2F" not in repr(made)
