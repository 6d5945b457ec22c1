"""Door of the builds that workers do: one task for each shard, and a count in the database that finds the last.

Whoever settles a shard does so under a lock on the build, and asks for the build to be sealed when no shard waits any
more. A chord of Celery's would count in Redis, and be lost with it; here the count is the rows themselves, so it holds
whatever is lost, late, or done twice. Locks are taken in one order: the release, the build, its work.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from django.db import transaction
from django.db.models.functions import Now

from governance import work
from governance.storage import StorageError
from governance.work import Lease, TryAgain
from search import builds, ingest, portrait_parts, sealing
from search.builds import INDEX, PORTRAY, SEAL, TIDY, BuildProgress, NotShared
from search.engines.base import EngineError
from search.indexing import ShardResult, ShardTask, index_shard
from search.models import Build, Release, ShardBuild
from search.opened import engine_named
from search.portrait import PortraitError
from search.shards import ShardError

PERMISSION = "search.steer_build"

TELL_SECONDS = 2
"""How often a worker writes its progress down, and looks whether the build was cancelled."""

FOLLOW_SECONDS = 1


class _Cancelled(Exception):
    """The build is not wanted any more."""


# --- asking ----------------------------------------------------------------------------------------


def request(release: Release, *, anew: bool = False) -> Build:
    """Have the workers build what is still to be built of a release; returns at once.

    A complete build is returned as it is, unless one is wanted `anew`: then one that runs is cancelled. Shards that
    failed are tried again. Raises IngestError where the one that runs has to end first.
    """
    with transaction.atomic():
        Release.objects.select_for_update().get(pk=release.pk)
        for running in release.builds.filter(state=Build.State.RUNNING).order_by("pk") if anew else ():
            _stop(_locked(running.pk))
        latest = None if anew else builds.latest(release)
        if latest and latest.state == Build.State.COMPLETE:
            return latest
        current = _locked((latest or builds.begin(release)).pk)
        current.state, current.problem = Build.State.RUNNING, ""
        current.save(update_fields=["state", "problem"])
        again = current.shards.exclude(state=ShardBuild.State.DONE)
        again.filter(state=ShardBuild.State.FAILED).update(state=ShardBuild.State.WAITING, reason="", done_bytes=0)
        _ask_for(current, list(again.select_related("shard")))
    return current


def _ask_for(current: Build, rows: list[ShardBuild]) -> None:
    engine_named(current.engine).prepare(current.name, builds.size_of(row.shard for row in rows))
    builds.mark(current)
    shards = current.shards.count()
    # A group after the other, so that its portrait is made while the next is read; in each the largest shards first.
    rows.sort(key=lambda row: (portrait_parts.group_of(row.shard.number, shards) or 0, -row.shard.text_bytes))
    if rows:
        work.enqueue(INDEX, [(current.pk, row.shard_id) for row in rows])
    else:
        work.enqueue(SEAL, [(current.pk,)])


def follow(current: Build, progress: Callable[[BuildProgress], None]) -> Build:
    """Tell the progress until the build runs no more; returns it as it is then."""
    while True:
        current.refresh_from_db()
        progress(builds.progress_of(current))
        if current.state != Build.State.RUNNING:
            return current
        time.sleep(FOLLOW_SECONDS)


def cancel(release: Release, name: str = "") -> Build:
    """Stop the latest build of a release that runs, or the one of that name.

    Shards that are being read end within seconds. What is done stays done; `request` resumes it. Raises IngestError
    where no build runs.
    """
    with transaction.atomic():
        named = release.builds.filter(name=name) if name else release.builds
        running = named.filter(state=Build.State.RUNNING).order_by("-pk").first()
        current = _locked(running.pk) if running else None
        if current is None or current.state != Build.State.RUNNING:
            raise ingest.IngestError(f"no build of release {release.name!r} is running")
        _stop(current)
    return current


def _stop(current: Build) -> None:
    if current.answers_again:
        raise ingest.IngestError(f"build {current.name} is being sealed to answer again; let it end")
    current.state = Build.State.CANCELLED
    current.save(update_fields=["state"])
    shards = current.shards.values_list("shard_id", flat=True)
    work.withdraw(INDEX, [(current.pk, shard) for shard in shards])
    work.withdraw(SEAL, [(current.pk,)])


def retry_shard(release: Release, number: int) -> Build:
    """Have one shard that failed tried again, and the build sealed with it. Raises IngestError where it did not."""
    current = builds.latest(release)
    rows = ShardBuild.objects.select_related("shard").filter(build=current, shard__number=number)
    row = rows.first() if current else None
    if current is None or row is None:
        raise ingest.IngestError(f"release {release.name!r} has no build with a shard {number}")
    with transaction.atomic():
        current = _locked(current.pk)
        row.refresh_from_db()
        if row.state != ShardBuild.State.FAILED:
            raise ingest.IngestError(f"shard {number} of {current.name} did not fail: it is {row.state}")
        row.state, row.reason, row.done_bytes = ShardBuild.State.WAITING, "", 0
        row.save()
        # One that was cancelled, or whose process died, has nobody at its other shards.
        stopped = current.state != Build.State.RUNNING
        waiting = current.shards.filter(state=ShardBuild.State.WAITING).select_related("shard")
        current.state, current.problem = Build.State.RUNNING, ""
        current.save(update_fields=["state", "problem"])
        _ask_for(current, list(waiting) if stopped else [row])
    return current


def _locked(pk: int) -> Build:
    return Build.objects.select_for_update().get(pk=pk)


# --- a shard ---------------------------------------------------------------------------------------


def do_shard(lease: Lease, build: int, shard: int) -> None:
    """Index a shard, unless it is done or the build is not wanted any more. Raises TryAgain for what may pass."""
    row = ShardBuild.objects.select_related("build__release", "shard").filter(build=build, shard=shard).first()
    if row is None or row.state == ShardBuild.State.DONE or row.build.state != Build.State.RUNNING:
        return
    with suppress(_Cancelled):
        _settle(lease, row, _outcome(row))


def give_up_shard(lease: Lease, build: int, shard: int, problem: str) -> None:
    row = ShardBuild.objects.select_related("build__release", "shard").filter(build=build, shard=shard).first()
    if row is None:  # the build was removed
        return
    _settle(lease, row, f"{row.shard.url}: {problem}")


def _outcome(row: ShardBuild) -> ShardResult | str:
    try:
        builds.check_shared(row.build)
        task: ShardTask = builds.shard_task(row.build, row.shard)
        return index_shard(task, engine_named(row.build.engine), _Teller(row).tell)
    except (ShardError, NotShared) as error:
        return str(error)
    except (EngineError, StorageError) as error:
        if error.temporary:
            raise TryAgain(str(error)) from error
        return str(error)


class _Teller:
    """Writes the progress of a shard down, now and then."""

    def __init__(self, row: ShardBuild) -> None:
        self._row = row
        self._bytes = 0
        self._next = 0.0

    def tell(self, size: int) -> None:
        """Raises _Cancelled where nobody wants the rest."""
        self._bytes += size
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + TELL_SECONDS
        ShardBuild.objects.filter(pk=self._row.pk).update(done_bytes=self._bytes, seen_at=Now())
        if not Build.objects.filter(pk=self._row.build_id, state=Build.State.RUNNING).exists():
            raise _Cancelled


def _settle(lease: Lease, row: ShardBuild, outcome: ShardResult | str) -> None:
    """Write the outcome down and count: after the last shard the build is sealed."""
    with transaction.atomic():
        current = _locked(row.build_id)
        with work.settling(lease):
            builds.write_down(row, outcome)
            if current.state != Build.State.RUNNING:
                return
            _ask_for_part(current, row)
            if not current.shards.filter(state=ShardBuild.State.WAITING).exists():
                work.enqueue(SEAL, [(current.pk,)])


def _ask_for_part(current: Build, row: ShardBuild) -> None:
    """A group whose last shard is done can be merged before the others are."""
    shards = current.shards.count()
    group = portrait_parts.group_of(row.shard.number, shards)
    if group is not None and _is_done(current, portrait_parts.groups_of(shards)[group]):
        work.enqueue(PORTRAY, [(current.pk, group)])


def _is_done(current: Build, numbers: range) -> bool:
    done = current.shards.filter(state=ShardBuild.State.DONE, shard__number__in=numbers)
    return done.count() == len(numbers)


# --- the whole -------------------------------------------------------------------------------------


def do_part(lease: Lease, build: int, group: int) -> None:
    """Make the portrait of a group of shards, where it is still of use."""
    current = Build.objects.select_related("release").filter(pk=build, state=Build.State.RUNNING).first()
    if current is None:
        return
    numbers = portrait_parts.groups_of(current.shards.count())[group]
    try:
        portrait_parts.write_part(current, group, numbers, builds.text_bytes_of(current))
    except (PortraitError, StorageError) as error:
        raise TryAgain(str(error)) from error


def do_seal(lease: Lease, build: int) -> None:
    """Seal a build whose shards are all done with, and let it be tidied."""
    current = Build.objects.select_related("release").filter(pk=build, state=Build.State.RUNNING).first()
    if current is None or current.shards.filter(state=ShardBuild.State.WAITING).exists():
        return
    try:
        builds.check_shared(current)
        sealed = ingest.seal(current)
    except ingest.IngestError:
        return
    except (sealing.NothingToSeal, NotShared) as error:
        give_up_seal(lease, build, problem=str(error))
        return
    except ingest.ENGINE_ERRORS as error:
        raise TryAgain(str(error)) from error
    with transaction.atomic():
        Release.objects.select_for_update().get(pk=current.release_id)
        now = _locked(build)
        with work.settling(lease):
            # A shard that is tried again meanwhile, or was already, has it sealed once more.
            left = now.shards.exclude(state=ShardBuild.State.DONE)
            again = left.filter(state=ShardBuild.State.WAITING).exists() or left.count() != sealed.missing_shards
            if now.state != Build.State.RUNNING or again:
                return
            ingest.save_sealed(sealed)
            if sealed.state == Build.State.COMPLETE:
                work.enqueue(TIDY, [(build,)])


def give_up_seal(lease: Lease, build: int, problem: str) -> None:
    with transaction.atomic():
        current = _locked(build)
        with work.settling(lease):
            waiting = current.shards.filter(state=ShardBuild.State.WAITING).exists()
            if current.state == Build.State.RUNNING and not waiting:
                current.state, current.problem = Build.State.FAILED, problem
                current.save(update_fields=["state", "problem"])


def do_tidy(lease: Lease, build: int) -> None:
    current = Build.objects.filter(pk=build, state=Build.State.COMPLETE).first()
    if current is None:
        return
    try:
        sealing.tidy(current, engine_named(current.engine))
    except ingest.ENGINE_ERRORS as error:
        raise TryAgain(str(error)) from error
