"""In-toto statements in DSSE envelopes: the form in which lists and receipts are signed.

A statement says something (its predicate) of files (its subjects, by SHA-256). See in-toto Attestation
Framework, Statement version 1. Pure.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from governance.ledger.canonical import canonical
from governance.signing import PublicKey, SignatureError, SigningKey, dsse_open, dsse_sign

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
HEX = frozenset("0123456789abcdef")
SHA256_DIGITS = 64


class StatementError(Exception):
    """An envelope that is not signed by a trusted key, or holds something else than was asked for."""


@dataclass(frozen=True, slots=True)
class Statement:
    """`subjects` maps names of files to their SHA-256, in hexadecimal digits; `predicate` is JSON."""

    predicate_type: str
    subjects: Mapping[str, str]
    predicate: Any

    def signed(self, keys: Sequence[SigningKey]) -> bytes:
        """The envelope, signed by each key. The same statement and keys give the same bytes."""
        subjects = [{"digest": {"sha256": digest}, "name": name} for name, digest in sorted(self.subjects.items())]
        content = {
            "_type": STATEMENT_TYPE,
            "predicate": self.predicate,
            "predicateType": self.predicate_type,
            "subject": subjects,
        }
        return dsse_sign(PAYLOAD_TYPE, canonical(content), keys)


def open_statement(envelope: bytes, predicate_type: str, trusted: Collection[PublicKey]) -> Statement:
    """The statement of that type that a trusted key has signed; StatementError otherwise."""
    try:
        payload = dsse_open(envelope, PAYLOAD_TYPE, trusted)
    except SignatureError as error:
        raise StatementError(str(error)) from error
    try:
        fields = Fields.parsed(payload, "statement")
        if fields.text("_type") != STATEMENT_TYPE:
            raise ValueError(f"statement._type: is not {STATEMENT_TYPE}")
        if (given := fields.text("predicateType")) != predicate_type:
            raise ValueError(f"statement.predicateType: is {given[:100]!r}, not {predicate_type!r}")
        subjects = {subject.text("name"): subject.inner("digest").digest("sha256") for subject in fields.all("subject")}
        return Statement(predicate_type, subjects, fields.inner("predicate").value)
    except ValueError as error:
        raise StatementError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object that is read field by field; ValueError names the field at fault: `manifest.files.x.bytes`."""

    value: Mapping[str, Any]
    name: str

    @classmethod
    def parsed(cls, text: bytes, name: str) -> Self:
        try:
            return cls.of(json.loads(text), name)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name}: is not a JSON object ({error})") from None

    @classmethod
    def of(cls, value: Any, name: str) -> Self:
        if not isinstance(value, dict):
            raise ValueError(f"{name}: is not a JSON object")
        return cls(value, name)

    def text(self, field: str) -> str:
        value = self._given(field)
        if not isinstance(value, str):
            raise ValueError(f"{self.name}.{field}: is not a string")
        return value

    def text_or_none(self, field: str) -> str | None:
        return None if self._given(field) is None else self.text(field)

    def digest(self, field: str) -> str:
        value = self.text(field)
        check_digest(value, f"{self.name}.{field}")
        return value

    def count(self, field: str) -> int:
        value = self._given(field)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{self.name}.{field}: is not a number of things")
        return value

    def flag(self, field: str) -> bool:
        value = self._given(field)
        if not isinstance(value, bool):
            raise ValueError(f"{self.name}.{field}: is neither true nor false")
        return value

    def inner(self, field: str) -> "Fields":
        return Fields.of(self._given(field), f"{self.name}.{field}")

    def all(self, field: str) -> list["Fields"]:
        values = self._given(field)
        if not isinstance(values, list):
            raise ValueError(f"{self.name}.{field}: is not a list")
        return [Fields.of(value, f"{self.name}.{field}[{place}]") for place, value in enumerate(values)]

    def counts(self) -> dict[str, int]:
        """All fields, which are numbers of things."""
        return {field: self.count(field) for field in self.value}

    def _given(self, field: str) -> Any:
        if field not in self.value:
            raise ValueError(f"{self.name}.{field}: is missing")
        return self.value[field]


def check_digest(text: str, name: str) -> None:
    """ValueError unless `text` is a SHA-256 in lower-case hexadecimal digits."""
    if len(text) != SHA256_DIGITS or not HEX.issuperset(text):
        raise ValueError(f"{name}: is not a SHA-256 of {SHA256_DIGITS} lower-case hexadecimal digits")


def check_count(number: int, name: str, least: int = 0) -> None:
    if number < least:
        raise ValueError(f"{name}: is {number}, must be at least {least}")
