"""Column map: what a shard's columns are called where no layout fits, or several do (docs/formats/layouts.md).

The same file that `register --columns` takes, read here once more: the filter and its verifier share no code. Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

JUDGED = ("repository", "path", "id", "content", "events", "content_id", "size", "files")
"""What the filter reads; the other fields of a map say what it does not need."""
OTHERS = (
    "blob_id", "encoding", "language", "licenses", "revision", "stars", "vendored", "generated", "pull_request",
)  # fmt: skip
KINDS = ("file", "issue", "pull-request", "commit", "notebook", "documentation", "text")
OPTIONS = ("layout", "kind")
MOST_BYTES = 2**20


class ColumnMapRefused(Exception):
    """A column map that cannot be used; the message names each wrong field."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """`names` are columns by field, of JUDGED and OTHERS; `layout` and `kind` are empty where the map names none."""

    layout: str = ""
    kind: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def stored(self) -> dict[str, str]:
        """As it is written in JSON; what is left empty is left out."""
        options = {"layout": self.layout, "kind": self.kind}
        return {**{name: value for name, value in options.items() if value}, **self.names}

    @property
    def is_of_files(self) -> bool:
        return self.kind in {"", "file"}


def read_column_map(path: Path) -> ColumnMap | None:
    """None where the map is empty; raises ColumnMapRefused."""
    try:
        with path.open("rb") as stream:
            text = stream.read(MOST_BYTES)
    except OSError as error:
        raise ColumnMapRefused(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return column_map(text)
    except ColumnMapRefused as error:
        raise ColumnMapRefused(f"{path}: {error}") from None


def column_map(text: bytes | str) -> ColumnMap | None:
    """From JSON; None where it is empty. Raises ColumnMapRefused."""
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise ColumnMapRefused(f"is no JSON: {error}") from None
    if not isinstance(pairs, tuple):
        raise ColumnMapRefused("must be a JSON object")
    if problems := [problem for name, value in pairs if (problem := _problem(name, value, pairs))]:
        raise ColumnMapRefused("; ".join(problems))
    given = dict(pairs)
    if not given:
        return None
    made = ColumnMap(given.pop("layout", ""), given.pop("kind", ""), given)
    if missing := _missing(made):
        raise ColumnMapRefused("; ".join(missing))
    return made


def _problem(name: str, value: object, pairs: tuple[tuple[str, object], ...]) -> str:
    if name not in (*OPTIONS, *JUDGED, *OTHERS):
        return f"{name[:60]}: is no field; there are {', '.join((*OPTIONS, *JUDGED, *OTHERS))}"
    if not isinstance(value, str) or not value.strip():
        return f"{name}: must be the name of a column"
    if [known for known, _ in pairs].count(name) > 1:
        return f"{name}: is named twice"
    if name == "kind" and value not in KINDS:
        return f"kind: {value[:60]!r} is none of {', '.join(KINDS)}"
    return ""


def _missing(made: ColumnMap) -> list[str]:
    names = made.names
    problems = [
        f"{one} and {other}: name one of the two"
        for one, other in (("path", "id"), ("content", "events"))
        if one in names and other in names
    ]
    if made.layout:
        return problems
    if not {"content", "events", "blob_id"} & set(names):
        problems.append("content: must be named where no layout is")
    if made.is_of_files:
        needed = (name for name in ("repository", "path") if name not in names)
        problems += [f"{name}: must be named where no layout is" for name in needed]
    return problems
