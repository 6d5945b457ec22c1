"""Fitting: which layout a schema has, and the files in rows of it.

Of the layouts whose required columns are all there, the one of which most columns are there. Where two are equal, or
none fits, a column map says what is where (docs/formats/layouts.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from search.columns import READERS, Column, Place, column, elements, find, is_number, trouble, values_at, whole
from search.contents import RawFile
from search.layouts import LAYOUTS, ColumnMap, Layout, Names
from search.training_tags import without_tags

LATE = ("blob_id", "encoding")
"""Fields that are read only where a file has no text: they tell where to get it, and how to decode it."""
NEAREST = 3
"""How many layouts are named where none fits."""


class LayoutError(ValueError):
    """A schema of no layout, or of several; the message says which columns are missing."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A layout as one shard has it: the columns of the fields that are there, below a row and below a file.

    `late` are those of a file that are read only where it has no text.
    """

    layout: Layout
    of_row: Mapping[str, Column]
    of_file: Mapping[str, Column]
    late: Mapping[str, Column]
    size: Place | None

    @property
    def columns(self) -> int:
        """How many columns of the layout are there."""
        return len(self.of_row) + len(self.of_file) + len(self.late) + len(self.layout.marks) + bool(self.size)

    def places(self) -> list[Place]:
        """Everything to be read for `files_in`, from the top of the schema."""
        below = (*self.of_file.values(), *self.late.values())
        return [*(found.place for found in self.of_row.values()), *(self.below_file(found.place) for found in below)]

    def without_texts(self) -> "Fit":
        """The same, with texts left unread."""
        names = {name: found for name, found in self.of_file.items() if name not in ("content", *LATE)}
        return replace(self, of_file=names, late={})

    def below_file(self, place: Place) -> Place:
        return (self.layout.files, *place) if self.layout.files else place

    def place_of_claims(self) -> Place | None:
        """What is read for `claims_in`; nothing where each row is a file and declares no size."""
        if self.size is None and not self.layout.files:
            return None
        return self.below_file(self.size or self.of_file["path"].place)

    def place_of_text(self) -> Place | None:
        return self.below_file(self.of_file["content"].place) if "content" in self.of_file else None

    def files_in(self, batch: pa.RecordBatch) -> Iterator[RawFile]:
        files = self._files_in(batch)
        return map(without_tags, files) if self.layout.tagged else files

    def _files_in(self, batch: pa.RecordBatch) -> Iterator[RawFile]:
        kind = {} if "kind" in self.of_file or "kind" in self.of_row else {"kind": self.layout.kind}
        if not self.layout.files:
            yield from self._files(batch, kind)
            return
        shared = _values_of(self.of_row, batch)
        lists = batch.column(self.layout.files)
        for row in range(batch.num_rows):
            files = lists[row].values
            if files is not None:
                yield from self._files(files, _values(shared, row) | kind)

    def _files(self, files: Any, shared: Mapping[str, Any]) -> Iterator[RawFile]:
        columns = _values_of(self.of_file, files)
        late = _values_of(self.late, files)
        for index in range(len(files)):
            file = RawFile(**shared, **_values(columns, index))
            yield replace(file, **_values(late, index)) if late and file.content is None else file

    def claims_in(self, batch: pa.RecordBatch) -> tuple[int, int]:
        """The number of files, and the sum of their declared sizes (0 where none are declared)."""
        files = pc.list_flatten(batch.column(self.layout.files)) if self.layout.files else batch
        if self.size is None:
            return len(files), 0
        return len(files), sum(map(whole, values_at(files, self.size).to_pylist()))


_Values = list[tuple[str, Any, "pa.Array[Any]"]]


def _values_of(columns: Mapping[str, Column], parent: Any) -> _Values:
    return [(name, found.read, values_at(parent, found.place)) for name, found in columns.items()]


def _values(columns: _Values, index: int) -> dict[str, Any]:
    return {name: read(values[index]) for name, read, values in columns}


# --- Detection --------------------------------------------------------------------------------------


def detect(schema: pa.Schema, columns: ColumnMap | None = None) -> Fit:
    """The layout of a schema, or what the column map makes of it; LayoutError where there is none, or several."""
    rows = pa.struct(list(schema))
    if columns is not None:
        return _mapped(rows, columns)
    fits = [found for layout in LAYOUTS if not _shut_out(layout, rows) and not _lacking(layout, rows)
            for found in [_fit(layout, rows)]]  # fmt: skip
    if not fits:
        raise LayoutError(_no_layout(rows))
    most = max(found.columns for found in fits)
    best = [found for found in fits if found.columns == most]
    if len(best) > 1:
        names = " and ".join(found.layout.name for found in best)
        raise LayoutError(
            f"could be of several layouts, {names}, with {most} columns each: "
            f'say which in a column map, such as {{"layout": "{best[0].layout.name}"}}'
        )
    return best[0]


def _fit(layout: Layout, rows: pa.StructType) -> Fit:
    files = elements(rows, layout.files) if layout.files else rows
    of_row, of_file = _found(layout.of_row, rows), _found(layout.of_file, files)
    late = {name: found for name, found in of_file.items() if name in LATE and "content" in of_file}
    eager = {name: found for name, found in of_file.items() if name not in late}
    return Fit(layout, of_row, eager, late, find(files, layout.size, is_number) if layout.size else None)


def _found(wanted: Names, struct: pa.StructType) -> dict[str, Column]:
    """By attributes of RawFile."""
    found = {}
    for name, candidates in wanted.items():
        there = next(filter(None, (column(struct, name, candidate) for candidate in candidates)), None)
        if there is not None:
            found[READERS[name].attribute] = there
    return found


def _shut_out(layout: Layout, rows: pa.StructType) -> bool:
    files = elements(rows, layout.files) if layout.files else rows
    names = {files.field(index).name for index in range(files.num_fields)}
    return not names.isdisjoint(layout.without)


def _lacking(layout: Layout, rows: pa.StructType) -> list[str]:
    """The required columns that are not there, from the top of the schema, each with what is wrong with it."""
    files = elements(rows, layout.files) if layout.files else rows
    lacking = [mark for mark in layout.marks if find(rows, mark, lambda kind: True) is None]
    for name in layout.required:
        struct, prefix = (rows, "") if name in layout.of_row or not layout.files else (files, f"{layout.files}.")
        candidates = (layout.of_row if name in layout.of_row else layout.of_file)[name]
        if not any(column(struct, name, candidate) for candidate in candidates):
            lacking.append(" or ".join(_told(struct, name, each, prefix) for each in candidates))
    return lacking


def _told(struct: pa.StructType, field_name: str, name: str, prefix: str) -> str:
    wrong = trouble(struct, name, READERS[field_name].accepts)
    return f"{prefix}{name} (which {wrong})" if wrong else prefix + name


def _no_layout(rows: pa.StructType) -> str:
    """What the nearest layouts lack: those of which most columns are there."""
    open_to = [layout for layout in LAYOUTS if not _shut_out(layout, rows)]
    there = {layout.name: _fit(layout, rows).columns - len(layout.marks) for layout in open_to}
    most = max(there.values(), default=0)
    nearest = [layout for layout in open_to if there[layout.name] == most and most][:NEAREST]
    if not nearest:
        return (
            f"is of no known layout: none of the columns of {', '.join(layout.name for layout in LAYOUTS)} is there; "
            "name yours in a column map"
        )
    problems = "; ".join(f"{layout.name} needs {', '.join(_lacking(layout, rows))}" for layout in nearest)
    return (
        f"is of no known layout: {problems}. Where they have other names, or stand twice, write a column map, such as "
        f'{{"layout": "{nearest[0].name}", "{_first_lacking(nearest[0], rows)}": "..."}}'
    )


def _first_lacking(layout: Layout, rows: pa.StructType) -> str:
    """The name of a field to be named."""
    for name in layout.required:
        if _lacking(replace(layout, required=(name,), marks=()), rows):
            return name
    return layout.required[0]


# --- Column maps ------------------------------------------------------------------------------------


def _mapped(rows: pa.StructType, columns: ColumnMap) -> Fit:
    """What a column map names and, of the layout that it names, the rest; every named column must be there."""
    base = next((layout for layout in LAYOUTS if layout.name == columns.layout), None)
    layout = _changed(base or _blank(columns), columns)
    lacking = _lacking(layout, rows)
    if layout.files and not elements(rows, layout.files).num_fields:
        lacking = [f"list {layout.files} of structs"]
    if lacking:
        raise LayoutError(f"does not fit the column map: there is no {', '.join(lacking)}")
    return _fit(layout, rows)


def _blank(columns: ColumnMap) -> Layout:
    """A layout of which the map names every column."""
    return Layout(name="column-map", of_file={}, required=(), batch_rows=1 if columns.files else 4)


def _changed(layout: Layout, columns: ColumnMap) -> Layout:
    files = columns.files or layout.files
    of_row, of_file = dict(layout.of_row), dict(layout.of_file)
    prefix = f"{files}."
    for name, given in columns.fields.items():
        for known in (of_row, of_file):
            for other in [each for each in known if READERS[each].attribute == READERS[name].attribute]:
                del known[other]
        if files and not given.startswith(prefix):
            of_row[name] = (given,)
        else:
            of_file[name] = (given.removeprefix(prefix) if files else given,)
    kept = [name for name in layout.required if name in of_row or name in of_file]
    return replace(
        layout,
        files=files,
        of_row=of_row,
        of_file=of_file,
        size=columns.size.removeprefix(prefix) if columns.size else layout.size,
        kind=columns.kind or layout.kind,
        required=tuple(dict.fromkeys((*kept, *columns.fields))),
        marks=(),
    )
