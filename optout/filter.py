"""Take what an exclusion list covers out of shards: `python -m optout.filter --help`.

Needs pyarrow and cryptography and nothing else. The list's signature is verified first; the input is never touched;
the output is there whole, with a signed application receipt, or not at all.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import pyarrow as pa

from governance.signing import PublicKey, SignatureError, SigningKey
from governance.storage import Location, StorageError, location
from optout.clean_output import OutputRefused, check_empty, whole_output
from optout.column_map import ColumnMap, ColumnMapRefused, read_column_map
from optout.dropped import join_lines
from optout.exclusion_list import ExclusionList, ExclusionListError, open_list
from optout.filter_progress import Progress
from optout.list_tables import facts_of
from optout.matcher import Matcher
from optout.receipt import DROPPED, ENVELOPE, SHARDS, Dropped, Receipt, write_receipt
from optout.rewriting import ShardOutcome, ShardTask, filter_shard
from optout.shard_files import ShardRefused, opened

VERSION = "1"
TOOL = f"optout.filter {VERSION}"
DONE, REFUSED = 0, 2
MOST_KEY_BYTES = 2**16

DESCRIPTION = """\
Take what an exclusion list covers out of shards, and sign a receipt of what was done.

Reads Parquet shards of The Stack v1, v2 and v3, StarCoderData and their extras, and others by a column map. A shard in
which nothing is covered is copied byte for byte; any other is written anew with the same columns, order and
compression. The input is never changed."""
EPILOG = """\
example:
  python -m optout.filter --list list-000003 --trust codesteward.pub --in shards/ --out clean/ --key pipeline_key \\
      --release my-data-2026-11-clean

writes clean/shards/..., clean/dropped.parquet (each dropped file, and which exclusion covers it) and
clean/receipt.dsse.json, which is sent back to those who published the list.

exit status: 0 where OUT was written; 2 where anything was refused: then the reasons are on standard error, one a
line, and nothing was written."""


class Refused(Exception):
    """What was asked for is not done; each argument is a reason."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, on the command line or by another program."""

    list: Path
    trust: Path
    inputs: tuple[Path | str, ...]
    """Paths or URLs, as `out`."""
    out: Path | str
    key: Path
    release: str | None = None
    columns: Path | None = None
    """A column map, for shards of no known layout."""
    jobs: int = 1
    quiet: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    order = _order(arguments)
    try:
        receipt = apply_list(order)
    except Refused as error:
        print(*error.args, sep="\n", file=sys.stderr)
        return REFUSED
    if not order.quiet:
        print(_summary(order, receipt))
    return DONE


def apply_list(order: Order) -> Receipt:
    """Verify, filter, and sign; raises Refused, and then nothing was written."""
    trusted, key = _trusted(order.trust), _signing_key(order.key)
    try:
        exclusions = open_list(order.list, trusted, documents=False)
    except ExclusionListError as error:
        raise Refused(str(error)) from error
    out, shards = _out(order), find_shards(order.inputs)
    _check_text((*shards, order.release or ""))
    _check_out(out, order)
    columns = _column_map(order.columns)
    _check_shards(shards.values(), columns)
    try:
        with whole_output(out) as (partial, sent_to):
            (partial / SHARDS).mkdir()
            named = enumerate(sorted(shards.items()))
            tasks = [ShardTask(place, name, number, partial, sent_to, columns) for number, (name, place) in named]
            outcomes = _filtered(tasks, exclusions, order)
            join_lines([task.lines for task in tasks if task.lines.exists()], partial / DROPPED)
            receipt = _receipt(outcomes, exclusions, order.release, columns, facts_of(partial / DROPPED).sha256)
            write_receipt(partial, receipt, [key])
    except (ShardRefused, ExclusionListError, OutputRefused, StorageError) as error:
        raise Refused(str(error)) from error
    except MemoryError as error:
        raise Refused("there is not enough memory: try fewer --jobs") from error
    except (OSError, pa.ArrowException) as error:
        raise Refused(f"{order.out}: cannot be written: {error}") from error
    return receipt


# --- What is asked for ------------------------------------------------------------------------------


def find_shards(inputs: Sequence[Path | str]) -> dict[str, Location]:
    """The shards that `inputs` name, by their relative names: files, or folders with every .parquet file below them.

    Raises Refused where there is none, or where two have one relative name.
    """
    found: dict[str, Location] = {}
    problems = []
    for given in inputs:
        try:
            shards = _shards_of(location(given))
        except StorageError as error:
            problems.append(str(error))
            continue
        if not shards:
            problems.append(f"{given}: holds no .parquet file")
        for name, place in shards:
            if name in found:
                problems.append(f"{place}: has the relative name {name}, as {found[name]} has")
            found[name] = place
    if problems:
        raise Refused(*problems)
    return found


def _shards_of(place: Location) -> list[tuple[str, Location]]:
    if not place.is_folder():
        return [(place.name, place)]
    return [(shard.name_below(place), shard) for shard in place.below(".parquet")]


def _check_text(names: Iterable[str]) -> None:
    """A receipt is UTF-8; names of files may be anything."""
    for name in names:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise Refused(f"{name!a}: is no UTF-8, so that no receipt could name it") from None


def _out(order: Order) -> Location:
    try:
        return location(order.out)
    except StorageError as error:
        raise Refused(str(error)) from error


def _check_out(out: Location, order: Order) -> None:
    for place in map(location, (*order.inputs, order.list)):
        if place.contains(out):
            raise Refused(f"{out}: is inside {place}, which must not be changed")
        if out.contains(place):
            raise Refused(f"{out}: holds {place}, which must not be changed")
    if out.local is None:
        try:
            check_empty(out)
        except (OutputRefused, StorageError) as error:
            raise Refused(str(error)) from error
    elif os.path.lexists(out.local):
        raise Refused(f"{out}: is there already")
    elif not out.local.parent.is_dir():
        raise Refused(f"{out}: cannot be written: there is no folder {out.local.parent}")


def _column_map(path: Path | None) -> ColumnMap | None:
    try:
        return read_column_map(path) if path else None
    except ColumnMapRefused as error:
        raise Refused(str(error)) from error


def _check_shards(places: Iterable[Location], columns: ColumnMap | None) -> None:
    """Reads what each shard says of itself; raises Refused with all that is wrong."""
    problems = []
    for place in places:
        try:
            with opened(place, columns):
                pass
        except ShardRefused as error:
            problems.append(str(error))
    if problems:
        raise Refused(*problems)


def _trusted(path: Path) -> list[PublicKey]:
    """The public keys in a file, one a line; lines that begin with # are comments."""
    lines = [line for line in _key_file(path).decode("utf-8", "replace").splitlines() if line.strip()]
    try:
        keys = [PublicKey.from_openssh(line) for line in lines if not line.lstrip().startswith("#")]
    except SignatureError as error:
        raise Refused(f"{path}: {error}") from error
    if not keys:
        raise Refused(f"{path}: holds no public key")
    return keys


def _signing_key(path: Path) -> SigningKey:
    try:
        return SigningKey.from_openssh(_key_file(path))
    except SignatureError as error:
        raise Refused(f"{path}: {error}") from error


def _key_file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_KEY_BYTES)
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror or error}") from error


# --- Doing it ---------------------------------------------------------------------------------------


def _filtered(tasks: Sequence[ShardTask], exclusions: ExclusionList, order: Order) -> list[ShardOutcome]:
    """What became of each shard, in their order."""
    progress = Progress(len(tasks), quiet=order.quiet)
    jobs = min(order.jobs, len(tasks))
    if jobs == 1:
        matcher = Matcher.of_list(exclusions)
        outcomes = [progress.told(filter_shard(task, matcher)) for task in tasks]
    else:
        outcomes = _filtered_by_workers(tasks, exclusions, jobs, progress.told)
    progress.end()
    return sorted(outcomes, key=lambda outcome: outcome.given.name)


def _filtered_by_workers(
    tasks: Sequence[ShardTask], exclusions: ExclusionList, jobs: int, told: Callable[[ShardOutcome], ShardOutcome]
) -> list[ShardOutcome]:
    """In any order."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _begin, (os.getpid(), exclusions)) as pool:
        try:
            futures = [pool.submit(_filter_in_worker, task) for task in tasks]
            return [told(future.result()) for future in as_completed(futures)]
        except BaseException as error:
            # They must have ended before what they write is taken away; and a pool that broke while it still started
            # its workers would wait for those it has not heard of.
            for worker in multiprocessing.active_children():
                worker.terminate()
            if isinstance(error, BrokenProcessPool):
                raise ShardRefused("a worker died (killed, or out of memory): try fewer --jobs") from error
            raise


_matcher: Matcher | None = None


def _begin(parent: int, exclusions: ExclusionList) -> None:
    """A worker holds the list once, and ends with its parent, even where that was killed."""
    global _matcher  # noqa: PLW0603  (handed to the process at its start)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _matcher = Matcher.of_list(exclusions)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _filter_in_worker(task: ShardTask) -> ShardOutcome:
    assert _matcher is not None, "the worker was not begun"  # noqa: S101
    return filter_shard(task, _matcher)


def _receipt(
    outcomes: Sequence[ShardOutcome],
    exclusions: ExclusionList,
    release: str | None,
    columns: ColumnMap | None,
    dropped: str,
) -> Receipt:
    by_place: Counter[int] = Counter()
    for outcome in outcomes:
        by_place.update(outcome.by_exclusion)
    ids = enumerate(identifier for identifier, _, _ in exclusions.scopes())
    return Receipt(
        list=exclusions.manifest.number,
        manifest=exclusions.manifest.sha256,
        release=release,
        tool=TOOL,
        inputs=tuple(outcome.given for outcome in outcomes),
        outputs=tuple(outcome.made for outcome in outcomes),
        dropped=Dropped(
            documents=sum(outcome.made.dropped for outcome in outcomes),
            by_exclusion={identifier: by_place[place] for place, identifier in ids if place in by_place},
            sha256=dropped,
        ),
        columns=columns.stored if columns else None,
    )


# --- Telling ----------------------------------------------------------------------------------------


def _summary(order: Order, receipt: Receipt) -> str:
    copied = sum(shard.copied for shard in receipt.outputs)
    documents = sum(shard.documents for shard in receipt.inputs)
    unnamed = sum(shard.unnamed for shard in receipt.inputs)
    return (
        f"{order.out}: list {receipt.list} is applied to {len(receipt.inputs):,} shards, of which {copied:,} were "
        f"copied as they are.\nDropped {receipt.dropped.documents:,} of {documents:,} documents, for "
        f"{len(receipt.dropped.by_exclusion):,} exclusions. Without a repository or a path: {unnamed:,} documents.\n"
        f"The receipt to send back: {location(order.out).child(ENVELOPE)}"
    )


def _order(arguments: Sequence[str] | None) -> Order:
    parser = argparse.ArgumentParser(
        prog="python -m optout.filter",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--list", type=Path, required=True, metavar="DIR", help="the exclusion list")
    add("--trust", type=Path, required=True, metavar="FILE", help="public key of who published it (OpenSSH, Ed25519)")
    shards = "shards, or folders of them, as paths or s3://bucket/key; may be given again"
    add("--in", required=True, nargs="+", action="extend", dest="inputs", metavar="URL", help=shards)
    add("--out", required=True, metavar="URL", help="where to write, a path or s3://bucket/key; must not be there yet")
    add("--key", type=Path, required=True, metavar="FILE", help="your private key, which signs the receipt")
    add("--columns", type=Path, metavar="FILE", help="a column map (JSON), for shards of no known layout")
    add("--release", metavar="NAME", help="what the filtered release is to be called, for the receipt")
    add("--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N", help="shards at a time (default: %(default)s)")
    add("--quiet", action="store_true", help="say nothing unless something is refused")
    given = vars(parser.parse_args(arguments))
    return Order(**given | {"inputs": tuple(given["inputs"])})


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a number of processes, at least 1")
    return int(text)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        # Names of files may be no text.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(128 + signal.SIGINT)
