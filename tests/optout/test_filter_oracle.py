"""The filter against DuckDB: what SQL, written from what the scopes mean, finds covered is gone, and nothing else."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from optout.receipt import Receipt
from tests.optout.filter_lists import Bench
from tests.optout.filter_worlds import World, world, write_world

LISTS, CHUNKS = 200, 20

SCOPES = """
    CREATE TABLE scopes AS
    SELECT exclusion, split_part(scope, ':', 1) AS kind, substr(scope, strpos(scope, ':') + 1) AS value
    FROM (SELECT exclusion, unnest(list_prepend(scope, names)) AS scope FROM read_parquet($list))
"""
V3_FILES = """
    CREATE TABLE files_v3 AS
    SELECT row, place - 1 AS file, repository,
           file.file_path AS path, file.content_id AS content_id, file.content AS content
    FROM (SELECT file_row_number AS row, repo_path AS repository, generate_subscripts(files, 1) AS place,
                 unnest(files) AS file
          FROM read_parquet($shard, file_row_number = true))
"""
V2_FILES = """
    CREATE TABLE files_v2 AS
    SELECT file_row_number AS row, NULL::BIGINT AS file, repo_name AS repository, path, content_id, content
    FROM read_parquet($shard, file_row_number = true)
"""
ACCOUNT = "kind = 'account' AND lower(split_part(repository, '/', 1)) = value"
REPO = "kind = 'repo' AND lower(repository) = value"
PATH = """
    kind = 'path' AND lower(repository) = split_part(value, '/', 1) || '/' || split_part(value, '/', 2)
    AND starts_with(trim(path, '/') || '/', substr(value, length(repository) + 2) || '/')
"""
SWHID = """
    kind = 'swhid' AND (lower(content_id) = substr(value, 11)
                        OR sha1('blob ' || strlen(content) || chr(0) || content) = substr(value, 11))
"""
EMAIL = r"""
    kind = 'email' AND regexp_matches(content,
        '(?i)(^|[^A-Z0-9._%+-])[.%+-]*' || regexp_escape(value) || '($|[^A-Z.]|\.($|[^A-Z0-9]))')
"""
"""An address begins where no letter of one stands before it, signs left out, and ends where its domain does."""

COVERED = f"""
    SELECT DISTINCT row, file, exclusion FROM files_{{layout}}, scopes
    WHERE coalesce({ACCOUNT}, false) OR coalesce({REPO}, false) OR coalesce({PATH}, false) OR coalesce({SWHID}, false)
          OR coalesce({EMAIL}, false)
"""
REPOSITORIES = f"""
    SELECT DISTINCT file_row_number, exclusion
    FROM (SELECT file_row_number, repo_path AS repository FROM read_parquet($shard, file_row_number = true)), scopes
    WHERE ({ACCOUNT}) OR ({REPO})
"""

Covered = set[tuple[int, int | None, str]]


class Oracle:
    """DuckDB over the list and the shards as they were."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._database = duckdb.connect()
        self._database.execute(SCOPES, {"list": str(bench.listed / "exclusions.parquet")})
        self._database.execute(V3_FILES, {"shard": str(bench.shards / "v3.parquet")})
        self._database.execute(V2_FILES, {"shard": str(bench.shards / "deep/v2.parquet")})

    def close(self) -> None:
        self._database.close()

    def covered(self, layout: str) -> Covered:
        return set(self._database.execute(COVERED.format(layout=layout)).fetchall())

    def covered_rows(self) -> set[tuple[int, str]]:
        """Rows of the nested layout whose repository is covered."""
        shard = str(self._bench.shards / "v3.parquet")
        return set(self._database.execute(REPOSITORIES, {"shard": shard}).fetchall())

    def rows(self, path: Path) -> list[dict[str, Any]]:
        """Every column of every row, in order."""
        found = self._database.execute("SELECT * FROM read_parquet($path)", {"path": str(path)})
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_covered_is_left_and_nothing_else_is_gone(chunk: int, tmp_path: Path) -> None:
    for seed in range(chunk, LISTS, CHUNKS):
        chance = Random(seed)
        made = world(chance)
        bench = Bench.made(tmp_path / str(seed), made.scopes)
        write_world(chance, made, bench.shards)
        before = bench.files()
        receipt = bench.filtered()
        assert bench.files() == before
        oracle = Oracle(bench)
        try:
            agree(bench, oracle, receipt)
        except AssertionError as error:
            raise AssertionError(f"list {seed}: {made.scopes}") from error
        finally:
            oracle.close()


def agree(bench: Bench, oracle: Oracle, receipt: Receipt) -> None:
    v3, v2, rows = oracle.covered("v3"), oracle.covered("v2"), oracle.covered_rows()
    expected = {
        "v3.parquet": nested_left(oracle.rows(bench.shards / "v3.parquet"), v3, {row for row, _ in rows}),
        "deep/v2.parquet": flat_left(oracle.rows(bench.shards / "deep/v2.parquet"), v2),
    }
    for name, left in expected.items():
        assert oracle.rows(bench.out / "shards" / name) == left, name
        if left == oracle.rows(bench.shards / name):
            assert (bench.out / "shards" / name).read_bytes() == (bench.shards / name).read_bytes()
    lines = [*(("v3.parquet", *line) for line in v3), *(("deep/v2.parquet", *line) for line in v2)]
    empty = {("v3.parquet", row, None, exclusion) for row, exclusion in rows if row not in {line[0] for line in v3}}
    told = [
        (line["shard"], line["row"], line["file"], line["exclusion"])
        for line in oracle.rows(bench.out / "dropped.parquet")
    ]
    assert sorted(told, key=str) == sorted({*lines, *empty}, key=str)
    assert receipt.dropped.by_exclusion == Counter(line[3] for line in lines)
    assert receipt.dropped.documents == len({line[:3] for line in lines})
    for given, out in zip(receipt.inputs, receipt.outputs, strict=True):
        assert given.rows == len(oracle.rows(bench.shards / given.name))
        assert out.rows == len(expected[out.name])
        assert out.dropped == len({line[:3] for line in lines if line[0] == out.name})
        assert out.copied == (expected[out.name] == oracle.rows(bench.shards / given.name))
        assert out.documents == sum(len(row.get("files", [None]) or ()) for row in expected[out.name])


def flat_left(rows: list[dict[str, Any]], covered: Covered) -> list[dict[str, Any]]:
    gone = {row for row, _, _ in covered}
    return [row for number, row in enumerate(rows) if number not in gone]


def nested_left(rows: list[dict[str, Any]], covered: Covered, covered_rows: set[int]) -> list[dict[str, Any]]:
    """Rows without the covered files; a row goes with its repository, or with the last of its files."""
    gone = {(row, file) for row, file, _ in covered}
    left = []
    for number, row in enumerate(rows):
        files = row["files"]
        kept = None if files is None else [file for place, file in enumerate(files) if (number, place) not in gone]
        if number in covered_rows or (files and not kept):
            continue
        counted = kept != files and row["num_files"] is not None
        left.append(row | {"files": kept, "num_files": len(kept or ()) if counted else row["num_files"]})
    return left


def test_the_worlds_hold_all_that_they_should() -> None:
    """Otherwise the test above would be worth less than it says."""
    worlds = [world(Random(seed)) for seed in range(LISTS)]
    kinds = Counter(scope.partition(":")[0] for made in worlds for scope in made.scopes)
    assert min(kinds[kind] for kind in ("account", "repo", "path", "swhid", "email")) > 50
    assert sum(not made.scopes for made in worlds) > 10
    assert sum(any(made.scopes.values()) for made in worlds) > 50
    assert any(has_fork(made) for made in worlds)


def has_fork(made: World) -> bool:
    """The same content in two repositories."""
    places: dict[str, set[str]] = {}
    for row in made.v3:
        for file in row["files"] or ():
            if file and file["content"]:
                places.setdefault(file["content"], set()).add(str(row["repo_path"]))
    return any(len(repositories) > 1 for repositories in places.values())
