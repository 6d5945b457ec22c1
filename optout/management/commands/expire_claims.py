from typing import Any

from optout import workflow
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = "Let claims expire that were not proven within 30 days. Run it every hour; it does no harm at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        expired = workflow.expire_claims()
        if expired:
            self.stdout.write(f"{expired:,} claims expired.")
