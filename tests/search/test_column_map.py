"""Column maps: whatever is wrong in one is named, and what is right comes back the same."""

import json
from typing import Any

import pytest

from optout import column_map as other
from optout.shard_columns import LAYOUTS
from search.documents import DocumentKind
from search.layouts import FIELDS, LAYOUT_NAMES, ColumnMap, ColumnMapError

WHOLE = {"repository": "r", "path": "p", "content": "c"}


@pytest.mark.parametrize(
    ("stored", "columns"),
    [
        (WHOLE, ColumnMap(fields=WHOLE)),
        ({"layout": "stack-v2"}, ColumnMap(layout="stack-v2")),
        ({"layout": "stack-v2", "size": "n"}, ColumnMap(layout="stack-v2", size="n")),
        ({"kind": "text", "content": "c"}, ColumnMap(kind=DocumentKind.TEXT, fields={"content": "c"})),
        ({"files": "f", "repository": "r", "path": "f.p", "blob_id": "f.b"},
         ColumnMap(files="f", fields={"repository": "r", "path": "f.p", "blob_id": "f.b"})),
    ],
)  # fmt: skip
def test_what_is_stored_comes_back_the_same(stored: dict[str, str], columns: ColumnMap) -> None:
    assert ColumnMap.from_json(json.dumps(stored)) == ColumnMap.of(stored) == columns
    assert columns.stored() == stored


def test_an_empty_map_is_none() -> None:
    assert ColumnMap.of({}) is None
    assert ColumnMap.from_json("{}") is None


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("[]", "must be an object, not list"),
        ("{", "Expecting property name"),
        ("\xff", "Expecting value"),
        ('{"path": "a", "path": "b"}', "path: is named twice"),
        ({**WHOLE, "file": "x"}, "file: is no field; there are layout, kind, files, size, repository, path"),
        ({**WHOLE, "path": 5}, "path: must be the name of a column"),
        ({**WHOLE, "path": " "}, "path: must be the name of a column"),
        ({**WHOLE, "kind": "poem"}, "kind: 'poem' is none of file, issue"),
        ({"layout": "stack-v9"}, "layout: 'stack-v9' is none of stack-v3"),
        ({"path": "p"}, "content: must be named where no layout is; repository: must be named where no layout is"),
        ({"kind": "issue", "repository": "r"}, "content: must be named where no layout is"),
        ({**WHOLE, "id": "i", "events": "e"}, "path and id: name one of the two; content and events: name one"),
        ({"files": "f", "repository": "f.r", "path": "p", "content": "f.c"},
         "path: must be a column of f, below it; repository: must be a column of the row, not below f"),
        ({"layout": "stack-v3", "content": "text"}, "content: must be a column of files, below it"),
    ],
)  # fmt: skip
def test_each_wrong_field_is_named(stored: Any, said: str) -> None:
    with pytest.raises(ColumnMapError) as caught:
        ColumnMap.from_json(stored if isinstance(stored, str) else json.dumps(stored))
    assert str(caught.value).startswith("column map: ")
    assert said in str(caught.value)


def test_the_filter_knows_the_same_words() -> None:
    """It shares no code, so its lists are its own."""
    assert {*other.JUDGED, *other.OTHERS} == {*FIELDS, "size", "files"}
    assert tuple(DocumentKind) == other.KINDS
    assert tuple(layout.name for layout in LAYOUTS) == LAYOUT_NAMES
