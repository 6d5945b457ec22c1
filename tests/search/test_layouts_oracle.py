"""Every layout against DuckDB: another reader finds the same documents, reasons and sizes."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.contents import Skip
from search.documents import DocumentKind
from search.shards import UNLISTED, inspect_shard, read_places
from tests.search.fixtures_layouts import PUBLISHED, Given, Published
from tests.search.fixtures_shards import read_shard, write_shard

LIMIT = 60
VERDICT = """
    CASE WHEN $of_files AND coalesce(repository, '') = '' THEN 'no repository'
         WHEN $of_files AND ltrim(coalesce(path, ''), '/') = '' THEN 'no path'
         WHEN NOT regexp_full_match(content_id, '[0-9a-fA-F]{40}') THEN 'bad id'
         WHEN content IS NULL THEN $unread
         WHEN strlen(content) = 0 THEN 'empty'
         WHEN strlen(content) > $limit THEN 'too large'
         WHEN contains(content, chr(0)) THEN 'binary'
         ELSE 'document' END
"""

given_files = st.builds(
    Given,
    st.sampled_from(["ada/engine", "Ada/Engine", "o/r", "", None]),
    st.sampled_from(["src/a.py", "b.c", "naïve/ü.rs", "/", "", None]),
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.just("a\0b"),
    st.sampled_from([None, None, "0" * 40, "ABCDEF0123" * 4, "", "g" * 40]),
    st.integers(0, 9),
)
writing = st.fixed_dictionaries(
    {
        "row_group_size": st.integers(1, 9),
        "use_dictionary": st.booleans(),
        "compression": st.sampled_from(["snappy", "zstd", "none"]),
        "store_schema": st.booleans(),
    }
)


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda each: each.name)
@given(files=st.lists(given_files, max_size=10), options=writing)
@settings(deadline=None, max_examples=20)
def test_duckdb_finds_the_same(published: Published, files: list[Given], options: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = write_shard(Path(folder) / "a.parquet", published.rows(files), published.schema, **options)
        documents, tally = read_shard(path, max_bytes=LIMIT)
        facts = inspect_shard(path)
        places = [place[:2] for place in read_places(path)]
        found = _asked(published, path)
    accepted = [row for row in found if row[0] == "document" or (row[0] == Skip.ELSEWHERE and row[5])]
    nameless = Counter(UNLISTED for row in found if row[0] == Skip.ELSEWHERE and not row[5])
    assert tally == nameless + Counter(row[0] for row in found if row[0] != "document")
    texts = [(row[1] or "", row[3] or "") for row in accepted]
    assert [(one.repository, one.content.decode()) for one in documents] == texts
    assert [one.path for one in documents] == [
        (row[2] or "").lstrip("/") or one.swhid for row, one in zip(accepted, documents, strict=True)
    ]
    assert places == [(row[1] or "", (row[2] or "").lstrip("/")) for row in found]
    assert facts.documents == len(found)
    if any(row[4] for row in found):
        assert facts.text_bytes == sum(row[4] or 0 for row in found)


def _asked(published: Published, path: Path) -> list[tuple[Any, ...]]:
    query = f"SELECT {VERDICT}, repository, path, content, size, content_id FROM ({published.files}) ORDER BY row, file"
    points = "blob_id" in str(published.schema)
    unread = Skip.ELSEWHERE if points else Skip.NO_TEXT
    of_files = published.kind is DocumentKind.FILE
    values = {"shard": str(path), "limit": LIMIT, "of_files": of_files, "unread": str(unread)}
    with duckdb.connect() as database:
        return database.execute(query, values).fetchall()
