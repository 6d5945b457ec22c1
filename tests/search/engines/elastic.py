"""The real server that tests of the Elasticsearch engine ask, and where it is to be had.

`make stack` starts one that all tests share; each of them has names of its own in it. Where a test must stop or lock
the server, it starts another from the same distribution.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from search.engines.elastic_client import Cluster, Server
from search.engines.elasticsearch import ElasticsearchEngine
from stack.elasticsearch import FOLDER, Elasticsearch, StackError, distribution

SHARED = Elasticsearch(FOLDER / "elasticsearch")
REASON = "no Elasticsearch runs here; `make stack` fetches and starts one"


def url() -> str:
    """Of the shared server; "" where there is none."""
    return os.environ.get("TEST_ELASTICSEARCH_URL", "") or (SHARED.url if SHARED.pid else "")


def _is_here() -> bool:
    try:
        return distribution(fetch=False).exists()
    except StackError:
        return False


needs_server = pytest.mark.skipif(not url() and "CODESTEWARD_CI" not in os.environ, reason=REASON)


needs_distribution = pytest.mark.skipif(not _is_here() and "CODESTEWARD_CI" not in os.environ, reason=REASON)


def server_of_its_own(**others: Any) -> dict[str, Any]:
    """Names that no other test has, on the shared server."""
    return {"urls": (url(),), "prefix": f"test-{uuid4().hex[:12]}", **others}


def sweep(server: Mapping[str, Any]) -> None:
    """Delete what a test left, whether it failed or not."""
    cluster = Cluster(Server(**server))
    cluster.delete(sorted(cluster.described(f"{server['prefix']}-*")))


@contextmanager
def engine_of_its_own() -> Iterator[ElasticsearchEngine]:
    server = server_of_its_own()
    try:
        yield ElasticsearchEngine(server)
    finally:
        sweep(server)


@contextmanager
def another_server(password: str) -> Iterator[Elasticsearch]:
    """A small server that may be killed. Its folder is not pytest's: another user must be able to enter it."""
    folder = Path(tempfile.mkdtemp(prefix="codesteward-elasticsearch-"))
    server = Elasticsearch(folder, heap="640m", password=password)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
