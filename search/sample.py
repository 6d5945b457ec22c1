"""The sample: a real dataset in miniature, made of the source code that is on this machine.

    OUT/stack-v3/part-00000.zstd.parquet    half of the repositories, in the layout of The Stack v3
    OUT/stack-v2/part-00000.zstd.parquet    the other half, in that of The Stack v2 with contents
    OUT/sample.json                         what is in it: shards, forks, vendored and edited copies

The same sources and size give the same bytes. At most one row group and one repository are held in memory.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from search.sample_edits import edit
from search.sample_plan import Origin, PlannedFile, PlannedRepository, plan
from search.sample_schemas import LAYOUTS, Blob, Row, SampleLayout
from search.sample_sources import SampleError, find_repositories

MEGABYTE = 1_000_000
SHARD_BYTES = 12 * MEGABYTE
SHARDS = 2
"""Of each layout at least, so that a build has something to do side by side."""
GROUP_BYTES = 8 * MEGABYTE
PAGE_VALUES = 16
"""Contents are long: with pyarrow's 1,024 to a page, a reader would have to hold megabytes to see one."""
SHORT = 0.9
"""A sample of less than this share of what was asked for is a short one."""

Progress = Callable[[int], None]
"""Told the bytes of text that were written since it was last told."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that is in the sample twice; `similarity` is that of the texts, 1.0 where they are the same."""

    source: Origin
    copy: Origin
    similarity: float


@dataclass(frozen=True, slots=True)
class Fork:
    """`whole` where no file was changed since."""

    repository: str
    forked_from: str
    whole: bool


@dataclass(frozen=True, slots=True)
class SampleShard:
    """`path` is seen from the sample's folder; `bytes` are of text."""

    path: str
    layout: str
    repositories: int
    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Sample:
    requested_bytes: int
    shards: tuple[SampleShard, ...]
    forks: tuple[Fork, ...]
    vendored: tuple[Copy, ...]
    edited: tuple[Copy, ...]

    @property
    def bytes(self) -> int:
        return sum(shard.bytes for shard in self.shards)

    @property
    def documents(self) -> int:
        return sum(shard.documents for shard in self.shards)

    @property
    def repositories(self) -> int:
        return sum(shard.repositories for shard in self.shards)

    @property
    def is_short(self) -> bool:
        return self.bytes < SHORT * self.requested_bytes


def make_sample(folders: Sequence[Path], out: Path, size: int, progress: Progress) -> Sample:
    """Write about `size` bytes of text to the folder `out`, in place of an earlier sample.

    Each folder in one of `folders` is a repository more. Raises SampleError.
    """
    try:
        repositories = plan(find_repositories(folders), size)
        _clear(out)
        shards, copies = _write(repositories, out, progress)
        sample = Sample(
            requested_bytes=size,
            shards=tuple(shards),
            forks=tuple(_fork(repository) for repository in repositories if repository.fork_of),
            vendored=tuple(copy for copy in copies if copy.similarity == 1),
            edited=tuple(copy for copy in copies if copy.similarity < 1),
        )
        (out / "sample.json").write_text(described(sample), encoding="utf-8")
    except OSError as error:
        # Half a sample is none: nothing of it is left behind.
        with suppress(OSError):
            _clear(out)
        raise SampleError(f"{error.filename or out}: {error.strerror or error}") from error
    return sample


def described(sample: Sample) -> str:
    """The sample as JSON."""
    layouts = {
        layout.name: {
            "shards": sum(shard.layout == layout.name for shard in sample.shards),
            "repositories": sum(s.repositories for s in sample.shards if s.layout == layout.name),
            "documents": sum(s.documents for s in sample.shards if s.layout == layout.name),
            "bytes": sum(s.bytes for s in sample.shards if s.layout == layout.name),
        }
        for layout in LAYOUTS
    }
    sums = {"bytes": sample.bytes, "documents": sample.documents, "repositories": sample.repositories}
    return json.dumps(sums | {"layouts": layouts} | asdict(sample), indent=1, ensure_ascii=False) + "\n"


def _fork(repository: PlannedRepository) -> Fork:
    whole = not any(file.edit.startswith(f"{repository.name}/") for file in repository.files)
    return Fork(repository.name, repository.fork_of, whole)


def _clear(out: Path) -> None:
    """Take away what an earlier run has made, and nothing else."""
    (out / "sample.json").unlink(missing_ok=True)
    for layout in LAYOUTS:
        for shard in (out / layout.name).glob("part-*.zstd.parquet"):
            shard.unlink()


# --- Which repository goes where --------------------------------------------------------------------


def _write(
    repositories: list[PlannedRepository], out: Path, progress: Progress
) -> tuple[list[SampleShard], list[Copy]]:
    shards: list[SampleShard] = []
    copies: list[Copy] = []
    for layout, half in zip(LAYOUTS, _halves(repositories), strict=True):
        (out / layout.name).mkdir(parents=True, exist_ok=True)
        for number, part in enumerate(_parts(half)):
            writer = ShardWriter(layout, out, f"{layout.name}/part-{number:05}.zstd.parquet", progress)
            shards.append(writer.write(part))
            copies += writer.copies
    return shards, copies


def _halves(repositories: list[PlannedRepository]) -> tuple[list[PlannedRepository], list[PlannedRepository]]:
    """Two halves of equal numbers and about equal sizes, each by name."""
    ordered = sorted(repositories, key=lambda repository: (-repository.size, repository.name))
    one = [repository for place, repository in enumerate(ordered) if place % 4 in {0, 3}]
    other = [repository for place, repository in enumerate(ordered) if place % 4 in {1, 2}]
    return sorted(one, key=lambda r: r.name), sorted(other, key=lambda r: r.name)


def _parts(repositories: list[PlannedRepository]) -> Iterator[list[PlannedRepository]]:
    """Runs of about SHARD_BYTES, but for a repository that is larger by itself; none is empty."""
    total = sum(repository.size for repository in repositories)
    target = total / max(SHARDS, round(total / SHARD_BYTES))
    part: list[PlannedRepository] = []
    held = 0
    for repository in repositories:
        if part and held + repository.size / 2 > target:
            yield part
            part, held = [], 0
        part.append(repository)
        held += repository.size
    if part:
        yield part


# --- Writing one shard ------------------------------------------------------------------------------


class ShardWriter:
    """Writes one shard, row group by row group, and remembers the copies that it holds."""

    def __init__(self, layout: SampleLayout, out: Path, path: str, progress: Progress) -> None:
        self.copies: list[Copy] = []
        self._layout = layout
        self._out = out
        self._path = path
        self._progress = progress
        self._documents = self._bytes = 0

    def write(self, repositories: list[PlannedRepository]) -> SampleShard:
        coded: Any = list(self._layout.coded)  # the stubs know of True and False only
        with pq.ParquetWriter(
            str(self._out / self._path),
            self._layout.schema,
            compression="zstd",
            use_dictionary=coded,
            write_batch_size=PAGE_VALUES,
            write_page_checksum=True,
        ) as file:
            for group in _groups(self._rows(repositories)):
                file.write_table(pa.Table.from_pylist(group, self._layout.schema))
        return SampleShard(self._path, self._layout.name, len(repositories), self._documents, self._bytes)

    def _rows(self, repositories: list[PlannedRepository]) -> Iterator[Row]:
        for repository in repositories:
            blobs = [blob for file in repository.files if (blob := self._blob(repository, file))]
            yield from self._layout.rows(repository, blobs)

    def _blob(self, repository: PlannedRepository, file: PlannedFile) -> Blob | None:
        """None where the file is no text, or cannot be worked on so that it stays similar."""
        content = file.source.place.read_bytes()
        if not is_text(content):
            return None
        similarity = 1.0
        if file.edit:
            changed = edit(content, file.edit)
            if changed is None:
                return None
            content, similarity = changed.content, changed.similarity
        if file.origin:
            self.copies.append(Copy(file.origin, Origin(repository.name, file.path), similarity))
        self._documents += 1
        self._bytes += len(content)
        self._progress(len(content))
        return Blob(file.path, content, file.licenses)


def is_text(content: bytes) -> bool:
    """Whether it is UTF-8 without NUL, and not nothing."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return bool(content) and b"\0" not in content


def _groups(rows: Iterator[Row]) -> Iterator[list[dict[str, object]]]:
    """Row groups of at most GROUP_BYTES of text, but for a row that has more by itself."""
    group: list[dict[str, object]] = []
    held = 0
    for row in rows:
        if group and held + row.size > GROUP_BYTES:
            yield group
            group, held = [], 0
        group.append(row.values)
        held += row.size
    if group:
        yield group
