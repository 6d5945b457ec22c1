"""Door of the builds: build the index of a release, activate it.

Every step is safe to run again: building goes on where it was stopped (even by kill -9), activating twice changes
nothing.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import import_string

from governance import work
from governance.storage import StorageError
from search import builds, sealing
from search.builds import BuildProgress
from search.engines.base import EngineError
from search.models import Build, Release, ShardBuild
from search.opened import engine_named
from search.portrait import PortraitError
from search.workers import index_shards

ENGINE_ERRORS = (EngineError, PortraitError, StorageError)
"""What may go wrong below while a build is sealed."""


class IngestError(Exception):
    """What was asked cannot be done; the message is for the steward, a line for each problem."""


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
        latest = None if anew else builds.latest(release)
        if latest and latest.state == Build.State.COMPLETE:
            return latest
        current = latest or builds.begin(release)
        _resume(current)
        _index_waiting(current, jobs, progress)
        return _seal_here(current)


def activate(release: Release, *, keep_parent: bool = False, name: str = "") -> Build:
    """Point every answer about the release to its latest sealed build, or the one of that name, in one step.

    A release that was filtered takes the place of those it came from: its ancestors answer no more, unless they are
    to be kept. ACTIVATION_GUARDS (settings) look at the build first, and hide what must not be shown.
    """
    with transaction.atomic():
        # Chosen under the lock, so that it is not removed meanwhile (search.pruning). The ancestors' locks as well, in
        # one order and before the guards take theirs.
        family = [release.pk, *(ancestor.pk for ancestor in _ancestors(release))]
        list(Release.objects.select_for_update().filter(pk__in=family).order_by("pk"))
        chosen = _sealed_build(release, name)
        _answer_from(chosen, timezone.now())
        if release.exclusion_list is not None and not keep_parent:
            _take_out([ancestor.pk for ancestor in _ancestors(release)])
    return chosen


def _sealed_build(release: Release, name: str) -> Build:
    sealed = release.builds.exclude(sealed_at=None).order_by("-pk")
    chosen = sealed.filter(name=name).first() if name else sealed.first()
    if chosen is not None:
        return chosen
    there = ", ".join(sealed.values_list("name", flat=True)[:20])
    if not there:
        raise IngestError(f"release {release.name!r} has no finished build; run: manage.py build {release.name}")
    raise IngestError(f"release {release.name!r} has no finished build {name!r}; there are: {there}")


def _answer_from(build: Build, activated_at: datetime | None) -> None:
    """Look at the build and switch to it, within the caller's transaction, so that nothing comes between the two."""
    locked = Release.objects.select_for_update().get(pk=build.release_id)
    for guard in settings.ACTIVATION_GUARDS:
        import_string(guard)(build)
    _forget_answers([locked.pk])
    locked.active_build = build
    locked.activated_at = activated_at
    locked.save(update_fields=["active_build", "activated_at"])


def deactivate(release: Release) -> bool:
    """Take a release out of every answer; False where it was not active."""
    with transaction.atomic():
        Release.objects.select_for_update().get(pk=release.pk)
        return bool(_take_out([release.pk]))


def active_ancestors(release: Release) -> list[str]:
    """The names of the active releases that this one came from."""
    return [ancestor.name for ancestor in _ancestors(release) if ancestor.active_build_id]


def _take_out(releases: Sequence[int]) -> int:
    taken = Release.objects.filter(pk__in=releases).exclude(active_build=None).update(active_build=None)
    return taken + _forget_answers(releases)


def _forget_answers(releases: Sequence[int]) -> int:
    """A build of theirs that is being sealed does not come back by itself any more."""
    return Build.objects.filter(release__in=releases, answers_again=True).update(answers_again=False)


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


def _resume(current: Build) -> None:
    """A build that was cancelled, or could not be sealed, goes on."""
    read_now = current.shards.filter(seen_at__gt=Now() - timedelta(seconds=settings.WORK.lease)).exists()
    if read_now or work.is_under_way(builds.SEAL, (current.pk,)):
        raise IngestError(f"build {current.name} is being built by workers; set REDIS_URL to have it go on with them")
    Build.objects.filter(pk=current.pk).update(state=Build.State.RUNNING, problem="")
    current.refresh_from_db()


def _index_waiting(current: Build, jobs: int, progress: Callable[[BuildProgress], None]) -> None:
    engine = engine_named(current.engine)
    waiting = {
        row.shard.number: row for row in current.shards.exclude(state=ShardBuild.State.DONE).select_related("shard")
    }
    total = sum(row.shard.text_bytes for row in waiting.values())
    finished = 0

    def report(done_bytes: int) -> None:
        progress(BuildProgress(min(done_bytes, total), total, finished, len(waiting)))

    if waiting:
        engine.prepare(current.name, builds.size_of(row.shard for row in waiting.values()))
    # The largest first, so that no process is left alone with a large one at the end.
    largest_first = sorted(waiting.values(), key=lambda row: -row.shard.text_bytes)
    tasks = [builds.shard_task(current, row.shard) for row in largest_first]
    for task, outcome in index_shards(tasks, engine, jobs=jobs, progress=report):
        builds.write_down(waiting[task.number], outcome)
        finished += 1
        if Build.objects.filter(pk=current.pk, state=Build.State.CANCELLED).exists():
            raise IngestError(f"build {current.name} was cancelled; manage.py build {current.release.name} resumes it")


def seal(current: Build) -> Build:
    """Seal what is done of a build; one that answers is taken out of the answers first, and comes back afterwards.

    What comes to be in it has to be looked at by the guards before it is shown, like that of any other. The build is
    returned as it is to be saved by `save_sealed`.
    """
    wanted = Build.objects.filter(pk=current.pk, state=Build.State.RUNNING)
    with transaction.atomic():
        release = Release.objects.select_for_update().get(pk=current.release_id)
        # Index and portrait change one after the other: until both have, nobody can activate it.
        if not wanted.update(sealed_at=None):
            raise IngestError(f"build {current.name} is not wanted any more")
        if release.active_build_id == current.pk:
            _take_out([release.pk])
            wanted.update(answers_again=True)
    return sealing.seal(current, engine_named(current.engine))


def save_sealed(sealed: Build) -> None:
    """Write a sealed build down, within the caller's transaction, and let it answer where it did before."""
    release = Release.objects.select_for_update().get(pk=sealed.release_id)
    # As it is now: whoever took the release out of the answers meanwhile, or activated another build, is obeyed.
    answered = Build.objects.values_list("answers_again", flat=True).get(pk=sealed.pk)
    sealed.answers_again = False
    sealed.save()
    if answered:
        _answer_from(sealed, release.activated_at)


def _seal_here(current: Build) -> Build:
    try:
        sealed = seal(current)
    except sealing.NothingToSeal as error:
        raise IngestError(str(error)) from None
    with transaction.atomic():
        save_sealed(sealed)
    if sealed.state == Build.State.COMPLETE:
        sealing.tidy(sealed, engine_named(sealed.engine))
    return sealed
