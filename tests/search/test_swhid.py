"""Identifiers: what git says of a content, what the standard allows of the rest, and which part is wrong."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.swhid import QUALIFIERS, Kind, Swhid, of_content, parse_swhid

A = "a" * 40
CORE = f"swh:1:cnt:{A}"

VALID = [
    *(f"swh:1:{kind}:{A}" for kind in Kind),
    "swh:1:cnt:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    f"{CORE};origin=https://example.org/x",
    f"{CORE};origin=https://example.org/x;visit=swh:1:snp:{A};anchor=swh:1:rev:{A};path=/a/b.c;lines=9-15",
    f"{CORE};lines=1",
    f"{CORE};lines=7-7",
    f"{CORE};bytes=0-0",
    f"{CORE};lines=2-3;bytes=10-40",
    f"{CORE};path=/with%3Bsemicolon",
    f"{CORE};path=/hundred%25",
    f"{CORE};path=/a=b",
    f"{CORE};anchor=swh:1:dir:{A}",
    f"swh:1:dir:{A};path=/",
    f"{CORE};path=/größe/→.py",
]

INVALID = {
    "": "is not a SWHID",
    "swh": "is not a SWHID",
    "swh:1:cnt": "is not a SWHID",
    f"{CORE}:": "is not a SWHID",
    f"SWH:1:cnt:{A}": "is not a SWHID",
    f" {CORE}": "is not a SWHID",
    f"sha1:1:cnt:{A}": "is not a SWHID",
    f"swh:2:cnt:{A}": "version '2'",
    f"swh:01:cnt:{A}": "version '01'",
    f"swh::cnt:{A}": "version ''",
    f"swh:1:CNT:{A}": "type 'CNT'",
    f"swh:1:ori:{A}": "type 'ori'",
    f"swh:1::{A}": "type ''",
    "swh:1:cnt:": "0 hexadecimal digits instead of 40",
    f"swh:1:cnt:{A[:39]}": "39 hexadecimal digits",
    f"swh:1:cnt:{A}a": "41 hexadecimal digits",
    f"swh:1:cnt:{A[:39]}A": "'A' at digit 40",
    f"swh:1:cnt:g{A[:39]}": "'g' at digit 1",
    f"swh:1:cnt:{A[:7]}\n{A[:32]}": r"'\\n' at digit 8",
    f"swh:1:cnt:{A[:39]}１": "'１' at digit 40",
    f"{CORE} ": "' ' at digit 41",
    f"{CORE}\n": r"'\\n' at digit 41",
    f"{CORE};": "qualifier ''",
    f"{CORE};;lines=1": "qualifier ''",
    f"{CORE};lines": "qualifier 'lines'",
    f"{CORE};lines=": "qualifier 'lines='",
    f"{CORE};LINES=1": "qualifier 'LINES=1'",
    f"{CORE};line=1": "qualifier 'line=1'",
    f"{CORE};lines=1;lines=2": "'lines' is given twice",
    f"{CORE};origin=a;origin=a": "'origin' is given twice",
    f"{CORE};lines=0": "from 1",
    f"{CORE};lines=3-2": "upwards",
    f"{CORE};lines=-1": "not a number",
    f"{CORE};lines=1-": "not a number",
    f"{CORE};lines=1-2-3": "not a number",
    f"{CORE};lines=a": "not a number",
    f"{CORE};lines=１": "not a number",
    f"{CORE};lines= 1": "not a number",
    f"{CORE};lines=+1": "not a number",
    f"{CORE};bytes=5-1": "upwards",
    f"swh:1:dir:{A};lines=1": "for contents only",
    f"swh:1:rev:{A};bytes=1": "for contents only",
    f"{CORE};visit=swh:1:rev:{A}": "must be a snapshot",
    f"{CORE};visit=x": "is not a SWHID",
    f"{CORE};anchor={CORE}": "must not be a content",
    f"{CORE};anchor=swh:1:rev:{A[:-1]}": "39 hexadecimal digits",
    f"{CORE};path=a/b": "must begin with '/'",
}  # fmt: skip


@pytest.mark.parametrize("text", VALID)
def test_what_is_valid_is_printed_as_it_was_read(text: str) -> None:
    assert str(parse_swhid(text)) == text


@pytest.mark.parametrize("text", INVALID, ids=ascii)
def test_what_is_invalid_is_refused_with_the_part_at_fault(text: str) -> None:
    with pytest.raises(ValueError, match=INVALID[text]):
        parse_swhid(text)


def test_a_long_wrong_text_is_not_repeated_in_full() -> None:
    for text in ("x" * 10_000, f"{CORE};{'y' * 10_000}", f"swh:{'1' * 10_000}:cnt:{A}", f"{CORE};lines={'z' * 10_000}"):
        with pytest.raises(ValueError, match=r"swh|qualifier") as error:
            parse_swhid(text)
        assert len(str(error.value)) < 300


def test_qualifiers_are_printed_in_the_order_of_the_standard() -> None:
    jumbled = parse_swhid(f"{CORE};bytes=1-2;path=/x;origin=o;lines=1")
    assert str(jumbled) == f"{CORE};origin=o;path=/x;lines=1;bytes=1-2"


@pytest.mark.parametrize(
    ("written", "value"), [("%3B", ";"), ("%3b", ";"), ("%25", "%"), ("%253B", "%3B"), ("%41", "%41")]
)
def test_only_what_must_be_escaped_is_unescaped(written: str, value: str) -> None:
    assert dict(parse_swhid(f"{CORE};path=/{written}").qualifiers) == {"path": f"/{value}"}


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
CORES = st.builds(Swhid, st.sampled_from(Kind), st.text("0123456789abcdef", min_size=40, max_size=40))


@st.composite
def ranges(draw: st.DrawFn, least: int) -> str:
    start = draw(st.integers(least, 10**9))
    return f"{start}-{draw(st.integers(start, 10**10))}" if draw(st.booleans()) else str(start)


@st.composite
def swhids(draw: st.DrawFn) -> Swhid:
    core = draw(CORES)
    values: dict[str, str | None] = {
        "origin": draw(st.none() | TEXTS),
        "visit": draw(st.none() | CORES.map(lambda other: f"swh:1:snp:{other.digest}")),
        "anchor": draw(st.none() | CORES.filter(lambda other: other.kind is not Kind.CONTENT).map(str)),
        "path": draw(st.none() | TEXTS.map(lambda text: f"/{text}")),
    }
    if core.kind is Kind.CONTENT:
        values |= {"lines": draw(st.none() | ranges(1)), "bytes": draw(st.none() | ranges(0))}
    return core.qualified(**values)


@given(swhid=swhids())
def test_parsing_is_the_inverse_of_printing(swhid: Swhid) -> None:
    again = parse_swhid(str(swhid))
    assert again == swhid
    assert again.core == str(swhid).partition(";")[0]
    assert [key for key, _ in again.qualifiers] == sorted(dict(again.qualifiers), key=QUALIFIERS.index)


@settings(max_examples=300)
@given(text=st.one_of(st.text(max_size=80), st.builds(lambda tail: f"{CORE};{tail}", st.text(max_size=40))))
def test_any_text_is_an_identifier_or_an_error(text: str) -> None:
    try:
        swhid = parse_swhid(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017
    else:
        assert parse_swhid(str(swhid)) == swhid


def test_a_context_is_added_to_what_is_there() -> None:
    first = parse_swhid(CORE).qualified(lines="3", origin=None)
    second = first.qualified(origin="https://example.org/x", lines="4-5")
    assert str(second) == f"{CORE};origin=https://example.org/x;lines=4-5"
    assert str(first) == f"{CORE};lines=3"


CONTENTS = [b"", b"\n", b"x = 1\n", b"a\r\nb\r\n", b"\x00\xff\xfe", "größe →\n".encode(), b"blob 3\0abc", b"x" * 70_000]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: ascii(content[:12]))
def test_a_content_has_the_identifier_that_git_gives_it(content: bytes) -> None:
    assert of_content(content).digest == git_hash(content)


@settings(max_examples=25, deadline=None)
@given(content=st.binary(max_size=300))
def test_any_content_has_the_identifier_that_git_gives_it(content: bytes) -> None:
    assert str(of_content(content)) == f"swh:1:cnt:{git_hash(content)}"


def git_hash(content: bytes) -> str:
    done = subprocess.run(["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True)
    return done.stdout.decode().strip()
