"""Layouts: where each published schema of shards keeps what a document needs.

A layout is a table of columns, so a new schema is a new entry of LAYOUTS. Names of columns may reach into
structs with dots. Types are taken as they come: strings may be large, views, binary or dictionary-encoded,
lists may be large or views. A column of a type that cannot hold its field is as good as not there.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from search.contents import RawFile

Place = tuple[str, ...]
"""The names from the top of a schema down to a column; lists on the way have no name."""

REQUIRED = ("repository", "path", "content")


@dataclass(frozen=True, slots=True)
class Layout:
    """One schema: the candidates of each field of RawFile, the first that is there counts.

    `files` names the list column whose elements are the files of a row, `of_row` what they share; where it is
    empty each row is a file. `size` is the length of the text in bytes, `batch_rows` how many rows are
    held in memory at once.
    """

    name: str
    of_file: Mapping[str, tuple[str, ...]]
    size: str
    of_row: Mapping[str, tuple[str, ...]]
    files: str
    batch_rows: int


LAYOUTS = (
    Layout(
        name="stack-v3",
        files="files",
        of_row={
            "repository": ("repo_path",),
            "revision": ("commit_id",),
            "stars": ("github_metadata.stars",),
        },
        of_file={
            "path": ("file_path",),
            "content": ("content",),
            "content_id": ("content_id",),
            "language": ("language",),
            "licenses": ("detected_licenses",),
            "vendored": ("is_vendor",),
            "generated": ("is_generated",),
        },
        size="size_bytes",
        batch_rows=1,
    ),
    Layout(
        name="stack-v2",
        files="",
        of_row={},
        of_file={
            "repository": ("repo_name",),
            "path": ("path",),
            "content": ("content", "text"),
            "content_id": ("content_id",),
            "language": ("language",),
            "licenses": ("detected_licenses",),
            "revision": ("revision_id",),
            "stars": ("star_events_count",),
            "vendored": ("is_vendor",),
            "generated": ("is_generated",),
        },
        size="length_bytes",
        batch_rows=4,
    ),
)


@dataclass(frozen=True, slots=True)
class Fit:
    """A layout as one shard has it: the places of the fields that are there, below a row and below a file."""

    layout: Layout
    of_row: Mapping[str, Place]
    of_file: Mapping[str, Place]
    size: Place | None

    def places(self) -> list[Place]:
        """Everything to be read for `files_in`, from the top of the schema."""
        return [*self.of_row.values(), *map(self.below_file, self.of_file.values())]

    def without(self, field: str) -> "Fit":
        """The same, with one field of a file left unread."""
        return replace(self, of_file={name: place for name, place in self.of_file.items() if name != field})

    def below_file(self, place: Place) -> Place:
        return (self.layout.files, *place) if self.layout.files else place

    def files_in(self, batch: pa.RecordBatch) -> Iterator[RawFile]:
        if not self.layout.files:
            yield from _files(batch, self.of_file, {})
            return
        shared = {field: _column(batch, place) for field, place in self.of_row.items()}
        lists = batch.column(self.layout.files)
        for row in range(batch.num_rows):
            files = lists[row].values
            if files is not None:
                yield from _files(files, self.of_file, _values(shared, row))

    def claims_in(self, batch: pa.RecordBatch) -> tuple[int, int]:
        """The number of files, and the sum of their declared sizes (0 where none are declared)."""
        files = pc.list_flatten(batch.column(self.layout.files)) if self.layout.files else batch
        if self.size is None:
            return len(files), 0
        return len(files), sum(map(whole, _column(files, self.size).to_pylist()))


def fit(layout: Layout, schema: pa.Schema) -> Fit | list[str]:
    """The layout as `schema` has it, or the required columns that it lacks."""
    rows = pa.struct(list(schema))
    files = _elements(rows, layout.files) if layout.files else rows
    of_row = _found(layout.of_row, rows)
    of_file = _found(layout.of_file, files)
    prefix = f"{layout.files}." if layout.files else ""
    lacking = _lacking(layout.of_row, of_row, "") + _lacking(layout.of_file, of_file, prefix)
    return lacking or Fit(layout, of_row, of_file, _find(files, layout.size, _is_number))


def whole(number: float | None) -> int:
    """A count as an integer; null, negative and not a number are 0."""
    return int(number) if number is not None and math.isfinite(number) and number > 0 else 0


# --- Finding columns --------------------------------------------------------------------------------


def _found(wanted: Mapping[str, tuple[str, ...]], struct: pa.StructType) -> dict[str, Place]:
    places = {}
    for field, names in wanted.items():
        for name in names:
            place = _find(struct, name, READERS[field][0])
            if place is not None:
                places[field] = place
                break
    return places


def _lacking(wanted: Mapping[str, tuple[str, ...]], found: Mapping[str, Place], prefix: str) -> list[str]:
    return [
        " or ".join(prefix + name for name in names)
        for field, names in wanted.items()
        if field in REQUIRED and field not in found
    ]


def _find(struct: pa.StructType, name: str, accepts: Callable[[pa.DataType], bool]) -> Place | None:
    place = tuple(name.split("."))
    inner: pa.DataType = struct
    for step in place:
        # A name that stands twice has no index either: nobody can say which one is meant.
        if not isinstance(inner, pa.StructType) or inner.get_field_index(step) < 0:
            return None
        inner = inner.field(step).type
    return place if accepts(inner) else None


def _elements(rows: pa.StructType, name: str) -> pa.StructType:
    """The struct that the list column `name` is made of; an empty one where there is no such list."""
    if _find(rows, name, _is_list) is None:
        return pa.struct([])
    element = rows.field(name).type.value_type
    return element if isinstance(element, pa.StructType) else pa.struct([])


def _is_list(kind: pa.DataType) -> bool:
    return (
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def _is_text(kind: Any) -> bool:
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )


def _is_texts(kind: Any) -> bool:
    return _is_list(kind) and _is_text(kind.value_type)


def _is_number(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_floating(kind)


# --- Reading values ---------------------------------------------------------------------------------
# Arrow has a class per type and no common one for "a string", "a list" or "a table of columns", hence Any.


def _files(files: Any, places: Mapping[str, Place], shared: Mapping[str, Any]) -> Iterator[RawFile]:
    columns = {field: _column(files, place) for field, place in places.items()}
    for index in range(len(files)):
        yield RawFile(**shared, **_values(columns, index))


def _column(parent: Any, place: Place) -> "pa.Array[Any]":
    """The column at `place` of a record batch or a struct array."""
    column: Any = parent.column(place[0]) if isinstance(parent, pa.RecordBatch) else parent.field(place[0])
    for name in place[1:]:
        column = column.field(name)
    return cast("pa.Array[Any]", column)


def _values(columns: Mapping[str, "pa.Array[Any]"], index: int) -> dict[str, Any]:
    return {field: READERS[field][1](column[index]) for field, column in columns.items()}


def _octets(value: Any) -> memoryview | None:
    """The bytes of a string where they lie: an Arrow scalar keeps its array's memory."""
    if isinstance(value, pa.DictionaryScalar):
        value = value.value
    return memoryview(value.as_buffer()) if value.is_valid else None


def _text(value: Any) -> str | None:
    """Names that are not UTF-8 are read with replacement characters rather than lost."""
    octets = _octets(value)
    return None if octets is None else str(octets, "utf-8", "replace")


def _texts(value: Any) -> tuple[str, ...]:
    if value.values is None:
        return ()
    return tuple(text for text in map(_text, value.values) if text)


def _whole(value: Any) -> int:
    return whole(value.as_py())


def _flag(value: Any) -> bool:
    return bool(value.as_py())


READERS: Mapping[str, tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]]] = {
    "repository": (_is_text, _text),
    "path": (_is_text, _text),
    "content_id": (_is_text, _text),
    "content": (_is_text, _octets),
    "language": (_is_text, _text),
    "licenses": (_is_texts, _texts),
    "revision": (_is_text, _text),
    "stars": (_is_number, _whole),
    "vendored": (types.is_boolean, _flag),
    "generated": (types.is_boolean, _flag),
}
"""Of each field: the types it may come from, and how a value of them is read."""
