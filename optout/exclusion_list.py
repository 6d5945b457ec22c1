"""Exclusion lists: the numbered, signed, immutable lists of what a release must no longer hold.

A list is a folder, docs/formats/exclusion-list.md says which files are in it. Written whole or not at all, the
same input giving the same bytes; opened only where its signatures, digests and order hold. Pure.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from governance.signing import PublicKey, SignatureError, SigningKey, sshsig, sshsig_verify
from optout.atomic import whole_folder
from optout.list_tables import (
    DOCUMENTS,
    EXCLUSIONS,
    FileFacts,
    Table,
    TableError,
    TableWriter,
    check_agreement,
    facts_of,
    read_rows,
)
from optout.listed_scopes import KINDS, split_scope
from optout.manifest import FILES, Manifest, ReleaseBuild
from optout.statements import Statement, StatementError, check_count, open_statement

PREDICATE_TYPE = "https://codesteward.dev/exclusion-list/v1"
NAMESPACE = "codesteward-exclusion-list"
"""Of the SSH signature: `ssh-keygen -Y verify -n codesteward-exclusion-list`."""

MANIFEST = "manifest.json"
ENVELOPE = "manifest.dsse.json"
SIGNATURE = "manifest.json.sig"
MOST_BYTES = 4 * 2**20
"""Of the manifest, its envelope and its signature, each."""
ID_DIGITS = 20


class ExclusionListError(Exception):
    """A list that is not what it should be; the message begins with the file at fault."""


def exclusion_id(scope: str) -> str:
    """The public name of an exclusion: the first 80 bits of a SHA-256, in hexadecimal digits."""
    return hashlib.sha256(f"codesteward exclusion\0{scope}".encode()).hexdigest()[:ID_DIGITS]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One line of a list.

    `scope` is in its normal form; `names` are scopes of the same kind under which the same thing is or was known,
    which are covered as well. `since` is the number of the list on which it first stood.
    """

    scope: str
    names: tuple[str, ...]
    since: int

    def __post_init__(self) -> None:
        kind, _ = split_scope(self.scope)
        for name in self.names:
            if split_scope(name)[0] != kind:
                raise ValueError(f"exclusion {self.scope}: {name} is of another kind")
        if self.names and list(self.names) != sorted(set(self.names) - {self.scope}):
            raise ValueError(f"exclusion {self.scope}: its names must be sorted, different, and not the scope itself")
        check_count(self.since, f"exclusion {self.scope}: since", least=1)

    @property
    def id(self) -> str:
        return exclusion_id(self.scope)

    @property
    def kind(self) -> str:
        return self.scope.partition(":")[0]

    def to_row(self) -> dict[str, Any]:
        return {"exclusion": self.id, "names": list(self.names), "scope": self.scope, "since": self.since}


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """What a release held of an exclusion when the list was frozen; `exclusion` is the id."""

    release: str
    repository: str
    path: str
    swhid: str
    exclusion: str


@dataclass(frozen=True, slots=True)
class ExclusionList:
    """A list that was verified, in its folder."""

    folder: Path
    manifest: Manifest

    def exclusions(self) -> Iterator[Exclusion]:
        """By scope; ExclusionListError where a row is none."""
        path = self.folder / EXCLUSIONS.parquet
        return (_exclusion(row, path) for row in _rows(path, EXCLUSIONS, path))

    def scopes(self) -> Iterator[tuple[str, str, list[str]]]:
        """The id, the scope and the names of each exclusion, by scope.

        Read from bytes that are compared with the manifest once more, so that they are those that were verified.
        """
        path = self.folder / EXCLUSIONS.parquet
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.manifest.files[EXCLUSIONS.parquet].sha256:
            raise ExclusionListError(f"{path}: was changed since it was verified")
        for row in _rows(pa.py_buffer(content), EXCLUSIONS, path):
            yield row["exclusion"], row["scope"], row["names"]

    def documents(self) -> Iterator[ListedDocument]:
        """By release, repository, path, SWHID and exclusion; ExclusionListError where the file was changed."""
        path = self.folder / DOCUMENTS.parquet
        _check_file(path, self.manifest.files[DOCUMENTS.parquet])
        return (ListedDocument(**row) for row in _rows(path, DOCUMENTS, path))


# --- Writing ----------------------------------------------------------------------------------------


def write_list(
    folder: Path,
    *,
    number: int,
    previous: str | None,
    as_of: str | None,
    releases: Sequence[ReleaseBuild],
    exclusions: Iterable[Exclusion],
    documents: Iterable[ListedDocument],
    keys: Sequence[SigningKey],
) -> ExclusionList:
    """Write a list that was not there, whole or not at all; `keys` sign it, the first one for ssh-keygen too.

    Both iterators must come in the order of the files: exclusions by scope, documents by release, repository, path,
    SWHID and exclusion, all by code point. Raises ExclusionListError, also for a document of a release or an
    exclusion that is not on the list.
    """
    try:
        with whole_folder(folder) as partial:
            by_kind = dict.fromkeys(KINDS, 0)
            ids = _write_exclusions(partial, exclusions, number, by_kind)
            count = _write_documents(partial, documents, ids, {release.release for release in releases})
            manifest = Manifest(
                number=number,
                previous=previous,
                as_of=as_of,
                releases=tuple(releases),
                exclusions=len(ids),
                by_kind=by_kind,
                documents=count,
                files={name: facts_of(partial / name) for name in FILES},
            )
            _write_signed(partial, manifest, keys)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ExclusionListError(f"{folder}: {error}") from error
    return ExclusionList(folder, manifest)


def _write_exclusions(folder: Path, exclusions: Iterable[Exclusion], number: int, by_kind: dict[str, int]) -> set[str]:
    """Returns the ids and counts the kinds."""
    ids = set()
    with TableWriter(folder, EXCLUSIONS) as writer:
        for exclusion in exclusions:
            if exclusion.since > number:
                raise ValueError(f"exclusion {exclusion.scope}: is of list {exclusion.since}, this is list {number}")
            writer.add(row := exclusion.to_row())
            by_kind[exclusion.kind] += 1
            ids.add(row["exclusion"])
    return ids


def _write_documents(folder: Path, documents: Iterable[ListedDocument], ids: set[str], releases: set[str]) -> int:
    with TableWriter(folder, DOCUMENTS) as writer:
        for document in documents:
            if document.exclusion not in ids:
                raise ValueError(f"document {document}: its exclusion is not on the list")
            if document.release not in releases:
                raise ValueError(f"document {document}: its release is not one of the list")
            writer.add({column: getattr(document, column) for column in DOCUMENTS.order})
    return writer.rows


def _write_signed(folder: Path, manifest: Manifest, keys: Sequence[SigningKey]) -> None:
    text = manifest.to_bytes()
    (folder / MANIFEST).write_bytes(text)
    (folder / ENVELOPE).write_bytes(_statement(manifest).signed(keys))
    (folder / SIGNATURE).write_text(sshsig(text, NAMESPACE, keys[0]), encoding="ascii")


def _statement(manifest: Manifest) -> Statement:
    """Names exactly this manifest and these files."""
    subjects = {MANIFEST: manifest.sha256} | {name: facts.sha256 for name, facts in manifest.files.items()}
    return Statement(PREDICATE_TYPE, subjects, manifest.to_json())


# --- Opening ----------------------------------------------------------------------------------------


def open_list(folder: Path, trusted: Collection[PublicKey], *, documents: bool = True) -> ExclusionList:
    """The list in `folder`, where all of it holds; raises ExclusionListError.

    Checked are, in this order: both signatures, that they are of this manifest, its format, length and digest of every
    file, and the rows. Without `documents` the files of documents may be missing, and their rows are not read.
    """
    text = _read(folder / MANIFEST)
    statement = _signed_statement(folder, text, trusted)
    try:
        manifest = Manifest.from_bytes(text)
    except ValueError as error:
        raise ExclusionListError(f"{folder / MANIFEST}: {error}") from error
    if statement != _statement(manifest):
        raise ExclusionListError(f"{folder / ENVELOPE}: says something else than {MANIFEST}")
    for name, facts in manifest.files.items():
        if documents or (folder / name).exists() or name not in {DOCUMENTS.jsonl, DOCUMENTS.parquet}:
            _check_file(folder / name, facts)
    opened = ExclusionList(folder, manifest)
    _check_exclusions(opened)
    if documents:
        _check_documents(opened)
    return opened


def check_follows(previous: ExclusionList, following: ExclusionList) -> None:
    """ExclusionListError unless `following` is the list after `previous` and holds everything that it held."""
    manifest = following.folder / MANIFEST
    if following.manifest.number != previous.manifest.number + 1:
        raise ExclusionListError(f"{manifest}: is list {following.manifest.number}, after {previous.manifest.number}")
    if following.manifest.previous != previous.manifest.sha256:
        raise ExclusionListError(f"{manifest}: names another list as its previous one")
    later = following.exclusions()
    for held in previous.exclusions():
        now = next((exclusion for exclusion in later if exclusion.scope >= held.scope), None)
        if now is None or now.scope != held.scope or now.since != held.since or set(held.names) - set(now.names):
            raise ExclusionListError(
                f"{following.folder / EXCLUSIONS.parquet}: does not hold {held.scope} as list "
                f"{previous.manifest.number} held it"
            )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ExclusionListError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise ExclusionListError(f"{path}: is longer than {MOST_BYTES} bytes")
    return content


def _signed_statement(folder: Path, manifest: bytes, trusted: Collection[PublicKey]) -> Statement:
    """What was signed, where both signatures are by trusted keys and of these bytes."""
    try:
        statement = open_statement(_read(folder / ENVELOPE), PREDICATE_TYPE, trusted)
    except StatementError as error:
        raise ExclusionListError(f"{folder / ENVELOPE}: {error}") from error
    if statement.subjects.get(MANIFEST) != hashlib.sha256(manifest).hexdigest():
        raise ExclusionListError(f"{folder / MANIFEST}: is not the one that was signed")
    try:
        armored = _read(folder / SIGNATURE).decode("ascii", "replace")
        sshsig_verify(manifest, armored, NAMESPACE, trusted)
    except SignatureError as error:
        raise ExclusionListError(f"{folder / SIGNATURE}: {error}") from error
    return statement


def _check_file(path: Path, facts: FileFacts) -> None:
    try:
        found = facts_of(path)
    except OSError as error:
        raise ExclusionListError(f"{path}: cannot be read: {error.strerror or error}") from error
    if found.bytes != facts.bytes:
        raise ExclusionListError(f"{path}: has {found.bytes} bytes, the manifest says {facts.bytes}")
    if found.sha256 != facts.sha256:
        raise ExclusionListError(f"{path}: has SHA-256 {found.sha256}, the manifest says {facts.sha256}")


def _check_exclusions(opened: ExclusionList) -> None:
    path = opened.folder / EXCLUSIONS.parquet
    _check_agreement(opened.folder, EXCLUSIONS)
    by_kind = Counter(dict.fromkeys(KINDS, 0))
    last = ""
    for exclusion in opened.exclusions():
        if exclusion.scope <= last:
            raise ExclusionListError(f"{path}: is not sorted: {exclusion.scope} comes after {last}")
        last = exclusion.scope
        by_kind[exclusion.kind] += 1
    if by_kind != opened.manifest.by_kind:
        raise ExclusionListError(f"{path}: holds other numbers of exclusions than the manifest says: {dict(by_kind)}")


def _check_documents(opened: ExclusionList) -> None:
    path = opened.folder / DOCUMENTS.parquet
    _check_agreement(opened.folder, DOCUMENTS)
    count = 0
    last: tuple[str, ...] = ()
    for row in _rows(path, DOCUMENTS, path):
        key = DOCUMENTS.key(row)
        if key <= last:
            raise ExclusionListError(f"{path}: is not sorted: {key} comes after {last}")
        last = key
        count += 1
    if count != opened.manifest.documents:
        raise ExclusionListError(f"{path}: holds {count} documents, the manifest says {opened.manifest.documents}")


def _check_agreement(folder: Path, table: Table) -> None:
    try:
        check_agreement(folder, table)
    except TableError as error:
        raise ExclusionListError(str(error)) from error


def _rows(source: Path | pa.Buffer, table: Table, path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from read_rows(source, table, path)
    except TableError as error:
        raise ExclusionListError(str(error)) from error


def _exclusion(row: Mapping[str, Any], path: Path) -> Exclusion:
    try:
        exclusion = Exclusion(row["scope"], tuple(row["names"]), row["since"])
    except (ValueError, TypeError) as error:
        raise ExclusionListError(f"{path}: {error}") from error
    if exclusion.id != row["exclusion"]:
        raise ExclusionListError(f"{path}: exclusion {row['exclusion']} is not the id of {exclusion.scope}")
    return exclusion
