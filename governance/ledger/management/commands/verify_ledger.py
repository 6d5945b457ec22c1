from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from governance.env import SettingError
from governance.ledger import audit
from governance.ledger.log import LedgerDamaged


class Command(BaseCommand):
    help = "Read the whole ledger again: every entry, every hash, every checkpoint. Exit status 1 at the first fault."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = audit.verify()
        except LedgerDamaged as error:
            raise CommandError(f"the ledger is damaged: {error}") from None
        except SettingError as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"the ledger cannot be read ({error}); was `manage.py migrate` run?") from None
        self.stdout.write(
            f"{found.entries:,} entries, {found.nodes:,} nodes and {found.checkpoints:,} checkpoints are as they were "
            f"written. Root: {found.root.hex()}"
        )
