"""Door of the room that builds take: remove those that nobody will go back to.

What a build was made from stays, so that whatever is removed can be made again.
"""

import shutil
from collections.abc import Iterator

from django.conf import settings
from django.db import transaction

from governance.storage import location
from search.ingest import IngestError
from search.models import Build, Release
from search.opened import engine_named, portraits

KEPT = 2
"""The build that answers, and the one before it, to go back to."""

LEAVING = ""
"""The spec of a build that is being removed: none is resumed or opened that is of another spec."""


def prune(release: Release, *, keep: int = KEPT) -> Iterator[str]:
    """Remove the builds of a release but the latest `keep` that are sealed; yields the name of each that is gone.

    The build that answers always stays, and so does one that is newer than every sealed one: it is being made. What
    is interrupted, or raises EngineError or StorageError, is finished by the next call.
    """
    if keep < 1:
        raise IngestError("at least one build must be kept")
    for build in _superseded(release, keep):
        if _leaves(build):
            _remove(build)
            yield build.name


def _superseded(release: Release, keep: int) -> list[Build]:
    sealed = list(release.builds.exclude(sealed_at=None).order_by("-pk"))
    kept = {build.pk for build in sealed[:keep]}
    newest = sealed[0].pk if sealed else 0
    return [build for build in release.builds.filter(pk__lt=newest).order_by("pk") if build.pk not in kept]


def _leaves(build: Build) -> bool:
    """Take the build out of everybody's sight; False where it answers."""
    with transaction.atomic():
        # Whoever activates a build holds the same lock.
        release = Release.objects.select_for_update().get(pk=build.release_id)
        build.refresh_from_db()
        if release.active_build_id == build.pk or build.answers_again:
            return False
        Build.objects.filter(pk=build.pk).update(sealed_at=None, spec=LEAVING, state=Build.State.CANCELLED)
        return True


def _remove(build: Build) -> None:
    """The record goes last: as long as it is there, something may be left."""
    engine_named(build.engine).drop(build.name)
    for file in location(portraits().url).child(build.name).below():
        file.delete()
    shutil.rmtree(settings.BUILDS_DIR / build.name, ignore_errors=True)
    build.delete()
