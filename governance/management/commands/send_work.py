from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from governance import work


class Command(BaseCommand):
    help = (
        "Send the workers what they were not sent, what was lost on its way, and what was left by a worker that died. "
        "Beat has it done every minute; it does no harm at any time. Without REDIS_URL the work is done here."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sent = work.send_due()
        except work.BrokerAway as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"the records cannot be used ({error}); was `manage.py migrate` run?") from None
        if sent:
            self.stdout.write(f"{sent:,} tasks sent.")
