"""Installations of their own for tests of workers: records, builds, a Redis and processes that a test may kill.

site = Site(folder, template)
with redis_server(folder) as redis, site.worker(), site.beat(): ...
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from stack.processes import free_port
from tests.environment import own_site
from tests.processes import children_of, command_of

ROOT = Path(__file__).resolve().parents[2]

LEASE = 6
"""Seconds after which a worker that was killed is found out; and between two looks of beat for lost work."""

PATIENCE = 180
"""Seconds that a test waits for what has to happen on a machine that does many things at once."""

SETUP = "import django; django.setup()\n"

RECORDS = (
    SETUP
    + """
import json, time
PATIENCE = {patience}
from governance import work
from governance.models import Work
from search import distributing, ingest
from search.models import Build, ShardBuild
def wait_for(holds):
    late = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < late
        time.sleep(0.1)
"""
)

CONTENT = """
import json
from search.models import Build
from search.opened import open_build
from search.engines.base import EVERYTHING, walk
build = Build.objects.order_by("-pk").first()
opened = open_build(build)
keys = [hit.key for hit in walk(opened.index, EVERYTHING, texts=False, step=5000)]
print(json.dumps([build.state, build.documents, keys, opened.portrait.header.digest]))
"""


def need_redis() -> None:
    if shutil.which("redis-server"):
        return
    reason = "there is no redis-server; `make stack` installs and starts what the tests need"
    if os.environ.get("CODESTEWARD_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Redis:
    """A server of the test's own; it keeps what it was given on disk, as `make stack` and the compose file do."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--dir", str(self.folder), "--save", "", "--appendonly", "yes"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(["redis-server", *options], stdout=log, stderr=log)
        wait_until("Redis answers", self._answers)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    server = Redis(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


class Site:
    """Records and builds of its own, on the kind of database that the tests run on."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **own_site(folder / "data"),
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": "0",
            "WORK_LEASE": str(LEASE),
            **variables,
        }
        self.log = folder / "log"
        self.patience = PATIENCE

    def copy(self, folder: Path, variables: dict[str, str]) -> "Site":
        """One that begins as this one is now."""
        kept = {name: self.environment[name] for name in ("DATABASE_URL",) if name in self.environment}
        if "DATABASE_URL" in kept:
            kept["DATABASE_URL"] = own_database(f"copy_{os.getpid()}_{free_port()}", of=kept["DATABASE_URL"])
        shutil.copytree(self.folder / "data", folder / "data")
        return Site(folder, {**kept, **variables})

    def copy_of_records(self, folder: Path) -> "Site":
        """One that has the same records and files of its own, as on another machine."""
        records = f"sqlite:///{self.folder / 'data' / 'codesteward.sqlite3'}"
        kept = {name: value for name, value in self.environment.items() if name in {"DATABASE_URL", "REDIS_URL"}}
        return Site(folder, {"DATABASE_URL": records} | kept)

    def manage(self, *arguments: str, status: int = 0) -> str:
        done = self._run(sys.executable, "manage.py", *arguments)
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    def ask(self, script: str) -> Any:
        """What a script prints, as JSON."""
        done = self._run(sys.executable, "-c", RECORDS.format(patience=self.patience) + script)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def value(self, expression: str) -> Any:
        return self.ask(f"print(json.dumps({expression}))")

    def wait(self, condition: str) -> None:
        """Until the expression over the records holds."""
        self.ask(f"wait_for(lambda: {condition})\nprint(0)")

    def content(self) -> Any:
        return self.ask(CONTENT)

    @contextmanager
    def worker(self, *options: str) -> Iterator["Daemon"]:
        with self._celery("worker", "--concurrency", "2", "--without-gossip", *options) as worker:
            yield worker

    @contextmanager
    def beat(self) -> Iterator["Daemon"]:
        with self._celery("beat") as beat:
            yield beat

    @contextmanager
    def _celery(self, *arguments: str) -> Iterator["Daemon"]:
        daemon = Daemon([sys.executable, "-m", "celery", "-A", "governance", *arguments], self.environment, self.log)
        daemon.start()
        over = threading.Event()
        supervisor = threading.Thread(target=_supervise, args=(daemon, over))
        supervisor.start()
        try:
            yield daemon
        except BaseException:
            print(self.log.read_text("utf-8", "replace")[-8000:])
            raise
        finally:
            over.set()
            supervisor.join()
            daemon.kill()

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False,
            timeout=2 * self.patience,
        )  # fmt: skip


def _supervise(daemon: "Daemon", over: threading.Event) -> None:
    """Start it again where it ended by itself, as whoever runs it for others has to (docs/workers.md)."""
    while not over.wait(1):
        daemon.revive()


class Daemon:
    """Celery's main process with its children, a group of its own."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._command, self._environment, self._log = command, environment, log
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=ROOT, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """The main process and every child, as when the power goes."""
        with self._lock:
            if self._process:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
                self._process = None

    def revive(self) -> None:
        """Start it again where it has ended by itself: Celery gives up when a child dies at its start."""
        with self._lock:
            if self._process and self._process.poll() is not None:
                self.kill()
                self.start()

    def kill_child(self) -> None:
        """One of the processes that do the work; the main one lives on."""
        forks = [child for child in children_of(self.pid) if command_of(child) == command_of(self.pid)]
        for child in forks[:1]:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def wait_until(what: str, holds: Callable[[], object], patience: float = PATIENCE) -> None:
    late = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < late, f"not within {patience} s: {what}"
        time.sleep(0.3)


def own_database(name: str, of: str | None = None) -> str:
    """A new database beside the one that the tests run on, empty or a copy; returns its URL."""
    url = urlsplit(of or os.environ["DATABASE_URL"])
    template = f' TEMPLATE "{url.path.strip("/")}"' if of else ""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{template}')
    return url._replace(path=f"/{name}").geturl()


def drop_databases(beginning: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{beginning}%"])
        for (name,) in found.fetchall():
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def on_postgresql() -> bool:
    return os.environ.get("DATABASE_URL", "").startswith("postgres")
