"""Where a shard of each known schema has what the filter looks at.

The filter's own table, apart from the search's; a new schema is a new entry of LAYOUTS. Pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyarrow import types

from optout.column_map import ColumnMap

Place = tuple[str, ...]
"""The names from the top of a schema down to a column; lists on the way have no name."""
Accepts = Callable[[Any], bool]

COUNT = "num_files"
"""The column that says how many files a row has; put right where it is there."""
NEAREST = 3
"""How many layouts are named where none fits."""


class UnknownLayout(Exception):
    """A schema of no layout, or of several; the message names the columns that are missing."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One schema. `files` names the list of a row's files; where it is empty each row is a file.

    The other names are of a file's columns, but for `repository` and `of_row`, which are of the row's; where there are
    several, the first that is there counts. `id` stands in place of a path, `events`, a list of what was said, in place
    of a content. `needed` are the fields without which the layout does not fit, `marks` columns that must be there
    besides, `without` ones that must not be. `others` and `of_row` only tell layouts apart. In a `tagged` layout texts
    may begin with the tags of a training set.
    """

    name: str
    repository: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    content_id: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    files: str = ""
    needed: tuple[str, ...] = ("repository", "path", "content")
    marks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    of_row: tuple[str, ...] = ()
    is_of_files: bool = True
    tagged: bool = False


V2_OTHERS = ("language", "detected_licenses", "is_vendor", "is_generated", "blob_id", "src_encoding")
V2_OF_ROW = ("revision_id", "star_events_count")
V3_OTHERS = ("language", "detected_licenses", "is_vendor", "is_generated")
V1_OTHERS = ("lang", "max_stars_repo_licenses", "max_stars_repo_head_hexsha", "max_stars_count")

STACK_V3 = Layout(
    "stack-v3", ("repo_path",), ("file_path",), ("content",), content_id=("content_id",), size=("size_bytes",),
    files="files", others=V3_OTHERS, of_row=("commit_id", "github_metadata.stars"),
)  # fmt: skip
STACK_V2 = Layout(
    "stack-v2", ("repo_name",), ("path",), ("content", "text"), content_id=("content_id",), size=("length_bytes",),
    others=V2_OTHERS, of_row=V2_OF_ROW,
)  # fmt: skip
STACK_V2_TRAIN = replace(STACK_V2, name="stack-v2-train", files="files")
POINTERS: dict[str, Any] = {
    "content": (),
    "needed": ("repository", "path"),
    "marks": ("blob_id",),
    "without": ("content", "text"),
    "others": tuple(name for name in V2_OTHERS if name != "blob_id"),
}
STACK_V1 = Layout(
    "stack-v1", ("max_stars_repo_name",), ("max_stars_repo_path",), ("content",), size=("size",), others=V1_OTHERS
)
OF_A_REPOSITORY = (
    "repo_name", "repo_path", "repo", "max_stars_repo_name", "max_stars_repo_path", "path", "file_path", "files",
    "blob_id", "content_id", "hexsha", "events",
)  # fmt: skip
TEXTS = Layout(
    "texts", id=("id",), content=("content", "text"), needed=("content",), others=("language",), is_of_files=False,
    without=(*OF_A_REPOSITORY, "file_id"),
)  # fmt: skip

LAYOUTS = (
    STACK_V3,
    replace(STACK_V3, name="stack-v3-contents", files="", of_row=("commit_id",)),
    STACK_V2,
    replace(STACK_V2, name="stack-v2-ids", **POINTERS),
    STACK_V2_TRAIN,
    replace(STACK_V2_TRAIN, name="stack-v2-train-ids", **POINTERS),
    STACK_V1,
    replace(STACK_V1, name="starcoderdata", size=(), marks=("id",), others=("max_stars_count",), tagged=True),
    Layout(
        "issue-events", ("repo", "repo_name"), id=("issue_number", "issue_id"), events=("events",), size=("text_size",),
        needed=("id", "events"), others=("pull_request.number",), is_of_files=False,
    ),
    Layout(
        "issues", ("repo_name", "repo"), id=("issue_number", "issue_id"), content=("content",),
        needed=("id", "content"), is_of_files=False,
    ),
    replace(
        TEXTS, name="kaggle", id=("file_id",), content=("content", "script"), needed=("id", "content"), others=(),
        without=OF_A_REPOSITORY,
    ),
    replace(TEXTS, name="documentation", marks=("project", "source")),
    TEXTS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """A layout as one shard has it; empty is what the shard does not have.

    Places are from the top of the schema, those of files below `files`. `is_thread` says that the content is a list of
    events.
    """

    layout: str
    files: str
    repository: Place
    path: Place
    content: Place
    content_id: Place
    size: Place
    is_thread: bool = False
    is_of_files: bool = True
    tagged: bool = False

    def to_judge(self, *, texts: bool) -> list[Place]:
        """What is read to tell which files are covered."""
        wanted = (self.repository, self.path, self.content_id, self.content if texts else ())
        # The lengths of the lists are needed, whatever else is.
        return [place for place in wanted if place] + ([(self.files,)] if self.files and not self.path else [])


def columns_of(schema: pa.Schema, given: ColumnMap | None = None) -> Columns:
    """The layout of a schema, or what the column map makes of it; raises UnknownLayout.

    Of the layouts that fit, the one of which most columns are there.
    """
    rows = pa.struct(list(schema))
    if given is not None:
        return _mapped(rows, given)
    fits = {layout.name: layout for layout in LAYOUTS if not _is_shut_out(layout, rows) and not _lacking(layout, rows)}
    if not fits:
        raise UnknownLayout(_nearest(rows))
    there = {name: _count(layout, rows) for name, layout in fits.items()}
    best = [name for name, count in there.items() if count == max(there.values())]
    if len(best) > 1:
        raise UnknownLayout(
            f"could be of several layouts, {' and '.join(best)}: "
            f'say which in a column map (--columns), such as {{"layout": "{best[0]}"}}'
        )
    return _columns(fits[best[0]], rows)


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


# --- Fitting ----------------------------------------------------------------------------------------


def _columns(layout: Layout, rows: pa.StructType) -> Columns:
    files = _elements(rows, layout.files)
    below = (layout.files,) if layout.files else ()

    def of_file(field: str) -> Place:
        place = _first(files, getattr(layout, field), _ACCEPTED[field])
        return (*below, *place) if place else ()

    return Columns(
        layout=layout.name,
        files=layout.files,
        repository=_first(rows, layout.repository, _is_text),
        path=of_file("path") or of_file("id"),
        content=of_file("events") or of_file("content"),
        content_id=of_file("content_id"),
        size=of_file("size"),
        is_thread=bool(of_file("events")),
        is_of_files=layout.is_of_files,
        tagged=layout.tagged,
    )


def _lacking(layout: Layout, rows: pa.StructType) -> list[str]:
    files = _elements(rows, layout.files)
    prefix = f"{layout.files}." if layout.files else ""
    lacking = [prefix + mark for mark in layout.marks if not _find(files, mark, lambda kind: True)]
    for field in layout.needed:
        names = getattr(layout, field)
        struct, before = (rows, "") if field == "repository" else (files, prefix)
        if not _first(struct, names, _ACCEPTED[field]):
            lacking.append(" or ".join(before + name + _twice(struct, name) for name in names))
    return lacking


def _count(layout: Layout, rows: pa.StructType) -> int:
    """How many columns of the layout are there."""
    files = _elements(rows, layout.files)
    judged = ("path", "id", "content", "events", "content_id", "size")
    of_files = [*(getattr(layout, field) for field in judged), *((name,) for name in layout.others)]
    kinds = [*(_ACCEPTED[field] for field in judged), *([lambda kind: True] * len(layout.others))]
    found = sum(bool(_first(files, names, accepts)) for names, accepts in zip(of_files, kinds, strict=True))
    of_row = sum(bool(_find(rows, name, lambda kind: True)) for name in layout.of_row)
    return found + of_row + bool(_first(rows, layout.repository, _is_text)) + len(layout.marks)


def _is_shut_out(layout: Layout, rows: pa.StructType) -> bool:
    files = _elements(rows, layout.files)
    return not {files.field(index).name for index in range(files.num_fields)}.isdisjoint(layout.without)


def _nearest(rows: pa.StructType) -> str:
    there = {layout: _count(layout, rows) - len(layout.marks) for layout in LAYOUTS if not _is_shut_out(layout, rows)}
    most = max(there.values(), default=0)
    nearest = [layout for layout, count in there.items() if count == most][:NEAREST] if most else []
    if not nearest:
        return "is of no known layout; name the columns in a column map (--columns)"
    needs = "; ".join(f"{layout.name} needs {', '.join(_lacking(layout, rows))}" for layout in nearest)
    return f"is of no known layout: {needs}. Where they have other names, write a column map (--columns)"


def _mapped(rows: pa.StructType, given: ColumnMap) -> Columns:
    base = next((layout for layout in LAYOUTS if layout.name == given.layout), None)
    if base is None and given.layout:
        raise UnknownLayout(
            f"column map: layout: {given.layout[:60]!r} is none of {', '.join(layout.name for layout in LAYOUTS)}"
        )
    layout = _changed(base or Layout("column-map", needed=()), given)
    lacking = _lacking(layout, rows)
    for field, name in given.names.items():
        if field not in _ACCEPTED and field != "files" and not _find_anywhere(rows, layout.files, name):
            lacking.append(name)
    if layout.files and not _elements(rows, layout.files).num_fields:
        lacking = [f"list {layout.files} of structs"]
    if lacking:
        raise UnknownLayout(f"does not fit the column map: there is no {', '.join(lacking)}")
    return _columns(layout, rows)


def _changed(layout: Layout, given: ColumnMap) -> Layout:
    """The layout with the columns that the map names in place of its own."""
    names = dict(given.names)
    files = names.pop("files", layout.files)
    below = f"{files}."
    changes: dict[str, Any] = {"files": files, "marks": ()}
    for field, name in names.items():
        if field not in _ACCEPTED:
            continue
        if files and name.startswith(below) != (field != "repository"):
            where = "of the row" if field == "repository" else f"below {files}"
            raise UnknownLayout(f"column map: {field}: must be a column {where}")
        changes |= dict.fromkeys(_IN_PLACE_OF.get(field, ()), ())
        changes[field] = (name.removeprefix(below) if files else name,)
    needed = [field for field in layout.needed if changes.get(field) != ()]
    named = [field for field in changes if field in _ACCEPTED and changes[field]]
    changes["needed"] = tuple(dict.fromkeys((*needed, *named)))
    if given.kind:
        changes["is_of_files"] = given.is_of_files
    return replace(layout, **changes)


# --- Finding columns --------------------------------------------------------------------------------


def _first(struct: pa.StructType, names: tuple[str, ...], accepts: Accepts) -> Place:
    return next(filter(None, (_find(struct, name, accepts) for name in names)), ())


def _find(struct: pa.StructType, name: str, accepts: Accepts) -> Place:
    """Where there is one column of that name and of a type that can hold it; nothing otherwise."""
    place = (name,) if struct.get_field_index(name) >= 0 else tuple(name.split("."))
    kind: pa.DataType = struct
    for step in place:
        if not isinstance(kind, pa.StructType) or kind.get_field_index(step) < 0:
            return ()
        kind = kind.field(step).type
    return place if accepts(kind) else ()


def _find_anywhere(rows: pa.StructType, files: str, name: str) -> Place:
    below = f"{files}."
    if files and name.startswith(below):
        return _find(_elements(rows, files), name.removeprefix(below), lambda kind: True)
    return _find(rows, name, lambda kind: True)


def _twice(struct: pa.StructType, name: str) -> str:
    times = [struct.field(index).name for index in range(struct.num_fields)].count(name)
    return f" (which stands {times} times)" if times > 1 else ""


def _elements(rows: pa.StructType, name: str) -> pa.StructType:
    """What files are made of: the rows themselves, or the struct in the list `name`; empty where there is no such."""
    if not name:
        return rows
    if rows.get_field_index(name) < 0 or not is_list(rows.field(name).type):
        return pa.struct([])
    element = rows.field(name).type.value_type
    return element if isinstance(element, pa.StructType) else pa.struct([])


def is_list(kind: Any) -> bool:
    """Lists of any length: from one of fixed size nothing could be dropped."""
    return (
        types.is_list(kind) or types.is_large_list(kind) or types.is_list_view(kind) or types.is_large_list_view(kind)
    )


def _is_text(kind: Any) -> bool:
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


def _is_name(kind: Any) -> bool:
    return _is_text(kind) or types.is_integer(kind)


def _is_events(kind: Any) -> bool:
    return (
        is_list(kind) and isinstance(kind.value_type, pa.StructType) and bool(_find(kind.value_type, "text", _is_text))
    )


_ACCEPTED: dict[str, Accepts] = {
    "repository": _is_text,
    "path": _is_text,
    "id": _is_name,
    "content": _is_text,
    "events": _is_events,
    "content_id": _is_text,
    "size": types.is_integer,
}
_IN_PLACE_OF = {"path": ("id",), "id": ("path",), "content": ("events",), "events": ("content",)}
