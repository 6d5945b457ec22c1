"""How a figure is told: what was measured, how much, and the aim it is held against."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    figure: str
    aim: str = ""


def print_table(title: str, rows: Sequence[Row]) -> None:
    print(f"\n## {title}\n\n| what | figure | aim |\n|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.figure} | {row.aim} |", flush=True)


def rate(size: int, work: Callable[[], object], rounds: int = 5) -> float:
    """Megabytes a second of processor time of this process, all its threads: the median of several rounds."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return size / statistics.median(seconds) / 1e6


def latency(questions: Sequence[Callable[[], object]]) -> str:
    """p50 and p99 in milliseconds of asking each question once, after a first one that is not counted."""
    questions[0]()
    times = []
    for question in questions:
        started = time.perf_counter()
        question()
        times.append(1000 * (time.perf_counter() - started))
    return f"p50 {np.percentile(times, 50):.1f} ms, p99 {np.percentile(times, 99):.1f} ms"
