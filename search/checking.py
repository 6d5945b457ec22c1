"""How evidence is made of one asked file: exact, then verbatim, then near-duplicate.

Works on an opened index and a portrait alone; `search.lookup` is the door. Every limit that is reached is told in
the report, so that silence always means that everything was looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from search.analysis.entries import band_terms
from search.analysis.fingerprints import PROFILES, squeeze
from search.analysis.hashing import distinct, terms_of
from search.analysis.minhash import jaccard, shingles
from search.documents import DocumentKind
from search.engines.base import AllOf, AnyOf, Clause, Field, Hit, Index, Match, Not, Term
from search.engines.stored import content_of
from search.matching import Asked, Lines, Span
from search.portrait import Portrait
from search.report import Evidence, FileReport, Grade, Range, Source
from search.swhid import of_content, parse_swhid

SIMILARITY_THRESHOLD = 0.7
COMMON_HOLDERS = 64
"""A span that more documents than this carry is boilerplate: it is shown, but does not alone make a match.

0.014 % of the fingerprints of real code stand in more than 64 documents."""

EXACT_SOURCES = 10
ROUND_DOCUMENTS = 12
"""Documents fetched at a time: those that share most fingerprints with what is still unexplained."""

ENOUGH_DOCUMENTS = 10
"""Once everything is explained no more documents are compared than this: the others are counted as holders.
Where fewer share a fingerprint at all, all of them are compared, and none has to be counted in the index."""

MAX_DOCUMENTS = 240
MAX_EVIDENCE = 200
NEAR_CANDIDATES = 50
NEAR_SOURCES = 10
HOLDER_TERMS = 12
"""Fingerprints of a span, evenly spread, that a document must carry to count as a holder of it."""


Found = tuple[Hit, bytes, Span]
"""A document that was compared, its text, and one run that it has in common with what was asked."""


@dataclass(frozen=True, slots=True)
class AskedFile:
    """A file as it was handed in: UTF-8 or not, it is only ever compared."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Checker:
    """Answers for one build; `visible` keeps masked documents out of every step."""

    index: Index
    portrait: Portrait
    profile: str
    origin: str
    visible: Clause

    def check(self, file: AskedFile) -> FileReport:
        swhid = of_content(file.content).core
        exact = self._exact(file, swhid)
        limits: list[str] = []
        verbatim = [] if exact else self._verbatim(file.content, limits)
        near = self._near_duplicates(file.content, swhid)
        evidence = [*exact, *(found for found, _ in verbatim), *near]
        if len(evidence) > MAX_EVIDENCE:
            limits.append(f"{len(evidence)} findings, of which the first {MAX_EVIDENCE} are shown")
        return FileReport(
            path=file.path,
            swhid=swhid,
            size=len(file.content),
            coverage=1.0 if exact else _coverage(file.content, verbatim),
            evidence=tuple(evidence[:MAX_EVIDENCE]),
            limits=tuple(limits),
        )

    def _exact(self, file: AskedFile, swhid: str) -> list[Evidence]:
        where = AllOf((Term(Field.SWHID, swhid), self.visible))
        hits = self.index.page(where, after=None, limit=EXACT_SOURCES, texts=False)
        if not hits:
            return []
        holders = len(hits) if len(hits) < EXACT_SOURCES else self.index.count(where)
        lines, whole = _whole(file.content)
        return [Evidence(Grade.EXACT, lines, whole, self._source(hit, lines, whole), holders=holders) for hit in hits]

    def _verbatim(self, content: bytes, limits: list[str]) -> list[tuple[Evidence, Span]]:
        """Every maximal run, found by asking again for what is still unexplained until nothing new comes."""
        asked = Asked(content, PROFILES[self.profile])
        if asked.fingerprints.size == 0:
            return []
        terms = _terms(asked.fingerprints)
        unexplained = self.portrait.contains(asked.fingerprints)
        seen: set[str] = set()
        found: list[Found] = []
        everyone: bool | None = None
        while unexplained.any() and len(seen) < MAX_DOCUMENTS:
            matches = self._candidates(terms[unexplained], seen)
            if everyone is None:
                everyone = len(matches) < ENOUGH_DOCUMENTS
            if not matches:
                break
            for match in matches:
                if not unexplained.any() and len(seen) >= ENOUGH_DOCUMENTS:
                    break
                seen.add(match.hit.key)
                text = content_of(match.hit)
                spans, whole = asked.spans(text)
                found += [(match.hit, text, span) for span in spans]
                unexplained &= ~asked.covered(spans)
                if not whole and not asked.exhausted:
                    limits.append(f"{match.hit.path} repeats itself too often to compare every place")
            if asked.exhausted:
                limits.append("the text repeats itself too often to compare it with every document")
                break
        if len(seen) >= MAX_DOCUMENTS and unexplained.any():
            limits.append(
                f"stopped after {MAX_DOCUMENTS} documents that share short runs; {int(unexplained.sum())} of "
                f"{unexplained.size} fingerprints may stand in others"
            )
        count = _counter(found) if everyone and not limits else partial(self._holders, asked)
        return self._ranked(asked, found, count)

    def _candidates(self, terms: NDArray[np.str_], seen: set[str]) -> list[Match]:
        unseen = (Not(AnyOf(Field.KEY, frozenset(seen))),) if seen else ()
        where = AllOf((*unseen, self.visible))
        return self.index.best(Field.FINGERPRINTS, set(terms.tolist()), where, limit=ROUND_DOCUMENTS, texts=True)

    def _ranked(self, asked: Asked, found: list[Found], count: Callable[[Span], int]) -> list[tuple[Evidence, Span]]:
        """Rare and long first. Holders are counted once for each place of the asked text."""
        holders: dict[tuple[int, int], int] = {}
        ranked = []
        for hit, text, span in found:
            place = (span.asked, span.length)
            if place not in holders:
                holders[place] = count(span)
            ranked.append((self._evidence(asked, hit, text, span, holders[place]), span))
        ranked.sort(key=lambda pair: (pair[0].common, -pair[1].length / (1 + np.log2(pair[0].holders)), pair[1].asked))
        return ranked

    def _holders(self, asked: Asked, span: Span) -> int:
        """How many documents carry the fingerprints of a span, asked of the index."""
        distinct = sorted(set(_terms(asked.within(span)).tolist()))
        step = max(len(distinct) // HOLDER_TERMS, 1)
        carried = tuple(Term(Field.FINGERPRINTS, term) for term in distinct[::step])
        return max(self.index.count(AllOf((*carried, self.visible))), 1)

    def _evidence(self, asked: Asked, hit: Hit, text: bytes, span: Span, holders: int) -> Evidence:
        here = asked.lines.bytes(span.asked, span.length)
        there_lines = Lines(text, squeeze(text))
        there = there_lines.bytes(span.found, span.length)
        return Evidence(
            Grade.VERBATIM,
            asked.lines.lines(here),
            here,
            self._source(hit, there_lines.lines(there), there),
            length=span.length,
            holders=holders,
            common=holders > COMMON_HOLDERS,
        )

    def _near_duplicates(self, content: bytes, swhid: str) -> list[Evidence]:
        bands = band_terms(content).split()
        if not bands:
            return []
        where = AllOf((Not(Term(Field.SWHID, swhid)), self.visible))
        mine = distinct(shingles(content))
        lines, whole = _whole(content)
        alike = []
        for match in self.index.best(Field.BANDS, bands, where, limit=NEAR_CANDIDATES, texts=True):
            text = content_of(match.hit)
            similarity = jaccard(mine, distinct(shingles(text)))
            if similarity >= SIMILARITY_THRESHOLD:
                source = self._source(match.hit, *_whole(text))
                alike.append(Evidence(Grade.NEAR_DUPLICATE, lines, whole, source, similarity=similarity))
        alike.sort(key=lambda evidence: -(evidence.similarity or 0))
        return alike[:NEAR_SOURCES]

    def _source(self, hit: Hit, lines: Range | None, place: Range | None) -> Source:
        return source_of(hit, self.origin, lines, place)


def source_of(hit: Hit, origin: str, lines: Range | None = None, place: Range | None = None) -> Source:
    """Where a hit is, as a qualified SWHID; one of a whole file carries no line qualifier."""
    part = lines is not None and place is not None and (place.start > 0 or place.end < hit.size)
    swhid = parse_swhid(hit.swhid).qualified(
        origin=f"{origin}{hit.repository}" if hit.repository else None,
        anchor=f"swh:1:rev:{hit.revision}" if hit.revision else None,
        # What is no file lies at no path of its repository.
        path=f"/{hit.path}" if hit.kind is DocumentKind.FILE else None,
        lines=f"{lines.start}-{lines.end}" if part and lines else None,
    )
    return Source(
        str(swhid),
        hit.repository,
        hit.path,
        hit.language,
        hit.licenses,
        hit.revision,
        lines=lines,
        bytes=place,
        kind=hit.kind,
    )


def _counter(found: list[Found]) -> Callable[[Span], int]:
    """Counts the holders of a span among documents that were compared, where those are all that share a fingerprint."""
    numbers = {hit.key: number for number, (hit, _, _) in enumerate(found)}
    holder = np.array([numbers[hit.key] for hit, _, _ in found], np.int64)
    start = np.array([span.asked for _, _, span in found], np.int64)
    end = start + np.array([span.length for _, _, span in found], np.int64)

    def count(span: Span) -> int:
        covers = (start <= span.asked) & (end >= span.asked + span.length)
        return int(np.unique(holder[covers]).size)

    return count


def _terms(fingerprints: NDArray[np.uint64]) -> NDArray[np.str_]:
    return np.array(terms_of(fingerprints).split())


def _whole(content: bytes) -> tuple[Range, Range]:
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    return Range(1, max(lines, 1)), Range(0, len(content))


def _coverage(content: bytes, verbatim: list[tuple[Evidence, Span]]) -> float:
    solid = squeeze(content).solid.size
    inside = np.zeros(solid, np.bool_)
    for evidence, span in verbatim:
        if not evidence.common:
            inside[span.asked : span.asked + span.length] = True
    return float(inside.mean()) if solid else 0.0
