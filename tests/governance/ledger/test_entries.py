"""What may be recorded, and that its bytes say all of it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from governance.ledger.entries import MOST_BODY, EntryError, Kind, parse, statement

NOON = datetime(2026, 11, 21, 12, 0, 0, 999_999, tzinfo=UTC)


def test_the_bytes_of_an_entry_are_as_documented() -> None:
    data = statement("list_published", {"number": 3, "manifest": "ab"}).data(NOON)
    assert data == (
        b'{"body":{"manifest":"ab","number":3},"format":1,"kind":"list_published","recorded_at":"2026-11-21T12:00:00Z"}'
    )
    assert parse(data)["body"] == {"manifest": "ab", "number": 3}


def test_the_time_is_told_in_utc() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert statement("claim_moved", {}).data(elsewhere) == statement("claim_moved", {}).data(NOON)


def test_the_kinds_are_a_closed_table() -> None:
    assert set(Kind) == {"claim_moved", "list_published", "receipt_accepted", "removal_reported"}
    for kind in Kind:
        assert statement(kind, {}).kind is kind


@pytest.mark.parametrize(
    ("kind", "body", "problem"),
    [
        ("claim_deleted", {}, "kind: 'claim_deleted' is not one of claim_moved, "),
        ("", {}, "kind: '' is not one of"),
        ("claim_moved", [], "body: is a list, not a mapping"),
        ("claim_moved", {"share": 0.5}, r"body\.share: is a float"),
        ("claim_moved", {"a": [{}, {"b": b""}]}, r"body\.a\[1\]\.b: is a bytes"),
        ("claim_moved", {"text": "x" * MOST_BODY}, "body: has 4,107 bytes, 4,096 at most"),
        ("claim_moved", {"text": "é" * 2043}, "body: has 4,097 bytes, 4,096 at most"),
    ],
)
def test_what_cannot_be_recorded_is_refused_by_name(kind: str, body: Any, problem: str) -> None:
    with pytest.raises(EntryError, match=f"^{problem}"):
        statement(kind, body)
    with pytest.raises(EntryError, match=rf"^items\[3\]\.{problem}"):
        statement(kind, body, "items[3].")


def test_the_largest_body_is_taken() -> None:
    body = {"text": "x" * (MOST_BODY - len('{"text":""}'))}
    assert parse(statement("claim_moved", body).data(NOON))["body"] == body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"body":{},"format":1,"kind":"claim_moved"}',
        b'{"body":{},"format":1,"kind":"claim_moved","recorded_at":"x" }',
        b'{"format":1,"body":{},"kind":"claim_moved","recorded_at":"x"}',
        b'{"body":{},"body":{},"format":1,"kind":"claim_moved","recorded_at":"x"}',
        b'{"body":1.0,"format":1,"kind":"claim_moved","recorded_at":"x"}',
    ],
)
def test_bytes_that_are_no_entry_are_refused(data: bytes) -> None:
    with pytest.raises(EntryError, match=r"^entry: "):
        parse(data)
