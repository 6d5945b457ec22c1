"""Shards of every layout as the publishers document them, made of the same few things: a repository, a path, a text.

Beside each stands a query by which DuckDB finds the same: row, file, repository, path, content_id, content, size.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from search.documents import DocumentKind
from tests.search.fixtures_shards import REVISION, V2, V3, V3_FILE, v2_row, v3_file, v3_row


@dataclass(frozen=True)
class Given:
    """One file to be written in some layout. `number` tells it from others."""

    repository: str | None = "ada/engine"
    path: str | None = "src/a.py"
    text: str | None = "x = 1\n"
    content_id: str | None = None
    number: int = 7


@dataclass(frozen=True)
class Published:
    """A layout as it is published: `files` selects its files in DuckDB from the shard $shard."""

    name: str
    schema: pa.Schema
    rows: Callable[[list[Given]], list[dict[str, Any]]]
    files: str
    kind: DocumentKind = DocumentKind.FILE
    nested: bool = False
    has_texts: bool = True
    has_ids: bool = False
    """Whether a row declares the identifier of its content."""
    has_repositories: bool = True


def _schema(columns: Iterable[tuple[str, Any]]) -> pa.Schema:
    return pa.schema(list(columns))


MOMENT: Any = pa.timestamp("ns")
V2_IDS = _schema(
    [
        ("blob_id", pa.string()), ("directory_id", pa.string()), ("path", pa.string()), ("content_id", pa.string()),
        ("detected_licenses", pa.list_(pa.string())), ("license_type", pa.string()), ("repo_name", pa.string()),
        ("snapshot_id", pa.string()), ("revision_id", pa.string()), ("branch_name", pa.string()),
        ("visit_date", MOMENT), ("revision_date", MOMENT), ("committer_date", MOMENT), ("github_id", pa.int64()),
        ("star_events_count", pa.int64()), ("fork_events_count", pa.int64()), ("gha_license_id", pa.string()),
        ("gha_event_created_at", MOMENT), ("gha_created_at", MOMENT), ("gha_language", pa.string()),
        ("src_encoding", pa.string()), ("language", pa.string()), ("is_vendor", pa.bool_()),
        ("is_generated", pa.bool_()), ("length_bytes", pa.int64()), ("extension", pa.string()),
        ("filename", pa.string()),
    ]
)  # fmt: skip
TRAIN_FILE = pa.struct(
    [
        ("alphanum_fraction", pa.float64()), ("avg_line_length", pa.float64()), ("blob_id", pa.string()),
        ("content_id", pa.string()), ("detected_licenses", pa.list_(pa.string())), ("extension", pa.string()),
        ("is_generated", pa.bool_()), ("is_vendor", pa.bool_()), ("language", pa.string()),
        ("length_bytes", pa.int64()), ("license_type", pa.string()), ("max_line_length", pa.int64()),
        ("path", pa.string()), ("src_encoding", pa.string()),
    ]
)  # fmt: skip
TRAIN_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("repo_name", pa.string()), ("repo_url", pa.string()), ("snapshot_id", pa.string()),
    ("revision_id", pa.string()), ("directory_id", pa.string()), ("branch_name", pa.string()), ("visit_date", MOMENT),
    ("revision_date", MOMENT), ("committer_date", MOMENT), ("github_id", pa.float64()),
    ("star_events_count", pa.int64()), ("fork_events_count", pa.int64()), ("gha_license_id", pa.string()),
    ("gha_created_at", MOMENT), ("gha_updated_at", MOMENT), ("gha_pushed_at", MOMENT), ("gha_language", pa.string()),
]  # fmt: skip
TRAIN_IDS = pa.schema([*TRAIN_COLUMNS, ("files", pa.list_(TRAIN_FILE)), ("num_files", pa.int64())])
TRAIN = pa.schema(
    [*TRAIN_COLUMNS, ("files", pa.list_(pa.struct([*TRAIN_FILE, ("content", pa.string())]))), ("num_files", pa.int64())]
)
V3_CONTENTS = _schema(
    [
        ("repo_path", pa.string()), ("commit_id", pa.string()), *((field.name, field.type) for field in V3_FILE),
        ("dedup_cluster", pa.int64()),
    ]
)  # fmt: skip


def _v1_columns() -> Iterable[tuple[str, Any]]:
    yield from [("hexsha", pa.string()), ("size", pa.int64()), ("ext", pa.string()), ("lang", pa.string())]
    for event in ("stars", "issues", "forks"):
        yield from ((f"max_{event}_repo_{name}", pa.string()) for name in ("path", "name", "head_hexsha"))
        yield f"max_{event}_repo_licenses", pa.list_(pa.string())
        yield f"max_{event}_count", pa.int64()
        moments = ("min_datetime", "max_datetime")
        yield from ((f"max_{event}_repo_{event}_event_{moment}", pa.string()) for moment in moments)
    yield from [("content", pa.string()), ("avg_line_length", pa.float64()), ("max_line_length", pa.int64())]
    yield "alphanum_fraction", pa.float64()


V1 = _schema(_v1_columns())
STARCODER = _schema(
    [
        ("max_stars_repo_path", pa.string()), ("max_stars_repo_name", pa.string()), ("max_stars_count", pa.int64()),
        ("id", pa.string()), ("content", pa.string()),
    ]
)  # fmt: skip
EVENT = pa.struct(
    [
        ("action", pa.string()), ("author", pa.string()), ("comment_id", pa.float64()), ("datetime", MOMENT),
        ("masked_author", pa.string()), ("text", pa.string()), ("title", pa.string()), ("type", pa.string()),
    ]
)  # fmt: skip
PULL = pa.struct([("number", pa.int64()), ("repo", pa.string()), ("user_login", pa.string())])
ISSUE_EVENTS = _schema(
    [
        ("repo", pa.string()), ("org", pa.string()), ("issue_id", pa.int64()), ("issue_number", pa.int64()),
        ("pull_request", PULL), ("events", pa.list_(EVENT)), ("user_count", pa.int64()), ("event_count", pa.int64()),
        ("text_size", pa.int64()), ("bot_issue", pa.bool_()), ("modified_by_bot", pa.bool_()),
        ("text_size_no_bots", pa.int64()), ("modified_usernames", pa.bool_()),
    ]
)  # fmt: skip
ISSUES = _schema([("repo_name", pa.string()), ("content", pa.string()), ("issue_id", pa.string())])
KAGGLE = pa.schema([("file_id", pa.string()), ("content", pa.string())])
DOCUMENTATION = pa.schema(
    [("project", pa.string()), ("source", pa.string()), ("language", pa.string()), ("content", pa.string())]
)
TEXTS = _schema([("id", pa.int64()), ("content", pa.string())])


def blob_of(text: str | None) -> str:
    """The name by which an archive has the content."""
    return hashlib.sha1((text or "").encode(), usedforsecurity=False).hexdigest()


def size_of(text: str | None) -> int:
    return len((text or "").encode())


def _by_repository(files: list[Given]) -> list[tuple[str | None, list[Given]]]:
    return [(repository, list(group)) for repository, group in groupby(files, key=lambda file: file.repository)]


def _v2(file: Given, **changes: Any) -> dict[str, Any]:
    row = v2_row(file.text, path=file.path and f"/{file.path}", repo_name=file.repository, content_id=file.content_id)
    return row | {"blob_id": blob_of(file.text), "length_bytes": size_of(file.text)} | changes


def _v3(file: Given) -> dict[str, Any]:
    return v3_file(file.text, file_path=file.path, content_id=file.content_id, size_bytes=size_of(file.text))


def _train(files: list[Given]) -> list[dict[str, Any]]:
    return [
        {
            "repo_name": repository, "revision_id": REVISION, "star_events_count": 12, "visit_date": 1_700_000_000,
            "num_files": len(group), "files": [_v2(file) for file in group],
        }
        for repository, group in _by_repository(files)
    ]  # fmt: skip


def _v1(file: Given) -> dict[str, Any]:
    return {
        "hexsha": "9" * 40, "size": size_of(file.text), "ext": "py", "lang": "Python",
        "max_stars_repo_path": file.path, "max_stars_repo_name": file.repository,
        "max_stars_repo_head_hexsha": REVISION, "max_stars_repo_licenses": ["MIT"], "max_stars_count": 12,
        "max_issues_repo_name": "someone/else", "max_forks_repo_path": "other.py", "content": file.text,
    }  # fmt: skip


def _starcoder(file: Given) -> dict[str, Any]:
    tags = ("", f"<reponame>{file.repository}<gh_stars>10-100\n", f"<filename>{file.path}\n", "<gh_stars>1000+\n")
    text = None if file.text is None else tags[file.number % 4] + file.text
    return {
        "max_stars_repo_path": file.path, "max_stars_repo_name": file.repository, "max_stars_count": 12,
        "id": str(file.number), "content": text,
    }  # fmt: skip


def events_of(text: str | None) -> list[dict[str, Any] | None] | None:
    """Events that say the text in two halves."""
    if text is None:
        return None
    half = len(text) // 2
    first = {"title": "It breaks", "text": text[:half], "masked_author": "username_0", "type": "issue"}
    change = {"title": "It breaks badly", "text": None, "masked_author": "username_0", "type": "issue"}
    last = {"title": "It breaks badly", "text": text[half:], "masked_author": None, "author": "bob", "comment_id": 3.0}
    return [first, None, change, last]


def _issue_events(file: Given) -> dict[str, Any]:
    pull = {"number": file.number, "repo": None, "user_login": None} if file.number % 2 else None
    return {
        "repo": file.repository, "org": None, "issue_id": file.number + 10**9, "issue_number": file.number,
        "pull_request": pull, "events": events_of(file.text), "text_size": size_of(file.text),
    }  # fmt: skip


FLAT = (
    "SELECT file_row_number AS row, NULL::BIGINT AS file, {repository} AS repository, {path} AS path, "
    "{content_id} AS content_id, {content} AS content, {size} AS size "
    "FROM read_parquet($shard, file_row_number = true)"
)
NESTED = (
    "SELECT row, place - 1 AS file, repository, file.{path} AS path, file.content_id AS content_id, "
    "{content} AS content, file.{size} AS size "
    "FROM (SELECT file_row_number AS row, {repository} AS repository, generate_subscripts(files, 1) AS place, "
    "unnest(files) AS file FROM read_parquet($shard, file_row_number = true))"
)
NO_ID = {"content_id": "NULL::VARCHAR"}
EVENT_PIECES = """
    WITH events AS (
        SELECT file_row_number AS row, generate_subscripts(events, 1) AS place, unnest(events) AS event
        FROM read_parquet($shard, file_row_number = true)
    ), said AS (
        SELECT row, place, nullif(event.title, '') AS title, event.text AS text, event.masked_author AS author,
               lag(nullif(event.title, '') IGNORE NULLS) OVER (PARTITION BY row ORDER BY place) AS last
        FROM events
    ), pieces AS (
        SELECT row, place, 1 AS part, title AS piece FROM said WHERE title IS NOT NULL AND title IS DISTINCT FROM last
        UNION ALL
        SELECT row, place, 2, CASE WHEN coalesce(author, '') = '' THEN text ELSE author || ':' || chr(10) || text END
        FROM said WHERE coalesce(text, '') <> ''
    ), texts AS (
        SELECT row, string_agg(piece, chr(10) || chr(10) ORDER BY place, part) AS text FROM pieces GROUP BY row
    )
    SELECT shard.file_row_number AS row, NULL::BIGINT AS file, repo AS repository, issue_number::VARCHAR AS path,
           NULL::VARCHAR AS content_id, CASE WHEN events IS NULL THEN NULL ELSE coalesce(texts.text, '') END AS content,
           text_size AS size
    FROM read_parquet($shard, file_row_number = true) AS shard LEFT JOIN texts ON texts.row = shard.file_row_number
"""
TAGS = (
    "'^(<reponame>' || coalesce(regexp_escape(max_stars_repo_name), '') || ')?"
    "(<filename>' || coalesce(regexp_escape(max_stars_repo_path), '') || ')?"
    "(<gh_stars>(0|1-10|10-100|100-1000|1000\\+))?\\n'"
)
UNTAGGED = (
    "CASE WHEN regexp_matches(content, '^<(reponame|filename|gh_stars)>') "
    f"THEN regexp_replace(content, {TAGS}, '') ELSE content END"
)

V1_NAMES = {"repository": "max_stars_repo_name", "path": "max_stars_repo_path", "content": "content"}
V2_NAMES = {"repository": "repo_name", "path": "path", "content_id": "content_id", "size": "length_bytes"}
PUBLISHED = (
    Published(
        "stack-v3", V3,
        lambda files: [v3_row(name, [_v3(file) for file in group]) for name, group in _by_repository(files)],
        NESTED.format(repository="repo_path", path="file_path", content="file.content", size="size_bytes"),
        nested=True, has_ids=True,
    ),
    Published(
        "stack-v3-contents", V3_CONTENTS,
        lambda files: [_v3(file) | {"repo_path": file.repository, "commit_id": REVISION, "dedup_cluster": file.number}
                       for file in files],
        FLAT.format(repository="repo_path", path="file_path", content_id="content_id", content="content",
                    size="size_bytes"),
        has_ids=True,
    ),
    Published(
        "stack-v2", V2, lambda files: [_v2(file) for file in files], FLAT.format(content="content", **V2_NAMES),
        has_ids=True,
    ),
    Published(
        "stack-v2-ids", V2_IDS, lambda files: [_v2(file) for file in files],
        FLAT.format(content="NULL::VARCHAR", **V2_NAMES), has_texts=False, has_ids=True,
    ),
    Published(
        "stack-v2-train", TRAIN, _train,
        NESTED.format(repository="repo_name", path="path", content="file.content", size="length_bytes"),
        nested=True, has_ids=True,
    ),
    Published(
        "stack-v2-train-ids", TRAIN_IDS, _train,
        NESTED.format(repository="repo_name", path="path", content="NULL::VARCHAR", size="length_bytes"),
        nested=True, has_texts=False, has_ids=True,
    ),
    Published(
        "stack-v1", V1, lambda files: list(map(_v1, files)), FLAT.format(size="size", **V1_NAMES, **NO_ID),
    ),
    Published(
        "starcoderdata", STARCODER, lambda files: list(map(_starcoder, files)),
        FLAT.format(size="0", **V1_NAMES | {"content": UNTAGGED}, **NO_ID),
    ),
    Published(
        "issue-events", ISSUE_EVENTS, lambda files: list(map(_issue_events, files)), EVENT_PIECES,
        kind=DocumentKind.ISSUE,
    ),
    Published(
        "issues", ISSUES,
        lambda files: [{"repo_name": f.repository, "content": f.text, "issue_id": str(f.number)} for f in files],
        FLAT.format(repository="repo_name", path="issue_id", content="content", size="0", **NO_ID),
        kind=DocumentKind.ISSUE,
    ),
    Published(
        "kaggle", KAGGLE, lambda files: [{"file_id": str(file.number), "content": file.text} for file in files],
        FLAT.format(repository="NULL::VARCHAR", path="file_id", content="content", size="0", **NO_ID),
        kind=DocumentKind.NOTEBOOK, has_repositories=False,
    ),
    Published(
        "documentation", DOCUMENTATION,
        lambda files: [{"project": "numpy", "source": "readthedocs", "content": file.text} for file in files],
        FLAT.format(repository="NULL::VARCHAR", path="NULL::VARCHAR", content="content", size="0", **NO_ID),
        kind=DocumentKind.DOCUMENTATION, has_repositories=False,
    ),
    Published(
        "texts", TEXTS, lambda files: [{"id": file.number, "content": file.text} for file in files],
        FLAT.format(repository="NULL::VARCHAR", path="id::VARCHAR", content="content", size="0", **NO_ID),
        kind=DocumentKind.TEXT, has_repositories=False,
    ),
)  # fmt: skip
BY_NAME = {published.name: published for published in PUBLISHED}
