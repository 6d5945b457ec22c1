"""What the steward's commands have in common: whatever goes wrong is told in words, and fails."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from search import ingest


class StewardCommand(BaseCommand):
    """A command whose known failures end in one message and no traceback."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (ingest.IngestError, *ingest.ENGINE_ERRORS) as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"the records cannot be used ({error}); was `manage.py migrate` run?") from None
        except OSError as error:
            raise CommandError(str(error)) from None
