"""What a regular expression requires: the condition that the text of every match meets.

A reader of RE2's syntax (https://github.com/google/re2/wiki/Syntax) for this one purpose, after R. Cox,
"Regular Expression Matching with a Trigram Index" (2012). It makes the pieces of search/conditions.py out of
the parts of a pattern. A part that it does not understand requires nothing; the tests compare it with RE2.

Conditions are about `text.lower()` of the whole document. That lower-cases each letter by itself, whatever
its neighbours, except for the letters in UNSTEADY.
"""

from search.conditions import (
    EVERYTHING,
    MOST_TEXTS,
    NOTHING,
    Condition,
    Piece,
    condition_of,
    either,
    repeated,
    union,
    within,
)

MOST_TRIGRAMS = 512
"""Of a whole condition. Elasticsearch refuses queries of more than 1,024 clauses."""
MOST_DEPTH = 50

UNSTEADY = frozenset("Σİ")
"""Capital sigma is lower-cased by its neighbours, dotted capital I to two letters."""
OTHER_FORMS = {"s": "\u017f"}
"""ASCII letters with a form that (?i) finds and str.lower() keeps apart: long s. (Kelvin sign becomes k.)"""

SIMPLE_ESCAPES = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
OCTAL = frozenset("01234567")
HEX = frozenset("0123456789abcdefABCDEF")


class _ReadError(Exception):
    """The pattern is not RE2's, or beyond this reader."""


def required(pattern: str) -> Condition:
    """The condition for `pattern`, which RE2 has accepted; Everything where none can be stated."""
    reader = _Reader(pattern)
    try:
        pieces = reader.alternation(0)
        reader.expect_end()
    except _ReadError:
        return EVERYTHING
    return within(condition_of(pieces), MOST_TRIGRAMS)


def required_by_literal(text: str) -> Condition:
    """The condition for a text that is looked for as it stands, in any case."""
    unsteady = (letter.upper() in UNSTEADY for letter in text)
    pieces: list[Piece] = [
        EVERYTHING if breaks else frozenset({letter.lower()}) for letter, breaks in zip(text, unsteady, strict=True)
    ]
    return within(condition_of(pieces), MOST_TRIGRAMS)


class _Reader:
    """Recursive descent over the pattern. `fold` is the state of the flag i at the place of reading."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.fold = False

    def alternation(self, depth: int) -> list[Piece]:
        if depth > MOST_DEPTH:
            raise _ReadError
        branches = [self.sequence(depth)]
        while self.take("|"):
            branches.append(self.sequence(depth))
        return branches[0] if len(branches) == 1 else [either(branches)]

    def sequence(self, depth: int) -> list[Piece]:
        items: list[list[Piece]] = []
        while self.peek() not in {"", "|", ")"}:
            times = self.repetition()
            if times is None:
                items.extend(self.items(depth))
            elif not items:
                raise _ReadError
            else:
                items[-1] = repeated(items[-1], *times)
        return [piece for item in items for piece in item]

    def repetition(self) -> tuple[int, int | None] | None:
        """The least and the most times of an operator at this place, if there is one."""
        times = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.peek())
        if times is not None:
            self.at += 1
        elif self.peek() == "{":
            times = self.counts()
        if times is not None:
            self.take("?")
        return times

    def counts(self) -> tuple[int, int | None] | None:
        """{n}, {n,} or {n,m}; anything else in braces is text."""
        inside, brace, _ = self.pattern[self.at + 1 :].partition("}")
        least, comma, most = inside.partition(",")
        if not brace or not _is_count(least) or (most and not _is_count(most)):
            return None
        self.at += len(inside) + 2
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def items(self, depth: int) -> list[list[Piece]]:
        """What stands here, as things that a repetition takes one of: mostly one, none for flags."""
        letter = self.next()
        if letter == "(":
            return self.group(depth)
        if letter == "\\":
            return self.escape()
        if letter == "[":
            return [[self.letter_class()]]
        if letter == ".":
            return [[EVERYTHING]]
        if letter in "^$":
            return [[NOTHING]]
        return [[self.letter(letter)]]

    def group(self, depth: int) -> list[list[Piece]]:
        outside = self.fold
        if self.take("?P<") or self.take("?<"):
            self.skip_past(">")
        elif self.take("?") and self.flags() == ")":
            return []
        pieces = self.alternation(depth + 1)
        self.expect(")")
        self.fold = outside
        return [pieces]

    def flags(self) -> str:
        """Sets `fold` and returns what ends the flags: ")" or ":"."""
        value = True
        while (letter := self.next()) not in "):":
            if letter == "-":
                value = False
            elif letter == "i":
                self.fold = value
            elif letter not in "msU":
                raise _ReadError
        return letter

    def escape(self) -> list[list[Piece]]:
        letter = self.next()
        if letter in "bBAz":
            return [[NOTHING]]
        if letter in "dDsSwWC":
            return [[EVERYTHING]]
        if letter in "pP":
            self.skip_property()
            return [[EVERYTHING]]
        if letter == "Q":
            quoted, _, _ = self.pattern[self.at :].partition("\\E")
            self.at = min(self.at + len(quoted) + 2, len(self.pattern))
            return [[self.letter(inner)] for inner in quoted]
        return [[self.letter(self.escaped(letter))]]

    def escaped(self, letter: str) -> str:
        """The letter that an escape stands for, after the backslash and `letter` were read."""
        if letter in SIMPLE_ESCAPES:
            return SIMPLE_ESCAPES[letter]
        if letter == "x":
            return _letter_of(self.hexadecimal(), 16)
        if letter in OCTAL:
            return _letter_of(letter + self.octal(least=0 if letter == "0" else 1), 8)
        if letter.isascii() and not letter.isalnum() and letter != "_":
            return letter
        raise _ReadError

    def hexadecimal(self) -> str:
        if self.take("{"):
            return self.skip_past("}")
        return self.next() + self.next()

    def octal(self, least: int) -> str:
        digits = ""
        while len(digits) < 2 and self.peek() in OCTAL:
            digits += self.next()
        if len(digits) < least:
            raise _ReadError
        return digits

    def letter(self, letter: str) -> Piece:
        """What a letter stands for under the flags in force."""
        if letter in UNSTEADY or (self.fold and not letter.isascii()):
            return EVERYTHING
        lowered = letter.lower()
        if self.fold and lowered in OTHER_FORMS:
            return frozenset({lowered, OTHER_FORMS[lowered]})
        return frozenset({lowered})

    def letter_class(self) -> Piece:
        """After "[": the texts of a small class of single letters, else nothing is required."""
        many = self.take("^")
        letters: set[str] = set()
        start = self.at
        while self.peek() != "]" or self.at == start:
            some = self.class_member()
            many = many or some is None or len(some) + len(letters) > MOST_TEXTS
            letters.update(some or ())
        self.expect("]")
        return EVERYTHING if many else union([self.letter(letter) for letter in letters])

    def class_member(self) -> list[str] | None:
        """The letters of one member of a class; None where it has more than are followed."""
        rest = self.pattern[self.at : self.at + 2]
        if rest == "[:" and ":]" in self.pattern[self.at + 2 :]:
            self.skip_past(":]")
            return None
        if rest[:1] == "\\" and rest[1:] in set("dDsSwWpP"):
            self.at += 2
            if rest[1] in "pP":
                self.at -= 1
                self.skip_property()
            return None
        first = last = ord(self.class_letter())
        if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] != "]":
            self.expect("-")
            last = ord(self.class_letter())
        if last < first:
            raise _ReadError
        return [chr(number) for number in range(first, last + 1)] if last - first < MOST_TEXTS else None

    def class_letter(self) -> str:
        letter = self.next()
        return self.escaped(self.next()) if letter == "\\" else letter

    def skip_property(self) -> None:
        """Past the name of a property, one letter or {Greek}."""
        if self.next() == "{":
            self.skip_past("}")

    def skip_past(self, mark: str) -> str:
        inside, found, _ = self.pattern[self.at :].partition(mark)
        if not found:
            raise _ReadError
        self.at += len(inside) + len(mark)
        return inside

    def peek(self) -> str:
        """The letter at this place, "" at the end."""
        return self.pattern[self.at : self.at + 1]

    def next(self) -> str:
        if self.at == len(self.pattern):
            raise _ReadError
        self.at += 1
        return self.pattern[self.at - 1]

    def take(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise _ReadError

    def expect_end(self) -> None:
        if self.at < len(self.pattern):
            raise _ReadError


def _is_count(text: str) -> bool:
    """RE2 takes a number with a leading zero for text."""
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _letter_of(digits: str, base: int) -> str:
    if not digits or not HEX.issuperset(digits):
        raise _ReadError
    number = int(digits, base)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise _ReadError
    return chr(number)
