"""One shard in, one part of a build out: read, analyse, index, keep the fingerprints.

Pure, so that a worker process starts in a moment and needs no database. Nothing is kept of a shard that fails.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.storage import StorageError
from search import prints
from search.analysis.entries import Analyser
from search.analysis.fingerprints import PROFILES
from search.engines.base import Engine, EngineError
from search.fetching import Fetcher
from search.layouts import ColumnMap
from search.shards import UNLISTED, ShardError, as_registered, read_documents

REPEAT = "repeat"
"""Tally of rows that say again what the part holds already."""

DOCUMENTS = "documents"

NAMED = "known by name"
"""Tally of rows whose texts nobody has read, and that are documents all the same."""

SHARD_FAILURES = (ShardError, EngineError, StorageError)
"""What may go wrong with a shard."""

Progress = Callable[[int], None]
"""Told the bytes of text that were indexed since it was last told."""


@dataclass(frozen=True, slots=True)
class ShardTask:
    """All that a worker needs to know of one shard; `text_bytes` are those that it claims to hold.

    `portraits` is the URL below which fingerprints are kept until the build is sealed.
    """

    build: str
    number: int
    url: str
    digest: str
    text_bytes: int
    portraits: str
    profile: str
    max_bytes: int
    columns: Mapping[str, Any] = field(default_factory=dict)
    contents: str = ""
    """URL of the archive that is asked for the contents that a shard only points to; empty where none is."""


@dataclass(frozen=True, slots=True)
class ShardResult:
    tally: dict[str, int]
    text_bytes: int
    seconds: float


def index_shard(task: ShardTask, engine: Engine, progress: Progress) -> ShardResult:
    """Write the part and the fingerprints of one shard, from the beginning.

    Raises ShardError (the shard is damaged, or is not the one that was registered), EngineError or StorageError.
    What `progress` raises ends it as well.
    """
    started = time.monotonic()
    tally: Counter[str] = Counter()
    gathered = prints.Gathered()
    analyser = Analyser(PROFILES[task.profile])
    text_bytes = 0
    fetcher = Fetcher(task.contents, task.max_bytes) if task.contents else None
    with as_registered(task.url, task.digest) as shard, engine.part(task.build, task.number) as part:
        for document in read_documents(
            shard, max_bytes=task.max_bytes, tally=tally, columns=ColumnMap.of(task.columns), fetcher=fetcher
        ):
            analysed = analyser.analyse(document)
            added = part.add(analysed.entry)
            tally[DOCUMENTS if added else REPEAT] += 1
            tally[NAMED] += document.unread
            gathered.add(analysed.fingerprints)
            text_bytes += len(document.content) if added else 0
            progress(len(document.content))
    prints.save(task.portraits, task.build, task.number, gathered.distinct())
    # Where these are not told at all, an older version has read the shard, and listed nothing by name.
    return ShardResult({NAMED: 0, UNLISTED: 0} | tally, text_bytes, time.monotonic() - started)
