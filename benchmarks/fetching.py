"""Contents from an S3 server: fetched, unpacked, verified and indexed, of shards that only point to them.

The server is the gateway of `make stack` on this machine, and shares the cores with what is measured; it keeps its
connections open, as Amazon's does. In turn the same texts are indexed from shards that hold them: machines are noisy,
and what the archive costs is the ratio of the two.
"""

import gzip
import hashlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import corpus
from benchmarks.rows import Row
from search.analysis.fingerprints import STANDARD
from search.engines.tantivy import TantivyEngine
from search.fetching import Fetcher
from search.indexing import ShardResult, ShardTask
from search.shards import inspect_shard, read_documents
from search.swhid import of_content
from search.workers import index_shards
from stack.s3 import BUCKET, S3

CONTENTS = 10_000
JOBS = 2
RUNS = 5
MOST_BYTES = 10 * 2**20


def rows() -> list[Row]:
    texts = list(dict.fromkeys(corpus.held(130)))[:CONTENTS]
    size = sum(map(len, texts)) / len(texts)
    with _folder() as folder, _archive(folder / "s3", texts) as url:
        pointers = [_shard(folder / f"pointers-{job}.parquet", texts[job::JOBS], whole=False) for job in range(JOBS)]
        whole = [_shard(folder / f"whole-{job}.parquet", texts[job::JOBS], whole=True) for job in range(JOBS)]
        fetched = len(texts) / _seconds_to_fetch(url, pointers)
        turns = [
            [len(texts) / _seconds_to_index(url, shards, folder) for shards in (pointers, whole)] for _ in range(RUNS)
        ]
    indexed, held = zip(*turns, strict=True)
    return [
        Row("contents", f"{len(texts):,} of {size / 1e3:.1f} kB on average"),
        Row("fetched and verified, one process", f"{fetched:,.0f} a second"),
        Row(
            f"fetched, verified and indexed, {JOBS} processes, median of {RUNS} runs",
            f"{_told(indexed)}, {median(indexed) * size / 1e6:.1f} MB/s",
            ">= 700 a second",
        ),
        Row("the same texts from shards that hold them, in turn (for comparison)", _told(held)),
        Row("ratio of the two, of each turn", f"{median(one / other for one, other in turns):.2f}"),
    ]


def _told(rates: Sequence[float]) -> str:
    return f"{median(rates):,.0f} a second ({min(rates):,.0f}-{max(rates):,.0f})"


@contextmanager
def _folder() -> Iterator[Path]:
    """One that whoever runs the server gets to."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@contextmanager
def _archive(folder: Path, texts: Sequence[bytes]) -> Iterator[str]:
    """A server of its own, before files that lie where it would have put them."""
    server = S3(folder, keeps_connections=True)
    server.start()
    try:
        os.environ.update(server.environment)
        archive = server.data / BUCKET / "archive"
        archive.mkdir()
        for text in texts:
            (archive / _sha1(text)).write_bytes(gzip.compress(text))
        yield f"s3://{BUCKET}/archive"
    finally:
        server.stop()


def _shard(path: Path, texts: Sequence[bytes], *, whole: bool) -> Path:
    """A shard of the layout of The Stack v2's lists of identifiers, with the texts beside them or without."""
    columns: dict[str, list[Any]] = {
        "blob_id": [_sha1(text) for text in texts],
        "content_id": [of_content(text).core.rpartition(":")[2] for text in texts],
        "repo_name": ["bench/mark"] * len(texts),
        "path": [f"/{number}.py" for number in range(len(texts))],
        "src_encoding": ["UTF-8"] * len(texts),
        "length_bytes": [len(text) for text in texts],
    }
    if whole:
        columns["content"] = list(texts)
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
    seconds = time.perf_counter() - started
    engine.drop("benchmark")
    return seconds


def _sha1(text: bytes) -> str:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()
