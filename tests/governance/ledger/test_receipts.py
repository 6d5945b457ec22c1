"""A receipt proves its entry to whoever knows the log's key, offline, and nothing else."""

import base64

import pytest

from governance.ledger.merkle import inclusion
from governance.ledger.notes import NoteKey, TreeHead, sign_checkpoint
from governance.ledger.receipts import Receipt, ReceiptError
from tests.governance.keygen import KEY, OTHER
from tests.governance.ledger.trees import Tree

ENTRIES = [f'{{"body":{{"n":{number}}}}}'.encode() for number in range(11)]
TREE = Tree(ENTRIES)
HEAD = TreeHead("example.org/log", 11, TREE.frontier.root)
LOG = NoteKey("example.org/log", KEY.public)


def receipt(index: int = 5) -> Receipt:
    return Receipt(ENTRIES[index], index, tuple(inclusion(index, 11, TREE.read)), sign_checkpoint(HEAD, KEY))


def test_the_text_is_that_of_the_format() -> None:
    lines = str(receipt()).split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra " + base64.b64encode(ENTRIES[5]).decode()
    assert lines[2] == "index 5"
    assert [len(base64.b64decode(line)) for line in lines[3:7]] == [32] * 4
    assert "\n".join(lines[8:]) == sign_checkpoint(HEAD, KEY)


@pytest.mark.parametrize("index", range(11))
def test_a_receipt_proves_its_entry(index: int) -> None:
    read = Receipt.parse(str(receipt(index)))
    assert read == receipt(index)
    assert read.verify(LOG) == HEAD
    assert read.data == ENTRIES[index]


def test_a_receipt_of_the_only_entry_has_no_hashes() -> None:
    alone = Tree(ENTRIES[:1])
    note = sign_checkpoint(TreeHead("example.org/log", 1, alone.frontier.root), KEY)
    text = str(Receipt(ENTRIES[0], 0, (), note))
    assert text.split("\n")[2:4] == ["index 0", ""]
    assert Receipt.parse(text).verify(LOG).size == 1


def test_a_changed_letter_anywhere_in_a_receipt_is_noticed() -> None:
    text = str(receipt())
    for place, letter in enumerate(text):
        other = "x" if letter != "x" else "y"
        with pytest.raises(ReceiptError):
            Receipt.parse(text[:place] + other + text[place + 1 :]).verify(LOG)


def test_a_receipt_of_a_log_one_does_not_trust_is_refused() -> None:
    for log in (NoteKey("example.org/log", OTHER.public), NoteKey("example.org/other", KEY.public)):
        with pytest.raises(ReceiptError, match="none of 1 signatures is by a trusted key"):
            receipt().verify(log)


def test_a_receipt_does_not_prove_another_entry_or_another_place() -> None:
    made = receipt()
    for other in (
        Receipt(ENTRIES[4], 5, made.proof, made.checkpoint),
        Receipt(ENTRIES[5], 4, made.proof, made.checkpoint),
        Receipt(ENTRIES[5], 5, made.proof[:-1], made.checkpoint),
        Receipt(ENTRIES[5], 11, made.proof, made.checkpoint),
    ):
        with pytest.raises(ReceiptError):
            Receipt.parse(str(other)).verify(LOG)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"), "does not begin with c2sp.org/tlog-proof@v1, or has no"),
        (("\n\n", "\n"), "a hash is not base64"),
        (("extra ", "extras "), "must go on with a line `extra`"),
        (("index 5\n", ""), "must go on with a line `extra`"),
        (("index 5", "index 05"), "the index '05' is not a decimal number"),
        (("extra e", "extra !"), "the entry is not base64"),
        (("index 5\n", "index 5\nAAA\n"), "a hash is not base64"),
        (("index 5\n", "index 5\n" + "AAAA\n" * 60), "has more than 63 hashes"),
        (("index 5\n", "index 5\nAAAA\n"), "a hash does not have 32 bytes"),
    ],
)
def test_what_is_no_receipt_is_refused(change: tuple[str, str], problem: str) -> None:
    with pytest.raises(ReceiptError, match=problem):
        Receipt.parse(str(receipt()).replace(*change, 1)).verify(LOG)
