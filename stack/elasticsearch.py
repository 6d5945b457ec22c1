"""A real Elasticsearch for development and tests: fetched, checked, started and stopped on this machine.

The server is the one that Elasticsearch's own build publishes for integration tests: the core and a few modules, so
whatever works on it works on every distribution. Maven fetches it and keeps it; it needs a JRE (17 for 8.x, 21 for
9.x), which is looked for in ES_JAVA_HOME, on the PATH and in /usr/lib/jvm.
"""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.processes import end, hand_over, keep_url, lay_out, run, running
from stack.services import FOLDER, StackError

PROGRAM = "java"
VERSION = "8.19.0"
DIGESTS = {
    "8.19.0": "14833b2d86c30656901f92049f81fb5777a8e4545413c8656cd1a21b55173033",
    "9.2.0": "bf44938a0490ba2a303d39c9cb64b38963dd08c812ce93e10816e878585bcb6b",
}
"""SHA-256 of the archives. A version that is not here is not started."""

ARTIFACT = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:{0}:zip"
USER = "elastic"
START_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """One server and the folder that is all of it; two servers have two folders."""

    folder: Path
    version: str = VERSION
    heap: str = "1g"
    password: str = field(default="", repr=False)
    """Of the user `elastic`; without one the server asks nobody who he is."""

    @property
    def url(self) -> str:
        return (self.folder / "url").read_text("utf-8").strip()

    @property
    def pid(self) -> int:
        # What starts the server is not started with it.
        return running(PROGRAM, f"-Djava.io.tmpdir={self._temporary}")

    @property
    def _config(self) -> Path:
        return self.folder / "config"

    @property
    def _temporary(self) -> Path:
        return self.folder / "temporary"

    def start(self) -> str:
        """Start it where it does not run; returns its URL once it is green."""
        if not self.pid:
            home = distribution(self.version)
            self._lay_out(home)
            self._launch(home)
        self._wait_until_green()
        return self.url

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        end("Elasticsearch", lambda: self.pid, by=by)

    def _lay_out(self, home: Path) -> None:
        """Folders, a configuration of its own, a port."""
        lay_out(self.folder)
        keep_url(self.folder, lambda port: f"http://127.0.0.1:{port}")
        if not self._config.exists():
            draft = self.folder / "config.draft"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(home / "config", draft)
            _keep_within(self.folder, draft / "jvm.options")
            draft.rename(self._config)
        for folder in (self.folder / "data", self.folder / "logs", self._temporary):
            folder.mkdir(exist_ok=True)
        for path in self.folder.rglob("*"):
            hand_over(path)
        if self.password and not (self._config / "elasticsearch.keystore").exists():
            keystore = str(home / "bin" / "elasticsearch-keystore")
            self._run([keystore, "create"])
            self._run([keystore, "add", "--stdin", "bootstrap.password"], told=self.password)

    def _launch(self, home: Path) -> None:
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
        self._run([str(home / "bin" / "elasticsearch"), "-d", *options])

    def _run(self, command: list[str], told: str = "") -> None:
        environment = {
            "ES_PATH_CONF": str(self._config),
            "ES_TMPDIR": str(self._temporary),
            "ES_JAVA_HOME": str(java_home(self.version)),
            "ES_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap}",
        }
        run(command, self.folder / "start.log", environment, told=told, seconds=START_SECONDS)

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


def _keep_within(folder: Path, options: Path) -> None:
    """The archive lets the virtual machine write below the server's own folder, which is shared and not ours."""
    text = options.read_text("utf-8")
    for ours, theirs in (("=logs/", f"={folder}/logs/"), ("HeapDumpPath=data", f"HeapDumpPath={folder}/data")):
        text = text.replace(ours, theirs)
    options.write_text(text, "utf-8")
