"""What each server is set to do."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from stack.postgresql import PostgreSQL
from stack.redis import Redis
from stack.services import StackError
from tests.stack.machines import needs_servers

pytestmark = needs_servers

PASSWORD = 'a "quoted" \\ pass/word'


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="codesteward-server-"))
    yield made
    shutil.rmtree(made)


def asked(url: str, *commands: tuple[str, ...]) -> list[str]:
    """What Redis answers to commands, one after the other; simple answers only."""
    parts, answers = urlsplit(url), []
    with socket.create_connection(("127.0.0.1", parts.port or 0), timeout=10) as connection:
        for words in commands:
            text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
            connection.sendall(text.encode())
            answers.append(connection.recv(4096).decode())
    return answers


def test_redis_forgets_nothing_to_make_room_and_writes_everything_down(folder: Path) -> None:
    redis = Redis(folder)
    try:
        told = asked(redis.start(), ("CONFIG", "GET", "maxmemory-policy"), ("CONFIG", "GET", "appendonly"))
        assert "noeviction" in told[0]
        assert "yes" in told[1]
        asked(redis.url, ("SET", "work", "7"))
        redis.stop()
        redis.start()
        assert "7" in asked(redis.url, ("GET", "work"))[0]
    finally:
        redis.stop()


def test_redis_with_a_password_answers_nobody_without_it(folder: Path) -> None:
    redis = Redis(folder, PASSWORD)
    try:
        url = redis.start()
        assert unquote(urlsplit(url).password or "") == PASSWORD
        refused, wrong, right, ping = asked(url, ("PING",), ("AUTH", "other"), ("AUTH", PASSWORD), ("PING",))
        assert refused.startswith("-NOAUTH")
        assert wrong.startswith("-WRONGPASS")
        assert (right, ping) == ("+OK\r\n", "+PONG\r\n")
        assert (folder / "url").stat().st_mode & 0o077 == 0
        assert (folder / "redis.conf").stat().st_mode & 0o077 == 0
        assert PASSWORD not in repr(redis)
    finally:
        redis.stop()


def test_postgresql_has_a_database_and_a_user_who_may_make_others(folder: Path) -> None:
    server = PostgreSQL(folder)
    try:
        with psycopg.connect(server.start(), autocommit=True) as connection:
            assert connection.execute("SELECT current_user, current_database()").fetchone() == ("steward", "steward")
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert connection.execute("SELECT upper('größe')").fetchone() == ("GRÖßE",)
            connection.execute("CREATE DATABASE another")
    finally:
        server.stop()


def test_a_server_that_does_not_start_is_named_with_what_it_said(folder: Path) -> None:
    (folder / "data").mkdir()
    with pytest.raises(StackError, match=r"pg_ctl ended with 1:\n(.|\n)*is not a database cluster directory"):
        PostgreSQL(folder).start()


def test_a_server_that_never_ran_has_no_process_and_is_stopped_in_peace(folder: Path) -> None:
    for server in (Redis(folder), PostgreSQL(folder)):
        assert server.pid == 0
        server.stop()
        with pytest.raises(FileNotFoundError):
            server.url  # noqa: B018  (asking is what fails)
