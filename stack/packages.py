"""What the services need of this machine: looked for, and installed with apt where root may."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stack.postgresql import DEBIANS
from stack.services import StackError

LEAST_GO = (1, 21)
"""From here on `go` fetches the newer one that a module asks for."""


@dataclass(frozen=True, slots=True)
class Need:
    """A program, the Debian package that brings it, and whether it is here."""

    program: str
    package: str
    is_here: Callable[[], bool]


def _in_path(program: str) -> Callable[[], bool]:
    return lambda: bool(shutil.which(program))


def _postgresql_is_here() -> bool:
    return bool(shutil.which("initdb")) or any(DEBIANS.glob("*/bin/initdb"))


def _java_is_here() -> bool:
    return bool(os.environ.get("ES_JAVA_HOME") or shutil.which("java"))


NEEDS: dict[str, tuple[Need, ...]] = {
    "postgresql": (Need("initdb", "postgresql", _postgresql_is_here),),
    "redis": (Need("redis-server", "redis-server", _in_path("redis-server")),),
    "elasticsearch": (
        Need("java", "openjdk-17-jre-headless", _java_is_here),
        Need("mvn", "maven", _in_path("mvn")),
    ),
    "s3": (Need("go", "golang", _in_path("go")),),
}
"""By service."""


def provide(services: Sequence[str]) -> None:
    """Install what is missing; raises StackError with the line to type where that cannot be done from here."""
    missing = [need for name in services for need in NEEDS[name] if not need.is_here()]
    if not missing:
        return
    names = " ".join(need.package for need in missing)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise StackError(f"{', '.join(need.program for need in missing)} missing; as root: apt-get install {names}")
    _apt(["update"])
    if any(need.package == "golang" for need in missing):
        _refuse_an_old_go()
    _apt(["install", "--no-install-recommends", *names.split()])
    if absent := [need for need in missing if not need.is_here()]:
        raise StackError(f"{', '.join(need.program for need in absent)} missing although apt installed {names}")


def _refuse_an_old_go() -> None:
    offered = _candidate("golang")
    if offered < LEAST_GO:
        least, have = (".".join(map(str, version)) for version in (LEAST_GO, offered))
        raise StackError(f"Go {least} or newer is needed, Debian offers {have}: put `go` of go.dev into PATH")


def _candidate(package: str) -> tuple[int, ...]:
    """The version that apt would install, such as (1, 19); empty where there is none."""
    told = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
    lines = [line.split() for line in told.splitlines() if line.strip().startswith("Candidate:")]
    return version_of(lines[0][1]) if lines and len(lines[0]) > 1 else ()


def version_of(text: str) -> tuple[int, ...]:
    """Of a Debian version, the first two numbers of upstream's: `2:1.19~1` is (1, 19)."""
    upstream = text.rpartition(":")[2].replace("~", ".").replace("-", ".").split(".")
    return tuple(int(part) for part in upstream[:2] if part.isdigit())


def _apt(arguments: list[str]) -> None:
    command = ["apt-get", "-qq", "-y", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
