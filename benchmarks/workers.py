"""A build by two Celery workers, into each engine: everything of the cluster on one machine at once.

BENCHMARK_MEGABYTES of the sample are built (300 by default), by workers that run already, over a Redis of the
benchmark's own. Elasticsearch is the one of `make stack`; where none runs, one is started.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.engines import ENGINES, MEGABYTES, chosen_shards, server
from benchmarks.rows import Row
from tests.search.sites import Site, redis_server

FIGURES = """
build = Build.objects.order_by("-pk").first()
print(json.dumps([build.state, build.text_bytes, build.documents, build.index_bytes]))
"""
DROP = """
from search.opened import engine_named
for build in Build.objects.all():
    engine_named(build.engine).drop(build.name)
print(0)
"""
AIMS = {"tantivy": "", "elasticsearch": ">= 5 MB/s, <= 0.9"}


def rows() -> list[Row]:
    with server() as elasticsearch, tempfile.TemporaryDirectory(prefix="codesteward-workers-") as folder:
        return [_built(engine, elasticsearch["urls"][0], Path(folder) / engine) for engine in ENGINES]


def _built(engine: str, url: str, folder: Path) -> Row:
    with redis_server(folder / "redis") as redis:
        remote = {"ELASTICSEARCH_URL": url, "ELASTICSEARCH_PREFIX": f"workers-{time.time_ns()}"}
        site = Site(folder / "site", {"ENGINE": engine, "REDIS_URL": redis.url, "WORK_LEASE": "60", **remote})
        site.patience = 3600
        site.manage("migrate", "--verbosity", "0")
        site.manage("register", "release-1", "--shards", *chosen_shards())
        try:
            with site.worker(), site.beat():
                started = time.perf_counter()
                site.manage("build", "release-1")
                seconds = time.perf_counter() - started
            state, text, documents, stored = site.ask(FIGURES)
        finally:
            site.ask(DROP)
    figure = f"{text / seconds / 1e6:.1f} MB/s, stored {stored / text:.3f} of the text"
    return Row(f"{engine}: {MEGABYTES} MB, {documents:,} documents, {state}", figure, AIMS[engine])
