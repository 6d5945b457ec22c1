"""Door of the releases: write down what a release is made of, once.

Registering the same shards again changes nothing, and other ones are refused: a release never changes.
"""

from collections.abc import Sequence
from pathlib import Path

from django.db import transaction

from governance.storage import Location, StorageError, location
from search.ingest import IngestError, release_named
from search.layouts import ColumnMap
from search.models import Dataset, Release, Shard
from search.shards import ShardError, ShardFacts, inspect_shard

MOST_LETTERS = 100


def dataset_of(release: str) -> str:
    """The dataset that a release's name tells: what stands before its version (stack-sample-2026-11, stack-v3)."""
    words = release.split("-")
    ends = next((i for i, word in enumerate(words) if word.removeprefix("v")[:1].isdigit()), len(words))
    return "-".join(words[:ends]) or release


def find_shards(places: Sequence[str]) -> list[str]:
    """The Parquet files that `places` name: files, or folders with everything below them, in order.

    Of what is on this machine the paths, of what is on a server the URLs.
    """
    shards: list[str] = []
    for place in places:
        try:
            shards += _shards_of(location(place))
        except StorageError as error:
            raise IngestError(str(error)) from None
    return list(dict.fromkeys(shards))


def _shards_of(place: Location) -> list[str]:
    if not place.is_folder():
        return [_address(place)]
    found = place.below(".parquet")
    if not found:
        raise IngestError(f"{place}: holds no .parquet file")
    return [_address(shard) for shard in found]


def _address(place: Location) -> str:
    return str(place.local or place)


def register(
    name: str,
    shards: Sequence[str | Path],
    *,
    dataset: str,
    parent: str | None = None,
    exclusion_list: int | None = None,
    origin: str | None = None,
    columns: ColumnMap | None = None,
) -> Release:
    """Write a release and its shards down, or nothing at all where one shard cannot be read.

    `exclusion_list` is the number of the list with which `parent` was filtered. Shards without a row (all of theirs was
    filtered out) are left out. `columns` says what is where in shards whose schema does not tell. The same shards again
    are the release that is there; other ones are refused, since a release never changes.
    """
    _check_name(name)
    if exclusion_list is not None and parent is None:
        raise IngestError(f"release {name!r}: whoever names an exclusion list must name the parent that was filtered")
    inspected = _inspect_all(shards, columns, repeats=exclusion_list is not None)
    held = [(shard, fact) for shard, fact in inspected if fact.rows]
    if not held:
        raise IngestError(f"release {name!r}: no shard holds a row")
    if there := Release.objects.filter(name=name).select_related("parent").first():
        _check_same(there, [fact for _, fact in held], parent, exclusion_list)
        _check_same_columns(there, columns)
        return there
    with transaction.atomic():
        owner, _ = Dataset.objects.get_or_create(name=dataset, defaults={"origin": origin} if origin else {})
        release = Release.objects.create(
            dataset=owner,
            name=name,
            parent=release_named(parent) if parent else None,
            exclusion_list=exclusion_list,
        )
        records = (_record(release, number, *found, columns) for number, found in enumerate(held))
        Shard.objects.bulk_create(records, batch_size=500)
    return release


def _record(release: Release, number: int, url: str, fact: ShardFacts, columns: ColumnMap | None) -> Shard:
    return Shard(
        release=release,
        number=number,
        url=url,
        layout=fact.layout,
        digest=fact.digest,
        bytes=fact.bytes,
        rows=fact.rows,
        documents=fact.documents,
        text_bytes=fact.text_bytes,
        columns=_stored(columns),
    )


def _check_name(name: str) -> None:
    """A name becomes the name of a folder and a part of addresses."""
    plain = all(letter.isascii() and (letter.isalnum() or letter in "-_.") for letter in name)
    if not plain or not name[:1].isalnum() or len(name) > MOST_LETTERS:
        raise IngestError(
            f"release {name[:MOST_LETTERS]!r}: a name has 1 to {MOST_LETTERS} letters, digits, '-', '_' and '.', "
            "and begins with a letter or a digit"
        )


def _check_same(release: Release, facts: Sequence[ShardFacts], parent: str | None, exclusion_list: int | None) -> None:
    registered = set(release.shards.values_list("digest", flat=True))
    if registered != {fact.digest for fact in facts}:
        raise IngestError(
            f"release {release.name!r} is registered with other shards, and a release never changes: "
            "give the new ones a name of their own"
        )
    known = (release.parent.name if release.parent else None, release.exclusion_list)
    if known != (parent, exclusion_list):
        raise IngestError(
            f"release {release.name!r} is registered with parent {known[0]} and exclusion list {known[1]}"
        )


def _check_same_columns(release: Release, columns: ColumnMap | None) -> None:
    if any(stored != _stored(columns) for stored in release.shards.values_list("columns", flat=True)):
        raise IngestError(f"release {release.name!r} is registered with another column map")


def _stored(columns: ColumnMap | None) -> dict[str, str]:
    return columns.stored() if columns else {}


def _inspect_all(
    shards: Sequence[str | Path], columns: ColumnMap | None, *, repeats: bool
) -> list[tuple[str, ShardFacts]]:
    """`repeats` may be there where shards were filtered: two that differed in what is gone are the same then."""
    inspected, problems = [], []
    seen: dict[str, str] = {}
    for shard in map(str, shards):
        try:
            fact = inspect_shard(shard, columns)
        except (ShardError, StorageError) as error:
            problems.append(str(error))
            continue
        if fact.rows and fact.digest in seen:
            if repeats:
                continue
            problems.append(f"{shard}: is the same file as {seen[fact.digest]}")
        seen[fact.digest] = shard
        inspected.append((shard, fact))
    if problems:
        raise IngestError("\n".join([*problems, "Nothing was registered."]))
    return inspected
