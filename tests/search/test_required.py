"""What a pattern requires: never more than RE2 needs for a match, and enough to be of use."""

import sys

import pytest
import re2
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from search.conditions import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Condition,
    Everything,
    Literal,
    all_of,
    any_of,
    implies,
    literal,
    weight,
    within,
)
from search.patterns import Pattern, PatternError, compile_literal, compile_regex
from search.required import MOST_TRIGRAMS, required, required_by_literal

ALL_LETTERS = "".join(chr(n) for n in range(1, sys.maxunicode + 1) if not 0xD800 <= n < 0xE000)


def holds(condition: Condition, lowered: str) -> bool:
    match condition:
        case Everything():
            return True
        case Literal(text):
            return text in lowered
        case AllOf(parts):
            return all(holds(part, lowered) for part in parts)
        case AnyOf(parts):
            return any(holds(part, lowered) for part in parts)


def literals(condition: Condition) -> list[str]:
    match condition:
        case Literal(text):
            return [text]
        case AllOf(parts) | AnyOf(parts):
            return [text for part in parts for text in literals(part)]
    return []


def compiled(pattern: str) -> Pattern:
    try:
        return compile_regex(pattern)
    except PatternError:
        assume(False)
        raise


def check_sound(pattern: str, text: str) -> bool:
    """Whether the pattern is in the text; if so, its condition must hold."""
    found = compiled(pattern).found_in(text.encode())
    assert not found or holds(required(pattern), text.lower()), required(pattern)
    return found


# Usefulness


@pytest.mark.parametrize(
    ("pattern", "condition"),
    [
        (r"import\s+numpy", AllOf((Literal("import"), Literal("numpy")))),
        (r"foo(bar|baz)qux", AnyOf((Literal("foobarqux"), Literal("foobazqux")))),
        (r"colou?r_name", AnyOf((Literal("color_name"), Literal("colour_name")))),
        (r"a|b", EVERYTHING),
        (r"[Hh]ello", Literal("hello")),
        (r"Hello World", Literal("hello world")),
        (r"foo.*bar(?:.*baz)?", AllOf((Literal("foo"), Literal("bar")))),
        (r"(foo|bar.*qux)!", AnyOf((Literal("foo"), AllOf((Literal("bar"), Literal("qux")))))),
        (r"ab{3}c", Literal("abbbc")),
        (r"ab{2,}cdef", AllOf((Literal("abb"), Literal("bbcdef")))),
        (r"abc{2,4}?def", AllOf((Literal("abcc"), Literal("ccdef")))),
        (r"colo+r_name", AllOf((Literal("colo"), Literal("or_name")))),
        (r"x{0}abc{,3}", Literal("abc{,3}")),
        (r"(ab+c)+def", Literal("def")),
        (r"(abc|.*)def", Literal("def")),
        (r"foo.*(foo|bar)", Literal("foo")),
        (r"(foo|foobar)!", AnyOf((Literal("foo!"), Literal("foobar!")))),
        (r"(foo.|foobar.)!", Literal("foo")),
        (r"^\s*def (get|set)_\w+\(", AnyOf((Literal("def get_"), Literal("def set_")))),
        (r"\bfoo\b$", Literal("foo")),
        (r"a(?:b(?P<name>c(d)))e", Literal("abcde")),
        (r"\Qa.b(c\E+d", Literal("a.b(c")),
        (r"\Q[x]", Literal("[x]")),
        (r"\x41\x{42}\103\.\n\t", Literal("abc.\n\t")),
        (r"[^]a]bcd", Literal("bcd")),
        (r"[]a]bcd", AnyOf((Literal("]bcd"), Literal("abcd")))),
        (r"[a-]bcd", AnyOf((Literal("-bcd"), Literal("abcd")))),
        (r"[a-c]def", AnyOf((Literal("adef"), Literal("bdef"), Literal("cdef")))),
        (r"[[:a]bcd", AnyOf((Literal(":bcd"), Literal("[bcd"), Literal("abcd")))),
        (r"\1010\x410", Literal("a0a0")),
        (r"abc\Wdef\Sghi\Djkl", AllOf(tuple(map(Literal, ("abc", "def", "ghi", "jkl"))))),
        (r"[[:alpha:]]bcd[\d_]efg\pL\p{Greek}hij", AllOf((Literal("bcd"), Literal("efg"), Literal("hij")))),
        (r"[a-z]{20}foo", Literal("foo")),
        (r"straße", Literal("straße")),
        (r"ÉCOLE", Literal("école")),
        (r"日本", Literal("日本")),
        (r"(?i)KELVIN", Literal("kelvin")),
        (r"(?i)école", Literal("cole")),
        (r"(?i)masse", AnyOf(tuple(Literal(f"ma{a}{b}e") for a in "s\u017f" for b in "s\u017f"))),
        (r"x(?i:abc)É", Literal("xabcé")),
        (r"x(?i)abc(?-i)É", Literal("xabcé")),
        (r"(?i)ab(?-i:É)cÉdef", AllOf((Literal("abéc"), Literal("def")))),
        (r"ΣΑΣ abc", Literal(" abc")),
        (r"(?s).{3}(?i)foo|bark", AnyOf((Literal("foo"), Literal("bark")))),
    ],
)
def test_what_patterns_require(pattern: str, condition: Condition) -> None:
    compile_regex(pattern)
    assert required(pattern) == condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("Hello (World)*", Literal("hello (world)*")),
        ("Massachusetts", Literal("massachusetts")),
        ("ab", EVERYTHING),
        ("ΟΔΟΣ abc", AllOf((Literal("οδο"), Literal(" abc")))),
        ("σύνολο", Literal("ύνολο")),
        ("İstanbul", Literal("stanbul")),
    ],
)
def test_what_literals_require(text: str, condition: Condition) -> None:
    assert required_by_literal(text) == condition


def test_a_pattern_and_a_literal_know_what_they_require() -> None:
    assert compile_regex("Foo.*bar").required == required("Foo.*bar")
    assert compile_literal("Foo.*bar").required == Literal("foo.*bar")


# Soundness

ATOMS = [
    ("a", "a"),
    ("B", "B"),
    ("bc", "bc"),
    ("s", "s"),
    ("K", "K"),
    ("é", "é"),
    ("Σ", "Σ"),
    ("\u03c3", "\u03c3"),
    ("\u017f", "\u017f"),
    ("İ", "İ"),
    ("\u212a", "\u212a"),
    (r".", "x"),
    (r"\d", "7"),
    (r"\s", " "),
    (r"\W", "-"),
    (r"\b", ""),
    (r"^", ""),
    (r"$", ""),
    (r"\n", "\n"),
    (r"\x61", "a"),
    (r"\x{3a3}", "Σ"),
    (r"\101", "A"),
    (r"\07", "\7"),
    (r"\.", "."),
    (r"\pL", "ß"),
    (r"\PL", "+"),
    (r"\p{Greek}", "\u03c3"),
    (r"[ab]", "b"),
    (r"[^a]", "\n"),
    (r"[]-]", "]"),
    (r"[]-]", "-"),
    (r"[a-c]", "c"),
    (r"[sS\x4b]", "S"),
    (r"[[:upper:]x]", "Q"),
    (r"[\w-]", "-"),
    (r"[a\]]", "]"),
    (r"[é-ë]", "ê"),
    (r"\Qa+\E", "a+"),
    (r"{", "{"),
    (r"x{,2}", "x{,2}"),
    (r"x{01}", "x{01}"),
]
"""Parts of patterns, each with a text that it matches."""


def repeated(part: tuple[str, str], least: int, more: int | None, lazy: bool) -> tuple[str, str]:
    most = "" if more is None else str(least + more)
    operator = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, more), f"{{{least},{most}}}")
    return f"(?:{part[0]}){operator}{'?' * lazy}", part[1] * (least + (more or 0))


def in_row(parts: list[tuple[str, str]]) -> tuple[str, str]:
    return "".join(part for part, _ in parts), "".join(text for _, text in parts)


def grouped(part: tuple[str, str], opening: str) -> tuple[str, str]:
    return f"{opening}{part[0]})", part[1]


def alternative(parts: list[tuple[str, str]]) -> tuple[str, str]:
    return "(" + "|".join(part for part, _ in parts) + ")", parts[-1][1]


def larger(parts: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    return st.one_of(
        st.lists(parts, min_size=1, max_size=5).map(in_row),
        st.lists(parts, min_size=2, max_size=3).map(alternative),
        st.builds(repeated, parts, st.integers(0, 3), st.none() | st.integers(0, 3), st.booleans()),
        st.builds(grouped, parts, st.sampled_from(["(", "(?:", "(?i:", "(?-i:", "(?P<n>", "(?is:", "(?i)(?:"])),
    )


examples = st.recursive(st.sampled_from(ATOMS), larger, max_leaves=12)
surroundings = st.text("aAbBcsSkK\u017f\u212a\u03c3ςΣİiéÉx-] \n", max_size=6)


@settings(max_examples=1500, deadline=None)
@given(examples, surroundings, surroundings)
def test_a_document_with_a_match_is_never_kept_back(part: tuple[str, str], before: str, after: str) -> None:
    pattern, text = part
    check_sound(pattern, f"{before}{text}{after}")
    check_sound(pattern, f"{before}{text.upper()}{after}")
    check_sound(f"(?i){pattern}", f"{before}{text.swapcase()}{after}")


def test_the_examples_are_mostly_matches() -> None:
    """Without this the test above could be sound for want of matches."""
    assert all(compile_regex(f"#{part}").found_in(f"#{text}".encode()) for part, text in ATOMS if text)


@settings(max_examples=2000, deadline=None)
@given(st.text("()[]{}|*+?.\\^$-,:<>=!PQECpLxsdwbAzimU013aAksSK\u017fé\n", max_size=14), surroundings)
@example(r"a\Q\E+b", "aab")
@example(r"abc(?i)*d", "abccd")
@example(r"abc(?i)|DEF", "def")
@example(r"(abc(?i))DEF", "abcDEF")
@example(r"[a\Qbc]def", "bdef")
@example(r"[[:a]bcd", ":bcd")
@example(r"[a-c-e]xyz", "-xyz")
@example(r"(?i-i)ABC", "ABC")
@example(r"(?-s-i)ABC", "ABC")
def test_nothing_that_re2_accepts_is_misread(pattern: str, text: str) -> None:
    check_sound(pattern, text)
    check_sound(pattern, pattern)
    check_sound(pattern, f"{pattern}{text}".swapcase())


@pytest.mark.parametrize("letter", [chr(n) for n in range(33, 127)])
def test_all_forms_of_a_letter_in_re2_are_known(letter: str) -> None:
    """(?i) of RE2 over every letter of Unicode, against what the reader makes of an ASCII letter."""
    found = compile_regex(f"(?i){re2.escape(letter)}").spans(ALL_LETTERS.encode(), 10)
    forms = {ALL_LETTERS.encode()[start:end].decode() for start, end in found}
    texts = literals(required(f"(?i)##{re2.escape(letter)}"))
    assert {f"##{form.lower()}" for form in forms} == set(texts)


def test_only_the_unsteady_letters_are_lowered_by_their_neighbours() -> None:
    unsteady = {x for x in ALL_LETTERS if f"a{x}".lower() != "a" + x.lower() or f"{x}a".lower() != x.lower() + "a"}
    assert unsteady == {"Σ"}


@settings(max_examples=300, deadline=None)
@given(
    st.text("aAsSkK\u017f\u212a\u03c3ςΣİiéÉßẞǅ-. ", min_size=1, max_size=8),
    surroundings,
    st.randoms(use_true_random=False),
)
def test_a_document_with_a_literal_is_never_kept_back(text: str, around: str, random: object) -> None:
    pattern = compile_literal(text)
    for form in (text, text.upper(), text.lower(), text.swapcase(), text.title()):
        document = f"{around}{form}{around}"
        if pattern.found_in(document.encode()):
            assert holds(pattern.required, document.lower())
    assert pattern.found_in(f"{around}{text}".encode())


# Limits


@pytest.mark.parametrize(
    "pattern",
    [
        "[ab]" * 200,
        "(" + "|".join(f"word{n}" for n in range(90)) + ")x",
        "|".join(f"w{n}_" for n in range(180)),
        "(?i)" + "s" * 500,
        "a{1000}",
        "(abc|def){9}",
        "(?:[ab][cd][ef][gh].)" * 40,
        "x.".join(f"part{n}" for n in range(120)),
        "é" * 900,
    ],
)
def test_conditions_stay_small(pattern: str) -> None:
    compile_regex(pattern)
    assert weight(required(pattern)) <= MOST_TRIGRAMS


def test_deep_nesting_requires_nothing_rather_than_failing() -> None:
    assert required("(" * 40 + "abc" + ")" * 40) == Literal("abc")
    assert required("(" * 400 + "abc" + ")" * 400) == EVERYTHING


@pytest.mark.parametrize(
    "pattern", ["(abc", "abc)", "*abc", "[abc", "abc\\", r"\8abc", "(?=abc)", r"\x{110000}abc", r"[z-a]abc"]
)
def test_what_is_not_a_pattern_requires_nothing(pattern: str) -> None:
    assert required(pattern) == EVERYTHING


# Conditions

words = st.text("ab", min_size=3, max_size=5).map(literal)
conditions = st.recursive(
    words | st.just(EVERYTHING),
    lambda parts: st.lists(parts, max_size=4).map(all_of) | st.lists(parts, min_size=1, max_size=4).map(any_of),
    max_leaves=10,
)
lowered_texts = st.text("ab", max_size=12)


@given(st.lists(conditions, min_size=1, max_size=4), lowered_texts)
def test_simplifying_changes_no_answer(parts: list[Condition], text: str) -> None:
    assert holds(all_of(parts), text) == all(holds(part, text) for part in parts)
    assert holds(any_of(parts), text) == any(holds(part, text) for part in parts)


@given(conditions, conditions, lowered_texts)
def test_what_is_implied_holds(strong: Condition, weak: Condition, text: str) -> None:
    assert not (implies(strong, weak) and holds(strong, text)) or holds(weak, text)


@given(conditions, st.integers(0, 10), lowered_texts)
def test_a_smaller_condition_is_weaker(condition: Condition, trigrams: int, text: str) -> None:
    small = within(condition, trigrams)
    assert weight(small) <= trigrams
    assert not holds(condition, text) or holds(small, text)


def test_a_literal_is_cut_between_letters() -> None:
    assert within(Literal("日本語"), 3) == Literal("日")
    assert within(Literal("日本語"), 4) == Literal("日本")


def test_too_many_alternatives_are_no_condition_and_too_many_parts_are_cut() -> None:
    many = [Literal(f"word{n:03}") for n in range(101)]
    assert any_of(many) == EVERYTHING
    assert all_of(many) == AllOf(tuple(many[:100]))


@pytest.mark.parametrize("condition", [EVERYTHING, all_of([]), any_of([]), literal("ab"), literal("é")])
def test_fewer_than_three_bytes_are_no_condition(condition: Condition) -> None:
    assert condition == EVERYTHING
    assert weight(condition) == 0
