"""Which files a list covers: the filter's own matching, which its verifier shares no line with.

docs/formats/exclusion-list.md says what each kind of scope covers. All scopes of a list are held in memory (some 300
bytes each); a question is a look-up of a few strings. Pure.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from optout.emails import addresses_in
from optout.listed_scopes import SWHID_PREFIX, split_scope
from optout.shard_files import Files

Covers = dict[int, str]
"""Exclusions that cover a file, by their place on the list, each with the scope by which it does."""
Places = dict[str, int | tuple[int, ...]]
"""Of one kind of scope: value -> the exclusions that have it."""


@dataclass(slots=True)
class Matcher:
    """The scopes of a list, ready to be asked. `ids` are the exclusions in the order of the list."""

    ids: list[str] = field(default_factory=list)
    _places: dict[str, Places] = field(
        default_factory=lambda: {"account": {}, "repo": {}, "path": {}, "swhid": {}, "email": {}}
    )
    _heads: set[str] = field(default_factory=set)
    """How the paths begin: their first step, and their first two."""

    @classmethod
    def of(cls, scopes: Iterable[tuple[str, str, Sequence[str]]]) -> "Matcher":
        """From (id, scope, names) of each exclusion; ValueError where a scope is not in its normal form."""
        matcher = cls()
        for place, (identifier, scope, names) in enumerate(scopes):
            matcher.ids.append(identifier)
            for each in (scope, *names):
                matcher._add(*split_scope(each), place)
        return matcher

    @property
    def reads_texts(self) -> bool:
        """Whether texts are to be looked at, and not only names and declared identifiers."""
        return bool(self._places["swhid"] or self._places["email"])

    def judge(self, files: Files, *, texts: bool = True) -> "Verdict":
        """What is covered; without `texts`, what is by names and declared identifiers alone."""
        verdict = Verdict()
        self._judge_places(files, verdict)
        if self._places["swhid"]:
            for index, declared in enumerate(files.content_ids):
                if declared is not None:
                    self._find("swhid", declared.lower(), verdict.files, index)
        if texts and self.reads_texts:
            for index, text in enumerate(files.texts()):
                if text is not None:
                    self._judge_text(text, verdict.files, index)
        return verdict

    def _add(self, kind: str, value: str, exclusion: int) -> None:
        value = value.removeprefix(SWHID_PREFIX) if kind == "swhid" else value
        others = self._places[kind].get(value)
        if others is None:
            self._places[kind][value] = exclusion
        elif exclusion not in _all(others):
            self._places[kind][value] = (*_all(others), exclusion)
        if kind == "path":
            first, second, _ = value.split("/", 2)
            self._heads |= {first, f"{first}/{second}"}

    def _find(self, kind: str, value: str, found: dict[int, Covers], index: int) -> None:
        exclusions = self._places[kind].get(value)
        if exclusions is not None:
            scope = f"{kind}:{SWHID_PREFIX if kind == 'swhid' else ''}{value}"
            for exclusion in _all(exclusions):
                found.setdefault(index, {}).setdefault(exclusion, scope)

    def _judge_places(self, files: Files, verdict: "Verdict") -> None:
        known: dict[str, tuple[str, Covers, bool]] = {}
        start = 0
        for row, (repository, length) in enumerate(zip(files.repositories, files.lengths, strict=True)):
            if repository:
                if repository not in known:
                    known[repository] = self._of_repository(repository)
                name, covers, has_paths = known[repository]
                if covers:
                    verdict.rows[row] = covers
                    verdict.files |= {index: dict(covers) for index in range(start, start + length)}
                if has_paths:
                    for index in range(start, start + length):
                        self._judge_path(name, files.paths[index], verdict.files, index)
            start += length

    def _of_repository(self, repository: str) -> tuple[str, Covers, bool]:
        """Its name in lower case, what covers all of it, and whether a path could cover a part of it."""
        name = repository.lower()
        found: dict[int, Covers] = {}
        self._find("account", name.partition("/")[0], found, 0)
        self._find("repo", name, found, 0)
        head = "/".join(name.split("/", 2)[:2])
        return name, found.get(0, {}), head in self._heads

    def _judge_path(self, repository: str, path: str | None, found: dict[int, Covers], index: int) -> None:
        """The directories above the file, from the top, and the file itself."""
        if path is None or not (inside := path.strip("/")):
            return
        whole = f"{repository}/{inside}"
        end = whole.find("/", len(repository) + 1)
        while end >= 0:
            self._find("path", whole[:end], found, index)
            end = whole.find("/", end + 1)
        self._find("path", whole, found, index)

    def _judge_text(self, text: memoryview, found: dict[int, Covers], index: int) -> None:
        if self._places["swhid"]:
            self._find("swhid", blob_digest(text), found, index)
        if self._places["email"]:
            for address in addresses_in(bytes(text)):
                self._find("email", address, found, index)


@dataclass(slots=True)
class Verdict:
    """What is covered of a batch of rows: files, by their index in it, and rows whose repository is covered.

    Every file of such a row is among the files; the row may have none.
    """

    files: dict[int, Covers] = field(default_factory=dict)
    rows: dict[int, Covers] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.files or self.rows)


def blob_digest(text: memoryview) -> str:
    """SHA-1 of git's blob header and the bytes: the digits of the text's own identifier."""
    digest = hashlib.sha1(b"blob %d\0" % text.nbytes, usedforsecurity=False)
    digest.update(text)
    return digest.hexdigest()


def _all(exclusions: int | tuple[int, ...]) -> tuple[int, ...]:
    return exclusions if isinstance(exclusions, tuple) else (exclusions,)
