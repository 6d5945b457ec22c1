"""Shards are read in memory that a row bounds, not the row group."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from search.shards import inspect_shard

MEGABYTE = 2**20
TEXT = "abcdefg\n" * (MEGABYTE // 8)

MEASURE = """
import sys
from collections import Counter
from pathlib import Path
from search.shards import inspect_shard, read_documents

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024

before = peak()
inspect_shard(Path(sys.argv[1]))
sizes = [len(d.content) for d in read_documents(Path(sys.argv[1]), max_bytes=2**30, tally=Counter())]
print(len(sizes), sum(sizes), peak() - before)
"""


def one_row_group(path: Path, rows: int, megabytes: int) -> Path:
    """Repositories of `megabytes` files of 1 MiB each, all in one row group with pages of a row."""
    files = pa.list_(pa.struct([("file_path", pa.string()), ("content_id", pa.string()), ("content", pa.string())]))
    file = {"file_path": "a.txt", "content_id": "0" * 40, "content": TEXT}
    row = pa.array([[file] * megabytes], files)
    table = pa.table({"repo_path": ["o/r"] * rows, "files": pa.chunked_array([row] * rows)})
    pq.write_table(table, path, row_group_size=rows, use_dictionary=False, write_batch_size=1, compression="zstd")
    return path


def measured(path: Path) -> tuple[int, int, int]:
    """The documents, their bytes, and how many MiB the process grew by to read them."""
    command = [sys.executable, "-c", MEASURE, str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    documents, size, growth = map(int, answer)
    return documents, size, growth


def test_forty_rows_of_ten_megabytes_take_the_memory_of_a_few(tmp_path: Path) -> None:
    path = one_row_group(tmp_path / "a.parquet", rows=40, megabytes=10)
    assert pq.read_metadata(path).num_row_groups == 1
    documents, size, growth = measured(path)
    assert (documents, size) == (400, 400 * MEGABYTE)
    assert growth < 100  # 400 MiB in the row group; measured: 50 to 75


def test_forty_files_of_ten_megabytes_take_the_memory_of_a_few(tmp_path: Path) -> None:
    content = pa.chunked_array([pa.array([TEXT * 10])] * 40)
    table = pa.table({"repo_name": ["o/r"] * 40, "path": ["/a.txt"] * 40, "content": content})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, use_dictionary=False, write_batch_size=1, compression="zstd")
    documents, size, growth = measured(path)
    assert (documents, size) == (40, 400 * MEGABYTE)
    assert growth < 250  # measured: 170


def test_a_row_group_of_more_text_than_arrow_can_nest_is_read(tmp_path: Path) -> None:
    """Read whole, "Nested data conversions not implemented for chunked array outputs"."""
    path = one_row_group(tmp_path / "a.parquet", rows=270, megabytes=8)
    assert inspect_shard(path).documents == 2160
    documents, size, growth = measured(path)
    assert (documents, size) == (2160, 2160 * MEGABYTE)
    assert size > 2**31
    assert growth < 100


def test_one_huge_row_takes_a_few_times_its_size(tmp_path: Path) -> None:
    path = one_row_group(tmp_path / "a.parquet", rows=2, megabytes=100)
    documents, _, growth = measured(path)
    assert documents == 200
    assert growth < 500
