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
from search.analysis.kernel import kernel
from search.report import Range

MAX_PAIRS = 200_000
"""Places where asked grams stand in one document that are looked at: only machine-made repetition has more."""


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
        self._grams, self._rows = np.unique(self.selection.raw, return_inverse=True)
        self._table = _table(self._grams)

    @property
    def size(self) -> int:
        """Solid bytes."""
        return self.squeezed.solid.size

    def spans(self, content: bytes) -> tuple[list[Span], bool]:
        """The maximal common runs with a document, longest first, none inside another on the asked side.

        The second value tells whether every place was looked at (see MAX_PAIRS).
        """
        solid = solid_bytes(content)
        raw = hash_grams(solid, self.profile.gram, BASE)
        grams, places = _find(raw, self._grams, self._table, MAX_PAIRS)
        starts, diagonals, whole = self._pairs(grams, places)
        found = _extend(self.squeezed.solid, solid, starts, diagonals, self.profile.gram, self.profile.guarantee)
        spans = [Span(int(asked), int(there), int(length)) for asked, there, length in found]
        return _widest(spans), whole and grams.size < MAX_PAIRS

    def covered(self, spans: list[Span]) -> NDArray[np.bool_]:
        """For every selected gram, whether it lies inside one of the spans."""
        inside = np.zeros(self.selection.starts.size, np.bool_)
        for span in spans:
            last = span.asked + span.length - self.profile.gram
            inside |= (self.selection.starts >= span.asked) & (self.selection.starts <= last)
        return inside

    def _pairs(
        self, grams: NDArray[np.int64], places: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
        """(start of the gram in the asked text, place there minus place here), by diagonal, then by start."""
        by_row = np.argsort(self._rows, kind="stable")
        counts = np.bincount(self._rows, minlength=self._grams.size)
        firsts = np.cumsum(counts) - counts
        repeats = counts[grams]
        whole = bool(repeats.sum() <= MAX_PAIRS)
        if not whole:
            fit = int(np.searchsorted(np.cumsum(repeats), MAX_PAIRS))
            grams, places, repeats = grams[:fit], places[:fit], repeats[:fit]
        within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        rows = by_row[np.repeat(firsts[grams], repeats) + within]
        starts = self.selection.starts[rows]
        diagonals = np.repeat(places, repeats) - starts
        order = np.lexsort((starts, diagonals))
        return starts[order], diagonals[order], whole


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
def _find(
    raw: NDArray[np.uint64], grams: NDArray[np.uint64], table: NDArray[np.int32], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    found = np.empty(min(limit, raw.size), np.int64)
    places = np.empty(min(limit, raw.size), np.int64)
    mask = np.uint64(table.size - 1)
    count = 0
    for i in range(raw.size):
        slot = (raw[i] >> np.uint64(20)) & mask
        while table[slot] >= 0:
            row = table[slot]
            if grams[row] == raw[i]:
                found[count] = row
                places[count] = i
                count += 1
                break
            slot = (slot + np.uint64(1)) & mask
        if count == limit:
            break
    return found[:count], places[:count]


@kernel
def _extend(
    asked: NDArray[np.uint8],
    there: NDArray[np.uint8],
    starts: NDArray[np.int64],
    diagonals: NDArray[np.int64],
    gram: int,
    least: int,
) -> NDArray[np.int64]:
    spans = np.empty((starts.size, 3), np.int64)
    count = 0
    diagonal = np.int64(0)
    done = np.int64(-1)
    for i in range(starts.size):
        if i == 0 or diagonals[i] != diagonal:
            diagonal = diagonals[i]
            done = np.int64(-1)
        if starts[i] < done:
            continue
        first = starts[i]
        while first > 0 and first + diagonal > 0 and asked[first - 1] == there[first + diagonal - 1]:
            first -= 1
        end = starts[i]
        while end < asked.size and end + diagonal < there.size and asked[end] == there[end + diagonal]:
            end += 1
        done = end
        if end - starts[i] >= gram and end - first >= least:
            spans[count, 0] = first
            spans[count, 1] = first + diagonal
            spans[count, 2] = end - first
            count += 1
    return spans[:count].copy()


def _widest(spans: list[Span]) -> list[Span]:
    """Longest first, without those inside a longer one on the asked side."""
    kept: list[Span] = []
    by_start = sorted(spans, key=lambda span: (span.asked, -span.length, span.found))
    furthest = -1
    for span in by_start:
        if span.asked + span.length > furthest:
            furthest = span.asked + span.length
            kept.append(span)
    return sorted(kept, key=lambda span: (-span.length, span.asked))
