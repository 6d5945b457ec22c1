"""Shards over processes on one machine: what the embedded build runs on.

A process that dies (kill -9, out of memory) costs the shard it held, never the build: its shard is reported as
failed and the others go on in a new pool. Workers end by themselves when their parent is gone.
"""

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from search.engines.base import Engine
from search.indexing import SHARD_FAILURES, ShardResult, ShardTask, index_shard

POLL_SECONDS = 0.2

Outcome = ShardResult | str
"""What became of a shard: its result, or the reason why there is none."""

_done_bytes: "Synchronized[int] | None" = None


def index_shards(
    tasks: Sequence[ShardTask], engine: Engine, *, jobs: int, progress: Callable[[int], None]
) -> Iterator[tuple[ShardTask, Outcome]]:
    """Index every shard once, `jobs` at a time, in no fixed order; `progress` gets the bytes done so far."""
    context = multiprocessing.get_context("spawn")
    done_bytes = context.Value("q", 0)
    waiting = deque(tasks)
    while waiting:
        with ProcessPoolExecutor(
            min(jobs, len(waiting)), context, initializer=_begin, initargs=(os.getpid(), done_bytes)
        ) as pool:
            broken = yield from _drain(pool, waiting, engine, jobs, lambda: progress(done_bytes.value))
            if broken:
                _end_workers()


def _end_workers() -> None:
    """A pool that broke while it still started its workers would wait for those it has not heard of."""
    for worker in multiprocessing.active_children():
        worker.terminate()


def _drain(
    pool: ProcessPoolExecutor,
    waiting: deque[ShardTask],
    engine: Engine,
    jobs: int,
    tick: Callable[[], None],
) -> Generator[tuple[ShardTask, Outcome], None, bool]:
    """Feed the pool until nothing waits or a worker has died; returns whether one has.

    No more shards than workers are handed out, so that a death is the fault of one of those in hand.
    """
    running: dict[Future[Outcome], ShardTask] = {}
    broken = False
    while (waiting and not broken) or running:
        while waiting and not broken and len(running) < jobs:
            task = waiting.popleft()
            running[pool.submit(_index, task, engine)] = task
        finished, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        tick()
        for future in finished:
            task = running.pop(future)
            try:
                yield task, future.result()
            except BrokenProcessPool:
                broken = True
                yield task, f"{task.url}: a worker died while it was read (killed, or out of memory)"
    return broken


def _begin(parent: int, done_bytes: "Synchronized[int]") -> None:
    global _done_bytes  # noqa: PLW0603  (a worker process has one counter, handed to it at its start)
    _done_bytes = done_bytes
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _index(task: ShardTask, engine: Engine) -> Outcome:
    told = 0

    def tell(size: int) -> None:
        nonlocal told
        told += size
        _count(size)

    try:
        return index_shard(task, engine, tell)
    except SHARD_FAILURES as error:
        return str(error)
    finally:
        # What was skipped, or not read any more, is done as well.
        _count(max(task.text_bytes - told, 0))


def _count(size: int) -> None:
    counter: Any = _done_bytes  # typeshed knows no operators of a synchronized number
    with counter.get_lock():
        counter.value += size
