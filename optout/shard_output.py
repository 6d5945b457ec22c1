"""Shards as the filter writes them: as Arrow reads them, the same columns, types, metadata and order.

What Parquet does not let a reader of columns see is taken over where it can be told: compression, dictionaries and
statistics of each column, the page index, the sorting, the key-value metadata byte for byte. Pure.
"""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from optout.matcher import Verdict
from optout.shard_columns import COUNT, Columns
from optout.shard_files import lengths_of

GROUP_BYTES = 2**26
"""A row group ends where one of the input's does, and before that as soon as it holds so many bytes."""
PAGE_VALUES = 16
"""Texts are long: with pyarrow's 1,024 to a page, a reader would have to hold megabytes to see one."""
CODECS = {"UNCOMPRESSED": "NONE", "LZ4_RAW": "LZ4", "LZ4_HADOOP": "LZ4"}
"""pyarrow's names for what it reads under another."""

FORM: dict[str, Any] = {
    # The Arrow schema goes along with the other key-value metadata, as it was: types may have been read as others.
    "store_schema": False,
    # The names that the input has below its lists, whichever they are.
    "use_compliant_nested_type": False,
    "write_batch_size": PAGE_VALUES,
    "write_page_checksum": True,
}


class ShardWriter:
    """Writes what was read from `source`; close it by leaving its `with`. At least one batch must be added."""

    def __init__(self, path: Path, source: pq.ParquetFile) -> None:
        self._path = path
        self._source = source
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._writer is None:
            return
        metadata: Any = self._source.metadata.metadata  # the stubs know of strings only
        if kind is None and metadata:
            self._writer.add_key_value_metadata(metadata)
        self._writer.close()

    def add(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            schema = batch.schema.remove_metadata()
            self._writer = pq.ParquetWriter(str(self._path), schema, **options_of(self._source, schema))
        if batch.num_rows:
            self._held.append(batch)
            self._bytes += batch.nbytes
        if self._bytes >= GROUP_BYTES:
            self.end_group()

    def end_group(self) -> None:
        if self._writer is not None and self._held:
            table = pa.Table.from_batches(self._held).replace_schema_metadata(None)
            self._held, self._bytes = [], 0
            self._writer.write_table(table)


def options_of(source: pq.ParquetFile, schema: pa.Schema) -> dict[str, Any]:
    """How to write columns of `schema` as the first row group of `source` has them."""
    group = source.metadata.row_group(0)
    named = dict(zip(_leaf_names(schema), (group.column(i) for i in range(group.num_columns)), strict=True))
    return FORM | {
        "compression": {name: CODECS.get(column.compression, column.compression) for name, column in named.items()},
        "use_dictionary": [name for name, column in named.items() if column.has_dictionary_page],
        "write_statistics": [name for name, column in named.items() if column.is_stats_set],
        "write_page_index": any(column.has_offset_index for column in named.values()),
        "use_deprecated_int96_timestamps": any(column.physical_type == "INT96" for column in named.values()),
        "sorting_columns": group.sorting_columns or None,
    }


def _leaf_names(schema: pa.Schema) -> list[str]:
    """What the columns of `schema` are called in Parquet."""
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, schema, **FORM).close()
    parquet = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [parquet.column(index).path for index in range(len(parquet))]


def without(batch: pa.RecordBatch, columns: Columns, verdict: Verdict) -> pa.RecordBatch:
    """The batch without what is covered, of types that can be written.

    A row goes where its repository is covered, where it is a covered file, or where all its files are.
    """
    batch = _solid_batch(batch)
    if not verdict:
        return batch
    if not columns.files:
        return batch.filter(pa.array([row not in verdict.files for row in range(batch.num_rows)]))
    return _without_files(batch, columns.files, verdict)


def _without_files(batch: pa.RecordBatch, name: str, verdict: Verdict) -> pa.RecordBatch:
    lists: Any = batch.column(name)
    lengths = lengths_of(lists)
    keep = [index not in verdict.files for index in range(sum(lengths))]
    ends = [0, *accumulate(lengths)]
    left = [sum(keep[start : start + length]) for start, length in zip(ends, lengths, strict=False)]
    files = _list_of(lists, lists.flatten().filter(pa.array(keep, pa.bool_())), left)
    batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), files)
    batch = _with_counts(batch, lengths, left)
    rows = [
        row not in verdict.rows and (now > 0 or was == 0)
        for row, (was, now) in enumerate(zip(lengths, left, strict=True))
    ]
    return batch.filter(pa.array(rows, pa.bool_()))


def _with_counts(batch: pa.RecordBatch, lengths: Sequence[int], left: Sequence[int]) -> pa.RecordBatch:
    """The column of counts put right in rows that have lost files; a count that is null says nothing and stays."""
    index = batch.schema.get_field_index(COUNT)
    if index < 0 or not types.is_integer(batch.schema.field(index).type):
        return batch
    said = batch.column(index).to_pylist()
    counts = [
        now if count is not None and now != was else count for count, was, now in zip(said, lengths, left, strict=True)
    ]
    field = batch.schema.field(index)
    return batch.set_column(index, field, pa.array(counts, field.type))


# --- Types that can be written ----------------------------------------------------------------------
# Below lists, Arrow cannot write views to Parquet. In the file they are no other than strings and lists.


def _solid_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    for index, field in enumerate(batch.schema):
        if _holds_view(field.type):
            column = _solid(batch.column(index))
            batch = batch.set_column(index, field.with_type(column.type), column)
    return batch


def _holds_view(kind: pa.DataType) -> bool:
    below = (kind.field(index).type for index in range(kind.num_fields))
    return _is_view(kind) or any(map(_holds_view, below))


def _is_view(kind: pa.DataType) -> bool:
    return (
        types.is_string_view(kind)
        or types.is_binary_view(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def _solid(array: Any) -> Any:
    """The same values with large strings and large lists in place of views."""
    kind = array.type
    if not _holds_view(kind):
        return array
    if types.is_string_view(kind):
        return array.cast(pa.large_string())
    if types.is_binary_view(kind):
        return array.cast(pa.large_binary())
    if types.is_struct(kind):
        children = [_solid(array.field(index)) for index in range(kind.num_fields)]
        fields = [kind.field(index).with_type(child.type) for index, child in enumerate(children)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())
    if types.is_map(kind) or types.is_fixed_size_list(kind):
        raise ValueError(f"views within a {kind} cannot be written")
    values = _solid(array.flatten())
    lists = pa.large_list(kind.value_field.with_type(values.type))
    return _list_of(array, values, lengths_of(array), lists)


def _list_of(lists: Any, values: Any, lengths: Sequence[int], kind: Any = None) -> Any:
    """Lists of these lengths over `values`, null where `lists` are, of their type or of `kind`."""
    kind = kind or lists.type
    made: Any = pa.LargeListArray if types.is_large_list(kind) else pa.ListArray
    offsets = pa.array([0, *accumulate(lengths)], pa.int64() if types.is_large_list(kind) else pa.int32())
    return made.from_arrays(offsets, values, type=kind, mask=lists.is_null())
