"""Door of the releases: write down what a release is made of, once.

Registering the same shards again changes nothing, and other ones are refused: a release never changes.
"""

from collections.abc import Sequence
from pathlib import Path

from django.db import transaction

from search.ingest import IngestError, release_named
from search.models import Dataset, Release, Shard
from search.shards import ShardError, ShardFacts, inspect_shard

MOST_LETTERS = 100


def dataset_of(release: str) -> str:
    """The dataset that a release's name tells: what stands before its version (stack-sample-2026-11, stack-v3)."""
    words = release.split("-")
    ends = next((i for i, word in enumerate(words) if word.removeprefix("v")[:1].isdigit()), len(words))
    return "-".join(words[:ends]) or release


def find_shards(places: Sequence[str]) -> list[Path]:
    """The Parquet files that `places` name: files, or folders with everything below them, in order."""
    paths: list[Path] = []
    for place in places:
        if "://" in place and not place.startswith("file://"):
            raise IngestError(f"{place}: only files and folders of this machine can be registered")
        path = Path(place.removeprefix("file://")).absolute()
        found = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
        if not found:
            raise IngestError(f"{place}: holds no .parquet file")
        paths += found
    return list(dict.fromkeys(paths))


def register(
    name: str,
    paths: Sequence[Path],
    *,
    dataset: str,
    parent: str | None = None,
    exclusion_list: int | None = None,
    origin: str | None = None,
) -> Release:
    """Write a release and its shards down, or nothing at all where one shard cannot be read.

    `exclusion_list` is the number of the list with which `parent` was filtered. Shards without a row (all of theirs was
    filtered out) are left out. The same shards again are the release that is there; other ones are refused, since a
    release never changes.
    """
    _check_name(name)
    if exclusion_list is not None and parent is None:
        raise IngestError(f"release {name!r}: whoever names an exclusion list must name the parent that was filtered")
    held = [(path, fact) for path, fact in _inspect_all(paths) if fact.rows]
    if not held:
        raise IngestError(f"release {name!r}: no shard holds a row")
    if there := Release.objects.filter(name=name).select_related("parent").first():
        _check_same(there, [fact for _, fact in held], parent, exclusion_list)
        return there
    with transaction.atomic():
        owner, _ = Dataset.objects.get_or_create(name=dataset, defaults={"origin": origin} if origin else {})
        release = Release.objects.create(
            dataset=owner,
            name=name,
            parent=release_named(parent) if parent else None,
            exclusion_list=exclusion_list,
        )
        Shard.objects.bulk_create(
            Shard(
                release=release,
                number=number,
                url=str(path),
                layout=fact.layout,
                digest=fact.digest,
                bytes=fact.bytes,
                rows=fact.rows,
                documents=fact.documents,
                text_bytes=fact.text_bytes,
            )
            for number, (path, fact) in enumerate(held)
        )
    return release


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


def _inspect_all(paths: Sequence[Path]) -> list[tuple[Path, ShardFacts]]:
    inspected, problems = [], []
    seen: dict[str, Path] = {}
    for path in paths:
        try:
            fact = inspect_shard(path)
        except ShardError as error:
            problems.append(str(error))
            continue
        if fact.rows and fact.digest in seen:
            problems.append(f"{path}: is the same file as {seen[fact.digest]}")
        seen[fact.digest] = path
        inspected.append((path, fact))
    if problems:
        raise IngestError("\n".join([*problems, "Nothing was registered."]))
    return inspected
