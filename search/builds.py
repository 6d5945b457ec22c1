"""Records of builds: which one to go on with, what each shard asks of a worker, and what became of it."""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, Q, Sum, When
from django.db.models.functions import Coalesce, Least

from governance.storage import Location, location
from search.analysis.entries import SPEC
from search.analysis.fingerprints import STANDARD
from search.contents import Skip
from search.engines import ENGINES
from search.indexing import DOCUMENTS, NAMED, REPEAT, ShardResult, ShardTask
from search.models import Build, Release, Shard, ShardBuild
from search.opened import portraits
from search.shards import UNLISTED

INDEX, PORTRAY, SEAL, TIDY = (f"search.tasks.{name}" for name in ("index_shard", "portray", "seal", "tidy"))
"""Tasks of workers about a build."""

MARK = "begun"

POINTERS = ("stack-v2-ids", "stack-v2-train-ids")
"""Layouts without texts: who trains on them fetches the texts from an archive."""

NOT_HAD = (Skip.ELSEWHERE, Skip.NOT_IN_ARCHIVE, Skip.DAMAGED)
"""Of tallies of older versions: texts that any shard may point to; inline ones are never counted so."""

NOT_READ = (Skip.NO_TEXT, Skip.UNKNOWN_ENCODING, Skip.UNDECODABLE)
"""Of the same: what else of shards that only point is not known."""


BYTES_OF_A_NAME = 500
"""Of text, that take about as much of an index as a document that is known by name alone."""


class NotShared(Exception):
    """A worker does not see the files of those who began the build."""


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """Bytes of text and shards, of those this run has to do."""

    done_bytes: int
    total_bytes: int
    done_shards: int
    total_shards: int


def latest(release: Release) -> Build | None:
    """The build to resume or to keep. One of another spec or engine does not count: its parts would not fit."""
    same = release.builds.filter(spec=SPEC, engine=settings.ENGINE, profile=STANDARD.name)
    return same.order_by("-pk").first()


def begin(release: Release) -> Build:
    """A new build whose shards all wait."""
    newest = release.builds.order_by("-pk").first()
    # One more than the newest, and not than there are: older ones may have been removed.
    number = int(newest.name.rpartition("-")[2]) + 1 if newest else 1
    with transaction.atomic():
        current = Build.objects.create(
            release=release,
            name=f"{release.name}-{number}",
            engine=settings.ENGINE,
            spec=SPEC,
            profile=STANDARD.name,
        )
        ShardBuild.objects.bulk_create(ShardBuild(build=current, shard=shard) for shard in release.shards.all())
    return current


def shard_task(current: Build, shard: Shard) -> ShardTask:
    return ShardTask(
        build=current.name,
        number=shard.number,
        url=shard.url,
        digest=shard.digest,
        text_bytes=shard.text_bytes,
        portraits=portraits().url,
        profile=current.profile,
        max_bytes=settings.DOCUMENT_MAX_BYTES,
        columns=shard.columns,
        contents=settings.CONTENTS_URL,
    )


def write_down(row: ShardBuild, outcome: ShardResult | str) -> None:
    """What became of a shard: its result, or the reason why there is none."""
    if isinstance(outcome, ShardResult):
        row.state, row.reason = ShardBuild.State.DONE, ""
        row.tally, row.text_bytes, row.seconds = outcome.tally, outcome.text_bytes, outcome.seconds
        row.done_bytes = row.shard.text_bytes
    else:
        row.state, row.reason, row.done_bytes = ShardBuild.State.FAILED, outcome, 0
    # Not `seen_at`, which has been told since the row was read.
    row.save(update_fields=["state", "reason", "tally", "text_bytes", "seconds", "done_bytes"])


def progress_of(current: Build) -> BuildProgress:
    """How far the shards of a build are. A failed one is done with: nobody is at it any more."""
    ended = ~Q(state=ShardBuild.State.WAITING)
    size = F("shard__text_bytes")
    found = current.shards.aggregate(
        done_bytes=Coalesce(Sum(Case(When(ended, then=size), default=Least("done_bytes", size))), 0),
        total_bytes=Coalesce(Sum(size), 0),
        done_shards=Count("pk", filter=ended),
        total_shards=Count("pk"),
    )
    return BuildProgress(**found)


def failures(current: Build) -> list[str]:
    """Why each failed shard failed."""
    failed = current.shards.filter(state=ShardBuild.State.FAILED)
    return list(failed.values_list("reason", flat=True))


def tally(current: Build) -> Counter[str]:
    """Documents, repeats and what was skipped by reason, over all shards that are done."""
    total: Counter[str] = Counter()
    for counts in current.shards.filter(state=ShardBuild.State.DONE).values_list("tally", flat=True):
        total.update(counts)
    # A document that two shards hold is kept once, which only sealing can tell.
    total[REPEAT] += total[DOCUMENTS] - current.documents
    total[DOCUMENTS] = current.documents
    return +total


def unread_and_unlisted(current: Build) -> tuple[int, int]:
    """Files that shards of the build point to, and whose texts nobody has read: what is in them is not known.

    And those of them that are not known by name either: they declare no identifier, or an older version read them.
    """
    unread = unlisted = 0
    for layout, columns, tally in current.shards.values_list("shard__layout", "shard__columns", "tally"):
        only_points = _only_points(layout, columns)
        if UNLISTED in tally:
            # Where there is no column of texts, a null that is no pointer is not known to be nothing.
            nameless = tally[UNLISTED] + (tally.get(Skip.NO_TEXT, 0) if only_points else 0)
            named = tally[NAMED]
        else:
            nameless = sum(tally.get(reason, 0) for reason in ((*NOT_HAD, *NOT_READ) if only_points else NOT_HAD))
            named = 0
        unread += named + nameless
        unlisted += nameless
    return unread, unlisted


def _only_points(layout: str, columns: Mapping[str, str]) -> bool:
    mapped = "blob_id" in columns and not columns.keys() & {"content", "events", "layout"}
    return layout in POINTERS or mapped


def _has_texts(layout: str, columns: Mapping[str, str]) -> bool:
    """Whether there is a text to be read of a shard that nobody has read yet."""
    return bool(settings.CONTENTS_URL) or not _only_points(layout, columns)


def text_bytes_of(current: Build) -> int:
    """Bytes of text that the build's portrait has room for: what its shards claim, but for those that have none."""
    rows = current.shards.values_list("state", "text_bytes", "shard__text_bytes", "shard__layout", "shard__columns")
    return sum(
        claimed
        for state, found, claimed, layout, columns in rows
        if (found if state == ShardBuild.State.DONE else _has_texts(layout, columns))
    )


def size_of(shards: Iterable[Shard]) -> int:
    """Bytes of text that take as much of an index as these shards will."""
    return sum(
        shard.text_bytes if _has_texts(shard.layout, shard.columns) else shard.documents * BYTES_OF_A_NAME
        for shard in shards
    )


# --- one set of files for all workers ---------------------------------------------------------------


def mark(current: Build) -> None:
    """Leave a sign in every place that all workers must see."""
    for sign in _marks(current):
        if not sign.exists():
            with sign.write_atomically() as file:
                file.write(secrets.token_bytes(8))


def check_shared(current: Build) -> None:
    """Raises NotShared where this process does not see what `mark` left."""
    for sign in _marks(current):
        if not sign.exists():
            raise NotShared(
                f"{sign} is not there, which was written where the build was begun: workers need the same DATA_DIR, or "
                "an engine and a PORTRAITS_URL that are reached over the network"
            )


def unmark(current: Build) -> None:
    for sign in _marks(current):
        sign.delete()


def _marks(current: Build) -> list[Location]:
    places = dict.fromkeys([portraits().url, *([str(settings.BUILDS_DIR)] if _is_embedded(current) else [])])
    return [location(place).child(f"{current.name}/{MARK}") for place in places]


def _is_embedded(current: Build) -> bool:
    return ENGINES[current.engine][1] == "BUILDS_DIR"
