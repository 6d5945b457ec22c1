"""Excerpts: the right lines with the right marks, and no secret in any of them."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.excerpts import LEAD, MAX_LINES, MAX_WIDTH, Line, excerpt
from search.patterns import compile_literal, compile_regex, compile_words
from search.redact import BLOT, redact
from search.report import Range

MARKED = st.text(alphabet="ab x→😀\t", max_size=30)


def marked(line: Line) -> list[str]:
    return [line.text[mark.start : mark.end] for mark in line.marks]


def of(text: str, *literals: str) -> tuple[Line, ...]:
    return excerpt(text.encode(), [compile_literal(literal) for literal in literals])


def test_a_line_is_shown_with_its_number_and_its_marks() -> None:
    assert of("one\ntwo two\nthree\n", "two") == (Line(2, "two two", (Range(0, 3), Range(4, 7))),)


def test_marks_count_characters_not_bytes() -> None:
    (line,) = of("x\n→😀 größe = größe()\n", "größe")
    assert marked(line) == ["größe", "größe"]


def test_lines_with_more_of_what_was_asked_come_before_lines_with_less() -> None:
    text = "".join(f"alpha {number}\n" for number in range(20)) + "alpha beta\n"
    lines = of(text, "alpha", "beta")
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 21]
    assert marked(lines[-1]) == ["alpha", "beta"]


def test_no_more_than_the_most_lines_are_shown() -> None:
    assert len(of("hit\n" * 100, "hit")) == MAX_LINES


def test_without_a_mark_the_first_line_is_shown() -> None:
    assert of("first\nsecond\n") == (Line(1, "first", ()),)
    assert of("first\nsecond\n", "third") == (Line(1, "first", ()),)
    assert of("", "x") == (Line(1, "", ()),)
    assert of("\nsecond") == (Line(1, "", ()),)


@pytest.mark.parametrize("text", ["a\nhit", "a\r\nhit\r\n", "a\nhit\n", "\nhit", "\n\nhit\n"])
def test_lines_end_at_line_feeds_and_carriage_returns_are_not_shown(text: str) -> None:
    (line,) = of(text, "hit")
    assert (line.text, marked(line)) == ("hit", ["hit"])
    assert line.number == text[: text.index("hit")].count("\n") + 1


def test_overlapping_marks_are_joined() -> None:
    (line,) = of("abcdef\n", "abcd", "cdef", "bc")
    assert line.marks == (Range(0, 6),)


def test_a_long_line_is_cut_around_its_first_mark() -> None:
    (line,) = of("x" * 5000 + "hit" + "y" * 5000 + "hit", "hit")
    assert line.text == "x" * LEAD + "hit" + "y" * (MAX_WIDTH - LEAD - 3)
    assert line.marks == (Range(LEAD, LEAD + 3),)


def test_a_long_line_without_a_mark_is_cut_at_its_end() -> None:
    assert of("x" * 5000) == (Line(1, "x" * MAX_WIDTH, ()),)


def test_a_mark_longer_than_a_line_is_shown_as_far_as_the_line_is() -> None:
    (line,) = excerpt(b"y\n" + b"x" * 5000, [compile_regex("x+")])
    assert line.marks == (Range(0, MAX_WIDTH),)


def test_a_mark_over_two_lines_is_shown_where_it_begins() -> None:
    (line,) = excerpt(b"one two\n  three\n", [compile_words(["two", "three"])])
    assert (line.number, marked(line)) == (1, ["two"])


@pytest.mark.parametrize("text", ["one\ntwo\n", "one\r\ntwo", "\n\n\ntwo"])
def test_a_mark_that_begins_with_a_line_break_is_shown_on_the_line_after(text: str) -> None:
    (line,) = excerpt(text.encode(), [compile_regex(r"[\r\n]+two")])
    assert (line.text, marked(line)) == ("two", ["two"])
    (blank, *_) = excerpt(b"one\n\n\n", [compile_regex(r"\n\n")])
    assert blank.marks == ()


def test_a_secret_in_a_line_is_blotted_out_and_marks_stay_where_they_were() -> None:
    (line,) = of('mail("ada@example.org", hit)\n', "hit")
    assert line.text == f'mail("{BLOT * 15}", hit)'
    assert marked(line) == ["hit"]


KEY = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 20 + "-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("wanted", ["MIIEvQ", "hkiG9w0", "PRIVATE"])
def test_a_line_out_of_a_secret_of_many_lines_is_blotted_out(wanted: str) -> None:
    """The line alone does not look like a secret."""
    lines = of(f"key = '''\n{KEY}'''\n", wanted)
    assert lines
    for line in lines:
        assert set(line.text) == {BLOT}


def test_a_cut_does_not_uncover_a_secret() -> None:
    secret = "ghp_" + "a1B2" * 9
    for width in range(MAX_WIDTH - 60, MAX_WIDTH + 10):
        (line,) = of("hit " + "x" * width + " " + secret + " y" * 200, "hit")
        assert not re.search("a1B2|ghp_", line.text)


@settings(max_examples=400, deadline=None)
@given(
    lines=st.lists(MARKED, min_size=1, max_size=12),
    words=st.lists(st.sampled_from(["a", "b", "ab", "x→", "😀", "ba"]), max_size=3),
)
def test_lines_and_marks_are_those_of_the_text(lines: list[str], words: list[str]) -> None:
    shown = of("\n".join(lines), *words)
    assert [line.number for line in shown] == sorted({line.number for line in shown})
    for line in shown:
        assert line.text == lines[line.number - 1]
        inside = {place for mark in line.marks for place in range(mark.start, mark.end)}
        assert inside == {
            place
            for word in words
            for found in re.finditer(re.escape(word), line.text)
            for place in range(found.start(), found.end())
        }
        assert all(first.end < second.start for first, second in pairwise(line.marks))


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_any_text_is_shown_without_its_secrets(text: str) -> None:
    content = f"{text}\npassword = 'correct-horse-battery'\n{text}"
    for line in excerpt(
        content.encode(), [compile_literal("horse"), compile_literal(text[0])] if text[0] != "\0" else []
    ):
        assert line.text in redact(content).split("\n")[line.number - 1]
        assert "horse" not in line.text or "horse" in text
