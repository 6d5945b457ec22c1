"""Files of a server at hand: fetched once, with the digest of what came, and read at the speed of a disk from then on.

A shard is read in many small pieces and more than once, and has to be the one that was registered. Asked for piece by
piece it would cost a request for each, and could be another one by the end; its digest would cost it a second time.
"""

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from governance.env_storage import spool_folder
from governance.storage import Location, StorageError, copy_of, explained, path_of, spooled

PIECE = 2**24
"""Bytes of one request: a server takes much longer to send them than to find them."""
RESERVE = 2**26
"""Bytes of the disk that are left to others."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file that is at hand, with the SHA-256 (hexadecimal) and the number of its bytes."""

    place: Location
    sha256: str
    bytes: int


@contextmanager
def held(place: Location) -> Iterator[Held]:
    """The file as it is now, until the block ends, whatever comes to stand in its place meanwhile.

    One of this machine is read where it is, any other from a copy in SPOOL_DIR. Raises StorageError where it cannot be
    read, or has no room.
    """
    with _read_here(place) if place.local else _fetched(place) as there:
        yield there


@contextmanager
def _read_here(place: Location) -> Iterator[Held]:
    with ExitStack() as stack:
        with explained(place.url):
            file = stack.enter_context(Path(str(place.local)).open("rb"))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield Held(copy_of(place, path_of(file)), digest, file.tell())


@contextmanager
def _fetched(place: Location) -> Iterator[Held]:
    with spooled(place.url) as file:
        digest, size = _fetch(place, file)
        yield Held(copy_of(place, path_of(file)), digest, size)


def _fetch(place: Location, target: BinaryIO) -> tuple[str, int]:
    """SHA-256 and size of what came; the next piece is asked for while the one before is taken in."""
    size = place.size()
    folder = spool_folder()
    if (free := shutil.disk_usage(folder).free) < size + RESERVE:
        raise StorageError(place.url, f"has {size:,} bytes, and {folder} (SPOOL_DIR) {free:,} left", temporary=True)
    digest, taken = hashlib.sha256(), 0
    with ThreadPoolExecutor(1) as ahead, explained(place.url), place.open_stream() as stream:
        coming = ahead.submit(stream.read, PIECE)
        while piece := coming.result():
            coming = ahead.submit(stream.read, PIECE)
            digest.update(piece)
            target.write(piece)
            taken += len(piece)
        target.flush()
    if taken != size:
        raise StorageError(place.url, f"{taken:,} of {size:,} bytes came", temporary=True)
    return digest.hexdigest(), taken
