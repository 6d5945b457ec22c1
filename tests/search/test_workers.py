"""Builds by real workers on a real Redis: the same as in one process, whoever is killed and whatever is lost."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import corpus
from tests.search.sites import (
    Redis,
    Site,
    drop_databases,
    need_redis,
    on_postgresql,
    own_database,
    wait_until,
)

SHARDS = 6


@pytest.fixture(scope="session")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose release `r-1` is registered and not built; tests work on copies of it."""
    need_redis()
    folder = tmp_path_factory.mktemp("registered")
    shards = folder / "shards"
    shards.mkdir()
    for number in range(SHARDS):
        # The last shard says again what the first one begins with.
        seeds = [1000 * number + n for n in range(100)] if number < SHARDS - 1 else [0, *range(9000, 9099)]
        owner = f"many/files-{number % (SHARDS - 1)}"
        corpus.write_texts(shards / f"{number}.parquet", [corpus.code(seed, 30) for seed in seeds], owner)
    name = f"copy_{os.getpid()}_0"
    site = Site(folder, {"DATABASE_URL": own_database(name)} if on_postgresql() else {})
    site.manage("migrate", "--verbosity", "0")
    site.manage("register", "r-1", "--shards", str(shards))
    yield site
    if on_postgresql():
        drop_databases(f"copy_{os.getpid()}_")


@pytest.fixture(scope="session")
def undisturbed(registered: Site, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a build in one process makes of it."""
    site = registered.copy(tmp_path_factory.mktemp("undisturbed"), {})
    site.manage("build", "r-1", "--jobs", "2")
    return site.content()


@pytest.fixture
def site(registered: Site, redis: Redis, tmp_path: Path) -> Site:
    return registered.copy(tmp_path / "site", {"REDIS_URL": redis.url})


ENDED = "not Build.objects.filter(state='running').exists() and not Work.objects.exists()"
A_SHARD_IS_DONE = "ShardBuild.objects.filter(state='done').exists()"
DONE = "ShardBuild.objects.filter(state='done').count()"


def test_two_workers_build_what_one_process_builds(site: Site, undisturbed: Any) -> None:
    with site.worker():
        told = site.manage("build", "r-1")
        site.wait(ENDED)
    assert "Build r-1-1 is complete: 599 documents" in told
    assert site.content() == undisturbed
    left = {path.name for path in (site.folder / "data" / "builds" / "r-1-1").iterdir()}
    assert left == {"index", f"sealed-{SHARDS}", "portrait"}


def test_a_build_whose_workers_are_killed_ends_as_an_undisturbed_one(site: Site, undisturbed: Any) -> None:
    site.manage("build", "r-1", "--detach")
    with site.beat(), site.worker() as worker:
        for begun in (1, 4):
            wait_until("another shard is begun", lambda: log_of(site).count("] received") >= begun)  # noqa: B023
            time.sleep(0.3)
            worker.kill_child()
        time.sleep(0.5)
        worker.kill()
        worker.start()
        site.wait(ENDED)
    assert "exited with 'signal 9 (SIGKILL)'" in log_of(site)
    assert site.content() == undisturbed


def test_what_is_asked_while_redis_is_away_is_done_when_it_is_back(site: Site, redis: Redis, undisturbed: Any) -> None:
    redis.kill()
    assert "Build r-1-1 is running" in site.manage("build", "r-1", "--detach")
    assert site.value("Work.objects.filter(sent_at=None).count()") == SHARDS
    assert "Redis cannot be reached" in site.manage("send_work", status=1)
    redis.start()
    with site.beat(), site.worker():
        site.wait(ENDED)
    assert site.content() == undisturbed


def test_a_redis_that_forgets_everything_costs_time_and_nothing_else(
    site: Site, redis: Redis, undisturbed: Any
) -> None:
    with site.beat(), site.worker():
        site.manage("build", "r-1", "--detach")
        redis.flush()
        site.wait(ENDED)
    assert site.content() == undisturbed


def test_a_redis_that_is_killed_and_comes_back_costs_nothing(site: Site, redis: Redis, undisturbed: Any) -> None:
    with site.beat(), site.worker():
        site.manage("build", "r-1", "--detach")
        site.wait(A_SHARD_IS_DONE)
        redis.kill()
        time.sleep(2)
        redis.start()
        site.wait(ENDED)
    assert site.content() == undisturbed


def test_a_task_that_comes_twice_at_once_is_done_once(site: Site, undisturbed: Any) -> None:
    site.manage("build", "r-1", "--detach")
    site.ask("work._send(list(Work.objects.all()))\nprint(0)")
    with site.worker():
        site.wait(ENDED)
        wait_until("both are answered", lambda: log_of(site).count("search.tasks.index_shard") >= 4 * SHARDS)
    results = [line.rpartition(": ")[2] for line in log_of(site).splitlines() if "index_shard" in line]
    assert results.count("True") == SHARDS
    assert results.count("False") == SHARDS
    assert site.content() == undisturbed


def log_of(site: Site) -> str:
    return site.log.read_text("utf-8", "replace")


CANCELLED_AFTER_A_SHARD = f"""
release = ingest.release_named("r-1")
distributing.request(release)
wait_for(lambda: {A_SHARD_IS_DONE})
print(json.dumps(distributing.cancel(release).state))
"""


def test_a_cancelled_build_stops_and_is_resumed(site: Site, undisturbed: Any) -> None:
    with site.worker():
        assert site.ask(CANCELLED_AFTER_A_SHARD) == "cancelled"
        site.wait("not Work.objects.exists()")
        assert 0 < site.value(DONE) < SHARDS
        assert "no build of release 'r-1' is running" in site.manage("cancel_build", "r-1", status=1)
        site.manage("build", "r-1")
        site.wait(ENDED)
    assert site.content() == undisturbed
    assert site.value("Build.objects.count()") == 1


def test_a_shard_that_failed_is_tried_again_when_it_is_mended(site: Site, registered: Site, undisturbed: Any) -> None:
    shard = registered.folder / "shards" / "3.parquet"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    try:
        with site.worker():
            assert "3.parquet" in site.manage("build", "r-1", status=1)
            assert "did not fail" in site.manage("retry_shard", "r-1", "2", status=1)
            assert site.content()[:2] == ["incomplete", 499]
            shard.write_bytes(whole)
            site.manage("retry_shard", "r-1", "3")
            site.wait(ENDED)
    finally:
        shard.write_bytes(whole)
    assert site.content() == undisturbed


def test_a_worker_that_does_not_see_the_files_says_so(site: Site, tmp_path: Path) -> None:
    elsewhere = site.copy_of_records(tmp_path / "elsewhere")
    site.manage("build", "r-1", "--detach")
    with elsewhere.worker():
        site.wait("Build.objects.filter(state='failed').exists()")
    assert "workers need the same DATA_DIR" in site.value("Build.objects.get().problem")
