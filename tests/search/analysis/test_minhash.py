"""Shingles against their plain statement, signatures against datasketch, similarity against its formulas."""

import math

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import example, given, settings
from hypothesis import strategies as st

from search.analysis import minhash
from search.analysis.minhash import BANDS, PERMUTATIONS, ROWS, bands_of, jaccard, shingles, signature_of
from tests.corpus import code
from tests.search.analysis import reference

texts = st.one_of(
    st.binary(max_size=300),
    st.text(alphabet="ab_Z9 é\n", max_size=200).map(str.encode),
    st.integers(0, 10**6).map(lambda seed: code(seed, 2).encode()),
)


@settings(max_examples=200, deadline=None)
@given(content=texts)
@example(content=b"")
@example(content=b"one two three four")
@example(content=b"one two three four five")
@example(content=b"a b c d e f " * 50)
def test_shingles_equal_the_plain_statement(content: bytes) -> None:
    assert shingles(content).tolist() == reference.shingles(content)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=60))
def test_signatures_equal_datasketch_value_for_value(hashes: list[int]) -> None:
    theirs = MinHash(num_perm=PERMUTATIONS, seed=1, scheme="affine32", hashfunc=lambda value: value)
    theirs.update_batch([value & 0xFFFFFFFF for value in hashes])
    assert signature_of(np.array(hashes, np.uint64)).tolist() == theirs.hashvalues.tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=PERMUTATIONS, max_size=PERMUTATIONS))
def test_bands_equal_the_plain_statement(signature: list[int]) -> None:
    assert bands_of(np.array(signature, np.uint32)).tolist() == reference.bands(signature)


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 50)), st.sets(st.integers(0, 50)))
def test_jaccard_is_the_index_of_the_sets(one: set[int], other: set[int]) -> None:
    expected = len(one & other) / len(one | other) if one | other else 0.0
    assert jaccard(_ascending(one), _ascending(other)) == expected


def _ascending(values: set[int]) -> "np.typing.NDArray[np.uint64]":
    return np.array(sorted(values), np.uint64)


def _pair(rng: np.random.Generator, similarity: float, size: int) -> tuple["np.typing.NDArray[np.uint64]", ...]:
    """Two sets of random hashes whose Jaccard index is `similarity` to the nearest element."""
    shared = round(2 * size * similarity / (1 + similarity))
    values = rng.integers(0, 2**64, 2 * size - shared, dtype=np.uint64)
    return values[:size], values[size - shared :]


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("size", [100, 1_000, 10_000])
def test_estimates_err_as_the_formula_says(similarity: float, size: int) -> None:
    """The share of equal values estimates j with a standard error of sqrt(j (1 - j) / 256)."""
    rng = np.random.default_rng(size)
    errors = []
    for _ in range(120):
        one, other = _pair(rng, similarity, size)
        estimate = np.mean(signature_of(one) == signature_of(other))
        errors.append(estimate - jaccard(np.sort(one), np.sort(other)))
    expected = math.sqrt(similarity * (1 - similarity) / PERMUTATIONS)
    assert math.sqrt(np.mean(np.square(errors))) == pytest.approx(expected, rel=0.3)
    assert abs(np.mean(errors)) < 4 * expected / math.sqrt(len(errors))


@pytest.mark.parametrize(("similarity", "least"), [(0.7, 0.98), (0.8, 0.999)])
def test_pairs_become_candidates_as_often_as_the_formula_says(similarity: float, least: float) -> None:
    expected = 1 - (1 - similarity**ROWS) ** BANDS
    assert expected > least
    rng = np.random.default_rng(7)
    found = sum(_is_candidate(*_pair(rng, similarity, 500)) for _ in range(400))
    assert found / 400 > least - 0.01


def test_unlike_pairs_are_seldom_candidates() -> None:
    rng = np.random.default_rng(8)
    found = sum(_is_candidate(*_pair(rng, 0.1, 500)) for _ in range(400))
    assert found == 0


def _is_candidate(one: "np.typing.NDArray[np.uint64]", other: "np.typing.NDArray[np.uint64]") -> bool:
    return bool(np.any(bands_of(signature_of(one)) == bands_of(signature_of(other))))


def test_permutations_are_those_of_datasketch() -> None:
    theirs = MinHash(num_perm=PERMUTATIONS, seed=1, scheme="affine32").permutations
    assert np.array_equal(np.array(minhash.permutations()), theirs)
