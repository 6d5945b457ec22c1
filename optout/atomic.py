"""A folder that is there whole or not at all.

It is written under another name beside its place and renamed when all of it is on the disk. A process that is
killed leaves the other name behind; whoever writes to the same place next takes it away.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK, DIGITS = ".partial-", 8
HEX = frozenset("0123456789abcdef")


@contextmanager
def passing_folder(parent: Path, name: str) -> Iterator[Path]:
    """A folder in `parent` for as long as the block lasts; what killed processes left of theirs is taken away."""
    folder = parent / name
    _clear_leftovers(folder)
    partial, lock = _begun(folder)
    # Other people's code passes through, in a place that everybody may look into.
    partial.chmod(0o700)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write to, which becomes `folder` unless an exception leaves the block.

    OSError where `folder` is there already, or where its parent is not; files only, folders in it included.
    """
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(f"{folder}: is there already")
    _clear_leftovers(folder)
    partial, lock = _begun(folder)
    try:
        yield partial
        _sync(partial)
        partial.rename(folder)
        _sync_entry(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _begun(folder: Path) -> tuple[Path, int]:
    partial = folder.with_name(f"{folder.name}{MARK}{secrets.token_hex(DIGITS // 2)}")
    partial.mkdir()
    return partial, _locked(partial)


def _clear_leftovers(folder: Path) -> None:
    """Take away what killed processes have left; what a living one holds is locked, other names are not ours."""
    for path in folder.parent.iterdir():
        name, _, digits = path.name.rpartition(MARK)
        if name == folder.name and len(digits) == DIGITS and HEX.issuperset(digits) and path.is_dir():
            with suppress(OSError):
                lock = _locked(path)
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _locked(folder: Path) -> int:
    """An open descriptor that holds the folder's lock as long as the process lives; OSError where another has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        _sync_entry(path)
    _sync_entry(folder)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
