"""Portraits where they are stored, and as files of this machine, which can be memory-mapped.

Stored at a path, a portrait is where it is read. Stored on a server, each machine that answers fetches it once, the
first time that it is asked for, and believes it when every bit is as its header says. What it has fetched may be
deleted at any time, even while it is read: it is fetched again.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from governance.storage import Location, StorageError, location
from search.gaps import NONE, Gaps
from search.portrait import Portrait, PortraitError, PortraitHeader, PortraitWriter

KEPT = 16
"""Fetched portraits that are kept: more than a process has open at a time."""
BLOCK = 2**24
NAME = "portrait"


@dataclass(frozen=True, slots=True)
class Portraits:
    """The portraits below `url`; `fetched` is the folder of this machine for those that are on a server."""

    url: str
    fetched: Path

    def stored(self, build: str) -> Location:
        return location(self.url).child(f"{build}/{NAME}")

    def store(self, build: str, writer: PortraitWriter, *, release: str, gaps: Gaps = NONE) -> PortraitHeader:
        """Whole or not at all, in place of an earlier one; raises StorageError or PortraitError."""
        return store(writer, self.stored(build), release=release, gaps=gaps)

    def file(self, build: str, sealed_at: datetime | None) -> Path:
        """Where the portrait of the build that was sealed then can be read; raises StorageError or PortraitError.

        A build that is sealed again has another portrait by the same name, hence the time.
        """
        stored = self.stored(build)
        if stored.local is not None:
            return stored.local
        copy = self.fetched / f"{build}@{_stamp(sealed_at)}"
        if not copy.exists():
            with self._alone():
                if not copy.exists():
                    _fetch(stored, copy)
                    self._forget(copy, build)
        with suppress(OSError):
            os.utime(copy)
        return copy

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The processes of a machine fetch one portrait at a time, and each but once."""
        try:
            self.fetched.mkdir(parents=True, exist_ok=True)
            file = (self.fetched / ".lock").open("w")
        except OSError as error:
            raise PortraitError(f"{self.fetched} cannot be written: {error.strerror or error}") from error
        # A lock of the operating system goes with its process, however that ends.
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _forget(self, new: Path, build: str) -> None:
        """Earlier portraits of the build, those that nobody has asked for in a while, and drafts of who was killed."""
        latest_first = sorted(self.fetched.glob("*@*"), key=lambda path: -path.stat().st_mtime)
        earlier = {path for path in latest_first if path.name.rpartition("@")[0] == build}
        drafts = {path for path in latest_first if path.name.startswith(".")}
        for path in {*latest_first[KEPT:], *earlier, *drafts} - {new}:
            path.unlink(missing_ok=True)


def store(writer: PortraitWriter, target: Location, *, release: str, gaps: Gaps = NONE) -> PortraitHeader:
    """Put a portrait at `target`, whole or not at all; raises StorageError or PortraitError."""
    if target.local is None:
        with target.write_atomically() as file:
            return writer.write_into(file, release=release, gaps=gaps)
    try:
        target.local.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PortraitError(f"{target.local.parent} cannot be made: {error.strerror or error}") from error
    return writer.write(target.local, release=release, gaps=gaps)


def _fetch(stored: Location, copy: Path) -> None:
    draft = copy.with_name(f".{copy.name}.draft")
    try:
        with stored.open_stream() as stream, draft.open("wb") as file:
            while block := stream.read(BLOCK):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        try:
            Portrait.open(draft).verify()
        except PortraitError as error:
            raise PortraitError(f"{stored}: {error}") from error
        draft.replace(copy)
    except OSError as error:
        raise StorageError.of(stored.url, error) from error
    finally:
        draft.unlink(missing_ok=True)


def _stamp(sealed_at: datetime | None) -> str:
    return sealed_at.strftime("%Y%m%dT%H%M%S%f") if sealed_at else "unsealed"
