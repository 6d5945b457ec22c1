"""What the pages of "Take it out" say: headings, offers, errors. Pure."""

from collections.abc import Sequence
from datetime import datetime

from frontend.answers import number
from search.scope import Scope, ScopeKind

WISH = "No release shows anything of it now. You can ask all the same: it is kept as a wish for the releases to come."
HELD = "A release holds something of it."
UNKNOWN = "Nothing of it was found, but not all of our releases could be asked or read. You can ask all the same."


def of_choice(scopes: Sequence[Scope], lines: int) -> str:
    """The heading over what can be ticked, of so many lines that said something."""
    if lines == 1:
        return f"What shall go of {scopes[0].value}?"
    if len(scopes) == lines:
        return f"All {lines:,} lines are understood. What shall go?"
    verb = "is" if len(scopes) == 1 else "are"
    return f"{len(scopes):,} of {lines:,} lines {verb} understood. What shall go?"


def of_offer(scope: Scope) -> str:
    """What ticking it means."""
    return _OFFERS[scope.kind].format(scope.value)


_OFFERS = {
    ScopeKind.ACCOUNT: "Everything of the account {}, also what comes later",
    ScopeKind.REPO: "The repository {}",
    ScopeKind.PATH: "{}, and everything below it",
    ScopeKind.SWHID: "This content, in whatever repository it is: {}",
    ScopeKind.EMAIL: "Every file whose text holds {}",
}


def of_others(scope: Scope) -> str:
    """The legend over what else can be ticked beside the scope."""
    return _OTHERS[scope.kind]


_OTHERS = {
    ScopeKind.ACCOUNT: "Or single repositories",
    ScopeKind.REPO: "Or only parts of it",
    ScopeKind.PATH: "Or all of its repository",
    ScopeKind.SWHID: "Or something else",
    ScopeKind.EMAIL: "Or something else",
}


def of_held(figures: Sequence[tuple[str, int]], *, incomplete: bool = False) -> str:
    """`tiny-2026-11 holds 2 files of it`; of several releases each, and those that hold nothing not at all.

    `incomplete`: not all that was asked could be read.
    """
    held = [f"{release} holds {number(documents, 'file')} of it" for release, documents in figures if documents]
    if held:
        return "; ".join(held) + "."
    return UNKNOWN if incomplete else WISH


def of_selection(scopes: Sequence[Scope]) -> str:
    """`3 things: 2 repositories and 1 account`."""
    counts = [(sum(scope.kind is kind for scope in scopes), kind) for kind in ScopeKind]
    parts = [number(count, *_KINDS[kind]) for count, kind in counts if count]
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


_KINDS = {
    ScopeKind.ACCOUNT: ("account", "accounts"),
    ScopeKind.REPO: ("repository", "repositories"),
    ScopeKind.PATH: ("file or folder", "files or folders"),
    ScopeKind.SWHID: ("content", "contents"),
    ScopeKind.EMAIL: ("e-mail address", "e-mail addresses"),
}


def of_outcome(covered: int, uncovered: int) -> str:
    """What a proof led to."""
    if not uncovered:
        return "Proven. It is hidden from every answer now."
    if not covered:
        return "The proof is good, but nothing of what you ask for is covered by it."
    return f"{covered:,} of {covered + uncovered:,} are proven, and hidden from every answer now."


def of_clock(created: datetime, due: datetime, now: datetime) -> str:
    """How much of the time to decide is over: `Day 3 of 30.`, or that it is late."""
    days = (due - created).days
    if now >= due:
        return f"More than {days} days have passed. We are late, and sorry."
    return f"Day {(now - created).days + 1} of {days}."
