from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from governance.storage import location
from optout import removal
from optout.receipt import ENVELOPE, MOST_BYTES
from optout.states import NotAllowed
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = (
        "Take in what a pipeline has signed after it applied an exclusion list. Refused where the signature, the list, "
        "the shards or the counts are not those that were published."
    )
    failures = (removal.NotAccepted, NotAllowed)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "receipt", metavar="URL", help=f"{ENVELOPE}, or what the filter wrote: a path, or s3://bucket/key"
        )
        parser.add_argument(
            "--trust",
            type=Path,
            metavar="FILE",
            help="public keys of pipelines, one a line as ssh-keygen writes them; PIPELINE_KEYS_FILE by default",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place = location(options["receipt"])
        envelope = (place.child(ENVELOPE) if place.is_folder() else place).read_bytes(MOST_BYTES)
        accepted, moved = removal.accept_receipt(envelope, removal.pipeline_keys(options["trust"]))
        self.stdout.write(
            f"Accepted: {accepted.exclusion_list} was applied to {accepted.release}, signed by {accepted.key_id}. "
            f"{moved:,} claims moved on."
        )
        self.stdout.write(
            f"Next: manage.py register NEW_RELEASE --shards OUT/shards --parent {accepted.release} "
            f"--exclusion-list {accepted.exclusion_list.number}"
        )
