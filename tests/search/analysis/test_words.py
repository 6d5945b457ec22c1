"""Words, parts and trigrams against their plain statement."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from search.analysis.words import MAX_WORD, TrigramWriter, parts_of, trigram_terms, words_of
from tests.corpus import code
from tests.search.analysis import reference

# Characters that this Python's Unicode tables do not know yet may be letters to RE2's, which are newer.
assigned = st.characters(exclude_categories=("Cn", "Cs"))
texts = st.one_of(
    st.text(assigned, max_size=200),
    st.text(alphabet="aB_9 zZ.éÉß、—Σσ\n\u00a0", max_size=120),
    st.integers(0, 10**6).map(lambda seed: code(seed, 2)),
)


@settings(max_examples=300, deadline=None)
@given(text=texts)
@example(text="x" * 300 + " " + "é" * 200)
@example(text="ΑΣ ΑΣΑ İstanbul")
def test_words_equal_the_plain_statement(text: str) -> None:
    assert words_of(text.encode()).split(" ")[:-1] == reference.words(text)


@settings(max_examples=300, deadline=None)
@given(text=texts)
@example(text="HTTPServer parseURL x86_64 __init__ utf8 aB1c_D")
def test_parts_equal_the_plain_statement(text: str) -> None:
    assert set(parts_of(text.encode()).split()) == reference.parts(text)


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_trigrams_equal_the_plain_statement(text: str) -> None:
    expected = {next(iter(trigram_terms(trigram))) for trigram in reference.trigrams(text)}
    written = TrigramWriter().trigrams_of(text.encode()).split()
    assert len(written) == len(expected)
    assert set(written) == expected


def test_a_trigram_writer_forgets_the_text_before() -> None:
    writer = TrigramWriter()
    first = writer.trigrams_of(b"abcdef")
    writer.trigrams_of(b"xyzabc")
    assert writer.trigrams_of(b"abcdef") == first


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("parseUrl", {"parse", "url"}),
        ("HTTPServer", {"http", "server"}),
        ("parse_url_2", {"parse", "url"}),
        ("utf8", {"utf"}),
        ("x86_64", {"86", "64"}),
        ("plain", set()),
        ("__init__", {"init"}),
    ],
)
def test_compound_words_come_apart(word: str, parts: set[str]) -> None:
    assert set(parts_of(word.encode()).split()) == parts


def test_common_words_stay() -> None:
    assert words_of(b"for (int i = 0; i < n; ++i) if (a) return;").split() == (
        ["for", "int", "i", "0", "i", "n", "i", "if", "a", "return"]
    )


def test_a_long_word_is_cut_in_documents_and_queries_alike() -> None:
    assert words_of(b"a" * 1000).split() == ["a" * MAX_WORD]
