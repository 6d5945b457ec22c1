"""How a page of hits is made: tier after tier, reading the texts that the index can only propose.

Works on an opened index alone; `search.lookup` is the door. What a page may read is bounded; where the bound is
reached the next page goes on there, and the total is a lower bound.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from search.analysis.entries import BY_NAME
from search.checking import source_of
from search.engines.base import AllOf, Clause, Hit, Index, Not, walk
from search.engines.stored import content_of
from search.excerpts import Line, excerpt
from search.querying import Tier
from search.report import Source

SCANNED = 200
"""Candidates of a substring or an expression that one page reads; the next page goes on after them."""

COUNTED = 60
"""Candidates that are read to count the matches of a substring or an expression."""

MOST_WORK = 600_000_000
"""Instructions times bytes that one expression may take in one text: RE2's worst case is 5 ns for each."""

PATIENCE = 2.0
"""Seconds of reading after which a page ends early."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A document that matches, and lines of it; one that is known by name alone has neither a size nor lines."""

    source: Source
    size: int | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: in which tier, and after which order."""

    tier: int
    after: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """`total` is the number of documents that match, or a lower bound of it where not `exact`."""

    hits: tuple[SearchHit, ...]
    total: int
    exact: bool
    next: Cursor | None


class Searcher:
    """Makes one page; `visible` keeps masked documents out of every step."""

    def __init__(self, index: Index, origin: str, visible: Clause) -> None:
        self._index = index
        self._origin = origin
        self._visible = visible
        self._texts = _Texts()

    def page(self, tiers: Sequence[Tier], cursor: Cursor, limit: int) -> Found:
        shown = [Tier(AllOf((tier.where, self._visible, *_read(tier))), tier.checks, tier.marks) for tier in tiers]
        hits, following = self._fill(shown, cursor, limit)
        counts = [self._count(tier) for tier in shown]
        total = max(sum(count for count, _ in counts), len(hits))
        return Found(tuple(hits), total, all(exact for _, exact in counts) and self._texts.whole, following)

    def _fill(self, tiers: Sequence[Tier], cursor: Cursor, limit: int) -> tuple[list[SearchHit], Cursor | None]:
        """Hits from the cursor on, up to `limit`, and where to go on if there may be more."""
        hits: list[SearchHit] = []
        scanned = 0
        late = time.monotonic() + PATIENCE
        after = cursor.after
        for number in range(cursor.tier, len(tiers)):
            tier = tiers[number]
            for hit in walk(self._index, tier.where, texts=True, after=after, step=limit + 1):
                if len(hits) == limit or scanned == SCANNED or (scanned and time.monotonic() > late):
                    return hits, Cursor(number, after)
                scanned += bool(tier.checks)
                after = hit.order
                if self._texts.passes(hit, tier):
                    lines = excerpt(self._texts.of(hit), tier.marks) if hit.size else ()
                    hits.append(SearchHit(source_of(hit, self._origin), hit.size or None, lines))
            after = None
        return hits, None

    def _count(self, tier: Tier) -> tuple[int, bool]:
        """(documents, whether that is all of them)."""
        candidates = self._index.count(tier.where)
        if not tier.checks or not candidates:
            return candidates, True
        late = time.monotonic() + PATIENCE
        matched = read = 0
        for hit in self._index.page(tier.where, after=None, limit=COUNTED, texts=True):
            if time.monotonic() > late:
                break
            matched += self._texts.passes(hit, tier)
            read += 1
        return matched, read == candidates


def _read(tier: Tier) -> tuple[Clause, ...]:
    """Where texts are read, those that nobody has are no candidates."""
    return (Not(BY_NAME),) if tier.checks else ()


class _Texts:
    """The texts of one search: each is unpacked once, and read once a tier."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._verdicts: dict[tuple[str, Tier], bool] = {}
        self.whole = True
        """Whether no text had to be left out, as too large for an expression."""

    def of(self, hit: Hit) -> bytes:
        if hit.key not in self._contents:
            self._contents[hit.key] = content_of(hit)
        return self._contents[hit.key]

    def passes(self, hit: Hit, tier: Tier) -> bool:
        if not tier.checks:
            return True
        if (hit.key, tier) not in self._verdicts:
            self._verdicts[hit.key, tier] = self._read(self.of(hit), tier)
        return self._verdicts[hit.key, tier]

    def _read(self, content: bytes, tier: Tier) -> bool:
        if max(check.work(content) for check in tier.checks) > MOST_WORK:
            self.whole = False
            return False
        return all(check.found_in(content) for check in tier.checks)
