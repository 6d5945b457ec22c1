"""Sealing: one index and one portrait of the shards that are done. The same for builds in process and by workers."""

from collections.abc import Sequence

from django.db.models import Sum
from django.utils import timezone

from search import builds, portrait_parts
from search.engines.base import Engine
from search.models import Build, ShardBuild
from search.opened import portraits

CANNOT = "no shard of {release!r} could be read:\n{reasons}"


class NothingToSeal(Exception):
    """No shard is done; the message says why of each."""


def seal(current: Build, engine: Engine) -> Build:
    """Seal what is done; the build is changed, and for the caller to save.

    Raises NothingToSeal, or what the engine, the portrait or the storage raises. Twice is harmless.
    """
    done = list(current.shards.filter(state=ShardBuild.State.DONE).values_list("shard__number", flat=True))
    shards = current.shards.count()
    if not done:
        raise NothingToSeal(CANNOT.format(release=current.release.name, reasons="\n".join(builds.failures(current))))
    current.documents = engine.seal(current.name, done)
    current.missing_shards = shards - len(done)
    current.unread_files, current.unlisted_files = builds.unread_and_unlisted(current)
    _write_portrait(current, done, shards)
    current.state = Build.State.INCOMPLETE if current.missing_shards else Build.State.COMPLETE
    current.text_bytes = current.shards.aggregate(total=Sum("text_bytes"))["total"]
    current.index_bytes = engine.size(current.name)
    current.sealed_at = timezone.now()
    current.problem = ""
    return current


def tidy(current: Build, engine: Engine) -> None:
    """Remove what a complete build does not need any more. Twice is harmless."""
    engine.tidy(current.name)
    portrait_parts.remove_parts(current)
    builds.unmark(current)


def _write_portrait(current: Build, done: Sequence[int], shards: int) -> None:
    writer = portrait_parts.empty_portrait(current, builds.text_bytes_of(current))
    portrait_parts.gather(current, writer, done, shards)
    portraits().store(current.name, writer, release=current.release.name, gaps=current.gaps)
