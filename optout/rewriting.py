"""One shard filtered: copied as it is where nothing in it is covered, else written anew without what is. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from governance.spooling import held
from governance.storage import Location
from optout.column_map import ColumnMap
from optout.dropped import Line, LineWriter
from optout.listed_scopes import HEX, SWHID_DIGITS, SWHID_PREFIX
from optout.matcher import Matcher, Verdict, blob_digest
from optout.receipt import SHARDS, InputShard, OutputShard
from optout.shard_files import Files, Shard, ShardRefused, explained, opened
from optout.shard_output import ShardWriter, without

PIECE = 2**22
"""Bytes that are copied at a time."""


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A shard to be filtered into the folder `out`, under its relative name; `number` counts the shards.

    Where `sent_to` is given, what was written goes there, below it, and stays in the folder no longer.
    """

    place: Location
    name: str
    number: int
    out: Path
    sent_to: Location | None = None
    columns: ColumnMap | None = None

    @property
    def target(self) -> Path:
        return self.out / SHARDS / self.name

    @property
    def lines(self) -> Path:
        """What was dropped of this shard."""
        return self.out / f"dropped-{self.number:08}.parquet"


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """`by_exclusion` counts dropped documents by the exclusions' places on the list."""

    given: InputShard
    made: OutputShard
    by_exclusion: Mapping[int, int]


@dataclass(slots=True)
class Tally:
    rows: int = 0
    documents: int = 0
    unnamed: int = 0
    dropped_rows: int = 0
    dropped: int = 0
    by_exclusion: Counter[int] = field(default_factory=Counter)

    def count(self, files: Files) -> None:
        self.rows += files.rows
        self.documents += len(files)
        self.unnamed += _unnamed(files)


def filter_shard(task: ShardTask, matcher: Matcher) -> ShardOutcome:
    """Write the shard without what the list covers, and the lines of what was dropped.

    Raises ShardRefused where the shard cannot be read, and OSError or StorageError where the result cannot be written.
    """
    with ExitStack() as stack:
        with explained(task.place, "cannot be read"):
            before = _state(task.place)
            given = stack.enter_context(held(task.place))
        task.target.parent.mkdir(parents=True, exist_ok=True)
        with opened(given.place, task.columns) as shard:
            tally = Tally()
            first = _first_covered(shard, matcher, tally)
            if first is None:
                _copy(given.place, task.target)
            else:
                tally = Tally()
                _rewrite(shard, task, matcher, first, tally)
        with explained(task.place, "cannot be read"):
            if _state(task.place) != before:
                raise ShardRefused(f"{task.place}: was changed while it was read")
    made, made_size = _digest(task.target)
    if first is None and made != given.sha256:
        raise ShardRefused(f"{task.place}: was changed while it was read")
    _send(task)
    return ShardOutcome(
        InputShard(task.name, given.sha256, given.bytes, tally.rows, tally.documents, tally.unnamed),
        OutputShard(
            name=task.name,
            sha256=made,
            bytes=made_size,
            rows=tally.rows - tally.dropped_rows,
            documents=tally.documents - tally.dropped,
            dropped=tally.dropped,
            copied=first is None,
        ),
        tally.by_exclusion,
    )


def _first_covered(shard: Shard, matcher: Matcher, tally: Tally) -> int | None:
    """A row before which nothing is covered, while something is from there on; None where nothing is: all is counted.

    Texts are read only where names and declared identifiers tell nothing: to rewrite the shard they are read anyway.
    """
    if matcher.reads_texts and _scan(shard, matcher, Tally(), texts=False) is not None:
        return 0
    return _scan(shard, matcher, tally, texts=matcher.reads_texts)


def _scan(shard: Shard, matcher: Matcher, tally: Tally, *, texts: bool) -> int | None:
    """The first row of the first batch in which anything is covered."""
    for group in range(shard.file.num_row_groups):
        for batch in shard.batches(group, texts=texts):
            files = Files(batch, shard.columns)
            if matcher.judge(files, texts=texts):
                return tally.rows
            tally.count(files)
            del batch, files
    return None


def _copy(place: Location, target: Path) -> None:
    with explained(place, "cannot be read"):
        source = place.open_stream()
    with source, target.open("wb") as copy:
        while True:
            with explained(place, "cannot be read"):
                piece = source.read(PIECE)
            if not piece:
                return
            copy.write(piece)


def _send(task: ShardTask) -> None:
    """What was dropped stays: the lines of all shards become one file."""
    if task.sent_to is not None:
        task.sent_to.child(f"{SHARDS}/{task.name}").send(task.target)
        task.target.unlink()


def _rewrite(shard: Shard, task: ShardTask, matcher: Matcher, first: int, tally: Tally) -> None:
    """Write the rows anew; those before row `first` are known to hold nothing that is covered."""
    with LineWriter(task.lines) as lines, ShardWriter(task.target, shard.file) as writer:
        for group in range(shard.file.num_row_groups):
            for batch in shard.batches(group, texts=True, all_columns=True):
                files = Files(batch, shard.columns)
                verdict = Verdict()
                if tally.rows + files.rows > first:
                    verdict = matcher.judge(files)
                for line in _lines(task.name, files, verdict, matcher, tally):
                    lines.add(line)
                with explained(shard.place, "holds what cannot be written anew"):
                    kept = without(batch, shard.columns, verdict)
                tally.dropped_rows += files.rows - kept.num_rows
                tally.count(files)
                writer.add(kept)
                # A row may be of a gigabyte, and the next one is read now.
                del batch, files, kept
            writer.end_group()


def _lines(name: str, files: Files, verdict: Verdict, matcher: Matcher, tally: Tally) -> Iterator[Line]:
    """What is dropped of a batch that begins after the rows in `tally`; counts it."""
    if not verdict:
        return
    start = 0
    for row, length in enumerate(files.lengths):
        repository = files.repositories[row]
        if not length and row in verdict.rows:
            for exclusion, scope in sorted(verdict.rows[row].items()):
                yield Line(name, tally.rows + row, None, repository, None, None, matcher.ids[exclusion], scope)
        for index in range(start, start + length):
            covers = verdict.files.get(index, {})
            tally.dropped += bool(covers)
            tally.by_exclusion.update(covers.keys())
            for exclusion, scope in sorted(covers.items()):
                yield Line(
                    shard=name,
                    row=tally.rows + row,
                    file=index - start if files.nested else None,
                    repository=repository,
                    path=_path(files.paths[index]),
                    swhid=_swhid(files, index),
                    exclusion=matcher.ids[exclusion],
                    scope=scope,
                )
        start += length


def _path(path: str | None) -> str | None:
    return None if path is None else path.lstrip("/")


def _swhid(files: Files, index: int) -> str | None:
    declared = (files.content_ids[index] or "").lower()
    if len(declared) == SWHID_DIGITS and HEX.issuperset(declared):
        return f"{SWHID_PREFIX}{declared}"
    text = files.text(index)
    return None if text is None else f"{SWHID_PREFIX}{blob_digest(text)}"


def _unnamed(files: Files) -> int:
    """How many files have no repository or no path; what is no file needs none."""
    if not files.is_of_files:
        return 0
    start = count = 0
    for repository, length in zip(files.repositories, files.lengths, strict=True):
        paths = files.paths[start : start + length]
        count += sum(not repository or not (path or "").strip("/") for path in paths)
        start += length
    return count


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), stream.tell()


def _state(place: Location) -> tuple[int, int, int] | None:
    """Of a file of this machine, what changes with it; what is on a server is read once."""
    if place.local is None:
        return None
    stat = place.local.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino
