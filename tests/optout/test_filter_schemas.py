"""A shard that is written anew keeps what its writer chose: columns, types, metadata, compression, order."""

import base64
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.optout.filter_lists import Bench
from tests.search.fixtures_shards import V2, V3, V3_FILE, v2_row, v3_file, v3_row, with_file_types, with_types

GONE = "path:ada/engine/gone.py"
CODED = pa.dictionary(pa.int8(), pa.string())

STRANGE: dict[str, pa.DataType] = {
    "nanoseconds": pa.timestamp("ns"),
    "moment": pa.timestamp("us", "Europe/Berlin"),
    "day": pa.date32(),
    "clock": pa.time32("ms"),
    "span": pa.duration("s"),
    "price": pa.decimal128(9, 2),
    "small": pa.uint16(),
    "half": pa.float16(),
    "fixed": pa.binary(4),
    "nothing": pa.null(),
    "pair": pa.list_(pa.int32(), 2),
    "table": pa.map_(pa.string(), pa.list_(pa.int8())),
    "coded": pa.dictionary(pa.int16(), pa.large_string()),
    "deep": pa.list_(pa.struct([("coded", CODED), ("more", pa.large_list(pa.large_binary()))])),
}
"""Columns that the filter does not know."""
VALUES: dict[str, Any] = {
    "nanoseconds": 1_234_567_000,
    "moment": 5,
    "span": 7,
    "price": decimal.Decimal("1.25"),
    "small": 65535,
    "fixed": b"abcd",
    "pair": [1, 2],
    "table": [("x", [1, None]), ("y", None)],
    "coded": "red",
    "deep": [{"coded": "blue", "more": [b"\xff", None]}, None],
}


def flat(**changes: Any) -> list[dict[str, Any]]:
    """Three rows, of which the middle one is covered."""
    return [v2_row(path="/kept.py", **changes), v2_row(path="/gone.py", **changes), v2_row(path="/last.py")]


def nested(**changes: Any) -> list[dict[str, Any]]:
    """Four rows, of which the second loses one of three files, and the third all that it has."""
    gone, kept = v3_file(file_path="gone.py"), v3_file("y = 2\n", file_path="kept.py", **changes)
    return [
        v3_row("ada/notes", [gone]),
        v3_row("ada/engine", [kept, gone, v3_file(None, file_path="last.py")]),
        v3_row("ada/engine", [gone]),
        v3_row("ada/engine", None),
    ]


def filtered(tmp_path: Path, table: pa.Table, **options: Any) -> tuple[pq.ParquetFile, pq.ParquetFile]:
    """The shard before and after."""
    bench = Bench.made(tmp_path, [GONE])
    pq.write_table(table, str(bench.shards / "a.parquet"), **options)
    receipt = bench.filtered()
    assert not receipt.outputs[0].copied
    return pq.ParquetFile(bench.shards / "a.parquet"), pq.ParquetFile(bench.out / "shards" / "a.parquet")


def check(before: pq.ParquetFile, after: pq.ParquetFile) -> None:
    """The same schemas and metadata, and the rows that are left are those of the table before."""
    assert after.schema.equals(before.schema), f"{before.schema}\n{after.schema}"
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.metadata.metadata == before.metadata.metadata
    table = before.read()
    left = without_gone(table)
    assert after.read().to_pylist() == left


def without_gone(table: pa.Table) -> list[dict[str, Any]]:
    rows = table.to_pylist()
    if "files" not in table.column_names:
        return [row for row in rows if row["path"] not in ("/gone.py", b"/gone.py")]
    for row in rows[1:3]:
        row["files"] = [file for file in row["files"] if file["file_path"] not in ("gone.py", b"gone.py")]
        row["num_files"] = len(row["files"])
    return [*rows[:2], rows[3]]


TEXTS = [
    pa.large_string(),
    pa.binary(),
    pa.large_binary(),
    pa.string_view(),
    pa.binary_view(),
    CODED,
    pa.dictionary(pa.int32(), pa.large_string()),
]


@pytest.mark.parametrize("kind", TEXTS, ids=str)
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "plain"])
def test_flat_texts_of_any_type_keep_it(tmp_path: Path, kind: Any, stored: bool) -> None:
    schema = with_types(V2, repo_name=kind, path=kind, content=kind, content_id=kind)
    rows = (
        pa.Table.from_pylist(flat(), V2).cast(schema)
        if not _is_view(kind)
        else pa.Table.from_pylist(
            [
                {name: _octets(row[name]) if kind == pa.binary_view() and name in _TEXTS else row[name] for name in row}
                for row in flat()
            ],
            schema,
        )
    )
    check(*filtered(tmp_path, rows, store_schema=stored))


_TEXTS = ("repo_name", "path", "content", "content_id")


def _is_view(kind: Any) -> bool:
    return kind in (pa.string_view(), pa.binary_view())


def _octets(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


@pytest.mark.parametrize("kind", [pa.large_string(), pa.binary(), pa.large_binary()], ids=str)
@pytest.mark.parametrize("lists", [pa.list_, pa.large_list, pa.list_view, pa.large_list_view])
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "plain"])
def test_nested_texts_and_lists_of_any_type_keep_it(tmp_path: Path, kind: Any, lists: Any, stored: bool) -> None:
    schema = with_file_types(file_path=kind, content=kind, content_id=kind)
    table = pa.Table.from_pylist(nested(), V3).cast(schema)
    files = schema.field("files").type.value_type
    table = pa.Table.from_pylist(table.to_pylist(), with_types(schema, files=lists(files)))
    check(*filtered(tmp_path, table, store_schema=stored))


def test_nested_dictionaries_keep_their_type(tmp_path: Path) -> None:
    schema = with_file_types(language=CODED, file_path=CODED)
    before, after = filtered(tmp_path, pa.Table.from_pylist(nested(), schema), row_group_size=1)
    assert after.schema.equals(before.schema)
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.schema_arrow.field("files").type.value_type.field("language").type.value_type == pa.string()
    assert after.metadata.metadata == before.metadata.metadata
    rows = [row for group in range(after.num_row_groups) for row in after.read_row_group(group).to_pylist()]
    assert rows == without_gone(pa.Table.from_pylist(nested(), V3))


@pytest.mark.parametrize("lists", [pa.list_, pa.large_list, pa.list_view])
def test_nested_views_as_other_writers_store_them_keep_their_type(tmp_path: Path, lists: Any) -> None:
    """Views below lists are what pyarrow reads, and does not write."""
    view = pa.string_view()
    file = pa.struct([field.with_type(view) if field.type == pa.string() else field for field in V3_FILE])
    file = file if lists is not pa.list_view else pa.struct([*list(file)[:-1], ("detected_licenses", lists(view))])
    schema = with_types(V3, repo_path=view, files=lists(file))
    bench = Bench.made(tmp_path, [GONE])
    shard = str(bench.shards / "a.parquet")
    with pq.ParquetWriter(shard, V3, store_schema=False) as writer:
        writer.write_table(pa.Table.from_pylist(nested(), V3))
        writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(schema.serialize()).decode()})
    assert pq.read_schema(shard).field("files").type.value_type.field("content").type == view
    bench.filtered()
    before, after = pq.ParquetFile(shard), pq.ParquetFile(bench.out / "shards" / "a.parquet")
    check(before, after)


@pytest.mark.parametrize("kind", [pa.uuid(), pa.json_()], ids=["uuid", "json"])
@pytest.mark.parametrize("nests", [True, False], ids=["nested", "flat"])
def test_extension_types_stay_what_they_are(tmp_path: Path, kind: Any, nests: bool) -> None:
    storage: Any = [b"0123456789abcdef"] * 3 if kind == pa.uuid() else ['{"a": 1}', None, "[]"]
    column: Any = pa.ExtensionArray.from_storage(kind, pa.array(storage, kind.storage_type))
    table = pa.Table.from_pylist(flat(), V2).append_column("extra", column)
    if nests:
        files = pa.StructArray.from_arrays(
            [column, pa.array(["a.py", "gone.py", "b.py"]), pa.array(["x"] * 3)],
            names=["extra", "file_path", "content"],
        )
        lists = pa.ListArray.from_arrays(pa.array([0, 3], pa.int32()), files)
        table = pa.table({"repo_path": ["ada/engine"], "files": lists})
    before, after = filtered(tmp_path, table)
    assert after.schema.equals(before.schema)
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    rows: Any = after.read()
    left = rows["files"].combine_chunks().flatten().field("extra") if nests else rows["extra"]
    assert left.to_pylist() == [column.to_pylist()[0], column.to_pylist()[2]]


@pytest.mark.parametrize("compliant", [True, False])
def test_columns_that_nobody_knows_go_along(tmp_path: Path, compliant: bool) -> None:
    more = [pa.field(name, kind) for name, kind in STRANGE.items()]
    schema = pa.schema([*V2, *more, pa.field("must", pa.int64(), nullable=False)])
    rows = [row | VALUES | {"must": number} for number, row in enumerate(flat())]
    check(*filtered(tmp_path, pa.Table.from_pylist(rows, schema), use_compliant_nested_type=compliant))


def test_columns_of_files_that_nobody_knows_go_along(tmp_path: Path) -> None:
    left_out = {"coded", "deep"}  # pyarrow reads no dictionaries below two lists
    more = [pa.field(name, kind) for name, kind in STRANGE.items() if name not in left_out]
    schema = with_types(V3, files=pa.list_(pa.struct([*V3_FILE, *more])))
    values = {name: value for name, value in VALUES.items() if name not in left_out}
    before, after = filtered(tmp_path, pa.Table.from_pylist(nested(**values), schema))
    check(before, after)
    assert after.read().to_pylist()[1]["files"][0]["table"] == VALUES["table"]


def test_metadata_of_file_and_fields_is_kept(tmp_path: Path) -> None:
    fields = [field.with_metadata({"PARQUET:field_id": str(n + 5), "note": "ü"}) for n, field in enumerate(V2)]
    schema = pa.schema(fields, metadata={"who": "me", b"\x01": b"\x02", "pandas": '{"index_columns": []}'})
    before, after = filtered(tmp_path, pa.Table.from_pylist(flat(), schema))
    check(before, after)
    assert (after.metadata.metadata or {})[b"who"] == b"me"
    assert (after.schema_arrow.field("path").metadata or {})[b"note"] == "ü".encode()


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
def test_compression_is_kept_column_by_column(tmp_path: Path, codec: str) -> None:
    codecs = {"content": codec, "path": "snappy"} | {
        name: "zstd" for name in V2.names if name not in ("content", "path")
    }
    codecs["detected_licenses.list.element"] = codecs.pop("detected_licenses")
    before, after = filtered(tmp_path, pa.Table.from_pylist(flat(), V2), compression=codecs)
    assert chosen(after, "compression") == chosen(before, "compression")
    assert len(set(chosen(before, "compression").values())) > 1


def chosen(file: pq.ParquetFile, what: str) -> dict[str, Any]:
    group = file.metadata.row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    return {column.path_in_schema: getattr(column, what) for column in columns}


@pytest.mark.parametrize("nests", [True, False], ids=["nested", "flat"])
def test_dictionaries_statistics_index_and_sorting_are_kept(tmp_path: Path, nests: bool) -> None:
    schema, rows = (V3, nested()) if nests else (V2, flat())
    some = ["files.list.element.language", "repo_path"] if nests else ["language", "repo_name"]
    before, after = filtered(
        tmp_path,
        pa.Table.from_pylist(rows, schema),
        use_dictionary=some,
        write_statistics=some[:1],
        write_page_index=True,
        sorting_columns=[pq.SortingColumn(0)],
    )
    for what in ("has_dictionary_page", "is_stats_set", "has_offset_index"):
        assert chosen(after, what) == chosen(before, what), what
    assert sum(chosen(before, "has_dictionary_page").values()) == 2
    assert after.metadata.row_group(0).sorting_columns == before.metadata.row_group(0).sorting_columns
    assert len(after.metadata.row_group(0).sorting_columns) == 1


def test_old_timestamps_stay_what_they_are(tmp_path: Path) -> None:
    rows = [row | {"visit_date": 5000} for row in flat()]
    before, after = filtered(tmp_path, pa.Table.from_pylist(rows, V2), use_deprecated_int96_timestamps=True)
    assert chosen(before, "physical_type")["visit_date"] == "INT96"
    check(before, after)


def test_row_groups_end_where_they_did(tmp_path: Path) -> None:
    rows = [v2_row(path=f"/{n}.py") for n in range(9)] + [v2_row(path="/gone.py")] + [v2_row(path="/z.py")]
    _, after = filtered(tmp_path, pa.Table.from_pylist(rows, V2), row_group_size=4)
    assert [after.metadata.row_group(n).num_rows for n in range(after.num_row_groups)] == [4, 4, 2]


def test_a_row_group_of_which_nothing_is_left_is_none(tmp_path: Path) -> None:
    rows = [v2_row(path="/gone.py")] * 3 + [v2_row(path="/z.py")]
    _, after = filtered(tmp_path, pa.Table.from_pylist(rows, V2), row_group_size=3)
    assert [after.metadata.row_group(n).num_rows for n in range(after.num_row_groups)] == [1]


@pytest.mark.parametrize("nests", [True, False], ids=["nested", "flat"])
def test_a_shard_of_which_nothing_is_left_is_an_empty_one(tmp_path: Path, nests: bool) -> None:
    rows = [v3_row("ada/engine", [v3_file(file_path="gone.py")])] if nests else [v2_row(path="/gone.py")]
    before, after = filtered(tmp_path, pa.Table.from_pylist(rows, V3 if nests else V2))
    assert after.metadata.num_rows == 0
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.metadata.metadata == before.metadata.metadata


def test_counts_of_any_integer_type_are_put_right(tmp_path: Path) -> None:
    schema = with_types(V3, num_files=pa.int16())
    check(*filtered(tmp_path, pa.Table.from_pylist(nested(), schema)))


def test_where_no_count_is_there_none_is_made(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(nested(), V3).drop_columns(["num_files"])
    _, after = filtered(tmp_path, table)
    assert after.schema_arrow.names == table.schema.names


def test_the_same_name_twice_is_no_trouble_where_the_filter_need_not_look(tmp_path: Path) -> None:
    table = (
        pa.Table.from_pylist(flat(), V2)
        .append_column("extra", pa.array([1, 2, 3]))
        .append_column("extra", pa.array(["a", "b", "c"]))
    )
    _, after = filtered(tmp_path, table)
    assert [column.to_pylist() for column in after.read().columns[-2:]] == [[1, 3], ["a", "c"]]


def test_a_shard_without_rows_is_copied(tmp_path: Path) -> None:
    bench = Bench.made(tmp_path, [GONE])
    pq.write_table(V2.empty_table(), str(bench.shards / "a.parquet"))
    pq.write_table(V3.empty_table(), str(bench.shards / "b.parquet"))
    receipt = bench.filtered()
    assert all(shard.copied and shard.rows == shard.documents == 0 for shard in receipt.outputs)
