"""Columns: where a schema keeps a field, and how a value of it is read.

Names of columns may reach into structs with dots. Types are taken as they come: strings may be large, views, binary or
dictionary-encoded, lists may be large or views. A column of a type that cannot hold its field is as good as not there.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
from pyarrow import types

from search.documents import DocumentKind

Place = tuple[str, ...]
"""The names from the top of a schema down to a column; lists on the way have no name."""

Accepts = Callable[[pa.DataType], bool]


@dataclass(frozen=True, slots=True)
class Reader:
    """How a field is read: which attribute of RawFile it is, the types it may come from, and what makes a value."""

    attribute: str
    accepts: Accepts
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A field as one schema has it."""

    place: Place
    read: Callable[[Any], Any]


def whole(number: float | None) -> int:
    """A count as an integer; null, negative and not a number are 0."""
    return int(number) if number is not None and math.isfinite(number) and number > 0 else 0


# --- Finding columns --------------------------------------------------------------------------------


def find(struct: pa.StructType, name: str, accepts: Accepts) -> Place | None:
    """Where `name` is, if it is there once and of an acceptable type."""
    place, kind = _reach(struct, name)
    return place if kind is not None and accepts(kind) else None


def column(struct: pa.StructType, field: str, name: str) -> Column | None:
    """The column `name` as a source of `field`."""
    reader = READERS[field]
    place, kind = _reach(struct, name)
    if kind is None or not reader.accepts(kind):
        return None
    return Column(place, reader.read)


def trouble(struct: pa.StructType, name: str, accepts: Accepts) -> str:
    """Why `name` cannot be read: nothing where it is not there at all, or is fine."""
    step, rest = (name, "") if struct.get_field_index(name) >= 0 else _split(name)
    times = [struct.field(index).name for index in range(struct.num_fields)].count(step)
    if times > 1:
        return f"stands {times} times"
    _, kind = _reach(struct, name)
    if kind is not None and not accepts(kind):
        return f"is of type {_short(kind)}"
    inner = struct.field(step).type if times else None
    return trouble(inner, rest, accepts) if rest and isinstance(inner, pa.StructType) else ""


def elements(rows: pa.StructType, name: str) -> pa.StructType:
    """The struct that the list column `name` is made of; an empty one where there is no such list."""
    if rows.get_field_index(name) < 0 or not is_list(rows.field(name).type):
        return pa.struct([])
    element = rows.field(name).type.value_type
    return element if isinstance(element, pa.StructType) else pa.struct([])


def _reach(struct: pa.StructType, name: str) -> tuple[Place, pa.DataType | None]:
    # A name that stands twice has no index: nobody can say which one is meant.
    place = (name,) if struct.get_field_index(name) >= 0 else tuple(name.split("."))
    inner: pa.DataType = struct
    for step in place:
        if not isinstance(inner, pa.StructType) or inner.get_field_index(step) < 0:
            return place, None
        inner = inner.field(step).type
    return place, inner


def _split(name: str) -> tuple[str, str]:
    step, _, rest = name.partition(".")
    return step, rest


def _short(kind: pa.DataType) -> str:
    """A type without its insides."""
    return str(kind).partition("<")[0]


# --- Types ------------------------------------------------------------------------------------------


def is_list(kind: Any) -> bool:
    return (
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def is_number(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_floating(kind)


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
    return is_list(kind) and _is_text(kind.value_type)


def _is_name(kind: pa.DataType) -> bool:
    return _is_text(kind) or types.is_integer(kind)


def _is_thread(kind: Any) -> bool:
    """A list of events of which at least the texts can be read."""
    return is_list(kind) and isinstance(kind.value_type, pa.StructType) and "text" in _parts(kind.value_type)


def _parts(event: pa.StructType) -> set[str]:
    """Which columns of an event can be read."""
    return {name for name in ("title", "masked_author", "text") if find(event, name, _is_text)}


# --- Reading values ---------------------------------------------------------------------------------
# Arrow has a class per type and no common one for "a string", "a list" or "a table of columns", hence Any.


def values_at(parent: Any, place: Place) -> "pa.Array[Any]":
    """The column at `place` of a record batch or a struct array."""
    found: Any = parent.column(place[0]) if isinstance(parent, pa.RecordBatch) else parent.field(place[0])
    for name in place[1:]:
        found = found.field(name)
    return cast("pa.Array[Any]", found)


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


def _name(value: Any) -> str | None:
    if types.is_integer(value.type):
        return str(value.as_py()) if value.is_valid else None
    return _text(value)


def _whole(value: Any) -> int:
    return whole(value.as_py())


def _flag(value: Any) -> bool:
    return bool(value.as_py())


def _issue_or_pull_request(number: Any) -> DocumentKind:
    """By the number of the pull request, which issues do not have."""
    return DocumentKind.PULL_REQUEST if number.is_valid else DocumentKind.ISSUE


def _thread(value: Any) -> memoryview | None:
    """The text of an issue or a pull request (docs/formats/layouts.md); null where there is no list of events."""
    if value.values is None:
        return None
    return memoryview(b"\n\n".join(_paragraphs(value.values)))


def _paragraphs(events: Any) -> Iterator[bytes]:
    """Each title where it changes, and each text below its author, in the order of the events."""
    columns = {name: events.field(name) for name in _parts(events.type)}
    shown = b""
    for index in range(len(events)):
        parts = {name: bytes(_octets(column[index]) or b"") for name, column in columns.items()}
        title, author, text = (parts.get(name, b"") for name in ("title", "masked_author", "text"))
        if title and title != shown:
            shown = title
            yield title
        if text:
            yield author + b":\n" + text if author else text


READERS: Mapping[str, Reader] = {
    "repository": Reader("repository", _is_text, _text),
    "path": Reader("path", _is_text, _text),
    "id": Reader("path", _is_name, _name),
    "content_id": Reader("content_id", _is_text, _text),
    "content": Reader("content", _is_text, _octets),
    "events": Reader("content", _is_thread, _thread),
    "language": Reader("language", _is_text, _text),
    "licenses": Reader("licenses", _is_texts, _texts),
    "revision": Reader("revision", _is_text, _text),
    "stars": Reader("stars", is_number, _whole),
    "vendored": Reader("vendored", types.is_boolean, _flag),
    "generated": Reader("generated", types.is_boolean, _flag),
    "blob_id": Reader("blob_id", _is_text, _text),
    "encoding": Reader("encoding", _is_text, _text),
    "pull_request": Reader("kind", is_number, _issue_or_pull_request),
}
"""The fields that a layout or a column map can name."""
