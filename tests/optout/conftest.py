"""What the tests of requests stand on."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from governance.ledger.models import Checkpoint, Entry, Node
from optout.ownership import METHODS
from tests.optout import spoken
from tests.optout.removals import alone, asked, first, key  # noqa: F401  (pytest finds fixtures by name)


@pytest.fixture(autouse=True)
def _spoken_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, spoken.METHOD, spoken.DOTTED)


@pytest.fixture
def committed(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """Records that are committed, so that other threads see them."""
    beside = _in_a_file(tmp_path) if connection.vendor == "sqlite" else _in_place()
    with beside:
        yield


@contextmanager
def _in_a_file(folder: Path) -> Iterator[None]:
    """SQLite as it is run: a copy in a file. The threads of a test share one in memory, with locks of another kind."""
    original = connections["default"]
    original.ensure_connection()
    with closing(sqlite3.connect(folder / "records.sqlite3")) as copy:
        original.connection.backup(copy)
    before = connections.settings["default"]
    connections.settings["default"] = {**before, "NAME": str(folder / "records.sqlite3")}
    connections["default"] = connections.create_connection("default")
    yield
    connections["default"].close()
    connections.settings["default"] = before
    connections["default"] = original


@contextmanager
def _in_place() -> Iterator[None]:
    """PostgreSQL; the ledger does not let itself be emptied afterwards, so its triggers are silenced for that."""
    yield
    with transaction.atomic(), connection.cursor() as cursor:
        for record in (Node, Entry, Checkpoint):
            table = record._meta.db_table
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"DELETE FROM {table}")
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
