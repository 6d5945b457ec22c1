"""Report: the answer to "is this code in the training set?", as values that every face renders.

Lines are counted from 1 and include both ends, as in SWHID's `lines`. Bytes are counted from 0 and
exclude the end, so that `content[start:end]` is the span.
"""

from dataclasses import dataclass
from enum import StrEnum

from search.documents import DocumentKind
from search.gaps import NONE, Gaps


class Grade(StrEnum):
    """How strong a finding is. Grades are never mixed in one piece of evidence."""

    EXACT = "exact"
    """The whole file is a document of the release, byte for byte."""
    VERBATIM = "verbatim"
    """A run of at least the profile's guaranteed length stands in a document, white space aside."""
    NEAR_DUPLICATE = "near-duplicate"
    """The file and a document share at least the threshold of their word 5-grams (Jaccard)."""
    PROBABLE = "probable"
    """Fingerprints are in a portrait; no text was at hand to check them against."""


@dataclass(frozen=True, slots=True)
class Range:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where a release holds the evidence. `swhid` is qualified (origin, anchor, path and, for a part, lines)."""

    swhid: str
    repository: str
    path: str
    language: str
    licenses: tuple[str, ...]
    revision: str
    lines: Range | None = None
    bytes: Range | None = None
    kind: DocumentKind = DocumentKind.FILE


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding.

    `lines` and `bytes` are the place in the asked file. `length` counts the non-blank bytes that agree
    (verbatim), `similarity` is the exact Jaccard index (near-duplicate), `odds` the chance that a
    portrait alone would say so by accident (probable). `holders` counts the documents that carry the same
    (all fingerprints of the span, or the same content). `common` says that so many documents carry it
    that it does not alone make a match: licence headers, boilerplate.
    """

    grade: Grade
    lines: Range
    bytes: Range
    source: Source | None = None
    length: int | None = None
    similarity: float | None = None
    odds: float | None = None
    holders: int = 1
    common: bool = False


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was found of one asked file.

    `coverage` is the share (0 to 1) of the file's non-blank bytes inside exact or verbatim evidence that
    is not common. `limits` says in words which limits of the check were reached, if any.
    """

    path: str
    swhid: str
    size: int
    coverage: float
    evidence: tuple[Evidence, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        return any(not piece.common for piece in self.evidence)

    def graded(self, grade: Grade) -> tuple[Evidence, ...]:
        return tuple(piece for piece in self.evidence if piece.grade is grade)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a report was made from, so that it can be made again and doubted precisely."""

    release: str
    build: str
    spec: str
    portrait_error_rate: float
    guaranteed_length: int
    similarity_threshold: float
    gaps: Gaps = NONE


@dataclass(frozen=True, slots=True)
class Report:
    basis: Basis
    files: tuple[FileReport, ...]

    @property
    def found(self) -> bool:
        return any(file.found for file in self.files)

    def count(self, grade: Grade) -> int:
        """The number of files with evidence of `grade` that is not common."""
        return sum(any(not piece.common for piece in file.graded(grade)) for file in self.files)
