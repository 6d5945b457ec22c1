"""What somebody means by what they put into the one box: code, a content, a scope, or words to search for.

The rules are asked one after the other and the first that knows decides; what none of them knows is searched for.
Guesses are cheap to correct: every page that a guess leads to offers the other reading.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from search.analysis.fingerprints import STANDARD
from search.querying import FILTERS, MAX_QUERY
from search.scope import ScopeKind, parse_scope
from search.swhid import DIGITS, HEX


class Kind(StrEnum):
    CHECK = "check"
    DOCUMENT = "document"
    HOLDINGS = "holdings"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class Intent:
    """`target` is the code, the SWHID, the scope or the query, each as its page takes it."""

    kind: Kind
    target: str


FORGES = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org")
FILE_STEPS = frozenset({"blob", "tree", "raw", "blame"})
"""What stands between a repository and `<revision>/<path>` in a forge's addresses."""

NAME_MARKS = frozenset("-_.")
ACCOUNT_LENGTH = 39
"""The longest account name of GitHub; longer single words are searched for."""

CODE_MARKS = frozenset("{}()[];=<>")


def classify(text: str) -> Intent:
    stripped = text.strip()
    if "\n" in stripped or "\r" in stripped:
        return Intent(Kind.CHECK, text)
    for rule in RULES:
        intent = rule(stripped)
        if intent is not None:
            return intent
    return Intent(Kind.SEARCH, stripped)


def _swhid(text: str) -> Intent | None:
    """`swh:1:cnt:...`, bare or in an address of an archive; 40 hexadecimal digits are git's name of a blob."""
    start = text.find("swh:1:")
    if start == 0 or (start > 0 and text.startswith("https://") and text[start - 1] == "/"):
        return Intent(Kind.DOCUMENT, text[start:].rstrip("/"))
    if len(text) == DIGITS and HEX.issuperset(text.lower()):
        return Intent(Kind.DOCUMENT, f"swh:1:cnt:{text.lower()}")
    return None


def _scope(text: str) -> Intent | None:
    """`kind:value`. `repo:` and `path:` are filters of a search as well: scopes only where they stand alone."""
    kind, colon, value = text.partition(":")
    kind = kind.lower()
    if not colon or kind not in set(ScopeKind):
        return None
    blanks = any(letter.isspace() for letter in value)
    scope = f"{kind}:{value}"
    if _is_scope(scope):
        return None if kind in FILTERS and blanks else Intent(Kind.HOLDINGS, scope)
    return None if kind in FILTERS or blanks else Intent(Kind.HOLDINGS, scope)


def _address(text: str) -> Intent | None:
    """An address of an account, a repository or a file at a forge, as a browser or git writes it."""
    steps = _forge_steps(text)
    if not steps or not all(_is_name(step) for step in steps[:2]):
        return None
    if len(steps) == 1:
        return Intent(Kind.HOLDINGS, f"account:{steps[0]}")
    repository = f"{steps[0]}/{steps[1].removesuffix('.git')}"
    inside = [step for step in steps[2:] if step != "-"]
    if len(inside) > 2 and inside[0] in FILE_STEPS and _is_scope(f"path:{repository}/{'/'.join(inside[2:])}"):
        return Intent(Kind.HOLDINGS, f"path:{repository}/{'/'.join(inside[2:])}")
    return Intent(Kind.HOLDINGS, f"repo:{repository}")


def _email(text: str) -> Intent | None:
    if "@" not in text[1:] or any(mark in text for mark in "/:(\"'") or not _is_scope(f"email:{text}"):
        return None
    return Intent(Kind.HOLDINGS, f"email:{text}")


def _query(text: str) -> Intent | None:
    """What is written in the language of searches: quotes, a regular expression, a filter with its value."""
    expression = text.startswith("/") and any(word.endswith("/") for word in text[1:].split())
    if text.startswith('"') or expression or any(_is_filter(word) for word in text.split()):
        return Intent(Kind.SEARCH, text)
    return None


def _repository(text: str) -> Intent | None:
    owner, slash, name = text.partition("/")
    if not slash or not _is_name(owner) or not _is_name(name):
        return None
    return Intent(Kind.HOLDINGS, f"repo:{owner}/{name}")


def _account(text: str) -> Intent | None:
    """One plain word. Compound ones (parse_url, parseUrl) are identifiers of code rather than of people."""
    compound = any(before.islower() and after.isupper() for before, after in pairwise(text))
    plain = all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in text)
    if not plain or compound or len(text) > ACCOUNT_LENGTH or not any(letter.isalpha() for letter in text):
        return None
    return None if text.startswith("-") else Intent(Kind.HOLDINGS, f"account:{text}")


def _line_of_code(text: str) -> Intent | None:
    """A line long enough for its copies to be found is checked; a shorter one is searched for, letter by letter."""
    if len(text) > MAX_QUERY:
        return Intent(Kind.CHECK, text)
    words = text.split()
    if len(words) < 2 or CODE_MARKS.isdisjoint(_outside_quotes(text)):
        return None
    if sum(map(len, words)) >= STANDARD.guarantee:
        return Intent(Kind.CHECK, text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return Intent(Kind.SEARCH, f'"{escaped}"')


RULES: tuple[Callable[[str], Intent | None], ...] = (
    _swhid,
    _scope,
    _address,
    _email,
    _query,
    _repository,
    _account,
    _line_of_code,
)


def _forge_steps(text: str) -> list[str]:
    """The steps after the host, where `text` is an address at one of the forges."""
    if any(letter.isspace() for letter in text):
        return []
    if text.startswith("git@"):
        text = text.removeprefix("git@").replace(":", "/", 1)
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        return []
    if (parts.hostname or "").removeprefix("www.") not in FORGES:
        return []
    return [step for step in unquote(parts.path).split("/") if step]


def _is_scope(text: str) -> bool:
    try:
        parse_scope(text)
    except ValueError:
        return False
    return True


def _is_filter(word: str) -> bool:
    name, _, value = word.partition(":")
    return name.lower() in FILTERS and bool(value) and not value.startswith(":")


def _is_name(text: str) -> bool:
    """A name as forges allow them; never '.' or '..'."""
    known = all(letter.isalnum() or letter in NAME_MARKS for letter in text)
    return known and any(letter.isalnum() for letter in text)


def _outside_quotes(text: str) -> str:
    return "".join(text.split('"')[::2])
