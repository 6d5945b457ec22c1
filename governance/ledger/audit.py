"""Door of the ledger's audit: everything read again, every hash made again, every checkpoint compared.

It begins with no knowledge but the ledger's name and key, and stops at the first place that is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Max

from governance.ledger import log
from governance.ledger.entries import TIME, EntryError, parse
from governance.ledger.log import LedgerDamaged
from governance.ledger.merkle import Frontier, Place, leaf_hash
from governance.ledger.models import Checkpoint, Entry, Node

CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found whole."""

    entries: int
    nodes: int
    checkpoints: int
    root: bytes


def verify() -> Verified:
    """Raises LedgerDamaged, which says what the first wrong place is. Entries that are added meanwhile are left out."""
    # In this order, so that what a writer adds meanwhile is never taken for something without its entries.
    tops = dict(Node.objects.values("level").annotate(top=Max("index")).values_list("level", "top"))
    last = log.latest_checkpoint()
    size = log.size()
    if last and last.size > size:
        raise LedgerDamaged(f"there are {size} entries, and a {last}")
    for level, top in sorted(tops.items()):
        if level < 1 or top >= size >> level:
            raise LedgerDamaged(f"node {level}/{top} (level/index) stands for entries that are not there")
    tree, checkpoints = Frontier(), _verify_checkpoints(Frontier(), _checkpoints(-1, 0))
    while tree.size < size:
        tree, signed = _verify_chunk(tree, min(size, tree.size + CHUNK))
        checkpoints += signed
    return Verified(size, size - size.bit_count(), checkpoints, tree.root)


def _verify_chunk(tree: Frontier, end: int) -> tuple[Frontier, int]:
    """The tree after the entries up to `end`, and how many checkpoints are over them."""
    nodes, checkpoints, signed = _nodes(tree.size, end), _checkpoints(tree.size, end), 0
    for entry in Entry.objects.filter(index__gte=tree.size, index__lt=end).order_by("index"):
        if entry.index != tree.size:
            break
        _verify_entry(entry)
        tree, made = tree.with_leaf(leaf_hash(bytes(entry.data)))
        for place, digest in made:
            _verify_node(place, digest, nodes)
        signed += _verify_checkpoints(tree, checkpoints)
    if tree.size != end:
        raise LedgerDamaged(f"entry {tree.size} is missing")
    return tree, signed


def _nodes(begin: int, end: int) -> dict[Place, bytes]:
    """Those that become complete with the leaves from `begin` to before `end`."""
    return {
        (level, index): bytes(digest)
        for level in range(1, end.bit_length())
        for index, digest in Node.objects.filter(
            level=level, index__gte=begin >> level, index__lt=end >> level
        ).values_list("index", "hash")
    }


def _checkpoints(begin: int, end: int) -> dict[int, Checkpoint]:
    """Those over more than `begin` entries, and not more than `end`."""
    return {checkpoint.size: checkpoint for checkpoint in Checkpoint.objects.filter(size__gt=begin, size__lte=end)}


def _verify_entry(entry: Entry) -> None:
    data = bytes(entry.data)
    if bytes(entry.leaf_hash) != leaf_hash(data):
        raise LedgerDamaged(f"entry {entry.index}: its leaf hash is not that of its bytes")
    try:
        fields = parse(data)
    except EntryError as error:
        raise LedgerDamaged(f"entry {entry.index}: {error}") from None
    for name, told in (("kind", entry.kind), ("recorded_at", entry.recorded_at.strftime(TIME))):
        if fields[name] != told:
            raise LedgerDamaged(f"entry {entry.index}: the record says {name} {told}, its bytes {fields[name]}")


def _verify_node(place: Place, digest: bytes, stored: Mapping[Place, bytes]) -> None:
    name = "node {}/{} (level/index)".format(*place)
    if place not in stored:
        raise LedgerDamaged(f"{name} is missing")
    if stored[place] != digest:
        raise LedgerDamaged(f"{name} is not the hash of what is below it")


def _verify_checkpoints(tree: Frontier, checkpoints: Mapping[int, Checkpoint]) -> int:
    """How many of them are over the whole of `tree`: one or none."""
    if (checkpoint := checkpoints.get(tree.size)) is None:
        return 0
    if log.head_of(checkpoint).root != tree.root:
        raise LedgerDamaged(f"{checkpoint}: its root is not that of the entries")
    return 1
