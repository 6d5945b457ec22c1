from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from search import registering
from search.layouts import ColumnMap, ColumnMapError
from search.management.steward import StewardCommand


class Command(StewardCommand):
    failures = (ColumnMapError,)
    help = "Write down a release and its shards, with their digests. A release never changes afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release", help="name of the release, such as stack-sample-2026-11")
        parser.add_argument(
            "--shards",
            nargs="+",
            required=True,
            metavar="URL",
            help="Parquet files, or folders that hold some, as paths or s3://bucket/key",
        )
        parser.add_argument("--dataset", help="name of the dataset; the release's name up to its version by default")
        parser.add_argument("--parent", metavar="RELEASE", help="the release that this one was filtered from")
        parser.add_argument(
            "--exclusion-list", type=int, metavar="N", help="the list with which the parent was filtered"
        )
        parser.add_argument(
            "--columns", type=Path, metavar="FILE", help="column map (JSON), for shards whose schema does not tell"
        )
        parser.add_argument("--origin", metavar="URL", help="what stands before owner/name in a repository's address")

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["release"]
        release = registering.register(
            name,
            registering.find_shards(options["shards"]),
            dataset=options["dataset"] or registering.dataset_of(name),
            parent=options["parent"],
            exclusion_list=options["exclusion_list"],
            origin=options["origin"],
            columns=ColumnMap.from_json(options["columns"].read_bytes()) if options["columns"] else None,
        )
        shards = list(release.shards.all())
        for shard in shards:
            self.stdout.write(f"{shard.number:6d}  {shard.layout:10}  {shard.documents:10,} files  {shard.url}")
        total = sum(shard.text_bytes for shard in shards)
        self.stdout.write(f"Registered {name}: {len(shards)} shards, {total / 1e6:,.1f} MB of text.")
        self.stdout.write(f"Next: manage.py build {name}")
