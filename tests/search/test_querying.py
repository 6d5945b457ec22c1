"""Queries that cannot be asked are refused with the part at fault; odd ones are asked and harm nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import lookup
from search.querying import QueryError, plan

REFUSED = {
    "": "empty",
    " \t ": "empty",
    "\u3000": "empty",
    '"': "not closed",
    '"a': "not closed",
    '"a\\"': "not closed",
    'x "': "not closed",
    'repo:"a/b': "not closed",
    '""': "nothing between",
    '" "': "nothing between",
    "/": "too short",
    "//": "too short",
    "///": "too short|in a row|empty",
    "*": "too short",
    "->": "too short",
    '"->"': "too short",
    "\x01": "too short",
    "/(/": "not closed",
    "/)/": "closes nothing",
    "/[/": "not closed",
    "/*/": "repeats nothing",
    "/a**/": "repeats a repetition",
    "/a*/": "matches the empty text",
    "/^$/": "matches the empty text",
    "/a|/": "matches the empty text",
    "/(?=a)/": "not known",
    r"/(a)\1/": "not known",
    r"/\C/": "not supported",
    "/a{1001}/": "repeats more than",
    "/((a{100}){100}){10}/": "repeats more than|too large",
    "/./": "3 characters",
    "/../": "3 characters",
    r"/\pL/": "3 characters",
    "/ab|cde/": "3 characters",
    "a" * 1001: "1001 characters, 1000 at most",
    "a\0b": "NUL",
    "\ud800": "surrogate",
    "x\udfff->": "surrogate",
    'lang:"\ud800"': "surrogate",
    "owner:": "no value",
    "repo:": "no value",
    "repo: ada/engine": "no value",
    'repo:""': "no value",
    "lang:": "no value",
    "repo:bad": "owner/name",
    "repo:a/b/c": "owner/name",
    "owner:a/b": "one name",
    'owner:"a b"': "one name",
    "path:/": "file or a folder",
    "path://": "file or a folder",
    "x " * 33: "more than 32 items",
    "owner:a " * 33: "more than 32 items",
    "a." * 499: "at most",
    '"' + "a " * 498 + 'b"': "at most",
}


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: ascii(query[:20]))
def test_what_cannot_be_asked_is_refused_with_the_part_at_fault(query: str) -> None:
    with pytest.raises(QueryError, match=REFUSED[query]):
        plan(query)


HARMLESS = (
    "AND OR NOT", "load AND NOT url", "-load", "+load", "load~2", "lo*d", "field:value", "{a TO b}", "%s %d", "foo:bar",
    "drop';table--x", "${jndi:ldap://x}", "<script>", "../../etc/passwd", "\N{ZERO WIDTH JOINER}", "\u202eevil",
    "\N{LATIN SMALL LETTER LONG S}", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "x" * 1000, "é" * 1000, "(" * 500,
    '"' + "Ж" * 998 + '"', '"' + "ж->" * 300 + '"', "->" * 500, "a." * 100, '"' + "a " * 99 + 'b"', ":::", "/usr/lib",
    "path:..", "path:*", "lang:*", "license:*", "owner:*", "lang:\"'\"", 'path:"' + "/a" * 400 + '"', "/usr/lib/x y",
    " ".join(["load"] * 32), " ".join(f"/abc{i}/" for i in range(32)), "/abc" + "(x|y)" * 180 + "/",
)  # fmt: skip


@pytest.mark.parametrize("query", HARMLESS, ids=lambda query: ascii(query[:20]))
def test_hostile_queries_neither_fail_nor_match_everything(tiny: str, query: str) -> None:
    page = lookup.search(query, release=tiny)
    assert page.total < lookup.figures(tiny).documents


@settings(max_examples=300, deadline=None)
@given(query=st.text(alphabet=st.one_of(st.sampled_from('"/\\:()[]*+?|.->ab \t\0'), st.characters()), max_size=60))
def test_any_text_is_a_plan_or_an_error_that_says_why(query: str) -> None:
    try:
        assert 1 <= len(plan(query)) <= 2
    except QueryError as error:
        assert str(error)  # noqa: PT017
