"""The real server that tests of the Elasticsearch engine ask, and where it is to be had.

`make stack` starts one that all tests share; each of them has names of its own in it. Where a test must stop or lock
the server, it starts another from the same distribution.
"""

import fcntl
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

import pytest

from search.engines.elastic_client import Cluster, Server
from search.engines.elasticsearch import ElasticsearchEngine
from stack.elasticsearch import VERSION, Elasticsearch, distribution, java_home
from stack.processes import free_port
from stack.services import FOLDER, StackError

SHARED = Elasticsearch(FOLDER / "elasticsearch")
REASON = "no Elasticsearch runs here; `make stack` fetches and starts one"


def url() -> str:
    """Of the shared server; "" where there is none."""
    return os.environ.get("TEST_ELASTICSEARCH_URL", "") or (SHARED.url if SHARED.pid else "")


def _is_here(version: str = VERSION) -> bool:
    try:
        return distribution(version, fetch=False).exists()
    except StackError:
        return False


def _has_java(version: str) -> bool:
    try:
        return java_home(version).exists()
    except StackError:
        return False


needs_server = pytest.mark.skipif(not url() and "CODESTEWARD_CI" not in os.environ, reason=REASON)


NEWER = "9.2.0"
needs_newer = pytest.mark.skipif(
    not _has_java(NEWER) or (not _is_here(NEWER) and "CODESTEWARD_CI" not in os.environ),
    reason=f"Elasticsearch {NEWER} needs Java 21 or newer, and is fetched where CODESTEWARD_CI is set",
)
"""Another series of servers is looked at where the machine can run it; the one that is supported is tested always."""

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
def server_of_the_run(password: str = "", version: str = VERSION) -> Iterator[Elasticsearch]:
    """A small server for all processes of one run of pytest: the first that needs it starts it, the last ends it.

    Its folder is not pytest's: another user must be able to enter it.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"codesteward-elasticsearch-{run}-{version}"
    server = Elasticsearch(folder, version, heap="640m", password=password)
    users = folder.with_name(f"{folder.name}.users")
    with alone(users) as file:
        folder.mkdir(exist_ok=True)
        server.start()
        file.write(".")
    try:
        yield server
    finally:
        with alone(users) as file:
            file.truncate(file.tell() - 1)
            if not file.seek(0, os.SEEK_END):
                server.stop(signal.SIGKILL)
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alone(path: Path) -> Iterator[TextIO]:
    """The file, open at its end, and to nobody else meanwhile."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0, os.SEEK_END)
        yield file
        file.flush()


class Gate:
    """An address in front of a server that can be shut, as if the server were down, and opened again."""

    def __init__(self, target: str) -> None:
        self._target = (target.rpartition(":")[0].removeprefix("http://"), int(target.rpartition(":")[2]))
        self._port = free_port()
        self._listener: socket.socket | None = None
        self._passing: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._let_in, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Nobody gets in, and whoever is in is thrown out."""
        ends = [*([self._listener] if self._listener else []), *self._passing]
        self._listener, self._passing = None, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _let_in(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                inner, _ = listener.accept()
                outer = socket.create_connection(self._target)
                self._passing += [inner, outer]
                for here, there in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._pass, args=(here, there), daemon=True).start()

    @staticmethod
    def _pass(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                there.sendall(data)
        with suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)
