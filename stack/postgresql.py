"""A real PostgreSQL with a cluster of its own: one that the machine has already is neither needed nor touched."""

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from stack.processes import end, hand_over, keep_url, lay_out, run, running, tail, wait_until
from stack.services import StackError

PROGRAM = "postgres"
USER = DATABASE = "steward"
DEBIANS = Path("/usr/lib/postgresql")
"""Where Debian puts the programs of the server, by version; they are not in the PATH."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # The path of a socket has room for 107 bytes, and the folder may be deep.
    "unix_socket_directories": "",
    "max_connections": "200",
    # What was committed outlives a kill of the server, not one of the machine.
    "fsync": "off",
    "full_page_writes": "off",
}


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """Its one user may make databases and asks for no password; the port is open to this machine alone."""

    folder: Path

    @property
    def url(self) -> str:
        return (self.folder / "url").read_text("utf-8").strip()

    @property
    def pid(self) -> int:
        return running(PROGRAM, str(self._data))

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _draft(self) -> Path:
        return self.folder / "data.draft"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    @property
    def _said(self) -> Path:
        """What the latest command that was run for the server printed."""
        return self.folder / "start.log"

    def start(self) -> str:
        self._settle()
        if not self.pid:
            lay_out(self.folder)
            keep_url(self.folder, lambda port: f"postgresql://{USER}@127.0.0.1:{port}/{DATABASE}")
            self._make_cluster()
            self._launch()
        self._make_database()
        return self.url

    def stop(self) -> None:
        """Fast: who is connected is cut off."""
        self._settle()
        end("PostgreSQL", lambda: self.pid, by=signal.SIGINT)

    def _settle(self) -> None:
        """What a start that was killed left at work ends by itself; until then the folder is not ours."""
        at_work = (("initdb", str(self._draft)), ("pg_ctl", str(self._data)))
        wait_until(
            "an earlier start is still at work", lambda: not any(running(*words) for words in at_work), self._said
        )

    def _make_cluster(self) -> None:
        if self._data.exists():
            return
        shutil.rmtree(self._draft, ignore_errors=True)
        run(
            [
                program("initdb"), "--pgdata", str(self._draft), "--username", USER, "--auth", "trust",
                "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
            ],
            self._said,
        )  # fmt: skip
        self._draft.rename(self._data)

    def _launch(self) -> None:
        self._forget_who_is_not_there()
        settings = {**SETTINGS, "port": str(urlsplit(self.url).port)}
        options = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in settings.items())
        self._log.touch()
        hand_over(self._log)
        run(
            [program("pg_ctl"), "--pgdata", str(self._data), "--wait", "--log", str(self._log), "-o", options, "start"],
            self._said,
        )

    def _forget_who_is_not_there(self) -> None:
        """After a restart of the machine the process that the lock names may be another program by now."""
        lock = self._data / "postmaster.pid"
        if not lock.exists():
            return
        named = lock.read_text("utf-8").partition("\n")[0]
        command = Path("/proc") / named / "cmdline"
        if command.exists() and PROGRAM.encode() not in command.read_bytes():
            lock.unlink()

    def _make_database(self) -> None:
        """The database of the URL, once the server lets somebody in."""
        wait_until("PostgreSQL does not answer", lambda: self._asked("pg_isready"), self._log)
        marker = self.folder / "database"
        if marker.exists():
            return
        # It may be there: a start that was killed could not say so.
        if not self._asked("createdb", "--username", USER, DATABASE) and "already exists" not in tail(self._said):
            raise StackError(f"the database cannot be made:\n{tail(self._said)}")
        marker.touch()

    def _asked(self, name: str, *arguments: str) -> bool:
        address = ["--host", "127.0.0.1", "--port", str(urlsplit(self.url).port)]
        try:
            run([program(name), *address, *arguments], self._said)
        except StackError:
            return False
        return True


def program(name: str) -> str:
    """The path of a program of PostgreSQL, of the newest version there is."""
    versions = sorted(DEBIANS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    path = str(versions[-1]) if versions else shutil.which(name)
    if not path:
        raise StackError("PostgreSQL is needed: apt-get install postgresql")
    return path
