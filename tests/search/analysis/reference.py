"""docs/formats/analysis.md in plain Python, one step after the other: the oracle of the kernels.

Shares no code with search/analysis. Slow on purpose: nothing here is clever.
"""

import unicodedata

MASK = 2**64 - 1
BASE = 0x9E3779B97F4A7C15


def mix64(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33


def solid(content: bytes) -> bytes:
    return bytes(byte for byte in content if byte > 0x20 and byte != 0x7F)


def gram_hash(gram: bytes) -> int:
    return sum(byte * pow(BASE, len(gram) - place, 2**64) for place, byte in enumerate(gram)) & MASK


def fingerprints(content: bytes, gram: int, window: int) -> set[int]:
    text = solid(content)
    hashes = [gram_hash(text[i : i + gram]) for i in range(len(text) - gram + 1)]
    if not hashes:
        return set()
    windows = range(max(len(hashes) - window + 1, 1))
    return {mix64(min(hashes[i : i + window])) for i in windows}


def term(value: int) -> str:
    return f"{value >> 24:010x}"


def shingle_words(content: bytes) -> list[bytes]:
    words: list[bytes] = []
    word = b""
    for byte in content + b" ":
        if (chr(byte).isalnum() and byte < 128) or byte == 0x5F or byte >= 128:
            word += bytes([byte])
        elif word:
            words.append(word.lower())
            word = b""
    return words


def fnv1a(word: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in word:
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value


def shingles(content: bytes) -> list[int]:
    hashes = [fnv1a(word) for word in shingle_words(content)]
    fives = [hashes[i : i + 5] for i in range(len(hashes) - 4)]
    return [mix64(sum(h * pow(BASE, 5 - j, 2**64) for j, h in enumerate(five)) & MASK) for five in fives]


def bands(signature: list[int]) -> list[int]:
    out = []
    for band in range(42):
        value = band + 1
        for minimum in signature[6 * band : 6 * band + 6]:
            value = (value + minimum) * BASE & MASK
        out.append(mix64(value))
    return out


def is_word_letter(letter: str) -> bool:
    if letter.isascii():
        return letter.isalnum() or letter == "_"
    return unicodedata.category(letter)[0] in "LMN"


def word_texts(text: str) -> list[str]:
    words: list[str] = []
    word = ""
    for letter in text + " ":
        if is_word_letter(letter):
            word += letter
        elif word:
            words.append(word)
            word = ""
    return words


def cut(word: str) -> str:
    return word.encode()[:128].decode("utf-8", "ignore")


def words(text: str) -> list[str]:
    return [cut(word).lower() for word in word_texts(text)]


def letter_class(letter: str) -> str:
    if letter == "_":
        return "_"
    if letter.isascii() and letter.isdigit():
        return "digit"
    return "upper" if letter.isascii() and letter.isupper() else "lower"


def parts(text: str) -> set[str]:
    found: set[str] = set()
    for word in map(cut, word_texts(text)):
        pieces = [""]
        for place, letter in enumerate(word):
            before = letter_class(word[place - 1]) if place else letter_class(letter)
            here = letter_class(letter)
            after = letter_class(word[place + 1]) if place + 1 < len(word) else "_"
            acronym_ends = before == here == "upper" and after == "lower"
            changes = before != here and not (before == "upper" and here == "lower")
            if place and (acronym_ends or changes):
                pieces.append("")
            pieces[-1] += letter
        if len(pieces) > 1:
            found |= {piece.lower() for piece in pieces if piece[0] != "_" and len(piece.encode()) >= 2}
    return found


def trigrams(text: str) -> set[bytes]:
    low = text.lower().encode()
    return {low[i : i + 3] for i in range(len(low) - 2)}
