"""Memory that it takes to read shards that hurt: a row group of 1 GB, and a single row of 300 MB, here and from S3."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rows import Row
from governance.storage import location
from stack.s3 import BUCKET, S3
from stack.services import FOLDER

MEGABYTE = 2**20
TEXT = "abcdefg\n" * (MEGABYTE // 8)
AIM = "< 1,500 MB"

MEASURE = """
import sys
from collections import Counter
from pathlib import Path
from search.shards import as_registered, inspect_shard, read_documents

digest = inspect_shard(sys.argv[1]).digest
with as_registered(sys.argv[1], digest) as shard:
    size = sum(len(d.content) for d in read_documents(shard, max_bytes=2**30, tally=Counter()))
status = Path("/proc/self/status").read_text()
print(size, int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


def rows() -> list[Row]:
    server = S3(FOLDER / "s3")
    server.start()
    os.environ.update(server.environment)
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for what, count, megabytes in (("a row group of 1 GB", 100, 10), ("a single row of 300 MB", 1, 300)):
            path = Path(folder) / f"{megabytes}.parquet"
            _write(path, count, megabytes)
            there = location(f"s3://{BUCKET}/benchmark-{os.getpid()}/{path.name}")
            there.send(path)
            for where, url in (("here", str(path)), ("from S3", there.url)):
                size, peak = _measured(url)
                if size != count * megabytes * MEGABYTE:
                    raise RuntimeError(f"{url}: {size} bytes were read")
                made.append(Row(f"{what}, {where}: the whole process", f"{peak:,} MB", AIM))
            there.delete()
    return made


def _write(path: Path, rows: int, megabytes: int) -> None:
    """Repositories of files of 1 MiB each, all in one row group with pages of a row."""
    files = pa.list_(pa.struct([("file_path", pa.string()), ("content_id", pa.string()), ("content", pa.string())]))
    row = pa.array([[{"file_path": "a.txt", "content_id": "0" * 40, "content": TEXT}] * megabytes], files)
    table = pa.table({"repo_path": ["o/r"] * rows, "files": pa.chunked_array([row] * rows)})
    pq.write_table(table, path, row_group_size=rows, use_dictionary=False, write_batch_size=1, compression="zstd")


def _measured(url: str) -> tuple[int, int]:
    """Bytes of text that were read, and the most memory that the process had, in MiB."""
    command = [sys.executable, "-c", MEASURE, url]
    size, peak = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    return size, peak
