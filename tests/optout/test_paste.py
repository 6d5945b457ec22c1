"""A paste of scopes: each line is answered with what was understood, or with what is the matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout.paste import MOST_LINES, understand
from search.scope import ScopeKind, parse_scope

CONTENT = f"swh:1:cnt:{'0' * 40}"


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("ada/engine", "repo:ada/engine"),
        ("Ada/Engine.git", "repo:ada/engine"),
        ("https://github.com/Ada/Engine", "repo:ada/engine"),
        ("http://www.github.com/ada/engine/", "repo:ada/engine"),
        ("https://github.com/ada/engine.git", "repo:ada/engine"),
        ("git@github.com:ada/engine.git", "repo:ada/engine"),
        ("ssh://git@github.com/ada/engine.git", "repo:ada/engine"),
        ("github.com/ada/engine", "repo:ada/engine"),
        ("https://github.com/ada/engine?tab=readme#top", "repo:ada/engine"),
        ("https://github.com/ada/engine/blob/main/src/x%20y.py", "path:ada/engine/src/x y.py"),
        ("https://gitlab.com/ada/engine/-/tree/main/src", "path:ada/engine/src"),
        ("https://github.com/ada/engine/tree/main", "repo:ada/engine"),
        ("https://github.com/ada", "account:ada"),
        ("@Ada", "account:ada"),
        ("ada/", "account:ada"),
        ("- ada/engine", "repo:ada/engine"),
        ('"ada/engine",', "repo:ada/engine"),
        ("`@ada`", "account:ada"),
        ("ada/engine/src", "path:ada/engine/src"),
        ("Ada@People.test", "email:ada@people.test"),
        (CONTENT, f"swhid:{CONTENT}"),
        (f"swhid:{CONTENT}", f"swhid:{CONTENT}"),
        ("repo:ada/all", "repo:ada/all"),
        ("repo:ada/engine;", "repo:ada/engine"),
        ("path:ada/engine/odd,", "path:ada/engine/odd,"),
        ("Repo:Ada/Engine", "repo:ada/engine"),
        ("émile/größe", "repo:émile/größe"),
    ],
)
def test_what_people_write_is_understood(text: str, scope: str) -> None:
    (line,) = understand(text)
    assert (str(line.scope), line.problem) == (scope, "")
    assert line.meaning


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("owner/repo name", "the text of an example"),
        ("repo:owner/name", "the text of an example"),
        ("@username", "the text of an example"),
        ("...,", "could be many things"),
        ("ada", "for the account 'ada' write @ada"),
        ("ada/all", "for every repository of the account write @ada"),
        ("ada/*", "for every repository of the account write @ada"),
        ("my old repository", "is not a name"),
        ("ada/engine and ada/compiler", "must be written owner/name"),
        ("ada/engine two", "must be written owner/name"),
        ("@ada/engine", "must be one name"),
        ("https://github.com/ada/engine/issues/3", "is the address of a page (issues)"),
        ("https://github.com/", "names a forge, and nothing in it"),
        ("https://elsewhere.test/ada/engine", "'elsewhere.test' is not a forge that is known here"),
        ("https://[::1", "Invalid IPv6 URL"),
        ("swh:1:dir:" + "0" * 40, "only swh:1:cnt:"),
        ("ada@nowhere", "must look like name@example.org"),
        ("ada/engine/../x", "must not hold empty steps"),
        ("repo:a\x07b/c", "control character"),
        ("a/" + "b" * 5000, "is 5002 characters long"),
        ("<>", "the text of an example"),
    ],
)
def test_what_cannot_be_understood_says_what_to_write(text: str, problem: str) -> None:
    (line,) = understand(text)
    assert line.scope is None
    assert problem in line.problem


def test_blank_lines_and_comments_say_nothing_and_numbers_are_those_of_the_paste() -> None:
    lines = understand("\n# mine\nada/engine\r\n\n   \n@ada\n")
    assert [(line.number, str(line.scope)) for line in lines] == [(3, "repo:ada/engine"), (6, "account:ada")]


def test_a_scope_that_was_said_before_points_to_its_line() -> None:
    first, second, third = understand("ada/engine\nhttps://github.com/ADA/engine\nada/compiler")
    assert (first.repeats, second.repeats, third.repeats) == (None, 1, None)


def test_other_forges_can_be_named() -> None:
    (line,) = understand("https://git.people.test/ada/engine", hosts={"git.people.test"})
    assert str(line.scope) == "repo:ada/engine"


def test_five_thousand_lines_with_errors_in_them_are_all_answered() -> None:
    pasted = "\n".join(f"ada/engine-{n}" if n % 10 else f"nonsense {n}" for n in range(5_000))
    lines = understand(pasted)
    assert len(lines) == 5_000
    assert sum(line.scope is None for line in lines) == 500
    assert all(bool(line.problem) != bool(line.scope) for line in lines)


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="10,001 lines, 10,000 at most"):
        understand("\n" * MOST_LINES)


@given(st.text(max_size=200))
def test_whatever_is_pasted_each_line_has_an_answer(pasted: str) -> None:
    lines = understand(pasted)
    said = [line for line in pasted.split("\n") if line.strip() and not line.strip().startswith("#")]
    assert len(lines) == len(said)
    for line in lines:
        assert bool(line.problem) != bool(line.scope)
        if line.scope:
            assert parse_scope(str(line.scope)) == line.scope


@given(st.sampled_from([*ScopeKind]), st.text(max_size=60))
def test_a_scope_is_read_as_it_is_written(kind: ScopeKind, value: str) -> None:
    try:
        scope = parse_scope(f"{kind}:{value}")
    except ValueError:
        return
    (line,) = understand(str(scope))
    assert line.scope == scope or "example" in line.problem or scope.value.strip(" \t\"'`<>,;") != scope.value
