"""Nothing recorded can be changed or removed through the database, and tests with real transactions still end."""

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from governance.ledger import audit, log
from governance.ledger.models import Checkpoint, Entry, Node
from tests.governance.ledger.owner import TABLES, as_owner, empty


@pytest.fixture
def filled(db: None) -> None:
    with transaction.atomic():
        log.append_all([("claim_moved", {"n": number}) for number in range(4)])
    log.sign_checkpoint()


CHANGES = {
    "ledger_entry": [
        "UPDATE ledger_entry SET kind = 'list_published'",
        'UPDATE ledger_entry SET "index" = 9 WHERE "index" = 3',
        'DELETE FROM ledger_entry WHERE "index" = 3',
        "DELETE FROM ledger_entry",
    ],
    "ledger_node": ["UPDATE ledger_node SET hash = hash", "DELETE FROM ledger_node WHERE level = 2"],
    "ledger_checkpoint": ["UPDATE ledger_checkpoint SET note = ''", "DELETE FROM ledger_checkpoint"],
}
ON_POSTGRESQL = [f"TRUNCATE {table}" for table in TABLES] + [
    f"TRUNCATE {', '.join(TABLES)}",
    "TRUNCATE ledger_entry CASCADE",
    """INSERT INTO ledger_entry SELECT * FROM ledger_entry WHERE "index" = 3
    ON CONFLICT ("index") DO UPDATE SET kind = 'list_published'""",
]
ON_SQLITE = [f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}" for table in TABLES] + [
    'UPDATE OR REPLACE ledger_entry SET "index" = 2 WHERE "index" = 3',
]


def statements() -> list[str]:
    own = ON_POSTGRESQL if connection.vendor == "postgresql" else ON_SQLITE
    return [statement for group in CHANGES.values() for statement in group] + own


def test_the_database_refuses_every_change(filled: None) -> None:
    for statement in statements():
        before = [list(model._default_manager.order_by("pk").values()) for model in (Entry, Node, Checkpoint)]
        with pytest.raises(IntegrityError, match="is append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        after = [list(model._default_manager.order_by("pk").values()) for model in (Entry, Node, Checkpoint)]
        assert before == after, statement
    audit.verify()


@pytest.mark.parametrize("model", [Entry, Node, Checkpoint])
def test_django_cannot_change_or_remove_a_record(filled: None, model: type[Model]) -> None:
    record = model._default_manager.order_by("pk").first()
    assert record is not None
    for change in (record.save, record.delete, model._default_manager.all().delete):
        with pytest.raises(IntegrityError, match="is append-only"), transaction.atomic():
            change()


def test_what_is_refused_is_done_where_the_owner_takes_the_triggers_off(filled: None) -> None:
    """So that the tests above fail for the triggers and for nothing else."""
    for statement in CHANGES["ledger_node"] + CHANGES["ledger_checkpoint"] + CHANGES["ledger_entry"]:
        with as_owner() as cursor:
            cursor.execute(statement)
    assert (Entry.objects.count(), Checkpoint.objects.count()) == (0, 0)


def test_the_triggers_are_back_when_the_owner_is_done(filled: None) -> None:
    with as_owner() as cursor:
        cursor.execute("UPDATE ledger_node SET hash = hash")
    test_the_database_refuses_every_change(filled)


# --- tests with real transactions -------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_with_real_transactions_begins_with_an_empty_ledger(time: str) -> None:
    assert log.size() == 0
    with transaction.atomic():
        log.append("claim_moved", {"time": time})
    log.sign_checkpoint()
    assert log.size() == 1


def test_so_it_is_with_the_fixture(transactional_db: None) -> None:
    test_each_test_with_real_transactions_begins_with_an_empty_ledger("third")


@pytest.mark.django_db(transaction=True)
def test_a_flush_is_refused_as_long_as_there_is_something_to_lose() -> None:
    with transaction.atomic():
        log.append("claim_moved", {})
    with pytest.raises(CommandError, match="couldn't be flushed"):
        call_command("flush", interactive=False, verbosity=0)
    assert log.size() == 1
    empty()
    call_command("flush", interactive=False, verbosity=0)
