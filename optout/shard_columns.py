"""Where a shard of each known schema has what the filter looks at.

The filter's own table, apart from the search's; a new schema is a new entry of LAYOUTS. Pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import types

Place = tuple[str, ...]
"""The names from the top of a schema down to a column; lists on the way have no name."""

COUNT = "num_files"
"""The column that says how many files a row has; put right where it is there."""


class UnknownLayout(Exception):
    """A schema that is none of LAYOUTS; the message names the columns that each of them lacks."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One schema. `files` names the list of a row's files; where it is empty each row is a file.

    The other names are of a file's columns, but for `repository`, which is of the row's.
    """

    name: str
    files: str
    repository: str
    path: str
    contents: tuple[str, ...]
    content_id: str
    size: str


LAYOUTS = (
    Layout("stack-v3", "files", "repo_path", "file_path", ("content",), "content_id", "size_bytes"),
    Layout("stack-v2", "", "repo_name", "path", ("content", "text"), "content_id", "length_bytes"),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """A layout as one shard has it; `content_id` and `size` are empty where the shard has no such column."""

    layout: str
    files: str
    repository: str
    path: str
    content: str
    content_id: str
    size: str

    def place(self, name: str) -> Place:
        return (self.files, name) if self.files else (name,)

    def to_judge(self, *, texts: bool) -> list[Place]:
        """What is read to tell which files are covered."""
        names = [self.path, *([self.content_id] if self.content_id else []), *([self.content] if texts else [])]
        return [(self.repository,), *map(self.place, names)]


def columns_of(schema: pa.Schema) -> Columns:
    """Raises UnknownLayout."""
    problems = []
    for layout in LAYOUTS:
        found = _fit(layout, schema)
        if isinstance(found, Columns):
            return found
        problems.append(f"{layout.name} needs {', '.join(found)}")
    raise UnknownLayout(f"is of no known layout: {'; '.join(problems)}")


def leaves(kind: pa.DataType, place: Place = ()) -> Iterator[Place]:
    """The columns at the bottom of a type, in the order in which Parquet has them."""
    if isinstance(kind, pa.StructType):
        for index in range(kind.num_fields):
            field = kind.field(index)
            yield from leaves(field.type, (*place, field.name))
    elif isinstance(kind, pa.MapType):
        yield from leaves(kind.key_type, place)
        yield from leaves(kind.item_type, place)
    elif kind.num_fields:
        yield from leaves(kind.field(0).type, place)
    else:
        yield place


def _fit(layout: Layout, schema: pa.Schema) -> Columns | list[str]:
    """The layout as the schema has it, or the columns that it lacks."""
    rows = pa.struct(list(schema))
    files = _elements(rows, layout.files) if layout.files else rows
    prefix = f"{layout.files}." if layout.files else ""
    content = next((name for name in layout.contents if _has(files, name, _is_text)), "")
    lacking = [
        *([] if _has(rows, layout.repository, _is_text) else [layout.repository]),
        *([] if _has(files, layout.path, _is_text) else [prefix + layout.path]),
        *([] if content else [" or ".join(prefix + name for name in layout.contents)]),
    ]
    return lacking or Columns(
        layout=layout.name,
        files=layout.files,
        repository=layout.repository,
        path=layout.path,
        content=content,
        content_id=layout.content_id if _has(files, layout.content_id, _is_text) else "",
        size=layout.size if _has(files, layout.size, types.is_integer) else "",
    )


def _has(struct: pa.StructType, name: str, accepts: Callable[[pa.DataType], bool]) -> bool:
    """Whether there is one column of that name and of a type that can hold it."""
    return struct.get_field_index(name) >= 0 and accepts(struct.field(name).type)


def _elements(rows: pa.StructType, name: str) -> pa.StructType:
    """The struct that the list column `name` is made of; an empty one where there is no such list."""
    if not _has(rows, name, is_list):
        return pa.struct([])
    element = rows.field(name).type.value_type
    return element if isinstance(element, pa.StructType) else pa.struct([])


def is_list(kind: pa.DataType) -> bool:
    """Lists of any length: from one of fixed size nothing could be dropped."""
    return (
        types.is_list(kind) or types.is_large_list(kind) or types.is_list_view(kind) or types.is_large_list_view(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.DictionaryType):
        return _is_text(kind.value_type)
    return (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )
