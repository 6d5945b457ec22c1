"""Which files a path on the command line means, and which are left out and why."""

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

    In a git checkout what .gitignore excludes is left out, and so is .git. Links are not followed.
    """
    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            found += _in_checkout(path) if _is_checkout(path) else _below(path)
        elif path.exists():
            found.append(path)
        else:
            raise PathError(f"{name}: there is no such file or folder")
    return list(dict.fromkeys(found))


def read_files(paths: Iterable[Path], *, most: int, left_out: Counter[str]) -> Iterator[AskedFile]:
    """The files that can be checked; the others are counted by reason."""
    for path in paths:
        try:
            if path.stat().st_size > most:
                left_out[f"over {most:,} bytes"] += 1
                continue
            content = path.read_bytes()
        except OSError as error:
            raise PathError(f"{path}: {error.strerror}") from error
        if b"\0" in content:
            left_out["binary"] += 1
        elif not content.strip():
            left_out["empty"] += 1
        else:
            yield AskedFile(str(path), content)


def _is_checkout(folder: Path) -> bool:
    return any((above / ".git").exists() for above in (folder.absolute(), *folder.absolute().parents))


def _in_checkout(folder: Path) -> list[Path]:
    command = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise PathError(f"{folder}: is a git checkout, and git is not installed to read its .gitignore") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode("utf-8", "replace").strip()
        raise PathError(f"{folder}: git cannot list it ({reason})") from None
    names = sorted(name for name in listed.decode("utf-8", "surrogateescape").split("\0") if name)
    return [path for name in names if (path := folder / name).is_file() and not path.is_symlink()]


def _below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and ".git" not in path.relative_to(folder).parts
    )
