from typing import Any

from optout import mail
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = "Send the mails that are due. Run it every minute; several at a time do no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        told = mail.deliver()
        if told:
            self.stdout.write(", ".join(f"{count} {state}" for state, count in sorted(told.items())))
