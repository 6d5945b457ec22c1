"""Both engines on one corpus, in one run: how fast a build is, what it weighs, how long an answer takes.

BENCHMARK_MEGABYTES of the sample are built (300 by default). Elasticsearch is the one of `make stack`; where none runs,
one is started for the benchmark.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.test import override_settings

from benchmarks import corpus
from benchmarks.asking import ROUNDS, ask, piece_of, queries_by_kind
from benchmarks.rows import Row, latency
from search import ingest, lookup, registering
from search.checking import AskedFile
from search.models import Build, Release
from search.opened import engine_named
from search.shards import inspect_shard
from search.swhid import Swhid, of_content
from stack.elasticsearch import Elasticsearch
from stack.services import FOLDER

MEGABYTES = int(os.environ.get("BENCHMARK_MEGABYTES", "300"))
ENGINES = ("tantivy", "elasticsearch")
KINDS = ("word", "phrase of six words", "substring of 20 characters", "regular expression")
AIMS = {"build, end to end": "Elasticsearch >= 5 MB/s", "stored / raw text, once sealed": "Elasticsearch <= 0.9"}


def rows() -> list[Row]:
    call_command("migrate", verbosity=0)
    with server() as found:
        shards = chosen_shards()
        release = registering.register(f"engines-{MEGABYTES}", shards, dataset="benchmark")
        figures = []
        for name in ENGINES:
            with override_settings(ENGINE=name, ELASTICSEARCH=found):
                figures.append(_figures(release))
    return [
        Row(what, " / ".join(figure[what] for figure in figures), AIMS.get(what, ""))
        for what in figures[0]
    ]  # fmt: skip


@contextmanager
def server() -> Iterator[dict[str, Any]]:
    """The settings of an Elasticsearch that runs."""
    shared = Elasticsearch(FOLDER / "elasticsearch")
    was_running = bool(shared.pid)
    shared.folder.mkdir(parents=True, exist_ok=True)
    try:
        yield {"urls": (shared.start(),), "prefix": f"benchmark-{os.getpid()}"}
    finally:
        if not was_running:
            shared.stop()


def chosen_shards() -> list[str]:
    """The first shards of the sample that hold enough text."""
    chosen: list[str] = []
    size = 0
    for path in registering.find_shards([str(corpus.shards())]):
        if size >= MEGABYTES * 1e6:
            break
        chosen.append(path)
        size += inspect_shard(path).text_bytes
    return chosen


def _figures(release: Release) -> dict[str, str]:
    """What was measured, in the same order for every engine; the build is removed again."""
    jobs = (os.cpu_count() or 1) + 1
    started, cpu = time.perf_counter(), _processor_seconds()
    made = ingest.build(release, jobs=jobs, progress=lambda now: None, anew=True)
    seconds, cpu = time.perf_counter() - started, _processor_seconds() - cpu
    ingest.activate(release)
    try:
        return {
            "text": f"{made.text_bytes / 1e6:.0f} MB, {made.documents:,} documents",
            "build, end to end": f"{made.text_bytes / seconds / 1e6:.1f} MB/s",
            "processor time of the build, the server's with it": f"{cpu / made.text_bytes * 1e9:.0f} ms a MB",
            "stored / raw text, once sealed": f"{made.index_bytes / made.text_bytes:.3f}",
            **_answers(release),
        }
    finally:
        _remove(made)


def _processor_seconds() -> float:
    """Of this process, the workers that have ended, and the server, which all run here."""
    times = os.times()
    ours = times.user + times.system + times.children_user + times.children_system
    pid = Elasticsearch(FOLDER / "elasticsearch").pid
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return ours + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _answers(release: Release) -> dict[str, str]:
    rng = random.Random(3)
    held = [text for text in corpus.held(min(MEGABYTES, 100)) if len(text) > 3000]
    swhids = [of_content(text) for text in held]
    unknown = [of_content(b"%d" % number) for number in range(500)]
    questions: dict[str, list[Callable[[], object]]] = {
        "known: one SWHID": [partial(_known, release, [rng.choice(swhids)]) for _ in range(ROUNDS)],
        "known: 1,000 SWHIDs, half of them held": [
            partial(_known, release, [*rng.choices(swhids, k=500), *unknown]) for _ in range(ROUNDS // 4)
        ],
        "check of 1 kB, verbatim": [_check(release, piece_of(rng, held, 1_000)) for _ in range(ROUNDS)],
        "check of 20 kB, verbatim": [_check(release, piece_of(rng, held, 20_000)) for _ in range(ROUNDS // 2)],
        "check of an edited file, near-duplicate": [_check(release, _edited(rng, held)) for _ in range(ROUNDS // 2)],
    }
    kinds = queries_by_kind(rng, held)
    questions |= {f"search: {kind}": [partial(ask, query) for query in kinds[kind]] for kind in KINDS}
    return {what: latency(asked) for what, asked in questions.items()}


def _known(release: Release, swhids: list[Swhid]) -> object:
    return lookup.known(swhids, release.name)


def _check(release: Release, content: bytes) -> Callable[[], object]:
    return partial(lookup.check, [AskedFile("asked.py", content)], release.name)


def _edited(rng: random.Random, texts: list[bytes]) -> bytes:
    """A whole file in which every twelfth line is another."""
    lines = rng.choice([text for text in texts if len(text) < 20_000]).split(b"\n")
    return b"\n".join(b"# changed %d" % place if place % 12 == 5 else line for place, line in enumerate(lines))


def _remove(made: Build) -> None:
    ingest.deactivate(made.release)
    engine_named(made.engine).drop(made.name)
    # Not to be resumed or kept by the next run; the portrait is small.
    Build.objects.filter(pk=made.pk).update(sealed_at=None, spec="")
