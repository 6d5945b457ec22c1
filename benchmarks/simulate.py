"""What releases of 1, 16 and 100 TB cost and how long they build, from measured figures; docs/scaling.md shows it.

python -m benchmarks simulate [--terabytes 1 16 100] [--workers 16 128 1024] [--coefficients FILE]
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import simulate_costs as costs
from benchmarks.simulate_build import Outcome, Trouble, shard_sizes, simulate
from benchmarks.simulate_coefficients import FILE, CoefficientError, Coefficients

SIZES = (1.0, 16.0, 100.0)
WORKERS = (16, 128, 1024)
SPREAD = 1.0
"""Sigma of the shards' sizes: one in twenty is above three times the mean."""

TROUBLE = Trouble(hours_between_deaths=100.0, passing=0.02, damaged=1e-4)
PORTRAIT_GROUPS = 8
"""Portraits are made in so many parts at once (search/portrait_parts.py)."""


def sealing_seconds(terabytes: float, workers: int, given: Coefficients) -> float:
    """Indices are merged and the portrait is made side by side; the longer of the two counts."""
    merging = terabytes * costs.MB_PER_TB / given.merge_mb_per_second
    at_once = min(workers, costs.elasticsearch_shards(terabytes))
    portraying = costs.fingerprints(terabytes, given) / given.insertions_per_second
    return max(merging / at_once, portraying / min(workers, PORTRAIT_GROUPS))


def build_row(terabytes: float, workers: int, rate: float, given: Coefficients) -> list[str]:
    mb = terabytes * costs.MB_PER_TB
    sizes = shard_sizes(mb, costs.SHARD_GB * 1000, SPREAD, seed=1)
    undisturbed = simulate(sizes, workers, rate, Trouble())
    disturbed = simulate(sizes, workers, rate, TROUBLE, seed=2)
    return [
        f"{terabytes:g} TB",
        f"{workers:,}",
        f"{workers * given.elasticsearch_cores:,.0f}",
        f"{mb / undisturbed.seconds:,.0f} MB/s",
        costs.duration(undisturbed.seconds),
        costs.duration(disturbed.seconds),
        f"{_again(disturbed):,}",
        f"{disturbed.failed:,}",
        f"{disturbed.lost_mb / mb:.2%}",
        costs.duration(sealing_seconds(terabytes, workers, given)),
    ]


def _again(outcome: Outcome) -> int:
    """Tries beyond the first of each shard."""
    return outcome.tries - outcome.done - outcome.failed


HEAD = (
    "text", "workers", "cores", "indexed", "undisturbed", "disturbed", "tried again", "failed", "read in vain",
    "then sealing",
)  # fmt: skip


def tables(sizes: Sequence[float], workers: Sequence[int], given: Coefficients, ceiling: float) -> list[str]:
    """Everything that is printed, line by line."""
    rate = given.elasticsearch_mb_per_second
    builds = [
        build_row(terabytes, count, min(rate, ceiling / count), given) for terabytes in sizes for count in workers
    ]
    return [
        "### What a release costs",
        "",
        *costs.table(sizes, given),
        "",
        "### How long a build takes",
        "",
        *costs.markdown(HEAD, builds),
    ]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--terabytes", type=_above_zero, nargs="+", default=SIZES, help="of text")
    parser.add_argument("--workers", type=_count, nargs="+", default=WORKERS, help="processes that index")
    parser.add_argument("--coefficients", type=Path, default=FILE, help="JSON, as benchmarks/coefficients.json")
    parser.add_argument(
        "--ceiling", type=_above_zero, default=math.inf, help="MB/s of text that the store or the cluster takes at most"
    )
    asked = parser.parse_args(arguments)
    try:
        given = Coefficients.read(asked.coefficients)
    except CoefficientError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in tables(asked.terabytes, asked.workers, given, asked.ceiling):
        print(line)
    return 0


def _above_zero(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 0 < number <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to 100000")
    return number
