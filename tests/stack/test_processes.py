"""Processes: one that was ended is gone with all that it held, one that does not end is told."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stack.processes import end, free_port, run, running
from stack.services import StackError

HOLDS_A_PORT = """
import socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
memory = bytearray(b"x") * (4 * 10**8)
for _ in range(20):
    threading.Thread(target=time.sleep, args=(60,)).start()
print("ready", flush=True)
time.sleep(60)
"""
"""The memory takes a moment to be given back, by the last thread; the first one has ended by then."""


def test_a_port_is_free_once_its_process_is_killed() -> None:
    port = str(free_port())
    process = subprocess.Popen([sys.executable, "-c", HOLDS_A_PORT, port], stdout=subprocess.PIPE)
    with process:
        assert process.stdout
        process.stdout.readline()
        program = sys.executable.rpartition("/")[2]
        end("the process", lambda: running(program, port), by=signal.SIGKILL)
        with socket.create_server(("127.0.0.1", int(port))):
            assert not running(program, port)


def test_a_command_that_does_not_end_is_told_with_what_it_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(StackError, match=r"sh was not done after 1 s:\nstill waiting"):
        run(["/bin/sh", "-c", "echo still waiting; sleep 30"], tmp_path / "log", seconds=1)
