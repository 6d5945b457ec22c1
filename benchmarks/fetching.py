"""Contents from an S3 server: fetched, unpacked, verified and indexed, of shards that only point to them.

The server is the one of `make stack`, on this machine: it shares the cores with what is measured.
"""

import gzip
import hashlib
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import corpus
from benchmarks.rows import Row
from governance.storage import location
from search.analysis.fingerprints import STANDARD
from search.engines.tantivy import TantivyEngine
from search.fetching import Fetcher
from search.indexing import ShardResult, ShardTask
from search.shards import inspect_shard, read_documents
from search.swhid import of_content
from search.workers import index_shards
from stack.s3 import BUCKET, S3
from stack.services import FOLDER

CONTENTS = 10_000
JOBS = 2
RUNS = 3
MOST_BYTES = 10 * 2**20


def rows() -> list[Row]:
    server = S3(FOLDER / "s3")
    server.start()
    os.environ.update(server.environment)
    texts = list(dict.fromkeys(corpus.held(130)))[:CONTENTS]
    size = sum(map(len, texts))
    with _archive(server, texts) as url, tempfile.TemporaryDirectory() as folder:
        shards = [_pointers(Path(folder) / f"{job}.parquet", texts[job::JOBS]) for job in range(JOBS)]
        fetched = _seconds_to_fetch(url, shards)
        runs = [_seconds_to_index(url, shards, Path(folder) / f"run-{run}") for run in range(RUNS)]
    slowest, indexed, fastest = sorted(len(texts) / seconds for seconds in runs)
    return [
        Row("contents", f"{len(texts):,} of {size / len(texts) / 1e3:.1f} kB on average"),
        Row("fetched and verified, one process", f"{len(texts) / fetched:,.0f} a second"),
        Row(
            f"fetched, verified and indexed, {JOBS} processes, median of {RUNS} runs",
            f"{indexed:,.0f} a second ({slowest:,.0f}-{fastest:,.0f}), {indexed * size / len(texts) / 1e6:.1f} MB/s",
            ">= 700 a second",
        ),
    ]


@contextmanager
def _archive(server: S3, texts: Sequence[bytes]) -> Iterator[str]:
    name = f"benchmark-{os.getpid()}"
    url = f"s3://{BUCKET}/{name}"

    def keep(text: bytes) -> None:
        with location(url).child(_sha1(text)).write_atomically() as file:
            file.write(gzip.compress(text))

    try:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(keep, texts))
        yield url
    finally:
        shutil.rmtree(server.data / BUCKET / name, ignore_errors=True)


def _pointers(path: Path, texts: Sequence[bytes]) -> Path:
    """A shard of the layout of The Stack v2's lists of identifiers."""
    columns = {
        "blob_id": [_sha1(text) for text in texts],
        "content_id": [of_content(text).core.rpartition(":")[2] for text in texts],
        "repo_name": ["bench/mark"] * len(texts),
        "path": [f"/{number}.py" for number in range(len(texts))],
        "src_encoding": ["UTF-8"] * len(texts),
        "length_bytes": [len(text) for text in texts],
    }
    pq.write_table(pa.table(columns), path)
    return path


def _seconds_to_fetch(url: str, shards: Sequence[Path]) -> float:
    started = time.perf_counter()
    for shard in shards:
        tally: Counter[str] = Counter()
        for _ in read_documents(shard, max_bytes=MOST_BYTES, tally=tally, fetcher=Fetcher(url, MOST_BYTES)):
            pass
        if tally:
            raise RuntimeError(f"not everything was fetched: {tally}")
    return time.perf_counter() - started


def _seconds_to_index(url: str, shards: Sequence[Path], folder: Path) -> float:
    """From the first process that is started to the last shard that is done."""
    folder.mkdir()
    engine = TantivyEngine(folder)
    facts = [inspect_shard(shard) for shard in shards]
    engine.prepare("benchmark", sum(fact.text_bytes for fact in facts))
    tasks = [
        ShardTask(
            build="benchmark",
            number=number,
            url=str(shard),
            digest=fact.digest,
            text_bytes=fact.text_bytes,
            portraits=str(folder),
            profile=STANDARD.name,
            max_bytes=MOST_BYTES,
            contents=url,
        )
        for number, (shard, fact) in enumerate(zip(shards, facts, strict=True))
    ]
    started = time.perf_counter()
    for _, outcome in index_shards(tasks, engine, jobs=JOBS, progress=lambda done: None):
        if not isinstance(outcome, ShardResult):
            raise RuntimeError(outcome)
    return time.perf_counter() - started


def _sha1(text: bytes) -> str:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()
