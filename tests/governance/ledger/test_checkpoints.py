"""A checkpoint is signed over what is there and continues the last one, or it is not signed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.ledger import log
from governance.ledger.models import Checkpoint, Entry, Node
from governance.ledger.notes import NoteKey, TreeHead, open_checkpoint, sign_checkpoint
from governance.ledger.receipts import Receipt
from tests.governance.keygen import OTHER
from tests.governance.ledger import rfc6962
from tests.governance.ledger.owner import as_owner

pytestmark = pytest.mark.django_db


def grow(count: int) -> None:
    with transaction.atomic():
        log.append_all([("claim_moved", {"n": number}) for number in range(count)])


def leaves() -> list[bytes]:
    return [bytes(data) for data in Entry.objects.order_by("index").values_list("data", flat=True)]


def test_a_checkpoint_says_how_many_entries_there_are_and_their_root() -> None:
    for count in (0, 1, 2, 5, 9):
        grow(count)
        checkpoint = log.sign_checkpoint()
        head = open_checkpoint(checkpoint.note, NoteKey.parse(str(log.note_key())))
        assert head == TreeHead("localhost/codesteward", log.size(), rfc6962.mth(leaves()))
        assert (checkpoint.size, bytes(checkpoint.root)) == (head.size, head.root)
        assert log.latest_checkpoint() == checkpoint


def test_without_anything_new_the_last_one_stands() -> None:
    assert log.latest_checkpoint() is None
    grow(3)
    first = log.sign_checkpoint()
    again = log.sign_checkpoint()
    assert (again.note, again.signed_at) == (first.note, first.signed_at)
    assert Checkpoint.objects.count() == 1


def test_the_name_of_the_ledger_is_the_operators(settings: LazySettings) -> None:
    settings.LEDGER_ORIGIN = "example.org/größe"
    grow(1)
    assert log.sign_checkpoint().note.startswith("example.org/größe\n1\n")
    assert str(log.note_key()).startswith("example.org/größe+")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_signed_in_a_transaction_that_can_be_taken_back() -> None:
    grow(1)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        log.sign_checkpoint()
    assert log.latest_checkpoint() is None


@pytest.mark.django_db(transaction=True)
def test_on_sqlite_a_checkpoint_is_on_the_disk_before_it_is_shown() -> None:
    grow(1)
    with CaptureQueriesContext(connection) as asked:
        log.sign_checkpoint()
    settings = [query["sql"] for query in asked if "synchronous" in query["sql"]]
    wanted = ["PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL"]
    assert settings == (wanted if connection.vendor == "sqlite" else [])
    written = [place for place, query in enumerate(asked) if "INSERT" in query["sql"]]
    assert len(written) == 1
    if settings:
        assert asked[0]["sql"] == wanted[0]
        assert asked[len(asked) - 1]["sql"] == wanted[1]


# --- what is not signed -----------------------------------------------------------------------------

Tampering = Callable[[], None]


def run(*statements: str) -> Tampering:
    def tamper() -> None:
        with as_owner() as cursor:
            for statement in statements:
                cursor.execute(statement)

    return tamper


def forge(size: int, origin: str = "localhost/codesteward") -> Tampering:
    """A checkpoint by somebody who can write the table and does not have the key."""

    def tamper() -> None:
        note = sign_checkpoint(TreeHead(origin, size, b"r" * 32), OTHER)
        Checkpoint.objects.create(size=size, root=b"r" * 32, note=note, signed_at=timezone.now())

    return tamper


def restate() -> None:
    """A true checkpoint of ours under a size that it does not say."""
    last = log.latest_checkpoint()
    assert last is not None
    Checkpoint.objects.create(size=9, root=last.root, note=last.note, signed_at=last.signed_at)


def rewrite() -> None:
    """All entries exchanged, with all that is made of them but the checkpoint, as a thorough forger would."""
    run("DELETE FROM ledger_entry", "DELETE FROM ledger_node")()
    log.append_all([("claim_moved", {"forged": number}) for number in range(10)])


CHANGE_A_HASH = "UPDATE ledger_node SET hash = (SELECT hash FROM ledger_node WHERE level = 3) WHERE level = 2"
DAMAGE = {
    "an entry of before": (
        run('DELETE FROM ledger_entry WHERE "index" = 6'),
        r"subtree 0/6 \(level/index\) is missing",
    ),
    "all entries from one on": (
        run('DELETE FROM ledger_entry WHERE "index" >= 5'),
        "there are 5 entries, and a checkpoint over 7",
    ),
    "a node": (run("DELETE FROM ledger_node WHERE level = 2"), r"subtree 2/0 \(level/index\) is missing"),
    "a hash": (run(CHANGE_A_HASH), "does not continue the checkpoint over 7"),
    "the bytes of an entry of after": (
        run('UPDATE ledger_entry SET data = (SELECT data FROM ledger_entry WHERE "index" = 0) WHERE "index" = 8'),
        "the entries from 7 on are not those that their hashes were made of",
    ),
    "all of the past": (rewrite, "does not continue the checkpoint over 7"),
    "a checkpoint by another key": (forge(8), "is not one of LEDGER_ORIGIN localhost/codesteward by LEDGER_KEY"),
    "a checkpoint under a wrong size": (restate, "checkpoint of 9 does not say what its signed note says"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_nothing_is_signed_over_a_ledger_that_was_changed(damage: str) -> None:
    tamper, problem = DAMAGE[damage]
    grow(7)
    log.sign_checkpoint()
    grow(3)
    tamper()
    before = Checkpoint.objects.count()
    with pytest.raises(log.LedgerDamaged, match=problem):
        log.sign_checkpoint()
    assert Checkpoint.objects.count() == before


def test_what_was_signed_is_looked_at_even_when_nothing_is_new() -> None:
    grow(12)
    log.sign_checkpoint()
    run(
        'UPDATE ledger_node SET hash = (SELECT hash FROM ledger_node WHERE level = 1 AND "index" = 0) WHERE level = 3'
    )()
    with pytest.raises(log.LedgerDamaged, match="does not continue the checkpoint over 12"):
        log.sign_checkpoint()


def test_another_name_or_key_does_not_go_on_with_the_ledger_of_the_old(settings: LazySettings) -> None:
    grow(1)
    log.sign_checkpoint()
    grow(1)
    origin, settings.LEDGER_ORIGIN = settings.LEDGER_ORIGIN, "example.org/new"
    with pytest.raises(log.LedgerDamaged, match=r"is not one of LEDGER_ORIGIN example\.org/new"):
        log.sign_checkpoint()
    settings.LEDGER_ORIGIN, settings.LEDGER_KEY = origin, OTHER.to_openssh().decode()
    with pytest.raises(log.LedgerDamaged, match="by LEDGER_KEY"):
        log.sign_checkpoint()


# --- receipts ---------------------------------------------------------------------------------------


def test_every_entry_under_a_checkpoint_has_a_receipt() -> None:
    grow(11)
    log.sign_checkpoint()
    grow(2)
    for index in range(11):
        receipt = Receipt.parse(log.receipt(index))
        assert receipt.verify(log.note_key()).size == 11
        assert (receipt.index, receipt.data) == (index, leaves()[index])


def test_there_is_no_receipt_before_there_is_a_checkpoint_over_the_entry() -> None:
    grow(2)
    with pytest.raises(log.NotThere, match="index: entry 1 is under no checkpoint yet"):
        log.receipt(1)
    log.sign_checkpoint()
    grow(1)
    with pytest.raises(log.NotThere, match="index: entry 2 is under no checkpoint yet"):
        log.receipt(2)
    with pytest.raises(log.NotThere, match="index: there is no entry 3"):
        log.receipt(3)


def test_old_receipts_hold_as_the_ledger_grows() -> None:
    grow(3)
    log.sign_checkpoint()
    old = log.receipt(1)
    grow(40)
    log.sign_checkpoint()
    assert Receipt.parse(old).verify(log.note_key()).size == 3
    assert Node.objects.count() == 43 - (43).bit_count()


def test_a_checkpoint_is_checked_with_openssl_alone(tmp_path: Path) -> None:
    """As docs/formats/ledger.md says: the signed text, 64 bytes of signature, and the key as a file of RFC 8410."""
    grow(3)
    text, _, line = log.sign_checkpoint().note.rpartition("\n\n")
    signature = subprocess.run(
        ["openssl", "base64", "-d", "-A"], input=line.split(" ")[2].strip().encode(), capture_output=True, check=True
    ).stdout
    (tmp_path / "text").write_text(text + "\n")
    (tmp_path / "signature").write_bytes(signature[4:])
    (tmp_path / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + log.note_key().public.raw)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin"]
    command += ["-inkey", "key", "-sigfile", "signature", "-in", "text"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "text").write_text(text + " \n")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0
