"""The tables of an exclusion list: sorted rows, written as JSONL and as Parquet, and checked that both say the same.

Rows come and go as a stream: what is held in memory is one row group.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

ROW_GROUP = 2**14
MOST_LINE = 2**20
"""Bytes of a line of JSONL, so that a reader may work on blocks."""
BLOCK = 4 * MOST_LINE

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
"""Gives what `canonical` gives, for rows of strings, lists of strings and small integers."""


class TableError(Exception):
    """A table that cannot be read or says two things; the message begins with the file at fault."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a list: two files, NAME.jsonl and NAME.parquet. Rows are sorted by `order`, and no two are alike."""

    name: str
    schema: pa.Schema
    order: tuple[str, ...]

    @property
    def jsonl(self) -> str:
        return f"{self.name}.jsonl"

    @property
    def parquet(self) -> str:
        return f"{self.name}.parquet"

    def key(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(row[column] for column in self.order)


EXCLUSIONS = Table(
    "exclusions",
    pa.schema(
        [
            ("exclusion", pa.string()),
            ("scope", pa.string()),
            ("names", pa.list_(pa.string())),
            ("since", pa.int64()),
        ]
    ),
    order=("scope",),
)
DOCUMENTS = Table(
    "documents",
    pa.schema([(name, pa.string()) for name in ("release", "repository", "path", "swhid", "exclusion")]),
    order=("release", "repository", "path", "swhid", "exclusion"),
)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """SHA-256 in hexadecimal digits, and length in bytes."""

    sha256: str
    bytes: int


def facts_of(path: Path) -> FileFacts:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return FileFacts(digest, stream.tell())


class TableWriter:
    """Writes both files of a table; close it by leaving its `with`."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.rows = 0
        self._table = table
        self._jsonl: BinaryIO = (folder / table.jsonl).open("wb")
        self._parquet = pq.ParquetWriter(str(folder / table.parquet), table.schema, compression="zstd")
        self._last: tuple[Any, ...] | None = None
        self._group: list[Mapping[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._write_group()
        finally:
            self._parquet.close()
            self._jsonl.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Raises ValueError for a row that does not come after the one before, or is no Unicode text."""
        key = self._table.key(row)
        if self._last is not None and key <= self._last:
            raise ValueError(f"{self._table.name}: {key} does not come after {self._last}")
        self._last = key
        line = _ENCODER.encode(row).encode("utf-8")
        if len(line) > MOST_LINE:
            raise ValueError(f"{self._table.name}: {str(key)[:200]} has {len(line)} bytes, {MOST_LINE} at most")
        self._jsonl.write(line + b"\n")
        self._group.append(row)
        self.rows += 1
        if len(self._group) == ROW_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        if self._group:
            self._parquet.write_table(pa.Table.from_pylist(self._group, self._table.schema))
            self._group = []


def read_rows(source: Path | pa.Buffer, table: Table, path: Path) -> Iterator[dict[str, Any]]:
    """The rows of the Parquet file, from its place or its bytes; TableError names `path`."""
    for batch in _parquet_batches(source, table, path):
        yield from batch.to_pylist()


def check_agreement(folder: Path, table: Table) -> None:
    """TableError unless both files hold the same rows in the same order."""
    jsonl, parquet = folder / table.jsonl, folder / table.parquet
    others = _Rows(_parquet_batches(parquet, table, parquet), table.schema)
    at = 0
    for told in _jsonl_tables(jsonl, table):
        if not others.take(told.num_rows).equals(told):
            raise TableError(f"{jsonl}: differs from {parquet.name} among the {told.num_rows} rows after row {at}")
        at += told.num_rows
    if others.take(1).num_rows:
        raise TableError(f"{jsonl}: ends after {at} rows, {parquet.name} does not")


class _Rows:
    """A stream of batches, from which any number of rows is taken at a time."""

    def __init__(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
        self._batches = batches
        self._schema = schema
        self._held = schema.empty_table()

    def take(self, count: int) -> pa.Table:
        """The next rows: `count`, or fewer at the end."""
        while self._held.num_rows < count and (batch := next(self._batches, None)) is not None:
            more = pa.Table.from_batches([batch]).cast(self._schema)
            self._held = pa.concat_tables([self._held, more])
        taken, self._held = self._held.slice(0, count), self._held.slice(count)
        return taken


def _parquet_batches(source: Path | pa.Buffer, table: Table, path: Path) -> Iterator[pa.RecordBatch]:
    with _explained(path):
        place: Any = str(source) if isinstance(source, Path) else pa.BufferReader(source)
        file = pq.ParquetFile(place, page_checksum_verification=True)
    with file:
        if not file.schema_arrow.equals(table.schema):
            raise TableError(f"{path}: has other columns than {', '.join(table.schema.names)}, or of other types")
        batches = file.iter_batches(ROW_GROUP, use_threads=False)
        while True:
            with _explained(path):
                batch = next(batches, None)
            if batch is None:
                return
            if any(map(_holds_null, batch.columns)):
                raise TableError(f"{path}: holds a null")
            yield batch


def _holds_null(column: Any) -> bool:
    return bool(column.null_count) or (pa.types.is_list(column.type) and _holds_null(column.flatten()))


def _jsonl_tables(path: Path, table: Table) -> Iterator[pa.Table]:
    """Block by block: Arrow's own stream of JSON reads further ahead the larger the file is."""
    begun = b""
    with _explained(path), path.open("rb") as stream:
        while piece := stream.read(BLOCK):
            lines, end, begun = (begun + piece).rpartition(b"\n")
            if len(begun) > MOST_LINE:
                raise TableError(f"{path}: has a line of more than {MOST_LINE} bytes")
            if lines:
                yield _parsed(lines + end, table)
    if begun:
        raise TableError(f"{path}: does not end in a line feed")


def _parsed(lines: bytes, table: Table) -> pa.Table:
    return pj.read_json(
        BytesIO(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines)),
        parse_options=pj.ParseOptions(explicit_schema=table.schema, unexpected_field_behavior="error"),
    ).select(table.schema.names)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TableError(f"{path}: cannot be read: {' '.join(str(error).split())[:300]}") from error
