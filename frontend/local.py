"""The command line's questions, asked of the builds on this machine."""

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
django.setup()

# The models can only be imported once Django is set up.
from django.conf import settings  # noqa: E402
from django.db import DatabaseError  # noqa: E402

from frontend.asking import AskError, plain_report  # noqa: E402
from search import lookup  # noqa: E402
from search.checking import AskedFile  # noqa: E402
from search.engines.base import EngineError  # noqa: E402
from search.querying import QueryError  # noqa: E402
from search.scope import parse_scope  # noqa: E402
from search.swhid import parse_swhid  # noqa: E402

R = TypeVar("R")

MOST_FILES = 32
"""Files a step: progress is told after each."""

NO_RECORDS = (
    f"the records in {settings.DATA_DIR} cannot be read. Nothing is built there yet? Then `make run` builds a sample; "
    "DATA_DIR names another folder, --server URL another machine"
)


class Asker:
    """Answers as the API gives them."""

    most_files = MOST_FILES
    most_bytes = 2**24

    def __init__(self, server: str | None) -> None:
        """`server` is for machines elsewhere, see frontend.remote."""

    def check(self, files: Sequence[AskedFile], release: str | None) -> dict[str, Any]:
        return plain_report(_asked(lambda: lookup.check(files, release)))

    def search(self, query: str, limit: int, release: str | None) -> dict[str, Any]:
        page = _asked(lambda: lookup.search(query, limit=limit, release=release))
        return dict(_serializers().SearchPageSerializer(page, context={"next": None}).data)

    def known(self, swhids: Sequence[str], release: str | None) -> dict[str, Any]:
        wanted = _asked(lambda: [parse_swhid(swhid) for swhid in swhids])
        found = _asked(lambda: lookup.known(wanted, release))
        return {swhid: dict(_serializers().KnownSerializer(known).data) for swhid, known in found.items()}

    def holdings(self, scope: str, release: str | None) -> dict[str, Any]:
        parsed = _asked(lambda: parse_scope(scope))
        found = _asked(lambda: lookup.holdings(parsed, release=release))
        answer = {"scope": str(parsed), "holdings": found}
        return dict(_serializers().HoldingsSerializer(answer, context={"next": lambda holding: None}).data)


def _serializers() -> Any:  # a module, found by its name
    """Imported on demand: the framework of the API takes a quarter of a second, and a check does without."""
    return import_module("search.serializers")


def _asked(question: Callable[[], R]) -> R:
    try:
        return question()
    except (lookup.NoRelease, QueryError, EngineError, ValueError) as error:
        raise AskError(str(error)) from None
    except DatabaseError:
        raise AskError(NO_RECORDS) from None
