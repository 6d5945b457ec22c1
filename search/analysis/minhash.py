"""MinHash: how alike two texts are, from 256 numbers each, and which texts to compare at all.

Broder, "On the resemblance and containment of documents" (1997), over word 5-grams; permutations are datasketch 2's
`affine32` with seed 1, value for value; candidates are found by banding (Leskovec, Rajaraman, Ullman: "Mining of
Massive Datasets", 3.4). With b bands of r rows a pair of Jaccard index j is a candidate with probability
1 - (1 - j^r)^b: 0.995 at 0.7 for 42 bands of 6. `docs/formats/analysis.md` specifies every step.
"""

import numpy as np
from numpy.typing import NDArray

from search.analysis.hashing import mix32, mix64
from search.analysis.kernel import kernel

WORDS = 5
PERMUTATIONS = 256
BANDS = 42
ROWS = 6
SEED = 1

WORD_PRIME = np.uint64(0x100000001B3)
WORD_START = np.uint64(0xCBF29CE484222325)
"""FNV-1a, 64 bits."""

SHINGLE_BASE = np.uint64(0x9E3779B97F4A7C15)


def permutations() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """(a, b) of h -> a*h + b modulo 2^32, a odd; drawn as datasketch draws them for `affine32`."""
    generator = np.random.RandomState(SEED)
    half = generator.randint(0, 1 << 31, PERMUTATIONS, dtype=np.uint32)
    b = generator.randint(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)
    return half * np.uint32(2) + np.uint32(1), b


_A, _B = permutations()


def _folds() -> NDArray[np.uint8]:
    """Byte -> the byte as part of a word (ASCII letters in lower case), or 0 for what separates words."""
    folds = np.zeros(256, np.uint8)
    for byte in (*range(ord("0"), ord("9") + 1), *range(ord("a"), ord("z") + 1), ord("_"), *range(128, 256)):
        folds[byte] = byte
    for byte in range(ord("A"), ord("Z") + 1):
        folds[byte] = byte + 32
    return folds


_FOLDS = _folds()


@kernel
def _shingle(
    text: NDArray[np.uint8], folds: NDArray[np.uint8], start: np.uint64, prime: np.uint64, base: np.uint64
) -> NDArray[np.uint64]:
    out = np.empty(text.size // 2 + 1, np.uint64)
    first = second = third = fourth = np.uint64(0)
    words = 0
    i = 0
    while i < text.size:
        letter = folds[text[i]]
        i += 1
        if letter == 0:
            continue
        value = start
        while letter != 0:
            value = (value ^ np.uint64(letter)) * prime
            letter = folds[text[i]] if i < text.size else np.uint8(0)
            i += 1
        words += 1
        total = ((((first * base + second) * base + third) * base + fourth) * base + value) * base
        first, second, third, fourth = second, third, fourth, value
        if words >= 5:
            out[words - 5] = mix64(total)
    return out[: max(words - 4, 0)].copy()


@kernel
def _sign(shingles: NDArray[np.uint64], a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.uint32]:
    # Four shingles a round, so that the running minima are read and written once for all of them.
    signature = np.full(a.size, np.uint32(0xFFFFFFFF), np.uint32)
    rounds = shingles.size // 4
    for i in range(rounds):
        h0 = mix32(np.uint32(shingles[4 * i]))
        h1 = mix32(np.uint32(shingles[4 * i + 1]))
        h2 = mix32(np.uint32(shingles[4 * i + 2]))
        h3 = mix32(np.uint32(shingles[4 * i + 3]))
        for p in range(a.size):
            v0 = np.uint32(a[p] * h0 + b[p])
            v1 = np.uint32(a[p] * h1 + b[p])
            v2 = np.uint32(a[p] * h2 + b[p])
            v3 = np.uint32(a[p] * h3 + b[p])
            signature[p] = min(v0, v1, v2, v3, signature[p])
    for i in range(4 * rounds, shingles.size):
        h = mix32(np.uint32(shingles[i]))
        for p in range(a.size):
            signature[p] = min(signature[p], np.uint32(a[p] * h + b[p]))
    return signature


@kernel
def _band(signature: NDArray[np.uint32], bands: int, rows: int, base: np.uint64) -> NDArray[np.uint64]:
    out = np.empty(bands, np.uint64)
    for band in range(bands):
        value = np.uint64(band + 1)
        for row in range(rows):
            value = (value + np.uint64(signature[band * rows + row])) * base
        out[band] = mix64(value)
    return out


def shingles(content: bytes) -> NDArray[np.uint64]:
    """The hashes of the text's word 5-grams, in order, with repeats; none for fewer than five words."""
    return _shingle(np.frombuffer(content, np.uint8), _FOLDS, WORD_START, WORD_PRIME, SHINGLE_BASE)


def signature_of(hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """The 256 minima for a set of shingles, of whose hashes the low 32 bits are permuted.

    All 2^32 - 1 for the empty set. Repeats change nothing.
    """
    return _sign(hashes, _A, _B)


def bands_of(signature: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """One hash for each band of six rows; the last four of the 256 values stand in no band."""
    return _band(signature, BANDS, ROWS, SHINGLE_BASE)


def jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    """|A and B| / |A or B| of two sets given as ascending arrays without repeats; 0.0 where both are empty."""
    shared = np.intersect1d(one, other, assume_unique=True).size
    union = one.size + other.size - shared
    return shared / union if union else 0.0
