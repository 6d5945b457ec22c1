"""Application receipts: what a pipeline did to its shards for one exclusion list, signed with its own key.

Format version 1, docs/formats/exclusion-list.md. Pure.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from governance.ledger.canonical import canonical
from governance.signing import PublicKey, SigningKey
from optout.statements import Fields, Statement, StatementError, check_count, check_digest, open_statement

FORMAT = 1
PREDICATE_TYPE = "https://codesteward.dev/application-receipt/v1"
RECEIPT = "receipt.json"
ENVELOPE = "receipt.dsse.json"
DROPPED = "dropped.parquet"
SHARDS = "shards"
MOST_BYTES = 2**28
"""Of an envelope: about a million exclusions, or shards."""

_ID = re.compile("[0-9a-f]{20}")


class ReceiptError(Exception):
    """A receipt that is not signed by a trusted key or contradicts itself; the message names the part at fault."""


@dataclass(frozen=True, slots=True)
class InputShard:
    """A shard as it was read. `documents` are the files of all rows, usable or not.

    `unnamed` of them have no repository or no path, so that not every kind of scope could cover them.
    """

    name: str
    sha256: str
    bytes: int
    rows: int
    documents: int
    unnamed: int


@dataclass(frozen=True, slots=True)
class OutputShard:
    """The shard of the same name as it was written; `copied` where it is the same bytes."""

    name: str
    sha256: str
    bytes: int
    rows: int
    documents: int
    dropped: int
    copied: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many documents were dropped, in all and for each exclusion (those with none are left out).

    A document that several exclusions cover counts once in `documents` and for each of them. `sha256` is that of
    dropped.parquet.
    """

    documents: int
    by_exclusion: Mapping[str, int]
    sha256: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """List `list` with the manifest of that SHA-256, applied to `inputs`, gave `outputs`; both sorted by name.

    `columns` is the column map by which the shards were read; None where each told its layout.
    """

    list: int
    manifest: str
    release: str | None
    tool: str
    inputs: tuple[InputShard, ...]
    outputs: tuple[OutputShard, ...]
    dropped: Dropped
    columns: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        check_count(self.list, "receipt.list", least=1)
        check_digest(self.manifest, "receipt.manifest")
        names = [shard.name for shard in self.inputs]
        if not names or names != sorted(set(names)):
            raise ValueError("receipt.inputs: must be one shard at least, sorted by name, no name twice")
        if names != [shard.name for shard in self.outputs]:
            raise ValueError("receipt.outputs: must have the names of the inputs")
        for given, made in zip(self.inputs, self.outputs, strict=True):
            _check_shard(given, made)
        _check_dropped(self.dropped, sum(shard.dropped for shard in self.outputs))

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Inverse of `to_json`; raises ValueError that names the field at fault."""
        fields = Fields.of(value, "receipt")
        if (given := fields.count("format")) != FORMAT:
            raise ValueError(f"receipt.format: is {given}, only {FORMAT} is known here")
        dropped = fields.inner("dropped")
        receipt = cls(
            list=fields.count("list"),
            manifest=fields.digest("manifest"),
            release=fields.text_or_none("release"),
            tool=fields.text("tool"),
            inputs=tuple(map(_input, fields.all("inputs"))),
            outputs=tuple(map(_output, fields.all("outputs"))),
            dropped=Dropped(
                dropped.count("documents"), dropped.inner("by_exclusion").counts(), dropped.digest("sha256")
            ),
            columns=_columns(fields),
        )
        if receipt.to_json() != value:
            raise ValueError("receipt: holds fields that format 1 does not know")
        return receipt

    def to_json(self) -> dict[str, Any]:
        inputs, outputs = [asdict(shard) for shard in self.inputs], [asdict(shard) for shard in self.outputs]
        told = {"format": FORMAT, **asdict(self), "inputs": inputs, "outputs": outputs}
        return {name: value for name, value in told.items() if name != "columns" or value}

    def to_bytes(self) -> bytes:
        """Canonical JSON and a line feed: receipt.json."""
        return canonical(self.to_json()) + b"\n"

    def signed(self, keys: Sequence[SigningKey]) -> bytes:
        """receipt.dsse.json: a statement about dropped.parquet and the shards that were written."""
        return Statement(PREDICATE_TYPE, self.subjects, self.to_json()).signed(keys)

    @property
    def subjects(self) -> dict[str, str]:
        """The files that the receipt is about, with their SHA-256: what was written, seen from OUT."""
        shards = {f"{SHARDS}/{shard.name}": shard.sha256 for shard in self.outputs}
        return {DROPPED: self.dropped.sha256} | shards


def write_receipt(folder: Path, receipt: Receipt, keys: Sequence[SigningKey]) -> None:
    """Write receipt.json and receipt.dsse.json; the same receipt and keys give the same bytes."""
    (folder / RECEIPT).write_bytes(receipt.to_bytes())
    (folder / ENVELOPE).write_bytes(receipt.signed(keys))


def open_receipt(envelope: bytes, trusted: Collection[PublicKey]) -> Receipt:
    """The receipt that a trusted key has signed, where it does not contradict itself; ReceiptError otherwise."""
    if len(envelope) > MOST_BYTES:
        raise ReceiptError(f"the envelope has {len(envelope)} bytes, {MOST_BYTES} at most")
    try:
        statement = open_statement(envelope, PREDICATE_TYPE, trusted)
        receipt = Receipt.from_json(statement.predicate)
    except (StatementError, ValueError) as error:
        raise ReceiptError(str(error)) from error
    if statement.subjects != receipt.subjects:
        raise ReceiptError("statement.subject: names other files than the receipt")
    return receipt


def _check_shard(given: InputShard, made: OutputShard) -> None:
    name = f"receipt.outputs: shard {made.name}"
    if made.documents + made.dropped != given.documents:
        raise ValueError(f"{name}: {made.documents} documents and {made.dropped} dropped are not {given.documents}")
    if made.rows > given.rows or given.unnamed > given.documents:
        raise ValueError(f"{name}: has more rows than were read, or more unnamed documents than documents")
    if made.copied and asdict(given) | {"dropped": 0, "copied": True} != asdict(made) | {"unnamed": given.unnamed}:
        raise ValueError(f"{name}: is said to be copied and is not what was read")


def _check_dropped(dropped: Dropped, documents: int) -> None:
    if dropped.documents != documents:
        raise ValueError(f"receipt.dropped.documents: is {dropped.documents}, of the shards {documents} were dropped")
    for exclusion, count in dropped.by_exclusion.items():
        if not _ID.fullmatch(exclusion) or not 1 <= count <= documents:
            raise ValueError(f"receipt.dropped.by_exclusion.{exclusion[:40]}: is no exclusion, or {count} no count")
    if sum(dropped.by_exclusion.values()) < documents:
        raise ValueError("receipt.dropped.by_exclusion: tells of fewer documents than were dropped")


def _columns(fields: Fields) -> dict[str, str] | None:
    if "columns" not in fields.value:
        return None
    columns = fields.inner("columns")
    return {name: columns.text(name) for name in columns.value}


def _input(fields: Fields) -> InputShard:
    return InputShard(
        name=fields.text("name"),
        sha256=fields.digest("sha256"),
        bytes=fields.count("bytes"),
        rows=fields.count("rows"),
        documents=fields.count("documents"),
        unnamed=fields.count("unnamed"),
    )


def _output(fields: Fields) -> OutputShard:
    return OutputShard(
        name=fields.text("name"),
        sha256=fields.digest("sha256"),
        bytes=fields.count("bytes"),
        rows=fields.count("rows"),
        documents=fields.count("documents"),
        dropped=fields.count("dropped"),
        copied=fields.flag("copied"),
    )
