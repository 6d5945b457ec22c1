from argparse import ArgumentParser
from typing import Any

from search import ingest
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = "Let a release's latest build answer, from the next question on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release")

    def handle(self, *args: Any, **options: Any) -> None:
        build = ingest.activate(ingest.release_named(options["release"]))
        self.stdout.write(f"{options['release']} is answered by build {build.name}: {build.documents:,} documents.")
        for reason in ingest.failures(build):
            self.stderr.write(self.style.WARNING(f"Not in it: {reason}"))
