"""The servers of `make stack`: started twice they are the same, stopped they are gone, killed they come back."""

import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from stack.machine import Machine
from tests.stack.machines import LIGHT, ROOT, left_behind, machine, needs_servers, stack

pytestmark = needs_servers


def pids(machine: Machine) -> dict[str, int]:
    return {name: service.pid for name, service in machine.running().items()}


def write_a_row(url: str) -> None:
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def rows(url: str) -> int:
    with psycopg.connect(url, connect_timeout=10) as connection:
        (count,) = connection.execute("SELECT count(*) FROM kept").fetchone() or (0,)
        return int(count)


def test_started_twice_they_are_the_same_and_stopped_they_are_gone() -> None:
    with machine() as made:
        made.start(LIGHT)
        first = pids(made)
        assert set(first) == set(LIGHT)
        made.start(LIGHT)
        assert pids(made) == first
        made.stop(LIGHT)
        assert pids(made) == {}
        assert left_behind(made.folder) == []
        made.stop(LIGHT)


def test_what_they_hold_and_where_they_listen_stays_over_a_stop() -> None:
    with machine() as made:
        made.start(LIGHT)
        before = made.environment()
        write_a_row(before["DATABASE_URL"])
        made.stop(LIGHT)
        made.start(LIGHT)
        assert made.environment() == before
        assert rows(before["DATABASE_URL"]) == 1


def test_a_server_that_was_killed_is_started_again_with_what_was_committed() -> None:
    with machine() as made:
        made.start(["postgresql"])
        url = made.environment()["DATABASE_URL"]
        write_a_row(url)
        os.kill(pids(made)["postgresql"], signal.SIGKILL)
        made.start(["postgresql"])
        assert rows(url) == 1


def test_one_of_them_may_be_started_and_stopped_alone() -> None:
    with machine() as made:
        made.start(LIGHT)
        made.stop(["redis"])
        assert set(made.running()) == {"postgresql"}
        assert set(made.environment()) == {"DATABASE_URL"}


def test_a_port_that_somebody_else_took_meanwhile_is_given_up() -> None:
    with machine() as made, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (made.folder / "redis").mkdir()
        (made.folder / "redis" / "url").write_text(f"redis://127.0.0.1:{port}/0\n")
        made.start(["redis"])
        url = made.environment()["REDIS_URL"]
        assert urlsplit(url).port != port
        assert (made.folder / "redis" / "url").read_text("utf-8").strip() == url


def test_a_lock_whose_process_is_another_program_by_now_is_no_obstacle() -> None:
    with machine() as made:
        made.start(["postgresql"])
        made.stop(["postgresql"])
        lock = made.folder / "postgresql" / "data" / "postmaster.pid"
        lock.write_text(f"{os.getpid()}\n{lock.parent}\n1\n5432\n\n127.0.0.1\n", "utf-8")
        made.start(["postgresql"])
        assert set(made.running()) == {"postgresql"}


def test_a_cluster_that_was_half_made_is_made_again() -> None:
    with machine() as made:
        draft = made.folder / "postgresql" / "data.draft"
        draft.mkdir(parents=True)
        (draft / "PG_VERSION").write_text("15\n")
        made.start(["postgresql"])
        write_a_row(made.environment()["DATABASE_URL"])
        assert not draft.exists()


@pytest.mark.parametrize("seed", range(3))
def test_a_start_that_is_killed_anywhere_is_made_whole_by_the_next_and_undone_by_a_stop(seed: int) -> None:
    chance = random.Random(seed)
    with machine() as made:
        for _ in range(3):
            starting = subprocess.Popen(
                [sys.executable, "-m", "stack", "start", *LIGHT],
                env={"PATH": os.environ["PATH"], "CODESTEWARD_STACK": str(made.folder)},
                cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(chance.uniform(0.05, 1.5))
            starting.kill()
            starting.wait()
        assert stack(made.folder, "start", *LIGHT).returncode == 0
        write_a_row(made.environment()["DATABASE_URL"])
        assert stack(made.folder, "stop").returncode == 0
        assert left_behind(made.folder) == []


def test_the_environment_is_printed_and_can_be_sourced() -> None:
    with machine() as made:
        printed = stack(made.folder, "start", *LIGHT)
        assert printed.returncode == 0, printed.stderr
        script = f'source {shlex.quote(str(made.environment_file))} && echo "$DATABASE_URL $REDIS_URL"'
        sourced = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()
        assert sourced == [(made.folder / name / "url").read_text("utf-8").strip() for name in LIGHT]
        for url in sourced:
            assert url in printed.stdout
        assert f"# source {made.environment_file}" in printed.stdout


def test_status_tells_which_run_and_fails_where_one_does_not() -> None:
    with machine() as made:
        made.start(["redis"])
        one = stack(made.folder, "status", "redis")
        assert one.returncode == 0
        assert made.environment()["REDIS_URL"] in one.stdout
        both = stack(made.folder, "status", *LIGHT)
        assert both.returncode == 1
        assert "postgresql     does not run" in both.stdout


def test_a_service_that_there_is_not_is_named_and_so_are_those_that_there_are(tmp_path: Path) -> None:
    done = stack(tmp_path, "start", "mysql")
    assert done.returncode == 2
    assert "there is no service mysql; there are postgresql, redis, elasticsearch, s3" in done.stderr


def test_they_are_never_run_by_root() -> None:
    with machine() as made:
        made.start(LIGHT)
        for name, pid in pids(made).items():
            assert Path(f"/proc/{pid}").stat().st_uid != 0, name
