"""dropped.parquet: one line for each file that was dropped and each exclusion that covers it. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("shard", pa.string()),
    ("row", pa.int64()),
    ("file", pa.int64()),
    ("repository", pa.string()),
    ("path", pa.string()),
    ("swhid", pa.string()),
    ("exclusion", pa.string()),
    ("scope", pa.string()),
]
SCHEMA = pa.schema(_COLUMNS)
LINES = 2**14
"""Lines held at once, and in a row group."""


@dataclass(frozen=True, slots=True)
class Line:
    """`row` counts from 0 through the shard, `file` from 0 through the row's files.

    `file` is None where the row is the file, and where a row of a covered repository had none. `scope` is the scope or
    the name of the exclusion that covers the file; `path` has no leading slash; `swhid` is what the shard declares,
    else what its text has.
    """

    shard: str
    row: int
    file: int | None
    repository: str | None
    path: str | None
    swhid: str | None
    exclusion: str
    scope: str


class LineWriter:
    """Writes lines in the order given; close it by leaving its `with`."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(str(path), SCHEMA, compression="zstd")
        self._held: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._write()
        finally:
            self._writer.close()

    def add(self, line: Line) -> None:
        self._held.append(asdict(line))
        if len(self._held) == LINES:
            self._write()

    def _write(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_pylist(self._held, SCHEMA))
            self._held = []


def join_lines(parts: Sequence[Path], path: Path) -> None:
    """The lines of all parts, one part after the other, as one file; the parts are taken away."""
    with pq.ParquetWriter(str(path), SCHEMA, compression="zstd") as writer:
        for part in parts:
            with pq.ParquetFile(str(part)) as file:
                for batch in file.iter_batches(LINES):
                    writer.write_batch(batch)
            part.unlink()
