"""What may happen to an Elasticsearch while it is written to or asked: killed, damaged, locked, busy."""

import json
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.conf import settings

from search.engines import elastic_client, elasticsearch
from search.engines.base import EVERYTHING, EngineError, EngineUnavailable, Facet, Field, walk
from search.engines.elastic_client import Cluster, Server
from search.engines.elasticsearch import ElasticsearchEngine
from stack.elasticsearch import USER, Elasticsearch
from tests.environment import own_site
from tests.search.engines.conformance import BUILD, entries, sixty_documents, write
from tests.search.engines.elastic import alone, needs_distribution, server_of_the_run

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def locked_server() -> Iterator[Elasticsearch]:
    """A server that wants a password, and may be killed. One starts in 15 s, so the tests share it."""
    with server_of_the_run(PASSWORD) as server:
        yield server


@pytest.fixture
def locked(locked_server: Elasticsearch) -> Iterator[Elasticsearch]:
    """The same, for one test at a time, whichever process that is in."""
    with alone(locked_server.folder.with_name(f"{locked_server.folder.name}.turn")):
        yield locked_server


def engine_at(server: Elasticsearch, prefix: str, password: str = PASSWORD) -> ElasticsearchEngine:
    return ElasticsearchEngine({"urls": (server.url,), "user": USER, "password": password, "prefix": prefix})


@needs_distribution
def test_a_server_that_is_killed_in_the_middle_of_a_bulk_loses_nothing(
    locked: Elasticsearch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", elastic_client.logger.name)
    monkeypatch.setattr(elasticsearch, "BULK_BYTES", 5_000)
    engine = engine_at(locked, "killed")
    corpus = entries(range(400))
    sent = threading.Event()

    def restart() -> None:
        sent.wait(60)
        locked.stop(signal.SIGKILL)
        locked.start()

    thread = threading.Thread(target=restart)
    thread.start()
    with engine.part(BUILD, 0) as part:
        for number, entry in enumerate(corpus):
            part.add(entry)
            if number == 50:
                sent.set()
    thread.join()
    assert "items wait (ConnectionError)" in caplog.text
    assert engine.seal(BUILD, [0]) == len(corpus)
    found = {hit.key: hit.packed for hit in walk(engine.open(BUILD), EVERYTHING, texts=True)}
    assert found.keys() == {entry.key for entry in corpus}
    assert all(found.values())


@needs_distribution
def test_a_shard_that_is_down_is_an_error_and_not_a_part(locked: Elasticsearch) -> None:
    engine = engine_at(locked, "down")
    engine.prepare(BUILD, 120 * 10**9)
    with engine.part(BUILD, 0) as part:
        for entry in sixty_documents():
            part.add(entry)
    engine.seal(BUILD, [0])
    index = engine.open(BUILD)
    asked = Cluster(engine._server)._asked(30)
    name = f"down-{BUILD}~1"
    identity = asked.indices.get_settings(index=name)[name]["settings"]["index"]["uuid"]
    asked.indices.close(index=name)
    with pytest.raises(EngineError, match="closed"):
        index.count(EVERYTHING)
    for file in (locked.folder / "data" / "indices" / identity / "1" / "index").iterdir():
        file.write_bytes(b"\0" * file.stat().st_size)
    asked.indices.open(index=name, wait_for_active_shards="0")
    for ask in (
        lambda: index.count(EVERYTHING),
        lambda: index.page(EVERYTHING, after=None, limit=5, texts=False),
        lambda: index.best(Field.WORDS, ["return", "self"], EVERYTHING, limit=5, texts=False),
        lambda: index.facets(EVERYTHING, Facet.LANGUAGE, limit=5),
        lambda: index.present(Field.WORDS, ["return"], EVERYTHING),
        lambda: index.total_bytes(EVERYTHING),
    ):
        with pytest.raises(EngineError, match="503"):
            ask()


@needs_distribution
@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD), ("", "")])
def test_whoever_is_not_let_in_is_told_what_to_look_at(locked: Elasticsearch, user: str, password: str) -> None:
    engine = ElasticsearchEngine({"urls": (locked.url,), "user": user, "password": password})
    for ask in (lambda: engine.open(BUILD), lambda: engine.prepare(BUILD, 1), lambda: write(engine, [[]])):
        with pytest.raises(EngineError, match=r"refuses .*\(401\): check ELASTICSEARCH_USER and ELASTIC") as refusal:
            ask()
        assert PASSWORD not in str(refusal.value)


@needs_distribution
@pytest.mark.parametrize(("written", "said"), [(PASSWORD, "8.19 or newer"), ("wrong", "refuses user 'elastic' (401)")])
def test_the_password_is_read_from_a_file(locked: Elasticsearch, tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "password").write_text(f"{written}\n")
    script = (
        "import django; django.setup(); from search.opened import engine_named\n"
        "engine_named('elasticsearch').prepare('release-1', 1); print('8.19 or newer')"
    )
    environment = own_site(tmp_path) | {
        "ENGINE": "elasticsearch",
        "ELASTICSEARCH_URL": locked.url,
        "ELASTICSEARCH_USER": USER,
        "ELASTICSEARCH_PASSWORD_FILE": str(tmp_path / "password"),
        "ELASTICSEARCH_PREFIX": "from-a-file",
    }
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert said in done.stdout + done.stderr


@needs_distribution
@pytest.mark.parametrize("start", [["-m", "django", "check"], ["-c", "import governance.wsgi"]])
def test_a_wrong_password_stops_the_start(locked: Elasticsearch, tmp_path: Path, start: list[str]) -> None:
    site = own_site(tmp_path) | {
        "ENGINE": "elasticsearch",
        "ELASTICSEARCH_URL": locked.url,
        "ELASTICSEARCH_USER": USER,
        "ELASTICSEARCH_PASSWORD_FILE": str(tmp_path / "password"),
    }
    codes = []
    for password in (PASSWORD, "wrong"):
        (tmp_path / "password").write_text(password)
        done = subprocess.run(
            [sys.executable, *start], env=site, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
        )
        codes.append(done.returncode)
    assert codes == [0, 1], done.stderr
    assert "refuses user 'elastic' (401): check ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD" in done.stderr


def test_a_server_that_is_not_there_yet_does_not_stop_the_start(tmp_path: Path) -> None:
    site = own_site(tmp_path) | {"ENGINE": "elasticsearch", "ELASTICSEARCH_URL": "http://127.0.0.1:9"}
    for start in (["-m", "django", "check"], ["-c", "import governance.wsgi"]):
        done = subprocess.run(
            [sys.executable, *start], env=site, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert "cannot be reached" in done.stderr


def test_an_engine_goes_to_another_process_whole() -> None:
    engine = pickle.loads(pickle.dumps(ElasticsearchEngine({"urls": ("http://127.0.0.1:9",), "prefix": "p"})))  # noqa: S301
    with pytest.raises(EngineError, match="cannot be reached"):
        engine.open(BUILD)


# --- A server that is busy ----------------------------------------------------------------------------


class Busy(BaseHTTPRequestHandler):
    """Answers bulks as it was told to, one after another, and keeps what it got."""

    answers: ClassVar[list[tuple[int, dict[str, Any]]]] = []
    got: ClassVar[list[bytes]] = []

    def do_PUT(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (as in the standard library)
        """Nothing."""


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(elastic_client, "FIRST_PAUSE", 0.01)
    Busy.answers, Busy.got = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Cluster(Server((f"http://127.0.0.1:{server.server_address[1]}",)), patience=60)
        server.shutdown()


ITEMS = [b'{"index":{"_id":"%d"}}\n{"size":%d}\n' % (number, number) for number in range(3)]
REJECTED = {"error": {"type": "es_rejected_execution_exception", "reason": "full"}, "status": 429}


def told(*statuses: int, reason: str = "full") -> dict[str, Any]:
    results = [
        {"index": {"status": status} | ({} if status < 300 else {"error": {"type": "x", "reason": reason}})}
        for status in statuses
    ]
    return {"errors": any(status >= 300 for status in statuses), "items": results}


def test_what_there_is_no_room_for_is_sent_again_alone(busy: Cluster) -> None:
    Busy.answers = [(429, REJECTED), (503, REJECTED), (200, told(201, 429, 201)), (200, told(503)), (200, told(201))]
    busy.bulk("some", ITEMS)
    assert Busy.got == [b"".join(ITEMS)] * 3 + [ITEMS[1]] * 2


def test_what_is_refused_is_told_with_its_document(busy: Cluster) -> None:
    Busy.answers = [(200, told(201, 201, 400, reason="no such field [colour]"))]
    with pytest.raises(EngineError, match=r'refuses {"index":{"_id":"2"}}: no such field \[colour\]'):
        busy.bulk("some", ITEMS)


def test_a_server_that_takes_nothing_is_given_up(busy: Cluster) -> None:
    busy._patience = 0.05
    Busy.answers = [(429, REJECTED)]
    with pytest.raises(EngineError, match="takes nothing for 0 s: status 429"):
        busy.bulk("some", ITEMS)


def test_a_bulk_that_is_too_large_is_not_tried_for_ever(busy: Cluster) -> None:
    Busy.answers = [(413, {})]
    with pytest.raises(EngineError, match="answered a bulk with 413"):
        busy.bulk("some", ITEMS)
    assert len(Busy.got) == 1


def test_what_belongs_to_a_build_waits_for_a_server_that_starts(busy: Cluster) -> None:
    Busy.answers = [(503, REJECTED), (429, REJECTED), (200, {"acknowledged": True})]
    busy.note("some", {"shards": [1]})
    assert len(Busy.got) == 3


def test_questions_of_people_do_not_wait(busy: Cluster) -> None:
    busy._patience = 0
    Busy.answers = [(503, REJECTED), (200, {"acknowledged": True})]
    with pytest.raises(EngineUnavailable, match="answered to note what some holds with 503"):
        busy.note("some", {"shards": [1]})


def test_what_may_pass_is_told_from_what_does_not(busy: Cluster) -> None:
    busy._patience = 0
    for status, temporary in ((400, False), (401, False), (403, False), (404, False), (429, True), (504, True)):
        Busy.answers = [(status, REJECTED)]
        with pytest.raises(EngineError) as refusal:
            busy.note("some", {})
        assert refusal.value.temporary is temporary
