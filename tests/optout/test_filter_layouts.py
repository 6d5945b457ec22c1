"""The filter on every layout, against DuckDB: what is covered is gone, nothing else is, the schema is what it was."""

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from optout.receipt import open_receipt
from optout.shard_columns import UnknownLayout, columns_of
from search.documents import DocumentKind
from search.fitting import LayoutError, detect
from tests.optout.filter_lists import PIPELINE, Bench
from tests.optout.filter_worlds import ADDRESSES, AROUND, PATHS, REPOSITORIES, SHARED, blob
from tests.optout.test_filter_oracle import COVERED, SCOPES, flat_left, nested_left
from tests.search.fixtures_layouts import PUBLISHED, Given, Published, events_of
from tests.search.fixtures_shards import write_shard

SEEDS = 12
every_layout = pytest.mark.parametrize("published", PUBLISHED, ids=lambda each: each.name)


def files_of(chance: Random) -> list[Given]:
    return [_file(chance, number) for number in range(chance.randint(1, 25))]


def _file(chance: Random, number: int) -> Given:
    text = chance.choice([None, *SHARED])
    if chance.random() < 0.4:
        text = chance.choice(AROUND).format(chance.choice(ADDRESSES), "eve@example.com") + chance.choice(["", "\n"])
    declared = chance.choice([None, blob(text or ""), blob(chance.choice(SHARED)).upper(), "nonsense"])
    return Given(chance.choice(REPOSITORIES), chance.choice(PATHS), text, declared, number)


def scopes_of(chance: Random, published: Published, files: list[Given]) -> dict[str, list[str]]:
    names = [name.lower() for name in REPOSITORIES if name and name.count("/") == 1 and not name.endswith("/")]
    named = chance.sample([name for name in REPOSITORIES if name and name.lower() in names], 4)
    made = {
        f"account:{chance.choice(names).partition('/')[0]}",
        f"repo:{chance.choice(names)}",
        *(f"path:{file.repository.lower()}/{_step(file, published)}" for file in files if file.repository in named),
        f"swhid:swh:1:cnt:{blob(chance.choice(SHARED))}",
        f"email:{chance.choice([*ADDRESSES, 'eve@example.com'])}",
    }
    if published.name == "issue-events":
        made.add(f"swhid:swh:1:cnt:{blob(_talk(chance.choice(SHARED)))}")
    return {scope: [] for scope in sorted(made) if chance.random() < 0.5}


def _step(file: Given, published: Published) -> str:
    """The folder or the file, or the id that stands for it."""
    if published.kind is not DocumentKind.FILE:
        return str(file.number)
    return (file.path or "").strip("/").partition("/")[0] or "src"


def _talk(text: str) -> str:
    """What the events of a text say, written out by hand."""
    half = len(text) // 2
    said = [f"username_0:\n{text[:half]}"] if half else []
    return "\n\n".join(["It breaks", *said, "It breaks badly", *([text[half:]] if text else [])])


@every_layout
@pytest.mark.parametrize("chunk", range(3))
def test_nothing_covered_is_left_and_nothing_else_is_gone(published: Published, chunk: int, tmp_path: Path) -> None:
    for seed in range(chunk, SEEDS, 3):
        chance = Random(f"{published.name} {seed}")
        files = files_of(chance)
        scopes = scopes_of(chance, published, files)
        bench = Bench.made(tmp_path / str(seed), scopes)
        schema = _retyped(published.schema) if chance.random() < 0.5 else published.schema
        options = {"row_group_size": chance.choice([1, 3, 1000]), "store_schema": chance.random() < 0.5}
        write_shard(bench.shards / "a.parquet", published.rows(files), schema, **options)
        agree(bench, published, scopes)


def _retyped(schema: pa.Schema) -> pa.Schema:
    large = [field.with_type(pa.large_string()) if field.type == pa.string() else field for field in schema]
    return pa.schema(large)


def agree(bench: Bench, published: Published, scopes: Any) -> None:
    before, after = bench.shards / "a.parquet", bench.out / "shards" / "a.parquet"
    receipt = bench.filtered()
    with duckdb.connect() as database:
        database.execute(SCOPES, {"list": str(bench.listed / "exclusions.parquet")})
        database.execute(f"CREATE TABLE files_a AS {published.files}", {"shard": str(before)})
        covered = set(database.execute(COVERED.format(layout="a")).fetchall())
        rows = _rows(database, before)
        expected = nested_left(rows, covered, _rows_covered(database, before)) if published.nested else None
        expected = flat_left(rows, covered) if expected is None else expected
        assert _rows(database, after) == expected, scopes
    assert receipt.dropped.documents == len({line[:2] for line in covered})
    assert receipt.dropped.by_exclusion == Counter(line[2] for line in covered)
    old, new = pq.ParquetFile(before), pq.ParquetFile(after)
    assert new.schema.equals(old.schema)
    assert new.schema_arrow.equals(old.schema_arrow, check_metadata=True)


def _rows(database: duckdb.DuckDBPyConnection, path: Path) -> list[dict[str, Any]]:
    found = database.execute("SELECT * FROM read_parquet($path)", {"path": str(path)})
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _rows_covered(database: duckdb.DuckDBPyConnection, path: Path) -> set[int]:
    name = "repo_path" if "repo_path" in pq.read_schema(path).names else "repo_name"
    query = f"""
        SELECT DISTINCT file_row_number FROM (
            SELECT file_row_number, {name} AS repository FROM read_parquet($path, file_row_number = true)), scopes
        WHERE (kind = 'account' AND lower(split_part(repository, '/', 1)) = value)
           OR (kind = 'repo' AND lower(repository) = value)
    """
    return {row for (row,) in database.execute(query, {"path": str(path)}).fetchall()}


@every_layout
def test_both_sides_tell_the_same_layout(published: Published) -> None:
    """They share no code, so each has a table of its own."""
    chance = Random(published.name)
    for _ in range(40):
        fields = [field for field in published.schema if chance.random() < 0.9]
        other = chance.choice(PUBLISHED).schema
        names = {field.name for field in fields}
        fields += [field for field in other if field.name not in names and chance.random() < 0.2]
        schema = pa.schema(fields)
        assert _ours(schema) == _theirs(schema), schema.names


def _ours(schema: pa.Schema) -> str | None:
    try:
        return columns_of(schema).layout
    except UnknownLayout:
        return None


def _theirs(schema: pa.Schema) -> str | None:
    try:
        return detect(schema).layout.name
    except LayoutError:
        return None


def test_an_address_deep_in_an_issue_is_found(tmp_path: Path) -> None:
    published = next(each for each in PUBLISHED if each.name == "issue-events")
    bench = Bench.made(tmp_path, ["email:ada@example.org"])
    said = [{"text": "x" * 1000, "masked_author": "username_0"}, {"text": "write to Ada@Example.org, please"}]
    titled = [{"title": "about ada@example.org", "text": None}]
    threads: list[list[Any] | None] = [said, events_of("nothing"), titled, [], None, [None]]
    rows: list[dict[str, Any]] = [
        {"repo": "a/b", "issue_number": number, "events": events} for number, events in enumerate(threads)
    ]
    write_shard(bench.shards / "a.parquet", rows, published.schema, row_group_size=2)
    assert bench.filtered().dropped.documents == 2
    left = pq.read_table(bench.out / "shards" / "a.parquet").column("issue_number").to_pylist()
    assert left == [1, 3, 4, 5]


def test_what_is_no_file_needs_no_repository_and_is_not_counted_as_unnamed(tmp_path: Path) -> None:
    bench = Bench.made(tmp_path, ["email:ada@example.org", "account:ada"])
    rows: list[dict[str, Any]] = [{"content": "mail ada@example.org"}, {"content": "ada"}, {"content": None}]
    write_shard(bench.shards / "a.parquet", rows, pa.schema([("content", pa.string())]))
    receipt = bench.filtered()
    assert (receipt.dropped.documents, receipt.inputs[0].unnamed, receipt.outputs[0].rows) == (1, 0, 2)


def odd(folder: Path) -> Bench:
    """A shard of nobody's layout."""
    bench = Bench.made(folder, ["path:ada/engine/gone.py"])
    rows = [{"meta": {"project": "ada/engine", "name": name}, "code": "x"} for name in ("gone.py", "kept.py")]
    meta = pa.struct([("project", pa.string()), ("name", pa.string())])
    write_shard(bench.shards / "a.parquet", rows, pa.schema([("meta", meta), ("code", pa.string())]))
    return bench


def test_a_column_map_says_what_is_where(tmp_path: Path) -> None:
    bench = odd(tmp_path)
    columns = tmp_path / "columns.json"
    columns.write_text('{"repository": "meta.project", "path": "meta.name", "content": "code", "language": "code"}')
    done = bench.run("--columns", str(columns))
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(bench.out / "shards" / "a.parquet").to_pylist()
    assert [row["meta"]["name"] for row in rows] == ["kept.py"]
    receipt = open_receipt((bench.out / "receipt.dsse.json").read_bytes(), [PIPELINE.public])
    assert receipt.columns == json.loads(columns.read_text())


def test_a_column_map_of_nested_files(tmp_path: Path) -> None:
    bench = Bench.made(tmp_path, ["path:ada/engine/gone.py", "email:ada@example.org"])
    member = pa.struct([("name", pa.string()), ("body", pa.string())])
    members = [{"name": "gone.py", "body": ""}, {"name": "a", "body": "<ada@example.org>"}, {"name": "b", "body": "x"}]
    schema = pa.schema([("project", pa.string()), ("members", pa.list_(member))])
    write_shard(bench.shards / "a.parquet", [{"project": "ada/engine", "members": members}], schema)
    columns = tmp_path / "columns.json"
    columns.write_text(
        '{"files": "members", "repository": "project", "path": "members.name", "content": "members.body"}'
    )
    done = bench.run("--columns", str(columns))
    assert done.returncode == 0, done.stderr
    (row,) = pq.read_table(bench.out / "shards" / "a.parquet").to_pylist()
    assert row == {"project": "ada/engine", "members": [{"name": "b", "body": "x"}]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON: "),
        ("[]", "must be a JSON object"),
        ('{"paht": "x"}', "paht: is no field; there are layout, kind, repository"),
        ('{"path": ""}', "path: must be the name of a column"),
        ('{"path": "x", "path": "y"}', "path: is named twice"),
        ('{"kind": "poem"}', "kind: 'poem' is none of file, issue"),
        ('{"layout": "stack-v9"}', "layout: 'stack-v9' is none of stack-v3"),
        ('{"path": "x"}', "content: must be named where no layout is; repository: must be"),
        ('{"layout": "stack-v2", "content": "nope"}', "does not fit the column map: there is no repo_name, path, nope"),
        ('{"layout": "stack-v3", "content": "code"}', "content: must be a column below files"),
        ('{"repository": "meta.project", "path": "meta.name", "content": "code", "stars": "n"}', "there is no n"),
    ],
)
def test_a_wrong_column_map_is_refused_and_names_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    bench = odd(tmp_path)
    columns = tmp_path / "columns.json"
    columns.write_text(text)
    done = bench.run("--columns", str(columns))
    assert (done.returncode, bench.out.exists()) == (2, False)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
