"""How long an answer takes, asked of the build of `benchmarks.building` in process."""

import random
from functools import partial

from benchmarks import corpus
from benchmarks.rows import Row, latency
from search import lookup
from search.checking import AskedFile
from search.querying import QueryError

ROUNDS = 200


def rows() -> list[Row]:
    rng = random.Random(3)
    held = [text for text in corpus.held(100) if len(text) > 3000]
    return [*_checks(rng, held, corpus.strange()), *_searches(rng, held)]


def _checks(rng: random.Random, held: list[bytes], strange: list[bytes]) -> list[Row]:
    rows = []
    for size, aim in ((1_000, "p50 < 5 ms"), (5_000, ""), (50_000, "")):
        for whose, texts in (("that is in the release", held), ("of a stranger", strange)):
            asked = [piece_of(rng, texts, size) for _ in range(ROUNDS)]
            rows.append(Row(f"check of {size // 1000} kB {whose}", _check(asked), aim))
    return rows


def _check(contents: list[bytes]) -> str:
    return latency([partial(lookup.check, [AskedFile("asked.py", content)]) for content in contents])


def piece_of(rng: random.Random, texts: list[bytes], size: int) -> bytes:
    """A slice of one text, or of as many as it takes."""
    pieces = b""
    while len(pieces) < size:
        text = rng.choice(texts)
        start = rng.randrange(max(len(text) - size, 1))
        pieces += text[start : start + size - len(pieces)] + b"\n"
    return pieces


def _searches(rng: random.Random, texts: list[bytes]) -> list[Row]:
    return [
        Row(f"search: {what}", latency([partial(ask, query) for query in queries]))
        for what, queries in queries_by_kind(rng, texts).items()
    ]


def queries_by_kind(rng: random.Random, texts: list[bytes]) -> dict[str, list[str]]:
    lines = [line.strip() for text in texts for line in text.decode("utf-8", "replace").splitlines()]
    plain = [line for line in lines if line.isascii() and '"' not in line and "\\" not in line and len(line) > 30]
    words = [word for line in rng.sample(plain, ROUNDS) for word in line.split() if word.isidentifier()]
    return {
        "word": [rng.choice(words) for _ in range(ROUNDS)],
        "three words": [" ".join(rng.sample(words, 3)) for _ in range(ROUNDS)],
        "phrase of six words": [_phrase(rng, plain) for _ in range(ROUNDS)],
        "substring of 20 characters": [f'"{_slice(rng, plain, 20)}"' for _ in range(ROUNDS)],
        "regular expression": [rf"/{rng.choice(words)}\w*\(.*{rng.choice(words)[:4]}/" for _ in range(ROUNDS)],
        "word, in one language": [f"{rng.choice(words)} lang:python" for _ in range(ROUNDS)],
    }


def _phrase(rng: random.Random, lines: list[str]) -> str:
    while True:
        words = [word for word in rng.choice(lines).split() if word.isidentifier()]
        if len(words) >= 6:
            return f'"{" ".join(words[:6])}"'


def _slice(rng: random.Random, lines: list[str], size: int) -> str:
    line = rng.choice(lines)
    start = rng.randrange(len(line) - size)
    return line[start : start + size]


def ask(query: str) -> object:
    try:
        return lookup.search(query)
    except QueryError:
        return None
