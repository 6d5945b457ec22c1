"""What many tests stand on: a small release that is built once, and a folder of builds of one's own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from django.conf import LazySettings
from pytest_django.plugin import DjangoDbBlocker

from search import ingest, registering
from search.models import Release
from tests import corpus
from tests.governance.ledger.owner import ledger_is_emptied  # noqa: F401  (pytest finds fixtures by name)
from tests.search.sites import Redis, need_redis, redis_server

TINY = "tiny-2026-11"


def build_release(name: str, shards: Sequence[str | Path], jobs: int = 1) -> Release:
    """Register, build and activate; returns the release as it is then."""
    release = registering.register(name, shards, dataset="tiny")
    ingest.build(release, jobs=jobs, progress=lambda now: None)
    ingest.activate(release)
    return ingest.release_named(name)


@pytest.fixture(scope="session")
def _tiny_release(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> str:
    with django_db_blocker.unblock():
        build_release(TINY, corpus.write_tiny(tmp_path_factory.mktemp("tiny")))
    return TINY


@pytest.fixture
def tiny(_tiny_release: str, db: None) -> str:
    """The name of an active release that holds `tests.corpus`."""
    return _tiny_release


@pytest.fixture
def builds(tmp_path: Path, settings: LazySettings) -> Path:
    """An empty folder of builds."""
    settings.BUILDS_DIR = tmp_path / "builds"
    return tmp_path / "builds"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A server of the test's own."""
    need_redis()
    with redis_server(tmp_path / "redis") as running:
        yield running
