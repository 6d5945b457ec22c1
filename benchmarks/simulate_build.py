"""A build by many workers, event by event: shards of different sizes, workers that die, failures that pass.

The rules are those of the service: one task a shard, the largest first; who dies is noticed when his lease has run
out, and his shard begins anew; what failed in a way that may pass is tried again after a pause, some times; a damaged
shard fails once. Time is in seconds, text in megabytes.
"""

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

PAUSES = (10.0, 30.0, 120.0, 600.0, 1800.0)
"""Before each further try (governance/work.py)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong. Of nothing, by default."""

    hours_between_deaths: float = math.inf
    """Of one worker process, on average; whatever the cause: memory, the machine, the kernel."""
    passing: float = 0.0
    """Share of the tries that fail in a way that passes: a busy index, a store that cannot be reached."""
    damaged: float = 0.0
    """Share of the shards that cannot be read."""
    lease: float = 60.0
    """After which a worker that is not heard of is believed dead."""
    notice: float = 30.0
    """Until what is due is sent again, on average: half the time between two rounds."""
    restart: float = 30.0
    """Until a worker process that died is there again."""

    def __post_init__(self) -> None:
        for name, share in (("passing", self.passing), ("damaged", self.damaged)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share}, must be a share from 0 to less than 1")
        if min(self.hours_between_deaths, self.lease, self.notice, self.restart) <= 0:
            raise ValueError("times must be above 0")


@dataclass(slots=True)
class Outcome:
    """How a build went."""

    seconds: float = 0.0
    """Until the last shard was done or given up."""
    done: int = 0
    failed: int = 0
    tries: int = 0
    done_mb: float = 0.0
    lost_mb: float = 0.0
    """Text that was read and had to be read again, or was read in vain."""


@dataclass(slots=True)
class _Shard:
    number: int
    mb: float
    damaged: bool
    failures: int = 0


class _Queue:
    """Shards that are due, the largest first; others come to be due later."""

    def __init__(self, shards: Sequence[_Shard]) -> None:
        self._due = [(-shard.mb, shard.number, shard) for shard in shards]
        heapq.heapify(self._due)
        self._later: list[tuple[float, int, _Shard]] = []

    def put_off(self, shard: _Shard, until: float) -> None:
        heapq.heappush(self._later, (until, shard.number, shard))

    def take(self, now: float) -> _Shard | None:
        while self._later and self._later[0][0] <= now:
            _, number, shard = heapq.heappop(self._later)
            heapq.heappush(self._due, (-shard.mb, number, shard))
        return heapq.heappop(self._due)[2] if self._due else None

    def next_due(self) -> float | None:
        return self._later[0][0] if self._later else None


def shard_sizes(total_mb: float, mean_mb: float, spread: float, seed: int) -> list[float]:
    """Sizes of a lognormal distribution that add up to `total_mb`; `spread` is its sigma, 0 makes all equal."""
    count = max(1, round(total_mb / mean_mb))
    chance = random.Random(seed)
    drawn = [chance.lognormvariate(0.0, spread) for _ in range(count)]
    scale = total_mb / sum(drawn)
    return [one * scale for one in drawn]


def simulate(sizes: Sequence[float], workers: int, mb_per_second: float, trouble: Trouble, seed: int = 0) -> Outcome:
    """`workers` processes that index `mb_per_second` each. The same arguments give the same outcome."""
    chance = random.Random(seed)
    queue = _Queue([_Shard(number, mb, chance.random() < trouble.damaged) for number, mb in enumerate(sizes)])
    told = Outcome()
    free = [(0.0, worker) for worker in range(min(workers, len(sizes)))]
    while free:
        now, worker = heapq.heappop(free)
        shard = queue.take(now)
        if shard is not None:
            heapq.heappush(free, (_try(shard, now, mb_per_second, trouble, chance, queue, told), worker))
        elif (due := queue.next_due()) is not None:
            heapq.heappush(free, (due, worker))
    return told


def _try(
    shard: _Shard,
    now: float,
    mb_per_second: float,
    trouble: Trouble,
    chance: random.Random,
    queue: _Queue,
    told: Outcome,
) -> float:
    """One worker at one shard; returns when the worker is free again."""
    told.tries += 1
    whole = shard.mb / mb_per_second
    death = chance.expovariate(1 / (trouble.hours_between_deaths * 3600)) if _mortal(trouble) else math.inf
    fails = shard.damaged or chance.random() < trouble.passing
    ends = whole * chance.random() if fails else whole
    if death < ends:
        told.lost_mb += death * mb_per_second
        queue.put_off(shard, now + death + trouble.lease + trouble.notice)
        return now + death + trouble.restart
    told.seconds = max(told.seconds, now + ends)
    if not fails:
        told.done += 1
        told.done_mb += shard.mb
        return now + ends
    told.lost_mb += ends * mb_per_second
    if shard.damaged or shard.failures >= len(PAUSES):
        told.failed += 1
    else:
        queue.put_off(shard, now + ends + PAUSES[shard.failures])
        shard.failures += 1
    return now + ends


def _mortal(trouble: Trouble) -> bool:
    return math.isfinite(trouble.hours_between_deaths)
