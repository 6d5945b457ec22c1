import os
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from search import builds, distributing, ingest
from search.builds import BuildProgress
from search.indexing import DOCUMENTS, NAMED
from search.management.steward import StewardCommand
from search.models import Build
from search.shards import UNLISTED


class Command(StewardCommand):
    help = (
        "Index a release: in this process and others that it starts, or by the workers where REDIS_URL is set; then "
        "the command only follows, and may be stopped. Stopped at any point, even by kill -9, the same command goes on "
        "where it was; shards that failed are tried again. Exit status 1 where shards could not be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release")
        parser.add_argument(
            "--jobs",
            type=int,
            default=(os.cpu_count() or 1) + 1,
            help="processes at a time; by default one more than cores, as each waits for its disk at times; "
            "workers have their own number",
        )
        parser.add_argument("--detach", action="store_true", help="leave it to the workers and return at once")
        parser.add_argument("--anew", action="store_true", help="build again although there is a complete build")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["jobs"] < 1:
            raise CommandError("--jobs must be at least 1")
        release = ingest.release_named(options["release"])
        if options["detach"] and not settings.WORK.redis:
            raise CommandError("--detach: there are no workers, REDIS_URL is not set")
        if settings.WORK.redis:
            build = distributing.request(release, anew=options["anew"])
            if options["detach"]:
                self.stdout.write(f"Build {build.name} is {build.state}. manage.py build {release.name} follows it.")
                return
            with Bar(Console(stderr=True)) as tell:
                build = distributing.follow(build, tell)
        else:
            with Bar(Console(stderr=True)) as tell:
                build = ingest.build(release, jobs=options["jobs"], progress=tell, anew=options["anew"])
        self._conclude(build)

    def _conclude(self, build: Build) -> None:
        if build.state == Build.State.CANCELLED:
            raise CommandError(f"Build {build.name} was cancelled; the same command resumes it.", returncode=1)
        if build.state == Build.State.FAILED:
            raise CommandError(f"Build {build.name} cannot be sealed: {build.problem}", returncode=1)
        self._summarise(build)
        failed = builds.failures(build)
        if failed:
            raise CommandError("\n".join(["Shards that could not be read:", *failed]), returncode=1)
        self.stdout.write(f"Next: manage.py activate {build.release.name}")

    def _summarise(self, build: Build) -> None:
        tally = builds.tally(build)
        self.stdout.write(
            f"Build {build.name} is {build.state}: {build.documents:,} documents, {build.text_bytes / 1e6:,.1f} MB of "
            f"text, index {build.index_bytes / 1e6:,.1f} MB."
        )
        named = build.unread_files - build.unlisted_files
        skipped = ", ".join(
            f"{count:,} {reason}"
            for reason, count in sorted(tally.items())
            if reason not in (DOCUMENTS, NAMED, UNLISTED)
        )
        without = ", or without text" if named else ""
        self.stdout.write(f"Left out{without}: {skipped or 'nothing'}.")
        if build.unread_files:
            known = f", {named:,} of them known by name" if named else ""
            self.stdout.write(
                f"{build.unread_files:,} files it only points to have not been read{known}; what is in them is not "
                "found, and each answer says so. Texts come from CONTENTS_URL (docs/storage.md)."
            )


class Bar:
    """A progress bar in bytes of text, with rate and time left; plain lines where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("indexing", total=None)

    def __enter__(self) -> Callable[[BuildProgress], None]:
        self._progress.start()
        return self._tell

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def _tell(self, now: BuildProgress) -> None:
        self._progress.update(
            self._task,
            completed=now.done_bytes,
            total=now.total_bytes,
            description=f"shard {now.done_shards} of {now.total_shards}",
        )
