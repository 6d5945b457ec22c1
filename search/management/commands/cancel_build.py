from argparse import ArgumentParser
from typing import Any

from search import distributing, ingest
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = "Stop the build of a release that is running. What is done stays done: manage.py build resumes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release")

    def handle(self, *args: Any, **options: Any) -> None:
        cancelled = distributing.cancel(ingest.release_named(options["release"]))
        self.stdout.write(f"Build {cancelled.name} is {cancelled.state}.")
