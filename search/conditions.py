"""Conditions: what the lower-cased text of a document must hold, as substrings under and / or.

An engine keeps trigrams, not substrings: a `Literal` stands for all the trigrams of its UTF-8 bytes, so it
has at least three bytes. A condition only selects candidates: it may let through what does not match and must
never keep back what does, so making it weaker is always right and making it stronger never is.

A condition is made from the parts of a pattern in a row. Each part is followed as the few texts that it can
stand for, neighbours are joined, and of a part that can stand for many only its own requirement is kept.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

GRAM = 3
MOST_PARTS = 100
"""Alternatives, or parts that must all hold, that are still compared with each other."""
MOST_TEXTS = 16
"""The texts that a part is followed as; with more it counts as standing for many."""
MOST_LETTERS = 128
"""The longest text that is followed; a longer one goes on as its neighbour."""


@dataclass(frozen=True, slots=True)
class Everything:
    """No condition: any document may match."""


@dataclass(frozen=True, slots=True)
class Literal:
    """The text holds `text`, which is lower-cased and has at least three UTF-8 bytes."""

    text: str


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: "tuple[Condition, ...]"


Condition: TypeAlias = Everything | Literal | AllOf | AnyOf
Texts: TypeAlias = frozenset[str]
Piece: TypeAlias = Texts | Condition
"""All the texts, lower-cased, that a part can stand for; or what it requires where those are not followed."""

EVERYTHING = Everything()
NOTHING: Texts = frozenset({""})


def literal(text: str) -> Condition:
    return Literal(text) if len(text.encode("utf-8")) >= GRAM else EVERYTHING


def all_of(parts: Iterable[Condition]) -> Condition:
    """The simplest condition as strong as all parts; beyond MOST_PARTS the later ones are dropped."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,))]
    stated = [part for part in dict.fromkeys(flat) if part != EVERYTHING][:MOST_PARTS]
    kept = _without(stated, lambda part, other: implies(other, part))
    if len(kept) < 2:
        return kept[0] if kept else EVERYTHING
    return AllOf(tuple(kept))


def any_of(parts: Iterable[Condition]) -> Condition:
    """The simplest condition as weak as all parts; no condition where there are more than MOST_PARTS."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,))]
    distinct = list(dict.fromkeys(flat))
    if not distinct or EVERYTHING in distinct or len(distinct) > MOST_PARTS:
        return EVERYTHING
    kept = _without(distinct, implies)
    return kept[0] if len(kept) == 1 else AnyOf(tuple(kept))


def implies(strong: Condition, weak: Condition) -> bool:
    """Whether a text that meets `strong` must meet `weak`; False also where that takes more than a look."""
    match strong, weak:
        case _, AllOf(parts):
            return all(implies(strong, part) for part in parts)
        case AnyOf(parts), _:
            return all(implies(part, weak) for part in parts)
        case Literal(text), Literal(part):
            return part in text
        case Literal(), AnyOf(parts):
            return any(implies(strong, part) for part in parts)
        case AllOf(parts), _:
            return any(implies(part, weak) for part in parts)
    return False


def within(condition: Condition, trigrams: int) -> Condition:
    """A condition at most as strong that an engine can ask with at most so many trigrams."""
    if weight(condition) <= trigrams:
        return condition
    match condition:
        case Literal(text):
            return literal(text.encode("utf-8")[: trigrams + GRAM - 1].decode("utf-8", "ignore"))
        case AnyOf(parts):
            return any_of(within(part, trigrams // len(parts)) for part in parts)
        case AllOf(parts):
            return all_of(_afforded(parts, trigrams))
    return EVERYTHING


def weight(condition: Condition) -> int:
    """The trigrams that it takes to ask for `condition`."""
    match condition:
        case Literal(text):
            return len(text.encode("utf-8")) - GRAM + 1
        case AllOf(parts) | AnyOf(parts):
            return sum(weight(part) for part in parts)
    return 0


def _afforded(parts: tuple[Condition, ...], trigrams: int) -> Iterable[Condition]:
    """Each part gets an equal share of what the parts before it have left."""
    for place, part in enumerate(parts):
        kept = within(part, trigrams // (len(parts) - place))
        trigrams -= weight(kept)
        yield kept


def _without(parts: list[Condition], needless: Callable[[Condition, Condition], bool]) -> list[Condition]:
    """The parts for which no other part makes them needless; of two that do so to each other, the later."""
    kept = list(parts)
    for part in parts:
        if any(needless(part, other) for other in kept if other is not part):
            kept.remove(part)
    return kept


def repeated(pieces: Sequence[Piece], least: int, most: int | None) -> list[Piece]:
    """At least and at most so many times in a row; None is without end."""
    if most == 0:
        return [NOTHING]
    texts = _texts(pieces)
    if least == 0:
        return [union([texts, NOTHING]) if texts and most == 1 else EVERYTHING]
    if texts is None:
        return [condition_of(pieces)]
    times, row = 1, texts
    while times < least and (longer := _joined(row, texts)):
        times, row = times + 1, longer
    return [row] if times == most else [row, EVERYTHING, row]


def either(branches: Sequence[Sequence[Piece]]) -> Piece:
    followed = [_texts(pieces) for pieces in branches]
    texts = union([EVERYTHING if texts is None else texts for texts in followed])
    if texts != EVERYTHING:
        return texts
    return any_of(condition_of(pieces) for pieces in branches)


def _texts(pieces: Sequence[Piece]) -> Texts | None:
    """All texts that the pieces can stand for in a row, where they are few."""
    row: Texts | None = NOTHING
    for piece in pieces:
        row = _joined(row, piece) if row and isinstance(piece, frozenset) else None
    return row


def _joined(left: Texts, right: Texts) -> Texts | None:
    if len(left) * len(right) > MOST_TEXTS or max(map(len, left)) + max(map(len, right)) > MOST_LETTERS:
        return None
    return frozenset(start + end for start in left for end in right)


def union(pieces: Sequence[Piece]) -> Piece:
    texts = frozenset(text for piece in pieces if isinstance(piece, frozenset) for text in piece)
    followed = all(isinstance(piece, frozenset) for piece in pieces) and len(texts) <= MOST_TEXTS
    return texts if followed else EVERYTHING


def condition_of(pieces: Sequence[Piece]) -> Condition:
    """What the pieces require in a row: each run of texts as one text, since only those touch."""
    parts: list[Condition] = []
    run = NOTHING
    for piece in pieces:
        longer = _joined(run, piece) if isinstance(piece, frozenset) else None
        if longer is not None:
            run = longer
            continue
        parts.append(_any_text(run))
        if isinstance(piece, frozenset):
            run = piece
        else:
            parts.append(piece)
            run = NOTHING
    return all_of([*parts, _any_text(run)])


def _any_text(texts: Texts) -> Condition:
    return any_of(literal(text) for text in sorted(texts))
