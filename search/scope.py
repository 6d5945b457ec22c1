"""Scopes: what a holding, a mask or a claim is about, and which documents it covers.

A scope is written `kind:value`:

    account:torvalds                 every repository of the owner
    repo:torvalds/linux              one repository
    path:torvalds/linux/drivers/net  one file, or everything below a directory
    swhid:swh:1:cnt:<40 digits>      one content, wherever it is
    email:ada@example.org            every document whose text holds the address

Accounts, repositories and addresses are compared without regard to case, paths exactly. A scope covers a
document if and only if the scope's key is among the document's keys, so an engine answers every question
about scopes (holdings, masks, exclusions) with one exact term.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from search.swhid import Kind as ObjectKind
from search.swhid import parse_swhid

MAX_LENGTH = 4096
"""The longest scope accepted, in characters: a path of the usual operating-system limit."""


class ScopeKind(StrEnum):
    ACCOUNT = "account"
    REPO = "repo"
    PATH = "path"
    SWHID = "swhid"
    EMAIL = "email"


IN_TEXTS = frozenset({ScopeKind.EMAIL, ScopeKind.SWHID})
"""Kinds of scopes that cover a document by what is in it, as well as by what is said of it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope in its normal form; make one with `parse_scope`, which is the inverse of str()."""

    kind: ScopeKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @property
    def key(self) -> str:
        """16 characters of base64url: the first 96 bits of the SHA-256 of the scope as written.

        96 bits, so that no two scopes of a set of 10^10 share a key (odds below 10^-9).
        """
        return _key(str(self))


@lru_cache(maxsize=10_000)  # the files of a folder come one after the other
def _key(scope: str) -> str:
    digest = hashlib.sha256(scope.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[:12]).decode("ascii")


def parse_scope(text: str) -> Scope:
    """Raises ValueError that names the part at fault."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise ValueError(f"scope is {len(text)} characters long, {MAX_LENGTH} at most")
    kind, colon, value = text.partition(":")
    if not colon or kind not in set(ScopeKind):
        kinds = ", ".join(f"{known}:" for known in ScopeKind)
        raise ValueError(f"scope {text[:60]!r} must begin with one of {kinds}")
    if any(letter < " " or letter == "\x7f" for letter in value):
        raise ValueError(f"scope {kind}: holds a control character")
    return Scope(ScopeKind(kind), _NORMAL[ScopeKind(kind)](value.strip()))


def account(name: str) -> Scope:
    return Scope(ScopeKind.ACCOUNT, _account(name))


def repo(name: str) -> Scope:
    return Scope(ScopeKind.REPO, _repo(name))


def content(core_swhid: str) -> Scope:
    return Scope(ScopeKind.SWHID, core_swhid)


def keys_of_place(repository: str, path: str) -> Iterator[str]:
    """The keys of the account, the repository, each directory above the file, and the file itself.

    `repository` and `path` are taken as the dataset writes them. What no scope can name (a repository that is
    not written owner/name) is still covered by its account, its contents and the addresses in it; what has no
    repository, by the latter two.
    """
    repository = repository.lower()
    if not repository:
        return
    yield Scope(ScopeKind.ACCOUNT, repository.partition("/")[0]).key
    yield Scope(ScopeKind.REPO, repository).key
    steps = path.strip("/").split("/")
    for depth in range(1, len(steps) + 1):
        yield Scope(ScopeKind.PATH, f"{repository}/{'/'.join(steps[:depth])}").key


def keys_of_contents(core_swhids: Iterable[str]) -> Iterator[str]:
    for swhid in core_swhids:
        yield Scope(ScopeKind.SWHID, swhid).key


def keys_of_emails(addresses: Iterable[str]) -> Iterator[str]:
    for address in addresses:
        yield Scope(ScopeKind.EMAIL, address.lower()).key


def _account(value: str) -> str:
    if value in {"", ".", ".."} or "/" in value or any(letter.isspace() for letter in value):
        raise ValueError(f"account {value[:60]!r} must be one name without '/' or blanks")
    return value.lower()


def _repo(value: str) -> str:
    owner, _, name = value.partition("/")
    odd = {owner, name} & {"", ".", ".."}
    if odd or "/" in name or any(letter.isspace() for letter in value):
        raise ValueError(f"repository {value[:60]!r} must be written owner/name")
    return value.lower()


def _path(value: str) -> str:
    owner, _, rest = value.partition("/")
    name, _, path = rest.partition("/")
    path = path.strip("/")
    if not path:
        raise ValueError(f"path {value[:60]!r} must be written owner/name/path")
    if any(step in {"", ".", ".."} for step in path.split("/")):
        raise ValueError(f"path {value[:60]!r} must not hold empty steps, '.' or '..'")
    if path != path.rstrip():
        raise ValueError(f"path {value[:60]!r} must not end in a blank")
    return f"{_repo(f'{owner}/{name}')}/{path}"


def _swhid(value: str) -> str:
    swhid = parse_swhid(value)
    if swhid.kind is not ObjectKind.CONTENT:
        raise ValueError(f"{value[:60]!r} is not a content: only swh:1:cnt: can be a scope")
    return swhid.core


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    *hosts, top = domain.split(".")
    names = bool(hosts) and all(_is_host(host) for host in (*hosts, top)) and (top.isalpha() or top.startswith("xn--"))
    if not at or not names or not _is_local(local):
        raise ValueError(
            f"e-mail address {value[:60]!r} must look like name@example.org: "
            "ASCII letters and digits, and . _ % + - in the name"
        )
    return value.lower()


def _is_local(text: str) -> bool:
    plain = all(letter.isascii() and (letter.isalnum() or letter in "._%+-") for letter in text)
    return plain and len(text) <= 64 and (text[:1].isalnum() or text[:1] == "_")


def _is_host(text: str) -> bool:
    return bool(text) and all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in text)


_NORMAL = {
    ScopeKind.ACCOUNT: _account,
    ScopeKind.REPO: _repo,
    ScopeKind.PATH: _path,
    ScopeKind.SWHID: _swhid,
    ScopeKind.EMAIL: _email,
}
