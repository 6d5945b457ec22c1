"""The filter takes memory that a row bounds, not the row group."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.optout.filter_lists import ROOT, Bench, clean_environment

MEGABYTE = 2**20
TEXT = "abcdefg\n" * (MEGABYTE // 8)

MEASURE = """
import sys
import pyarrow
from optout.filter import main

status = main(sys.argv[1:])
print(status, pyarrow.default_memory_pool().max_memory() // 2**20)
"""


def held(bench: Bench) -> int:
    """The most MiB that Arrow held at once to filter: of texts, all that is held but for one file's copy."""
    command = [sys.executable, "-c", MEASURE, *bench.arguments("--jobs", "1", "--quiet")]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), check=True, capture_output=True, text=True)
    status, most = map(int, done.stdout.split())
    assert status == 0, done.stderr
    return most


def one_row_group(path: Path, rows: int, megabytes: int) -> None:
    """Repositories of `megabytes` files of 1 MiB each, all in one row group, and a small one at the end."""
    file = pa.struct([("file_path", pa.string()), ("content", pa.string()), ("size_bytes", pa.int64())])
    files = [{"file_path": f"{n}.txt", "content": TEXT, "size_bytes": MEGABYTE} for n in range(megabytes)]
    row, last = pa.array([files], pa.list_(file)), pa.array([files[:1]], pa.list_(file))
    table = pa.table({"repo_path": ["o/r"] * rows + ["ada/engine"], "files": pa.chunked_array([row] * rows + [last])})
    pq.write_table(table, path, row_group_size=rows + 1, use_dictionary=False, write_batch_size=1, compression="zstd")
    assert pq.read_metadata(path).num_row_groups == 1


@pytest.mark.parametrize("scope", ["repo:ada/engine", "email:nobody@example.org"])
def test_forty_rows_of_ten_megabytes_take_the_memory_of_a_few(tmp_path: Path, scope: str) -> None:
    bench = Bench.made(tmp_path, [scope, "path:o/r/3.txt"])
    one_row_group(bench.shards / "a.parquet", rows=40, megabytes=10)
    assert held(bench) < 160  # of 400; 64 are gathered for a row group; measured: 133
    assert pq.read_metadata(bench.out / "shards" / "a.parquet").num_row_groups > 1


def test_rows_of_very_different_sizes_do_not_add_up(tmp_path: Path) -> None:
    """Forty large files among thousands of small ones: a batch by the mean size would hold all of them."""
    bench = Bench.made(tmp_path, ["account:o"])
    sizes = [10] * 20_000 + [10 * MEGABYTE] * 40 + [10] * 20_000
    content = pa.chunked_array(
        [pa.array(["x" * 10] * 20_000), *[pa.array([TEXT * 10])] * 40, pa.array(["x" * 10] * 20_000)]
    )
    table = pa.table(
        {"repo_name": ["o/r", *["p/r"] * 40_039], "path": ["/a"] * 40_040, "length_bytes": sizes, "content": content}
    )
    pq.write_table(table, bench.shards / "a.parquet", use_dictionary=False, write_batch_size=1, compression="zstd")
    assert held(bench) < 230  # of 400; measured: 190


def test_where_no_sizes_are_declared_few_rows_are_held(tmp_path: Path) -> None:
    bench = Bench.made(tmp_path, ["account:o"])
    content = pa.chunked_array([pa.array([TEXT * 4])] * 100)
    table = pa.table({"repo_name": ["o/r", *["p/r"] * 99], "path": ["/a"] * 100, "content": content})
    pq.write_table(table, bench.shards / "a.parquet", use_dictionary=False, write_batch_size=1, compression="zstd")
    assert held(bench) < 250  # of 400; measured: 208


def test_one_huge_row_takes_a_few_times_its_size(tmp_path: Path) -> None:
    bench = Bench.made(tmp_path, ["path:o/r/3.txt"])
    one_row_group(bench.shards / "a.parquet", rows=2, megabytes=100)
    assert held(bench) < 650  # measured: 600
