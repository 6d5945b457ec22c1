"""What a pasted list of scopes says, line by line. Pure.

People paste what they have at hand: names of repositories, addresses of pages, account names, e-mail addresses, scopes.
Every line is answered with what was understood, or with what is the matter with it; nothing is guessed silently.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from search.scope import MAX_LENGTH, Scope, ScopeKind, parse_scope

MOST_LINES = 10_000

HOSTS = frozenset({"github.com", "www.github.com", "gitlab.com", "codeberg.org", "bitbucket.org"})
"""Whose addresses are read, where the caller names no others."""

_PLACEHOLDERS = frozenset(
    {
        "owner", "owner/all", "owner/name", "owner/repo", "owner/repo name", "owner/repository", "user/repo",
        "username",
        "username/repo", "your-name", "your-name/your-repo", "your-username", "yourname", "name@example.org",
        "you@example.com", "your@email.com", "repo", "repository",
    }
)  # fmt: skip
_EVERYTHING = frozenset({"*", "all", "all repos", "all repositories"})
_SHOWS_FILES = frozenset({"blob", "tree", "raw", "blame", "src"})
_BRACKETS = " \t\"'`<>,;"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a paste, numbered from 1: a scope and what it means, or a problem."""

    number: int
    text: str
    scope: Scope | None
    meaning: str = ""
    problem: str = ""
    repeats: int | None = None
    """The number of the earlier line that says the same."""


def understand(pasted: str, hosts: Collection[str] = HOSTS) -> list[Line]:
    """Every line that says something, in order; blank lines and those that begin with # say nothing.

    Raises ValueError where there are more than `MOST_LINES`.
    """
    if pasted.count("\n") >= MOST_LINES:
        raise ValueError(f"{pasted.count(chr(10)) + 1:,} lines, {MOST_LINES:,} at most")
    return list(_lines(pasted, hosts))


def meaning(scope: Scope) -> str:
    """What a scope covers, in words."""
    return _MEANINGS[scope.kind].format(scope.value)


def _lines(pasted: str, hosts: Collection[str]) -> Iterator[Line]:
    first: dict[Scope, int] = {}
    for number, raw in enumerate(pasted.split("\n"), start=1):
        text = raw.strip()
        if not text or text.startswith("#"):
            continue
        try:
            scope = read_scope(text, hosts)
        except ValueError as error:
            yield Line(number, _short(text), None, problem=str(error))
            continue
        repeats = first.get(scope)
        first.setdefault(scope, number)
        yield Line(number, _short(text), scope, meaning(scope), repeats=repeats)


def read_scope(text: str, hosts: Collection[str] = HOSTS) -> Scope:
    """The scope that one line means; ValueError says what to write instead."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is {len(text)} characters long, {MAX_LENGTH} at most")
    if text.startswith(f"{ScopeKind.PATH}:"):  # the name of a file may end in anything
        return parse_scope(text)
    plain = text.strip(_BRACKETS).removeprefix("- ").removeprefix("* ").strip(_BRACKETS)
    if not plain or plain.lower().lstrip("@").partition(":")[2].lower() in _PLACEHOLDERS:
        raise ValueError("names nothing: this is the text of an example")
    if plain.lower().lstrip("@") in _PLACEHOLDERS:
        raise ValueError("names nothing: this is the text of an example")
    kind, colon, _ = plain.partition(":")
    if colon and kind.lower() in set(ScopeKind):
        return parse_scope(f"{kind.lower()}{plain[len(kind) :]}")
    if plain.lower().startswith("swh:"):
        return parse_scope(f"swhid:{plain}")
    if "://" in plain or plain.startswith("git@"):
        return _from_address(plain, hosts)
    return _from_name(plain, hosts)


def _from_name(plain: str, hosts: Collection[str]) -> Scope:
    head, slash, tail = plain.partition("/")
    if head.lower() in hosts:
        return _from_address(f"https://{plain}", hosts)
    if plain.startswith("@"):
        return parse_scope(f"account:{plain[1:].rstrip('/')}")
    if not slash and "@" in plain:
        return parse_scope(f"email:{plain}")
    if not slash and " " in plain:
        raise ValueError("is not a name: write owner/name for a repository, @name for an account")
    if not slash:
        raise ValueError(f"could be many things; for the account {plain[:60]!r} write @{plain[:60]}")
    return _from_steps(head, tail)


def _from_steps(owner: str, rest: str) -> Scope:
    name, _, path = rest.partition("/")
    if not name:
        return parse_scope(f"account:{owner}")
    if not path and name.lower() in _EVERYTHING:
        raise ValueError(
            f"for every repository of the account write @{owner[:60]}; "
            f"for a repository of this name repo:{owner[:60]}/{name}"
        )
    if path.strip("/"):
        return parse_scope(f"path:{owner}/{name}/{path}")
    return parse_scope(f"repo:{owner}/{name.removesuffix('.git')}")


def _from_address(address: str, hosts: Collection[str]) -> Scope:
    if address.startswith("git@"):
        host, _, path = address.removeprefix("git@").partition(":")
        address = f"ssh://{host}/{path}"
    parts = urlsplit(address)
    if (parts.hostname or "") not in hosts:
        raise ValueError(
            f"{(parts.hostname or address)[:60]!r} is not a forge that is known here; write owner/name instead"
        )
    steps = [unquote(step) for step in parts.path.split("/") if step]
    if not steps:
        raise ValueError("names a forge, and nothing in it")
    owner, name, *more = [*steps, ""]
    return _from_steps(owner, f"{name.removesuffix('.git')}/{_path_shown(more[:-1])}" if more else name)


def _path_shown(steps: list[str]) -> str:
    """The file or folder that a page shows: what follows `blob/BRANCH/`; empty for the page of a repository."""
    if steps[:1] == ["-"]:
        steps = steps[1:]
    if not steps:
        return ""
    if steps[0] not in _SHOWS_FILES:
        raise ValueError(f"is the address of a page ({steps[0][:30]}), not of a repository, a folder or a file")
    return "/".join(steps[2:])


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


_MEANINGS = {
    ScopeKind.ACCOUNT: "every repository of the account {}",
    ScopeKind.REPO: "the repository {}",
    ScopeKind.PATH: "{}, and everything below it where it is a folder",
    ScopeKind.SWHID: "the content {}, in whatever repository it is",
    ScopeKind.EMAIL: "every document whose text holds {}",
}
