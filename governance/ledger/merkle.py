"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) with SHA-256. Pure.

A tree of n leaves is cut into complete subtrees, the hash of each of which never changes once it is full. They are
named by their place (level, index): the 2^level leaves from index * 2^level on; level 0 are the leaves. Proofs
ask a reader for such hashes, at most 2 log n of them, in one call.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Place = tuple[int, int]
"""Level and index of a complete subtree."""
Reader = Callable[[Sequence[Place]], Sequence[bytes]]
"""Gives the hashes of complete subtrees, in the order asked."""
Range = tuple[int, int]
"""Leaves from the first to before the second."""


class ProofError(Exception):
    """A proof that does not prove what it is given for; the message says why."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


# --- Growing ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frontier:
    """All of a tree that further leaves need: its size, and the hashes of its largest complete subtrees in order."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves does not have {len(self.peaks)} peaks")

    @property
    def root(self) -> bytes:
        return _joined(self.peaks)

    def with_leaf(self, leaf: bytes) -> tuple["Frontier", list[tuple[Place, bytes]]]:
        """The tree with one leaf hash more, and the subtrees above level 0 that it makes complete, lowest first."""
        peaks, made, digest = list(self.peaks), [], leaf
        for level in range(1, _trailing_ones(self.size) + 1):
            digest = node_hash(peaks.pop(), digest)
            made.append(((level, self.size >> level), digest))
        return Frontier(self.size + 1, (*peaks, digest)), made


def _trailing_ones(number: int) -> int:
    return ((number + 1) & ~number).bit_length() - 1


def frontier(size: int, read: Reader) -> Frontier:
    return Frontier(size, tuple(read(list(places((0, size))))))


def places(leaves: Range) -> Iterator[Place]:
    """The largest complete subtrees of a range that begins at a multiple of a power of two at least its length."""
    begin, end = leaves
    while begin < end:
        level = (end - begin).bit_length() - 1
        yield level, begin >> level
        begin += 1 << level


def _joined(peaks: Sequence[bytes]) -> bytes:
    """The hash of the range that the peaks make up, left to right."""
    if not peaks:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(peaks))


# --- Proving ----------------------------------------------------------------------------------------


def inclusion(index: int, size: int, read: Reader) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, from the leaf up (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    return _hashes(_path(index, size), read)


def consistency(old: int, new: int, read: Reader) -> list[bytes]:
    """That the tree of `old` leaves is the beginning of that of `new` (RFC 6962 section 2.1.2).

    Empty where `old` is 0 or equal to `new`, as in C2SP's tlog-witness.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves has no beginning of {old}")
    return _hashes(_growth(old, new) if 0 < old < new else [], read)


def _path(index: int, size: int) -> list[Range]:
    """The siblings on the way from leaf `index` to the root."""
    begin, end, siblings = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((begin, middle))
            begin = middle
    return siblings[::-1]


def _growth(old: int, new: int) -> list[Range]:
    begin, end, ranges = 0, new, []
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    if begin:  # else what is left is the old tree itself, whose root the verifier has
        ranges.append((begin, end))
    return ranges[::-1]


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _hashes(ranges: list[Range], read: Reader) -> list[bytes]:
    wanted = [list(places(leaves)) for leaves in ranges]
    found = iter(read([place for group in wanted for place in group]))
    return [_joined([next(found) for _ in group]) for group in wanted]


# --- Verifying --------------------------------------------------------------------------------------


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raises ProofError unless the leaf hash stands at `index` in the tree of that root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    _refuse_odd_hashes([leaf, root, *proof])
    place, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if place & 1 or place == last:
            digest = node_hash(sibling, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof is too short")
    if digest != root:
        raise ProofError(f"leaf {index} is not in the tree of {size} leaves with this root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofError unless the old tree is the beginning of the new one (RFC 9162 section 2.1.4.2)."""
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {new} leaves has no beginning of {old}")
    _refuse_odd_hashes([old_root, new_root, *proof])
    if old in {0, new}:
        _verify_trivial(old, new, old_root, new_root, proof)
        return
    place, last, rest = old - 1, new - 1, list(proof)
    while place & 1:
        place, last = place >> 1, last >> 1
    # Where the old tree is complete, its root begins the way and is not repeated in the proof.
    start = rest.pop(0) if place and rest else old_root
    first, second = start, start
    for sibling in rest:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof is too short")
    if (first, second) != (old_root, new_root):
        raise ProofError(f"the tree of {old} leaves is not the beginning of that of {new} with these roots")


def _verify_trivial(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofError("the consistency proof is too long")
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofError("the root of the empty tree is not that of no leaves")
    if old == new and old_root != new_root:
        raise ProofError(f"there are two roots for one tree of {old} leaves")


def _refuse_odd_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(digest) != HASH_BYTES for digest in hashes):
        raise ProofError(f"a hash does not have {HASH_BYTES} bytes")
