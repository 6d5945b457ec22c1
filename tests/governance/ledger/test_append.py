"""Entries get the next index, in the transaction of what they tell of, or none at all."""

from datetime import UTC
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.ledger import audit, log
from governance.ledger.entries import EntryError, parse
from governance.ledger.models import Entry, Node
from tests.governance.ledger import rfc6962

pytestmark = pytest.mark.django_db


def leaves() -> list[bytes]:
    return [bytes(data) for data in Entry.objects.order_by("index").values_list("data", flat=True)]


def test_entries_are_numbered_from_zero_without_gaps() -> None:
    assert log.size() == 0
    assert log.append("claim_moved", {"a": 1}) == 0
    assert log.append("list_published", {"b": 2}) == 1
    assert log.append_all([("claim_moved", {"n": number}) for number in range(70)]) == range(2, 72)
    assert log.append_all([]) == range(72, 72)
    assert log.append("claim_moved", {}) == 72
    assert log.size() == 73
    assert list(Entry.objects.order_by("index").values_list("index", flat=True)) == list(range(73))
    audit.verify()


def test_an_entry_says_what_was_recorded_and_when() -> None:
    before = timezone.now().replace(microsecond=0)
    entry = log.entry(log.append("list_published", {"number": 3, "names": ["é", None, True]}))
    assert (entry.index, entry.kind) == (0, "list_published")
    assert entry.body == {"number": 3, "names": ["é", None, True]}
    assert before <= entry.recorded_at <= timezone.now()
    fields = parse(bytes(entry.data))
    assert fields["recorded_at"] == entry.recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (fields["kind"], fields["format"]) == ("list_published", 1)
    assert bytes(entry.leaf_hash) == rfc6962.mth([bytes(entry.data)])


def test_the_stored_hashes_are_those_of_the_complete_subtrees() -> None:
    for count in (1, 2, 5, 1, 30):
        log.append_all([("claim_moved", {"n": number}) for number in range(count)])
    data = leaves()
    expected = {
        (level, index): rfc6962.mth(data[index << level : (index + 1) << level])
        for level in range(1, 7)
        for index in range(len(data) >> level)
    }
    assert {(node.level, node.index): bytes(node.hash) for node in Node.objects.all()} == expected


def test_proofs_are_those_of_the_text_for_every_pair() -> None:
    log.append_all([("claim_moved", {"n": number}) for number in range(13)])
    data = leaves()
    for size in range(14):
        for index in range(size):
            assert log.inclusion(index, size) == rfc6962.path(index, data[:size])
        for old in range(1, size + 1):
            assert log.consistency(old, size) == rfc6962.proof(old, data[:size])
        assert log.consistency(0, size) == []


def test_what_an_append_or_a_proof_asks_of_the_database_does_not_grow() -> None:
    log.append_all([("claim_moved", {"n": number}) for number in range(500)])
    for act in (
        lambda: log.append("claim_moved", {}),
        lambda: log.inclusion(77, 499),
        lambda: log.consistency(77, 499),
    ):
        with CaptureQueriesContext(connection) as asked:
            act()
        assert len(asked) <= 6, [query["sql"][:80] for query in asked]


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ([("claim_moved", {}), ("claim_lost", {})], r"items\[1\]\.kind: 'claim_lost' is not one of"),
        ([("claim_moved", {}), ("claim_moved", {"a": [1.5]})], r"items\[1\]\.body\.a\[0\]: is a float"),
        ([("claim_moved", {"a": "x" * 5000})], r"items\[0\]\.body: has 5,008 bytes"),
    ],
)
def test_of_several_entries_all_are_recorded_or_none(items: Any, problem: str) -> None:
    with pytest.raises(EntryError, match=f"^{problem}"):
        log.append_all(items)
    assert log.size() == 0


def test_a_single_entry_is_refused_by_the_name_of_its_argument() -> None:
    with pytest.raises(EntryError, match=r"^kind: 'x' is not one of"):
        log.append("x", {})
    with pytest.raises(EntryError, match=r"^body\.a: is a set"):
        log.append("claim_moved", {"a": {1}})


def test_what_is_taken_back_leaves_no_gap() -> None:
    log.append("claim_moved", {"n": 0})
    for _ in range(3):
        with transaction.atomic():
            assert log.append_all([("claim_moved", {"n": number}) for number in range(5)]) == range(1, 6)
            transaction.set_rollback(True)
    assert log.append("claim_moved", {"n": 1}) == 1
    assert audit.verify().entries == 2


@pytest.mark.django_db(transaction=True)
def test_the_ledger_is_written_within_a_transaction_alone() -> None:
    for act in (lambda: log.append("claim_moved", {}), lambda: log.append_all([])):
        with pytest.raises(RuntimeError, match=r"within transaction\.atomic\(\) alone"):
            act()
    assert log.size() == 0


# --- questions it cannot answer ---------------------------------------------------------------------


@pytest.mark.parametrize("index", [3, -1, 2**63, 2**70])
def test_there_is_no_entry_beyond_the_last(index: int) -> None:
    log.append_all([("claim_moved", {})] * 3)
    with pytest.raises(log.NotThere, match=f"index: there is no entry {index}, the ledger has 3"):
        log.entry(index)


@pytest.mark.parametrize(
    ("index", "size", "argument", "kind"),
    [
        (0, 4, "size", log.NotThere),
        (0, 2**70, "size", log.NotThere),
        (3, 3, "index", log.LedgerError),
        (-1, 3, "index", log.LedgerError),
        (0, 0, "index", log.LedgerError),
        (0, -1, "index", log.LedgerError),
    ],
)
def test_an_inclusion_proof_is_of_what_is_there(
    index: int, size: int, argument: str, kind: type[log.LedgerError]
) -> None:
    log.append_all([("claim_moved", {})] * 3)
    with pytest.raises(log.LedgerError, match=f"^{argument}: is ") as caught:
        log.inclusion(index, size)
    assert type(caught.value) is kind
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("old", "new", "argument", "kind"),
    [
        (0, 4, "new", log.NotThere),
        (3, 2, "old", log.LedgerError),
        (-1, 2, "old", log.LedgerError),
        (0, -1, "old", log.LedgerError),
    ],
)
def test_a_consistency_proof_is_of_what_is_there(
    old: int, new: int, argument: str, kind: type[log.LedgerError]
) -> None:
    log.append_all([("claim_moved", {})] * 3)
    with pytest.raises(log.LedgerError, match=f"^{argument}: is ") as caught:
        log.consistency(old, new)
    assert type(caught.value) is kind
