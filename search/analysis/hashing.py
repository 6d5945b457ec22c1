"""Finalisers and the text form of hashes, shared by fingerprints, shingles and bands.

The finalisers are those of MurmurHash3 (Appleby, public domain): bijections in which every input bit changes
every output bit with probability one half.
"""

import numpy as np
from numpy.typing import NDArray

from search.analysis.kernel import inlined, kernel

TERM_BITS = 40
"""Bits of a hash that stand in its term: enough to choose candidates, which are then verified."""

_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8).copy()

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""base64url (RFC 4648, section 5), for terms of 24 bits."""


@inlined
def mix64(value: np.uint64) -> np.uint64:
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@inlined
def mix32(value: np.uint32) -> np.uint32:
    # numba widens uint32 products to 64 bits; the casts keep the arithmetic modulo 2^32.
    value = np.uint32(value ^ (value >> np.uint32(16)))
    value = np.uint32(value * np.uint32(0x85EBCA6B))
    value = np.uint32(value ^ (value >> np.uint32(13)))
    value = np.uint32(value * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(16)))


@kernel
def _write_terms(hashes: NDArray[np.uint64], digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = np.empty(11 * hashes.size, np.uint8)
    for i in range(hashes.size):
        for place in range(10):
            out[11 * i + place] = digits[(hashes[i] >> np.uint64(60 - 4 * place)) & np.uint64(15)]
        out[11 * i + 10] = 32
    return out


def terms_of(hashes: NDArray[np.uint64]) -> str:
    """The index terms of `hashes`, each followed by a blank: the top 40 bits as ten hexadecimal digits."""
    return _write_terms(hashes, _DIGITS).tobytes().decode("ascii")


def distinct(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each of the numbers once, ascending.

    `numpy.unique` puts them into a hash table first, which takes two to ten times as long as this.
    """
    ascending = np.sort(hashes)
    return ascending[np.append(True, ascending[1:] != ascending[:-1])] if ascending.size else ascending
