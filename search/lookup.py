"""The reading door: every question about what a release holds goes through here, and honours the masks.

Submitted code is compared and forgotten: it is neither stored nor logged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, reduce
from typing import Any, NamedTuple

from search import masks
from search.analysis.entries import BY_NAME, UNREAD
from search.analysis.fingerprints import PROFILES
from search.checking import SIMILARITY_THRESHOLD, AskedFile, Checker, source_of
from search.engines.base import (
    AllOf,
    AnyOf,
    Bucket,
    Clause,
    Facet,
    Field,
    Index,
    Not,
    Term,
)
from search.engines.stored import content_of
from search.gaps import NONE, Gaps
from search.models import Build, Release, Shard
from search.opened import Opened, open_build
from search.querying import plan
from search.redact import redact
from search.report import Basis, Report, Source
from search.scope import Scope
from search.searching import Cursor, Searcher, SearchHit
from search.swhid import Swhid

PAGE = 20
PAGE_MOST = 100
BUCKETS = 50
KNOWN_MOST = 1000
PLACES = 100


class NoRelease(LookupError):
    """There is no such release, or none that can be asked; `named` where the question names one."""

    def __init__(self, message: str, *, named: bool) -> None:
        super().__init__(message)
        self.named = named


class Withheld(Exception):
    """What would show something that is hidden, and cannot be made without it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One active release, opened."""

    release: Release
    build: Build
    opened: Opened

    @property
    def origin(self) -> str:
        return self.release.dataset.origin


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`total` is the number of documents that match, or a lower bound of it where not `exact`."""

    release: str
    hits: tuple[SearchHit, ...]
    total: int
    exact: bool
    next: Cursor | None
    gaps: Gaps = NONE


@dataclass(frozen=True, slots=True)
class Known:
    """Whether a content is held. `incomplete`: it is not, as far as the releases that were asked could be read."""

    known: bool
    incomplete: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """What one release holds of a scope. Lists are the largest first and may be cut; the figures are whole.

    `by_name` are the documents whose texts are not held here; `bytes` are of the others.
    """

    release: str
    scope: str
    documents: int
    by_name: int
    bytes: int
    repositories: tuple[Bucket, ...]
    languages: tuple[Bucket, ...]
    licenses: tuple[Bucket, ...]
    places: tuple[Source, ...]
    next: int | None
    gaps: Gaps = NONE


@dataclass(frozen=True, slots=True)
class Content:
    """One content of a release: its text (where it is held here) with secrets blotted out, and where it was found."""

    release: str
    swhid: str
    text: str | None
    size: int | None
    language: str
    places: tuple[Source, ...]
    holders: int


class ShardFigures(NamedTuple):
    """One shard as it was registered. How much it holds is not told: less what is shown, it is what is masked."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class ReleaseFigures:
    """A release as its active build holds it; what is masked is not counted."""

    name: str
    dataset: str
    parent: str | None
    exclusion_list: int | None
    created_at: datetime
    activated_at: datetime | None
    build: str
    engine: str
    spec: str
    documents: int
    bytes: int
    index_bytes: int
    gaps: Gaps
    languages: tuple[Bucket, ...]
    licenses: tuple[Bucket, ...]
    repositories: tuple[Bucket, ...]
    portrait_bytes: int
    portrait_digest: str
    portrait_error_rate: float
    portrait_withheld: bool
    shards: tuple[ShardFigures, ...]


@dataclass(frozen=True, slots=True)
class _Census:
    """How much there is of something, and of what kinds, the largest first."""

    documents: int
    bytes: int
    repositories: tuple[Bucket, ...]
    languages: tuple[Bucket, ...]
    licenses: tuple[Bucket, ...]


def active_releases() -> list[Release]:
    """Those that can be asked, the latest activated first. For reading: threads share what is returned."""
    active = Release.objects.exclude(active_build=None).order_by("-activated_at", "-pk")
    state = active.values_list("pk", "activated_at", "active_build", "active_build__sealed_at", "active_build__state")
    return list(_releases(tuple(state)))


@lru_cache(maxsize=4)  # every question asks what is active, and only an activation or a new seal changes it
def _releases(active: tuple[tuple[Any, ...], ...]) -> tuple[Release, ...]:
    found = Release.objects.select_related("dataset", "parent", "active_build").in_bulk([pk for pk, *_ in active])
    return tuple(found[pk] for pk, *_ in active)


def check(files: Sequence[AskedFile], release: str | None = None) -> Report:
    """What a release holds of the files: exact copies, verbatim spans, near-duplicates."""
    asked = _open(release)
    checker = Checker(
        asked.opened.index,
        asked.opened.portrait,
        asked.build.profile,
        asked.origin,
        masks.visible(),
    )
    return Report(_basis(asked), tuple(checker.check(file) for file in files))


def search(query: str, *, cursor: Cursor | None = None, limit: int = PAGE, release: str | None = None) -> SearchPage:
    """A page of the documents that match; QueryError where the query cannot be asked."""
    tiers = plan(query)
    asked = _open(release)
    searcher = Searcher(asked.opened.index, asked.origin, masks.visible())
    found = searcher.page(tiers, cursor or Cursor(0, None), min(limit, PAGE_MOST))
    unread = _gaps(asked) if any(tier.marks for tier in tiers) else _gaps(asked).of_names
    return SearchPage(asked.release.name, found.hits, found.total, found.exact, found.next, unread)


def known(swhids: Sequence[Swhid], release: str | None = None) -> dict[str, Known]:
    """For each core identifier whether an active release (or the one named) holds it as a content."""
    wanted = {swhid.core for swhid in swhids}
    visible = masks.visible()
    found: set[str] = set()
    for asked in _all(release):
        found |= asked.opened.index.present(Field.SWHID, wanted - found, visible)
    whole = not gaps(release)
    held = {swhid.core: swhid.core in found for swhid in swhids}
    return {core: Known(known, incomplete=not (known or whole)) for core, known in held.items()}


def gaps(release: str | None = None) -> Gaps:
    """What could not be read of the active releases, or of the one named.

    A release that is being sealed again is in no answer until that is done: all of it is missing among the others.
    """
    asked = [one.active_build.gaps for one in active_releases() if release in {None, one.name} and one.active_build]
    if release is None:
        away = Shard.objects.filter(release__builds__answers_again=True).distinct().count()
        asked.append(Gaps(missing_shards=away))
    return reduce(Gaps.__or__, asked, NONE)


def holdings(scope: Scope, *, release: str | None = None, after: int | None = None, limit: int = PAGE) -> list[Holding]:
    """What each active release (or the one named) holds of a scope."""
    where = AllOf((Term(Field.SCOPES, scope.key), masks.visible()))
    return [_holding(asked, scope, where, after, min(limit, PAGE_MOST)) for asked in _all(release)]


def document(swhid: Swhid, release: str | None = None) -> Content | None:
    """A content by its identifier; None where no release holds it.

    From the latest release that holds its text, or else from the latest that knows it by name.
    """
    where = AllOf((Term(Field.SWHID, swhid.core), masks.visible()))
    found: Content | None = None
    for asked in _all(release):
        here = _content(asked, swhid, where)
        if here and here.text is not None:
            return here
        found = found or here
    return found


def _content(asked: Asked, swhid: Swhid, where: AllOf) -> Content | None:
    index = asked.opened.index
    hits = index.page(where, after=None, limit=PLACES, texts=False)
    if not hits:
        return None
    with_text = AllOf((*where.clauses, Not(BY_NAME)))
    read = next(iter(index.page(with_text, after=None, limit=1, texts=True)), None)
    return Content(
        release=asked.release.name,
        swhid=swhid.core,
        text=redact(content_of(read).decode("utf-8", "replace")) if read else None,
        size=read.size if read else None,
        language=(read or hits[0]).language,
        places=tuple(source_of(hit, asked.origin) for hit in hits),
        holders=len(hits) if len(hits) < PLACES else index.count(where),
    )


def figures(release: str) -> ReleaseFigures:
    """The figures of an active release."""
    asked = _open(release)
    census = _census(asked.opened, masks.visible())
    header = asked.opened.portrait.header
    shards = asked.release.shards.values_list("number", "digest")
    return ReleaseFigures(
        name=asked.release.name,
        dataset=asked.release.dataset.name,
        parent=asked.release.parent.name if asked.release.parent else None,
        exclusion_list=asked.release.exclusion_list,
        created_at=asked.release.created_at,
        activated_at=asked.release.activated_at,
        build=asked.build.name,
        engine=asked.build.engine,
        spec=asked.build.spec,
        documents=census.documents,
        bytes=census.bytes,
        index_bytes=asked.build.index_bytes,
        gaps=_gaps(asked),
        languages=census.languages,
        licenses=census.licenses,
        repositories=census.repositories,
        portrait_bytes=header.geometry.bits // 8,
        portrait_digest=header.digest,
        portrait_error_rate=header.error_rate,
        portrait_withheld=_hides(asked.opened, masks.masked_keys()),
        shards=tuple(ShardFigures(*shard) for shard in shards),
    )


def active_build(release: str) -> Build:
    """The build that answers for a release."""
    return _open(release).build


def portrait(release: str) -> Build:
    """The build whose portrait may be handed out.

    A Bloom filter cannot forget: while anything that the release holds is hidden, its portrait would still say yes to
    it, far from here and for ever. It is withheld until a release without it is active.
    """
    asked = _open(release)
    if _hides(asked.opened, masks.masked_keys()):
        raise Withheld(
            f"the portrait of {asked.release.name} is withheld, because something that it holds is hidden; "
            "the next release has one without it"
        )
    return asked.build


def _open(release: str | None) -> Asked:
    return next(_all(release))


def _all(release: str | None) -> Iterator[Asked]:
    """The active releases, or the one named; NoRelease where there is none."""
    active = active_releases()
    chosen = [one for one in active if release in {None, one.name}]
    if not chosen and release is None:
        raise NoRelease("no release is active yet: build one and activate it", named=False)
    if not chosen:
        names = ", ".join(one.name for one in active) or "none"
        raise NoRelease(f"release {release!r} does not exist or is not active; active are: {names}", named=True)
    for one in chosen:
        if one.active_build is not None:
            yield Asked(one, one.active_build, open_build(one.active_build))


def _basis(asked: Asked) -> Basis:
    return Basis(
        release=asked.release.name,
        build=asked.build.name,
        spec=asked.build.spec,
        portrait_error_rate=asked.opened.portrait.error_rate,
        guaranteed_length=PROFILES[asked.build.profile].guarantee,
        similarity_threshold=SIMILARITY_THRESHOLD,
        gaps=_gaps(asked),
    )


def _gaps(asked: Asked) -> Gaps:
    """Of what is known by name as much as is shown: less that, what could not be read would tell what is masked."""
    gaps = asked.build.gaps
    unread = _count_unread(asked.opened, masks.visible()) if gaps.unread_files else 0
    return replace(gaps, unread_files=gaps.unlisted_files + unread)


@lru_cache(maxsize=16)  # every question asks, and it changes with the masks alone
def _count_unread(opened: Opened, visible: Clause) -> int:
    return opened.index.count(AllOf((visible, UNREAD)))


@lru_cache(maxsize=16)  # it changes with the masks alone
def _hides(opened: Opened, masked: frozenset[str]) -> bool:
    """Whether a mask covers anything of which the build holds the text."""
    where = AllOf((AnyOf(Field.SCOPES, masked), Not(BY_NAME)))
    return bool(masked) and opened.index.count(where) > 0


@lru_cache(maxsize=16)  # over a whole release this takes a while, and it changes with the masks alone
def _census(opened: Opened, visible: Clause) -> _Census:
    return _count_all(opened.index, AllOf((visible,)))


def _count_all(index: Index, where: Clause) -> _Census:
    return _Census(
        documents=index.count(where),
        bytes=index.total_bytes(where),
        repositories=index.facets(where, Facet.REPOSITORY, limit=BUCKETS).buckets,
        languages=index.facets(where, Facet.LANGUAGE, limit=BUCKETS).buckets,
        licenses=index.facets(where, Facet.LICENSE, limit=BUCKETS).buckets,
    )


def _holding(asked: Asked, scope: Scope, where: Clause, after: int | None, limit: int) -> Holding:
    index = asked.opened.index
    page = index.page(where, after=after, limit=limit + 1, texts=False)
    census = _count_all(index, where)
    by_name = index.count(AllOf((where, BY_NAME)))
    return Holding(
        release=asked.release.name,
        scope=str(scope),
        documents=census.documents,
        by_name=by_name,
        bytes=census.bytes,
        repositories=census.repositories,
        languages=census.languages,
        licenses=census.licenses,
        places=tuple(source_of(hit, asked.origin) for hit in page[:limit]),
        next=page[limit - 1].order if len(page) > limit else None,
        gaps=_gaps(asked).about(scope.kind),
    )
