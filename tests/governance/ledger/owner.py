"""What only the owner of the tables can do: take the triggers off, change what is recorded, and put them back.

Tests need it to tamper, and to empty the ledger after a test whose transactions were real: Django then flushes every
table, which the ledger refuses as long as it holds something.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

TABLES = ("ledger_checkpoint", "ledger_node", "ledger_entry")
REAL_TRANSACTIONS = {"transactional_db", "django_db_reset_sequences", "live_server"}


@contextmanager
def as_owner() -> Iterator[CursorWrapper]:
    """A cursor that no trigger hinders, in a transaction of its own."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            yield from _without_triggers_on_postgresql(cursor)
        else:
            yield from _without_triggers_on_sqlite(cursor)


def _without_triggers_on_postgresql(cursor: CursorWrapper) -> Iterator[CursorWrapper]:
    for table in TABLES:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield cursor
    for table in TABLES:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _without_triggers_on_sqlite(cursor: CursorWrapper) -> Iterator[CursorWrapper]:
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'ledger_%'")
    triggers = cursor.fetchall()
    for name, _ in triggers:
        cursor.execute(f"DROP TRIGGER {name}")
    yield cursor
    for _, made in triggers:
        cursor.execute(made)


def empty() -> None:
    with as_owner() as cursor:
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table}")


@pytest.fixture(autouse=True)
def ledger_is_emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test with real transactions, before Django flushes the database."""
    marker = request.node.get_closest_marker("django_db")
    is_marked = marker is not None and (marker.kwargs.get("transaction") or marker.kwargs.get("reset_sequences"))
    is_real = is_marked or REAL_TRANSACTIONS & set(request.fixturenames)
    if is_real:
        request.getfixturevalue("transactional_db")
    yield
    if is_real:
        empty()
