"""One shard in, one part of a build out: read, analyse, index, keep the fingerprints.

Pure, so that a worker process starts in a moment and needs no database. Nothing is kept of a shard that fails.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from search.analysis.entries import Analyser
from search.analysis.fingerprints import PROFILES
from search.engines.base import Engine
from search.shards import ShardError, read_documents

REPEAT = "repeat"
"""Tally of rows that say again what the part holds already."""

DOCUMENTS = "documents"

Progress = Callable[[int], None]
"""Told the bytes of text that were indexed since it was last told."""


@dataclass(frozen=True, slots=True)
class ShardTask:
    """All that a worker needs to know of one shard; `text_bytes` are those that it claims to hold."""

    build: str
    number: int
    path: Path
    digest: str
    text_bytes: int
    folder: Path
    profile: str
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ShardResult:
    tally: dict[str, int]
    text_bytes: int
    seconds: float


def fingerprints_folder(folder: Path, build: str) -> Path:
    return folder / build / "fingerprints"


def fingerprints_file(folder: Path, build: str, shard: int) -> Path:
    return fingerprints_folder(folder, build) / f"{shard:06d}.npy"


def index_shard(task: ShardTask, engine: Engine, progress: Progress) -> ShardResult:
    """Write the part and the fingerprints of one shard, from the beginning.

    Raises ShardError (the shard is damaged, or is not the one that was registered) or EngineError.
    """
    started = time.monotonic()
    _check_digest(task)
    tally: Counter[str] = Counter()
    prints = _Fingerprints()
    analyser = Analyser(PROFILES[task.profile])
    text_bytes = 0
    with engine.part(task.build, task.number) as part:
        for document in read_documents(task.path, max_bytes=task.max_bytes, tally=tally):
            analysed = analyser.analyse(document)
            added = part.add(analysed.entry)
            tally[DOCUMENTS if added else REPEAT] += 1
            prints.add(analysed.fingerprints)
            text_bytes += len(document.content) if added else 0
            progress(len(document.content))
    prints.save(fingerprints_file(task.folder, task.build, task.number))
    return ShardResult(dict(tally), text_bytes, time.monotonic() - started)


def _check_digest(task: ShardTask) -> None:
    try:
        with task.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ShardError(f"{task.path}: cannot be read ({error.strerror})") from error
    if digest != task.digest:
        raise ShardError(f"{task.path}: is not the file that was registered (its SHA-256 is {digest})")


class _Fingerprints:
    """The distinct fingerprints of a shard, gathered in bounded steps."""

    STEP = 4_000_000

    def __init__(self) -> None:
        self._distinct: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._waiting: list[NDArray[np.uint64]] = []
        self._count = 0

    def add(self, hashes: NDArray[np.uint64]) -> None:
        self._waiting.append(hashes)
        self._count += hashes.size
        if self._count > self.STEP:
            self._fold()

    def _fold(self) -> None:
        self._distinct = np.unique(np.concatenate([self._distinct, *self._waiting]))
        self._waiting.clear()
        self._count = 0

    def save(self, path: Path) -> None:
        """Whole or not at all: a shard counts as done only with this file beside its part."""
        self._fold()
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        try:
            with draft.open("wb") as file:
                np.save(file, self._distinct)
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            raise ShardError(f"{path}: cannot be written ({error.strerror})") from error


def load_fingerprints(folder: Path, build: str, shard: int) -> NDArray[np.uint64]:
    return cast("NDArray[np.uint64]", np.load(fingerprints_file(folder, build, shard)))
