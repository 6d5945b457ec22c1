"""Which files a path on the command line means, and which are left out and why."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from search.checking import AskedFile

STDIN = "-"


class PathError(Exception):
    """A path that cannot be read; the message names it."""


def find_files(paths: Iterable[str]) -> list[Path]:
    """The files that the paths name: files themselves, folders with everything below.

    In a git checkout what .gitignore excludes is left out, unless it is named itself; repositories inside are read as
    checkouts of their own. .git is never read.
    """
    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            found += _inside(path)
        elif path.exists() or path.is_symlink():
            found.append(path)
        else:
            raise PathError(f"{name}: there is no such file or folder")
    return list(dict.fromkeys(found))


def read_files(paths: Iterable[Path], *, most: int, left_out: Counter[str]) -> Iterator[AskedFile]:
    """The files that can be checked; the others are counted by reason."""
    for path in paths:
        reason = _not_a_file(path)
        if reason:
            left_out[reason] += 1
            continue
        try:
            content = path.read_bytes() if path.stat().st_size <= most else None
        except OSError as error:
            raise PathError(f"{shown(path)}: {error.strerror}") from error
        if content is None:
            left_out[f"over {most:,} bytes"] += 1
        elif b"\0" in content:
            left_out["binary"] += 1
        elif not content.strip():
            left_out["empty"] += 1
        else:
            yield AskedFile(shown(path), content)


def shown(path: Path) -> str:
    """The path as text: bytes of its name that are no UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _not_a_file(path: Path) -> str:
    if path.is_symlink():
        return "symbolic link"
    return "" if path.is_file() else "no regular file"


def _inside(folder: Path) -> list[Path]:
    if not _is_checkout(folder) or _is_ignored(folder):
        return _below(folder)
    found: list[Path] = []
    for name in _listed(folder):
        path = folder / name
        # A repository inside is one entry, a folder; so is a submodule.
        found += _inside(path) if path.is_dir() and not path.is_symlink() else [path]
    return [path for path in found if path.exists() or path.is_symlink()]


def _is_checkout(folder: Path) -> bool:
    return any((above / ".git").exists() for above in (folder.absolute(), *folder.absolute().parents))


def _is_ignored(folder: Path) -> bool:
    if (folder / ".git").exists():
        return False
    return _git(folder, "check-ignore", "--quiet", ".").returncode == 0


def _listed(folder: Path) -> list[str]:
    done = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise PathError(f"{shown(folder)}: git cannot list it ({reason})")
    return sorted({name.rstrip("/") for name in os.fsdecode(done.stdout).split("\0") if name})


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], check=False, capture_output=True)
    except FileNotFoundError:
        raise PathError(f"{shown(folder)}: is a git checkout, and git is not installed to read it") from None


def _below(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if ".git" not in path.relative_to(folder).parts]
    return sorted(path for path in found if not path.is_dir() or path.is_symlink())
