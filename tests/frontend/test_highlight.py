"""The text of a document: every character escaped, lines as they are counted, colours only where they are cheap."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontend import highlight
from frontend.highlight import MOST_LINES, show
from frontend.listing import lines_of
from search.report import Range
from tests.frontend.pages import Page, read

NAMES = ("a.py", "a.c", "a.html", "a.js", "a.sh", "a.md", "a.php", "Makefile", "unknown")


def plain(html: str) -> str:
    class Answer:
        status_code = 200
        content = f"<p>{html}</p>".encode()

    page: Page = read(Answer())
    assert {element.tag for element in page.elements} <= {"p", "span"}
    return page.elements[0].text


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet=st.sampled_from("ab<>&\"'\n\t /*#{}()\\`$\u202e\r"), max_size=120), st.sampled_from(NAMES))
def test_the_rows_say_what_the_text_says(text: str, name: str) -> None:
    shown = show(text, name, "")
    assert [plain(row.html) for row in shown.rows] == lines_of(text.encode())
    assert [row.number for row in shown.rows] == list(range(1, shown.lines + 1))


def test_syntax_is_coloured_by_name_or_by_language() -> None:
    by_name, by_language = show("def f():\n", "f.py", ""), show("def f():\n", "f", "Python")
    assert '<span class="k">def</span>' in by_name.rows[0].html
    assert by_language.rows == by_name.rows
    assert show("def f():\n", "f", "No Such Language").rows[0].html == "def f():"


def test_asked_lines_are_marked() -> None:
    shown = show("a\nb\nc\nd\n", "a.txt", "", Range(2, 3))
    assert [row.number for row in shown.rows if row.marked] == [2, 3]


def test_a_long_text_is_shown_from_where_it_was_asked() -> None:
    text = "".join(f"{number}\n" for number in range(1, 20_001))
    first = show(text, "a.txt", "")
    assert (len(first.rows), first.last, first.lines, first.whole) == (MOST_LINES, MOST_LINES, 20_000, False)
    later = show(text, "a.txt", "", Range(12_000, 12_010))
    assert later.rows[0].number < 12_000
    assert later.last > 12_010
    assert all(row.html == str(row.number) for row in later.rows)
    assert show(text, "a.txt", "", Range(30_000, 30_001)).rows


@pytest.mark.parametrize(
    ("piece", "name"), [("(", "a.c"), ("$(", "a.sh"), ("= ", "a.f90"), ("<a ", "a.php"), ("/*", "a.css")]
)
def test_a_text_made_to_be_slow_is_shown_in_time(piece: str, name: str) -> None:
    text = "\n".join([piece * (1900 // len(piece))] * 200)
    start = time.monotonic()
    shown = show(text, name, "")
    assert time.monotonic() - start < highlight.BUDGET + 3
    assert shown.lines == 200


def test_a_lexer_that_fails_leaves_the_text_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        name = "broken"

        def get_tokens_unprocessed(self, text: str) -> None:
            raise IndexError(text)

    monkeypatch.setattr(highlight, "_lexer", lambda path, language: Broken())
    assert [row.html for row in show("a < b\nc\n", "a.py", "").rows] == ["a &lt; b", "c"]
