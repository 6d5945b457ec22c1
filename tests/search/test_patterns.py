"""What people may look for, what is found, and what is refused with a reason."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.patterns import PatternError, compile_literal, compile_regex, find_emails

TEXT = "aé\nfoo ÉB\r\nSTRASSE straße\n日本 foo"


def found(pattern: str, text: str = TEXT) -> list[str]:
    content = text.encode()
    return [content[start:end].decode() for start, end in compile_regex(pattern).spans(content, 100)]


def found_literal(text: str, content: str) -> list[str]:
    data = content.encode()
    return [data[start:end].decode() for start, end in compile_literal(text).spans(data, 100)]


# Regular expressions


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("é", ["é"]),
        ("(?i)é", ["é", "É"]),
        (r"\pL+", ["aé", "foo", "ÉB", "STRASSE", "straße", "日本", "foo"]),
        (r"\w+", ["a", "foo", "B", "STRASSE", "stra", "e", "foo"]),
        ("^foo", ["foo"]),
        ("foo$", ["foo"]),
        ("^.", ["a", "f", "S", "日"]),
        ("é.f", []),
        (r"é\sf", ["é\nf"]),
        ("(?s)é.f", ["é\nf"]),
        ("[^a-z ]o", []),
        ("FOO", []),
        ("(f)(?P<rest>o+)", ["foo", "foo"]),
        ("本 ?", ["本 "]),
        (r"\x{65e5}", ["日"]),
    ],
)
def test_patterns_are_about_letters_and_lines(pattern: str, matches: list[str]) -> None:
    assert found(pattern) == matches
    assert compile_regex(pattern).found_in(TEXT.encode()) == bool(matches)


def test_spans_count_bytes() -> None:
    assert compile_regex("foo").spans("é\nfoo 日本 foo".encode(), 10) == [(3, 6), (14, 17)]
    assert compile_literal("FOO").spans("é\nfoo 日本 foo".encode(), 10) == [(3, 6), (14, 17)]


def test_spans_stop_at_the_limit() -> None:
    content = b"foo " * 10
    assert compile_regex("foo").spans(content, 2) == [(0, 3), (4, 7)]
    assert compile_regex("foo").spans(content, 0) == []


@settings(deadline=None)
@given(st.text("aé日\n b", max_size=30))
def test_spans_are_ordered_apart_and_hold_whole_letters(text: str) -> None:
    content = text.encode()
    end_before = 0
    for start, end in compile_regex(r"[^a]+?|a[^\n]?").spans(content, 100):
        assert end_before <= start < end
        assert content[start:end].decode()
        end_before = end


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "the pattern is empty"),
        ("x" * 1001, "1001 characters long, 1000 at most"),
        ("ab\0c", "holds a NUL character at place 3"),
        ("a\ud800", "half a character"),
        ("foo(", r"has a \( that is not closed: foo\($"),
        ("foo)", r"has a \) that closes nothing: foo\)$"),
        ("[ab", r"has a \[ that is not closed: \[ab$"),
        ("*a", r"repeats nothing: \*$"),
        ("a**", r"repeats a repetition: \*\*$"),
        ("a{1001}", r"repeats more than 1000 times .*: \{1001\}$"),
        ("(a{1000}){1000}", "repeats more than 1000 times"),
        ("((a{100}){100}){100}", "repeats more than 1000 times"),
        ("a{3,2}", "from more to fewer"),
        (r"(a)\1", r"back references are not supported\): \\1$"),
        ("(?=a)b", r"looking ahead and behind is not supported\): \(\?="),
        ("(?<!a)b", r"looking ahead and behind is not supported"),
        ("[b-a]", "runs backwards: b-a$"),
        ("(?P<1 2>a)", "whose name is not one"),
        ("a\\", r"ends in a lone \\$"),
        (r"a\C", r"not supported: \\C$"),
        (r"\\\C", r"not supported: \\C$"),
        (r"\Qa\E\C", r"not supported: \\C$"),
        (r"\pL{900}", "is too large"),
        (r"\pL{5}", "is too large"),
        ("[^x]{900}", "is too large"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused_with_a_reason(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=reason) as caught:
        compile_regex(pattern)
    assert "(?m)" not in str(caught.value)


@pytest.mark.parametrize(
    "pattern", ["x*", "^", "$", "^$", r"\b", r"\B", r"\A", r"\z", "foo|", r"\b(?:.*y)?", r"^\s*$", "a{0}"]
)
def test_a_pattern_that_matches_nothing_at_all_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="matches the empty text"):
        compile_regex(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"), [(r"\bfoo\b", "a foo b"), (r"a\\C", r"a\C"), (r"\QC\C\E", r"C\C"), (r"\pC", "\x01")]
)
def test_what_only_looks_forbidden_is_allowed(pattern: str, text: str) -> None:
    assert compile_regex(pattern).found_in(text.encode())


def test_an_error_writes_nothing_to_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PatternError):
        compile_regex("(secret")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*)*x", "(x+x+)+y", "(?:a?){60}a{60}b", "([a-z]+)*1", "(a*)*b", "a.*a.*a.*b"],
)
@pytest.mark.parametrize("content", [b"a" * 1_000_000, b"ax" * 500_000, b"a" * 999_999 + b"!"], ids=["a", "ax", "a!"])
def test_evil_patterns_end(pattern: str, content: bytes) -> None:
    """A backtracking engine does not come to an end here; RE2 reads each byte a bounded number of times."""
    evil = compile_regex(pattern)
    spans = evil.spans(content, 10)
    assert evil.found_in(content) == bool(spans)
    assert all(start < end <= len(content) for start, end in spans)


# Literals


@pytest.mark.parametrize(
    ("text", "content", "matches"),
    [
        ("a.b(c", "A.B(C axb(c", ["A.B(C"]),
        ("strasse", "STRASSE Straße", ["STRASSE"]),
        ("straße", "STRASSE StraßE", ["StraßE"]),
        ("école", "École ÉCOLE ecole", ["École", "ÉCOLE"]),
        ("\u03c3", "Σς", ["Σ"]),
        ("k", "Kk\u212a", ["K", "k"]),
        ("\u212a", "Kk\u212a", ["K", "k", "\u212a"]),
        ("s", "sS\u017f", ["s", "S"]),
        ("^[a-z]$", "^[A-Z]$ b", ["^[A-Z]$"]),
        (" \n\t", "a \n\tb", [" \n\t"]),
        (r"\Q\E\d", r"\q\e\D 1", [r"\q\e\D"]),
        ("ab", "a\nb", []),
    ],
)
def test_a_literal_is_found_as_it_stands_in_any_case(text: str, content: str, matches: list[str]) -> None:
    assert found_literal(text, content) == matches


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_every_text_finds_itself(text: str) -> None:
    assert found_literal(text, f"<{text}>")[:1] == [text] or text in "<>"


def test_a_letter_is_found_in_every_form_that_is_lowered_alike() -> None:
    letters = [chr(n) for n in range(1, sys.maxunicode + 1) if not 0xD800 <= n < 0xE000 and chr(n).isalpha()]
    cased = [letter for letter in letters if letter.lower() != letter]
    assert len(cased) > 1000
    for letter in cased:
        assert all(form.lower() == letter.lower() for form in found_literal(letter, letter + letter.lower()))


@pytest.mark.parametrize(
    ("text", "reason"), [("", "is empty"), ("x" * 1001, "1000 at most"), ("\0", "NUL"), ("\udfff", "half")]
)
def test_a_literal_that_cannot_be_is_refused(text: str, reason: str) -> None:
    with pytest.raises(PatternError, match=reason):
        compile_literal(text)


@pytest.mark.parametrize("letter", ["x", "ж", "ǅ", "𐐀", "("])
def test_the_longest_literal_is_accepted(letter: str) -> None:
    assert found_literal(letter * 1000, letter * 1001) == [letter * 1000]


# E-mail addresses


@pytest.mark.parametrize(
    ("content", "addresses"),
    [
        (b"", set()),
        (b"no address", set()),
        (b"@property\n@app.route('/')\nclass A: pass", set()),
        (b"Ada Lovelace <Ada.Lovelace+code@Example.ORG>", {"ada.lovelace+code@example.org"}),
        (b"mailto:ada@example.org, bob_b@mail.example.co.uk.", {"ada@example.org", "bob_b@mail.example.co.uk"}),
        (b"author='ada@example.org'; x=[\"b@c.io\"]", {"ada@example.org", "b@c.io"}),
        (b"+ada@example.org -bob@example.org", {"ada@example.org", "bob@example.org"}),
        (b"ADA@EXAMPLE.ORG ada@example.org", {"ada@example.org"}),
        (b"a@b a@b.c a@.bc @b.cd a@b..cd a@-b.cd a@b-.cd", set()),
        (b"npm@1.2.3 left-pad@10.0.0", set()),
        (b"ada@example.org2 bob@example.org_x", {"ada@example.org", "bob@example.org"}),
        (b"ada@xn--bcher-kva.example ada@example.xn--p1ai", {"ada@xn--bcher-kva.example", "ada@example.xn--p1ai"}),
        ("\u00fcada@example.org ada@m\u00fcnchen.de".encode(), {"ada@example.org"}),
        (b"\xff\xfeada@example.org\x80", {"ada@example.org"}),
        (b"a@b@example.org", {"b@example.org"}),
    ],
)
def test_addresses_are_found_and_lowered(content: bytes, addresses: set[str]) -> None:
    assert find_emails(content) == addresses


def test_addresses_have_bounds() -> None:
    local, label = b"x" * 64, b"y" * 63
    domain = b".".join([label] * 3) + b"." + b"z" * 57 + b".org"
    assert len(domain) == 253
    assert find_emails(local + b"@" + domain) == {f"{local.decode()}@{domain.decode()}"}
    assert find_emails(b"x" + local + b"@" + domain) == set()
    assert find_emails(local + b"@z" + domain) == set()


def test_of_very_many_addresses_every_one_is_found() -> None:
    addresses = [f"u{n}@example.org" for n in range(1500)]
    assert find_emails(" ".join(addresses).encode()) == set(addresses)


@pytest.mark.parametrize(
    "content",
    [
        b"a@" * 500_000,
        b"@" * 1_000_000,
        b"a" * 1_000_000 + b"@",
        b"a@" + b"b." * 500_000,
        b"a@" + b"b-" * 500_000,
        b"a.b@c-" * 200_000,
    ],
    ids=["a@", "@", "a", "b.", "b-", "a.b@c-"],
)
def test_no_text_makes_looking_for_addresses_slow(content: bytes) -> None:
    assert find_emails(content) == set()
