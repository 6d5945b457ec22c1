"""The asked code as it is shown: which lines, in which state, and how much is folded away."""

from hypothesis import given
from hypothesis import strategies as st

from frontend.listing import CONTEXT, MAX_WIDTH, Row, lines_of, listing
from search.report import Evidence, Grade, Range

CODE = "".join(f"line {number}\n" for number in range(1, 101)).encode()


def found(start: int, end: int, grade: Grade = Grade.VERBATIM, *, common: bool = False) -> Evidence:
    return Evidence(grade, Range(start, end), Range(0, 1), common=common)


def test_marked_lines_stand_among_their_neighbours_and_the_rest_is_folded() -> None:
    rows = listing(CODE, [found(10, 11)], most=1000)
    assert rows[0] == Row(1, folded=6)
    assert [row.number for row in rows[1:-1]] == list(range(7, 15))
    assert [row.number for row in rows if row.state] == [10, 11]
    assert [row.first for row in rows if row.state] == [True, False]
    assert rows[-1] == Row(15, folded=86)


def test_the_strongest_finding_of_a_line_is_shown() -> None:
    evidence = [found(1, 9), found(3, 4, common=True), found(5, 12, common=True), found(1, 100, Grade.NEAR_DUPLICATE)]
    states = {row.number: row.state for row in listing(CODE, evidence, most=1000)}
    assert {number for number, state in states.items() if state == "verbatim"} == set(range(1, 10))
    assert {number for number, state in states.items() if state == "boilerplate"} == {10, 11, 12}
    assert states[13] == ""


def test_beyond_the_most_lines_one_fold_follows() -> None:
    rows = listing(CODE, [found(1, 100)], most=30)
    assert [row.number for row in rows[:-1]] == list(range(1, 31))
    assert rows[-1] == Row(31, folded=70)


def test_line_ends_are_counted_as_evidence_counts_them() -> None:
    assert lines_of(b"a\r\nb\n\nc") == ["a", "b", "", "c"]
    assert lines_of(b"a\rb\n") == ["a␍b"]
    assert lines_of(b"") == []
    assert lines_of("a\x0bb\u2028c\n".encode()) == ["a\x0bb\u2028c"]
    assert lines_of(b"\xff\n") == ["\ufffd"]


def test_an_endless_line_is_cut() -> None:
    (row,) = listing(b"x" * 10_000, [found(1, 1)], most=10)
    assert row.text.startswith("x" * MAX_WIDTH + " …")
    assert row.text.endswith("8,000 more characters")


places = st.tuples(st.integers(1, 60), st.integers(0, 20)).map(lambda pair: found(pair[0], pair[0] + pair[1]))


@given(st.integers(0, 80), st.lists(places, max_size=6), st.integers(1, 100))
def test_every_line_is_shown_or_folded_once(lines: int, evidence: list[Evidence], most: int) -> None:
    rows = listing(b"x\n" * lines, evidence, most)
    numbers = [number for row in rows for number in range(row.number, row.number + (row.folded or 1))]
    assert numbers == list(range(1, lines + 1))
    shown = {row.number for row in rows if not row.folded}
    assert len(shown) <= most
    marked = {n for piece in evidence for n in range(piece.lines.start, piece.lines.end + 1) if n <= lines}
    if len(shown) < most:
        near = {n + step for n in marked for step in range(-CONTEXT, CONTEXT + 1)}
        assert shown == near & set(range(1, lines + 1))
