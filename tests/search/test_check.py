"""Evidence: what is there is found, at the right place, and nothing else is claimed."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search import lookup, masks
from search.checking import AskedFile
from search.report import Evidence, FileReport, Grade, Range
from search.scope import parse_scope
from search.swhid import of_content, parse_swhid
from tests import corpus
from tests.conftest import build_release

GUARANTEE = 93
FIXED = [HealthCheck.function_scoped_fixture]


def ask(content: str | bytes, path: str = "asked.py") -> FileReport:
    data = content.encode() if isinstance(content, str) else content
    return lookup.check([AskedFile(path, data)]).files[0]


def solid(text: str) -> str:
    return "".join(letter for letter in text if letter > " " and letter != "\x7f")


def lines_of(text: str, lines: Range) -> str:
    return "\n".join(text.split("\n")[lines.start - 1 : lines.end])


def sources(report: FileReport, grade: Grade) -> set[str]:
    return {f"{piece.source.repository}/{piece.source.path}" for piece in report.graded(grade) if piece.source}


# --- exact -----------------------------------------------------------------------------------------


def test_a_whole_file_is_found_in_every_repository_that_holds_it(tiny: str) -> None:
    report = ask(corpus.PARSER)
    assert sources(report, Grade.EXACT) == {"ada/engine/src/parser.py", "bob/engine-fork/src/parser.py"}
    assert report.coverage == 1.0
    assert {piece.holders for piece in report.graded(Grade.EXACT)} == {2}


def test_exact_evidence_names_the_place_as_a_qualified_swhid(tiny: str) -> None:
    (piece,) = ask(corpus.WRITER).graded(Grade.EXACT)
    assert piece.source is not None
    swhid = parse_swhid(piece.source.swhid)
    assert swhid.core == of_content(corpus.WRITER.encode()).core
    assert dict(swhid.qualifiers) == {
        "origin": "https://github.com/ada/engine",
        "anchor": f"swh:1:rev:{'c' * 40}",
        "path": "/src/io/writer.py",
    }
    assert piece.source.licenses == ("MIT",)


# --- verbatim --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [corpus.code(seed) for seed in range(100, 140)]


@pytest.fixture
def many(texts: list[str], builds: Path, tmp_path: Path, db: None) -> list[str]:
    """Forty documents, active."""
    build_release("many-1", [corpus.write_texts(tmp_path / "many.parquet", texts)])
    return texts


def stranger(rng: random.Random, lines: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789+-*/(){}"
    return "".join("".join(rng.choices(letters, k=rng.randrange(5, 60))) + "\n" for _ in range(lines))


def take_run(rng: random.Random, text: str, least: int) -> tuple[int, int]:
    """A random slice of the text with at least so many non-blank bytes."""
    start = rng.randrange(len(text) - 4 * least)
    end = start
    while len(solid(text[start:end])) < least:
        end += 1
    return start, end


def respaced(rng: random.Random, text: str) -> str:
    return "".join(rng.choice((" ", "\n", "\t ", "\r\n")) if letter.isspace() else letter for letter in text)


@settings(max_examples=120, deadline=None, suppress_health_check=FIXED)
@given(seed=st.integers(0, 10**9), spaced=st.booleans())
def test_every_run_of_the_guaranteed_length_is_found_with_its_lines(many: list[str], seed: int, spaced: bool) -> None:
    rng = random.Random(seed)
    number = rng.randrange(len(many))
    start, end = take_run(rng, many[number], GUARANTEE + rng.randrange(200))
    run = many[number][start:end]
    before = stranger(rng, rng.randrange(6))
    asked = before + (respaced(rng, run) if spaced else run) + stranger(rng, rng.randrange(6))
    assert any(
        solid(run) in solid(lines_of(asked, piece.lines))
        and piece.source is not None
        and piece.source.path == f"{number}.py"
        and piece.source.lines is not None
        and solid(run) in solid(lines_of(many[number], piece.source.lines))
        for piece in ask(asked).graded(Grade.VERBATIM)
    )


def assert_true_span(piece: Evidence, asked: str, document: str) -> None:
    """The bytes on both sides agree, are as many as told, and cannot be extended."""
    assert piece.source is not None
    assert piece.source.bytes is not None
    here = asked.encode()[piece.bytes.start : piece.bytes.end].decode()
    there = document.encode()[piece.source.bytes.start : piece.source.bytes.end].decode()
    assert solid(here) == solid(there)
    assert piece.length == len(solid(here).encode()) >= GUARANTEE
    left = solid(asked.encode()[: piece.bytes.start].decode())[-1:]
    left_there = solid(document.encode()[: piece.source.bytes.start].decode())[-1:]
    right = solid(asked.encode()[piece.bytes.end :].decode())[:1]
    right_there = solid(document.encode()[piece.source.bytes.end :].decode())[:1]
    assert left == "" or left != left_there
    assert right == "" or right != right_there
    assert piece.lines.start == asked.encode()[: piece.bytes.start].count(b"\n") + 1
    assert piece.lines.end == asked.encode()[: piece.bytes.end - 1].count(b"\n") + 1


@settings(max_examples=60, deadline=None, suppress_health_check=FIXED)
@given(seed=st.integers(0, 10**9))
def test_every_span_is_really_there_and_as_long_as_it_can_be(many: list[str], seed: int) -> None:
    rng = random.Random(seed)
    pieces = []
    for _ in range(rng.randrange(1, 5)):
        text = rng.choice(many)
        start, end = take_run(rng, text, rng.randrange(40, 400))
        pieces += [text[start:end], stranger(rng, rng.randrange(3))]
    asked = "".join(pieces)
    for piece in ask(asked).graded(Grade.VERBATIM):
        assert piece.source is not None
        assert_true_span(piece, asked, many[int(piece.source.path.removesuffix(".py"))])


@settings(max_examples=40, deadline=None, suppress_health_check=FIXED)
@given(seed=st.integers(0, 10**9))
def test_no_span_bridges_a_gap(many: list[str], seed: int) -> None:
    """Two runs of one document, in the same phase, with other bytes of the same number between them."""
    rng = random.Random(seed)
    text = many[rng.randrange(len(many))]
    start = rng.randrange(len(text) - 1200)
    gap = rng.randrange(1, 200)
    first, hole, last = (
        text[start : start + 400],
        text[start + 400 : start + 400 + gap],
        text[start + 400 + gap :][:400],
    )
    filling = "".join("Ω" if not letter.isspace() else letter for letter in hole)
    if not solid(hole):
        return
    asked = first + filling + last
    for piece in ask(asked).graded(Grade.VERBATIM):
        assert "Ω" not in asked.encode()[piece.bytes.start : piece.bytes.end].decode("utf-8", "replace")


def test_an_unknown_text_has_no_evidence(many: list[str]) -> None:
    report = ask(stranger(random.Random(5), 300))
    assert report.evidence == ()
    assert report.coverage == 0.0
    assert not report.found


def test_coverage_is_the_share_of_what_was_found(many: list[str]) -> None:
    known = many[3][:1000]
    unknown = stranger(random.Random(6), 20)
    report = ask(known + unknown)
    expected = len(solid(known)) / len(solid(known + unknown))
    assert report.coverage == pytest.approx(expected, abs=0.01)


def test_a_text_that_repeats_itself_is_compared_to_the_end(builds: Path, tmp_path: Path, db: None) -> None:
    line = "value = compute(alpha, beta, gamma, delta, epsilon, zeta, eta, theta, iota, kappa, lambda_, mu)\n"
    document = line * 400 + "tail_of_the_document = True\n"
    build_release("repeats-1", [corpus.write_texts(tmp_path / "repeats.parquet", [document])])
    report = ask("start = 1\n" + line * 150)
    (piece,) = report.graded(Grade.VERBATIM)
    assert piece.length == len(solid(line * 150))
    assert_true_span(piece, "start = 1\n" + line * 150, document)


@pytest.mark.parametrize("content", ["*" * 100_000, "abc\t" * 50_000, "x = [0, 0, 0, 0]\n" * 6000])
def test_repetition_without_end_is_bounded_and_told(builds: Path, tmp_path: Path, db: None, content: str) -> None:
    texts = [content[: len(content) // number] + corpus.code(number) for number in range(1, 8)]
    build_release("endless-1", [corpus.write_texts(tmp_path / "endless.parquet", texts)])
    report = ask("start = 1\n" + content)
    assert report.found
    assert any("repeats itself" in limit for limit in report.limits)


def test_boilerplate_is_told_and_is_not_a_match(builds: Path, tmp_path: Path, db: None) -> None:
    texts = [corpus.LICENSE_HEADER + corpus.code(seed, 2) for seed in range(80)]
    build_release("headers-1", [corpus.write_texts(tmp_path / "headers.parquet", texts)])
    report = ask(corpus.LICENSE_HEADER + stranger(random.Random(1), 10))
    assert report.evidence
    assert all(piece.common for piece in report.evidence)
    assert {piece.holders for piece in report.evidence} == {80}
    assert not report.found
    assert report.coverage == 0.0


def test_a_match_hides_in_no_boilerplate(builds: Path, tmp_path: Path, db: None) -> None:
    """Eighty documents share more with the question than the one that matters."""
    texts = [corpus.LICENSE_HEADER * 3 + corpus.code(seed, 2) for seed in range(80)] + [corpus.code(999)]
    build_release("hidden-1", [corpus.write_texts(tmp_path / "hidden.parquet", texts)])
    report = ask(corpus.LICENSE_HEADER * 3 + corpus.code(999)[300:600])
    assert any(piece.source and piece.source.path == "80.py" and not piece.common for piece in report.evidence)


# --- near-duplicate --------------------------------------------------------------------------------


def test_an_edited_copy_is_a_near_duplicate_with_its_exact_similarity(tiny: str) -> None:
    (piece, *_) = ask(corpus.EDITED_WRITER.replace("header", "footer", 1)).graded(Grade.NEAR_DUPLICATE)
    assert piece.source is not None
    assert piece.source.path == "src/io/writer.py"
    assert 0.7 <= (piece.similarity or 0) < 1


def test_an_exact_copy_is_not_told_again_as_a_near_duplicate(tiny: str) -> None:
    assert sources(ask(corpus.WRITER), Grade.NEAR_DUPLICATE) == {"bob/engine-fork/src/io/writer.py"}


# --- masks and odd input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ("account:ADA", {"bob/engine-fork/src/parser.py"}),
        ("repo:ada/engine", {"bob/engine-fork/src/parser.py"}),
        ("path:ada/engine/src", {"bob/engine-fork/src/parser.py"}),
        ("path:ada/engine/src/parser.py", {"bob/engine-fork/src/parser.py"}),
        ("path:ada/engine/sr", {"ada/engine/src/parser.py", "bob/engine-fork/src/parser.py"}),
        ("account:bob", {"ada/engine/src/parser.py"}),
    ],
)
def test_a_masked_scope_is_in_no_evidence(tiny: str, scope: str, left: set[str]) -> None:
    masks.hide(parse_scope(scope))
    assert sources(ask(corpus.PARSER), Grade.EXACT) == left
    changed = ask("# changed\n" + corpus.PARSER)
    assert sources(changed, Grade.VERBATIM) == left
    assert sources(changed, Grade.NEAR_DUPLICATE) == left
    assert {piece.holders for piece in changed.graded(Grade.VERBATIM)} == {len(left)}


def test_a_masked_content_is_in_no_evidence(tiny: str) -> None:
    swhid = of_content(corpus.PARSER.encode()).core
    masks.hide(parse_scope(f"swhid:{swhid}"))
    assert ask(corpus.PARSER).evidence == ()
    assert ask("# changed\n" + corpus.PARSER).evidence == ()


@pytest.mark.parametrize("content", [b"", b"\n", b" \t\r\n", b"x", b"\xff\xfe\x00bad", b"a" * 100_000])
def test_odd_input_is_answered(tiny: str, content: bytes) -> None:
    assert ask(content).evidence == ()


def test_a_report_names_what_it_was_made_from(tiny: str) -> None:
    basis = lookup.check([AskedFile("a.py", b"x")]).basis
    assert (basis.release, basis.build, basis.spec) == (tiny, f"{tiny}-1", "1")
    assert (basis.guaranteed_length, basis.similarity_threshold) == (GUARANTEE, 0.7)
    assert 0 < basis.portrait_error_rate < 2e-5


def test_a_release_that_is_not_there_is_named(tiny: str) -> None:
    with pytest.raises(lookup.NoRelease, match="'other' does not exist"):
        lookup.check([AskedFile("a.py", b"x")], release="other")
