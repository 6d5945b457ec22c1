"""Patterns: what people look for in stored text, and the one place that names RE2.

RE2 takes time in proportion to the text, whatever the pattern; `re` does not, and never sees a pattern of
anybody's. Texts are bytes of UTF-8 and so are all offsets, while letters, classes and case are Unicode's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import re2

from search.conditions import EVERYTHING, Condition
from search.required import required, required_by_literal

MOST_LETTERS = 1000
MOST_PROGRAM = 3000
"""Instructions of a compiled pattern. Where its states do not fit in memory RE2 tries each in turn: at worst
5 seconds for a megabyte and a thousand instructions. A Unicode class like \\pL has 1,200."""
MOST_MEMORY = 8 << 20

REASONS = {
    "missing )": "has a ( that is not closed",
    "unexpected )": "has a ) that closes nothing",
    "missing ]": "has a [ that is not closed",
    "no argument for repetition operator": "repeats nothing",
    "bad repetition operator": "repeats a repetition",
    "invalid repetition size": "repeats more than 1000 times in all, or from more to fewer",
    "invalid escape sequence": "has an escape that is not known (back references are not supported)",
    "invalid perl operator": "has a group that is not known (looking ahead and behind is not supported)",
    "invalid character class range": "has a class of letters that is not known or runs backwards",
    "invalid named capture group": "has a group whose name is not one",
    "trailing \\": "ends in a lone \\",
    "pattern too large - compile failed": "is too large: shorten its repetitions and classes",
}
"""RE2's messages, which may be followed by the part at fault, and what they say to people."""

NEIGHBOURS = ("", "\n", "a", " ")
"""All that an assertion (^ $ \\A \\z \\b \\B) can tell apart beside it."""

EMAIL = (
    rb"[A-Za-z0-9_][A-Za-z0-9._%+-]*@"
    rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+"
    rb"(?:[Xx][Nn]--[A-Za-z0-9-]*[A-Za-z0-9]|[A-Za-z]{2,63})"
)
"""Addresses of the usual ASCII letters; quotes and operators around them in code are not part of them."""
MOST_LOCAL, MOST_DOMAIN = 64, 253


class PatternError(ValueError):
    """A pattern that cannot be looked for; the message says which part is at fault."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Something to look for. The lower-cased text of every document that holds it meets `required`."""

    text: str
    required: Condition
    _regexp: Any  # RE2's module has no types

    def spans(self, content: bytes, limit: int) -> list[tuple[int, int]]:
        """The first `limit` matches, in bytes; they are not empty, do not overlap and hold whole letters."""
        return [match.span() for match in islice(self._regexp.finditer(content), limit)]

    def work(self, content: bytes) -> int:
        """How much it may take to look through the text: instructions of the pattern times bytes, at worst."""
        return int(self._regexp.programsize) * len(content)

    def found_in(self, content: bytes) -> bool:
        return self._regexp.search(content) is not None


def compile_regex(pattern: str) -> Pattern:
    """RE2's syntax, case as written, ^ and $ at lines. Raises PatternError.

    A pattern that matches the empty text is refused. It would be found everywhere, and stepping over its
    empty matches could take time in proportion to the square of the text.
    """
    _check_text(pattern)
    _check_whole_letters(pattern)
    regexp = _compiled(f"(?m){pattern}")
    if regexp.programsize > MOST_PROGRAM:
        raise PatternError(f"the pattern {REASONS['pattern too large - compile failed']}")
    if any(_matches_between(regexp, before, after) for before in NEIGHBOURS for after in NEIGHBOURS):
        raise PatternError("the pattern matches the empty text, so it would be found everywhere")
    return Pattern(pattern, required(pattern), regexp)


def compile_literal(text: str) -> Pattern:
    """The text as it stands, in any case: each letter matches those with the same lower-case form."""
    _check_text(text)
    return Pattern(text, required_by_literal(text), _compiled("".join(map(_in_any_case, text))))


def compile_words(words: Sequence[str]) -> Pattern:
    """The words in a row, whole and in any case, whatever that is no word stands between them."""
    return _of_ours(_in_a_row(words))


def compile_words_or_literal(words: Sequence[str], text: str) -> Pattern:
    """The words in a row, or the text as it stands in any case."""
    return _of_ours(f"{_in_a_row(words)}|{''.join(map(_in_any_case, text))}")


def compile_secrets(expressions: Sequence[str]) -> Pattern:
    """Any of the expressions, which are our own."""
    return _of_ours("|".join(f"(?:{expression})" for expression in expressions))


def separators() -> list[tuple[int, int]]:
    """The code points outside ASCII that belong to no word, as ranges (first, last).

    All but the Unicode categories L, M and N, by RE2's tables. Takes a moment: ask once.
    """
    # Letters and marks are in the planes 0 to 3 and at the beginning of plane 14; surrogates are no characters.
    points = [*range(0x80, 0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000)]
    text = "".join(map(chr, points))
    runs = (match.group().decode("utf-8") for match in _SEPARATORS.finditer(text.encode("utf-8")))
    return [*((ord(run[0]), ord(run[-1])) for run in runs), (0x40000, 0xDFFFF), (0xE1000, 0x10FFFF)]


def find_emails(content: bytes) -> frozenset[str]:
    """The e-mail addresses in a text, lower-cased: all of them, since a mask must reach each."""
    if b"@" not in content:
        return frozenset()
    found: set[str] = set()
    for match in _EMAIL.finditer(content):
        local, _, domain = match.group().decode("ascii").partition("@")
        if len(local) <= MOST_LOCAL and len(domain) <= MOST_DOMAIN:
            found.add(f"{local}@{domain}".lower())
    return frozenset(found)


def _check_text(text: str) -> None:
    if not text:
        raise PatternError("the pattern is empty")
    if len(text) > MOST_LETTERS:
        raise PatternError(f"the pattern is {len(text)} characters long, {MOST_LETTERS} at most")
    if "\0" in text:
        raise PatternError(f"the pattern holds a NUL character at place {text.index(chr(0)) + 1}")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise PatternError("the pattern holds half a character (a lone surrogate)")


def _check_whole_letters(pattern: str) -> None:
    r"""Refuse \C, a byte of a letter: its matches would begin and end inside letters."""
    at = pattern.find("\\")
    while at >= 0:
        letter = pattern[at + 1 : at + 2]
        if letter == "C":
            raise PatternError("the pattern has an escape that is not supported: \\C")
        at = pattern.find("\\E", at) if letter == "Q" else at
        at = pattern.find("\\", at + 2) if at >= 0 else at


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = MOST_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(_explained(error.args[0].decode("utf-8", "replace"))) from None
    finally:
        re2.purge()  # its cache would keep the last 128 patterns of strangers, each with up to MOST_MEMORY


def _of_ours(expression: str) -> Pattern:
    return Pattern(expression, EVERYTHING, _compiled(expression))


def _in_a_row(words: Sequence[str]) -> str:
    row = r"[^\pL\pN\pM_]+".join("".join(map(_in_any_case, word)) for word in words)
    # RE2's \b knows ASCII words only.
    before = r"\b" if words[0][:1].isascii() else ""
    after = r"\b" if words[-1][-1:].isascii() else ""
    return f"{before}{row}{after}"


def _explained(message: str) -> str:
    for known, reason in REASONS.items():
        if message.startswith(known):
            part = message.removeprefix(known).removeprefix(": ").removeprefix("(?m)")
            return f"the pattern {reason}" + (f": {part[:60]}" if part else "")
    return f"the pattern is not understood: {message[:100]}"


def _matches_between(regexp: Any, before: str, after: str) -> bool:
    return regexp.fullmatch(before + after, len(before), len(before)) is not None


def _in_any_case(letter: str) -> str:
    lowered = letter.lower()
    forms = {letter, lowered, lowered.upper()}
    same = sorted(form for form in forms if len(form) == 1 and form.lower() == lowered)
    return f"[{''.join(same)}]" if len(same) > 1 else str(re2.escape(letter))


def _email_regexp() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, whatever they are
    options.never_capture = True
    return re2.compile(EMAIL, options)


_EMAIL = _email_regexp()
_SEPARATORS = _compiled(r"[^\pL\pN\pM]+")
