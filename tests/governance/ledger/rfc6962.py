"""The oracle: RFC 6962 section 2.1 word for word, recursive, on lists of leaves. Shares nothing with our code."""

from hashlib import sha256

Leaves = list[bytes]


def largest_power_of_two_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: Leaves) -> bytes:
    """Merkle Tree Hash, section 2.1."""
    if not d:
        return sha256().digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = largest_power_of_two_below(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Leaves) -> list[bytes]:
    """Merkle audit path, section 2.1.1."""
    if len(d) == 1:
        return []
    k = largest_power_of_two_below(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def proof(m: int, d: Leaves) -> list[bytes]:
    """Merkle consistency proof, section 2.1.2."""
    return subproof(m, d, True)


def subproof(m: int, d: Leaves, b: bool) -> list[bytes]:
    if m == len(d):
        return [] if b else [mth(d)]
    k = largest_power_of_two_below(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def root_from_path(leaf: bytes, m: int, n: int, hashes: list[bytes]) -> bytes:
    """The root that an audit path leads to, by the recursion that made it."""
    if n == 1:
        assert not hashes
        return sha256(b"\x00" + leaf).digest()
    k = largest_power_of_two_below(n)
    if m < k:
        return sha256(b"\x01" + root_from_path(leaf, m, k, hashes[:-1]) + hashes[-1]).digest()
    return sha256(b"\x01" + hashes[-1] + root_from_path(leaf, m - k, n - k, hashes[:-1])).digest()
