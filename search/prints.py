"""Fingerprints of one shard on their way into the portrait: gathered while it is read, kept until the build is sealed.

A list is a file of distinct unsigned 64-bit numbers, the lowest byte first, in ascending order and nothing else,
below the URL where portraits are stored. It is there whole or not at all.
"""

import numpy as np
from numpy.typing import NDArray

from governance.storage import Location, location
from search.analysis.hashing import distinct

Keys = NDArray[np.uint64]

WRITTEN = np.dtype("<u8")


class Gathered:
    """The distinct fingerprints of a shard, gathered in bounded steps."""

    STEP = 4_000_000

    def __init__(self) -> None:
        self._distinct: Keys = np.empty(0, np.uint64)
        self._waiting: list[Keys] = []
        self._count = 0

    def add(self, hashes: Keys) -> None:
        if not hashes.size:
            return
        self._waiting.append(hashes)
        self._count += hashes.size
        if self._count > self.STEP:
            self._fold()

    def distinct(self) -> Keys:
        self._fold()
        return self._distinct

    def _fold(self) -> None:
        self._distinct = distinct(np.concatenate([self._distinct, *self._waiting]))
        self._waiting.clear()
        self._count = 0


def lists_of(folder: str, build: str) -> Location:
    """The folder of a build's lists, below the URL where portraits are stored."""
    return location(folder).child(f"{build}/fingerprints")


def save(folder: str, build: str, shard: int, keys: Keys) -> None:
    """Raises StorageError."""
    with _list(folder, build, shard).write_atomically() as file:
        file.write(np.ascontiguousarray(keys, WRITTEN).data)


def load(folder: str, build: str, shard: int) -> Keys:
    """Raises StorageError."""
    with _list(folder, build, shard).open_input() as file:
        return np.frombuffer(memoryview(file.read_buffer()), WRITTEN).astype(np.uint64, copy=False)


def _list(folder: str, build: str, shard: int) -> Location:
    return lists_of(folder, build).child(f"{shard:06d}.u64")
