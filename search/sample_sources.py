"""Sources of the sample: the Python that runs, what is installed in it, and unpacked source distributions.

Only names and sizes are read here. Everything comes in an order of its own, whatever the file system's is.
"""

import os
import platform
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import cast

from search.sample_tables import language_of, licenses_of, repository_of

MAX_FILE_BYTES = 2_000_000
SKIPPED_FOLDERS = frozenset({"__pycache__", "site-packages", "dist-packages", "lib-dynload"})
LICENSE_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")


class SampleError(Exception):
    """A sample that cannot be made; the message names the file or folder at fault."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file on this machine, and its path in its repository."""

    path: str
    place: Path
    size: int


@dataclass(frozen=True, slots=True)
class SourceRepository:
    """`files` are sorted by path, and each path stands once."""

    name: str
    version: str
    licenses: tuple[str, ...]
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def find_repositories(folders: Iterable[Path]) -> list[SourceRepository]:
    """The standard library first, then the others by name; those of one name are made one."""
    merged: dict[str, SourceRepository] = {}
    for found in (standard_library(), *_unpacked(folders), *_installed()):
        known = merged.get(found.name.lower())
        merged[found.name.lower()] = _merged(known, found) if known else found
    first, *others = (repository for repository in merged.values() if repository.files)
    return [first, *sorted(others, key=lambda repository: repository.name.lower())]


def standard_library() -> SourceRepository:
    folder = Path(sysconfig.get_paths()["stdlib"])
    return SourceRepository("python/cpython", platform.python_version(), ("PSF-2.0",), _below(folder, "Lib/"))


def _installed() -> Iterator[SourceRepository]:
    """One for each installed distribution, the first of its name on the path, by name."""
    found: dict[str, Distribution] = {}
    for distribution in distributions():
        found.setdefault(distribution.name.lower(), distribution)
    for name in sorted(found):
        yield of_distribution(found[name])


def of_distribution(distribution: Distribution) -> SourceRepository:
    """The files that the distribution says are its own, and that are not programs beside it."""
    files = []
    for entry in distribution.files or ():
        path = entry.as_posix()
        if not path.startswith("../") and "__pycache__/" not in path:
            files.append((_in_repository(path), Path(str(distribution.locate_file(entry)))))
    # The protocol of importlib.metadata is read as the e-mail message that it is.
    metadata = cast("Message", distribution.metadata)
    return _repository(metadata, distribution.name, distribution.version, _texts(files))


def of_folder(folder: Path) -> SourceRepository:
    """An unpacked source distribution, `name-version` with a PKG-INFO, or any other folder of source code."""
    name, dash, version = folder.name.rpartition("-")
    if not dash or not version[:1].isdigit():
        name, version = folder.name, ""
    described = next((path for path in _descriptions(folder) if path.is_file()), None)
    text = described.read_text(encoding="utf-8", errors="replace") if described else ""
    return _repository(Parser().parsestr(text, headersonly=True), name, version, _below(folder, ""))


def _unpacked(folders: Iterable[Path]) -> Iterator[SourceRepository]:
    for folder in folders:
        inner = sorted(path for path in folder.iterdir() if path.is_dir())
        if not inner:
            raise SampleError(f"{folder}: holds no folders; each folder in it is to be a repository")
        yield from map(of_folder, inner)


def _descriptions(folder: Path) -> list[Path]:
    return [folder / "PKG-INFO", *sorted(folder.glob("*.egg-info/PKG-INFO"))]


def _repository(metadata: Message, name: str, version: str, files: tuple[SourceFile, ...]) -> SourceRepository:
    return SourceRepository(repository_of(metadata, name), version, licenses_of(metadata), files)


def _in_repository(path: str) -> str:
    """Of what is written about a distribution, only its licences were in its repository; else ""."""
    folder, _, rest = path.partition("/")
    if not folder.endswith((".dist-info", ".egg-info")):
        return path
    name = rest.rpartition("/")[2]
    return name if name.upper().startswith(LICENSE_NAMES) else ""


def _below(folder: Path, prefix: str) -> tuple[SourceFile, ...]:
    files = []
    for top, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name not in SKIPPED_FOLDERS and not name.startswith(".")]
        here = Path(top)
        files += [(prefix + (here / name).relative_to(folder).as_posix(), here / name) for name in names]
    return _texts(files)


def _texts(files: Iterable[tuple[str, Path]]) -> tuple[SourceFile, ...]:
    """Those that are source code by their names and of a useful size, by path."""
    found: dict[str, SourceFile] = {}
    for path, place in files:
        if path and language_of(path) and place.is_file() and not place.is_symlink():
            size = place.stat().st_size
            if 0 < size <= MAX_FILE_BYTES and _is_unicode(path):
                found.setdefault(path, SourceFile(path, place, size))
    return tuple(found[path] for path in sorted(found))


def _is_unicode(path: str) -> bool:
    """False where the name on disk is not UTF-8, which Python reads as lone surrogates."""
    return path == path.encode("utf-8", "replace").decode()


def _merged(known: SourceRepository, found: SourceRepository) -> SourceRepository:
    """What is known stays; the other adds its licences and the paths that are new."""
    files = {file.path: file for file in (*found.files, *known.files)}
    licenses = tuple(dict.fromkeys(known.licenses + found.licenses))
    paths = sorted(files)
    return SourceRepository(known.name, known.version, licenses, tuple(files[path] for path in paths))
