"""What an entry of the ledger is made of, and the bytes that its leaf hash is of (docs/formats/ledger.md). Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from governance.ledger.canonical import canonical

FORMAT = 1
MOST_BODY = 4096
"""Bytes of a body in canonical JSON: an entry is a statement, and what it is about lies elsewhere under a digest."""
TIME = "%Y-%m-%dT%H:%M:%SZ"


class Kind(StrEnum):
    """What may be recorded. A closed table, since what is written here stays for good."""

    CLAIM_MOVED = "claim_moved"
    """A claim changed its state; a commitment alone, since a scope and who asked are no public facts."""
    LIST_PUBLISHED = "list_published"
    RECEIPT_ACCEPTED = "receipt_accepted"
    REMOVAL_REPORTED = "removal_reported"


class EntryError(ValueError):
    """A kind or a body that cannot be recorded; the message begins with the part at fault."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is to be recorded: a kind and a body that are fit for it; make one with `statement`."""

    kind: Kind
    body: Mapping[str, Any]

    def data(self, recorded_at: datetime) -> bytes:
        """The entry's bytes: canonical JSON of body, format, kind and the time in UTC to the second."""
        time = recorded_at.astimezone(UTC).strftime(TIME)
        return canonical({"format": FORMAT, "kind": self.kind, "recorded_at": time, "body": self.body})


def statement(kind: str, body: Mapping[str, Any], name: str = "") -> Statement:
    """Raises EntryError that names `kind` or the part of `body`; `name` goes before them (`items[3].`)."""
    if kind not in set(Kind):
        raise EntryError(f"{name}kind: {str(kind)[:40]!r} is not one of {', '.join(Kind)}")
    if not isinstance(body, Mapping):
        raise EntryError(f"{name}body: is a {type(body).__name__}, not a mapping")
    try:
        size = len(canonical(body, f"{name}body"))
    except ValueError as error:
        raise EntryError(str(error)) from None
    if size > MOST_BODY:
        raise EntryError(f"{name}body: has {size:,} bytes, {MOST_BODY:,} at most")
    return Statement(Kind(kind), body)


def parse(data: bytes) -> dict[str, Any]:
    """The fields of an entry's bytes: `body`, `format`, `kind`, `recorded_at` (text).

    Raises EntryError where the bytes are not canonical JSON of these four.
    """
    try:
        fields = json.loads(data)
        is_canonical = canonical(fields) == data
    except (ValueError, RecursionError):
        raise EntryError("entry: is not canonical JSON") from None
    if not is_canonical:
        raise EntryError("entry: is not canonical JSON")
    if not isinstance(fields, dict) or set(fields) != {"body", "format", "kind", "recorded_at"}:
        raise EntryError("entry: does not consist of body, format, kind and recorded_at")
    return fields
