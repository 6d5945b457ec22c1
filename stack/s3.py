"""A real server of the S3 protocol: Versity's gateway before a folder, built from its source by Go.

Go fetches the module of VERSION and checks it, and all that it needs, against the public log of checksums
(sum.golang.org); the checksum of the module that the program says it was built from must be SUM as well. The folder
holds `url`, `access_key` and `secret_key`, and its buckets in `data`; the bucket `codesteward` is there from the start.
"""

import contextlib
import http.client
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stack.processes import end, hand_over, keep_url, lay_out, run, running, wait_until
from stack.services import FOLDER, StackError

PROGRAM = "versitygw"
MODULE = "github.com/versity/versitygw"
VERSION = "v1.8.0"
SUM = "h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc="
"""Of the module, as the public log of checksums has it. Another one is not started."""
BUCKET = "codesteward"
BUILD_SECONDS = 1800
UNTRUSTING = {"GOSUMDB": "sum.golang.org", "GONOSUMDB": "", "GOPRIVATE": "", "GOINSECURE": "", "GOFLAGS": ""}
"""What makes Go check every module, whatever this machine is set to."""


@dataclass(frozen=True, slots=True)
class S3:
    """One server and the folder that is all of it; two servers have two folders."""

    folder: Path
    keeps_connections: bool = False
    """As Amazon's do. Only to be read from: with a connection that it keeps, this version answers some of the requests
    that follow a write with 400."""

    @property
    def url(self) -> str:
        return (self.folder / "url").read_text("utf-8").strip()

    @property
    def access_key(self) -> str:
        return (self.folder / "access_key").read_text("utf-8").strip()

    @property
    def secret_key_file(self) -> Path:
        """Only who runs the server can read it."""
        return self.folder / "secret_key"

    @property
    def data(self) -> Path:
        """A folder in it is a bucket."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        return running(PROGRAM, str(self.data))

    @property
    def environment(self) -> dict[str, str]:
        """What Codesteward needs to use the server."""
        return {
            "S3_ENDPOINT": self.url,
            "S3_ACCESS_KEY": self.access_key,
            "S3_SECRET_KEY_FILE": str(self.secret_key_file),
        }

    def start(self) -> str:
        if not self.pid:
            built = program()
            lay_out(self.folder)
            keep_url(self.folder, lambda port: f"http://127.0.0.1:{port}")
            self._make_keys()
            self.make_bucket(BUCKET)
            self._launch(built)
        wait_until("the S3 server does not answer", self._answers, self._log)
        return self.url

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        end("the S3 server", lambda: self.pid, by=by)

    def make_bucket(self, name: str) -> None:
        """Harmless where it is there."""
        for folder in (self.data, self.data / name):
            folder.mkdir(exist_ok=True)
            hand_over(folder)

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _make_keys(self) -> None:
        for name, value in (
            ("access_key", f"codesteward{secrets.token_hex(4)}"),
            ("secret_key", secrets.token_hex(20)),
        ):
            file = self.folder / name
            if not file.exists() or not file.read_bytes():
                file.touch(mode=0o600)
                file.write_text(f"{value}\n", "ascii")

    def _launch(self, built: Path) -> None:
        # Keys in the environment, where only its own user sees them; in words of a command everybody would.
        environment = {
            "ROOT_ACCESS_KEY": self.access_key,
            "ROOT_SECRET_KEY": self.secret_key_file.read_text("ascii").strip(),
        }
        address = self.url.removeprefix("http://")
        options = ["--quiet", *(["--keep-alive"] if self.keeps_connections else [])]
        command = [str(built), "--port", address, *options, "posix", str(self.data)]
        run(["setsid", "--fork", *command], self._log, environment)

    def _answers(self) -> bool:
        """Whoever is not known is refused, which is an answer."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=5)
        try:
            connection.request("GET", "/")
            return bool(connection.getresponse().status)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def program(*, build: bool = True) -> Path:
    """The gateway; built by Go where it is not here, and refused where its module's checksum is not the known one."""
    home = FOLDER / f"{PROGRAM}-{VERSION}"
    built = home / PROGRAM
    if built.exists():
        return built
    if not build:
        raise StackError(f"{PROGRAM} {VERSION} is not here; `make stack` builds it")
    draft = home.with_suffix(f".{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        _go("install", f"{MODULE}/cmd/{PROGRAM}@{VERSION}", binaries=draft)
        _check(draft / PROGRAM)
        # Another process may have been first.
        with contextlib.suppress(OSError):
            draft.rename(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return built


def _check(built: Path) -> None:
    told = _go("version", "-m", str(built), binaries=built.parent)
    words = next((line.split() for line in told.splitlines() if line.split()[:2] == ["mod", MODULE]), [])
    if words[2:] != [VERSION, SUM]:
        raise StackError(f"{MODULE}: was built as {' '.join(words[2:]) or 'nothing known'}, must be {VERSION} {SUM}")


def _go(*arguments: str, binaries: Path) -> str:
    go = shutil.which("go")
    if not go:
        raise StackError("Go is needed: apt-get install golang, or put `go` of go.dev into PATH")
    environment = {**os.environ, **UNTRUSTING, "GOBIN": str(binaries)}
    done = subprocess.run(
        [go, *arguments],
        env=environment, cwd=binaries, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise StackError(f"go {arguments[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
