"""Damaged shards: each says which file, where and why; none ends the process or passes for a whole one."""

import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from search.documents import Document
from search.shards import ShardError, inspect_shard, read_documents
from tests.search.fixtures_shards import MAX_BYTES, V2, V3, read_shard, v2_row, v3_file, v3_row, write_shard


def shard(path: Path, rows: int = 200, **options: object) -> Path:
    """Texts that do not compress away, in row groups of 50."""
    chance = random.Random(5)
    files = [v2_row(f"{number} {chance.randbytes(300).hex()}") for number in range(rows)]
    return write_shard(path, files, V2, row_group_size=50, use_dictionary=False, **options)


def chunk(path: Path, group: int, column: str) -> pq.ColumnChunkMetaData:
    metadata = pq.read_metadata(path).row_group(group)
    chunks = map(metadata.column, range(metadata.num_columns))
    return next(chunk for chunk in chunks if chunk.path_in_schema == column)


def damage(path: Path, place: int) -> None:
    """Turn one bit over."""
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)


def open_files() -> set[Path]:
    return {link.resolve() for link in Path("/proc/self/fd").iterdir()}


def reason(path: Path) -> str:
    with pytest.raises(ShardError) as caught:
        read_shard(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    assert reason(path) == "is not there, or is not a file"
    with pytest.raises(ShardError, match=r"none\.parquet: is not there"):
        inspect_shard(path)


def test_a_folder_is_no_shard(tmp_path: Path) -> None:
    assert reason(tmp_path) == "is not there, or is not a file"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"repo_name,path\n" * 9, bytes(4096)])
def test_a_file_of_another_format_is_no_shard(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert reason(path).startswith("is not a readable Parquet file")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_shard_whose_end_is_missing_is_no_shard(tmp_path: Path, kept: float) -> None:
    path = shard(tmp_path / "a.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert reason(path).startswith("is not a readable Parquet file")


def test_a_damaged_page_is_found_at_its_row_group_and_what_came_before_is_good(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.parquet", compression="zstd", write_page_checksum=True)
    damage(path, chunk(path, 2, "content").data_page_offset + 2000)
    seen: list[Document] = []
    with pytest.raises(ShardError, match=r"a\.parquet: is damaged in row group 2, at row 0 of it: .*CRC"):
        seen.extend(read_documents(path, max_bytes=MAX_BYTES, tally=Counter()))
    assert [document.content.split()[0] for document in seen] == [b"%d" % number for number in range(100)]


def test_a_damaged_page_without_a_checksum_is_found_where_it_does_not_decompress(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.parquet", compression="gzip")
    damage(path, chunk(path, 1, "content").data_page_offset + 2000)
    assert reason(path).startswith("is damaged in row group 1, at row 0 of it: ")


def test_facts_of_a_damaged_column_of_sizes_are_refused(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.parquet", compression="zstd", write_page_checksum=True)
    sizes = chunk(path, 3, "length_bytes")
    damage(path, sizes.data_page_offset + sizes.total_compressed_size - 1)
    with pytest.raises(ShardError, match="is damaged in row group 3"):
        inspect_shard(path)


def test_a_reason_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"x" * 100)
    assert "\n" not in reason(path)
    assert len(reason(path)) < 400


def test_a_stream_that_is_left_in_the_middle_leaves_the_file_closed(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.parquet")
    stream = read_documents(path, max_bytes=MAX_BYTES, tally=Counter())
    next(stream)
    assert path in open_files()
    del stream
    assert path not in open_files()


@pytest.mark.parametrize("seed", range(8))
def test_no_damage_ends_the_process(tmp_path: Path, seed: int) -> None:
    """Random bytes anywhere, in the footer too: documents or a ShardError, and nothing else."""
    chance = random.Random(seed)
    path = tmp_path / "a.parquet"
    files = [v3_file(f"{n} {chance.randbytes(40).hex()}", file_path=f"{n}.py") for n in range(20)]
    rows = [v3_row(f"o/{n}", files[: chance.randrange(20)]) for n in range(30)]
    codec = chance.choice(["snappy", "zstd", "none", "gzip"])
    write_shard(path, rows, V3, compression=codec, row_group_size=10, use_dictionary=chance.random() < 0.5)
    good = path.read_bytes()
    refused = 0
    for _ in range(60):
        damaged = bytearray(good)
        for _ in range(chance.choice([1, 1, 4, 30])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            inspect_shard(path)
            read_shard(path)
        except ShardError:
            refused += 1
    assert refused


def test_an_arrow_error_of_any_kind_is_a_shard_error(tmp_path: Path) -> None:
    """Here a length that is larger than the page, in a page that decompresses well."""
    path = write_shard(tmp_path / "a.parquet", [v2_row("x" * 64)] * 3, V2, compression="none", use_dictionary=False)
    length, text = (64).to_bytes(4, "little"), b"x" * 64
    path.write_bytes(path.read_bytes().replace(length + text, b"\xf0\xff\xff\xff" + text))
    assert reason(path).startswith("is damaged in row group 0, at row 0 of it: ")
