"""`python -m benchmarks.killing`: a build by two workers, killed at random moments, against an undisturbed one.

Workers are killed with kill -9 at `--moments` random moments, a child process or all of them; Redis is killed once and
comes back, and so is Elasticsearch with `--elasticsearch`. Exit status 0 where documents, ids and portrait are equal.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from stack.elasticsearch import Elasticsearch
from tests import corpus
from tests.search.sites import Daemon, Redis, Site

ENDED = "not Build.objects.filter(state='running').exists() and not Work.objects.exists()"
SHARDS = 12
A_MEGABYTE = 150
"""Generated files of thirty functions each."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--shards", type=Path, help="a folder of Parquet files, instead of generated ones")
    parser.add_argument("--elasticsearch", action="store_true", help="build into an Elasticsearch of its own")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codesteward-killing-")))
        shards = options.shards or _generated(folder / "shards", options.megabytes)
        engine = _elasticsearch(folder, stack) if options.elasticsearch else None
        alike = _compare(folder, shards, engine, random.Random(options.seed), options.moments)
    print("The builds are the same." if alike else "THE BUILDS DIFFER.")
    return 0 if alike else 1


def _generated(folder: Path, megabytes: int) -> Path:
    folder.mkdir()
    files = megabytes * A_MEGABYTE // SHARDS
    for number in range(SHARDS):
        texts = [corpus.code(100_000 * number + place, 30) for place in range(files)]
        corpus.write_texts(folder / f"{number:02}.parquet", texts, f"many/files-{number}")
    return folder


def _elasticsearch(folder: Path, stack: ExitStack) -> Elasticsearch:
    folder.chmod(0o755)  # the server is another user
    server = Elasticsearch(folder / "elasticsearch")
    server.start()
    stack.callback(server.stop, signal.SIGKILL)
    return server


def _compare(folder: Path, shards: Path, engine: Elasticsearch | None, chance: random.Random, moments: int) -> bool:
    remote = {"ENGINE": "elasticsearch", "ELASTICSEARCH_URL": engine.url} if engine else {}
    registered = Site(folder / "registered", {**remote, "ELASTICSEARCH_PREFIX": "undisturbed"})
    registered.manage("migrate", "--verbosity", "0")
    registered.manage("register", "r-1", "--shards", str(shards))
    redis = Redis(folder / "redis")
    disturbed = registered.copy(
        folder / "disturbed", {**remote, "ELASTICSEARCH_PREFIX": "disturbed", "REDIS_URL": redis.url}
    )
    started = time.monotonic()
    registered.manage("build", "r-1", "--jobs", "2")
    seconds = time.monotonic() - started
    undisturbed = registered.content()
    disturbed.patience = 3600
    print(f"undisturbed: {seconds:.0f} s, {undisturbed[1]:,} documents, portrait {undisturbed[3][:16]}...")
    redis.start()
    try:
        found = _disturbed(disturbed, redis, engine, chance, moments, seconds)
    finally:
        redis.kill()
    print(f"disturbed: {found[1]:,} documents, portrait {found[3][:16]}...")
    return bool(found == undisturbed)


def _disturbed(
    site: Site, redis: Redis, engine: Elasticsearch | None, chance: random.Random, moments: int, seconds: float
) -> Any:
    """Kill as planned while the build runs; where it ends too soon, go on with another of the same shards."""
    with site.beat(), site.worker() as worker:
        plan: list[Callable[[], None]] = [_blow(worker, chance) for _ in range(moments)]
        plan.insert(len(plan) // 3, lambda: _restart(redis.kill, redis.start, "Redis"))
        if engine:
            plan.insert(
                2 * len(plan) // 3, lambda: _restart(lambda: engine.stop(signal.SIGKILL), engine.start, "engine")
            )
        site.manage("build", "r-1", "--detach")
        for blow in plan:
            time.sleep(chance.uniform(0.2, max(1.0, 2 * seconds / len(plan))))
            if site.value(ENDED):
                print("(it had ended: begun anew)")
                site.manage("build", "r-1", "--anew", "--detach")
            blow()
            worker.revive()
        while not site.value(ENDED):
            worker.revive()
            time.sleep(1)
    return site.content()


def _blow(worker: Daemon, chance: random.Random) -> Callable[[], None]:
    return lambda: _kill_all(worker) if chance.random() < 1 / 3 else _kill_one(worker)


def _kill_one(worker: Daemon) -> None:
    print("kill -9 of one process")
    worker.kill_child()


def _kill_all(worker: Daemon) -> None:
    print("kill -9 of the worker with its processes")
    worker.kill()
    worker.start()


def _restart(kill: Callable[[], object], start: Callable[[], object], what: str) -> None:
    print(f"kill -9 of {what}")
    kill()
    time.sleep(3)
    start()


if __name__ == "__main__":
    sys.exit(main())
