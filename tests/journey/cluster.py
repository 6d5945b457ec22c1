"""The other configuration of the story: PostgreSQL, Redis with workers, Elasticsearch, and shards on an S3 server.

The servers are those of `make stack`; what the story writes into them has names of its own and goes with it.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from pyarrow import fs

from stack.machine import Machine
from stack.redis import Redis
from stack.services import FOLDER
from tests.s3 import bucket_of_its_own

NEEDED = ("postgresql", "elasticsearch", "s3")
"""Redis is one of our own: all who share one take each other's messages."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the service is told of its servers, and the bucket that it shares with the pipeline."""

    environment: Mapping[str, str]
    bucket: str

    @property
    def storage(self) -> dict[str, str]:
        """What the pipeline is told: of the bucket, and of nothing else."""
        return {name: value for name, value in self.environment.items() if name.startswith("S3_")}

    def place(self, name: str) -> str:
        return f"s3://{self.bucket}/{name}"

    def holds(self, name: str) -> bool:
        return self._server().get_file_info(f"{self.bucket}/{name}").type == fs.FileType.File

    def send(self, folder: Path, name: str) -> str:
        """The shards below a folder, put into the bucket; returns where."""
        fs.copy_files(str(folder), f"{self.bucket}/{name}", destination_filesystem=self._server())
        return self.place(name)

    def bring(self, name: str, folder: Path) -> Path:
        """What is in the bucket below a name, put into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        fs.copy_files(f"{self.bucket}/{name}", str(folder), source_filesystem=self._server())
        return folder

    def _server(self) -> fs.FileSystem:
        return fs.S3FileSystem(
            endpoint_override=self.environment["S3_ENDPOINT"],
            access_key=self.environment["S3_ACCESS_KEY"],
            secret_key=Path(self.environment["S3_SECRET_KEY_FILE"]).read_text("utf-8").strip(),
            region=self.environment.get("S3_REGION", "us-east-1"),
        )


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Skips the test where the servers do not run, and fails it where CI should have started them."""
    machine = Machine(FOLDER)
    lacking = [name for name in NEEDED if name not in machine.running()]
    if lacking:
        reason = f"{', '.join(lacking)} must run: make stack"
        assert "CODESTEWARD_CI" not in os.environ, reason
        pytest.skip(reason)
    servers, name = machine.environment(), f"journey-{secrets.token_hex(6)}"
    with ExitStack() as after:
        # Not pytest's folder: the server runs as another user, who must be able to enter it.
        redis = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="codesteward-redis-")))
        redis.chmod(0o755)
        after.callback(Redis(redis).stop)
        environment = servers | {
            "DATABASE_URL": after.enter_context(_own_database(servers["DATABASE_URL"], name.replace("-", "_"))),
            "REDIS_URL": Redis(redis).start(),
            "ELASTICSEARCH_PREFIX": name,
        }
        made = Cluster(environment, after.enter_context(bucket_of_its_own()).removeprefix("s3://"))
        after.callback(_forget_indices, servers["ELASTICSEARCH_URL"], name)
        yield made


@contextmanager
def _own_database(url: str, name: str) -> Iterator[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _forget_indices(url: str, prefix: str) -> None:
    for index in httpx.get(f"{url}/{prefix}-*", timeout=60).raise_for_status().json():
        httpx.delete(f"{url}/{index}", timeout=60).raise_for_status()
