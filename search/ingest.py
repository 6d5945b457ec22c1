"""Door of the builds: build the index of a release, activate it.

Every step is safe to run again: building goes on where it was stopped (even by kill -9), activating twice changes
nothing.
"""

import fcntl
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.module_loading import import_string

from search.analysis.entries import SPEC
from search.analysis.fingerprints import PROFILES, STANDARD
from search.engines.base import Engine, EngineError
from search.indexing import DOCUMENTS, REPEAT, ShardResult, ShardTask, fingerprints_folder, load_fingerprints
from search.models import Build, Release, Shard, ShardBuild
from search.opened import engine_named, portrait_path
from search.portrait import PortraitError, PortraitWriter, expected_keys, size_for
from search.workers import Outcome, index_shards

ENGINE_ERRORS = (EngineError, PortraitError)
"""What may go wrong below while a build is sealed."""


class IngestError(Exception):
    """What was asked cannot be done; the message is for the steward, a line for each problem."""


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """Bytes of text and shards, of those this run has to do."""

    done_bytes: int
    total_bytes: int
    done_shards: int
    total_shards: int


def release_named(name: str) -> Release:
    try:
        return Release.objects.select_related("dataset", "active_build").get(name=name)
    except Release.DoesNotExist:
        known = ", ".join(Release.objects.order_by("name").values_list("name", flat=True)[:20])
        raise IngestError(f"release {name!r} does not exist; there are: {known or 'none yet'}") from None


def build(release: Release, *, jobs: int, progress: Callable[[BuildProgress], None], anew: bool = False) -> Build:
    """Index what is still to be indexed of the release's latest build, and seal it.

    A complete build is returned as it is, unless one is wanted `anew`. Shards that fail are written down with their
    reason and leave the build incomplete; the next call tries them again. One process builds a release at a time.
    """
    with _alone(release):
        latest = None if anew else _latest(release)
        if latest and latest.state == Build.State.COMPLETE:
            return latest
        current = latest or _begin(release)
        engine = engine_named(current.engine)
        _index_waiting(current, engine, jobs, progress)
        return _seal_apart(current, engine)


def activate(release: Release, *, keep_parent: bool = False) -> Build:
    """Point every answer about the release to its latest sealed build, in one step.

    A release that was filtered takes the place of those it came from: its ancestors answer no more, unless they are
    to be kept. ACTIVATION_GUARDS (settings) look at the build first, and hide what must not be shown.
    """
    latest = release.builds.exclude(sealed_at=None).order_by("-pk").first()
    if latest is None:
        raise IngestError(f"release {release.name!r} has no finished build; run: manage.py build {release.name}")
    with transaction.atomic():
        _answer_from(latest, timezone.now())
        if release.exclusion_list is not None and not keep_parent:
            _take_out([ancestor.pk for ancestor in _ancestors(release)])
    return latest


def _answer_from(build: Build, activated_at: datetime | None) -> None:
    """Look at the build and switch to it, within the caller's transaction, so that nothing comes between the two."""
    for guard in settings.ACTIVATION_GUARDS:
        import_string(guard)(build)
    locked = Release.objects.select_for_update().get(pk=build.release_id)
    locked.active_build = build
    locked.activated_at = activated_at
    locked.save(update_fields=["active_build", "activated_at"])


def deactivate(release: Release) -> bool:
    """Take a release out of every answer; False where it was not active."""
    return bool(_take_out([release.pk]))


def active_ancestors(release: Release) -> list[str]:
    """The names of the active releases that this one came from."""
    return [ancestor.name for ancestor in _ancestors(release) if ancestor.active_build_id]


def _take_out(releases: Sequence[int]) -> int:
    return Release.objects.filter(pk__in=releases).exclude(active_build=None).update(active_build=None)


def _ancestors(release: Release) -> Iterator[Release]:
    while release.parent is not None:
        release = release.parent
        yield release


@contextmanager
def _alone(release: Release) -> Iterator[None]:
    # A lock of the operating system goes with its process, however that ends.
    settings.BUILDS_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.BUILDS_DIR / f".{release.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IngestError(f"release {release.name!r} is being built by another process") from None
        yield


def _latest(release: Release) -> Build | None:
    """The build to resume or to keep. One of another spec or engine does not count: its parts would not fit."""
    same = release.builds.filter(spec=SPEC, engine=settings.ENGINE, profile=STANDARD.name)
    return same.order_by("-pk").first()


def _begin(release: Release) -> Build:
    number = release.builds.count() + 1
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


def _index_waiting(current: Build, engine: Engine, jobs: int, progress: Callable[[BuildProgress], None]) -> None:
    waiting = {
        row.shard.number: row for row in current.shards.exclude(state=ShardBuild.State.DONE).select_related("shard")
    }
    total = sum(row.shard.text_bytes for row in waiting.values())
    finished = 0

    def report(done_bytes: int) -> None:
        progress(BuildProgress(min(done_bytes, total), total, finished, len(waiting)))

    if waiting:
        engine.prepare(current.name, total)
    # The largest first, so that no process is left alone with a large one at the end.
    largest_first = sorted(waiting.values(), key=lambda row: -row.shard.text_bytes)
    tasks = [_task(current, row.shard) for row in largest_first]
    for task, outcome in index_shards(tasks, engine, jobs=jobs, progress=report):
        _write_down(waiting[task.number], outcome)
        finished += 1


def _task(current: Build, shard: Shard) -> ShardTask:
    return ShardTask(
        build=current.name,
        number=shard.number,
        path=Path(shard.url),
        digest=shard.digest,
        text_bytes=shard.text_bytes,
        folder=settings.BUILDS_DIR,
        profile=current.profile,
        max_bytes=settings.DOCUMENT_MAX_BYTES,
    )


def _write_down(row: ShardBuild, outcome: Outcome) -> None:
    if isinstance(outcome, ShardResult):
        row.state, row.reason = ShardBuild.State.DONE, ""
        row.tally, row.text_bytes, row.seconds = outcome.tally, outcome.text_bytes, outcome.seconds
    else:
        row.state, row.reason = ShardBuild.State.FAILED, outcome
    row.save()


def _seal_apart(current: Build, engine: Engine) -> Build:
    """Seal; a build that answers as it is (an incomplete one that was resumed) is taken out of the answers meanwhile.

    What comes to be in it has to be looked at by the guards before it is shown, like that of any other.
    """
    release = Release.objects.get(pk=current.release_id)
    if release.active_build_id != current.pk:
        return _seal(current, engine)
    _take_out([release.pk])
    sealed = _seal(current, engine)
    with transaction.atomic():
        _answer_from(sealed, release.activated_at)
    return sealed


def _seal(current: Build, engine: Engine) -> Build:
    done = list(current.shards.filter(state=ShardBuild.State.DONE).values_list("shard__number", flat=True))
    if not done:
        raise IngestError(f"no shard of {current.release.name!r} could be read:\n" + "\n".join(failures(current)))
    current.documents = engine.seal(current.name, done)
    _write_portrait(current, done)
    complete = len(done) == current.shards.count()
    current.state = Build.State.COMPLETE if complete else Build.State.INCOMPLETE
    current.text_bytes = current.shards.aggregate(total=Sum("text_bytes"))["total"]
    current.index_bytes = engine.size(current.name)
    current.sealed_at = timezone.now()
    current.save()
    if complete:
        engine.tidy(current.name)
        shutil.rmtree(fingerprints_folder(settings.BUILDS_DIR, current.name), ignore_errors=True)
    return current


def _write_portrait(current: Build, shards: Sequence[int]) -> None:
    text_bytes = current.release.shards.aggregate(total=Sum("text_bytes"))["total"]
    expected = expected_keys(text_bytes, PROFILES[current.profile].window)
    geometry = size_for(expected, settings.PORTRAIT_ERROR_RATE)
    writer = PortraitWriter(geometry, spec=current.spec, profile=current.profile)
    for number in shards:
        writer.add(load_fingerprints(settings.BUILDS_DIR, current.name, number))
    writer.write(portrait_path(current), release=current.release.name)


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
