"""Where the filter's output goes: whole or not at all. Pure.

A folder of this machine is written beside its place and renamed. A server knows no renaming: what is below a prefix of
its own is whole when the receipt is there, which comes last. Until then a mark says that somebody is at it.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from governance.env_storage import spool_folder
from governance.storage import Location, StorageError, explained
from optout.atomic import passing_folder, whole_folder
from optout.receipt import DROPPED, ENVELOPE, RECEIPT

MARK = ".partial-"
IN_ORDER = (DROPPED, RECEIPT, ENVELOPE)
"""What comes after the shards. Nobody takes shards for filtered before he has the last of it."""


class OutputRefused(Exception):
    """Somewhere that cannot be written to; the message begins with its URL."""


@contextmanager
def whole_output(out: Location) -> Iterator[tuple[Path, Location | None]]:
    """The folder to write to, and where each shard is sent when it is done; None where all goes with the folder.

    Raises OutputRefused, OSError or StorageError, and then nothing is left of it that could be taken away.
    """
    if out.local is not None:
        with whole_folder(out.local) as partial:
            yield partial, None
        return
    with explained(out.url):
        parent = spool_folder()
    mark = _claimed(out)
    try:
        with passing_folder(parent, "codesteward-filter") as partial:
            yield partial, out
            for name in IN_ORDER:
                out.child(name).send(partial / name)
    except BaseException:
        _take_away(out)
        raise
    with suppress(StorageError):
        mark.delete()


def check_empty(out: Location) -> None:
    """Raises OutputRefused where anything is below a prefix; StorageError where nobody can say."""
    there = out.below()
    if out.exists() or any(file.name == ENVELOPE for file in there):
        raise OutputRefused(f"{out}: is there already")
    if any(file.name.startswith(MARK) for file in there):
        raise OutputRefused(
            f"{out}: another run is at it, or was killed; delete what is there, or choose another place"
        )
    if there:
        raise OutputRefused(f"{out}: is not empty: it holds {there[0].name}")


def _claimed(out: Location) -> Location:
    """The mark of this run. Of two that come at once, one at least sees the other."""
    check_empty(out)
    mark = out.child(f"{MARK}{secrets.token_hex(8)}")
    with mark.write_atomically() as file:
        file.write(b"The receipt is not there yet: what is here is not whole.\n")
    if [file.url for file in out.below()] != [mark.url]:
        mark.delete()
        raise OutputRefused(f"{out}: another run has begun to write there")
    return mark


def _take_away(out: Location) -> None:
    with suppress(StorageError):
        files = out.below()
        # What says that it is whole goes first, and what says that it is not goes last.
        for file in sorted(files, key=lambda file: (file.name.startswith(MARK), file.name != ENVELOPE)):
            with suppress(StorageError):
                file.delete()
