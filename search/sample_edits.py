"""Edited copies: the same file after somebody worked on it, near enough to be found as a near-duplicate."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from keyword import iskeyword

import numpy as np
from numpy.typing import NDArray

from search.analysis.hashing import distinct
from search.analysis.minhash import jaccard, shingles

LEAST_SIMILAR = 0.72
MOST_SIMILAR = 0.95
MIN_BYTES = 2_000
MAX_BYTES = 60_000
DROPPED_LINES = 100
"""One line in so many is left out."""
RARE = 3
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]{3,}")
ENDINGS = ("_value", "_item", "2", "Impl", "_local")


@dataclass(frozen=True, slots=True)
class Edit:
    content: bytes
    similarity: float
    """The Jaccard index of the word 5-grams before and after."""


def draw(*key: str) -> int:
    """64 bits that look random and are the same everywhere, always."""
    return int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:8], "big")


def edit(content: bytes, key: str) -> Edit | None:
    """`content` with some lines left out and some identifiers renamed, more or fewer by `key`.

    None where no number of renamings ends between LEAST_SIMILAR and MOST_SIMILAR: short files, or files
    without identifiers.
    """
    text = _without_some_lines(content.decode(), key)
    counts = Counter(name for name in IDENTIFIER.findall(text) if not iskeyword(name))
    # One frequent name can take the text from too similar to too different, so the rare ones come first.
    names = sorted(counts, key=lambda name: (counts[name] > RARE, draw(key, name)))
    before = _shingles(content)
    wanted = LEAST_SIMILAR + 0.03 + draw(key, "wanted") / 2**64 * (MOST_SIMILAR - LEAST_SIMILAR - 0.05)
    least, most = 0, len(names)
    # Each renaming takes shingles away, so the number that is needed can be found by halves.
    while least < most:
        middle = (least + most) // 2
        if jaccard(before, _shingles(_renamed(text, names[:middle]))) > wanted:
            least = middle + 1
        else:
            most = middle
    edited = _renamed(text, names[:least])
    similarity = jaccard(before, _shingles(edited))
    return Edit(edited, similarity) if LEAST_SIMILAR < similarity < MOST_SIMILAR else None


def _without_some_lines(text: str, key: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines) if draw(key, str(number)) % DROPPED_LINES)


def _renamed(text: str, names: list[str]) -> bytes:
    endings = {name: ENDINGS[draw(name) % len(ENDINGS)] for name in names}
    return IDENTIFIER.sub(lambda found: found[0] + endings.get(found[0], ""), text).encode()


def _shingles(content: bytes) -> NDArray[np.uint64]:
    return distinct(shingles(content))
