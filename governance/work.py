"""Door of the work that is not done where it is asked for: an outbox of tasks, and leases on them.

A task is a row, written in the transaction that makes it necessary, and deleted in the transaction of what it did. The
message that wakes a worker is only that: it may be lost, late, or come twice. `send_due` sends again what was lost.

    enqueue(task, [(1, 2)])    the row; sent to a worker after the commit
    run(pk)                    what a worker does with a message: takes the lease, calls the function
    settling(lease)            the transaction in which the function writes down what came of it
    nudge(task, 1)             a message without a row, for what is found again without it

Without a broker a task is done at once, by the process that asked for it, after the commit.
"""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import import_string

from governance.models import Work

SCHEDULE = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 2 * 60, 10 * 60, 30 * 60))
"""How long after each failed try the next one follows."""

MOST_TAKES = 12
"""A task that was begun so often and never ended, well or badly, kills its worker."""

UNHEARD = timedelta(hours=1)
"""What was sent so long ago is sent again although other messages still wait before it."""

STEP = 500
"""Rows at once."""

AWAY_SECONDS = 10
"""After the broker could not be reached a process lets it be for so long."""

BROKER = "governance.celery"
"""Dotted, so that Celery is loaded by those alone who have a broker."""

logger = logging.getLogger(__name__)


class BrokerAway(Exception):
    """Redis cannot be reached; the message names it, never its password."""


class TryAgain(Exception):
    """Raised by a task whose failure may pass; the message says what it was."""


class LeaseLost(Exception):
    """Somebody else has the task by now: what this process did of it must not be written down."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do a task, as long as `token` stands in its row."""

    pk: int
    token: str
    task: str
    ids: tuple[int, ...]
    asked_at: datetime
    takes: int
    tries: int
    ended: threading.Event = field(default_factory=threading.Event, compare=False)

    def row(self) -> "QuerySet[Work]":
        return Work.objects.filter(pk=self.pk, token=self.token)


# --- asking for work -------------------------------------------------------------------------------


def enqueue(task: str, about: Sequence[tuple[int, ...]]) -> None:
    """Ask for `task` once about each of the tuples of ids, in the caller's transaction, to be done in this order.

    What is asked for already stays one task; one that is under way is done once more.
    """
    now = timezone.now()
    rows = [Work(key=_key(task, ids), task=task, ids=list(ids), asked_at=now, send_at=Now()) for ids in about]
    with transaction.atomic():
        Work.objects.bulk_create(
            rows,
            batch_size=STEP,
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["asked_at", "send_at", "sent_at", "tries", "takes", "problem"],
        )
        keys = [row.key for row in rows]
        transaction.on_commit(partial(_send_asked, keys), robust=True)


def withdraw(task: str, about: Sequence[tuple[int, ...]]) -> None:
    """Forget tasks that nobody is at; whoever is at one finds out by himself."""
    keys = [_key(task, ids) for ids in about]
    for start in range(0, len(keys), STEP):
        Work.objects.filter(key__in=keys[start : start + STEP], held_until=None).delete()


def is_under_way(task: str, ids: tuple[int, ...]) -> bool:
    """Whether somebody who lives is at it."""
    return Work.objects.filter(key=_key(task, ids), held_until__gte=Now()).exists()


def _key(task: str, ids: tuple[int, ...]) -> str:
    return f"{task}:{','.join(map(str, ids))}"


def nudge(task: str, *ids: int) -> None:
    """Have `task` called after the commit, by a worker where there is a broker. It may get lost."""
    transaction.on_commit(partial(_nudge, task, ids), robust=True)


def _nudge(task: str, ids: tuple[int, ...]) -> None:
    if not settings.WORK.redis:
        import_string(task)(*ids)
        return
    with suppress(BrokerAway):
        _post(task, ids)


def _send_asked(keys: Sequence[str]) -> None:
    for start in range(0, len(keys), STEP):
        step = keys[start : start + STEP]
        rows = {row.key: row for row in Work.objects.filter(key__in=step, held_until=None)}
        try:
            _send([rows[key] for key in step if key in rows])
        except BrokerAway as error:
            logger.warning("%d tasks wait in the outbox: %s", len(keys) - start, error)
            return


# --- sending ---------------------------------------------------------------------------------------


def send_due() -> int:
    """Send what was not sent, was lost on its way, or was left by a worker that died; returns how many tasks.

    Raises BrokerAway.
    """
    stale = Q(held_until__lt=Now())
    never = Q(held_until=None, send_at__lte=Now(), sent_at=None)
    due = [*Work.objects.filter(stale | never).order_by("pk"), *_lost()]
    due.sort(key=lambda row: row.pk)
    _send(due)
    return len(due)


def _lost() -> list[Work]:
    """What was sent and is not heard of, the oldest first, but no more than the broker does not hold.

    A message that waits behind others is not lost; one that nothing waits with is.
    """
    # Asked before the rows are counted: what a worker takes meanwhile is then counted as held by the broker.
    waiting = _of_broker("waiting") if settings.WORK.redis else 0
    after = UNHEARD if waiting else timedelta(seconds=settings.WORK.lease)
    sent = Work.objects.filter(held_until=None).exclude(sent_at=None)
    most = max(sent.count() - waiting, 0)
    return list(sent.filter(sent_at__lt=_from_now(-after)).order_by("sent_at")[:most])


def _send(rows: Sequence[Work]) -> None:
    if not settings.WORK.redis:
        for row in rows:
            run(row.pk)
        return
    for start in range(0, len(rows), STEP):
        _send_step(rows[start : start + STEP])


def _send_step(rows: Sequence[Work]) -> None:
    """Noted before it is sent: a worker may be through with it before this process goes on."""
    Work.objects.filter(pk__in=[row.pk for row in rows]).update(sent_at=Now())
    waiting = deque(rows)
    try:
        while waiting:
            _post(waiting[0].task, (waiting[0].pk,))
            waiting.popleft()
    finally:
        if waiting:
            Work.objects.filter(pk__in=[row.pk for row in waiting], held_until=None).update(sent_at=None)


_away_until = 0.0


def _post(task: str, arguments: tuple[int, ...]) -> None:
    global _away_until  # noqa: PLW0603  (one for the process: a request must not wait for what the last one found away)
    if time.monotonic() < _away_until:
        raise BrokerAway("Redis could not be reached a moment ago")
    try:
        _of_broker("post", task, arguments)
    except BrokerAway:
        _away_until = time.monotonic() + AWAY_SECONDS
        raise


def _of_broker(name: str, *arguments: Any) -> Any:
    try:
        return import_string(f"{BROKER}.{name}")(*arguments)
    except ConnectionError as error:
        raise BrokerAway(str(error)) from error


# --- doing -----------------------------------------------------------------------------------------


def run(pk: int, on_lost: Callable[[], None] = lambda: None) -> bool:
    """Do a task, unless it is done or somebody is at it (False).

    `on_lost` is called, in another thread, where the lease is found to be another's: it ought to end the process.
    """
    lease = _take(pk)
    if lease is None:
        return False
    keeper = threading.Thread(target=_keep, args=(lease, on_lost), name=f"lease {lease.pk}", daemon=True)
    keeper.start()
    try:
        _do(lease)
    except LeaseLost:
        logger.warning("%s %s was taken over by another worker", lease.task, lease.ids)
    finally:
        lease.ended.set()
        keeper.join()
    return True


def _take(pk: int) -> Lease | None:
    token = secrets.token_hex(16)
    free = Q(held_until=None) | Q(held_until__lt=Now())
    until = _from_now(timedelta(seconds=settings.WORK.lease))
    taken = Work.objects.filter(free, pk=pk).update(token=token, held_until=until, takes=F("takes") + 1)
    row = Work.objects.filter(pk=pk, token=token).first() if taken else None
    if row is None:
        return None
    return Lease(row.pk, token, row.task, tuple(row.ids), row.asked_at, row.takes, row.tries)


def _from_now(span: timedelta) -> Combinable:
    """By the clock of the database: those of the machines that share a lease differ."""
    return ExpressionWrapper(Now() + span, DateTimeField())


def _keep(lease: Lease, on_lost: Callable[[], None]) -> None:
    """Say that the holder lives, until he is done."""
    while not lease.ended.wait(settings.WORK.beat):
        try:
            kept = lease.row().update(held_until=_from_now(timedelta(seconds=settings.WORK.lease)))
        except Error as error:
            # Whoever could take the task over needs the database as well.
            logger.warning("%s %s cannot renew its lease: %s", lease.task, lease.ids, error)
            connection.close()
            continue
        if not kept and not lease.ended.is_set():
            logger.error("%s %s has lost its lease", lease.task, lease.ids)
            on_lost()
            break
    connection.close()


def _do(lease: Lease) -> None:
    if lease.takes > MOST_TAKES:
        _give_up(lease, f"a worker died {lease.takes - 1} times at it (killed, or out of memory)")
        return
    try:
        import_string(lease.task)(lease, *lease.ids)
        _forget(lease)
    except LeaseLost:
        raise
    except TryAgain as error:
        _put_off(lease, str(error))
    except Exception as error:
        logger.exception("%s %s failed", lease.task, lease.ids)
        _put_off(lease, f"{type(error).__name__}: {error}")


def _put_off(lease: Lease, problem: str) -> None:
    if lease.tries >= len(SCHEDULE):
        _give_up(lease, problem)
        return
    logger.warning("%s %s is tried again later: %s", lease.task, lease.ids, problem)
    again = _from_now(SCHEDULE[lease.tries])
    lease.ended.set()
    lease.row().update(
        token="", held_until=None, sent_at=None, send_at=again, tries=F("tries") + 1, takes=0, problem=problem
    )


def _give_up(lease: Lease, problem: str) -> None:
    """Let the task's owner write down that it is not done; settings.TASKS names his function."""
    logger.error("%s %s is given up: %s", lease.task, lease.ids, problem)
    import_string(settings.TASKS[lease.task])(lease, *lease.ids, problem=problem)
    _forget(lease)


@contextmanager
def settling(lease: Lease) -> Iterator[None]:
    """A transaction for what came of the task, which ends it; raises LeaseLost where another has it by now.

    The same task, asked for since it was begun, is done again.
    """
    with transaction.atomic():
        held = Work.objects.select_for_update().filter(pk=lease.pk, token=lease.token).first()
        if held is None:
            raise LeaseLost(lease.task)
        yield
        lease.ended.set()
        if held.asked_at == lease.asked_at:
            held.delete()
            return
        lease.row().update(token="", held_until=None, sent_at=None, takes=0)
        transaction.on_commit(partial(_send_asked, [held.key]), robust=True)


def _forget(lease: Lease) -> None:
    """End a task that has not settled itself."""
    if not lease.ended.is_set():
        with settling(lease):
            pass
