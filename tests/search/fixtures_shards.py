"""Shards as the publishers write them, small enough to be spelled out in a test."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from search.documents import Document
from search.layouts import ColumnMap
from search.shards import read_documents
from search.swhid import of_content

REVISION = "c" * 40
MAX_BYTES = 2**20

V3_FILE = pa.struct(
    [
        ("content_id", pa.string()),
        ("content", pa.string()),
        ("size_bytes", pa.int64()),
        ("file_path", pa.string()),
        ("file_timestamp", pa.int64()),
        ("language", pa.string()),
        ("is_vendor", pa.bool_()),
        ("license_type", pa.string()),
        ("detected_licenses", pa.list_(pa.string())),
    ]
)
V3_METADATA = pa.struct(
    [
        ("branch", pa.string()),
        ("commit_count", pa.int64()),
        ("repo_created_at", pa.string()),
        ("is_fork", pa.bool_()),
        ("is_org_owned", pa.bool_()),
        ("forked_from", pa.string()),
        ("stars", pa.int64()),
        ("forks", pa.int64()),
        ("issues", pa.int64()),
        ("pull_requests", pa.int64()),
    ]
)
V3_COLUMNS: dict[str, pa.DataType] = {
    "repo_path": pa.string(),
    "repo_id": pa.int64(),
    "commit_id": pa.string(),
    "github_metadata": V3_METADATA,
    "num_files": pa.int64(),
    "files": pa.list_(V3_FILE),
}
V3 = pa.schema(V3_COLUMNS)
V2 = pa.schema(
    [
        ("blob_id", pa.string()),
        ("directory_id", pa.string()),
        ("path", pa.string()),
        ("content_id", pa.string()),
        ("detected_licenses", pa.list_(pa.string())),
        ("license_type", pa.string()),
        ("repo_name", pa.string()),
        ("revision_id", pa.string()),
        ("visit_date", pa.timestamp("ns")),
        ("star_events_count", pa.int64()),
        ("src_encoding", pa.string()),
        ("language", pa.string()),
        ("is_vendor", pa.bool_()),
        ("is_generated", pa.bool_()),
        ("length_bytes", pa.int64()),
        ("content", pa.string()),
    ]
)


def v3_file(content: Any = "x = 1\n", **changes: Any) -> dict[str, Any]:
    file = {
        "content_id": None,
        "content": content,
        "size_bytes": len(content or ""),
        "file_path": "src/a.py",
        "language": "Python",
        "is_vendor": False,
        "license_type": "permissive",
        "detected_licenses": ["MIT"],
    }
    return file | changes


def v3_row(repository: str | None, files: list[Any] | None, **changes: Any) -> dict[str, Any]:
    row = {
        "repo_path": repository,
        "repo_id": 7,
        "commit_id": REVISION,
        "github_metadata": {"stars": 12, "is_fork": False},
        "num_files": len(files or ()),
        "files": files,
    }
    return row | changes


def v2_row(content: Any = "x = 1\n", **changes: Any) -> dict[str, Any]:
    row = {
        "path": "/src/a.py",
        "content_id": None,
        "detected_licenses": ["MIT"],
        "license_type": "permissive",
        "repo_name": "ada/engine",
        "revision_id": REVISION,
        "star_events_count": 12,
        "src_encoding": "UTF-8",
        "language": "Python",
        "is_vendor": False,
        "is_generated": False,
        "length_bytes": len(content or ""),
        "content": content,
    }
    return row | changes


FILE = Document(
    swhid=of_content(b"x = 1\n").core,
    repository="ada/engine",
    path="src/a.py",
    content=b"x = 1\n",
    language="Python",
    licenses=("MIT",),
    revision=REVISION,
    stars=12,
)
"""What the file of `v2_row()`, and that of `v3_file()` in ada/engine, is read as."""


def with_types(schema: pa.Schema, **kinds: pa.DataType) -> pa.Schema:
    """`schema` with other types for some of its columns."""
    return pa.schema([pa.field(field.name, kinds.get(field.name, field.type)) for field in schema])


def with_file_types(**kinds: pa.DataType) -> pa.Schema:
    """The Stack v3 with other types for some of the columns of its files."""
    file = pa.struct([(field.name, kinds.get(field.name, field.type)) for field in V3_FILE])
    return with_types(V3, files=pa.list_(file))


def write_shard(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema, **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows), schema), str(path), **options)
    return path


def read_shard(
    path: Path, max_bytes: int = MAX_BYTES, columns: ColumnMap | None = None
) -> tuple[list[Document], Counter[str]]:
    tally: Counter[str] = Counter()
    return list(read_documents(path, max_bytes=max_bytes, tally=tally, columns=columns)), tally
