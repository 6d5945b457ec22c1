"""Full text against an oracle that shares nothing with the engine: DuckDB, over the rows of the shards themselves."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from pytest_django.plugin import DjangoDbBlocker

from search import lookup, searching
from search.lookup import SearchPage
from search.models import Build, Release, Shard
from search.querying import QueryError
from search.searching import Cursor, SearchHit
from tests.conftest import build_release
from tests.search.analysis import reference
from tests.search.searched import DOCUMENTS, NAME, NAMES, Oracle, Place, make_oracle, write_corpus

WORD = r"\pL\pN\pM_"
"""The letters of words, as RE2 writes classes."""


@pytest.fixture(scope="module")
def oracle(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Oracle]:
    """A release of a few hundred documents, active as long as this module is tested."""
    shards = write_corpus(tmp_path_factory.mktemp("searched"))
    with django_db_blocker.unblock():
        release = build_release(NAME, list(shards))
    oracle = make_oracle(shards)
    yield oracle
    oracle.connection.close()
    with django_db_blocker.unblock():
        forget(release)


def forget(release: Release) -> None:
    Release.objects.filter(pk=release.pk).update(active_build=None)
    Build.objects.filter(release=release).delete()
    Shard.objects.filter(release=release).delete()
    release.delete()


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every candidate is read, so every total is exact."""
    monkeypatch.setattr(searching, "COUNTED", 10 * DOCUMENTS)


pytestmark = pytest.mark.django_db


# --- what is asked, in both languages --------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A piece of a query, and in SQL which documents hold it best and which hold it at all."""

    query: str
    strict: str
    loose: str = ""

    @property
    def all(self) -> str:
        return f"({self.strict} or {self.loose})" if self.loose else f"({self.strict})"


def sql(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def in_a_row(words: Sequence[str]) -> str:
    row = f"[^{WORD}]+".join(re.escape(word.lower()) for word in words)
    return f"regexp_matches(lower(content), {sql(f'(^|[^{WORD}]){row}($|[^{WORD}])')})"


def word(text: str) -> Asked:
    return Asked(text, in_a_row([text]), f"list_contains(parts, {sql(text.lower())})")


def dotted(text: str) -> Asked:
    return Asked(text, in_a_row(reference.word_texts(text)))


def phrase(text: str) -> Asked:
    return Asked(quoted(text), in_a_row(text.split()), holds(text) if len(text.encode()) >= 3 else "")


def substring(text: str) -> Asked:
    return Asked(quoted(text), holds(text))


def expression(pattern: str) -> Asked:
    return Asked(f"/{pattern}/", f"regexp_matches(content, {sql('(?m)' + pattern)})")


def holds(text: str) -> str:
    return f"contains(lower(content), {sql(text.lower())})"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def one_filter(query: str, where: str) -> Asked:
    return Asked(query, where)


def walk_pages(query: str, limit: int = 7) -> Iterator[SearchPage]:
    cursor: Cursor | None = None
    while True:
        page = lookup.search(query, cursor=cursor, limit=limit, release=NAME)
        yield page
        if page.next is None:
            return
        cursor = page.next


def place(hit: SearchHit) -> Place:
    return hit.source.repository, hit.source.path, hit.source.swhid.partition(";")[0]


def assert_answers(oracle: Oracle, *pieces: Asked) -> int:
    """Every page together is what the oracle finds, each document once, in order, and every total says so."""
    query = " ".join(piece.query for piece in pieces)
    strict = oracle.places(" and ".join(f"({piece.strict})" for piece in pieces))
    loose = oracle.places(" and ".join(piece.all for piece in pieces)) - strict
    pages = list(walk_pages(query))
    found = [place(hit) for page in pages for hit in page.hits]
    assert found == oracle.in_order(strict) + oracle.in_order(loose), query
    for page in pages:
        assert (page.total, page.exact) == (len(found), True), query
    return len(found)


# --- words, phrases, substrings, expressions -------------------------------------------------------


@pytest.mark.parametrize(
    "text", [*NAMES, "PARSE_URL", "url", "all", "X86", "64", "Http", "not", "nowhere", "c", "DATA"]
)
def test_a_word_is_found_whole_first_and_then_as_a_part(oracle: Oracle, whole: None, text: str) -> None:
    assert_answers(oracle, word(text))


def test_the_words_of_the_corpus_exercise_both_tiers(oracle: Oracle) -> None:
    """So that the test above cannot pass on empty answers."""
    for text in ("url", "load"):
        asked = word(text)
        assert oracle.places(asked.loose) - oracle.places(asked.strict)
    assert oracle.places(word("load").strict)


@pytest.mark.parametrize(
    "text", ["parseUrl.load", "std::vector<int>", "x->id", "größe.maß.join", "not-found", "c:7", "int.nowhere", "f(x)"]
)
def test_a_dotted_name_is_its_words_in_a_row(oracle: Oracle, whole: None, text: str) -> None:
    assert_answers(oracle, dotted(text))


@pytest.mark.parametrize(
    "text",
    [
        "not found", "NOT Found", "found", "parse", "ound p", "if int", "raise notfound", "größe maß", "данные", "i",
        "load load load", "nowhere at all", "print f", "id id",
    ],
)  # fmt: skip
def test_quoted_words_are_found_in_a_row_first_and_then_as_letters(oracle: Oracle, whole: None, text: str) -> None:
    assert_answers(oracle, phrase(text))


@pytest.mark.parametrize(
    "text",
    [
        "] += 1", "->load", "arse_ur", " not  found", "!= ", "('i", "\\\\load", '"7"', "(\t\"", "→ x", "😀", "} → ",
        "std::vector<", "= x[", "f.g.h", "load.loader", "x->x", "not found:", "Größe}", ";\r\n#", "c:1",
    ],
)  # fmt: skip
def test_a_quoted_text_with_symbols_is_found_as_it_stands_in_any_case(oracle: Oracle, whole: None, text: str) -> None:
    assert_answers(oracle, substring(text))


def test_symbols_between_quotes_are_not_left_out(oracle: Oracle, whole: None) -> None:
    """One symbol between two words must not be taken for a blank."""
    dot, arrow = substring("load.loader"), dotted("load.loader")
    assert assert_answers(oracle, dot) < assert_answers(oracle, arrow)


@pytest.mark.parametrize("text", ["->load", "+=1;", "!=x", "😀", "}→x", "===", "::"])
def test_a_bare_item_without_letters_is_a_substring(oracle: Oracle, whole: None, text: str) -> None:
    if reference.words(text):
        assert_answers(oracle, dotted(text) if len(reference.words(text)) > 1 else Asked(text, *told_apart(text)))
    elif len(text.encode()) < 3:
        with pytest.raises(QueryError, match="too short"):
            lookup.search(text, release=NAME)
    else:
        assert_answers(oracle, Asked(text, holds(text)))


def told_apart(text: str) -> tuple[str, str]:
    (only,) = reference.words(text)
    return in_a_row([only]), f"list_contains(parts, {sql(only)})"


@pytest.mark.parametrize(
    "pattern",
    [
        r"load(er)?\.", r"parse_?[uU]rl\b", r"^# not found", r"\d\] \+= 1;$", r"(?i)PARSEURL", r"данн|несть",
        r"[A-Z]{4}Server", r"std::vector<(int|id)>", r"x->(load|load_all);", r"\\\\load", r"a\/b|load/c", r"/c:\d",
        r"load\/c", r"größe.*maß", r"(?s)join.*print", r"not  ?found", r"\x{1F600}", r"→ \w+",
    ],
)  # fmt: skip
def test_an_expression_is_found_where_re2_finds_it(oracle: Oracle, whole: None, pattern: str) -> None:
    assert_answers(oracle, expression(pattern))


def test_a_backslash_before_a_slash_stays_a_backslash(oracle: Oracle, whole: None) -> None:
    r"""In an expression \\\\/ is a backslash and a slash, not an escaped slash."""
    found = assert_answers(oracle, expression(r"load\\/[a-z]"))
    assert found == len(oracle.places(r"regexp_matches(content, 'load.\/[a-z]')")) > 0


# --- filters ---------------------------------------------------------------------------------------

FILTERS = (
    one_filter("owner:ada", "lower(repository) like 'ada/%'"),
    one_filter("OWNER:ADA", "lower(repository) like 'ada/%'"),
    one_filter("owner:émile", "lower(repository) like 'émile/%'"),
    one_filter("owner:ad", "false"),
    one_filter("repo:ada/engine", "lower(repository) = 'ada/engine'"),
    one_filter('repo:"ÉMILE/Größe"', "lower(repository) = 'émile/größe'"),
    one_filter("repo:ada/nothing", "false"),
    one_filter("path:src", "regexp_matches('/' || lower(path) || '/', '/src/')"),
    one_filter("path:/SRC/lib/", "contains('/' || lower(path) || '/', '/src/lib/')"),
    one_filter("path:7.py", "contains('/' || lower(path) || '/', '/7.py/')"),
    one_filter('path:"my docs"', "contains('/' || path || '/', '/my docs/')"),
    one_filter("path:sr", "false"),
    one_filter("lang:python", "language = 'Python'"),
    one_filter("language:PYTHON", "language = 'Python'"),
    one_filter('lang:"jupyter notebook"', "language = 'Jupyter Notebook'"),
    one_filter("lang:c", "language = 'C'"),
    one_filter("lang:c++", "language = 'C++'"),
    one_filter("license:mit", "list_contains(licenses, 'MIT')"),
    one_filter("licence:Apache-2.0", "list_contains(licenses, 'Apache-2.0')"),
    one_filter("license:GPL-3.0", "false"),
)


@pytest.mark.parametrize("asked", FILTERS, ids=lambda asked: asked.query)
def test_a_filter_alone_lists_what_it_covers(oracle: Oracle, whole: None, asked: Asked) -> None:
    found = assert_answers(oracle, asked)
    assert bool(found) == (asked.strict != "false")


@pytest.mark.parametrize("asked", FILTERS, ids=lambda asked: asked.query)
def test_a_filter_narrows_words_and_expressions(oracle: Oracle, whole: None, asked: Asked) -> None:
    assert_answers(oracle, word("load"), asked)
    assert_answers(oracle, asked, expression("load|größe"))
    assert_answers(oracle, phrase("not found"), asked, word("url"))


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("owner:ada owner:bob", "split_part(lower(repository), '/', 1) in ('ada', 'bob')"),
        ("lang:c lang:python language:c++", "language in ('C', 'Python', 'C++')"),
        ("license:mit license:apache-2.0", "len(licenses) > 0"),
        ("repo:ada/engine repo:bob/copy", "lower(repository) in ('ada/engine', 'bob/copy')"),
        ("path:lib path:src", "regexp_matches('/' || lower(path), '/(src|lib)/')"),
        ("owner:ada lang:c++ owner:bob lang:python", "split_part(lower(repository), '/', 1) in ('ada', 'bob') "
         "and language in ('C++', 'Python')"),
    ],
)  # fmt: skip
def test_filters_of_a_kind_are_alternatives_and_kinds_must_all_hold(
    oracle: Oracle, whole: None, query: str, where: str
) -> None:
    assert assert_answers(oracle, Asked(query, where))
    assert_answers(oracle, word("load"), Asked(query, where))


# --- at random -------------------------------------------------------------------------------------


def random_piece(rng: random.Random, texts: Sequence[str]) -> Asked:
    """A piece that some text holds: a word, words in a row, letters in a row, or an expression of them."""
    text = rng.choice(texts)
    start = rng.randrange(len(text))
    some = text[start : start + rng.randrange(3, 18)]
    kind = rng.randrange(5)
    names = reference.word_texts(some)
    if kind == 0 and names:
        return word(rng.choice(names))
    if kind == 1 and names:
        return phrase(" ".join(names))
    if kind == 2:
        return expression(random_expression(rng, some))
    if kind == 3:
        return rng.choice(FILTERS)
    if not some.strip() or len(some.encode()) < 3:
        return word("load")
    return phrase(some) if some.split() == names and " ".join(names) == some else substring(some)


def random_expression(rng: random.Random, some: str) -> str:
    """The text with some letters made into classes, repetitions and alternatives; never the empty text."""
    pieces = ["(?:" + escaped(some[0])]
    for letter in some[1:]:
        same = escaped(letter)
        pieces.append(rng.choice((same, same, same, ".", f"{same}+", f"{same}?", f"(?:{same}|xyz)", rf"[^\n]|{same}")))
    pattern = re.sub(r"(?<!\\)/(?=\s|$)", r"\\/", "".join(pieces) + ")")
    return "(?s)" + pattern


def escaped(letter: str) -> str:
    return {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(letter) or (
        letter if letter.isalnum() or letter > "\x7f" or letter in " _" else f"\\{letter}"
    )


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_asked_together_must_all_hold(oracle: Oracle, whole: None, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(5):
        pieces = [random_piece(rng, oracle.texts) for _ in range(rng.randrange(1, 4))]
        kinds = [piece.query.partition(":")[0].lower() for piece in pieces if piece in FILTERS]
        if len(kinds) != len(set(kinds)):
            continue  # alternatives, which the test of filters is about
        try:
            assert_answers(oracle, *pieces)
        except QueryError as error:
            assert "at least 3 characters in a row" in str(error)  # noqa: PT017  (either it can be asked, or it says why)


# --- pages and totals ------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 50, 100])
@pytest.mark.parametrize("query", ["load", '"not found"', "/loader?[.;]/", "url lang:python", "id /a+/ owner:ada"])
def test_pages_meet_every_hit_once_and_in_order_whatever_their_size(
    oracle: Oracle, whole: None, query: str, limit: int
) -> None:
    together = [place(hit) for page in walk_pages(query, 100) for hit in page.hits]
    pages = list(walk_pages(query, limit))
    assert [place(hit) for page in pages for hit in page.hits] == together
    assert len(set(together)) == len(together) > 0
    assert all(len(page.hits) <= limit for page in pages)


def test_a_page_never_has_more_than_the_most(oracle: Oracle) -> None:
    assert len(lookup.search("path:lib path:src", limit=10**6, release=NAME).hits) == lookup.PAGE_MOST


def test_a_total_that_was_not_counted_out_is_a_lower_bound(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(searching, "COUNTED", 5)
    for asked in (substring("] += 1"), expression(r"load\("), expression("x->(load|id)"), substring("f.g.h")):
        real = len(oracle.places(asked.strict))
        page = lookup.search(asked.query, release=NAME)
        assert len(page.hits) <= page.total <= real
        assert page.total == real or not page.exact
    assert not lookup.search(expression("load|url").query, release=NAME).exact


def test_pages_that_read_a_few_candidates_each_still_meet_every_hit_once(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """A page ends where it has read enough, with fewer hits than asked for or none, and the next goes on."""
    monkeypatch.setattr(searching, "SCANNED", 4)
    for asked in (expression(r"x\[\d+\] \+ 1"), expression(r"\butf8\b[^u]+\bload\b")):
        pages = list(walk_pages(asked.query, 3))
        found = [place(hit) for page in pages for hit in page.hits]
        assert found == oracle.in_order(oracle.places(asked.strict))
        assert any(len(page.hits) < 3 for page in pages[:-1])


def test_a_cursor_from_beyond_the_end_ends(oracle: Oracle) -> None:
    for cursor in (Cursor(0, 2**63 - 1), Cursor(7, None), Cursor(1, 2**63 - 1)):
        assert lookup.search("lang:python", cursor=cursor, release=NAME).hits == ()
