"""Which files a list covers: the filter's own matching, which its verifier shares no line with.

docs/formats/exclusion-list.md says what each kind of scope covers. All scopes of a list are held in memory (some 300
bytes each); a question is a look-up of a few strings. Pure.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from optout.emails import addresses_in
from optout.exclusion_list import ExclusionList, ExclusionListError, ListedDocument
from optout.listed_scopes import SWHID_PREFIX, split_scope
from optout.shard_files import Files, ShardRefused

IN_TEXTS = frozenset({"email", "swhid"})
"""Kinds of scopes that cover a file by what is in it."""

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
    _in_texts: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Place and scope of each exclusion that covers files by what is in them."""
    _documents: Callable[[], Iterable[ListedDocument]] = tuple
    _named: dict[tuple[str, str, str], Covers] | None = None
    """Repository, path and declared digits of what the list names for them, read when it is first asked for."""

    @classmethod
    def of(
        cls,
        scopes: Iterable[tuple[str, str, Sequence[str]]],
        documents: Callable[[], Iterable[ListedDocument]] = tuple,
    ) -> "Matcher":
        """From (id, scope, names) of each exclusion; ValueError where a scope is not in its normal form.

        `documents` gives what the list names document by document, for files of which a shard has no text.
        """
        matcher = cls(_documents=documents)
        for place, (identifier, scope, names) in enumerate(scopes):
            matcher.ids.append(identifier)
            for each in (scope, *names):
                matcher._add(*split_scope(each), place)
            if split_scope(scope)[0] in IN_TEXTS:
                matcher._in_texts[identifier] = place, scope
        return matcher

    @classmethod
    def of_list(cls, exclusions: ExclusionList) -> "Matcher":
        """Of a list that was verified. Its documents are only read where a shard points to texts."""
        return cls.of(exclusions.scopes(), lambda: _documents_of(exclusions))

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
                else:
                    self._judge_named(files, verdict.files, index)
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

    def _judge_named(self, files: Files, found: dict[int, Covers], index: int) -> None:
        """A file that the shard only points to: who made the list has read it, and names it where it is covered."""
        if self._named is None:
            self._named = self._read_documents()
        names = (files.repositories_of_files, files.paths, files.content_ids)
        repository, path, declared = (of_files[index] or "" for of_files in names)
        for exclusion, scope in self._named.get((repository, path.lstrip("/"), declared.lower()), {}).items():
            found.setdefault(index, {}).setdefault(exclusion, scope)

    def _read_documents(self) -> dict[tuple[str, str, str], Covers]:
        named: dict[tuple[str, str, str], Covers] = {}
        for document in self._documents():
            if document.exclusion in self._in_texts:
                place, scope = self._in_texts[document.exclusion]
                digits = document.swhid.removeprefix(SWHID_PREFIX)
                named.setdefault((document.repository, document.path, digits), {})[place] = scope
        return named

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


def _documents_of(exclusions: ExclusionList) -> Iterator[ListedDocument]:
    try:
        yield from exclusions.documents()
    except (ExclusionListError, OSError) as error:
        raise ShardRefused(f"a shard points to texts, and the documents of the list cannot be read: {error}") from error
