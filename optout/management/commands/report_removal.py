from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from optout import removal
from optout.states import NotAllowed
from search import ingest
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = (
        "Check that what an exclusion list names is gone from the release that was filtered with it, record the "
        "report, and close the claims of a clean one. Fails where something is left."
    )
    failures = (removal.NotAccepted, NotAllowed)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release")

    def handle(self, *args: Any, **options: Any) -> None:
        outcome = removal.report(ingest.release_named(options["release"]), progress=self._tell)
        report = outcome.report
        self.stdout.write(f"Report {report.digest} on {report.release}, build {report.build}, {report.exclusion_list}:")
        if not report.is_clean:
            for exclusion, count in report.left.items():
                self.stdout.write(f"  {count:10,} documents left of exclusion {exclusion}")
            raise CommandError(f"{report.left_count:,} documents are left; nothing was closed")
        self.stdout.write(f"0 documents are left. {outcome.closed:,} claims are closed.")
        for reason, count in outcome.kept_open.items():
            self.stdout.write(f"{count:,} claims stay open: {reason}.")

    def _tell(self, now: str) -> None:
        self.stderr.write(f"Checking {now}")
