"""The Bloom filter: which bits, how many, how often it errs, and the odds of that."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search import bloom
from search.bloom import Geometry, size_for

Keys = NDArray[np.uint64]

UNIT = 524_288
SMALL = Geometry(bits=UNIT, hashes=16, wanted_error_rate=2e-5)
DOCUMENT = Path(__file__).parents[2] / "docs" / "formats" / "portrait.md"
WORD = (1 << 64) - 1
numbers = st.integers(0, WORD)


def keys_of(values: list[int]) -> Keys:
    return np.array(values, np.uint64)


def random_keys(count: int, seed: int) -> Keys:
    return np.random.default_rng(seed).integers(0, WORD, count, np.uint64, endpoint=True)


def filter_with(keys: Keys, geometry: Geometry = SMALL) -> NDArray[np.uint8]:
    bits = np.zeros(geometry.bits // 8, np.uint8)
    bloom.insert(bits, geometry.hashes, keys)
    return bits


def mix(x: int) -> int:
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD & WORD
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & WORD
    return x ^ x >> 33


def positions(key: int, bits: int, hashes: int) -> list[int]:
    """The paragraph of docs/formats/portrait.md, read plainly."""
    c = 0x9E3779B97F4A7C15
    h1, h2 = mix(key + c & WORD), mix(key + 2 * c & WORD) | 1
    return [(h1 + i * h2 & WORD) * bits >> 64 for i in range(hashes)]


# The filter


def test_the_examples_of_the_document_hold() -> None:
    rows = [row.split("|")[1:-1] for row in DOCUMENT.read_text().splitlines() if row.startswith("| 0x")]
    assert len(rows) == 4
    for key, bits, expected in rows:
        assert positions(int(key, 16), int(bits), 4) == [int(place) for place in expected.split(",")]


@settings(deadline=None)
@given(st.lists(numbers, max_size=40), st.integers(1, 5), st.integers(1, 20))
def test_exactly_the_bits_of_the_paragraph_are_set(keys: list[int], units: int, hashes: int) -> None:
    bits = filter_with(keys_of(keys), Geometry(units * UNIT, hashes, 1e-3))
    expected = {place for key in keys for place in positions(key, units * UNIT, hashes)}
    assert set(np.flatnonzero(np.unpackbits(bits, bitorder="little")).tolist()) == expected


@settings(deadline=None)
@given(numbers, st.integers(1, (1 << 32) - 1))
def test_positions_are_exact_in_filters_of_any_size(g: int, units: int) -> None:
    assert int(bloom._position(np.uint64(g), np.uint64(units))) == g * units * UNIT >> 64


@settings(deadline=None)
@given(st.lists(numbers, max_size=2000), st.integers(0, 600))
def test_a_key_that_was_added_is_never_denied(keys: list[int], strangers: int) -> None:
    bits = filter_with(keys_of(keys))
    asked = np.concatenate([random_keys(strangers, seed=1), keys_of(keys), random_keys(strangers, seed=2)])
    answers = bloom.contains(bits, SMALL.hashes, asked)
    assert answers[strangers : strangers + len(keys)].all()
    assert not bloom.contains(np.zeros_like(bits), SMALL.hashes, asked).any()


@pytest.mark.parametrize(
    ("units", "error_rate", "probes"),
    [
        (1, 1e-2, 2_000_000),
        (1, 1e-3, 4_000_000),
        (1, 2e-5, 16_000_000),
        (43, 1e-2, 2_000_000),
        (43, 1e-3, 4_000_000),
        (43, 2e-5, 16_000_000),
        (430, 1e-3, 4_000_000),
    ],
)
@pytest.mark.parametrize("structured", [False, True], ids=["random", "consecutive"])
def test_the_measured_error_is_that_of_the_formula(
    units: int, error_rate: float, probes: int, structured: bool
) -> None:
    """From 23 thousand to 16 million keys in a filter that is as full as it was made for.

    16 million probes at 2e-5 are 320 accidents give or take 18: a third more would be six deviations off.
    """
    size = units * UNIT
    count = int(size * math.log(2) ** 2 / -math.log(error_rate))
    geometry = size_for(count, error_rate)
    assert geometry.bits == size
    keys = np.arange(count, dtype=np.uint64) if structured else random_keys(count, seed=3)
    absent = np.arange(count, count + probes, dtype=np.uint64) if structured else random_keys(probes, seed=4)
    bits = filter_with(keys, geometry)
    measured = bloom.contains(bits, geometry.hashes, absent).mean()
    formula = (1 - math.exp(-geometry.hashes * count / size)) ** geometry.hashes
    assert formula / 1.3 < measured < formula * 1.3
    assert formula == pytest.approx(error_rate, rel=0.05)


@pytest.mark.parametrize(
    ("keys", "error_rate", "bits_a_key", "hashes"),
    [
        (10_000_000, 1e-2, 9.59, 7),
        (10_000_000, 1e-3, 14.38, 10),
        (10_000_000, 2e-5, 22.52, 16),
        (10**10, 0.9, 0.22, 1),
    ],
)
def test_sizes_are_those_of_the_formula(keys: int, error_rate: float, bits_a_key: float, hashes: int) -> None:
    geometry = size_for(keys, error_rate)
    assert geometry.bits / keys == pytest.approx(bits_a_key, rel=0.01)
    assert geometry.bits % UNIT == 0
    assert geometry.hashes == hashes


@pytest.mark.parametrize("keys", [0, 1, 23_000])
def test_a_tiny_release_has_the_smallest_filter_with_the_usual_hashes(keys: int) -> None:
    assert size_for(keys) == SMALL


@pytest.mark.parametrize(("keys", "error_rate"), [(-1, 1e-3), (10, 0.0), (10, 1.0), (10**15, 1e-9)])
def test_a_filter_that_cannot_be_is_refused(keys: int, error_rate: float) -> None:
    with pytest.raises(ValueError, match=r"no filter holds|are not a multiple"):
        size_for(keys, error_rate)


# The odds of a chain


def exact_tail(hits: int, probes: int, rate: Fraction) -> Fraction:
    """By what is left over from the other end, which Fractions lose nothing by."""
    terms = (math.comb(probes, n) * rate**n * (1 - rate) ** (probes - n) for n in range(hits))
    return 1 - sum(terms, Fraction(0))
