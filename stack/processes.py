"""Processes of the stack: found by what they were started with, so that nothing is lost with a file that names them."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stack.services import StackError

RUNS_AS = "nobody"
"""Who runs the servers where root starts them: some of them refuse to be root."""

START_SECONDS = 60
STOP_SECONDS = 60
PAUSE = 0.05


def running(program: str, argument: str) -> int:
    """The process of `program` that was started with `argument`; 0 where there is none.

    Both are compared whole, so that a folder is never taken for another that begins with its name.
    """
    found = {pid: parent for pid, parent, command in _commands() if _is(command, program, argument)}
    return next((pid for pid in sorted(found) if found[pid] not in found), 0)


def _is(command: Sequence[str], program: str, argument: str) -> bool:
    return bool(command) and Path(command[0]).name == program and argument in command[1:]


def _commands() -> Iterator[tuple[int, int, list[str]]]:
    """Process, its parent, and the words that each was started with."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes()
            # The name of the program stands in brackets and may hold anything; the parent is the second word behind it.
            parent = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue
        yield int(folder.name), int(parent), os.fsdecode(words).rstrip("\0").split("\0")


def end(name: str, pid: Callable[[], int], *, by: signal.Signals = signal.SIGTERM) -> None:
    """Ask the process to end, kill it where it does not, and wait until it and what it held are gone."""
    for sent in (by, signal.SIGKILL):
        if not (process := pid()):
            return
        _send(process, sent)
        if _within(STOP_SECONDS, partial(_is_gone, process)):
            return
    raise StackError(f"{name} (process {process}) does not end")


def _send(process: int, sent: signal.Signals) -> None:
    try:
        os.kill(process, sent)
    except ProcessLookupError:
        return
    except PermissionError:
        raise StackError(f"process {process} belongs to somebody else; stop it as who started it") from None


def _is_gone(process: int) -> bool:
    """With its last thread: its command line is empty before, while it still holds its port."""
    folder = Path("/proc") / str(process)
    try:
        # Behind the name of the program, which may hold anything.
        state = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
        return state in "ZX" and len(list((folder / "task").iterdir())) == 1
    except OSError:
        return True


def wait_until(what: str, holds: Callable[[], bool], log: Path) -> None:
    if not _within(START_SECONDS, holds):
        raise StackError(f"{what}:\n{tail(log)}")


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    late = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > late:
            return False
        time.sleep(PAUSE)
    return True


def run(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    told: str = "",
    seconds: float = START_SECONDS,
) -> None:
    """Run a command as who runs the servers, with what it prints in `log`; raises StackError where it fails.

    Not through a pipe: a server that it leaves behind inherits it and would keep the pipe open.
    """
    with log.open("wb") as file:
        try:
            done = subprocess.run(
                list(command),
                input=told.encode(), stdout=file, stderr=file, cwd=log.parent, check=False, timeout=seconds,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **(environment or {})}, **user(),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise StackError(f"{Path(command[0]).name} was not done after {seconds:.0f} s:\n{tail(log)}") from None
    if done.returncode:
        raise StackError(f"{Path(command[0]).name} ended with {done.returncode}:\n{tail(log)}")


def tail(log: Path) -> str:
    try:
        return log.read_text("utf-8", "replace")[-2000:]
    except OSError as error:
        return f"({log}: {error.strerror})"


def user() -> dict[str, Any]:
    """Arguments of `subprocess`: not root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(RUNS_AS)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def lay_out(folder: Path) -> None:
    """The folder of a server, which it may write and who starts it may enter."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    hand_over(folder)


def hand_over(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, RUNS_AS)


def keep_url(folder: Path, make: Callable[[int], str]) -> str:
    """The URL that stands in the folder; a new one where there is none, or where its port is taken by now."""
    file = folder / "url"
    url = file.read_text("utf-8").strip() if file.exists() else ""
    if not url or not _is_free(urlsplit(url).port or 0):
        url = make(free_port())
        draft = file.with_suffix(".draft")
        draft.write_text(f"{url}\n", "utf-8")
        draft.replace(file)
    return url


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # As servers do: what is left of connections that have ended does not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
