"""Shards: both layouts of The Stack, at the shapes their writers give them."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from search.contents import Skip
from search.documents import Document
from search.shards import ShardError, inspect_shard
from search.swhid import of_content
from tests.search.fixtures_shards import (
    FILE,
    REVISION,
    V2,
    V3,
    read_shard,
    v2_row,
    v3_file,
    v3_row,
    with_file_types,
    with_types,
    write_shard,
)

ID = "0123456789abcdef0123456789abcdef01234567"
CODED = pa.dictionary(pa.int32(), pa.string())


def v3(tmp_path: Path, *rows: Any, schema: pa.Schema = V3, **options: Any) -> Path:
    return write_shard(tmp_path / "v3.parquet", rows, schema, **options)


def v2(tmp_path: Path, *rows: Any, schema: pa.Schema = V2, **options: Any) -> Path:
    return write_shard(tmp_path / "v2.parquet", rows, schema, **options)


def one_of_each(tmp_path: Path, v3_schema: pa.Schema, v2_schema: pa.Schema, **options: Any) -> list[Document]:
    """The documents of one file written in both layouts, with and without a null beside it."""
    nested = v3(tmp_path, v3_row("ada/engine", [v3_file(), None]), v3_row(None, None), schema=v3_schema, **options)
    flat = v2(tmp_path, v2_row(), {}, schema=v2_schema, **options)
    found, tally = read_shard(nested)
    more, flat_tally = read_shard(flat)
    assert tally == {Skip.NO_PATH: 1}
    assert flat_tally == {Skip.NO_REPOSITORY: 1}
    return found + more


def test_a_repository_row_gives_its_files(tmp_path: Path) -> None:
    files = [v3_file(), v3_file("y", file_path="lib/b.c", language="C", is_vendor=True, content_id=ID)]
    documents, tally = read_shard(v3(tmp_path, v3_row("ada/engine", files)))
    vendored = Document(
        swhid=f"swh:1:cnt:{ID}",
        repository="ada/engine",
        path="lib/b.c",
        content=b"y",
        language="C",
        licenses=("MIT",),
        revision=REVISION,
        stars=12,
        vendored=True,
    )
    assert documents == [FILE, vendored]
    assert not tally


def test_a_file_row_gives_its_file(tmp_path: Path) -> None:
    documents, tally = read_shard(v2(tmp_path, v2_row(), v2_row(content_id=ID, is_generated=True)))
    assert documents[0] == FILE
    assert (documents[1].swhid, documents[1].generated) == (f"swh:1:cnt:{ID}", True)
    assert not tally


def test_documents_come_in_the_order_of_the_shard(tmp_path: Path) -> None:
    rows = [v3_row(f"o/{row}", [v3_file(f"{row} {n}") for n in range(row % 4)]) for row in range(30)]
    documents, _ = read_shard(v3(tmp_path, *rows))
    assert [d.content.decode() for d in documents] == [f"{row} {n}" for row in range(30) for n in range(row % 4)]


def test_the_text_column_may_be_called_text(tmp_path: Path) -> None:
    names = ["text" if name == "content" else name for name in V2.names]
    table = pa.Table.from_pylist([v2_row()], V2).rename_columns(names)
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_shard(tmp_path / "t.parquet")[0] == [FILE]


def test_optional_columns_may_be_missing(tmp_path: Path) -> None:
    bare = Document(of_content(b"x").core, "ada/engine", "a.py", b"x")
    files = pa.list_(pa.struct([("file_path", pa.string()), ("content", pa.string())]))
    schema = pa.schema([("files", files), ("repo_path", pa.string())])
    row = {"repo_path": "ada/engine", "files": [{"file_path": "a.py", "content": "x"}]}
    assert read_shard(v3(tmp_path, row, schema=schema))[0] == [bare]
    schema = pa.schema([("content", pa.string()), ("repo_name", pa.string()), ("path", pa.string())])
    row = {"repo_name": "ada/engine", "path": "a.py", "content": "x"}
    assert read_shard(v2(tmp_path, row, schema=schema))[0] == [bare]


def test_an_optional_column_of_a_useless_type_is_as_good_as_missing(tmp_path: Path) -> None:
    row = v2_row(detected_licenses="MIT", star_events_count="many", is_vendor=1.5, language=[1])
    schema = with_types(
        V2,
        detected_licenses=pa.string(),
        star_events_count=pa.string(),
        is_vendor=pa.float64(),
        language=pa.list_(pa.int8()),
    )
    (document,), _ = read_shard(v2(tmp_path, row, schema=schema))
    assert (document.licenses, document.stars, document.vendored, document.language) == ((), 0, False, "")


def test_unknown_columns_are_not_in_the_way(tmp_path: Path) -> None:
    strange = [
        pa.field("a.b", pa.struct([("content", pa.int8()), ("path", pa.list_(pa.list_(pa.int8())))])),
        pa.field("m", pa.map_(pa.string(), pa.struct([("content", pa.string())]))),
        pa.field("f", pa.list_(pa.int32(), 2)),
    ]
    extra = {"a.b": {"content": 1, "path": [[2], []]}, "m": [("k", {"content": "z"})], "f": [1, 2]}
    flat = v2(tmp_path, v2_row(**extra), schema=pa.schema([*strange, *V2]))
    nested = v3(tmp_path, v3_row("ada/engine", [v3_file()], **extra), schema=pa.schema([*strange, *V3]))
    assert read_shard(flat)[0] == read_shard(nested)[0] == [FILE]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.binary(),
        pa.large_binary(),
        CODED,
        pa.dictionary(pa.int8(), pa.large_string()),
    ],
    ids=str,
)
def test_any_type_of_text_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    texts = {"path", "content", "repo_name", "language", "content_id", "revision_id"}
    flat = with_types(V2, **dict.fromkeys(texts, kind), detected_licenses=pa.list_(kind))
    names = {"file_path", "content", "language", "content_id"}
    nested = with_file_types(**dict.fromkeys(names, kind), detected_licenses=pa.large_list(kind))
    nested = with_types(nested, repo_path=kind, commit_id=kind)
    assert one_of_each(tmp_path, nested, flat) == [FILE, FILE]


def test_views_are_read(tmp_path: Path) -> None:
    view = pa.string_view()
    flat = with_types(V2, path=view, content=view, detected_licenses=pa.list_view(pa.string()))
    assert read_shard(v2(tmp_path, v2_row(), schema=flat))[0] == [FILE]


@pytest.mark.parametrize(
    "options",
    [
        {"store_schema": False},  # as every writer but Arrow
        {"store_schema": False, "use_compliant_nested_type": False},  # lists' elements by another name
        {"row_group_size": 1},
        {"data_page_version": "2.0", "compression": "zstd"},
        {"compression": "none", "use_dictionary": False},
        {"write_page_checksum": True, "compression": "brotli"},
    ],
    ids=str,
)
def test_any_way_of_writing_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    assert one_of_each(tmp_path, V3, V2, **options) == [FILE, FILE]


def test_a_shard_without_a_stored_schema_has_the_same_facts(tmp_path: Path) -> None:
    rows = [v3_row("o/r", [v3_file("é" * 9), None]), v3_row("o/s", None)]
    for schema in (V3, with_file_types(size_bytes=pa.string())):
        rows[0]["files"][0]["size_bytes"] = 18 if schema is V3 else "18"
        stored = inspect_shard(v3(tmp_path, *rows, schema=schema))
        bare = inspect_shard(v3(tmp_path, *rows, schema=schema, store_schema=False))
        assert (stored.documents, stored.text_bytes) == (bare.documents, bare.text_bytes)
        assert stored.documents == 2


def test_nulls_everywhere_are_counted_and_harm_nothing(tmp_path: Path) -> None:
    nothing = dict.fromkeys(V3.names)
    empty = v3_row("o/r", [None, dict.fromkeys(v3_file()), v3_file(None), v3_file(file_path=None)])
    documents, tally = read_shard(v3(tmp_path, nothing, empty, v3_row(None, [v3_file()])))
    assert not documents
    assert tally == {Skip.NO_PATH: 3, Skip.NO_TEXT: 1, Skip.NO_REPOSITORY: 1}
    documents, tally = read_shard(v2(tmp_path, dict.fromkeys(V2.names), v2_row(None), v2_row(path=None)))
    assert not documents
    assert tally == {Skip.NO_REPOSITORY: 1, Skip.NO_TEXT: 1, Skip.NO_PATH: 1}


def test_what_only_describes_may_be_null(tmp_path: Path) -> None:
    file = v3_file(language=None, detected_licenses=None, is_vendor=None)
    row = v3_row("o/r", [file], github_metadata=None, commit_id=None)
    assert read_shard(v3(tmp_path, row))[0] == [Document(FILE.swhid, "o/r", "src/a.py", b"x = 1\n")]


def test_no_licence_is_invented(tmp_path: Path) -> None:
    files = [v3_file(detected_licenses=[]), v3_file(detected_licenses=[None, "", "MIT"])]
    documents, _ = read_shard(v3(tmp_path, v3_row("o/r", files)))
    assert [document.licenses for document in documents] == [(), ("MIT",)]


def test_repositories_without_files_give_none(tmp_path: Path) -> None:
    path = v3(tmp_path, v3_row("o/r", []), v3_row("o/s", None), v3_row("o/t", [v3_file()]), v3_row("o/u", []))
    documents, tally = read_shard(path)
    assert [document.repository for document in documents] == ["o/t"]
    assert not tally
    assert inspect_shard(path).rows == 4
    assert inspect_shard(path).documents == 1


@pytest.mark.parametrize(
    ("stars", "read"),
    [(None, 0), (-5, 0), (2**62, 2**62), (0, 0), (3.0, 3), (math.nan, 0), (math.inf, 0), (-math.inf, 0)],
)
def test_stars_are_a_count_whatever_is_written(tmp_path: Path, stars: float | None, read: int) -> None:
    kind = pa.float64() if isinstance(stars, float) else pa.int64()
    path = v2(tmp_path, v2_row(star_events_count=stars), schema=with_types(V2, star_events_count=kind))
    assert read_shard(path)[0][0].stars == read


def test_text_that_is_not_utf8_is_counted_and_names_survive_it(tmp_path: Path) -> None:
    schema = with_types(V2, content=pa.binary(), path=pa.binary(), repo_name=pa.binary())
    path = v2(tmp_path, v2_row(b"caf\xe9"), v2_row(b"x", path=b"/caf\xe9.py"), schema=schema)
    documents, tally = read_shard(path)
    assert tally == {Skip.UNDECODABLE: 1}
    assert [document.path for document in documents] == ["caf\N{REPLACEMENT CHARACTER}.py"]


def test_text_that_only_claims_to_be_utf8_is_found_out(tmp_path: Path) -> None:
    bad = pa.array([b"caf\xe9"]).view(pa.string())
    table = pa.Table.from_pylist([v2_row()], V2)
    for name in ("content", "path", "language"):
        changed = table.set_column(table.schema.get_field_index(name), name, bad)
        pq.write_table(changed, tmp_path / f"{name}.parquet")
    assert read_shard(tmp_path / "content.parquet") == ([], {Skip.UNDECODABLE: 1})
    assert read_shard(tmp_path / "path.parquet")[0][0].path == "caf\N{REPLACEMENT CHARACTER}"
    assert read_shard(tmp_path / "language.parquet")[0][0].language == "caf\N{REPLACEMENT CHARACTER}"


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    path = v2(tmp_path, v2_row("x" * 10), v2_row("x" * 11))
    documents, tally = read_shard(path, max_bytes=10)
    assert [len(document.content) for document in documents] == [10]
    assert tally == {Skip.TOO_LARGE: 1}


def test_a_shard_of_no_rows_is_a_shard(tmp_path: Path) -> None:
    assert read_shard(v2(tmp_path)) == ([], {})
    with pq.ParquetWriter(tmp_path / "none.parquet", V3):
        pass  # not even a row group
    assert read_shard(tmp_path / "none.parquet") == ([], {})
    facts = inspect_shard(tmp_path / "none.parquet")
    assert (facts.layout, facts.rows, facts.documents, facts.text_bytes) == ("stack-v3", 0, 0, 0)


def test_facts_are_learned_without_the_texts(tmp_path: Path) -> None:
    files = [v3_file("x" * 500), v3_file(size_bytes=None), v3_file(size_bytes=-4), v3_file(size_bytes=70)]
    path = v3(tmp_path, v3_row("o/r", files), v3_row("o/s", [v3_file("y", content_id="?")]))
    facts = inspect_shard(path)
    assert (facts.layout, facts.rows, facts.documents, facts.text_bytes) == ("stack-v3", 2, 5, 571)
    assert facts.bytes == path.stat().st_size
    rows = [v2_row("x" * 500), v2_row(length_bytes=math.nan), v2_row(None), v2_row(length_bytes=2.0)]
    facts = inspect_shard(v2(tmp_path, *rows, schema=with_types(V2, length_bytes=pa.float64())))
    assert (facts.layout, facts.rows, facts.documents, facts.text_bytes) == ("stack-v2", 4, 4, 502)


def test_where_no_sizes_are_declared_the_size_of_the_column_stands_for_them(tmp_path: Path) -> None:
    schema = pa.schema([field for field in V2 if field.name != "length_bytes"])
    rows = [v2_row(str(number) * 1000) for number in range(5)]
    options = {"use_dictionary": False, "write_statistics": False, "row_group_size": 2}
    facts = inspect_shard(v2(tmp_path, *rows, schema=schema, **options))
    assert facts.documents == 5
    assert 5000 <= facts.text_bytes < 5500


def test_a_file_of_another_kind_says_what_the_nearest_layouts_lack(tmp_path: Path) -> None:
    schema = pa.schema([("repo_name", pa.string()), ("path", pa.int32()), ("files", V3.field("repo_path").type)])
    path = write_shard(tmp_path / "other.parquet", [], schema)
    with pytest.raises(ShardError) as caught:
        inspect_shard(path)
    assert str(caught.value).startswith(
        f"{path}: is of no known layout: stack-v2 needs path (which is of type int32), content or text; "
    )


def test_a_column_that_stands_twice_is_not_guessed_at(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([v2_row()], V2)
    pq.write_table(table.append_column("path", pa.array(["other"])), tmp_path / "twice.parquet")
    with pytest.raises(ShardError, match=r"stack-v2 needs path \(which stands 2 times\)"):
        read_shard(tmp_path / "twice.parquet")


def test_a_shard_may_lie_below_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "été 🐍 #1"
    folder.mkdir()
    assert read_shard(v2(folder, v2_row()))[0] == [FILE]
    assert inspect_shard(folder / "v2.parquet").documents == 1
