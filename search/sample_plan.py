"""The plan of the sample: which files stand in which repository, and which of them are copies.

Nothing is drawn by chance: whatever has to be chosen is chosen by the hash of its name, so the same sources
and size always give the same plan.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from search.sample_edits import MAX_BYTES, MIN_BYTES, draw
from search.sample_sources import SourceFile, SourceRepository
from search.sample_tables import language_of

REPOSITORY_BYTES = 1_000_000
"""What a small sample takes of each repository: more repositories only when those it has do not suffice."""
REPOSITORIES = 8
COPIED_SHARE = 0.1
MOST_COPIED_SHARE = 0.3
"""Forks and copies of the whole sample: as a rule, and where the sources do not suffice."""
FORKS = 2
"""At least so many, even where they are larger than their share."""
COPIES_PER_MEGABYTE = 0.5
COPIES = 4
EDITED_FILES = 4
"""In every other fork, one file in so many was worked on since."""

FORK_OWNERS = (
    "ada-fork",
    "MixedCase-Labs",
    "jdoe1984",
    "Mirror-Of-Everything",
    "x0r-dev",
    "GoodFirstFork",
    "k8s-fan",
    "old-archive",
    "TeamNordwind",
    "solo-hacker-7",
)
VENDOR_FOLDERS = ("vendor", "src/_vendor", "third_party")
EDIT_FOLDERS = ("docs/naïve ünïcode", "contrib", "src/compat", "lib/日本語", "tools/old")
COPIED_LANGUAGES = frozenset({"Python", "C", "C++", "JavaScript", "TypeScript", "Cython", "Go", "Rust", "Java"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a copy was taken from."""

    repository: str
    path: str


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """`edit` is the key of the changes that somebody made to the copy; empty where it is as its origin is."""

    path: str
    source: SourceFile
    licenses: tuple[str, ...]
    origin: Origin | None = None
    edit: str = ""


@dataclass(frozen=True, slots=True)
class PlannedRepository:
    """`files` are sorted by path; `fork_of` is empty where it is no fork."""

    name: str
    version: str
    files: tuple[PlannedFile, ...]
    fork_of: str = ""

    @property
    def size(self) -> int:
        return sum(file.source.size for file in self.files)


def plan(sources: Sequence[SourceRepository], size: int) -> list[PlannedRepository]:
    """Repositories of `size` bytes in all, by name; fewer where the sources and their share of copies end."""
    there = sum(repository.size for repository in sources)
    own = [_planned(taken) for taken in _spread(sources, size - int(size * COPIED_SHARE))]
    taken = sum(repository.size for repository in own)
    room = min(size - taken, int(there * MOST_COPIED_SHARE / (1 - MOST_COPIED_SHARE)))
    own, copied = _with_copies(own, taken)
    forks = _forks(own, max(room - copied, 0))
    return sorted([*own, *forks], key=lambda repository: repository.name)


def _planned(source: SourceRepository) -> PlannedRepository:
    files = tuple(PlannedFile(file.path, file, source.licenses) for file in source.files)
    return PlannedRepository(source.name, source.version, files)


# --- What is taken of the sources -------------------------------------------------------------------


def _spread(sources: Sequence[SourceRepository], size: int) -> list[SourceRepository]:
    """Of each repository as much as of any other, and all of those that have less.

    The first source is always among them; of the others a small sample leaves some out.
    """
    first, *others = sources
    chosen: list[SourceRepository] = []
    for repository in [first, *sorted(others, key=lambda other: draw("repository", other.name))]:
        if len(chosen) >= REPOSITORIES and sum(min(c.size, REPOSITORY_BYTES) for c in chosen) >= size:
            break
        chosen.append(repository)
    limit = _limit([repository.size for repository in chosen], size)
    return [_part(repository, limit) for repository in chosen]


def _limit(sizes: Sequence[int], total: int) -> int:
    """The limit such that sizes cut to it add up to `total`."""
    left = total
    for done, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - done)
        if size > share:
            return share
        left -= size
    return max(sizes)


def _part(repository: SourceRepository, limit: int) -> SourceRepository:
    if repository.size <= limit:
        return repository
    taken, left = [], limit
    for file in sorted(repository.files, key=lambda file: draw("file", repository.name, file.path)):
        if file.size <= left:
            taken.append(file)
            left -= file.size
    return replace(repository, files=tuple(sorted(taken, key=lambda file: file.path)))


# --- Single files in other repositories -------------------------------------------------------------


def _with_copies(own: list[PlannedRepository], taken: int) -> tuple[list[PlannedRepository], int]:
    """The repositories with copies of each other's files, and the bytes that were added."""
    added: dict[str, list[PlannedFile]] = {repository.name: [] for repository in own}
    for host, copy in _copies(own, max(COPIES, int(taken / 1e6 * COPIES_PER_MEGABYTE))):
        added[host.name].append(copy)
    with_copies = [_with_files(repository, added[repository.name]) for repository in own]
    return with_copies, sum(copy.source.size for copies in added.values() for copy in copies)


def _copies(own: list[PlannedRepository], count: int) -> Iterator[tuple[PlannedRepository, PlannedFile]]:
    """`count` vendored and `count` edited copies, each with the repository that is to hold it."""
    candidates = [(donor, file) for donor in own for file in donor.files if _is_copied(file)]
    candidates.sort(key=lambda pair: draw("copy", pair[0].name, pair[1].path))
    for number, (donor, file) in enumerate(candidates[: 2 * count]):
        hosts = [repository for repository in own if repository is not donor]
        if hosts:
            host = hosts[draw("host", donor.name, file.path) % len(hosts)]
            yield host, _copy(donor, host, file, number)


def _is_copied(file: PlannedFile) -> bool:
    return MIN_BYTES <= file.source.size <= MAX_BYTES and language_of(file.path) in COPIED_LANGUAGES


def _copy(donor: PlannedRepository, host: PlannedRepository, file: PlannedFile, number: int) -> PlannedFile:
    """Even numbers are vendored as they are, with their licence; odd ones are worked on and lose it."""
    origin = Origin(donor.name, file.path)
    turn = number // 2
    if number % 2 == 0:
        folder = VENDOR_FOLDERS[turn % len(VENDOR_FOLDERS)]
        path = f"{folder}/{donor.name.partition('/')[2]}/{file.path}"
        return replace(file, path=path, origin=origin)
    path = f"{EDIT_FOLDERS[turn % len(EDIT_FOLDERS)]}/{turn}_{PurePosixPath(file.path).name}"
    return replace(file, path=path, origin=origin, edit=f"{host.name}/{path}", licenses=_licenses(host))


def _licenses(repository: PlannedRepository) -> tuple[str, ...]:
    return repository.files[0].licenses if repository.files else ()


def _with_files(repository: PlannedRepository, copies: list[PlannedFile]) -> PlannedRepository:
    files = {file.path: file for file in (*copies, *repository.files)}
    return replace(repository, files=tuple(files[path] for path in sorted(files)))


# --- Forks ------------------------------------------------------------------------------------------


def _forks(own: list[PlannedRepository], room: int) -> list[PlannedRepository]:
    """Whole forks of `room` bytes in all, by other owners; a repository has several if need be."""
    forks: dict[str, PlannedRepository] = {}
    for repository, owner in _pairs(own):
        name = f"{owner}/{repository.name.partition('/')[2]}"
        if name not in forks and (repository.size <= room or len(forks) < FORKS):
            forks[name] = _fork(repository, name, worked_on=len(forks) % 2 == 1)
            room -= repository.size
    return list(forks.values())


def _pairs(own: list[PlannedRepository]) -> Iterator[tuple[PlannedRepository, str]]:
    """Each repository with each owner of forks, each repository once before any comes again.

    The smallest ones come first, for samples that have room for no other.
    """
    full = sorted((repository for repository in own if repository.files), key=lambda r: (r.size, r.name))
    for turn in range(len(FORK_OWNERS)):
        rest = sorted(full[FORKS:], key=lambda repository: draw("fork", str(turn), repository.name))
        for repository in full[:FORKS] + rest:
            yield repository, FORK_OWNERS[(draw("owner", repository.name) + turn) % len(FORK_OWNERS)]


def _fork(repository: PlannedRepository, name: str, *, worked_on: bool) -> PlannedRepository:
    """A whole copy, of which some files may have been worked on since."""
    files = repository.files
    if worked_on:
        files = tuple(_worked_on(repository, file, name) for file in files)
    return PlannedRepository(name, repository.version, files, fork_of=repository.name)


def _worked_on(repository: PlannedRepository, file: PlannedFile, name: str) -> PlannedFile:
    """One file in so many is changed; what is a copy already stays as it is."""
    if file.origin or not _is_copied(file) or draw("edit", name, file.path) % EDITED_FILES:
        return file
    return replace(file, origin=Origin(repository.name, file.path), edit=f"{name}/{file.path}")
