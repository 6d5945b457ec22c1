"""What the addresses under /api/v1/ledger/ give is enough to check the ledger from outside, with the oracle alone."""

import base64
import json
from hashlib import sha256
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from governance.ledger import log
from governance.ledger.notes import NoteKey, open_checkpoint
from governance.ledger.receipts import Receipt
from tests.governance.ledger import rfc6962

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries(db: None) -> list[dict[str, Any]]:
    """The bodies of 7 entries under a checkpoint, and of an eighth that is under none."""
    bodies = [{"number": number, "text": "größe"} for number in range(8)]
    with transaction.atomic():
        log.append_all([("list_published", body) for body in bodies[:7]])
    log.sign_checkpoint()
    with transaction.atomic():
        log.append("claim_moved", bodies[7])
    return bodies


def asked(client: Client, address: str, **query: str) -> Any:
    response = client.get(f"/api/v1/ledger/{address}", query)
    assert response.status_code == 200, response.content
    return response.json()


def text(client: Client, address: str) -> str:
    response = client.get(f"/api/v1/ledger/{address}")
    assert (response.status_code, response["Content-Type"]) == (200, "text/plain; charset=utf-8")
    return response.content.decode("utf-8")


def hashes(answer: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(digest) for digest in answer["hashes"]]


def test_entries_checkpoint_and_proofs_fit_together(client: Client, entries: list[dict[str, Any]]) -> None:
    told = [asked(client, f"entries/{index}") for index in range(8)]
    leaves = [entry["entry"].encode("utf-8") for entry in told]
    for index, entry in enumerate(told):
        assert entry["index"] == index
        assert entry["body"] == json.loads(entry["entry"])["body"] == entries[index]
        assert entry["kind"] == json.loads(entry["entry"])["kind"]
        assert entry["recorded_at"] == json.loads(entry["entry"])["recorded_at"]
        assert entry["leaf_hash"] == sha256(b"\0" + leaves[index]).hexdigest()
    head = open_checkpoint(text(client, "checkpoint"), NoteKey.parse(text(client, "key").strip()))
    assert (head.origin, head.size, head.root) == ("localhost/codesteward", 7, rfc6962.mth(leaves[:7]))
    for index in range(7):
        proof = asked(client, "proofs/inclusion", index=str(index), size="7")
        assert (proof["index"], proof["size"]) == (index, 7)
        assert rfc6962.root_from_path(leaves[index], index, 7, hashes(proof)) == head.root
    growth = asked(client, "proofs/consistency", old="3", new="7")
    assert (growth["old"], growth["new"]) == (3, 7)
    assert hashes(growth) == rfc6962.proof(3, leaves[:7])


def test_a_receipt_is_checked_with_what_it_holds_and_the_key(client: Client, entries: list[dict[str, Any]]) -> None:
    key = NoteKey.parse(text(client, "key").strip())
    for index in range(7):
        receipt = Receipt.parse(text(client, f"receipts/{index}.tlog-proof"))
        assert receipt.verify(key).size == 7
        assert json.loads(receipt.data)["body"] == entries[index]


def test_the_key_is_the_operators(client: Client) -> None:
    name, key_id, key = text(client, "key").strip().split("+", 2)
    raw = base64.b64decode(key)
    assert name == "localhost/codesteward"
    assert key_id == sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
    assert raw[1:] == log.note_key().public.raw


def test_text_is_given_to_those_who_ask_for_text(client: Client, entries: list[dict[str, Any]]) -> None:
    for accept in ("text/plain", "*/*", "application/json, text/plain;q=0.5"):
        response = client.get("/api/v1/ledger/checkpoint", headers={"Accept": accept})
        assert response["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("address", "status", "field", "problem"),
    [
        ("entries/8", 404, "index", "there is no entry 8, the ledger has 8"),
        ("entries/-1", 400, "index", "'-1' is not a whole number from 0 to"),
        ("entries/9223372036854775808", 400, "index", "is not a whole number from 0 to"),
        ("entries/9223372036854775807", 404, "index", "there is no entry 9223372036854775807"),
        ("entries/x", 400, "index", "'x' is not a whole number"),
        ("entries/0?size=1", 400, "size", "is not a parameter of this address; there are: none"),
        ("receipts/7.tlog-proof", 404, "index", "entry 7 is under no checkpoint yet"),
        ("receipts/8.tlog-proof", 404, "index", "there is no entry 8"),
        ("receipts/x.tlog-proof", 400, "index", "'x' is not a whole number"),
        ("proofs/inclusion?size=3", 400, "index", "is missing"),
        ("proofs/inclusion?index=3", 400, "size", "is missing"),
        ("proofs/inclusion?index=3&size=3", 400, "index", "is 3, a tree of 3 entries has 0 to 2"),
        ("proofs/inclusion?index=3&size=9", 404, "size", "is 9, the ledger has 8 entries"),
        ("proofs/inclusion?index=1.0&size=9", 400, "index", "'1.0' is not a whole number"),
        ("proofs/inclusion?index=%D9%A3&size=9", 400, "index", "is not a whole number"),
        ("proofs/consistency?new=3", 400, "old", "is missing"),
        ("proofs/consistency?old=4&new=3", 400, "old", "is 4, must be from 0 to `new`, which is 3"),
        ("proofs/consistency?old=4&new=9", 404, "new", "is 9, the ledger has 8 entries"),
        ("proofs/consistency?old=4&new=8&older=1", 400, "older", "there are: new, old"),
        ("key?x=1", 400, "x", "is not a parameter"),
    ],
)
def test_what_cannot_be_answered_is_told_with_the_field_at_fault(
    client: Client, entries: list[dict[str, Any]], address: str, status: int, field: str, problem: str
) -> None:
    response = client.get(f"/api/v1/ledger/{address}")
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert problem in error["detail"]


def test_before_the_first_checkpoint_there_is_none(client: Client) -> None:
    response = client.get("/api/v1/ledger/checkpoint")
    assert response.status_code == 404
    assert response.json()["detail"] == "No checkpoint has been signed yet."


@pytest.mark.parametrize("address", ["checkpoint", "key", "entries/0", "proofs/inclusion", "receipts/0.tlog-proof"])
def test_nothing_can_be_written_from_outside(client: Client, entries: list[dict[str, Any]], address: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.generic(method, f"/api/v1/ledger/{address}").status_code == 405
    assert log.size() == 8


def test_a_question_costs_few_queries(
    client: Client, entries: list[dict[str, Any]], django_assert_max_num_queries: Any
) -> None:
    for address in ("checkpoint", "entries/3", "proofs/inclusion?index=3&size=8", "receipts/3.tlog-proof"):
        with django_assert_max_num_queries(4):
            client.get(f"/api/v1/ledger/{address}")
