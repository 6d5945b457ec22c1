"""What the steward's commands have in common: whatever goes wrong is told in words, and fails."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from search import ingest


class StewardCommand(BaseCommand):
    """A command whose known failures end in one message and no traceback."""

    failures: tuple[type[Exception], ...] = ()
    """What the door of the command raises, besides what every door may."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        expected: tuple[type[Exception], ...] = (ingest.IngestError, *ingest.ENGINE_ERRORS, *self.failures)
        try:
            return super().execute(*args, **options)
        except expected as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"the records cannot be used ({error}); was `manage.py migrate` run?") from None
        except OSError as error:
            raise CommandError(str(error)) from None
