"""Shards as the filter reads them: batches of rows in bounded memory, and the files in them.

What is held at once is a few tens of megabytes, or one row where a row has more; to read such a row and to write it
again takes about six times its size. Pure.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from governance.storage import Location, StorageError, storage_failure
from optout.column_map import ColumnMap
from optout.shard_columns import Columns, Place, UnknownLayout, columns_of, leaves
from optout.shard_texts import octets_of, text_of_events, without_tags

READING: dict[str, Any] = {
    "pre_buffer": False,
    "buffer_size": 2**18,
    "binary_type": pa.large_binary(),
    "list_type": pa.LargeListType,
    "page_checksum_verification": True,
}
"""Read on demand in small pieces, check what carries a checksum, and let a row hold more than 2 GiB."""

BATCH_BYTES = 2**24
"""Of text held at once, beside the largest row."""
MOST_ROWS = 128
ROWS_WITHOUT_TEXTS = 256
ROWS_OF_UNKNOWN_SIZE = 8
"""One where a row is a list of files."""
REASON_LENGTH = 300


class ShardRefused(Exception):
    """A shard that cannot be filtered; the message begins with its URL."""


@dataclass(frozen=True, slots=True)
class Shard:
    """An open shard; good as long as the block of `opened`."""

    place: Location
    file: pq.ParquetFile
    columns: Columns

    def batches(self, group: int, *, texts: bool, all_columns: bool = False) -> Iterator[pa.RecordBatch]:
        """The rows of a row group in order: what is needed to judge them, with or without texts, or everything."""
        places = None if all_columns else self.columns.to_judge(texts=texts)
        rows = self._rows_at_once(group) if texts or all_columns else ROWS_WITHOUT_TEXTS
        yield from self._read(group, places, rows)

    def _rows_at_once(self, group: int) -> int:
        """The most rows of which any run has at most BATCH_BYTES of text more than the largest row.

        By the sizes that the shard declares. Where it declares none, or too little to be true, as few as can be.
        """
        if not self.columns.content:
            return self._rows_of_pointers(group)
        sizes = self._declared_sizes(group)
        if 2 * sum(sizes) < self._text_bytes(group):
            return 1 if self.columns.files else ROWS_OF_UNKNOWN_SIZE
        most = BATCH_BYTES + max(sizes, default=0)
        sums = [0, *accumulate(sizes)]
        rows = MOST_ROWS
        while rows > 1 and any(sums[min(at + rows, len(sizes))] - sums[at] > most for at in range(0, len(sizes), rows)):
            rows //= 2
        return rows

    def _rows_of_pointers(self, group: int) -> int:
        """Of rows that hold no text, as many as have BATCH_BYTES on the average."""
        found = self.file.metadata.row_group(group)
        return max(1, min(MOST_ROWS, BATCH_BYTES * found.num_rows // max(found.total_byte_size, 1)))

    def _declared_sizes(self, group: int) -> list[int]:
        """Bytes of text of each row."""
        if not self.columns.size:
            return []
        sizes: list[int] = []
        for batch in self._read(group, [self.columns.size], MOST_ROWS):
            if not self.columns.files:
                sizes += map(_whole, _at(batch, self.columns.size).to_pylist())
                continue
            files: Any = batch.column(self.columns.files)
            each = [0, *accumulate(map(_whole, _at(files.flatten(), self.columns.size[1:]).to_pylist()))]
            ends = [0, *accumulate(lengths_of(files))]
            sizes += (each[end] - each[start] for start, end in pairwise(ends))
        return sizes

    def _text_bytes(self, group: int) -> int:
        """Uncompressed bytes of the column of texts."""
        found = self.file.metadata.row_group(group)
        return sum(found.column(index).total_uncompressed_size for index in self._indices([self.columns.content]))

    def _indices(self, places: Sequence[Place]) -> list[int]:
        """The Parquet columns at or below `places`.

        Parquet names the inside of lists, and every writer names it otherwise; but its columns and the leaves of the
        Arrow schema stand in the same order.
        """
        at = enumerate(leaves(pa.struct(list(self.file.schema_arrow))))
        return [index for index, leaf in at if any(leaf[: len(place)] == place for place in places)]

    def _read(self, group: int, places: Sequence[Place] | None, rows: int) -> Iterator[pa.RecordBatch]:
        """All rows of a row group; raises ShardRefused where it is damaged, or fewer come than it says."""
        names = None if places is None else [self.file.schema.column(index).path for index in self._indices(places)]
        batches = self.file.iter_batches(rows, row_groups=[group], columns=names, use_threads=False)
        row = 0
        while True:
            with explained(self.place, f"is damaged in row group {group}, at row {row} of it"):
                batch = next(batches, None)
            if batch is None:
                break
            row += batch.num_rows
            yield batch
            del batch
        expected = self.file.metadata.row_group(group).num_rows
        if row != expected:
            raise ShardRefused(f"{self.place}: is damaged: row group {group} holds {row} rows instead of {expected}")


@contextmanager
def opened(place: Location, given: ColumnMap | None = None) -> Iterator[Shard]:
    """Raises ShardRefused where it is no Parquet file, or of no known layout, nor of what the column map says."""
    with explained(place, "is not a readable Parquet file"):
        stream = place.open_input()
    with stream:
        with explained(place, "is not a readable Parquet file"):
            file = pq.ParquetFile(stream, **READING)
        with file:
            with explained(place, "has a schema that cannot be read"):
                schema = file.schema_arrow
            try:
                columns = columns_of(schema, given)
            except UnknownLayout as error:
                raise ShardRefused(f"{place}: {error}") from error
            yield Shard(place, file, columns)


class Files:
    """The files of a batch of rows, whichever the layout: row by row, counted from 0 through the batch."""

    def __init__(self, batch: pa.RecordBatch, columns: Columns) -> None:
        self.rows = batch.num_rows
        self.nested = bool(columns.files)
        self.is_of_files = columns.is_of_files
        self._batch = batch
        self._columns = columns
        lists: Any = batch.column(columns.files) if columns.files else None
        self.lengths = [1] * self.rows if lists is None else lengths_of(lists)
        self._files: Any = batch if lists is None else lists.flatten()

    def __len__(self) -> int:
        return len(self._files)

    @cached_property
    def repositories(self) -> list[str | None]:
        """Of each row, as the shard writes it."""
        where = self._columns.repository
        return _names(_at(self._batch, where)) if where else [None] * self.rows

    @cached_property
    def repositories_of_files(self) -> list[str | None]:
        """Of each file, the one of its row."""
        rows = zip(self.repositories, self.lengths, strict=True)
        return [repository for repository, length in rows for _ in range(length)]

    @cached_property
    def paths(self) -> list[str | None]:
        """Of what is no file, its id."""
        return self._names_of_files(self._columns.path)

    @cached_property
    def content_ids(self) -> list[str | None]:
        """What the shard declares, whatever it is."""
        return self._names_of_files(self._columns.content_id)

    def texts(self) -> Iterator[memoryview | None]:
        """The bytes of each file where they lie; None of each where the shard holds no texts."""
        if self._columns.tagged or self._columns.is_thread or not self._columns.content:
            return map(self.text, range(len(self)))
        return map(octets_of, self._column(self._columns.content))

    def text(self, index: int) -> memoryview | None:
        if not self._columns.content:
            return None
        value = self._column(self._columns.content)[index]
        if self._columns.is_thread:
            return text_of_events(value)
        text = octets_of(value)
        if text is None or not self._columns.tagged:
            return text
        return without_tags(text, self.repositories_of_files[index], self.paths[index])

    def _names_of_files(self, place: Place) -> list[str | None]:
        return _names(self._column(place)) if place else [None] * len(self)

    def _column(self, place: Place) -> Any:  # Arrow has a class per type
        return _at(self._files, place[1:] if self.nested else place)


def lengths_of(lists: Any) -> list[int]:
    """How many elements each list has; none where it is null."""
    return [length or 0 for length in lists.value_lengths().to_pylist()]


@contextmanager
def explained(place: Location, problem: str) -> Iterator[None]:
    """Whatever Arrow, the system or a server says of a file becomes a ShardRefused."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, MemoryError, StorageError) as error:
        failure = storage_failure(error)
        reason = failure.reason if failure else " ".join(str(error).split())[:REASON_LENGTH]
        raise ShardRefused(f"{place}: {problem}: {reason}") from error


def _names(column: Any) -> list[str | None]:
    """Names that are not UTF-8 are read with replacement characters rather than lost."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if types.is_integer(column.type):
        column = column.cast(pa.string())
    octets = column.cast(pa.large_binary()).to_pylist()
    return [None if name is None else name.decode("utf-8", "replace") for name in octets]


def _at(parent: Any, place: Place) -> Any:
    """The column at `place` of a record batch or a struct array."""
    found: Any = parent.column(place[0]) if isinstance(parent, pa.RecordBatch) else parent.field(place[0])
    for name in place[1:]:
        found = found.field(name)
    return found


def _whole(number: int | None) -> int:
    return max(number or 0, 0)
