"""Contents that a shard only points to, from an archive laid out as Software Heritage's: gzip, named by its own SHA-1.

An object `<SHA-1 of the bytes>` below the archive's URL holds those bytes as gzip members, so that whoever fetches one
can tell whether it is the right one. Many are asked for at a time; they come in the order of the shard.
"""

import hashlib
import random
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from governance.env_storage import CONTENTS
from governance.storage import Location, StorageError, location
from search.contents import RawFile, Skip
from search.swhid import DIGITS, HEX

THREADS = 16
"""Requests at a time; most of the time of each is waiting."""
WAITING = 4 * THREADS
"""Files that are read ahead."""
WAITING_BYTES = 2**26
"""Of what has come and is not asked for yet, packed, about: what is under way comes on top."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds, at most, before something that may pass is tried again; each time a random part of them."""
UNLIKELY = 1000
"""So many contents that are not there, and not one that is, are the mark of a wrong URL."""
GZIP = 16 + zlib.MAX_WBITS
MOST_MEMBERS = 1000
"""Of gzip in one content: what is left is copied after each of them."""

Content = bytes | Skip
"""The bytes, or why they are not to be had."""
Packed = bytes | Skip
"""The same, as the archive holds it."""


@dataclass(slots=True)
class Fetcher:
    """Gets contents of at most `max_bytes` bytes; used by many threads. Raises StorageError for a wrong URL at once."""

    url: str
    max_bytes: int
    threads: int = THREADS
    pauses: tuple[float, ...] = PAUSES
    _archive: Location = field(init=False, repr=False)
    _stopped: threading.Event = field(init=False, repr=False, default_factory=threading.Event)
    _found: bool = field(init=False, repr=False, default=False)
    _missing: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        self._archive = location(self.url, CONTENTS)

    def stop(self) -> None:
        """Have those that wait to try again give up."""
        self._stopped.set()

    def fetch(self, blob_id: str) -> Packed:
        """What is stored of that SHA-1; raises StorageError where the archive does not answer, or refuses."""
        place = self._archive.child(blob_id)
        for pause in (*self.pauses, None):
            try:
                packed = place.read_small(self._most)
                break
            except StorageError as error:
                if error.is_missing:
                    return self._not_there()
                if not error.temporary or pause is None or self._stopped.wait(random.uniform(0, pause)):  # noqa: S311
                    raise
        self._found = True
        return Skip.TOO_LARGE if packed is None else packed

    @property
    def _most(self) -> int:
        """Bytes that a content which is small enough can take, packed."""
        return self.max_bytes + self.max_bytes // 1000 + 2**10

    def _not_there(self) -> Skip:
        self._missing += 1
        if self._missing >= UNLIKELY and not self._found:
            raise StorageError(
                self.url, f"of the first {self._missing:,} contents it holds none; is CONTENTS_URL right?"
            )
        return Skip.NOT_IN_ARCHIVE


def unpacked(packed: bytes, blob_id: str, max_bytes: int) -> Content:
    """The content in gzip members, where it is the one that is meant; unpacking ends after `max_bytes` bytes."""
    pieces, size, rest = [], 0, packed
    while rest:
        member = zlib.decompressobj(GZIP)
        try:
            piece = member.decompress(rest, max_bytes - size + 1)
        except zlib.error:
            return Skip.DAMAGED
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            return Skip.TOO_LARGE
        if not member.eof or len(pieces) > MOST_MEMBERS:
            return Skip.DAMAGED
        rest = member.unused_data
    content = b"".join(pieces)
    # Not to keep a secret: it is the name that the archive has given it.
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return content if pieces and digest == blob_id else Skip.DAMAGED


def with_contents(files: Iterator[RawFile], fetcher: Fetcher) -> Iterator[RawFile]:
    """The files in their order, those that point to a content with it, or with why it is not to be had.

    Holds WAITING files and about WAITING_BYTES of contents, and what is under way. Raises StorageError in mid-stream
    where the archive does not answer any more.
    """
    pool = ThreadPoolExecutor(fetcher.threads, thread_name_prefix="contents")
    try:
        yield from _in_order(files, fetcher, pool)
    finally:
        fetcher.stop()
        pool.shutdown(cancel_futures=True)


def _in_order(files: Iterator[RawFile], fetcher: Fetcher, pool: ThreadPoolExecutor) -> Iterator[RawFile]:
    waiting = _Waiting(fetcher, pool)
    for file in files:
        blob_id = _blob_id(file)
        if blob_id is None:
            # What it holds is good until the next file is asked for.
            yield from waiting.down_to(0)
            yield file
        else:
            waiting.add(file, blob_id)
            yield from waiting.down_to(WAITING, WAITING_BYTES)
    yield from waiting.down_to(0)


class _Waiting:
    """Files whose contents are under way or have come, in their order."""

    def __init__(self, fetcher: Fetcher, pool: ThreadPoolExecutor) -> None:
        self._fetcher = fetcher
        self._pool = pool
        self._files: deque[tuple[RawFile, str, Future[Packed]]] = deque()
        self._bytes = 0
        self._counting = threading.Lock()

    def add(self, file: RawFile, blob_id: str) -> None:
        self._files.append((file, blob_id, self._pool.submit(self._fetch, blob_id)))

    def down_to(self, files: int, size: int = WAITING_BYTES) -> Iterator[RawFile]:
        """The first files, until at most so many wait, and so many bytes have come."""
        while len(self._files) > files or (self._files and self._bytes > size):
            file, blob_id, coming = self._files.popleft()
            content = self._unpacked(coming.result(), blob_id)
            if isinstance(content, Skip):
                yield replace(file, missing=content)
            else:
                yield replace(file, content=memoryview(content))

    def _unpacked(self, packed: Packed, blob_id: str) -> Content:
        """Not by those who fetch: they would take the interpreter from who reads the texts, again and again."""
        if isinstance(packed, Skip):
            return packed
        self._count(-len(packed))
        return unpacked(packed, blob_id, self._fetcher.max_bytes)

    def _fetch(self, blob_id: str) -> Packed:
        packed = self._fetcher.fetch(blob_id)
        if isinstance(packed, bytes):
            self._count(len(packed))
        return packed

    def _count(self, size: int) -> None:
        with self._counting:
            self._bytes += size


def _blob_id(file: RawFile) -> str | None:
    """Of the content that the file points to; None where there is nothing to be fetched."""
    blob_id = (file.blob_id or "").lower()
    is_named = len(blob_id) == DIGITS and HEX.issuperset(blob_id)
    return blob_id if file.content is None and is_named else None
