"""Canonical JSON: one text for one value, so that its digest means the value.

The subset of RFC 8785 without fractions: objects, lists, strings, booleans, null, and integers that every JSON reader
holds exactly (RFC 8259 section 6). Pure.
"""

import json
from collections.abc import Mapping
from typing import Any

MOST_INTEGER = 2**53 - 1
MOST_DEPTH = 32


def canonical(value: Any, name: str = "value") -> bytes:
    """The canonical text in UTF-8, without a line break.

    ValueError for what has none, naming the part as a reader would write it below `name`: `body.files[2].size`.
    """
    plain = _plain(value, name, MOST_DEPTH)
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _plain(value: Any, name: str, depth: int) -> Any:
    """The same value of plain types, names in canonical order."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, name)
    if isinstance(value, int):
        return _integer(value, name)
    if depth == 0:
        raise ValueError(f"{name}: is nested deeper than {MOST_DEPTH}")
    if isinstance(value, Mapping):
        names = sorted((_name(key, name) for key in value), key=_order)
        return {key: _plain(value[key], f"{name}.{key}", depth - 1) for key in names}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{name}[{place}]", depth - 1) for place, item in enumerate(value)]
    raise ValueError(f"{name}: is a {type(value).__name__}, which has no canonical form")


def _text(text: str, name: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name}: holds half a surrogate pair, which is no text") from None
    return str.__str__(text)  # an Enum that is a string would tell its name


def _integer(number: int, name: str) -> int:
    if abs(number) > MOST_INTEGER:
        raise ValueError(f"{name}: is not within {MOST_INTEGER} of zero, so not every reader would hold it exactly")
    return int(number)


def _name(key: Any, name: str) -> str:
    if not isinstance(key, str):
        raise ValueError(f"{name}: has a name that is a {type(key).__name__}, not a string")
    return _text(key, f"{name}: the name {key[:40]!r}")


def _order(key: str) -> bytes:
    return key.encode("utf-16-be")
