from argparse import ArgumentParser
from typing import Any

from search import builds, ingest
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = "Let a release's latest build answer, or another one that is named, from the next question on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release")
        parser.add_argument("--build", default="", help="go back to this build instead of the latest")
        parser.add_argument(
            "--keep-parent",
            action="store_true",
            help="go on answering from the release that this one was filtered from, too",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        release = ingest.release_named(options["release"])
        before = ingest.active_ancestors(release)
        build = ingest.activate(release, keep_parent=options["keep_parent"], name=options["build"])
        self.stdout.write(f"{release.name} is answered by build {build.name}: {build.documents:,} documents.")
        for name in set(before) - set(ingest.active_ancestors(ingest.release_named(release.name))):
            self.stdout.write(f"{name} is not asked any more: {release.name} was filtered from it.")
        for reason in builds.failures(build):
            self.stderr.write(self.style.WARNING(f"Not in it: {reason}"))
