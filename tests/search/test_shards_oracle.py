"""Shards against DuckDB: another reader counts the same documents, the same reasons and the same bytes."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from search.documents import Document
from search.shards import inspect_shard
from tests.search.fixtures_shards import V2, V3, read_shard, v2_row, v3_file, v3_row, write_shard

LIMIT = 24
CASES = """
    CASE WHEN coalesce(repository, '') = '' THEN 'no repository'
         WHEN ltrim(coalesce(path, ''), '/') = '' THEN 'no path'
         WHEN NOT regexp_full_match(content_id, '[0-9a-fA-F]{40}') THEN 'bad id'
         WHEN content IS NULL THEN 'no text'
         WHEN strlen(content) = 0 THEN 'empty'
         WHEN strlen(content) > $limit THEN 'too large'
         WHEN contains(content, chr(0)) THEN 'binary'
         ELSE 'document' END
"""
V2_FILES = "SELECT repo_name AS repository, path, content_id, content, length_bytes AS size FROM read_parquet($path)"
V3_FILES = """
    SELECT repo_path AS repository, file.file_path AS path, file.content_id AS content_id,
           file.content AS content, file.size_bytes AS size
    FROM (SELECT repo_path, unnest(files) AS file FROM read_parquet($path))
"""

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.just("a\0b")
ids = st.sampled_from([None, None, "0" * 40, "ABCDEF0123" * 4, "", "g" * 40, "0" * 39])
paths = st.sampled_from(["/src/a.py", "b.c", "naïve/ü.rs", "/", "", None])
repositories = st.sampled_from(["ada/engine", "Ada/Engine", "o/r", "", None])
sizes = st.none() | st.integers(0, 2**40)
flat_rows = st.builds(
    v2_row,
    texts,
    content_id=ids,
    path=paths,
    repo_name=repositories,
    length_bytes=sizes,
)
files = st.none() | st.builds(v3_file, texts, content_id=ids, file_path=paths, size_bytes=sizes)
nested_rows = st.builds(v3_row, repositories, st.none() | st.lists(files, max_size=5))


def agree(rows: list[Any], schema: pa.Schema, query: str, options: dict[str, Any]) -> None:
    """Counts by reason, sums of bytes and places, of the same shard by DuckDB and by us."""
    with TemporaryDirectory() as folder:
        path = write_shard(Path(folder) / "a.parquet", rows, schema, **options)
        documents, tally = read_shard(path, max_bytes=LIMIT)
        facts = inspect_shard(path)
        with duckdb.connect() as database:
            given_values = {"path": str(path), "limit": LIMIT}
            found = database.execute(f"SELECT {CASES} AS verdict, * FROM ({query})", given_values).fetchall()
    reasons = Counter(row[0] for row in found)
    accepted = [row for row in found if row[0] == "document"]
    assert tally + Counter({"document": len(documents)}) == reasons
    assert Counter(map(_said, documents)) == Counter((row[1], row[2].lstrip("/"), row[4]) for row in accepted)
    assert facts.documents == len(found) == len(documents) + tally.total()
    assert facts.text_bytes == sum(row[5] or 0 for row in found)
    assert facts.rows == len(rows)


def _said(document: Document) -> tuple[str, str, str]:
    return document.repository, document.path, document.content.decode()


writing = st.fixed_dictionaries(
    {
        "row_group_size": st.integers(1, 9),
        "use_dictionary": st.booleans(),
        "compression": st.sampled_from(["snappy", "zstd", "none"]),
        "store_schema": st.booleans(),
    }
)


@given(st.lists(flat_rows, max_size=12), writing)
@settings(deadline=None, max_examples=50)
def test_duckdb_finds_the_same_files_in_the_stack_v2(rows: list[Any], options: dict[str, Any]) -> None:
    agree(rows, V2, V2_FILES, options)


@given(st.lists(nested_rows, max_size=6), writing)
@settings(deadline=None, max_examples=50)
def test_duckdb_finds_the_same_files_in_the_stack_v3(rows: list[Any], options: dict[str, Any]) -> None:
    agree(rows, V3, V3_FILES, options)


def test_duckdb_and_we_agree_on_a_shard_of_many_repositories(tmp_path: Path) -> None:
    rows = [
        v3_row(
            f"owner{n % 17}/repo{n}",
            [v3_file(f"{n} {k}" * (k % 9), file_path=f"{k}.py") for k in range(n % 23)],
        )
        for n in range(2000)
    ]
    path = write_shard(tmp_path / "a.parquet", rows, V3, row_group_size=700)
    documents, tally = read_shard(path)
    facts = inspect_shard(path)
    with duckdb.connect() as database:
        query = f"SELECT count(*), sum(strlen(content)), sum(size) FROM ({V3_FILES})"
        answer = database.execute(query, {"path": str(path)}).fetchone()
    assert answer == (
        len(documents) + tally.total(),
        sum(len(document.content) for document in documents),
        facts.text_bytes,
    )
