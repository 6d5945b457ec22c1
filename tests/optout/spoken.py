"""A method of proof for tests: who says `number login` is that account, at the forge that the statement names.

It stands in the table of methods beside the real ones, and covers what lies in the account by name.
"""

from datetime import datetime

from optout.ownership.base import Covered, Ground, NotProven, Problem, Proven, Statement, SubjectKind
from optout.ownership.forges import Forge
from search.scope import ScopeKind, parse_scope

METHOD = "spoken"
DOTTED = "tests.optout.spoken.prove"
BUSY = "busy"
OLD_NAME = "old-"
"""An account `x` was called `old-x` before."""


def prove(statement: Statement, answer: str, against: Forge, *, at: datetime | None = None) -> Proven:
    statement.check_current(at)
    if answer == BUSY:
        raise NotProven(Problem.FORGE_UNAVAILABLE, forge=against.name, why="it is busy")
    number, _, login = answer.partition(" ")
    if not number.isdigit() or login != statement.subject:
        raise NotProven(Problem.BAD_SIGNATURE)
    return Proven(
        method=METHOD,
        provider=against.name,
        kind=SubjectKind.USER,
        subject_id=number,
        subject=login,
        covers=tuple(_covered(scope, login) for scope in statement.scopes),
        evidence={"said": answer, "statement": statement.text, "owner": {"kind": kind_of(login)}},
    )


def _covered(text: str, login: str) -> Covered:
    scope = parse_scope(text)
    owner = scope.value.partition("/")[0]
    if scope.kind in {ScopeKind.SWHID, ScopeKind.EMAIL}:
        return Covered(text, False, Ground.NOT_SHOWN, "This method shows nothing about it.")
    if owner == login:
        return Covered(text, True, Ground.ACCOUNT, "It is in the account.")
    if owner == OLD_NAME + login:
        now = f"{scope.kind}:{scope.value.removeprefix(OLD_NAME)}"
        return Covered(text, True, Ground.RENAMED, "It was renamed.", (now,))
    return Covered(text, False, Ground.OTHER_ACCOUNT, f"{scope.value} is not in the account {login}.")


def kind_of(login: str) -> SubjectKind:
    """An account whose name says so belongs to an organisation."""
    return SubjectKind.ORGANISATION if login.endswith("-org") else SubjectKind.USER
