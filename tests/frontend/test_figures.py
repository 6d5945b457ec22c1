"""How figures are written, and the addresses that are made of names."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.templatetags.shown import (
    document_url,
    lines,
    marked,
    odds,
    repository_link,
    search_url,
    share,
    size,
    unbroken,
    width,
)
from search.excerpts import Line
from search.querying import plan
from search.report import Range, Source


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (15_900_000_000_000, "16 TB"),
        (4_500_000_000_000_000_000, "4,500 PB"),
    ],
)
def test_sizes_have_two_digits_at_least(value: int, written: str) -> None:
    assert size(value).replace("\N{NO-BREAK SPACE}", " ") == written


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (0, "0 %"),
        (0.0001, "<1 %"),
        (0.0149, "1 %"),
        (0.5, "50 %"),
        (0.9912, "99.1 %"),
        (0.99999, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_only_nothing_is_0_percent_and_only_all_is_100(part: float, written: str) -> None:
    assert share(part).replace("\N{NO-BREAK SPACE}", " ") == written


def test_rates_ranges_and_bars() -> None:
    assert odds(2e-5) == "1 in 50,000"
    assert odds(4e-21) == odds(0) == "fewer than 1 in 1,000,000,000"
    assert lines(Range(1200, 1200)) == "1,200"
    assert lines(Range(3, 9)) == "3\N{EN DASH}9"
    assert (width(1, 10**9), width(0, 5), width(5, 5), width(0, 0)) == (4, 0, 1000, 0)


def test_matches_are_marked_and_everything_is_escaped() -> None:
    line = Line(1, "<b> & <i>", (Range(0, 3), Range(6, 9)))
    assert marked(line) == "<mark>&lt;b&gt;</mark> &amp; <mark>&lt;i&gt;</mark>"


def test_a_short_name_is_kept_on_one_line_and_escaped() -> None:
    assert unbroken("<b> a-b c", "a-b") == '&lt;b&gt; <span class="unbroken">a-b</span> c'
    assert unbroken("a & b", "") == 'a &amp; b<span class="unbroken"></span>'


def test_a_place_leads_to_its_lines() -> None:
    core = "swh:1:cnt:" + "a" * 40
    part = Source(f"{core};path=/a;lines=3-9", "o/n", "a", "", (), "", Range(3, 9), Range(1, 2))
    whole = Source(f"{core};path=/a", "o/n", "a", "", (), "", Range(1, 9), Range(0, 2))
    assert document_url(part, "r") == f"/documents/{core}?release=r&lines=3-9#L3"
    assert document_url(whole, "r") == f"/documents/{core}?release=r"


@given(st.text(alphabet=st.characters(exclude_characters="\0/", exclude_categories=["Cs", "Cc", "Z"]), min_size=1))
def test_a_filter_made_of_any_name_can_be_asked(name: str) -> None:
    (query,) = parse_qs(urlsplit(search_url("repo:", f"x/{name}")).query)["q"]
    assert plan(query)


@pytest.mark.parametrize(
    ("repository", "scope"),
    [("Ada/Engine", "repo:Ada/Engine"), ("group/sub/name", "account:group"), ("no-owner", "account:no-owner")],
)
def test_a_repository_leads_to_the_narrowest_scope_that_can_name_it(repository: str, scope: str) -> None:
    link = repository_link(repository)
    address = link.partition('href="')[2].partition('"')[0]
    assert parse_qs(urlsplit(address).query) == {"scope": [scope]}
    assert link.endswith(f">{repository}</a>")


@pytest.mark.parametrize("repository", ["", "in side", "/engine", " ada/engine"])
def test_a_repository_that_no_scope_can_name_is_no_link(repository: str) -> None:
    assert repository_link(repository) == repository
