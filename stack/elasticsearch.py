"""A real Elasticsearch for development and tests: fetched, checked, started and stopped on this machine.

    python -m stack.elasticsearch start [--folder DIR] [--version 8.19.0] [--heap 1g] [--password-file FILE]
    python -m stack.elasticsearch stop [--folder DIR]

The server is the one that Elasticsearch's own build publishes for integration tests: the core and a few modules, so
whatever works on it works on every distribution. Maven fetches it and keeps it; it needs a JRE (17 for 8.x, 21 for
9.x), which is looked for in ES_JAVA_HOME, on the PATH and in /usr/lib/jvm. It listens on a free port of 127.0.0.1,
which stands in FOLDER/url, keeps everything below FOLDER, and runs as `nobody` where this is run by root, since it
refuses to run as root. Not a way to run it in production.
"""

import argparse
import base64
import contextlib
import hashlib
import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "8.19.0"
DIGESTS = {
    "8.19.0": "14833b2d86c30656901f92049f81fb5777a8e4545413c8656cd1a21b55173033",
    "9.2.0": "bf44938a0490ba2a303d39c9cb64b38963dd08c812ce93e10816e878585bcb6b",
}
"""SHA-256 of the archives. A version that is not here is not started."""

ARTIFACT = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:{0}:zip"
FOLDER = Path(os.environ.get("CODESTEWARD_STACK", "/var/tmp/codesteward-stack"))  # noqa: S108  (kept over a reboot)
RUNS_AS = "nobody"
USER = "elastic"
START_SECONDS = 180
STOP_SECONDS = 60


class StackError(Exception):
    """The server cannot be had or started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """One server and the folder that is all of it; two servers have two folders."""

    folder: Path
    version: str = VERSION
    heap: str = "1g"
    password: str = ""
    """Of the user `elastic`; without one the server asks nobody who he is."""

    @property
    def url(self) -> str:
        return (self.folder / "url").read_text("utf-8").strip()

    @property
    def pid(self) -> int:
        """Of the running server; 0 where none runs."""
        try:
            pid = int((self.folder / "pid").read_text("utf-8"))
            os.kill(pid, 0)
        except (OSError, ValueError):
            return 0
        return pid if self._is_ours(pid) else 0

    def start(self) -> str:
        """Start it where it does not run; returns its URL once it is green."""
        if not self.pid:
            home = distribution(self.version)
            self._lay_out(home)
            self._launch(home)
        self._wait_until_green()
        return self.url

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it is gone; harmless where it does not run."""
        if not (pid := self.pid):
            return
        os.kill(pid, sent)
        late = time.monotonic() + STOP_SECONDS
        while self.pid == pid:
            if time.monotonic() > late:
                raise StackError(f"Elasticsearch (process {pid}) does not end")
            time.sleep(0.1)

    def _is_ours(self, pid: int) -> bool:
        """Process ids are used again."""
        with contextlib.suppress(OSError):
            return str(self.folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False

    def _lay_out(self, home: Path) -> None:
        """Folders, a configuration of its own, a port that stays the same."""
        config = self.folder / "config"
        if not config.exists():
            shutil.copytree(home / "config", config)
            _keep_within(self.folder, config / "jvm.options")
        for name in ("data", "logs", "temporary"):
            (self.folder / name).mkdir(exist_ok=True)
        if not (self.folder / "url").exists():
            (self.folder / "url").write_text(f"http://127.0.0.1:{_free_port()}\n", "utf-8")
        self.folder.chmod(0o755)
        _hand_over(self.folder)
        if self.password and not (config / "elasticsearch.keystore").exists():
            keystore = str(home / "bin" / "elasticsearch-keystore")
            self._run([keystore, "create"])
            self._run([keystore, "add", "--stdin", "bootstrap.password"], told=self.password)

    def _launch(self, home: Path) -> None:
        (self.folder / "pid").unlink(missing_ok=True)
        settings = {
            "cluster.name": "codesteward",
            "discovery.type": "single-node",
            "http.port": self.url.rpartition(":")[2],
            "network.host": "127.0.0.1",
            "path.data": str(self.folder / "data"),
            "path.logs": str(self.folder / "logs"),
            "xpack.security.enabled": "true" if self.password else "false",
            # The disk of a development machine may be fuller than a cluster likes.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        options = [f"-E{name}={value}" for name, value in settings.items()]
        self._run([str(home / "bin" / "elasticsearch"), "-d", "-p", str(self.folder / "pid"), *options])

    def _run(self, command: list[str], told: str = "") -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "ES_PATH_CONF": str(self.folder / "config"),
            "ES_TMPDIR": str(self.folder / "temporary"),
            "ES_JAVA_HOME": str(java_home(self.version)),
            "ES_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap}",
        }
        # To a file, not a pipe: the server inherits it and would keep the pipe open.
        with (self.folder / "start.log").open("w+b") as log:
            done = subprocess.run(
                command, input=told.encode(), stdout=log, stderr=log, env=environment, cwd=self.folder, check=False,
                timeout=START_SECONDS, **_user(),
            )  # fmt: skip
            log.seek(0)
            if done.returncode:
                said = log.read().decode("utf-8", "replace")[-2000:]
                raise StackError(f"{Path(command[0]).name} ended with {done.returncode}:\n{said}")

    def _wait_until_green(self) -> None:
        late = time.monotonic() + START_SECONDS
        while (status := self._status()) != "green":
            if time.monotonic() > late or not self.pid:
                raise StackError(f"Elasticsearch is {status}, not green; see {self.folder / 'logs'}")
            time.sleep(0.2)

    def _status(self) -> str:
        address = self.url.removeprefix("http://")
        login = base64.b64encode(f"{USER}:{self.password}".encode()).decode("ascii")
        connection = http.client.HTTPConnection(address, timeout=10)
        try:
            headers = {"Authorization": f"Basic {login}"} if self.password else {}
            connection.request("GET", "/_cluster/health", headers=headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            return f"not reachable ({error})"
        finally:
            connection.close()
        return str(answer.get("status", answer.get("error")))


def distribution(version: str = VERSION, *, fetch: bool = True) -> Path:
    """The folder of the unpacked server; fetched with Maven, and refused where its digest is not the known one."""
    home = FOLDER / f"elasticsearch-{version}"
    if home.exists():
        return home
    if not fetch:
        raise StackError(f"Elasticsearch {version} is not here; `make stack` fetches it")
    if version not in DIGESTS:
        raise StackError(f"Elasticsearch {version}: no digest is known; there are {', '.join(DIGESTS)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    archive = _fetched(version)
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != DIGESTS[version]:
        archive.unlink()
        raise StackError(f"{archive.name}: SHA-256 is {digest}, must be {DIGESTS[version]}")
    draft = home.with_suffix(f".{os.getpid()}")
    _unpack(archive, draft)
    # Another process may have been first.
    with contextlib.suppress(OSError):
        (draft / home.name).rename(home)
    shutil.rmtree(draft, ignore_errors=True)
    archive.unlink(missing_ok=True)
    return home


def _fetched(version: str) -> Path:
    if not shutil.which("mvn"):
        raise StackError("Maven is needed: apt-get install maven openjdk-17-jre-headless")
    artifact = f"-Dartifact={ARTIFACT.format(version)}"
    command = ["mvn", "-B", "-q", "dependency:copy", artifact, f"-DoutputDirectory={FOLDER}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER)
    if done.returncode:
        raise StackError(f"Maven could not fetch Elasticsearch {version}:\n{(done.stdout + done.stderr)[-2000:]}")
    return FOLDER / f"elasticsearch-{version}.zip"


def _unpack(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            path = Path(file.extract(member, target))
            # zipfile leaves the permissions out.
            path.chmod(0o755 if path.is_dir() or "bin" in path.parts else 0o644)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)


def java_home(version: str = VERSION) -> Path:
    """A Java that is new enough for the server; StackError where there is none."""
    least = 17 if version.startswith("8.") else 21
    named, found = os.environ.get("ES_JAVA_HOME"), shutil.which("java")
    homes = [Path(named)] if named else []
    homes += [Path(found).resolve().parent.parent] if found else []
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    for home in homes:
        if _java_version(home) >= least:
            return home
    raise StackError(
        f"a JRE of {least} or newer is needed: apt-get install openjdk-{least}-jre-headless, or ES_JAVA_HOME"
    )


def _java_version(home: Path) -> int:
    """As the file says that every build of OpenJDK has; 0 where there is none."""
    try:
        lines = (home / "release").read_text("utf-8").splitlines()
    except OSError:
        return 0
    told = dict(line.partition("=")[::2] for line in lines).get("JAVA_VERSION", "")
    number = told.strip('"').partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(RUNS_AS)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _hand_over(folder: Path) -> None:
    if os.geteuid() != 0:
        return
    for path in _below(folder):
        shutil.chown(path, **{name: value for name, value in _user().items() if name != "extra_groups"})


def _keep_within(folder: Path, options: Path) -> None:
    """The archive lets the virtual machine write below the server's own folder, which is shared and not ours."""
    text = options.read_text("utf-8")
    for ours, theirs in (("=logs/", f"={folder}/logs/"), ("HeapDumpPath=data", f"HeapDumpPath={folder}/data")):
        text = text.replace(ours, theirs)
    options.write_text(text, "utf-8")


def _below(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser(description="A real Elasticsearch for development and tests.")
    parser.add_argument("command", choices=("start", "stop"))
    parser.add_argument("--folder", type=Path, default=FOLDER / "elasticsearch", help="all of the server is in it")
    parser.add_argument("--version", default=VERSION, choices=sorted(DIGESTS))
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--password-file", type=Path, help="turns security on, with this password of `elastic`")
    asked = parser.parse_args()
    password = asked.password_file.read_text("utf-8").strip() if asked.password_file else ""
    folder = asked.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    server = Elasticsearch(folder, asked.version, asked.heap, password)
    try:
        sys.stdout.write(f"{server.start()}\n") if asked.command == "start" else server.stop()
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
