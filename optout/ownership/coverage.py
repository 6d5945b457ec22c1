"""Which scopes a proof covers: the rules that lead from a proven account or repository to what was asked.

Scopes name accounts and repositories as datasets do, without a forge. So only a proof at the forge that datasets take
their names from (`Forge.home`) covers any of them.
"""

import time
from collections.abc import Callable, Iterable

from optout.ownership.base import Covered, Ground, NotProven, Problem, SubjectKind, is_plain_name
from optout.ownership.forge_api import ForgeApi
from optout.ownership.forges import Forge, Repository, User
from search.scope import Scope, ScopeKind, parse_scope

MOST_QUESTIONS = 100
MOST_SECONDS = 10.0
"""Of asking a forge about what was claimed, after the proof itself. What is not asked is covered by name alone, if
it is."""

SENTENCES = {
    Ground.ACCOUNT: "{what} is in the proven account {subject}.",
    Ground.REPOSITORY: "{what} is the proven repository, or in it.",
    Ground.RENAMED: "{what} is called {now} today, which is proven.",
    Ground.PROFILE: "{subject} is the account whose profile repository was proven.",
    Ground.ADDRESS: "{what} received the code.",
    Ground.OTHER_FORGE: "The names in the datasets are those of another forge than {forge}; the same name there may be "
    "somebody else's.",
    Ground.OTHER_ACCOUNT: "{what} is another account than the proven {subject}.",
    Ground.OTHER_OWNER: "{what} is {now} today, which belongs to another account than {subject}.",
    Ground.OTHER_REPOSITORY: "{what} is not in the proven repository {subject}.",
    Ground.OTHER_ADDRESS: "{what} is another address than the one that received the code.",
    Ground.FORK: "{subject} is a fork of {what}; write access to a fork shows nothing about what it was made from.",
    Ground.ORGANISATION: "Write access to a repository does not show control of all of the organisation {subject}.",
    Ground.GONE: "{what} is not at {forge} any more, so nothing shows whose it was.",
    Ground.NOT_ASKED: "{what} is not in the proven account {subject}, and there was no time to ask {forge} whether it "
    "has moved there. Ask about fewer repositories at a time.",
    Ground.NOT_SHOWN: "This method of proof shows nothing about {kind} scopes.",
}
"""What each ground says to people. Those from OTHER_FORGE on do not cover."""

COVERING = frozenset({Ground.ACCOUNT, Ground.REPOSITORY, Ground.RENAMED, Ground.PROFILE, Ground.ADDRESS})

Rule = Callable[[Scope], Covered]


def verdict(scope: Scope, ground: Ground, *, names: Iterable[str] = (), **details: str) -> Covered:
    sentence = SENTENCES[ground].format(what=scope.value, kind=scope.kind, **details)
    return Covered(str(scope), ground in COVERING, ground, sentence, tuple(names))


def covered_by_account(scopes: Iterable[str], user: User, api: ForgeApi) -> tuple[Covered, ...]:
    """What the holder of a person's account controls: the account, what lies in it by name, and what moved into it."""
    asked = _Asked(api)
    rules: dict[ScopeKind, Rule] = {
        ScopeKind.ACCOUNT: lambda scope: _account(scope, user, asked),
        ScopeKind.REPO: lambda scope: _in_account(scope, user, asked),
        ScopeKind.PATH: lambda scope: _in_account(scope, user, asked),
    }
    parsed = [parse_scope(scope) for scope in scopes]
    # Those outside the account depend on the forge's answer, the others are only put right by it: ask for them first.
    by_need = sorted(parsed, key=lambda scope: _owner(scope) == user.login.lower())
    found = {scope: _ruled(scope, rules, api.forge) for scope in by_need}
    return tuple(found[scope] for scope in parsed)


def covered_by_repository(
    scopes: Iterable[str], repository: Repository, claimed: str, owner: User, forge: Forge
) -> tuple[Covered, ...]:
    """What write access to a repository shows. `claimed` is the name that led to it."""
    names = {repository.full_name.lower(), claimed.lower()}
    rules: dict[ScopeKind, Rule] = {
        ScopeKind.ACCOUNT: lambda scope: _profile(scope, repository, owner),
        ScopeKind.REPO: lambda scope: _in_repository(scope, repository, names),
        ScopeKind.PATH: lambda scope: _in_repository(scope, repository, names),
    }
    return tuple(_ruled(parse_scope(scope), rules, forge) for scope in scopes)


def covered_by_address(scopes: Iterable[str], address: str) -> tuple[Covered, ...]:
    """What access to a mailbox shows: the scope of exactly that address."""

    def rule(scope: Scope) -> Covered:
        return verdict(scope, Ground.ADDRESS if scope.value == address.lower() else Ground.OTHER_ADDRESS)

    return tuple(_ruled(parse_scope(scope), {ScopeKind.EMAIL: rule}, None) for scope in scopes)


def _ruled(scope: Scope, rules: dict[ScopeKind, Rule], forge: Forge | None) -> Covered:
    rule = rules.get(scope.kind)
    if rule is None:
        return verdict(scope, Ground.NOT_SHOWN)
    if forge and not forge.home:
        return verdict(scope, Ground.OTHER_FORGE, forge=forge.name)
    return rule(scope)


class _Asked:
    """What a forge says of names, each asked once; at some point no more are asked."""

    def __init__(self, api: ForgeApi) -> None:
        self._api = api
        self.forge = api.forge.name
        self._left = MOST_QUESTIONS
        self._end = time.monotonic() + MOST_SECONDS
        self._answers: dict[str, User | Repository | Ground] = {}

    def user(self, login: str) -> User | Ground:
        answer = self._ask(login, self._api.user)
        return answer if isinstance(answer, User | Ground) else Ground.GONE

    def repository(self, name: str) -> Repository | Ground:
        answer = self._ask(name, self._api.repository)
        return answer if isinstance(answer, Repository | Ground) else Ground.GONE

    def _ask(self, name: str, question: Callable[[str], User | Repository]) -> User | Repository | Ground:
        """What there is of that name, GONE, or NOT_ASKED."""
        if name not in self._answers:
            self._answers[name] = self._answer(name, question)
        return self._answers[name]

    def _answer(self, name: str, question: Callable[[str], User | Repository]) -> User | Repository | Ground:
        if not all(map(is_plain_name, name.split("/"))):
            return Ground.GONE  # a name that no forge gives
        if not self._left or time.monotonic() > self._end:
            return Ground.NOT_ASKED
        self._left -= 1
        try:
            return question(name)
        except NotProven as error:
            if error.code in {Problem.NO_SUCH_ACCOUNT, Problem.NO_SUCH_REPOSITORY}:
                return Ground.GONE
            self._left = 0  # a forge that wants rest gets it
            return Ground.NOT_ASKED


def _account(scope: Scope, user: User, asked: _Asked) -> Covered:
    if scope.value == user.login.lower():
        return verdict(scope, Ground.ACCOUNT, subject=user.login)
    there = asked.user(scope.value)
    if isinstance(there, Ground):
        return verdict(scope, there, subject=user.login, forge=asked.forge)
    if there.id != user.id:
        return verdict(scope, Ground.OTHER_ACCOUNT, subject=user.login)
    return verdict(scope, Ground.RENAMED, now=user.login, names=[f"{ScopeKind.ACCOUNT}:{user.login.lower()}"])


def _in_account(scope: Scope, user: User, asked: _Asked) -> Covered:
    name = _repository_name(scope)
    there = asked.repository(name)
    if isinstance(there, Ground):
        # Deleted, private or not asked for: the name lies in the account still, and nobody else can take it.
        inside = _owner(scope) == user.login.lower()
        return verdict(scope, Ground.ACCOUNT if inside else there, subject=user.login, forge=asked.forge)
    if there.owner_id != user.id:
        return verdict(scope, Ground.OTHER_OWNER, now=there.full_name, subject=user.login)
    if there.full_name.lower() == name:
        return verdict(scope, Ground.ACCOUNT, subject=user.login)
    return verdict(scope, Ground.RENAMED, now=there.full_name, names=[_renamed(scope, there.full_name)])


def _profile(scope: Scope, repository: Repository, owner: User) -> Covered:
    login = owner.login
    if scope.value != login.lower():
        return verdict(scope, Ground.OTHER_ACCOUNT, subject=login)
    if repository.full_name.lower() != f"{login}/{login}".lower():
        return verdict(scope, Ground.OTHER_REPOSITORY, subject=repository.full_name)
    if owner.kind is not SubjectKind.USER:
        return verdict(scope, Ground.ORGANISATION, subject=login)
    return verdict(scope, Ground.PROFILE, subject=login)


def _in_repository(scope: Scope, repository: Repository, names: set[str]) -> Covered:
    name, now = _repository_name(scope), repository.full_name
    if name == now.lower():
        return verdict(scope, Ground.REPOSITORY)
    if name in names:
        return verdict(scope, Ground.RENAMED, now=now, names=[_renamed(scope, now)])
    ground = Ground.FORK if name == repository.parent.lower() else Ground.OTHER_REPOSITORY
    return verdict(scope, ground, subject=now)


def _owner(scope: Scope) -> str:
    return scope.value.partition("/")[0]


def _repository_name(scope: Scope) -> str:
    return "/".join(scope.value.split("/")[:2])


def _renamed(scope: Scope, full_name: str) -> str:
    """The same scope under another name of its repository."""
    return "/".join([f"{scope.kind}:{full_name.lower()}", *scope.value.split("/")[2:]])
