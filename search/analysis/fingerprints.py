"""Fingerprints: a sparse set of hashes such that every long verbatim run shares at least one.

Winnowing (Schleimer, Wilkerson, Aiken: "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003)
over the document's bytes without white space and control bytes. `docs/formats/analysis.md` specifies every step for
a re-implementation; the tests hold this module to a plain-Python one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.hashing import distinct, mix64
from search.analysis.kernel import inlined, kernel

BASE = np.uint64(0x9E3779B97F4A7C15)
"""Base of the polynomial hash: odd, and with bits spread over all 64 (2^64 divided by the golden ratio)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """`gram` bytes are hashed together, the least of `window` neighbouring hashes is kept."""

    name: str
    gram: int
    window: int

    @property
    def guarantee(self) -> int:
        """Every verbatim run of at least so many non-blank bytes shares a fingerprint."""
        return self.gram + self.window - 1


STANDARD = Profile("standard", gram=30, window=64)
FINE = Profile("fine", gram=32, window=33)
PROFILES = {profile.name: profile for profile in (STANDARD, FINE)}


@dataclass(frozen=True, slots=True)
class Squeezed:
    """A text without its blanks: `solid[i]` stood at byte `places[i]` of the text."""

    solid: NDArray[np.uint8]
    places: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected grams of a text: their raw hashes, and where each begins among the solid bytes."""

    raw: NDArray[np.uint64]
    starts: NDArray[np.int64]

    @property
    def fingerprints(self) -> NDArray[np.uint64]:
        """Aligned with `raw`: window minima crowd the low end, so each is mixed again before any use as a key."""
        return remix(self.raw)


@inlined
def _is_solid(byte: np.uint8) -> bool:
    return bool(byte > 32 and byte != 127)


@kernel
def _squeeze(text: NDArray[np.uint8]) -> NDArray[np.uint8]:
    solid = np.empty(text.size, np.uint8)
    count = 0
    for i in range(text.size):
        solid[count] = text[i]
        count += _is_solid(text[i])
    return solid[:count]


@kernel
def _squeeze_with_places(text: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    solid = np.empty(text.size, np.uint8)
    places = np.empty(text.size, np.int64)
    count = 0
    for i in range(text.size):
        solid[count] = text[i]
        places[count] = i
        count += _is_solid(text[i])
    return solid[:count], places[:count]


@inlined
def _power(base: np.uint64, exponent: int) -> np.uint64:
    result = np.uint64(1)
    for _ in range(exponent):
        result *= base
    return result


@kernel
def hash_grams(solid: NDArray[np.uint8], gram: int, base: np.uint64) -> NDArray[np.uint64]:
    """The raw hash of every gram: sum of solid[i + j] * base^(gram - j) for j < gram, modulo 2^64."""
    grams = max(solid.size - gram + 1, 0)
    raw = np.empty(grams, np.uint64)
    if grams == 0:
        return raw
    leaving = _power(base, gram + 1)
    value = np.uint64(0)
    for i in range(gram):
        value = (value + np.uint64(solid[i])) * base
    raw[0] = value
    # Two steps at a time: the product of one step is the latency that bounds the loop.
    square = base * base
    for i in range(1, grams - 1, 2):
        one = np.uint64(solid[i + gram - 1]) * base - np.uint64(solid[i - 1]) * leaving
        two = np.uint64(solid[i + gram]) * base - np.uint64(solid[i]) * leaving
        raw[i] = value * base + one
        value = value * square + (one * base + two)
        raw[i + 1] = value
    if grams % 2 == 0:
        last = grams - 1
        raw[last] = value * base + (np.uint64(solid[last + gram - 1]) * base - np.uint64(solid[last - 1]) * leaving)
    return raw


@inlined
def _rightmost_least(raw: NDArray[np.uint64], start: int, end: int) -> int:
    least = raw[start]
    for i in range(start + 1, end):
        least = min(least, raw[i])
    at = end - 1
    while raw[at] != least:
        at -= 1
    return at


@kernel
def _winnow(raw: NDArray[np.uint64], window: int) -> NDArray[np.int64]:
    # A selected hash is kept while it stays the least and inside the window ("robust winnowing"): a run of equal
    # hashes is then selected once a window instead of at every place, and the set of values is the same.
    starts = np.empty(raw.size, np.int64)
    if raw.size == 0:
        return starts
    at = _rightmost_least(raw, 0, min(window, raw.size))
    least = raw[at]
    starts[0] = at
    count = 1
    for i in range(window, raw.size):
        if raw[i] < least:
            at = i
        elif at <= i - window:
            at = _rightmost_least(raw, i - window + 1, i + 1)
        else:
            continue
        least = raw[at]
        starts[count] = at
        count += 1
    return starts[:count]


@kernel
def remix(raw: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Fingerprints of raw gram hashes."""
    out = np.empty(raw.size, np.uint64)
    for i in range(raw.size):
        out[i] = mix64(raw[i])
    return out


@kernel
def _fingerprint(text: NDArray[np.uint8], gram: int, window: int, base: np.uint64) -> NDArray[np.uint64]:
    raw = hash_grams(_squeeze(text), gram, base)
    starts = _winnow(raw, window)
    out = np.empty(starts.size, np.uint64)
    for i in range(starts.size):
        out[i] = mix64(raw[starts[i]])
    return out


def as_array(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8)


def squeeze(content: bytes) -> Squeezed:
    """Drop bytes up to 0x20 and 0x7F, remembering where the others stood."""
    return Squeezed(*_squeeze_with_places(as_array(content)))


def solid_bytes(content: bytes) -> NDArray[np.uint8]:
    """The text without its blanks, where their places do not matter."""
    return _squeeze(as_array(content))


def select(solid: NDArray[np.uint8], profile: Profile = STANDARD) -> Selection:
    """Winnow solid bytes. Fewer than `gram` bytes have none; fewer than a full window have one."""
    raw = hash_grams(solid, profile.gram, BASE)
    starts = _winnow(raw, profile.window)
    return Selection(raw[starts], starts)


def selected(content: bytes, profile: Profile = STANDARD) -> NDArray[np.uint64]:
    """The fingerprints of a text in order, with repeats, in one step."""
    return _fingerprint(as_array(content), profile.gram, profile.window, BASE)


def fingerprints(content: bytes, profile: Profile = STANDARD) -> NDArray[np.uint64]:
    """The distinct fingerprints of a text, ascending."""
    return distinct(selected(content, profile))
