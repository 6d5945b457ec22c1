"""The audit reads everything again, and names the first place that is wrong."""

from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from governance.keys import ledger_key
from governance.ledger import audit, log
from governance.ledger.entries import statement
from governance.ledger.models import Checkpoint, Entry
from governance.ledger.notes import TreeHead, sign_checkpoint
from tests.governance.keygen import OTHER
from tests.governance.ledger import rfc6962
from tests.governance.ledger.owner import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """21 entries under checkpoints of 0, 5, 16 and 21, read in chunks of 4."""
    monkeypatch.setattr(audit, "CHUNK", 4)
    log.sign_checkpoint()
    for count in (5, 11, 5):
        with transaction.atomic():
            log.append_all([("claim_moved", {"n": number}) for number in range(count)])
        log.sign_checkpoint()


def test_a_whole_ledger_is_found_whole_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    root = rfc6962.mth([bytes(entry.data) for entry in Entry.objects.order_by("index")])
    for chunk in (1, 3, 4, 5, 16, 21, 4096):
        monkeypatch.setattr(audit, "CHUNK", chunk)
        assert audit.verify() == audit.Verified(21, 18, 4, root)


def test_entries_after_the_last_checkpoint_are_looked_at_as_well() -> None:
    with transaction.atomic():
        log.append("claim_moved", {})
    assert audit.verify().entries == 22
    do('UPDATE ledger_entry SET data = leaf_hash WHERE "index" = 21')
    with pytest.raises(log.LedgerDamaged, match="entry 21"):
        audit.verify()


def do(change: str) -> None:
    with as_owner() as cursor:
        cursor.execute(change)


DAMAGE = {
    "bytes": (
        'UPDATE ledger_entry SET data = (SELECT data FROM ledger_entry WHERE "index" = 1) WHERE "index" = 9',
        "entry 9: its leaf hash is not that of its bytes",
    ),
    "leaf hash": (
        'UPDATE ledger_entry SET leaf_hash = (SELECT leaf_hash FROM ledger_entry WHERE "index" = 8) WHERE "index" = 9',
        "entry 9: its leaf hash is not that of its bytes",
    ),
    "kind": (
        "UPDATE ledger_entry SET kind = 'list_published' WHERE \"index\" = 20",
        "entry 20: the record says kind list_published, its bytes claim_moved",
    ),
    "time": (
        "UPDATE ledger_entry SET recorded_at = '2020-01-01 00:00:00+00:00' WHERE \"index\" = 0",
        "entry 0: the record says recorded_at 2020-01-01T00:00:00Z, its bytes 2",
    ),
    "first entry": ('DELETE FROM ledger_entry WHERE "index" = 0', "entry 0 is missing"),
    "entry inside": ('DELETE FROM ledger_entry WHERE "index" = 13', "entry 13 is missing"),
    "last entry": ('DELETE FROM ledger_entry WHERE "index" = 20', "there are 20 entries, and a checkpoint of 21"),
    "all entries": ("DELETE FROM ledger_entry", "there are 0 entries, and a checkpoint of 21"),
    "node": (
        'DELETE FROM ledger_node WHERE level = 2 AND "index" = 3',
        r"node 2/3 \(level/index\) is missing",
    ),
    "hash of a node": (
        'UPDATE ledger_node SET hash = (SELECT hash FROM ledger_node WHERE level = 1 AND "index" = 1) '
        'WHERE level = 3 AND "index" = 1',
        r"node 3/1 \(level/index\) is not the hash of what is below it",
    ),
    "node too many": (
        'INSERT INTO ledger_node (level, "index", hash) SELECT 1, 10, hash FROM ledger_node WHERE level = 4',
        r"node 1/10 \(level/index\) stands for entries that are not there",
    ),
    "node below the nodes": (
        'INSERT INTO ledger_node (level, "index", hash) SELECT 0, 3, hash FROM ledger_node WHERE level = 4',
        r"node 0/3 \(level/index\) stands for entries that are not there",
    ),
    "root": (
        "UPDATE ledger_checkpoint SET root = (SELECT hash FROM ledger_node WHERE level = 4) WHERE size = 5",
        "checkpoint of 5 does not say what its signed note says",
    ),
    "note": (
        "UPDATE ledger_checkpoint SET note = replace(note, 'localhost', 'localhorst') WHERE size = 0",
        "checkpoint of 0 is not one of LEDGER_ORIGIN localhost/codesteward by LEDGER_KEY",
    ),
    "size": (
        "UPDATE ledger_checkpoint SET size = 6 WHERE size = 5",
        "checkpoint of 6 does not say what its signed note says",
    ),
}


@pytest.mark.parametrize("part", DAMAGE)
def test_whatever_is_changed_is_named(part: str) -> None:
    change, problem = DAMAGE[part]
    do(change)
    with pytest.raises(log.LedgerDamaged, match=f"^{problem}"):
        audit.verify()


def test_of_several_faults_the_first_is_named() -> None:
    do('UPDATE ledger_entry SET data = leaf_hash WHERE "index" IN (7, 12)')
    with pytest.raises(log.LedgerDamaged, match=r"^entry 7:"):
        audit.verify()


def test_a_signed_checkpoint_of_another_history_is_found() -> None:
    """Somebody who has the key and the tables cannot have both histories either."""
    head = TreeHead("localhost/codesteward", 10, b"r" * 32)
    note = sign_checkpoint(head, ledger_key())
    Checkpoint.objects.create(size=10, root=head.root, note=note, signed_at=timezone.now())
    with pytest.raises(log.LedgerDamaged, match=r"^checkpoint of 10: its root is not that of the entries"):
        audit.verify()


def test_an_entry_that_hashes_well_and_says_nothing_is_found() -> None:
    entry = Entry(index=21, kind="claim_moved", data=b"{}", leaf_hash=rfc6962.mth([b"{}"]), recorded_at=timezone.now())
    entry.save(force_insert=True)
    with pytest.raises(log.LedgerDamaged, match=r"^entry 21: entry: does not consist of body, format, kind and"):
        audit.verify()


def test_an_entry_that_was_written_past_the_door_lacks_its_nodes() -> None:
    data = statement("claim_moved", {}).data(timezone.now())
    entry = Entry(index=21, kind="claim_moved", data=data, leaf_hash=rfc6962.mth([data]), recorded_at=timezone.now())
    entry.save(force_insert=True)
    with pytest.raises(log.LedgerDamaged, match=r"^node 1/10 \(level/index\) is missing"):
        audit.verify()


# --- commands ---------------------------------------------------------------------------------------


def said(command: str) -> str:
    output = StringIO()
    call_command(command, stdout=output)
    return output.getvalue()


def test_the_audit_is_a_command() -> None:
    assert said("verify_ledger").startswith("21 entries, 18 nodes and 4 checkpoints are as they were written. Root: ")
    do(DAMAGE["bytes"][0])
    with pytest.raises(CommandError, match=r"^the ledger is damaged: entry 9: ") as caught:
        said("verify_ledger")
    assert caught.value.returncode == 1


def test_signing_is_a_command_that_prints_the_checkpoint() -> None:
    with transaction.atomic():
        log.append("claim_moved", {})
    first = said("sign_checkpoint")
    checkpoint = log.latest_checkpoint()
    assert checkpoint is not None
    assert first == said("sign_checkpoint") == checkpoint.note
    assert checkpoint.size == 22


def test_signing_says_why_it_does_not_sign() -> None:
    do(DAMAGE["all entries"][0])
    with pytest.raises(CommandError, match=r"^nothing was signed: there are 0 entries, and a checkpoint over 21"):
        said("sign_checkpoint")


@pytest.mark.parametrize("command", ["sign_checkpoint", "verify_ledger"])
def test_a_key_that_cannot_be_used_is_named(settings: LazySettings, command: str) -> None:
    settings.LEDGER_KEY = "no key"
    with pytest.raises(CommandError, match=r"^LEDGER_KEY: the private key cannot be read"):
        said(command)
    settings.LEDGER_KEY = OTHER.to_openssh().decode()
    with pytest.raises(CommandError, match="is not one of LEDGER_ORIGIN localhost/codesteward by LEDGER_KEY"):
        said(command)


@pytest.mark.django_db(transaction=True)
def test_a_database_without_the_tables_is_told_in_words() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_checkpoint RENAME TO elsewhere")
        try:
            for command in ("sign_checkpoint", "verify_ledger"):
                with pytest.raises(CommandError, match=r"was `manage\.py migrate` run\?"):
                    said(command)
        finally:
            cursor.execute("ALTER TABLE elsewhere RENAME TO ledger_checkpoint")
    assert said("verify_ledger").startswith("21 entries")
