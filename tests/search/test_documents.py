"""The key and the order of a document: bit by bit, total, and the same whoever computes them."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.documents import HASH_BITS, Document
from search.swhid import of_content

CONTENT = b"x = 1\n"
SWHID = of_content(CONTENT).core


def document(number: int = 0, *, stars: int = 0, vendored: bool = False, generated: bool = False) -> Document:
    return Document(SWHID, "ada/engine", f"{number}.py", CONTENT, stars=stars, vendored=vendored, generated=generated)


DOCUMENTS = st.builds(
    document,
    st.integers(0, 10**6),
    stars=st.integers(-5, 2**40),
    vendored=st.booleans(),
    generated=st.booleans(),
)


def test_the_key_is_the_beginning_of_a_sha256_over_the_place_and_the_content() -> None:
    place = f"ada/engine\0src/x.py\0{SWHID}"
    expected = hashlib.sha256(place.encode()).hexdigest()[:32]
    assert Document(SWHID, "ada/engine", "src/x.py", CONTENT).key == expected


def test_the_key_depends_on_the_place_and_the_content_alone() -> None:
    first = Document(SWHID, "ada/engine", "x.py", CONTENT)
    same = Document(SWHID, "ada/engine", "x.py", b"other", language="C", licenses=("MIT",), revision="c" * 40, stars=9)
    assert same.key == first.key
    others = [
        Document(of_content(b"y").core, "ada/engine", "x.py", CONTENT),
        Document(SWHID, "Ada/Engine", "x.py", CONTENT),
        Document(SWHID, "ada/engine", "X.py", CONTENT),
        Document(SWHID, "ada/enginex", ".py", CONTENT),
    ]
    assert len({first.key, *(other.key for other in others)}) == 5


def test_a_key_can_be_made_of_any_text() -> None:
    assert len(Document(SWHID, "\ud800/größe", "→", CONTENT).key) == 32


@given(one=DOCUMENTS)
def test_the_order_is_63_bits_behind_then_popularity_then_the_key(one: Document) -> None:
    order = one.order
    assert 0 <= order < 2**63
    assert order >> 62 == int(one.vendored or one.generated)
    assert order >> HASH_BITS & 31 == 31 - min(max(one.stars, 0).bit_length(), 31)
    assert order % 2**HASH_BITS == int(bin(int(one.key, 16))[2:].zfill(128)[:HASH_BITS], 2)


@given(one=DOCUMENTS, other=DOCUMENTS)
def test_what_is_vendored_or_generated_comes_last_and_the_popular_first(one: Document, other: Document) -> None:
    rank, other_rank = ((it.vendored or it.generated, -min(max(it.stars, 0).bit_length(), 31)) for it in (one, other))
    if rank < other_rank:
        assert one.order < other.order
    elif rank == other_rank:
        assert (one.order < other.order) == (int(one.key, 16) >> 71 < int(other.key, 16) >> 71)


@pytest.mark.parametrize("stars", [(0, 1), (1, 2), (3, 4), (1023, 1024), (2**30 - 1, 2**30)])
def test_each_power_of_two_of_the_stars_counts(stars: tuple[int, int]) -> None:
    fewer, more = (max(document(number, stars=count).order for number in range(50)) for count in stars)
    assert more < min(document(number, stars=stars[0]).order for number in range(50))
    assert more != fewer


def test_more_stars_than_can_be_told_and_fewer_than_none_are_no_trouble() -> None:
    assert document(stars=2**31).order == document(stars=2**60).order
    assert document(stars=-7).order == document(stars=0).order


def test_many_documents_have_an_order_each() -> None:
    orders = sorted(document(number).order for number in range(20_000))
    assert all(before < after for before, after in pairwise(orders))


def test_the_owner_stands_before_the_slash() -> None:
    assert Document(SWHID, "ada/engine", "x", CONTENT).owner == "ada"
    assert Document(SWHID, "lonely", "x", CONTENT).owner == "lonely"


def test_the_identifier_of_the_bytes_at_hand_may_differ_from_the_declared_one() -> None:
    transcoded = Document(SWHID, "ada/engine", "x", "größe".encode())
    assert transcoded.text_swhid == of_content("größe".encode()).core != transcoded.swhid
