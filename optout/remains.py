"""What of a list is left in a release: in its index, under the names that the list gives, in the shards themselves.

Shares no matching code with the filter, whose work it checks. Each question gives the id of an exclusion -> files left.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

from django.conf import settings

from governance.storage import Location
from optout.exclusion_list import Exclusion, ListedDocument
from optout.moving import AT_ONCE
from search import unmasked
from search.documents import key_of
from search.layouts import ColumnMap
from search.models import Build, Shard
from search.patterns import find_emails
from search.scope import IN_TEXTS, Scope, keys_of_contents, keys_of_emails, keys_of_place, parse_scope
from search.shards import as_registered, read_places, read_unusable
from search.swhid import of_content


def in_index(build: Build, exclusions: Iterable[Exclusion]) -> dict[str, int]:
    counts = {exclusion.id: unmasked.count(build, _scopes(exclusion)) for exclusion in exclusions}
    return {exclusion: count for exclusion, count in counts.items() if count}


def by_name(build: Build, documents: Iterable[ListedDocument]) -> dict[str, int]:
    """What the list names document by document."""
    left: Counter[str] = Counter()
    waiting = iter(documents)
    while some := list(islice(waiting, AT_ONCE)):
        keys = {
            key_of(d.repository, d.path, d.swhid, by_name=alone): d.exclusion for d in some for alone in (False, True)
        }
        left.update(keys[key] for key in unmasked.present(build, keys))
    return dict(left)


def in_shard(shard: Shard, exclusions: list[Exclusion], known: Mapping[str, int]) -> dict[str, int]:
    """Of exclusions that are not known to be left as it is; raises ShardError or StorageError."""
    columns = ColumnMap.of(shard.columns)
    # What the receipt is about, and not what stands at that address today.
    with as_registered(shard.url, shard.digest) as file:
        names = _by_names(file, columns, exclusions, known)
        return names | _in_texts(file, columns, exclusions, {**known, **names})


def _by_names(
    shard: Location, columns: ColumnMap | None, exclusions: Iterable[Exclusion], known: Mapping[str, int]
) -> dict[str, int]:
    """By names alone, of every file: those that no index holds (binary, too large) must be gone as well."""
    owner = _owners(exclusions)
    left: Counter[str] = Counter()
    for place in read_places(shard, columns):
        left.update({owner[key] for key in keys_of(place) & owner.keys()})
    return {exclusion: count for exclusion, count in left.items() if exclusion not in known}


def _in_texts(
    shard: Location, columns: ColumnMap | None, exclusions: Iterable[Exclusion], known: Mapping[str, int]
) -> dict[str, int]:
    """By contents and addresses, of the files that no index holds; their texts are read where a scope asks for it."""
    owner = _owners(exclusion for exclusion in exclusions if exclusion.kind in IN_TEXTS and exclusion.id not in known)
    left: Counter[str] = Counter()
    for raw in read_unusable(shard, settings.DOCUMENT_MAX_BYTES, columns) if owner else ():
        if raw.content is None:
            continue  # no text is not the empty one
        text = raw.content.tobytes()
        keys = {*keys_of_contents([of_content(text).core]), *keys_of_emails(find_emails(text))}
        left.update({owner[key] for key in keys & owner.keys()})
    return dict(left)


def _owners(exclusions: Iterable[Exclusion]) -> dict[str, str]:
    """Key of a scope -> id of the exclusion that it belongs to."""
    return {scope.key: exclusion.id for exclusion in exclusions for scope in _scopes(exclusion)}


def _scopes(exclusion: Exclusion) -> list[Scope]:
    return [parse_scope(scope) for scope in (exclusion.scope, *exclusion.names)]


def keys_of(place: tuple[str, str, str]) -> set[str]:
    """The keys of what a shard says of a file: repository, path, declared SWHID."""
    repository, file, swhid = place
    return {*keys_of_place(repository, file), *keys_of_contents([swhid] if swhid else [])}
