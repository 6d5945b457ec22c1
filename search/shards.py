"""Shards: Parquet files of a release, read as a stream of documents in bounded memory.

What is held at once is a batch of a few rows (one, where a row is a repository), one page and its dictionary,
whatever the size of the row group. Writers end pages between rows, so a row of 1 GB is a page of 1 GB, and
reading it takes three to four times that: the page, the row made from it, and the row before. Pages are
otherwise as large as their writer made them: by default, pyarrow puts 1,024 values into one.

Small batches are also what lets some nested columns be read at all: of a row group with more than 2 GiB of
text, Arrow says "Nested data conversions not implemented for chunked array outputs" where it is read whole.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from governance.spooling import Held, held
from governance.storage import Location, StorageError, location, storage_failure
from search.columns import Place
from search.contents import UNREAD, RawFile, Skip, by_name, examine, is_pointer, place_of
from search.documents import Document
from search.fetching import Fetcher, with_contents
from search.fitting import Fit, LayoutError, detect
from search.layouts import ColumnMap

READING: dict[str, Any] = {
    "pre_buffer": False,
    "buffer_size": 2**18,
    "binary_type": pa.binary_view(),
    "list_type": pa.LargeListType,
    "arrow_extensions_enabled": False,
    "page_checksum_verification": True,
}
"""Read on demand in small pieces, and check what carries a checksum. Views, where the writer has not stored a
type of its own: they are built without growing and copying one buffer, and a row may hold more than 2 GiB."""
REMOTE: dict[str, Any] = {"buffer_size": 2**22}
"""Of what is read from a server, where every piece is a request."""
SIZES_ROWS = 64
"""Rows held at once where only the sizes of files are read."""
REASON_LENGTH = 300

UNLISTED = "without an identifier"
"""Tally of files whose texts nobody has read, and that declare no identifier: they are in no answer at all."""


class ShardError(Exception):
    """A shard that cannot be read; the message begins with its URL.

    Where not the shard but its server is at fault, StorageError is raised instead.
    """


Source = Location | Path | str
"""A shard, or its path or URL."""


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What a shard is and claims to hold, learned without reading its texts.

    `bytes` and `digest` (SHA-256, hexadecimal) are of the Parquet file. `documents` counts the files of all
    rows, usable or not. `text_bytes` is the sum of the sizes that the shard declares, or the uncompressed
    size of the texts' column where it declares none.
    """

    layout: str
    bytes: int
    digest: str
    rows: int
    documents: int
    text_bytes: int


@contextmanager
def as_registered(source: Source, digest: str) -> Iterator[Location]:
    """The shard, to be read until the block ends, where it is the file of that SHA-256; raises ShardError otherwise.

    One that is on a server is fetched once for both.
    """
    with _held(source) as shard:
        if shard.sha256 != digest:
            raise ShardError(f"{shard.place}: is not the file that was registered (its SHA-256 is {shard.sha256})")
        yield shard.place


def read_documents(
    source: Source,
    *,
    max_bytes: int,
    tally: Counter[str],
    columns: ColumnMap | None = None,
    fetcher: Fetcher | None = None,
) -> Iterator[Document]:
    """The documents of a shard in its order; what is no document, or has no text, is counted in `tally` by Skip.

    Beside it UNLISTED counts what nobody has read and no document is made of.

    `columns` says what is where in a shard that is of no layout, or of several. `fetcher` gets the contents that the
    shard only points to; those of which there is no text are documents by name alone.
    Raises ShardError before the first document where the file is no shard, and in mid-stream where it is
    damaged; then what came before is good.
    """
    with _opened(source, columns) as (place, file, found):
        files = _raw_files(place, file, found)
        for raw in with_contents(files, fetcher) if fetcher else files:
            document = examine(raw, max_bytes)
            if isinstance(document, Document):
                yield document
                continue
            tally[document.value] += 1
            yield from _by_name(raw, document, tally)


def _by_name(raw: RawFile, why: Skip, tally: Counter[str]) -> Iterator[Document]:
    if is_pointer(raw, why):
        if document := by_name(raw, why):
            yield document
        elif why in UNREAD:
            tally[UNLISTED] += 1


def read_unusable(source: Source, max_bytes: int, columns: ColumnMap | None = None) -> Iterator[RawFile]:
    """The files of a shard that no document with a text is made of, as they are; each is good until the next."""
    with _opened(source, columns) as (place, file, found):
        for raw in _raw_files(place, file, found):
            if isinstance(examine(raw, max_bytes), Skip):
                yield raw


def read_places(source: Source, columns: ColumnMap | None = None) -> Iterator[tuple[str, str, str]]:
    """Repository, path and declared SWHID of every file of a shard, usable or not; "" for what a row does not tell.

    Their texts are not read. Raises ShardError as `read_documents` does.
    """
    with _opened(source, columns) as (place, file, found):
        names = found.without_texts()
        for batch in _batches(place, file, names.places(), SIZES_ROWS):
            for raw in names.files_in(batch):
                yield place_of(raw)


def inspect_shard(source: Source, columns: ColumnMap | None = None) -> ShardFacts:
    """Reads the footer, one column of sizes, and the file once for its digest; raises ShardError."""
    with _held(source) as shard, _opened(shard.place, columns) as (place, file, found):
        rows = file.metadata.num_rows
        documents, text_bytes = _measure(place, file, found)
        return ShardFacts(found.layout.name, shard.bytes, shard.sha256, rows, documents, text_bytes)


def _raw_files(place: Location, file: pq.ParquetFile, found: Fit) -> Iterator[RawFile]:
    batches = _batches(place, file, found.places(), found.layout.batch_rows)
    # Unlike a loop variable, `map` keeps no batch alive while the next one is read.
    return chain.from_iterable(map(found.files_in, batches))


def _measure(place: Location, file: pq.ParquetFile, found: Fit) -> tuple[int, int]:
    """The number of files, and of bytes of text."""
    claims = found.place_of_claims()
    if claims is None:
        return file.metadata.num_rows, _uncompressed(file, found)
    documents = text_bytes = 0
    for batch in _batches(place, file, [claims], SIZES_ROWS):
        files, size = found.claims_in(batch)
        documents += files
        text_bytes += size
    return documents, text_bytes if found.size else _uncompressed(file, found)


def _uncompressed(file: pq.ParquetFile, found: Fit) -> int:
    place = found.place_of_text()
    content = _columns(file, [place] if place else [])
    groups = (file.metadata.row_group(index) for index in range(file.num_row_groups))
    chunks = (group.column(index) for group in groups for index in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in content)


def _place(source: Source) -> Location:
    return source if isinstance(source, Location) else location(source)


@contextmanager
def _held(source: Source) -> Iterator[Held]:
    place = _place(source)
    _check_there(place)
    with ExitStack() as stack:
        with _explained(place, "cannot be read"):
            shard = stack.enter_context(held(place))
        yield shard


def _check_there(place: Location) -> None:
    with _explained(place, "cannot be read"):
        if place.local is not None and not place.exists():
            raise ShardError(f"{place}: is not there, or is not a file")


@contextmanager
def _opened(source: Source, columns: ColumnMap | None) -> Iterator[tuple[Location, pq.ParquetFile, Fit]]:
    place = _place(source)
    _check_there(place)
    with _explained(place, "cannot be read"):
        stream = place.open_input()
    with stream:
        with _explained(place, "is not a readable Parquet file"):
            file = pq.ParquetFile(stream, **READING | ({} if place.local else REMOTE))
        with file:
            with _explained(place, "has a schema that cannot be read"):
                schema = file.schema_arrow
            try:
                found = detect(schema, columns)
            except LayoutError as error:
                raise ShardError(f"{place}: {error}") from error
            yield place, file, found


def _batches(place: Location, file: pq.ParquetFile, places: list[Place], rows: int) -> Iterator[pa.RecordBatch]:
    """All rows, at most `rows` at a time; raises ShardError where fewer come than the footer says."""
    with _explained(place, "has a schema that cannot be read"):
        columns = _columns(file, places)
    for group in range(file.num_row_groups):
        row = 0
        batches = file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False)
        while True:
            with _explained(place, f"is damaged in row group {group}, at row {row} of it"):
                batch = next(batches, None)
            if batch is None:
                break
            row += batch.num_rows
            yield batch
            del batch
        expected = file.metadata.row_group(group).num_rows
        if row != expected:
            raise ShardError(f"{place}: is damaged: row group {group} holds {row} rows instead of {expected}")


def _columns(file: pq.ParquetFile, places: list[Place]) -> list[str]:
    """The Parquet names of the columns at or below `places`.

    Parquet names the inside of lists, and every writer names it otherwise; but its columns and the leaves
    of the Arrow schema stand in the same order.
    """
    leaves = _leaves(pa.struct(list(file.schema_arrow)), ())
    wanted = [index for index, leaf in enumerate(leaves) if any(leaf[: len(p)] == p for p in places)]
    return [file.schema.column(index).path for index in wanted]


def _leaves(kind: pa.DataType, place: Place) -> Iterator[Place]:
    if isinstance(kind, pa.StructType):
        for index in range(kind.num_fields):
            field = kind.field(index)
            yield from _leaves(field.type, (*place, field.name))
    elif isinstance(kind, pa.MapType):
        yield from _leaves(kind.key_type, place)
        yield from _leaves(kind.item_type, place)
    elif kind.num_fields:
        yield from _leaves(kind.field(0).type, place)
    else:
        yield place


@contextmanager
def _explained(place: Location, problem: str) -> Iterator[None]:
    """Whatever Arrow or the system says of a damaged or missing file becomes a ShardError, or a StorageError."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, MemoryError, StorageError) as error:
        failure = storage_failure(error)
        if failure and (failure.temporary or place.local is None):
            raise StorageError(place.url, failure.reason, temporary=failure.temporary) from error
        reason = failure.reason if failure else " ".join(str(error).split())[:REASON_LENGTH]
        raise ShardError(f"{place}: {problem}: {reason}") from error
