from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from governance.env import SettingError
from governance.ledger import log


class Command(BaseCommand):
    help = "Sign what the ledger holds, after proving that it continues the last checkpoint. Safe to run at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            checkpoint = log.sign_checkpoint()
        except log.LedgerDamaged as error:
            raise CommandError(f"nothing was signed: {error}") from None
        except SettingError as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"the ledger cannot be used ({error}); was `manage.py migrate` run?") from None
        self.stdout.write(checkpoint.note, ending="")
