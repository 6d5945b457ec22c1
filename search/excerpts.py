"""The lines of a document that show why it was found."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from search.patterns import Pattern
from search.redact import redact
from search.report import Range

MAX_LINES = 6
MAX_WIDTH = 240
"""Characters of a line that are shown; a longer one is cut around its first mark."""

LEAD = 40
SPANS = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line, counted from 1; `marks` are ranges of characters of `text`, ascending and apart."""

    number: int
    text: str
    marks: tuple[Range, ...]


def excerpt(content: bytes, marks: Sequence[Pattern]) -> tuple[Line, ...]:
    """The lines that tell most, in the order of the text; the first line where nothing is marked.

    A mark tells the more the fewer places of the text it has.
    """
    found = ((*span, number) for number, mark in enumerate(marks) for span in mark.spans(content, SPANS))
    spans = sorted((_past_breaks(content, start, end), end, number) for start, end, number in found)
    held: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for place, span in zip(_line_starts(content, [start for start, _, _ in spans]), spans, strict=True):
        held.setdefault(place, []).append(span)
    places = Counter(mark for _, _, mark in spans)
    told = {place: sum(1 / places[mark] for mark in {mark for _, _, mark in held[place]}) for place in held}
    best = sorted(held, key=lambda place: (-told[place], place))[:MAX_LINES]
    # A secret may run over many lines, so the whole text is redacted, and not the line alone.
    lines = redact(content.decode("utf-8", "replace")).split("\n")
    return tuple(
        _line(content, number, begin, [(start, end) for start, end, _ in held.get((number, begin), ())], lines)
        for number, begin in sorted(best) or [(1, 0)]
    )


def _past_breaks(content: bytes, start: int, end: int) -> int:
    """Where a mark begins to be seen: past the line breaks that it begins with."""
    while start < end - 1 and content[start] in b"\r\n":
        start += 1
    return start


def _line_starts(content: bytes, places: Sequence[int]) -> list[tuple[int, int]]:
    """(line number, where the line begins) of ascending byte places."""
    found = []
    number, begin = 1, 0
    for place in places:
        if place > begin:
            number += content.count(b"\n", begin, place)
            begin = content.rfind(b"\n", begin, place) + 1 or begin
        found.append((number, begin))
    return found


def _line_end(content: bytes, begin: int) -> int:
    end = content.find(b"\n", begin)
    return len(content) if end < 0 else end


def _line(content: bytes, number: int, begin: int, spans: Sequence[tuple[int, int]], redacted: Sequence[str]) -> Line:
    end = _line_end(content, begin)
    marks = [(_letters(content, begin, start), _letters(content, begin, min(stop, end))) for start, stop in spans]
    text = redacted[number - 1].rstrip("\r")
    cut = max(marks[0][0] - LEAD, 0) if marks and len(text) > MAX_WIDTH else 0
    shown = text[cut : cut + MAX_WIDTH]
    return Line(number, shown, _apart([(start - cut, stop - cut) for start, stop in marks], len(shown)))


def _letters(content: bytes, start: int, end: int) -> int:
    return len(content[start:end].decode("utf-8", "replace"))


def _apart(marks: Sequence[tuple[int, int]], width: int) -> tuple[Range, ...]:
    """Marks within the width, overlapping ones joined."""
    joined: list[tuple[int, int]] = []
    inside = [(max(start, 0), min(stop, width)) for start, stop in marks]
    for start, stop in sorted(inside):
        if start >= stop:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return tuple(Range(*mark) for mark in joined)
