from argparse import ArgumentParser
from typing import Any

from search import ingest
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = "Take a release out of every answer. Its builds stay, and `activate` brings it back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release")

    def handle(self, *args: Any, **options: Any) -> None:
        was_active = ingest.deactivate(ingest.release_named(options["release"]))
        self.stdout.write(f"{options['release']} is {'not asked any more' if was_active else 'not active as it is'}.")
