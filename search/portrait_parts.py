"""The portrait of a build: put together from the fingerprints of its shards, some of them merged before.

Shards go in groups. As soon as all of a group are done, any worker can make a portrait of them alone; sealing merges
those that are there and adds the lists of the other shards. Since a filter is the OR of what is in it, the portrait is
the same bit for bit, whichever parts were made.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from django.conf import settings

from governance.spooling import held
from governance.storage import Location, location
from search import prints
from search.analysis.fingerprints import PROFILES
from search.models import Build
from search.opened import portraits
from search.portrait import Portrait, PortraitError, PortraitWriter, expected_keys, size_for
from search.portraits import store

SHARDS_OF_A_GROUP = 16
"""Fewer are not worth a part: it is as large as the whole portrait."""

MOST_GROUPS = 8
"""So that merging reads little more than the lists would have been."""


def groups_of(shards: int) -> list[range]:
    """The numbers of the shards of each group, of a release that has so many; none where it is not worth it."""
    groups = min(MOST_GROUPS, shards // SHARDS_OF_A_GROUP)
    edges = [shards * place // groups for place in range(groups + 1)] if groups > 1 else [0]
    return [range(start, end) for start, end in pairwise(edges)]


def group_of(shard: int, shards: int) -> int | None:
    return next((place for place, numbers in enumerate(groups_of(shards)) if shard in numbers), None)


def empty_portrait(current: Build, text_bytes: int) -> PortraitWriter:
    """Of the size that the release needs, whatever part of it is put in."""
    expected = expected_keys(text_bytes, PROFILES[current.profile].window)
    geometry = size_for(expected, settings.PORTRAIT_ERROR_RATE)
    return PortraitWriter(geometry, spec=current.spec, profile=current.profile)


def write_part(current: Build, group: int, shards: Sequence[int], text_bytes: int) -> None:
    """Make the portrait of a group whose shards are all done. Raises StorageError or PortraitError."""
    writer = empty_portrait(current, text_bytes)
    for number in shards:
        writer.add(prints.load(portraits().url, current.name, number))
    store(writer, _part(current, group), release=current.release.name)


def gather(current: Build, writer: PortraitWriter, done: Sequence[int], shards: int) -> None:
    """Put the fingerprints of the `done` shards into `writer`, of a release of so many shards."""
    left = set(done)
    for group, numbers in enumerate(groups_of(shards)):
        part = _part(current, group)
        if left.issuperset(numbers) and part.exists():
            # One that is damaged, or was made for another error rate, is done without: the lists are there.
            with suppress(PortraitError):
                _merge(writer, part)
                left.difference_update(numbers)
    for number in sorted(left):
        writer.add(prints.load(portraits().url, current.name, number))


def _merge(writer: PortraitWriter, part: Location) -> None:
    with held(part) as file:
        portrait = Portrait.open(Path(str(file.place.local)))
        # A part may have been on its way through anything.
        portrait.verify()
        writer.merge(portrait)


def remove_parts(current: Build) -> None:
    """What was only needed to make the portrait. Raises StorageError."""
    for folder in (prints.lists_of(portraits().url, current.name), _parts(current)):
        for file in folder.below():
            file.delete()
        if folder.local:
            shutil.rmtree(folder.local, ignore_errors=True)


def _parts(current: Build) -> Location:
    return location(portraits().url).child(f"{current.name}/parts-of-portrait")


def _part(current: Build, group: int) -> Location:
    return _parts(current).child(f"{group:03d}")
