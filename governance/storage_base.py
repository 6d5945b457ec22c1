"""What a place of storage is, whatever holds it. Pure."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import pyarrow as pa

from governance.env import SettingError
from governance.env_storage import spool_folder
from governance.storage_errors import StorageError


@dataclass(frozen=True, slots=True)
class Location(ABC):
    """A file, or a folder of files, that is there or not. `str()` is its URL, which never holds a secret.

    Every method raises StorageError. What is read from an open file raises OSError, which `storage_failure` explains.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    @abstractmethod
    def name(self) -> str:
        """Its last part."""

    @property
    @abstractmethod
    def local(self) -> Path | None:
        """Where it is on this machine; None for what is on a server."""

    @abstractmethod
    def child(self, name: str) -> Self:
        """The file or folder `name` below this one; its parts are separated by slashes."""

    @abstractmethod
    def name_below(self, folder: "Location") -> str:
        """What this file is called in `folder`, which contains it; its parts are separated by slashes."""

    @abstractmethod
    def contains(self, other: "Location") -> bool:
        """Whether `other` is this place, or is below it; links are followed."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether a file is there."""

    @abstractmethod
    def is_folder(self) -> bool:
        """Whether files are below it, or may be."""

    @abstractmethod
    def size(self) -> int:
        """Of the file that is there, in bytes."""

    @abstractmethod
    def open_input(self) -> pa.NativeFile:
        """The file, to be read anywhere. Of what is on a server, every read is a request: read large pieces."""

    @abstractmethod
    def open_stream(self) -> pa.NativeFile:
        """The file, to be read from its beginning; every read is a request as well."""

    @abstractmethod
    def write_atomically(self) -> AbstractContextManager[BinaryIO]:
        """A file to write to, which is there whole, in place of what was there, when the block ends; else not at all.

        Folders above it are made. What is for a server lies in SPOOL_DIR until it is whole.
        """

    @abstractmethod
    def send(self, source: Path) -> None:
        """Put the bytes of a file of this machine here, whole or not at all."""

    @abstractmethod
    def delete(self) -> None:
        """Take the file away; harmless where none is there."""

    @abstractmethod
    def below(self, suffix: str = "") -> list[Self]:
        """The files below this folder whose names end with `suffix`, however deep; none where it is not there.

        Sorted folder by folder. The URL of each begins with the one of this folder and a slash.
        """

    def read_bytes(self, most: int) -> bytes:
        """All of a small file; StorageError where it has more than `most` bytes."""
        content = self.read_small(most)
        if content is None:
            raise StorageError(self.url, f"has more than {most:,} bytes")
        return content

    def read_small(self, most: int) -> bytes | None:
        """All of a file, at one go; None where it has more than `most` bytes."""
        with explained(self.url), self.open_stream() as stream:
            content: bytes = stream.read(most + 1)
        return content if len(content) <= most else None


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Whatever Arrow, the system or a setting says becomes a StorageError."""
    try:
        yield
    except (OSError, pa.ArrowException, SettingError) as error:
        raise StorageError.of(url, error) from error


@contextmanager
def spooled(url: str) -> Iterator[BinaryIO]:
    """A file in SPOOL_DIR for what comes from `url` or goes there. It has no name, and goes with its process."""
    with ExitStack() as stack:
        with explained(url):
            file = stack.enter_context(tempfile.TemporaryFile(prefix="codesteward-", dir=spool_folder()))
        yield file


def path_of(file: BinaryIO) -> Path:
    """Where an open file without a name can be opened again."""
    return Path(f"/dev/fd/{file.fileno()}")


def check_parts(url: str, name: str) -> None:
    parts = name.split("/")
    if not all(parts) or not {".", ".."}.isdisjoint(parts):
        raise StorageError(url, f"{name!r} has an empty part, '.' or '..' between its slashes")
    if not name.isprintable():
        raise StorageError(url, f"{name!a} holds what cannot be printed")
