"""The rules by which a proven claim is accepted, or handed to a person. Pure: facts in, decision out.

What is proven and owned is accepted. The table names everything else; the first rule that applies decides. No rule
denies: only a person does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from optout.ownership.base import SubjectKind
from search.scope import Scope, ScopeKind

MOST_REPOSITORIES = 1000
"""A claim that reaches into more of them is looked at by a person."""


class Verdict(StrEnum):
    ACCEPT = "accept"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a claim to `scope` that a proof was given for, when it is decided."""

    scope: Scope
    owned: bool
    """Whether the method of proof says that the subject controls the scope."""
    subject: SubjectKind
    young: bool
    """Whether the subject was made after an active release was registered."""
    confirmed: bool
    """Of an account or a content: whether the forge says that what the releases hold of it, if anything, is of the
    account that was proven, and not of one that had the login before. Of other scopes it says nothing."""
    repositories: int | None
    """How many the active releases hold of the scope, counted up to a little above the limit; None: not counted."""
    of_others: int | None
    """How many of them belong to others than the proven subject."""
    rivals: int
    """Claims of other subjects to the same scope that are proven."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`code` is `proven` or names the rule that asks for a person; `sentence` is for that person."""

    verdict: Verdict
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Rule:
    code: str
    applies: Callable[[Facts], bool]
    sentence: str


ROLE_NAMES = frozenset(
    {
        "abuse", "admin", "administrator", "bot", "build", "ci", "contact", "dev", "donotreply", "github", "hello",
        "hostmaster", "info", "legal", "mail", "maintainers", "no-reply", "no_reply", "noreply", "office", "postmaster",
        "press", "privacy", "root", "sales", "security", "support", "team", "webmaster",
    }
)  # fmt: skip
"""Names before the @ that belong to a function or a machine, and to nobody alone (RFC 2142 has some of them)."""

EXAMPLES = frozenset({"example.com", "example.net", "example.org"})
"""Domains that stand in documents for any other (RFC 2606)."""


def shared_address(address: str) -> bool:
    """Whether an address is likely to belong to several people, to a machine, or to nobody."""
    name, _, host = address.lower().rpartition("@")
    local = name.partition("+")[0]
    labels = host.split(".")
    return local in ROLE_NAMES or any(label in {"noreply", "localhost"} for label in labels) or host in EXAMPLES


RULES = (
    Rule("not_owned", lambda f: not f.owned, "the proof does not show control of the scope"),
    Rule("other_claimant", lambda f: f.rivals > 0, "another subject has proven control of the same scope"),
    Rule(
        "organisation",
        lambda f: f.subject is SubjectKind.ORGANISATION,
        "the subject is an organisation, and the proof is not that of one who administers it",
    ),
    Rule("young_subject", lambda f: f.young, "the account is younger than a release: the name may have been another's"),
    Rule("not_counted", lambda f: f.repositories is None or f.of_others is None, "the index could not be asked"),
    Rule(
        "unconfirmed_account",
        lambda f: f.scope.kind in {ScopeKind.ACCOUNT, ScopeKind.SWHID} and not f.confirmed,
        "no repository that the releases hold under this name could be tied to the account",
    ),
    Rule(
        "many_repositories",
        lambda f: (f.repositories or 0) > MOST_REPOSITORIES,
        f"the scope reaches into more than {MOST_REPOSITORIES:,} repositories",
    ),
    Rule(
        "held_by_others",
        lambda f: f.scope.kind is ScopeKind.SWHID and (f.of_others or 0) > 0,
        "repositories that do not belong to the proven subject hold the content as well",
    ),
    Rule(
        "shared_address",
        lambda f: f.scope.kind is ScopeKind.EMAIL and shared_address(f.scope.value),
        "the address looks like that of a function or a machine",
    ),
)


def decide(facts: Facts) -> Decision:
    for rule in RULES:
        if rule.applies(facts):
            return Decision(Verdict.REVIEW, rule.code, rule.sentence)
    return Decision(Verdict.ACCEPT, "proven", "proven and owned")
