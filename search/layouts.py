"""Layouts: where each published schema of shards keeps what a document needs.

A layout is a table of columns, so a new schema is a new entry of LAYOUTS. A column map says the same of a schema that
is none of them, or could be several. It is a JSON object of which each key is a field, each value the name of a column
from the top of the schema; a dot leads into a struct, and lists on the way have no name:

    {"layout": "stack-v2", "content": "code"}
    {"files": "members", "repository": "project", "path": "members.name", "content": "members.body"}
    {"kind": "notebook", "id": "kernel", "content": "script"}

`layout` takes the columns of a known layout where the map names none, `kind` says what the documents are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from search.columns import READERS
from search.documents import DocumentKind

Names = Mapping[str, tuple[str, ...]]
"""Field of READERS -> its candidates, of which the first that is there counts."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One schema.

    `files` names the list column whose elements are the files of a row, `of_row` what they share; where it is
    empty each row is a file. `required` are the fields without which the layout does not fit, `marks` columns that
    must be there though nothing is read from them, `without` ones that must not be there. `size` is the length of the
    text in bytes, `batch_rows` how many rows are held in memory at once. In a `tagged` layout texts may begin with
    the tags of a training set.
    """

    name: str
    of_file: Names
    of_row: Names = field(default_factory=dict)
    files: str = ""
    size: str = ""
    batch_rows: int = 4
    kind: DocumentKind = DocumentKind.FILE
    required: tuple[str, ...] = ("repository", "path", "content")
    marks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    tagged: bool = False


_V2_FILE: Names = {
    "path": ("path",),
    "content": ("content", "text"),
    "content_id": ("content_id",),
    "language": ("language",),
    "licenses": ("detected_licenses",),
    "vendored": ("is_vendor",),
    "generated": ("is_generated",),
    "blob_id": ("blob_id",),
    "encoding": ("src_encoding",),
}
_V2_REPOSITORY: Names = {
    "repository": ("repo_name",),
    "revision": ("revision_id",),
    "stars": ("star_events_count",),
}
_V3_FILE: Names = {
    "path": ("file_path",),
    "content": ("content",),
    "content_id": ("content_id",),
    "language": ("language",),
    "licenses": ("detected_licenses",),
    "vendored": ("is_vendor",),
    "generated": ("is_generated",),
}
_V1: Names = {
    "repository": ("max_stars_repo_name",),
    "path": ("max_stars_repo_path",),
    "content": ("content",),
    "language": ("lang",),
    "licenses": ("max_stars_repo_licenses",),
    "revision": ("max_stars_repo_head_hexsha",),
    "stars": ("max_stars_count",),
}
_OF_A_REPOSITORY = (
    "repo_name", "repo_path", "repo", "max_stars_repo_name", "max_stars_repo_path", "path", "file_path", "files",
    "blob_id", "content_id", "hexsha", "events",
)  # fmt: skip
"""Columns that a text of no repository does not have: a shard that has one and fits nothing must not pass as texts."""


def _without_texts(layout: Layout, name: str) -> Layout:
    """The same rows with pointers in place of contents."""
    texts = layout.of_file["content"]
    names = {key: value for key, value in layout.of_file.items() if key != "content"}
    return replace(layout, name=name, of_file=names, required=("repository", "path", "blob_id"), without=texts)


_STACK_V2 = Layout("stack-v2", of_file={**_V2_REPOSITORY, **_V2_FILE}, size="length_bytes")
_STACK_V2_TRAIN = Layout(
    "stack-v2-train", of_file=_V2_FILE, of_row=_V2_REPOSITORY, files="files", size="length_bytes", batch_rows=1
)
_TEXTS = Layout(
    "texts",
    of_file={"id": ("id",), "content": ("content", "text"), "language": ("language",)},
    kind=DocumentKind.TEXT,
    required=("content",),
    without=(*_OF_A_REPOSITORY, "file_id"),
)

LAYOUTS = (
    Layout(
        "stack-v3",
        of_file=_V3_FILE,
        of_row={"repository": ("repo_path",), "revision": ("commit_id",), "stars": ("github_metadata.stars",)},
        files="files",
        size="size_bytes",
        batch_rows=1,
    ),
    Layout(
        "stack-v3-contents",
        of_file={"repository": ("repo_path",), "revision": ("commit_id",), **_V3_FILE},
        size="size_bytes",
    ),
    _STACK_V2,
    _without_texts(_STACK_V2, "stack-v2-ids"),
    _STACK_V2_TRAIN,
    _without_texts(_STACK_V2_TRAIN, "stack-v2-train-ids"),
    Layout("stack-v1", of_file=_V1, size="size"),
    Layout(
        "starcoderdata",
        of_file={name: _V1[name] for name in ("repository", "path", "content", "stars")},
        marks=("id",),
        tagged=True,
    ),
    Layout(
        "issue-events",
        of_file={
            "repository": ("repo", "repo_name"),
            "id": ("issue_number", "issue_id"),
            "events": ("events",),
            "pull_request": ("pull_request.number",),
        },
        size="text_size",
        kind=DocumentKind.ISSUE,
        required=("id", "events"),
    ),
    Layout(
        "issues",
        of_file={"repository": ("repo_name", "repo"), "id": ("issue_number", "issue_id"), "content": ("content",)},
        kind=DocumentKind.ISSUE,
        required=("id", "content"),
    ),
    replace(
        _TEXTS,
        name="kaggle",
        of_file={"id": ("file_id",), "content": ("content", "script")},
        kind=DocumentKind.NOTEBOOK,
        required=("id", "content"),
        without=_OF_A_REPOSITORY,
    ),
    replace(_TEXTS, name="documentation", kind=DocumentKind.DOCUMENTATION, marks=("project", "source")),
    _TEXTS,
)

FIELDS = tuple(READERS)
"""What a column can be read as; `size` and `files` are besides."""
LAYOUT_NAMES = tuple(layout.name for layout in LAYOUTS)

ONE_OF = (("path", "id"), ("content", "events"))
"""Fields that say the same."""
OF_ROWS = frozenset({"repository"})
OF_FILES = frozenset({"path", "id", "content", "events", "content_id", "blob_id", "encoding", "size"})
"""Where a row has a list of files: what belongs to the row, and what to each file."""


class ColumnMapError(ValueError):
    """A column map that cannot be used; the message names each wrong field."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """`fields` are names of columns by field; `layout`, `files` and `size` are empty where the map names none."""

    layout: str = ""
    kind: DocumentKind | None = None
    files: str = ""
    size: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if problems := [*self._unknown(), *self._contrary(), *self._missing()]:
            raise ColumnMapError(f"column map: {'; '.join(problems)}")

    @classmethod
    def of(cls, stored: object) -> "ColumnMap | None":
        """From an object as JSON has it; None for one that is empty. Raises ColumnMapError."""
        if not isinstance(stored, Mapping):
            raise ColumnMapError(f"column map: must be an object, not {type(stored).__name__}")
        if not stored:
            return None
        if problems := [f"{name}: must be the name of a column" for name, value in stored.items() if not _named(value)]:
            raise ColumnMapError(f"column map: {'; '.join(problems)}")
        given = dict(stored)
        kind = given.pop("kind", None)
        if kind is not None and kind not in set(DocumentKind):
            raise ColumnMapError(f"column map: kind: {kind!r} is none of {', '.join(DocumentKind)}")
        whole = {name: given.pop(name, "") for name in ("layout", "files", "size")}
        return cls(kind=kind and DocumentKind(kind), fields=given, **whole)

    @classmethod
    def from_json(cls, text: str | bytes) -> "ColumnMap | None":
        """From the text of a file; raises ColumnMapError."""
        try:
            stored = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            reason = str(error).removeprefix("column map: ")
            raise ColumnMapError(f"column map: {reason}") from None
        return cls.of(stored)

    def stored(self) -> dict[str, str]:
        """What `of` makes the same map of."""
        whole = {"layout": self.layout, "kind": self.kind or "", "files": self.files, "size": self.size}
        return {**{name: str(value) for name, value in whole.items() if value}, **self.fields}

    def _unknown(self) -> list[str]:
        known = ", ".join(("layout", "kind", "files", "size", *FIELDS))
        problems = [f"{name[:60]}: is no field; there are {known}" for name in self.fields if name not in FIELDS]
        if self.layout and self.layout not in LAYOUT_NAMES:
            problems.append(f"layout: {self.layout[:60]!r} is none of {', '.join(LAYOUT_NAMES)}")
        return problems

    def _contrary(self) -> list[str]:
        twice = [f"{one} and {other}: name one of the two" for one, other in ONE_OF if {one, other} <= set(self.fields)]
        files = self.files or next((layout.files for layout in LAYOUTS if layout.name == self.layout), "")
        if not files:
            return twice
        named = {**self.fields, **({"size": self.size} if self.size else {})}
        below = {name for name, given in named.items() if given.startswith(f"{files}.")}
        return [
            *twice,
            *(f"{name}: must be a column of {files}, below it" for name in named if name in OF_FILES - below),
            *(f"{name}: must be a column of the row, not below {files}" for name in named if name in OF_ROWS & below),
        ]

    def _missing(self) -> list[str]:
        """What a document cannot be without, where no layout gives it."""
        if self.layout:
            return []
        missing = [] if {"content", "events", "blob_id"} & self.fields.keys() else ["content"]
        if self.kind in {None, DocumentKind.FILE}:
            missing += [name for name in ("repository", "path") if name not in self.fields]
        return [f"{name}: must be named where no layout is" for name in missing]


def _named(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ColumnMapError(f"column map: {twice[:60]}: is named twice")
    return dict(pairs)
