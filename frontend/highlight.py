"""The text of a document as rows of HTML, with its syntax coloured where that is cheap. The only home of Pygments."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_by_name, get_lexer_for_filename
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound

from frontend.listing import MAX_WIDTH, cut, lines_of
from search.report import Range

logger = logging.getLogger(__name__)

MOST_LINES = 5000
LEAD = 20
"""Lines shown before a marked range that lies beyond the first MOST_LINES."""

MOST_CHARACTERS = 400_000
"""Longer texts are shown plain."""

BUDGET = 0.5
"""Seconds; what a lexer has not coloured by then stays plain."""

CLASSES: dict[_TokenType, str] = {
    Token.Comment: "c",
    Token.Comment.Preproc: "p",
    Token.Keyword: "k",
    Token.Literal.String: "s",
    Token.Literal.Number: "n",
    Token.Name.Function: "f",
    Token.Name.Class: "f",
    Token.Name.Tag: "k",
    Token.Name.Decorator: "p",
    Token.Operator.Word: "k",
}
"""The few kinds of tokens that are told apart, and their classes in the stylesheet."""


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One line: escaped HTML, and whether it was asked for."""

    number: int
    html: SafeString
    marked: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A part of a text; `lines` is how many lines all of it has."""

    rows: tuple[CodeRow, ...]
    lines: int

    @property
    def whole(self) -> bool:
        return len(self.rows) == self.lines

    @property
    def last(self) -> int:
        """The number of the last line that is shown; 0 where there is none."""
        return self.rows[-1].number if self.rows else 0


def show(text: str, path: str, language: str, marked: Range | None = None) -> Shown:
    """At most MOST_LINES lines of `text`: the first, or those around the marked ones where these come later."""
    lines = lines_of(text.encode("utf-8", "replace"))
    start = 0
    if marked is not None and marked.end > MOST_LINES:
        start = max(min(marked.start, len(lines)) - LEAD, 1) - 1
    window = [cut(line) for line in lines[start : start + MOST_LINES]]
    rows = (
        CodeRow(number, html, marked is not None and marked.start <= number <= marked.end)
        for number, html in enumerate(_coloured(window, path, language), start + 1)
    )
    return Shown(tuple(rows), len(lines))


def _coloured(lines: Sequence[str], path: str, language: str) -> list[SafeString]:
    if not lines:
        return []
    text = "\n".join(lines)
    lexer = _lexer(path, language)
    if lexer is None or len(text) > MOST_CHARACTERS or any(len(line) > MAX_WIDTH for line in lines):
        return [mark_safe(escape(line)) for line in lines]  # noqa: S308 - escaped
    coloured: list[list[str]] = [[]]
    for css, piece in _pieces(lexer, text):
        for place, part in enumerate(piece.split("\n")):
            if place:
                coloured.append([])
            if part:
                coloured[-1].append(f'<span class="{css}">{escape(part)}</span>' if css else escape(part))
    return [mark_safe("".join(parts)) for parts in coloured]  # noqa: S308 - every part is escaped


def _pieces(lexer: Lexer, text: str) -> Iterator[tuple[str, str]]:
    """(class, text) of each token; the rest as one plain piece when the time is up or the lexer gives up."""
    deadline = time.monotonic() + BUDGET
    done = 0
    try:
        for place, kind, piece in lexer.get_tokens_unprocessed(text):
            if place != done or time.monotonic() > deadline:
                break
            yield _class(kind), piece
            done += len(piece)
    except Exception:  # five hundred lexers of others meet whatever text a release holds; uncoloured is a fine answer
        logger.exception("lexer %s failed", lexer.name)
    if done < len(text):
        yield "", text[done:]


def _class(kind: _TokenType) -> str:
    step: _TokenType | None = kind
    while step is not None:
        if step in CLASSES:
            return CLASSES[step]
        step = step.parent
    return ""


def _lexer(path: str, language: str) -> Lexer | None:
    """By the file's name, else by the name of its language."""
    try:
        return get_lexer_for_filename(path.rpartition("/")[2])
    except ClassNotFound:
        pass
    try:
        return find_lexer_class_by_name(language.lower())()
    except ClassNotFound:
        return None
