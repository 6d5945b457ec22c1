"""What is offered to be ticked: what somebody asked about, and what of it the releases hold. Masks are honoured."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from frontend.intent import Kind, classify
from frontend.removal import sentences
from optout import following, paste
from search import lookup
from search.scope import Scope, ScopeKind, parse_scope

MOST_LINES = 5_000
MOST_PAGES = 5
"""Pages of places that are looked through for the folders of a repository."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One tick: a scope, what ticking it means, and what is held of it."""

    scope: Scope
    meaning: str
    held: str
    ticked: bool
    main: bool = False
    """What was asked about itself; the others are parts of it, or what it is part of."""
    line: int = 0
    """Of the paste; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be ticked, and what could not be understood."""

    heading: str
    offers: tuple[Offer, ...]
    wrong: tuple[paste.Line, ...]
    repeated: tuple[paste.Line, ...]
    note: str = ""

    @property
    def single(self) -> bool:
        """Whether one thing was asked about, so that what it is made of is offered as well."""
        return any(offer.main for offer in self.offers)

    @property
    def mains(self) -> tuple[Offer, ...]:
        return tuple(offer for offer in self.offers if offer.main)

    @property
    def others(self) -> tuple[Offer, ...]:
        return tuple(offer for offer in self.offers if not offer.main)

    @property
    def legend(self) -> str:
        """Over the others, where one thing was asked about."""
        return sentences.of_others(self.mains[0].scope)


def lines_of(text: str) -> list[paste.Line]:
    """What the box holds, line by line; a single word is an account here, since nothing else could be meant.

    Raises ValueError where there are too many lines.
    """
    count = text.count("\n") + 1
    if count > MOST_LINES:
        raise ValueError(f"That are {count:,} lines; {MOST_LINES:,} can be asked for at a time. The API takes 10,000.")
    lines = paste.understand(text, following.forge_hosts())
    return [_guessed(lines[0])] if len(lines) == 1 else lines


def _guessed(line: paste.Line) -> paste.Line:
    if line.scope is not None:
        return line
    meant = classify(line.text)
    if meant.kind is not Kind.HOLDINGS or "could be many things" not in line.problem:
        return line
    scope = parse_scope(meant.target)
    return paste.Line(line.number, line.text, scope, paste.meaning(scope))


def choice(lines: Sequence[paste.Line], ticked: Collection[Scope] | None = None) -> Choice:
    """What to tick: by default what was asked for, or what is `ticked`."""
    scopes = list(dict.fromkeys(line.scope for line in lines if line.scope is not None))
    wrong = tuple(line for line in lines if line.scope is None)
    repeated = tuple(line for line in lines if line.repeats is not None)
    heading = sentences.of_choice(scopes, len(lines) - len(repeated))
    wanted = set(scopes) if ticked is None else set(ticked)
    if len(lines) == 1:
        offers, note = _of_one(scopes[0], wanted)
        return Choice(heading, tuple(offers), wrong, repeated, note)
    first = [line for line in lines if line.scope is not None and line.repeats is None]
    offers = [_of_line(understood, wanted) for understood in following.understood(first)]
    return Choice(heading, tuple(offers), wrong, repeated)


def _of_line(understood: following.Understood, wanted: Collection[Scope]) -> Offer:
    line = understood.line
    assert line.scope is not None  # noqa: S101  # the caller asks about no others
    held = {True: sentences.HELD, False: sentences.WISH, None: sentences.UNKNOWN}[understood.found]
    return Offer(line.scope, sentences.of_offer(line.scope), held, line.scope in wanted, line=line.number)


def _of_one(scope: Scope, wanted: Collection[Scope]) -> tuple[list[Offer], str]:
    holdings = _holdings(scope)
    figures = [(holding.release, holding.documents) for holding in holdings]
    held = sentences.of_held(figures, incomplete=bool(lookup.gaps().about(scope.kind)))
    main = Offer(scope, sentences.of_offer(scope), held, scope in wanted, main=True)
    parts = _PARTS.get(scope.kind)
    found, note = parts(scope, holdings) if parts else ({}, "")
    return [main, *(_part(part, each, wanted) for part, each in found.items())], note


def _part(scope: Scope, figures: Iterable[tuple[str, int]], wanted: Collection[Scope]) -> Offer:
    return Offer(scope, sentences.of_offer(scope), sentences.of_held(list(figures)), scope in wanted)


def _holdings(scope: Scope, release: str | None = None, after: int | None = None) -> list[lookup.Holding]:
    try:
        return lookup.holdings(scope, release=release, after=after, limit=lookup.PAGE_MOST)
    except lookup.NoRelease:
        return []


_Found = dict[Scope, list[tuple[str, int]]]


def _repositories(scope: Scope, holdings: Sequence[lookup.Holding]) -> tuple[_Found, str]:
    """The repositories of an account, with how many files each release holds of them."""
    found: _Found = {}
    for holding in holdings:
        for bucket in holding.repositories:
            if part := _scope(f"repo:{bucket.value}"):
                found.setdefault(part, []).append((holding.release, bucket.documents))
    cut = any(len(holding.repositories) >= lookup.BUCKETS for holding in holdings)
    return found, f"The {lookup.BUCKETS} largest repositories are shown." if cut else ""


def _folders(scope: Scope, holdings: Sequence[lookup.Holding]) -> tuple[_Found, str]:
    """The first step of each path of a repository, with how many files each release holds below it."""
    found: _Found = {}
    cut = False
    for holding in holdings:
        counts: dict[Scope, int] = {}
        for pages, page in enumerate(_pages(scope, holding), start=1):
            for place in page.places:
                if part := _scope(f"path:{scope.value}/{place.path.strip('/').partition('/')[0]}"):
                    counts[part] = counts.get(part, 0) + 1
            if pages == MOST_PAGES:
                cut = cut or page.next is not None
                break
        for part, count in counts.items():
            found.setdefault(part, []).append((holding.release, count))
    most = MOST_PAGES * lookup.PAGE_MOST
    return found, f"Only the first {most:,} files were looked through for folders; others can be named." if cut else ""


def _pages(scope: Scope, first: lookup.Holding) -> Iterator[lookup.Holding]:
    page: lookup.Holding | None = first
    while page is not None:
        yield page
        following_page = _holdings(scope, page.release, page.next) if page.next is not None else []
        page = following_page[0] if following_page else None


def _repository(scope: Scope, holdings: Sequence[lookup.Holding]) -> tuple[_Found, str]:
    """The repository that a path lies in."""
    whole = parse_scope(f"repo:{'/'.join(scope.value.split('/')[:2])}")
    return {whole: [(holding.release, holding.documents) for holding in _holdings(whole)]}, ""


_PARTS = {ScopeKind.ACCOUNT: _repositories, ScopeKind.REPO: _folders, ScopeKind.PATH: _repository}


def _scope(text: str) -> Scope | None:
    """The scope, where there is one that names this."""
    try:
        return parse_scope(text)
    except ValueError:
        return None
