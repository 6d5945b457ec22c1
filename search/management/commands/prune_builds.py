from argparse import ArgumentParser
from typing import Any

from search import ingest, pruning
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = (
        "Remove old builds of a release. The one that answers stays, and so do the latest sealed ones, so that "
        "`activate --build` can go back to them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release")
        parser.add_argument("--keep", type=int, default=pruning.KEPT, help="how many sealed builds stay (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        removed = 0
        for name in pruning.prune(ingest.release_named(options["release"]), keep=options["keep"]):
            self.stdout.write(f"{name} is removed.")
            removed += 1
        if not removed:
            self.stdout.write(f"No build of {options['release']} is older than those to be kept.")
