"""What an engine promises. Two implementations share nothing but this page and one conformance suite.

An engine keeps one index per build. Shards are written as parts, by any number of processes at once; sealing
makes one immutable index of the parts. Everything that is asked is a clause over exact terms; analysis
happened before (search/analysis), so every engine indexes the same terms and gives the same answers.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from search.documents import Document, DocumentKind


class EngineError(Exception):
    """The engine cannot do what was asked: no room, no index, not reachable. The message is for operators."""

    temporary = False
    """Whether the same may succeed in a while, without anybody doing anything."""


class EngineUnavailable(EngineError):
    """The engine is busy, or is not there now."""

    temporary = True


class Field(StrEnum):
    """Indexed terms of a document. Those of one text are written as one value of blank-separated terms."""

    KEY = "key"
    SWHID = "swhid"
    SCOPES = "scopes"
    TAGS = "tags"
    PATH = "path"
    WORDS = "words"
    PARTS = "parts"
    TRIGRAMS = "trigrams"
    FINGERPRINTS = "fingerprints"
    BANDS = "bands"


class Facet(StrEnum):
    """What documents can be counted by."""

    REPOSITORY = "repository"
    LANGUAGE = "language"
    LICENSE = "license"


@dataclass(frozen=True, slots=True)
class Term:
    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the values; none of an empty set."""

    field: Field
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Terms in a row, in a field that keeps positions (words, path)."""

    field: Field
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every clause; everything where there are none."""

    clauses: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class Either:
    clauses: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class Not:
    clause: "Clause"


Clause = Term | AnyOf | Phrase | AllOf | Either | Not

EVERYTHING = AllOf(())


@dataclass(frozen=True, slots=True)
class Entry:
    """One document made ready for an engine: its terms, and what is stored to show it."""

    document: Document
    key: str
    order: int
    swhids: tuple[str, ...]
    tags: tuple[str, ...]
    texts: dict[Field, str]
    """The blank-separated terms of every other field."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A stored document. `packed` is the compressed text, or None where the page was asked for without."""

    key: str
    order: int
    swhid: str
    repository: str
    path: str
    language: str
    licenses: tuple[str, ...]
    revision: str
    size: int
    packed: bytes | None
    kind: DocumentKind = DocumentKind.FILE


@dataclass(frozen=True, slots=True)
class Match:
    """A document and how many of the asked terms it carries."""

    matched: int
    hit: Hit


@dataclass(frozen=True, slots=True)
class Bucket:
    value: str
    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Counted:
    """The largest buckets, most documents first, equal ones by value; `others` counts documents of the rest."""

    buckets: tuple[Bucket, ...]
    others: int


class Part(Protocol):
    """One shard of a build on its way into the index."""

    def add(self, entry: Entry) -> bool:
        """False where the part holds the document already: it is one document, however often it is written."""
        ...


class Index(Protocol):
    """A sealed index, opened for reading. Safe for several threads."""

    def count(self, where: Clause) -> int: ...

    def page(self, where: Clause, *, after: int | None, limit: int, texts: bool) -> list[Hit]:
        """The first `limit` documents by ascending `order`, of those whose order is above `after`."""
        ...

    def best(self, field: Field, terms: Collection[str], where: Clause, *, limit: int, texts: bool) -> list[Match]:
        """The documents with most of `terms` in `field`, equal ones by ascending `order`; never one with none."""
        ...

    def present(self, field: Field, values: Collection[str], where: Clause) -> frozenset[str]:
        """Those of `values` that at least one document carries."""
        ...

    def facets(self, where: Clause, facet: Facet, *, limit: int) -> Counted: ...

    def total_bytes(self, where: Clause) -> int:
        """The sum of the sizes of the documents' texts."""
        ...

    def close(self) -> None: ...


class Engine(Protocol):
    """Where the builds are. A build is named by a string that is safe as a file name."""

    name: str

    def check(self) -> None:
        """Raises EngineError where the engine cannot be used as it is set up, EngineUnavailable where it is not there.

        Asked at a start, so it does not wait.
        """
        ...

    def prepare(self, build: str, text_bytes: int) -> None:
        """Make room for so much text, before the first part; raises EngineError where there is no use in beginning.

        Parts can be written without: an engine that spreads an index over machines takes one then.
        """
        ...

    def part(self, build: str, shard: int) -> AbstractContextManager[Part]:
        """Write the part of a shard, from the beginning: what an earlier try left is gone.

        Leaving the context without an error makes the part durable; with one, it is never part of a sealed index.
        """
        ...

    def seal(self, build: str, shards: Sequence[int]) -> int:
        """Make the index of the parts of `shards`; returns its documents. Twice is harmless.

        A document that several parts hold is kept once, from the first of `shards`. An index that was sealed of
        fewer shards is replaced at once, and stays readable for those who have it open.
        """
        ...

    def tidy(self, build: str) -> None:
        """Remove what was only needed to seal; after it, nothing can be added to the build."""
        ...

    def open(self, build: str) -> Index:
        """Raises EngineError where the build is not sealed."""
        ...

    def drop(self, build: str) -> None:
        """Remove every trace of a build; harmless where there is none."""
        ...

    def size(self, build: str) -> int:
        """Bytes that the sealed index takes."""
        ...


def walk(index: Index, where: Clause, *, texts: bool, after: int | None = None, step: int = 200) -> Iterator[Hit]:
    """Every document of `where` above `after`, by ascending order, fetched `step` at a time."""
    while page := index.page(where, after=after, limit=step, texts=texts):
        yield from page
        after = page[-1].order
