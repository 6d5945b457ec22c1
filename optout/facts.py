"""What the index holds of the scopes of claims: for the policy unmasked, for the requester as it is shown.

Asked before a transaction, never within one: an engine may be a server.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from optout.policy import MOST_REPOSITORIES
from search import masks
from search.engines.base import Clause, EngineError, Facet, Field, Index, Term
from search.lookup import active_releases, gaps
from search.opened import open_build
from search.scope import Scope, ScopeKind

COUNTED = MOST_REPOSITORIES + 1
_ONE_REPOSITORY = frozenset({ScopeKind.REPO, ScopeKind.PATH})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """The repositories that hold documents of a scope, in lower case: `COUNTED` of a release at most."""

    repositories: frozenset[str]

    def of(self, owners: Iterable[str]) -> frozenset[str]:
        """Those that are among `owners` (owner/name) or in an account among them."""
        mine = {name.lower() for name in owners}
        return frozenset(name for name in self.repositories if name in mine or name.partition("/")[0] in mine)


def held(scopes: Sequence[Scope]) -> Mapping[Scope, Held] | None:
    """What the active releases hold of each scope, whether it is masked or not; None where they cannot be asked.

    A scope within one repository is not looked up: it holds that one at most.
    """
    found = {scope: {repository_of(scope)} for scope in scopes if scope.kind in _ONE_REPOSITORY}
    wide = [scope for scope in scopes if scope.kind not in _ONE_REPOSITORY]
    found |= {scope: set() for scope in wide}
    try:
        for index in _indices() if wide else ():
            for scope in wide:
                counted = index.facets(Term(Field.SCOPES, scope.key), Facet.REPOSITORY, limit=COUNTED)
                found[scope] |= {bucket.value.lower() for bucket in counted.buckets}
    except EngineError:
        logger.exception("the index could not be asked what it holds of claims")
        return None
    return {scope: Held(frozenset(repositories)) for scope, repositories in found.items()}


def shown(scopes: Sequence[Scope]) -> Mapping[Scope, bool | None]:
    """Whether each of the scopes matches something which an answer would show.

    None where nobody can say: the index cannot be asked, or not all of the releases could be read.
    """
    present = _present({scope.key: scope for scope in scopes}, masks.visible()) if scopes else frozenset()
    if present is None:
        return dict.fromkeys(scopes)
    unread = gaps()
    return {scope: True if scope in present else None if unread.about(scope.kind) else False for scope in scopes}


def is_unsure(scope: Scope) -> bool:
    """Whether the releases that answer, or should, could not be read as far as a question for that scope goes."""
    return bool(gaps().about(scope.kind))


def _present(by_key: Mapping[str, Scope], where: Clause) -> frozenset[Scope] | None:
    found: set[str] = set()
    try:
        for index in _indices():
            found |= index.present(Field.SCOPES, by_key.keys() - found, where)
    except EngineError:
        logger.exception("the index could not be asked what it shows of claims")
        return None
    return frozenset(by_key[key] for key in found)


def repository_of(scope: Scope) -> str:
    """owner/name, of a scope within one repository."""
    return "/".join(scope.value.split("/")[:2])


def _indices() -> list[Index]:
    return [open_build(release.active_build).index for release in active_releases() if release.active_build]
