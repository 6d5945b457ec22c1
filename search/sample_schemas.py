"""The two layouts in which the sample is written, column for column as The Stack has them.

Dates are fixed and figures drawn from names, so that a sample is the same whenever and wherever it is made.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from search.sample_edits import draw
from search.sample_plan import PlannedRepository
from search.sample_tables import is_generated, is_vendored, language_of, license_type_of
from search.swhid import of_content

VISITED = datetime(2026, 9, 1, tzinfo=UTC)
COMMITTED = datetime(2026, 8, 17, 12, tzinfo=UTC)
MOST_STARS = 200_000

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
V2_COLUMNS: dict[str, pa.DataType] = {
    "blob_id": pa.string(),
    "directory_id": pa.string(),
    "path": pa.string(),
    "content_id": pa.string(),
    "detected_licenses": pa.list_(pa.string()),
    "license_type": pa.string(),
    "repo_name": pa.string(),
    "snapshot_id": pa.string(),
    "revision_id": pa.string(),
    "branch_name": pa.string(),
    "visit_date": pa.timestamp("ns"),
    "revision_date": pa.timestamp("ns"),
    "committer_date": pa.timestamp("ns"),
    "github_id": pa.int64(),
    "star_events_count": pa.int64(),
    "fork_events_count": pa.int64(),
    "gha_license_id": pa.string(),
    "gha_event_created_at": pa.timestamp("ns"),
    "gha_created_at": pa.timestamp("ns"),
    "gha_language": pa.string(),
    "src_encoding": pa.string(),
    "language": pa.string(),
    "is_vendor": pa.bool_(),
    "is_generated": pa.bool_(),
    "length_bytes": pa.int64(),
    "extension": pa.string(),
    "filename": pa.string(),
    "content": pa.string(),
}


@dataclass(frozen=True, slots=True)
class Blob:
    """A file as it goes into a shard; `content` is UTF-8 without NUL."""

    path: str
    content: bytes
    licenses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a shard, and the bytes of text in it."""

    values: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """`coded` are the columns whose values come again and again, so that a dictionary makes them small."""

    name: str
    schema: pa.Schema
    rows: Callable[[PlannedRepository, Sequence[Blob]], list[Row]]
    coded: tuple[str, ...]


def v3_rows(repository: PlannedRepository, blobs: Sequence[Blob]) -> list[Row]:
    """One row of The Stack v3 for the repository."""
    row = {
        "repo_path": repository.name,
        "repo_id": number_of(repository.name),
        "commit_id": digest_of("revision", repository.name, repository.version),
        "github_metadata": _metadata(repository),
        "num_files": len(blobs),
        "files": [_v3_file(blob) for blob in blobs],
    }
    return [Row(row, sum(len(blob.content) for blob in blobs))]


def v2_rows(repository: PlannedRepository, blobs: Sequence[Blob]) -> list[Row]:
    """A row of The Stack v2 for each file."""
    shared = {
        "directory_id": digest_of("directory", repository.name, repository.version),
        "repo_name": repository.name,
        "snapshot_id": digest_of("snapshot", repository.name, repository.version),
        "revision_id": digest_of("revision", repository.name, repository.version),
        "branch_name": f"refs/heads/{branch_of(repository.name)}",
        "visit_date": VISITED,
        "revision_date": COMMITTED,
        "committer_date": COMMITTED,
        "github_id": number_of(repository.name),
        "star_events_count": stars_of(repository),
        "fork_events_count": stars_of(repository) // 5,
        "src_encoding": "UTF-8",
    }
    return [Row(shared | _v2_file(blob), len(blob.content)) for blob in blobs]


def stars_of(repository: PlannedRepository) -> int:
    """A few repositories have most of the stars (a Pareto distribution), and forks have next to none."""
    if repository.fork_of:
        return draw("stars", repository.name) % 8
    share = 1 - draw("stars", repository.name) / 2**64
    return int(min(4 * (share**-1.4 - 1), MOST_STARS)) if share else MOST_STARS


def number_of(name: str) -> int:
    return draw("id", name) % 10**9


def branch_of(name: str) -> str:
    return "master" if draw("branch", name) % 3 == 0 else "main"


def digest_of(*key: str) -> str:
    """40 hexadecimal digits that stand for an object of the version control system."""
    return hashlib.sha256("\0".join(key).encode()).hexdigest()[:40]


def _metadata(repository: PlannedRepository) -> Mapping[str, Any]:
    name = repository.name
    return {
        "branch": branch_of(name),
        "commit_count": 1 + draw("commits", name) % 5000,
        "repo_created_at": f"{2009 + draw('year', name) % 16}-03-01T00:00:00Z",
        "is_fork": bool(repository.fork_of),
        "is_org_owned": draw("organisation", name.partition("/")[0]) % 2 == 0,
        "forked_from": repository.fork_of or None,
        "stars": stars_of(repository),
        "forks": stars_of(repository) // 5,
        "issues": stars_of(repository) // 3,
        "pull_requests": stars_of(repository) // 4,
    }


def _v3_file(blob: Blob) -> dict[str, Any]:
    return {
        "content_id": of_content(blob.content).digest,
        "content": blob.content,
        "size_bytes": len(blob.content),
        "file_path": blob.path,
        "file_timestamp": int(COMMITTED.timestamp()),
        "language": language_of(blob.path),
        "is_vendor": is_vendored(blob.path),
        "license_type": license_type_of(blob.licenses),
        "detected_licenses": blob.licenses,
    }


def _v2_file(blob: Blob) -> dict[str, Any]:
    path = PurePosixPath(blob.path)
    return {
        "blob_id": hashlib.sha1(blob.content, usedforsecurity=False).hexdigest(),
        "path": f"/{blob.path}",
        "content_id": of_content(blob.content).digest,
        "detected_licenses": blob.licenses,
        "license_type": license_type_of(blob.licenses),
        "language": language_of(blob.path),
        "is_vendor": is_vendored(blob.path),
        "is_generated": is_generated(blob.path, blob.content),
        "length_bytes": len(blob.content),
        "extension": path.suffix.removeprefix("."),
        "filename": path.name,
        "content": blob.content,
    }


LAYOUTS = (
    SampleLayout(
        name="stack-v3",
        schema=pa.schema(V3_COLUMNS),
        rows=v3_rows,
        coded=(
            "files.list.element.language",
            "files.list.element.license_type",
            "files.list.element.detected_licenses.list.element",
        ),
    ),
    SampleLayout(
        name="stack-v2",
        schema=pa.schema(V2_COLUMNS),
        rows=v2_rows,
        coded=(
            "repo_name",
            "directory_id",
            "snapshot_id",
            "revision_id",
            "branch_name",
            "src_encoding",
            "language",
            "license_type",
            "detected_licenses.list.element",
            "extension",
        ),
    ),
)
