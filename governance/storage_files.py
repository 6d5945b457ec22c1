"""Files of this machine as places of storage. Pure."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa

from governance.storage_base import Location, check_parts, explained
from governance.storage_errors import StorageError

PIECE = 2**22
"""Bytes that are copied at a time."""


@dataclass(frozen=True, slots=True)
class File(Location):
    path: Path
    """Absolute."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def local(self) -> Path:
        return self.path

    def child(self, name: str) -> Self:
        check_parts(self.url, name)
        return self._at(self.path / name)

    def name_below(self, folder: Location) -> str:
        return self.path.relative_to(folder.local or "/").as_posix()

    def contains(self, other: Location) -> bool:
        return other.local is not None and other.local.resolve().is_relative_to(self.path.resolve())

    def exists(self) -> bool:
        with explained(self.url):
            return self.path.is_file()

    def is_folder(self) -> bool:
        with explained(self.url):
            return self.path.is_dir()

    def size(self) -> int:
        if not self.exists():
            raise StorageError(self.url, "is not there, or is no file", is_missing=True)
        with explained(self.url):
            return self.path.stat().st_size

    def open_input(self) -> pa.NativeFile:
        with explained(self.url):
            return pa.OSFile(str(self.path), "rb")

    open_stream = open_input

    @contextmanager
    def write_atomically(self) -> Iterator[BinaryIO]:
        with explained(self.url):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with _draft(self.url, self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")) as draft:
            yield draft
            with explained(self.url):
                draft.flush()
                os.fsync(draft.fileno())
                Path(draft.name).replace(self.path)
                _sync_folder(self.path.parent)

    def send(self, source: Path) -> None:
        with self.write_atomically() as target, explained(self.url), source.open("rb") as stream:
            while piece := stream.read(PIECE):
                target.write(piece)

    def delete(self) -> None:
        with explained(self.url):
            self.path.unlink(missing_ok=True)

    def below(self, suffix: str = "") -> list[Self]:
        with explained(self.url):
            found = sorted(_files_below(self.path, suffix))
        return [self._at(path) for path in found]

    def _at(self, path: Path) -> Self:
        name = path.relative_to(self.path).as_posix()
        written = quote(name, errors="surrogateescape") if self.url.lower().startswith("file:") else name
        return replace(self, url=f"{self.url.rstrip('/')}/{written}", path=path)


def path_in(url: str) -> Path:
    parts = urlsplit(url)
    if not url[5:].startswith("///") or parts.query or parts.fragment or "\0" in unquote(url):
        raise StorageError(url, "must be file:/// and an absolute path, with %23 for # and %3F for ?")
    return Path(unquote(parts.path, errors="surrogateescape"))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _draft(url: str, path: Path) -> Iterator[BinaryIO]:
    with explained(url):
        file = path.open("xb")
    try:
        with file:
            yield file
    finally:
        path.unlink(missing_ok=True)


def _files_below(folder: Path, suffix: str) -> Iterator[Path]:
    """However deep. What cannot be looked at is an error: a shard that is left out in silence is a wrong answer."""
    if not folder.is_dir():
        return
    for place, folders, names in os.walk(folder, onerror=_raised):
        for link in (Path(place, name) for name in folders):
            if link.is_symlink():
                raise StorageError(str(link), "is a link to a folder: name that folder itself")
        for path in (Path(place, name) for name in names if name.endswith(suffix)):
            if path.is_symlink() and not path.exists():
                raise StorageError(str(path), "is a link to nothing")
            if path.is_file():
                yield path


def _raised(error: OSError) -> None:
    raise error
