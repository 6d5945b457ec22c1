"""Winnowing against its plain statement, and against its guarantee."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from search.analysis.fingerprints import FINE, PROFILES, STANDARD, Profile, fingerprints, select, squeeze
from search.analysis.hashing import terms_of
from tests.corpus import code
from tests.search.analysis import reference

profiles = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
few_letters = st.binary(max_size=400).map(lambda text: bytes(97 + byte % 3 for byte in text))
texts = st.one_of(st.binary(max_size=400), few_letters, st.integers(0, 10**6).map(lambda seed: code(seed, 3).encode()))


@profiles
@settings(max_examples=150, deadline=None)
@given(content=texts)
@example(content=b"")
@example(content=b"=" * 500)
@example(content=b"ab" * 300)
@example(content=b"\t\n \x7f\x00")
def test_the_kernel_equals_the_plain_statement(profile: Profile, content: bytes) -> None:
    expected = reference.fingerprints(content, profile.gram, profile.window)
    assert fingerprints(content, profile).tolist() == sorted(expected)


@profiles
@pytest.mark.parametrize("extra", [-2, -1, 0, 1, 2, 3])
def test_a_text_around_one_gram_and_one_window(profile: Profile, extra: int) -> None:
    for length in (profile.gram, profile.guarantee):
        content = code(3).encode().replace(b" ", b"").replace(b"\n", b"")[: length + extra]
        expected = reference.fingerprints(content, profile.gram, profile.window)
        assert fingerprints(content, profile).tolist() == sorted(expected)
        assert bool(expected) == (len(content) >= profile.gram)


@profiles
@settings(max_examples=150, deadline=None)
@given(run=st.integers(0, 10**6), before=st.binary(max_size=90), after=st.binary(max_size=90), data=st.data())
def test_every_run_of_the_guaranteed_length_shares_a_fingerprint(
    profile: Profile, run: int, before: bytes, after: bytes, data: st.DataObject
) -> None:
    text = reference.solid(code(run).encode())
    start = data.draw(st.integers(0, len(text) - profile.guarantee))
    shared = text[start : start + profile.guarantee]
    assert np.intersect1d(fingerprints(before + shared + after, profile), fingerprints(text, profile)).size


def test_white_space_and_control_bytes_do_not_count() -> None:
    content = code(5).encode()
    spread = b"\r\n\t ".join(content[i : i + 7] for i in range(0, len(content), 7))
    assert fingerprints(spread).tolist() == fingerprints(content).tolist()


def test_squeezed_places_point_back_into_the_text() -> None:
    content = b" a\tb\n\x7fc "
    squeezed = squeeze(content)
    assert squeezed.solid.tobytes() == b"abc"
    assert [content[place] for place in squeezed.places] == list(b"abc")


def test_selected_places_hold_the_selected_hashes() -> None:
    content = reference.solid(code(8).encode())
    selection = select(squeeze(content).solid, FINE)
    for start, raw in zip(selection.starts.tolist(), selection.raw.tolist(), strict=True):
        assert raw == reference.gram_hash(content[start : start + FINE.gram])


def test_a_run_of_equal_bytes_is_selected_once_a_window() -> None:
    selection = select(squeeze(b"=" * 10_000).solid, STANDARD)
    assert selection.starts.size <= 10_000 // STANDARD.window + 1


def test_density_is_that_of_winnowing() -> None:
    """2 / (window + 1) of the grams (Schleimer, Wilkerson, Aiken 2003, 3.3), within 10 % on random bytes."""
    rng = np.random.default_rng(1)
    content = rng.integers(33, 127, 400_000, dtype=np.uint8).tobytes()
    for profile in PROFILES.values():
        expected = 2 / (profile.window + 1)
        assert fingerprints(content, profile).size / len(content) == pytest.approx(expected, rel=0.1)


def test_fingerprints_fill_their_range_evenly() -> None:
    """Window minima crowd the low end; mixed again, each sixteenth of the range holds its share."""
    rng = np.random.default_rng(2)
    hashes = fingerprints(rng.integers(33, 127, 2_000_000, dtype=np.uint8).tobytes())
    counts = np.bincount((hashes >> np.uint64(60)).astype(np.int64), minlength=16)
    assert counts.min() > 0.9 * hashes.size / 16
    assert counts.max() < 1.1 * hashes.size / 16


def test_terms_are_the_top_forty_bits_in_hexadecimal() -> None:
    values = [0, 1, 2**24, 2**64 - 1, 0x0123456789ABCDEF]
    assert terms_of(np.array(values, np.uint64)).split() == [reference.term(value) for value in values]
