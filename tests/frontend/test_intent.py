"""What the one box understands, as the table that it is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontend.intent import Intent, Kind, classify
from search.querying import QueryError, plan

DIGEST = "94a9ed024d3859793618152ea559a168bbcbb5e2"
CONTENT = f"swh:1:cnt:{DIGEST}"

TABLE = [
    # contents
    (CONTENT, Kind.DOCUMENT, CONTENT),
    (f"  {CONTENT}\n", Kind.DOCUMENT, CONTENT),
    (f"{CONTENT};lines=3-9", Kind.DOCUMENT, f"{CONTENT};lines=3-9"),
    (f"https://archive.softwareheritage.org/{CONTENT};lines=3/", Kind.DOCUMENT, f"{CONTENT};lines=3"),
    ("swh:1:dir:mistyped", Kind.DOCUMENT, "swh:1:dir:mistyped"),
    (DIGEST, Kind.DOCUMENT, CONTENT),
    (DIGEST.upper(), Kind.DOCUMENT, CONTENT),
    # scopes
    ("account:Torvalds", Kind.HOLDINGS, "account:Torvalds"),
    ("Account: torvalds", Kind.HOLDINGS, "account: torvalds"),
    ("repo:torvalds/linux", Kind.HOLDINGS, "repo:torvalds/linux"),
    ("path:torvalds/linux/drivers/net", Kind.HOLDINGS, "path:torvalds/linux/drivers/net"),
    ("email:ada@example.org", Kind.HOLDINGS, "email:ada@example.org"),
    (f"swhid:{CONTENT}", Kind.HOLDINGS, f"swhid:{CONTENT}"),
    ("email:nobody", Kind.HOLDINGS, "email:nobody"),
    ("ada@example.org", Kind.HOLDINGS, "email:ada@example.org"),
    # addresses at forges
    ("https://github.com/torvalds/linux", Kind.HOLDINGS, "repo:torvalds/linux"),
    ("https://www.github.com/torvalds/linux.git", Kind.HOLDINGS, "repo:torvalds/linux"),
    ("github.com/torvalds/linux/", Kind.HOLDINGS, "repo:torvalds/linux"),
    ("git@github.com:torvalds/linux.git", Kind.HOLDINGS, "repo:torvalds/linux"),
    ("https://github.com/torvalds", Kind.HOLDINGS, "account:torvalds"),
    ("https://github.com/torvalds/linux/issues/1?q=x#y", Kind.HOLDINGS, "repo:torvalds/linux"),
    (
        "https://github.com/ada/engine/blob/main/src/my%20file.py#L3-L9",
        Kind.HOLDINGS,
        "path:ada/engine/src/my file.py",
    ),
    ("https://gitlab.com/ada/engine/-/tree/v1/src", Kind.HOLDINGS, "path:ada/engine/src"),
    ("https://github.com/ada/engine/blob/main/../x", Kind.HOLDINGS, "repo:ada/engine"),
    ("https://example.org/torvalds/linux", Kind.SEARCH, "https://example.org/torvalds/linux"),
    ("https://[broken", Kind.SEARCH, "https://[broken"),
    # names
    ("torvalds/linux", Kind.HOLDINGS, "repo:torvalds/linux"),
    ("vercel/next.js", Kind.HOLDINGS, "repo:vercel/next.js"),
    ("émile/größe", Kind.HOLDINGS, "repo:émile/größe"),
    ("torvalds", Kind.HOLDINGS, "account:torvalds"),
    ("Linus-T", Kind.HOLDINGS, "account:Linus-T"),
    # searches
    ("parse_url", Kind.SEARCH, "parse_url"),
    ("parseUrl", Kind.SEARCH, "parseUrl"),
    ("12345", Kind.SEARCH, "12345"),
    ("--verbose", Kind.SEARCH, "--verbose"),
    ("../x", Kind.SEARCH, "../x"),
    ("a/b/c", Kind.SEARCH, "a/b/c"),
    ("not found", Kind.SEARCH, "not found"),
    ('"not found"', Kind.SEARCH, '"not found"'),
    ("/re(ad|cv)_all/", Kind.SEARCH, "/re(ad|cv)_all/"),
    ("/re(ad|cv) all/ lang:c", Kind.SEARCH, "/re(ad|cv) all/ lang:c"),
    ("repo:torvalds/linux kmalloc", Kind.SEARCH, "repo:torvalds/linux kmalloc"),
    ("path:src/main", Kind.SEARCH, "path:src/main"),
    ("lang:python f(x) = y", Kind.SEARCH, "lang:python f(x) = y"),
    ('retry "not found"', Kind.SEARCH, 'retry "not found"'),
    ("foo(bar)", Kind.SEARCH, "foo(bar)"),
    ("x += 1", Kind.SEARCH, '"x += 1"'),
    ('x = "a\\n"', Kind.SEARCH, '"x = \\"a\\\\n\\""'),
    ("email: str", Kind.SEARCH, "email: str"),
    # code
    ("a\nb", Kind.CHECK, "a\nb"),
    ("\n  def f():\r\n    return 1\n", Kind.CHECK, "\n  def f():\r\n    return 1\n"),
    (f"f({'x, ' * 60});", Kind.CHECK, f"f({'x, ' * 60});"),
    ("word " * 300, Kind.CHECK, ("word " * 300).strip()),
    (f"{CONTENT}\n{CONTENT}", Kind.CHECK, f"{CONTENT}\n{CONTENT}"),
]


@pytest.mark.parametrize(("text", "kind", "target"), TABLE)
def test_the_box_understands(text: str, kind: Kind, target: str) -> None:
    assert classify(text) == Intent(kind, target)


@given(st.text(max_size=200))
def test_whatever_is_typed_has_a_meaning(text: str) -> None:
    intent = classify(text)
    if "\n" in text.strip():
        assert intent.kind is Kind.CHECK
    if intent.kind is Kind.HOLDINGS:
        assert ":" in intent.target


@settings(deadline=None)
@given(st.text(alphabet='ab "\\(=+;', min_size=1, max_size=40).map(lambda text: f"x {text} (y"))
def test_a_short_line_of_code_becomes_a_search_that_can_be_asked(line: str) -> None:
    intent = classify(line)
    assert intent.kind is Kind.SEARCH
    if intent.target.startswith('"'):
        plan(intent.target)


def test_the_quoted_line_is_searched_for_letter_by_letter() -> None:
    with pytest.raises(QueryError):
        plan('x = "')
    (tier, *_) = plan(classify('x = "').target)
    assert tier.marks[0].found_in(b'int x = "')
