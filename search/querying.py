r"""The words people search with, and what they ask of an engine.

    parse_url               a word; also as a part of a compound word, after the whole ones
    "not found"             words in a row, whatever stands between; then the same letters anywhere
    "a[i] += 1"             with symbols: the same letters in a row, without regard to case
    /re(ad|cv)_all\(/       a regular expression of RE2, with regard to case
    owner: repo: path: lang: license: kind:     filters; several of a kind are alternatives

Everything that is asked must hold. Better matches are tiers, asked one after the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from search import conditions, patterns
from search.analysis.entries import kind_tag, language_tag, license_tag, path_terms
from search.analysis.words import MAX_WORD, trigram_terms, words_of
from search.documents import DocumentKind
from search.engines.base import EVERYTHING, AllOf, AnyOf, Clause, Either, Field, Not, Phrase, Term
from search.patterns import Pattern, PatternError
from search.scope import account, repo

MAX_QUERY = 1000
MAX_ITEMS = 32
MAX_ROW = 100
LEAST_SUBSTRING = 3


class QueryError(ValueError):
    """A query that cannot be asked; the message names the part at fault."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that a document must hold.

    `strict` chooses the documents that hold it best and `loose`, where there is one, all that hold it; a pattern
    beside a clause must also be found in the text. `mark` shows the place.
    """

    strict: Clause
    mark: Pattern
    strict_check: Pattern | None = None
    loose: Clause | None = None
    loose_check: Pattern | None = None
    loose_mark: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """Documents of `where` in whose text every check is found; `marks` show why."""

    where: Clause
    checks: tuple[Pattern, ...]
    marks: tuple[Pattern, ...]


@dataclass(slots=True)
class _Reading:
    """What has been read of a query so far."""

    wanted: list[Wanted] = field(default_factory=list)
    filters: dict[str, list[Clause]] = field(default_factory=dict)


def plan(query: str) -> tuple[Tier, ...]:
    """The tiers of a query, best first; QueryError where it cannot be asked."""
    if len(query) > MAX_QUERY:
        raise QueryError(f"the query has {len(query)} characters, {MAX_QUERY} at most")
    if "\0" in query:
        raise QueryError("the query holds a NUL byte")
    if any("\ud800" <= letter <= "\udfff" for letter in query):
        raise QueryError("the query holds half a character (a lone surrogate)")
    reading = _Reading()
    rest = query.strip()
    while rest:
        rest = _read_item(rest, reading).lstrip()
        if len(reading.wanted) + sum(map(len, reading.filters.values())) > MAX_ITEMS:
            raise QueryError(f"the query has more than {MAX_ITEMS} items")
    if not reading.wanted and not reading.filters:
        raise QueryError("the query is empty")
    return _tiers(reading)


def _tiers(reading: _Reading) -> tuple[Tier, ...]:
    filters = tuple(Either(tuple(alternatives)) for alternatives in reading.filters.values())
    wanted = reading.wanted
    strict = Tier(
        AllOf((*filters, *(item.strict for item in wanted))),
        tuple(item.strict_check for item in wanted if item.strict_check),
        tuple(item.mark for item in wanted),
    )
    if filters == () and strict.where == AllOf(tuple(EVERYTHING for _ in wanted)):
        raise QueryError(
            f"nothing in the query asks for at least {LEAST_SUBSTRING} characters in a row: "
            "add some, or a filter such as repo:owner/name"
        )
    softer = [item for item in wanted if item.loose is not None]
    if not softer:
        return (strict,)
    better = AllOf(tuple(item.strict for item in softer))
    loose = Tier(
        AllOf((*filters, *(item.loose or item.strict for item in wanted), Not(better))),
        tuple(check for item in wanted if (check := item.loose_check if item.loose else item.strict_check)),
        tuple(item.loose_mark or item.mark for item in wanted),
    )
    return strict, loose


def _read_item(text: str, reading: _Reading) -> str:
    """Read the first item of `text`; returns what follows it."""
    if text[0] == '"':
        quoted, rest = _read_quoted(text)
        reading.wanted.append(_quoted(quoted))
        return rest
    if text[0] == "/" and (end := _regex_end(text)) is not None:
        reading.wanted.append(_regex(text[1:end]))
        return text[end + 1 :]
    name, colon, value = text.partition(":")
    if colon and name.lower() in FILTERS:
        value, rest = _read_quoted(value) if value.startswith('"') else _read_bare(value)
        kind, make = FILTERS[name.lower()]
        if not value:
            raise QueryError(f"{name}: has no value after it")
        try:
            reading.filters.setdefault(kind, []).append(make(value))
        except ValueError as error:
            raise QueryError(f"{name}: {error}") from None
        return rest
    bare, rest = _read_bare(text)
    reading.wanted.append(_bare(bare))
    return rest


def _read_bare(text: str) -> tuple[str, str]:
    item = text.split(None, 1)[0] if text.strip() and not text[0].isspace() else ""
    return item, text[len(item) :]


def _read_quoted(text: str) -> tuple[str, str]:
    r"""The text between quotes, in which \" is a quote, and what follows."""
    letters: list[str] = []
    place = 1
    while place < len(text):
        letter = text[place]
        if letter == '"':
            return "".join(letters), text[place + 1 :]
        if letter == "\\" and text[place + 1 : place + 2] in {'"', "\\"}:
            place += 1
            letter = text[place]
        letters.append(letter)
        place += 1
    raise QueryError(f"the quote that begins {text[:20]!r} is not closed")


def _regex_end(text: str) -> int | None:
    """Where the slash stands that closes a regular expression: the first unescaped one before a blank or the end."""
    place = 1
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == "/" and text[place + 1 : place + 2].strip() == "":
            return place if place > 1 else None
        place += 1
    return None


def _bare(item: str) -> Wanted:
    words = words_of(item.encode("utf-8", "replace")).split()
    if not words or _is_cut(words):
        return _substring(item)
    _refuse_long_row(words)
    if len(words) > 1:
        return Wanted(Phrase(Field.WORDS, tuple(words)), patterns.compile_words(words))
    word = words[0]
    whole = Term(Field.WORDS, word)
    return Wanted(
        whole,
        patterns.compile_words(words),
        loose=Either((whole, Term(Field.PARTS, word))),
        loose_mark=patterns.compile_literal(word),
    )


def _is_cut(words: list[str]) -> bool:
    """Whether a word is so long that the index may hold it cut: then the letters must be read."""
    return any(len(word.encode("utf-8")) >= MAX_WORD for word in words)


def _quoted(text: str) -> Wanted:
    if not text.strip():
        raise QueryError("there is nothing between the quotes")
    words = words_of(text.encode("utf-8", "replace")).split()
    if " ".join(words) != text.lower():
        return _substring(text)
    _refuse_long_row(words)
    in_a_row = Phrase(Field.WORDS, tuple(words))
    mark = patterns.compile_words(words)
    if len(text.encode("utf-8", "replace")) < LEAST_SUBSTRING:
        return Wanted(in_a_row, mark)
    either = patterns.compile_words_or_literal(words, text)
    # Where the letters stand in a row but not as whole words, only the first and the last can be parts of longer ones.
    literal = _candidates(patterns.compile_literal(text).required)
    inner = (Phrase(Field.WORDS, tuple(words[1:-1])),) if len(words) > 2 else ()
    anywhere = Either((in_a_row, AllOf((*inner, literal))))
    return Wanted(in_a_row, mark, loose=anywhere, loose_check=either, loose_mark=either)


def _refuse_long_row(words: Sequence[str]) -> None:
    if len(words) > MAX_ROW:
        raise QueryError(f"{len(words)} words are asked for in a row, {MAX_ROW} at most")


def _substring(text: str) -> Wanted:
    if len(text.encode("utf-8", "replace")) < LEAST_SUBSTRING:
        raise QueryError(f"{text!r} is too short: at least {LEAST_SUBSTRING} characters, or one word")
    literal = patterns.compile_literal(text)
    return Wanted(_candidates(literal.required), literal, strict_check=literal)


def _regex(pattern: str) -> Wanted:
    try:
        compiled = patterns.compile_regex(pattern)
    except PatternError as error:
        raise QueryError(f"/{pattern[:40]}/: {error}") from None
    return Wanted(_candidates(compiled.required), compiled, strict_check=compiled)


def _candidates(condition: conditions.Condition) -> Clause:
    """Documents whose trigrams allow that the condition holds: they are to be read."""
    match condition:
        case conditions.Literal(text):
            terms = sorted(trigram_terms(text.encode("utf-8", "replace")))
            return AllOf(tuple(Term(Field.TRIGRAMS, term) for term in terms))
        case conditions.AllOf(parts):
            return AllOf(tuple(_candidates(part) for part in parts))
        case conditions.AnyOf(parts):
            return Either(tuple(_candidates(part) for part in parts))
        case conditions.Everything():
            return EVERYTHING


def _path(value: str) -> Clause:
    terms = path_terms(value)
    if not terms:
        raise ValueError("must name a file or a folder")
    return Phrase(Field.PATH, tuple(terms))


def _kind(value: str) -> Clause:
    try:
        kind = DocumentKind(value.lower())
    except ValueError:
        raise ValueError(f"must be one of {', '.join(DocumentKind)}") from None
    if kind is DocumentKind.FILE:
        return Not(AnyOf(Field.TAGS, frozenset(map(kind_tag, DocumentKind))))
    return AnyOf(Field.TAGS, frozenset({kind_tag(kind)}))


FILTERS: dict[str, tuple[str, Callable[[str], Clause]]] = {
    "owner": ("owner", lambda value: Term(Field.SCOPES, account(value).key)),
    "repo": ("repo", lambda value: Term(Field.SCOPES, repo(value).key)),
    "path": ("path", _path),
    "lang": ("lang", lambda value: AnyOf(Field.TAGS, frozenset({language_tag(value)}))),
    "language": ("lang", lambda value: AnyOf(Field.TAGS, frozenset({language_tag(value)}))),
    "license": ("license", lambda value: AnyOf(Field.TAGS, frozenset({license_tag(value)}))),
    "kind": ("kind", _kind),
    "licence": ("license", lambda value: AnyOf(Field.TAGS, frozenset({license_tag(value)}))),
}
"""As written -> the kind of filter, and what makes a clause of its value."""
