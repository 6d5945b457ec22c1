"""Words, parts and trigrams: the terms of full text.

Words are identifiers, numbers and words in order, in lower case: no stemming and no stop words, since `for`, `if`
and `int` matter in code. Parts are the pieces of compound identifiers (camelCase, snake_case, utf8). Trigrams
are the distinct three-byte sequences of the text in lower case; they only choose candidates, which are then
read. `docs/formats/analysis.md` specifies every step.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from search.analysis.hashing import ALPHABET
from search.analysis.kernel import inlined, kernel
from search.patterns import separators

MAX_WORD = 128
"""Bytes of a word that count: longer ones (embedded data) are cut, in documents and queries alike."""

_LETTERS = np.frombuffer(ALPHABET, np.uint8).copy()

NONE, DIGIT, LOWER, UPPER, UNDERSCORE = range(5)


def _classes() -> NDArray[np.uint8]:
    classes = np.full(256, NONE, np.uint8)
    classes[ord("0") : ord("9") + 1] = DIGIT
    classes[ord("a") : ord("z") + 1] = LOWER
    classes[128:] = LOWER
    classes[ord("A") : ord("Z") + 1] = UPPER
    classes[ord("_")] = UNDERSCORE
    return classes


_CLASSES = _classes()


@inlined
def _append(out: NDArray[np.uint8], at: int, text: NDArray[np.uint8], start: int, end: int) -> int:
    for i in range(start, end):
        byte = text[i]
        out[at] = byte + 32 if 65 <= byte <= 90 else byte
        at += 1
    out[at] = 32
    return at + 1


@kernel
def _write_words(text: NDArray[np.uint8], classes: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    out = np.empty(text.size + 1, np.uint8)
    at = 0
    i = 0
    while i < text.size:
        if classes[text[i]] == NONE:
            i += 1
            continue
        start = i
        while i < text.size and classes[text[i]] != NONE:
            i += 1
        at = _append(out, at, text, start, min(i, start + longest))
    return out[:at].copy()


@inlined
def _is_boundary(before: int, here: int, after: int) -> bool:
    """Whether a new part begins at `here`: fooBar, HTTPServer (before the S), utf8, x86_64."""
    if before == here:
        return before == UPPER and after == LOWER
    return not (before == UPPER and here == LOWER)


@kernel
def _write_parts(text: NDArray[np.uint8], classes: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    out = np.empty(2 * text.size + 2, np.uint8)
    # Identifiers repeat: one that stands in its slot has been taken apart already.
    seen = np.zeros(1024, np.uint64)
    at = 0
    i = 0
    while i < text.size:
        if classes[text[i]] == NONE:
            i += 1
            continue
        start = i
        name = np.uint64(0xCBF29CE484222325)
        while i < text.size and classes[text[i]] != NONE:
            name = (name ^ np.uint64(text[i])) * np.uint64(0x100000001B3)
            i += 1
        slot = (name >> np.uint64(32)) & np.uint64(1023)
        if seen[slot] == name:
            continue
        seen[slot] = name
        at = _write_parts_of(out, at, text, classes, start, min(i, start + longest))
    return out[:at].copy()


@inlined
def _write_parts_of(
    out: NDArray[np.uint8], at: int, text: NDArray[np.uint8], classes: NDArray[np.uint8], start: int, end: int
) -> int:
    first = start
    for i in range(start + 1, end + 1):
        if i < end:
            after = classes[text[i + 1]] if i + 1 < end else UNDERSCORE
            if not _is_boundary(classes[text[i - 1]], classes[text[i]], after):
                continue
        whole = first == start and i == end
        if classes[text[first]] != UNDERSCORE and i - first >= 2 and not whole:
            at = _append(out, at, text, first, i)
        first = i
    return at


@kernel
def _write_trigrams(text: NDArray[np.uint8], letters: NDArray[np.uint8], seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # `seen` is 2^21 zero bytes, one bit for each trigram, and is handed back as it came.
    out = np.empty(5 * max(text.size - 2, 0), np.uint8)
    found = np.empty(max(text.size - 2, 0), np.uint32)
    count = 0
    trigram = np.uint32(0)
    for i in range(text.size):
        byte = text[i]
        byte = byte + 32 if 65 <= byte <= 90 else byte
        trigram = np.uint32(((trigram << np.uint32(8)) | np.uint32(byte)) & np.uint32(0xFFFFFF))
        bit = np.uint8(1 << (trigram & np.uint32(7)))
        if i < 2 or seen[trigram >> np.uint32(3)] & bit:
            continue
        seen[trigram >> np.uint32(3)] |= bit
        found[count] = trigram
        count += 1
    for i in range(count):
        trigram = found[i]
        seen[trigram >> np.uint32(3)] = 0
        for place in range(4):
            out[5 * i + place] = letters[(trigram >> np.uint32(18 - 6 * place)) & np.uint32(63)]
        out[5 * i + 4] = 32
    return out[: 5 * count].copy()


def _text_of(written: NDArray[np.uint8]) -> str:
    # A word cut at MAX_WORD may end inside a character; str.lower() is for what is not ASCII.
    text = written.tobytes().decode("utf-8", "ignore")
    return text if text.isascii() else text.lower()


def _plain(content: bytes) -> NDArray[np.uint8]:
    """The text with blanks for the separators that are not ASCII."""
    text = np.frombuffer(content, np.uint8)
    return text if content.isascii() else _blank_out(text, _is_separator())


@cache
def _is_separator() -> NDArray[np.bool_]:
    """For every code point whether it is no ASCII and belongs to no word."""
    table = np.zeros(0x110000, np.bool_)
    for first, last in separators():
        table[first : last + 1] = True
    return table


@kernel
def _blank_out(text: NDArray[np.uint8], is_separator: NDArray[np.bool_]) -> NDArray[np.uint8]:
    # The text is valid UTF-8, so the first byte of a character tells its length.
    out = text.copy()
    i = 0
    while i < text.size:
        lead = text[i]
        if lead < 0x80:
            i += 1
            continue
        size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        point = np.int64(lead & (0x7F >> size))
        for j in range(i + 1, i + size):
            point = point << 6 | np.int64(text[j] & 0x3F)
        if is_separator[point]:
            out[i : i + size] = 32
        i += size
    return out


def words_of(content: bytes) -> str:
    """The words of a UTF-8 text, in order, each followed by a blank."""
    return _text_of(_write_words(_plain(content), _CLASSES, MAX_WORD))


def parts_of(content: bytes) -> str:
    """The parts (two bytes or more) of compound words, each followed by a blank; a set, repeats mean nothing."""
    return _text_of(_write_parts(_plain(content), _CLASSES, MAX_WORD))


def lowered(content: bytes) -> bytes:
    """The text in lower case, as substrings are compared: str.lower(), in UTF-8."""
    return content.lower() if content.isascii() else content.decode("utf-8").lower().encode("utf-8")


class TrigramWriter:
    """Writes the trigrams of one text after another; holds 2 MiB of scratch and is not for several threads."""

    def __init__(self) -> None:
        self._seen = np.zeros(1 << 21, np.uint8)

    def trigrams_of(self, content: bytes) -> str:
        """The distinct trigrams of the text in lower case, as terms of four base64url letters and a blank."""
        text = content if content.isascii() else lowered(content)
        return _write_trigrams(np.frombuffer(text, np.uint8), _LETTERS, self._seen).tobytes().decode("ascii")


def trigram_terms(literal: bytes) -> frozenset[str]:
    """The terms of the trigrams of a literal that is in lower case already; none for fewer than three bytes."""
    return frozenset(_trigram_term(literal[i : i + 3]) for i in range(len(literal) - 2))


def _trigram_term(trigram: bytes) -> str:
    value = int.from_bytes(trigram, "big")
    return bytes(ALPHABET[value >> shift & 63] for shift in (18, 12, 6, 0)).decode("ascii")
