"""A real Redis, as Celery needs it: nothing is evicted, and what was taken is on disk."""

import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from stack.processes import end, hand_over, keep_url, lay_out, run, running, wait_until

PROGRAM = "redis-server"
REFUSALS = ("-LOADING", "-BUSY")


@dataclass(frozen=True, slots=True)
class Redis:
    folder: Path
    password: str = field(default="", repr=False)
    """Without one the server asks nobody who he is."""

    @property
    def url(self) -> str:
        """Holds the password; only who runs the server and root can read the file then."""
        return (self.folder / "url").read_text("utf-8").strip()

    @property
    def pid(self) -> int:
        return running(PROGRAM, str(self._settings))

    @property
    def _settings(self) -> Path:
        return self.folder / "redis.conf"

    def start(self) -> str:
        if not self.pid:
            lay_out(self.folder)
            keep_url(self.folder, self._url)
            self._write_settings()
            run([PROGRAM, str(self._settings)], self.folder / "start.log")
        wait_until("Redis does not answer", self._answers, self.folder / "log")
        return self.url

    def stop(self) -> None:
        end("Redis", lambda: self.pid)

    def _url(self, port: int) -> str:
        login = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{port}/0"

    def _write_settings(self) -> None:
        lines = [
            "bind 127.0.0.1",
            f"port {urlsplit(self.url).port}",
            f"dir {self.folder}",
            "daemonize yes",
            f"logfile {self.folder / 'log'}",
            # The process must be found again by what it was started with.
            "set-proc-title no",
            # A queue that forgets loses work.
            "maxmemory-policy noeviction",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            *([f"requirepass {_quoted(self.password)}"] if self.password else []),
        ]
        self._settings.touch(mode=0o600)
        self._settings.write_text("\n".join(lines) + "\n", "utf-8")
        hand_over(self._settings)
        if self.password:
            (self.folder / "url").chmod(0o600)

    def _answers(self) -> bool:
        parts = urlsplit(self.url)
        words = ["AUTH", unquote(parts.password)] if parts.password else ["PING"]
        asked = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        try:
            with socket.create_connection(("127.0.0.1", parts.port or 0), timeout=5) as connection:
                connection.sendall(asked.encode())
                answer = connection.recv(100).decode("utf-8", "replace")
        except OSError:
            return False
        return bool(answer) and not answer.startswith(REFUSALS)


def _quoted(text: str) -> str:
    """As Redis reads words of its settings."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
