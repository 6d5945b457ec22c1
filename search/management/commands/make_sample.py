from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from search.sample import MEGABYTE, Sample, make_sample
from search.sample_sources import SampleError


class Command(BaseCommand):
    help = (
        "Make a sample dataset of real source code: this Python's standard library and the packages "
        "installed in it, with forks, vendored and edited copies, in the layouts of The Stack v3 and v2."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, default=settings.DATA_DIR / "sample", metavar="DIR")
        parser.add_argument("--megabytes", type=_megabytes, default=50, metavar="N", help="of text; 50 by default")
        parser.add_argument(
            "--source",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="DIR",
            help="more source code: each folder in DIR is a repository, such as an unpacked sdist",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("sample"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
        size = options["megabytes"] * MEGABYTE
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("sample", total=size)
            try:
                sample = make_sample(options["source"], options["out"], size, lambda done: bar.advance(task, done))
            except SampleError as error:
                raise CommandError(str(error)) from None
        self._report(sample, options["out"])

    def _report(self, sample: Sample, out: Path) -> None:
        for shard in sample.shards:
            self.stdout.write(
                f"{shard.documents:8,} files  {shard.repositories:4} repositories  "
                f"{shard.bytes / MEGABYTE:7.1f} MB  {out / shard.path}"
            )
        self.stdout.write(
            f"Made {sample.bytes / MEGABYTE:,.1f} MB of text: {sample.documents:,} files of "
            f"{sample.repositories} repositories, {len(sample.forks)} of them forks; {len(sample.vendored)} "
            f"vendored and {len(sample.edited)} edited copies, named in {out / 'sample.json'}"
        )
        if sample.is_short:
            wanted = sample.requested_bytes / MEGABYTE
            self.stdout.write(
                self.style.WARNING(
                    f"That is less than the {wanted:,.0f} MB asked for: more of what is here would only "
                    "be more copies. --source DIR adds other source code."
                )
            )
        self.stdout.write(f"Next: manage.py register stack-sample-2026-11 --shards {out}")


def _megabytes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 100_000:
        raise ArgumentTypeError("must be a whole number from 1 to 100000")
    return int(text)
