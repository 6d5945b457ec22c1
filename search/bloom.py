"""A classic Bloom filter: its size, where a key's bits are, setting them, asking for them, odds of accidents.

docs/formats/portrait.md says it in one paragraph, tests/search/test_bloom.py holds a plain reading of it:

    h1 = mix(x + C), h2 = mix(x + 2 C) | 1, g(i) = h1 + i h2          all modulo 2^64
    position(i) = floor(g(i) m / 2^64)                                i = 0 .. k-1

`mix` is the 64-bit finaliser of MurmurHash3, C the golden ratio times 2^64. Double hashing (Kirsch and
Mitzenmacher 2006) with multiply-shift costs no measurable error here: from 23 thousand to 23 million keys,
random and consecutive, the measured error stayed within 7 % of the formula, which is what the sample allows.
`m` is a multiple of UNIT, so that the 128-bit product is two 64-bit ones, exactly.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from search.analysis.kernel import inlined, kernel

ERROR_RATE = 2e-5
"""The usual wanted error rate: 22.5 bits a key."""
UNIT = 1 << 19
"""Bits in the unit of size: 64 KiB, a whole number of memory pages on every common machine."""
MOST_BITS = UNIT * ((1 << 32) - 1)
"""Above this (256 TiB) half a hash times the number of units would not fit in 64 bits."""
MOST_HASHES = 64

BATCH = 512
"""Keys looked up together. Absent keys leave at unpredictable places, so one at a time the processor waits
for memory at each; in a batch their reads overlap (1 GiB, one core: 17 instead of 11 million keys/s)."""

T = TypeVar("T", bound=np.generic)

C1 = np.uint64(0x9E3779B97F4A7C15)
C2 = np.uint64((0x9E3779B97F4A7C15 * 2) % (1 << 64))
MURMUR1 = np.uint64(0xFF51AFD7ED558CCD)
MURMUR2 = np.uint64(0xC4CEB9FE1A85EC53)
MURMUR_SHIFT = np.uint64(33)
ONE, THREE, SEVEN = np.uint64(1), np.uint64(3), np.uint64(7)
HALF, LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
REST_OF_UNIT = np.uint64(64 - 19 - 32)


@dataclass(frozen=True, slots=True)
class Geometry:
    """Size of a filter. `wanted_error_rate` says what it was made for, not what it has."""

    bits: int
    hashes: int
    wanted_error_rate: float

    def __post_init__(self) -> None:
        if not 0 < self.bits <= MOST_BITS or self.bits % UNIT:
            raise ValueError(f"{self.bits} bits are not a multiple of {UNIT} up to {MOST_BITS}")
        if not 0 < self.hashes <= MOST_HASHES:
            raise ValueError(f"{self.hashes} hashes are not from 1 to {MOST_HASHES}")
        if not 0 < self.wanted_error_rate < 1:
            raise ValueError(f"error rate {self.wanted_error_rate} is not between 0 and 1")

    def merges_with(self, other: "Geometry") -> bool:
        """Whether the OR of both filters is the filter of all their keys."""
        return (self.bits, self.hashes) == (other.bits, other.hashes)


def size_for(keys: int, error_rate: float = ERROR_RATE) -> Geometry:
    """The smallest filter for the rate: m = -n ln p / ln(2)^2 bits in whole units, k = m/n ln 2 = -log2 p.

    Whole units of 64 KiB give every filter whole memory pages, and a tiny release room to grow. `k` comes
    from the rate because rounding a tiny m up must not make thousands of hashes.
    """
    if keys < 0 or not 0 < error_rate < 1:
        raise ValueError(f"no filter holds {keys} keys at an error rate of {error_rate}")
    bits = math.ceil(-keys * math.log(error_rate) / math.log(2) ** 2)
    units = max(1, -(-bits // UNIT))
    return Geometry(units * UNIT, max(1, round(-math.log2(error_rate))), error_rate)


def insert(bits: NDArray[np.uint8], hashes: int, keys: NDArray[np.uint64]) -> None:
    """Set the bits of `keys`; the length of `bits` is a multiple of UNIT / 8 bytes."""
    _insert(bits, _units(bits), hashes, _read_only(keys))


def contains(bits: NDArray[np.uint8], hashes: int, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether all bits of each key are set: always True for a key that was inserted."""
    return _contains(_read_only(bits), _units(bits), hashes, _read_only(keys))


def _units(bits: NDArray[np.uint8]) -> np.uint64:
    return np.uint64(bits.size * 8 // UNIT)


def _read_only(array: NDArray[T]) -> NDArray[T]:
    """A contiguous view that cannot be written: a kernel is compiled for that once, not for each kind."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@inlined
def _mix(x: np.uint64) -> np.uint64:
    x = (x ^ (x >> MURMUR_SHIFT)) * MURMUR1
    x = (x ^ (x >> MURMUR_SHIFT)) * MURMUR2
    return x ^ (x >> MURMUR_SHIFT)


@inlined
def _position(g: np.uint64, units: np.uint64) -> np.uint64:
    """floor(g * units * UNIT / 2^64): schoolbook multiplication by halves, nothing is lost."""
    return ((g >> HALF) * units + (((g & LOW_HALF) * units) >> HALF)) >> REST_OF_UNIT


@kernel
def _insert(bits: NDArray[np.uint8], units: np.uint64, hashes: int, keys: NDArray[np.uint64]) -> None:
    for key in keys:
        g = _mix(key + C1)
        step = _mix(key + C2) | ONE
        for _ in range(hashes):
            at = _position(g, units)
            bits[at >> THREE] |= np.uint8(ONE << (at & SEVEN))
            g += step


@kernel
def _contains(bits: NDArray[np.uint8], units: np.uint64, hashes: int, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    found = np.zeros(keys.size, np.bool_)
    place = np.empty(BATCH, np.int64)
    g = np.empty(BATCH, np.uint64)
    step = np.empty(BATCH, np.uint64)
    for start in range(0, keys.size, BATCH):
        left = np.int64(min(BATCH, keys.size - start))
        for i in range(left):
            place[i] = start + i
            g[i] = _mix(keys[start + i] + C1)
            step[i] = _mix(keys[start + i] + C2) | ONE
        for _ in range(hashes):
            kept = np.int64(0)
            for i in range(left):
                at = _position(g[i], units)
                bit = (bits[at >> THREE] >> np.uint8(at & SEVEN)) & np.uint8(1)
                place[kept] = place[i]
                g[kept] = g[i] + step[i]
                step[kept] = step[i]
                kept += np.int64(bit)
            left = kept
        for i in range(left):
            found[place[i]] = True
    return found
