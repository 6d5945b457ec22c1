"""The asked code with what was found in it: every marked line, a few lines around it, folds for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.report import Evidence, Grade

CONTEXT = 3
"""Lines shown before and after marked ones."""

MAX_WIDTH = 2000
"""Characters of a line that are shown."""

STRENGTH = ("", "boilerplate", "probable", "verbatim", "exact")
"""The states of a line, weakest first: of several findings the strongest is shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line, or a fold of `folded` lines that are left out. `first` begins a run of one state."""

    number: int
    text: str = ""
    state: str = ""
    first: bool = False
    folded: int = 0


def listing(content: bytes, evidence: Sequence[Evidence], most: int) -> tuple[Row, ...]:
    """At most `most` rows of lines; what goes beyond them is one fold at the end."""
    lines = lines_of(content)
    strengths = _strengths(len(lines), evidence)
    wanted = _with_context(strengths)
    rows: list[Row] = []
    shown = before = 0
    for place, line in enumerate(lines):
        if shown == most:
            break
        if not wanted[place]:
            before = 0
            continue
        rows += _fold(rows[-1].number + 1 if rows else 1, place + 1)
        strength = int(strengths[place])
        rows.append(Row(place + 1, cut(line), STRENGTH[strength], strength > 0 and strength != before))
        before = strength
        shown += 1
    return (*rows, *_fold(rows[-1].number + 1 if rows else 1, len(lines) + 1))


def lines_of(content: bytes) -> list[str]:
    """Lines as evidence counts them: ended by LF, the last one perhaps not."""
    lines = content.decode("utf-8", "replace").split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r").replace("\r", "\N{SYMBOL FOR CARRIAGE RETURN}") for line in lines]


def cut(line: str) -> str:
    if len(line) <= MAX_WIDTH:
        return line
    return f"{line[:MAX_WIDTH]} \N{HORIZONTAL ELLIPSIS} {len(line) - MAX_WIDTH:,} more characters"


def state_of(piece: Evidence) -> str:
    if piece.common:
        return "boilerplate"
    return "" if piece.grade is Grade.NEAR_DUPLICATE else piece.grade.value


def _strengths(lines: int, evidence: Sequence[Evidence]) -> NDArray[np.int8]:
    strengths = np.zeros(lines, np.int8)
    for piece in evidence:
        run = strengths[piece.lines.start - 1 : piece.lines.end]
        np.maximum(run, STRENGTH.index(state_of(piece)), out=run)
    return strengths


def _with_context(strengths: NDArray[np.int8]) -> NDArray[np.bool_]:
    marked = strengths > 0
    wanted = marked.copy()
    for step in range(1, CONTEXT + 1):
        wanted[step:] |= marked[:-step]
        wanted[:-step] |= marked[step:]
    return wanted


def _fold(start: int, end: int) -> list[Row]:
    """The fold of the lines from `start` up to `end`, if any."""
    return [Row(start, folded=end - start)] if end > start else []
