"""Verbatim spans between an asked text and a document, verified byte by byte.

Shared fingerprints say where to look; only bytes that agree are reported. A span is maximal: it cannot be
extended on either side, it never bridges a gap, and it holds at least the profile's guaranteed length of
non-blank bytes. Blanks are ignored on both sides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.fingerprints import (
    BASE,
    STANDARD,
    Profile,
    Selection,
    Squeezed,
    as_array,
    hash_grams,
    select,
    solid_bytes,
    squeeze,
)
from search.analysis.kernel import inlined, kernel
from search.report import Range

MAX_COMPARED = 16_000_000
"""Bytes that are compared with one document, and MAX_COMPARED_IN_ALL with all of them: some milliseconds and a tenth
of a second. Only machine-made repetition, where everything is like everything, needs more."""

MAX_COMPARED_IN_ALL = 200_000_000

MAX_SPANS = 500
"""Spans with one document, the longest."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of solid bytes that agree: [asked, asked + length) and [found, found + length)."""

    asked: int
    found: int
    length: int


class Lines:
    """Turns solid places of a text into byte ranges and lines of it."""

    def __init__(self, content: bytes, squeezed: Squeezed) -> None:
        self._places = squeezed.places
        self._breaks = np.flatnonzero(as_array(content) == 10)

    def bytes(self, start: int, length: int) -> Range:
        return Range(int(self._places[start]), int(self._places[start + length - 1]) + 1)

    def lines(self, span: Range) -> Range:
        first = int(np.searchsorted(self._breaks, span.start, "left")) + 1
        last = int(np.searchsorted(self._breaks, span.end - 1, "left")) + 1
        return Range(first, last)


class Asked:
    """A text that is asked about, prepared to be compared with many documents."""

    def __init__(self, content: bytes, profile: Profile = STANDARD) -> None:
        self.content = content
        self.profile = profile
        self.squeezed = squeeze(content)
        self.selection: Selection = select(self.squeezed.solid, profile)
        self.fingerprints = self.selection.fingerprints
        self.lines = Lines(content, self.squeezed)
        self._grams, rows = np.unique(self.selection.raw, return_inverse=True)
        self._table = _table(self._grams)
        self._first, self._next = _chains(rows, self._grams.size)
        self._budget = MAX_COMPARED_IN_ALL

    @property
    def exhausted(self) -> bool:
        """Whether all that may be compared has been."""
        return self._budget <= 0

    @property
    def size(self) -> int:
        """Solid bytes."""
        return self.squeezed.solid.size

    def spans(self, content: bytes) -> tuple[list[Span], bool]:
        """The maximal common runs with a document, longest first, none inside another on the asked side.

        The second value tells whether every place was looked at (see MAX_COMPARED).
        """
        solid = solid_bytes(content)
        raw = hash_grams(solid, self.profile.gram, BASE)
        most = min(MAX_COMPARED, self._budget)
        found, compared = _common_runs(
            self.squeezed.solid,
            solid,
            raw,
            self._grams,
            self._table,
            self._first,
            self._next,
            self.selection.starts,
            self.profile.gram,
            self.profile.guarantee,
            most,
        )
        self._budget -= min(compared, most)
        spans = _widest({Span(*run) for run in found.tolist()})
        return spans[:MAX_SPANS], compared <= most and len(spans) <= MAX_SPANS

    def within(self, span: Span) -> NDArray[np.uint64]:
        """The fingerprints that every text with this span has: those of the windows that lie wholly inside."""
        return select(self.squeezed.solid[span.asked : span.asked + span.length], self.profile).fingerprints

    def covered(self, spans: list[Span]) -> NDArray[np.bool_]:
        """For every selected gram, whether it lies inside one of the spans."""
        inside = np.zeros(self.selection.starts.size, np.bool_)
        for span in spans:
            last = span.asked + span.length - self.profile.gram
            inside |= (self.selection.starts >= span.asked) & (self.selection.starts <= last)
        return inside


def _table(grams: NDArray[np.uint64]) -> NDArray[np.int32]:
    size = 1 << max(int(4 * grams.size).bit_length(), 6)
    return _fill_table(grams, size)


@kernel
def _fill_table(grams: NDArray[np.uint64], size: int) -> NDArray[np.int32]:
    table = np.full(size, np.int32(-1), np.int32)
    mask = np.uint64(size - 1)
    for i in range(grams.size):
        slot = (grams[i] >> np.uint64(20)) & mask
        while table[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = i
    return table


@kernel
def _chains(rows: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each gram was selected: the first place of each, and for each place the next of the same gram."""
    first = np.full(count, -1, np.int64)
    following = np.full(rows.size, -1, np.int64)
    for place in range(rows.size - 1, -1, -1):
        following[place] = first[rows[place]]
        first[rows[place]] = place
    return first, following


@kernel
def _common_runs(
    asked: NDArray[np.uint8],
    there: NDArray[np.uint8],
    raw: NDArray[np.uint64],
    grams: NDArray[np.uint64],
    table: NDArray[np.int32],
    first: NDArray[np.int64],
    following: NDArray[np.int64],
    starts: NDArray[np.int64],
    gram: int,
    least: int,
    most: int,
) -> tuple[NDArray[np.int64], int]:
    # `done` remembers, for the last diagonal of each slot, how far it was compared: a run is compared once, but
    # for slots that two diagonals fight over, which only costs time. More than `most` tells that it was cut short.
    runs = np.empty((64, 3), np.int64)
    count = 0
    compared = 0
    done = np.full((1024, 2), np.int64(-1), np.int64)
    mask = np.uint64(table.size - 1)
    for i in range(raw.size):
        slot = (raw[i] >> np.uint64(20)) & mask
        while table[slot] >= 0 and grams[table[slot]] != raw[i]:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            continue
        place = first[table[slot]]
        while place >= 0:
            start = starts[place]
            place = following[place]
            compared += 1
            diagonal = i - start
            seen = diagonal & 1023
            if done[seen, 0] == diagonal and i < done[seen, 1]:
                continue
            begin, end = _extend(asked, there, start, diagonal)
            compared += end - begin
            if compared > most:
                return runs[:count].copy(), compared
            done[seen, 0] = diagonal
            done[seen, 1] = end + diagonal
            if end - start < gram or end - begin < least:
                continue
            runs = _with_room(runs, count)
            runs[count, 0] = begin
            runs[count, 1] = begin + diagonal
            runs[count, 2] = end - begin
            count += 1
    return runs[:count].copy(), compared


@inlined
def _with_room(runs: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    if count < runs.shape[0]:
        return runs
    grown = np.empty((2 * count, 3), np.int64)
    grown[:count] = runs
    return grown


@inlined
def _extend(asked: NDArray[np.uint8], there: NDArray[np.uint8], start: int, diagonal: int) -> tuple[int, int]:
    begin = start
    while begin > 0 and begin + diagonal > 0 and asked[begin - 1] == there[begin + diagonal - 1]:
        begin -= 1
    end = start
    while end < asked.size and end + diagonal < there.size and asked[end] == there[end + diagonal]:
        end += 1
    return begin, end


def _widest(spans: set[Span]) -> list[Span]:
    """Longest first, without those inside a longer one on the asked side."""
    kept: list[Span] = []
    by_start = sorted(spans, key=lambda span: (span.asked, -span.length, span.found))
    furthest = -1
    for span in by_start:
        if span.asked + span.length > furthest:
            furthest = span.asked + span.length
            kept.append(span)
    return sorted(kept, key=lambda span: (-span.length, span.asked))
