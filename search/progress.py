"""Door of the builds' progress: what the latest build of a release does now.

Releases that are in no answer are told of to stewards alone: what is being prepared is nobody else's business. Why
shards failed is not told here: the reasons name files of the steward's, who reads them where he builds.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User

from search import builds, distributing
from search.lookup import NoRelease
from search.models import Build, Release, ShardBuild


@dataclass(frozen=True, slots=True)
class BuildStatus:
    """`failed` are the numbers of the shards that could not be read. Bytes are of text."""

    release: str
    build: str
    state: Build.State
    started_at: datetime
    sealed_at: datetime | None
    done_bytes: int
    total_bytes: int
    done_shards: int
    total_shards: int
    failed: tuple[int, ...]
    seen_at: datetime | None
    """When a worker last told its progress; builds in one process tell it to their terminal alone."""

    @property
    def is_running(self) -> bool:
        return self.state == Build.State.RUNNING

    @property
    def is_sealing(self) -> bool:
        return self.is_running and self.done_shards == self.total_shards


def is_steward(user: User | AnonymousUser) -> bool:
    return user.has_perm(distributing.PERMISSION)


def latest_build(release: str, *, steward: bool) -> BuildStatus:
    """Raises NoRelease where there is none of that name, or none that was ever built, or none that is told of."""
    found = Release.objects.filter(name=release).first()
    current = found.builds.order_by("-pk").first() if found else None
    # The same words for each: nobody learns from them what is being prepared.
    if found is None or current is None or not (steward or _answers(found)):
        raise NoRelease(f"release {release!r} does not exist, or is in no answer yet", named=True)
    progress = builds.progress_of(current)
    failed = current.shards.filter(state=ShardBuild.State.FAILED).values_list("shard__number", flat=True)
    seen = current.shards.exclude(seen_at=None).order_by("-seen_at").values_list("seen_at", flat=True).first()
    return BuildStatus(
        release=found.name,
        build=current.name,
        state=Build.State(current.state),
        started_at=current.started_at,
        sealed_at=current.sealed_at,
        done_bytes=progress.done_bytes,
        total_bytes=progress.total_bytes,
        done_shards=progress.done_shards,
        total_shards=progress.total_shards,
        failed=tuple(failed),
        seen_at=seen,
    )


def _answers(release: Release) -> bool:
    """Whether it is in the answers, or left them for as long as it is sealed again."""
    return release.active_build_id is not None or release.builds.filter(answers_again=True).exists()
