"""Shards: Parquet files of a release, read as a stream of documents in bounded memory.

What is held at once is a batch of a few rows (one, where a row is a repository), one page and its dictionary,
whatever the size of the row group. Writers end pages between rows, so a row of 1 GB is a page of 1 GB, and
reading it takes three to four times that: the page, the row made from it, and the row before. Pages are
otherwise as large as their writer made them: by default, pyarrow puts 1,024 values into one.

Small batches are also what lets some nested columns be read at all: of a row group with more than 2 GiB of
text, Arrow says "Nested data conversions not implemented for chunked array outputs" where it is read whole.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from search.contents import RawFile, Skip, examine, place_of
from search.documents import Document
from search.layouts import LAYOUTS, Fit, Place, fit

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
SIZES_ROWS = 64
"""Rows held at once where only the sizes of files are read."""
REASON_LENGTH = 300


class ShardError(Exception):
    """A shard that cannot be read; the message begins with its path."""


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


def read_documents(path: Path, *, max_bytes: int, tally: Counter[str]) -> Iterator[Document]:
    """The documents of a shard in its order; what is no document is counted in `tally` by Skip.

    Raises ShardError before the first document where the file is no shard, and in mid-stream where it is
    damaged; then what came before is good.
    """
    with _opened(path) as (file, found):
        for raw in _raw_files(path, file, found):
            document = examine(raw, max_bytes)
            if isinstance(document, Skip):
                tally[document.value] += 1
            else:
                yield document


def read_unusable(path: Path, max_bytes: int) -> Iterator[RawFile]:
    """The files of a shard that no document is made of, as they are; each is good until the next one is asked for."""
    with _opened(path) as (file, found):
        for raw in _raw_files(path, file, found):
            if isinstance(examine(raw, max_bytes), Skip):
                yield raw


def read_places(path: Path) -> Iterator[tuple[str, str, str]]:
    """Repository, path and declared SWHID of every file of a shard, usable or not; "" for what a row does not tell.

    Their texts are not read. Raises ShardError as `read_documents` does.
    """
    with _opened(path) as (file, found):
        names = found.without("content")
        for batch in _batches(path, file, names.places(), SIZES_ROWS):
            for raw in names.files_in(batch):
                yield place_of(raw)


def inspect_shard(path: Path) -> ShardFacts:
    """Reads the footer, one column of sizes, and the file once for its digest; raises ShardError."""
    with _opened(path) as (file, found):
        rows = file.metadata.num_rows
        documents, text_bytes = _measure(path, file, found)
    with _explained(path, "cannot be read"), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = stream.tell()
    return ShardFacts(found.layout.name, size, digest, rows, documents, text_bytes)


def _raw_files(path: Path, file: pq.ParquetFile, found: Fit) -> Iterator[RawFile]:
    batches = _batches(path, file, found.places(), found.layout.batch_rows)
    # Unlike a loop variable, `map` keeps no batch alive while the next one is read.
    return chain.from_iterable(map(found.files_in, batches))


def _measure(path: Path, file: pq.ParquetFile, found: Fit) -> tuple[int, int]:
    """The number of files, and of bytes of text."""
    place = found.below_file(found.size or found.of_file["path"])
    documents = text_bytes = 0
    for batch in _batches(path, file, [place], SIZES_ROWS):
        files, size = found.claims_in(batch)
        documents += files
        text_bytes += size
    return documents, text_bytes if found.size else _uncompressed(file, found)


def _uncompressed(file: pq.ParquetFile, found: Fit) -> int:
    content = _columns(file, [found.below_file(found.of_file["content"])])
    groups = (file.metadata.row_group(index) for index in range(file.num_row_groups))
    chunks = (group.column(index) for group in groups for index in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in content)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[pq.ParquetFile, Fit]]:
    with _explained(path, "cannot be read"):
        there = path.is_file()
    if not there:
        raise ShardError(f"{path}: is not there, or is not a file")
    with _explained(path, "is not a readable Parquet file"):
        file = pq.ParquetFile(str(path), **READING)
    with file:
        with _explained(path, "has a schema that cannot be read"):
            schema = file.schema_arrow
        yield file, _detected(path, schema)


def _detected(path: Path, schema: pa.Schema) -> Fit:
    problems = []
    for layout in LAYOUTS:
        found = fit(layout, schema)
        if isinstance(found, Fit):
            return found
        problems.append(f"{layout.name} needs {', '.join(found)}")
    raise ShardError(f"{path}: is of no known layout: {'; '.join(problems)}")


def _batches(path: Path, file: pq.ParquetFile, places: list[Place], rows: int) -> Iterator[pa.RecordBatch]:
    """All rows, at most `rows` at a time; raises ShardError where fewer come than the footer says."""
    with _explained(path, "has a schema that cannot be read"):
        columns = _columns(file, places)
    for group in range(file.num_row_groups):
        row = 0
        batches = file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False)
        while True:
            with _explained(path, f"is damaged in row group {group}, at row {row} of it"):
                batch = next(batches, None)
            if batch is None:
                break
            row += batch.num_rows
            yield batch
            del batch
        expected = file.metadata.row_group(group).num_rows
        if row != expected:
            raise ShardError(f"{path}: is damaged: row group {group} holds {row} rows instead of {expected}")


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
def _explained(path: Path, problem: str) -> Iterator[None]:
    """Whatever Arrow or the system says of a damaged or missing file becomes a ShardError."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split())[:REASON_LENGTH]
        raise ShardError(f"{path}: {problem}: {reason}") from error
