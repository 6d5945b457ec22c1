"""Objects of a server that speaks the protocol of S3, through Arrow: the only home of `pyarrow.fs`. Pure.

Requests that fail in a way that may pass are tried again for about a quarter of a minute. An object is put there from
a file that is whole, in one call: Arrow cannot give a write up, and what an exception leaves of one is put there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Self

import pyarrow as pa
from pyarrow import fs

from governance.env_storage import S3Server, s3_server
from governance.storage_base import Location, check_parts, explained, path_of, spooled
from governance.storage_errors import HIDDEN_OR_MISSING, StorageError

ATTEMPTS = 6
"""Of one request. The waits between them double, with jitter: about 15 seconds in all."""
CONNECT_SECONDS = 5.0
CONNECTIONS = 64
"""At a time, of a process; Arrow opens no more than it has threads for input and output."""
LEAST_BUCKET_LETTERS, MOST_BUCKET_LETTERS = 3, 63


@dataclass(frozen=True, slots=True)
class S3Object(Location):
    path: str
    """The bucket, a slash, the key."""
    variables: str
    server: S3Server = field(repr=False, compare=False)
    filesystem: fs.FileSystem = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[object, ...]:
        # Another process has connections of its own, and reads the keys where this one did.
        return s3_object, (self.url, self.variables)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def local(self) -> None:
        return None

    def child(self, name: str) -> Self:
        check_parts(self.url, name)
        return self._at(f"{self.path}/{name}")

    def name_below(self, folder: Location) -> str:
        return self.url.removeprefix(f"{folder.url.rstrip('/')}/")

    def contains(self, other: Location) -> bool:
        return isinstance(other, S3Object) and f"{other.path}/".startswith(f"{self.path}/")

    def exists(self) -> bool:
        return self._info().type == fs.FileType.File

    def is_folder(self) -> bool:
        return self._info().type == fs.FileType.Directory

    def size(self) -> int:
        info = self._info()
        if info.type != fs.FileType.File:
            folder = info.type == fs.FileType.Directory
            reason = "is a folder, and no object" if folder else HIDDEN_OR_MISSING
            raise StorageError(self.url, reason, is_missing=True)
        return int(info.size)

    def open_input(self) -> pa.NativeFile:
        with explained(self.url):
            return self.filesystem.open_input_file(self.path)

    def open_stream(self) -> pa.NativeFile:
        with explained(self.url):
            return self.filesystem.open_input_stream(self.path, compression=None)

    def read_small(self, most: int) -> bytes | None:
        # Loaded where it is wanted: the filter does without.
        objects = import_module("governance.storage_objects")
        content: bytes | None = objects.read(
            self.url, self.server, self.path, most, attempts=ATTEMPTS, connect_seconds=CONNECT_SECONDS
        )
        return content

    @contextmanager
    def write_atomically(self) -> Iterator[BinaryIO]:
        with spooled(self.url) as draft:
            yield draft
            with explained(self.url):
                draft.flush()
            self.send(path_of(draft))

    def send(self, source: Path) -> None:
        with explained(self.url):
            size = source.stat().st_size
            with self.filesystem.open_output_stream(self.path, compression=None) as stream:
                if size:
                    stream.write(pa.memory_map(str(source)).read_buffer())
        if (stored := self.size()) != size:
            raise StorageError(self.url, f"has {stored:,} bytes, and {size:,} were sent", temporary=True)

    def delete(self) -> None:
        with explained(self.url), suppress(FileNotFoundError):
            self.filesystem.delete_file(self.path)

    def below(self, suffix: str = "") -> list[Self]:
        with explained(self.url):
            infos = self.filesystem.get_file_info(fs.FileSelector(self.path, recursive=True, allow_not_found=True))
        files = (info.path for info in infos if info.type == fs.FileType.File and info.path.endswith(suffix))
        paths = sorted(files, key=lambda path: path.split("/"))
        for path in paths:
            check_parts(self.url, path)
        return [self._at(path) for path in paths]

    def _at(self, path: str) -> Self:
        return replace(self, url=f"{self.url.rstrip('/')}{path.removeprefix(self.path)}", path=path)

    def _info(self) -> fs.FileInfo:
        with explained(self.url):
            return self.filesystem.get_file_info(self.path)


def s3_object(url: str, variables: str) -> S3Object:
    """What a URL that begins with `s3:` names; raises StorageError where it names nothing that can be."""
    rest = url[len("s3:") :]
    bucket, _, key = rest.removeprefix("//").partition("/")
    if "@" in bucket or ":" in bucket or (not rest.startswith("//") and set(rest) & set("@:")):
        # Whoever writes a key into a URL must not find it in a log.
        raise StorageError("s3://...", "holds a name or a password; keys belong in S3_ACCESS_KEY and S3_SECRET_KEY")
    plain = all(letter.isascii() and (letter.islower() or letter.isdigit() or letter in "-._") for letter in bucket)
    if not rest.startswith("//") or not plain or not LEAST_BUCKET_LETTERS <= len(bucket) <= MOST_BUCKET_LETTERS:
        raise StorageError(url, "must be s3://, the name of a bucket, a slash and a key")
    key = key.removesuffix("/")
    if key:
        check_parts(url, key)
    server = _server(variables)
    return S3Object(url, f"{bucket}/{key}" if key else bucket, variables, server, _connected(server, os.getpid()))


def _server(variables: str) -> S3Server:
    with explained("s3://"):
        server = s3_server(variables)
    if not server.is_set:
        keys = f"{variables}_ACCESS_KEY and {variables}_SECRET_KEY, or {variables}_ANONYMOUS for what is public"
        raise StorageError("s3://", f"nobody can be asked: set {keys}")
    return server


@lru_cache(maxsize=8)
def _connected(server: S3Server, process: int) -> fs.FileSystem:
    """One for each process, since a fork needs connections of its own."""
    pa.set_io_thread_count(max(pa.io_thread_count(), CONNECTIONS))
    options: dict[str, Any] = {  # the stubs know some of them only
        "access_key": server.access_key or None,
        "secret_key": server.secret_key or None,
        "anonymous": server.anonymous,
        "region": server.region,
        "endpoint_override": server.endpoint or None,
        "tls_ca_file_path": server.ca or None,
        "connect_timeout": CONNECT_SECONDS,
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        # Small objects are put in one request instead of three.
        "allow_delayed_open": True,
    }
    return fs.S3FileSystem(**options)
