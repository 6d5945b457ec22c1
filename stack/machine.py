"""The services of this machine together: which there are, in which order, and what a shell needs to use them."""

import fcntl
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.elasticsearch import Elasticsearch
from stack.postgresql import PostgreSQL
from stack.redis import Redis
from stack.s3 import S3
from stack.services import Service

KINDS: Mapping[str, Callable[[Path], Service]] = {
    "postgresql": PostgreSQL,
    "redis": Redis,
    "elasticsearch": Elasticsearch,
    "s3": S3,
}

VARIABLES: Mapping[str, Callable[[Service], dict[str, str]]] = {
    "postgresql": lambda service: {"DATABASE_URL": service.url},
    "redis": lambda service: {"REDIS_URL": service.url},
    "elasticsearch": lambda service: {"ENGINE": "elasticsearch", "ELASTICSEARCH_URL": service.url},
    "s3": lambda service: S3(service.folder).environment,
}


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything below one folder. Who starts or stops has it alone; a second one waits."""

    folder: Path

    def service(self, name: str) -> Service:
        return KINDS[name](self.folder / name)

    def start(self, names: Sequence[str]) -> None:
        """In the order of KINDS; what runs already stays as it is. Raises StackError at the first that does not start.

        A start that was stopped at any point is made whole by the next one, and undone by `stop`.
        """
        with self._alone():
            for name in _in_order(names):
                (self.folder / name).mkdir(exist_ok=True)
                self.service(name).start()
            self._write_environment()

    def stop(self, names: Sequence[str]) -> None:
        with self._alone():
            for name in reversed(_in_order(names)):
                self.service(name).stop()
            self._write_environment()

    def running(self) -> dict[str, Service]:
        services = {name: self.service(name) for name in KINDS}
        return {name: service for name, service in services.items() if service.pid}

    def environment(self) -> dict[str, str]:
        """What a shell sets to use the services that run."""
        told: dict[str, str] = {}
        for name, service in self.running().items():
            told |= VARIABLES[name](service)
        return told

    @property
    def environment_file(self) -> Path:
        """To be sourced."""
        return self.folder / "environment"

    def exports(self) -> str:
        return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.environment().items())

    def _write_environment(self) -> None:
        self.environment_file.touch(mode=0o600)
        self.environment_file.write_text(self.exports(), "utf-8")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # A lock of the operating system goes with its process, however that ends.
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _in_order(names: Sequence[str]) -> list[str]:
    return [name for name in KINDS if name in names]
