"""A build from Parquet to the sealed index, and what it weighs beside the raw text."""

import os
import time
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.management import call_command

from benchmarks import corpus
from benchmarks.rows import Row
from search import ingest, registering
from search.models import Release
from search.opened import open_build

ENDINGS = {
    "store": "stored text and records",
    "term": "dictionaries of terms",
    "idx": "postings",
    "pos": "positions of words",
    "fast": "facets and order",
}


def rows() -> list[Row]:
    call_command("migrate", verbosity=0)
    shards = registering.find_shards([str(corpus.shards())])
    started = time.perf_counter()
    release = registering.register(corpus.RELEASE, shards, dataset="benchmark")
    registered = time.perf_counter() - started
    jobs = (os.cpu_count() or 1) + 1
    started, cpu = time.perf_counter(), _processor_seconds()
    made = ingest.build(release, jobs=jobs, progress=lambda now: None, anew=True)
    seconds, cpu = time.perf_counter() - started, _processor_seconds() - cpu
    ingest.activate(release)
    size = made.text_bytes
    return [
        Row("text", f"{size / 1e6:.0f} MB, {made.documents:,} documents, {len(shards)} shards", ">= 300 MB"),
        Row("register", f"{size / registered / 1e6:.0f} MB/s"),
        Row(f"build, end to end, {jobs} processes", f"{size / seconds / 1e6:.1f} MB/s", ">= 14 MB/s"),
        Row("processor time of the build", f"{cpu / (size / 1e6) * 1000:.0f} ms a MB"),
        Row("index with stored text / raw text", f"{made.index_bytes / size:.3f}", "<= 1.1"),
        *_parts(settings.BUILDS_DIR / made.name / "index", size),
        *_portrait(release, size),
    ]


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _parts(folder: Path, size: int) -> list[Row]:
    files = list(folder.iterdir())
    return [
        Row(
            f"of it {what} (.{ending})",
            f"{sum(f.stat().st_size for f in files if f.suffix == f'.{ending}') / size:.3f}",
        )
        for ending, what in ENDINGS.items()
    ]


def _portrait(release: Release, size: int) -> list[Row]:
    build = release.builds.order_by("-pk")[0]
    portrait = open_build(build).portrait
    absent = np.random.default_rng(5).integers(0, 2**64, 20_000_000, dtype=np.uint64)
    measured = float(portrait.contains(absent).mean())
    return [
        Row("portrait / raw text", f"{portrait.header.geometry.bits / 8 / size:.4f}", "<= 0.048"),
        Row("distinct fingerprints a kB", f"{portrait.header.distinct_keys_estimate / size * 1000:.2f}"),
        Row(
            "portrait's error rate: stated, measured on 20 M absent keys",
            f"{portrait.error_rate:.2e}, {measured:.2e}",
            "2e-5",
        ),
    ]
