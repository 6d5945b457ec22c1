"""Door of the stewards: what builds hold of scopes, hidden or not.

For decisions, lists and reports. Answers are made by `search.lookup`, which honours the masks.
"""

from collections.abc import Collection, Iterator

from search.engines.base import EVERYTHING, AnyOf, Field, Hit, Term, walk
from search.lookup import active_releases
from search.models import Build
from search.opened import open_build
from search.scope import Scope

AT_ONCE = 1000


def active_builds() -> list[Build]:
    """The builds that answers are made from, by the name of their release."""
    releases = sorted(active_releases(), key=lambda release: release.name)
    return [release.active_build for release in releases if release.active_build]


def documents(build: Build, scope: Scope) -> Iterator[Hit]:
    """Every document of the build that the scope covers, without its text."""
    return walk(open_build(build).index, Term(Field.SCOPES, scope.key), texts=False)


def count(build: Build, scopes: Collection[Scope]) -> int:
    """How many documents of the build at least one of the scopes covers."""
    return open_build(build).index.count(AnyOf(Field.SCOPES, frozenset(scope.key for scope in scopes)))


def held(build: Build, scopes: Collection[Scope]) -> frozenset[Scope]:
    """Those of the scopes that cover a document of the build."""
    by_key = {scope.key: scope for scope in scopes}
    found = open_build(build).index.present(Field.SCOPES, by_key.keys(), EVERYTHING)
    return frozenset(by_key[key] for key in found)


def present(build: Build, keys: Collection[str]) -> frozenset[str]:
    """Those of the document keys (`Document.key`) that the build holds."""
    index = open_build(build).index
    ordered = sorted(keys)
    found: set[str] = set()
    for start in range(0, len(ordered), AT_ONCE):
        some = frozenset(ordered[start : start + AT_ONCE])
        # One count for all of them: as a rule there is none, and then nobody has to look further.
        if index.count(AnyOf(Field.KEY, some)):
            found |= index.present(Field.KEY, some, EVERYTHING)
    return frozenset(found)
