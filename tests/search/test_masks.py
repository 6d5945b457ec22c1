"""What is masked is in no answer, counts included; everything else stays as it was; lifted, all is back.

Every answer is compared with what plain Python says of the rows of the shards.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest

from search import lookup, masks
from search.checking import AskedFile
from search.engines.base import Bucket
from search.models import Mask
from search.report import Grade
from search.scope import parse_scope
from search.swhid import of_content, parse_swhid
from tests import corpus


@dataclass(frozen=True)
class Row:
    """One document of the tiny release, as its shards write it."""

    repository: str
    path: str
    content: str
    language: str
    licenses: tuple[str, ...]

    @property
    def swhid(self) -> str:
        return of_content(self.content.encode()).core

    @property
    def size(self) -> int:
        return len(self.content.encode())

    @property
    def place(self) -> tuple[str, str]:
        return self.repository, self.path


def tiny_rows() -> Iterator[Row]:
    for row in corpus.V3_ROWS:
        for file in row["files"]:
            if file["content"] and "\0" not in file["content"]:
                licenses = tuple(file["detected_licenses"])
                yield Row(row["repo_path"], file["file_path"], file["content"], file["language"], licenses)
    for row in corpus.V2_ROWS:
        licenses = tuple(row["detected_licenses"])
        yield Row(row["repo_name"], row["path"].lstrip("/"), row["content"], row["language"], licenses)


ROWS = tuple(tiny_rows())
PARSER_ID = of_content(corpus.PARSER.encode()).core
Covers = Callable[[Row], bool]

SCOPES: dict[str, Covers] = {
    "account:ADA": lambda row: row.repository == "ada/engine",
    "account:grace": lambda row: row.repository == "Grace/Compiler",
    "account:Émile": lambda row: row.repository == "émile/größe",
    "account:nobody": lambda row: False,
    "repo:Bob/Engine-Fork": lambda row: row.repository == "bob/engine-fork",
    "repo:bob/engine": lambda row: False,
    "path:ada/engine/src": lambda row: row.repository == "ada/engine",
    "path:ada/engine/src/io": lambda row: row.path == "src/io/writer.py" and row.repository == "ada/engine",
    "path:ADA/engine/src/parser.py": lambda row: row.place == ("ada/engine", "src/parser.py"),
    "path:ada/engine/SRC": lambda row: False,
    "path:ada/engine/src/par": lambda row: False,
    "path:émile/größe/prüfung/maß.py": lambda row: row.repository == "émile/größe",
    f"swhid:{PARSER_ID}": lambda row: row.content == corpus.PARSER,
    "email:Grace.Hopper@Example.ORG": lambda row: "grace.hopper@example.org" in row.content,
    "email:hopper@example.org": lambda row: False,
}


def assert_only(rows: Iterable[Row], release: str) -> None:
    """Every answer there is, about these rows and no others."""
    seen = tuple(rows)
    assert_search(seen, release)
    assert_known(seen, release)
    assert_holdings(seen, release)
    assert_documents(seen, release)
    assert_figures(seen, release)
    assert_checks(seen, release)


def assert_search(seen: tuple[Row, ...], release: str) -> None:
    questions: dict[str, Covers] = {
        "path:src path:conf path:main.c path:prüfung": lambda row: True,
        "import": lambda row: "import os" in row.content,
        '"return parseurl"': lambda row: "return parseUrl" in row.content,
        '"() + len(" lang:python': lambda row: "() + len(" in row.content,
        "/^def [a-z]+_/": lambda row: "\ndef " in row.content,
        "password": lambda row: "password" in row.content,
        "owner:ada owner:grace owner:bob license:mit": lambda row: (
            "MIT" in row.licenses and row.repository in {"ada/engine", "Grace/Compiler", "bob/engine-fork"}
        ),
    }
    for query, holds in questions.items():
        page = lookup.search(query, limit=100, release=release)
        expected = sorted(row.place for row in seen if holds(row))
        assert sorted((hit.source.repository, hit.source.path) for hit in page.hits) == expected, query
        assert (page.total, page.exact) == (len(expected), True), query


def assert_known(seen: tuple[Row, ...], release: str) -> None:
    asked = {row.swhid for row in ROWS}
    expected = {swhid: swhid in {row.swhid for row in seen} for swhid in asked}
    known = lookup.known([parse_swhid(swhid) for swhid in asked], release)
    assert {swhid: told.known for swhid, told in known.items()} == expected


def assert_holdings(seen: tuple[Row, ...], release: str) -> None:
    for scope, covers in SCOPES.items():
        (holding,) = lookup.holdings(parse_scope(scope), release=release, limit=100)
        held = [row for row in seen if covers(row)]
        assert (holding.documents, holding.bytes) == (len(held), sum(row.size for row in held)), scope
        assert sorted((place.repository, place.path) for place in holding.places) == sorted(row.place for row in held)
        assert holding.repositories == buckets((row.repository, row) for row in held)
        assert holding.languages == buckets((row.language, row) for row in held)
        assert holding.licenses == buckets((name, row) for row in held for name in row.licenses)


def buckets(pairs: Iterable[tuple[str, Row]]) -> tuple[Bucket, ...]:
    documents: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for value, row in pairs:
        documents[value] += 1
        sizes[value] += row.size
    made = [Bucket(value, documents[value], sizes[value]) for value in documents]
    return tuple(sorted(made, key=lambda bucket: (-bucket.documents, bucket.value)))


def assert_documents(seen: tuple[Row, ...], release: str) -> None:
    for row in ROWS:
        holders = sorted(other.place for other in seen if other.content == row.content)
        content = lookup.document(parse_swhid(row.swhid), release)
        if content is None:
            assert not holders
            continue
        assert sorted((place.repository, place.path) for place in content.places) == holders
        assert content.holders == len(holders)


def assert_figures(seen: tuple[Row, ...], release: str) -> None:
    figures = lookup.figures(release)
    assert (figures.documents, figures.bytes) == (len(seen), sum(row.size for row in seen))
    assert figures.repositories == buckets((row.repository, row) for row in seen)
    assert figures.languages == buckets((row.language, row) for row in seen)
    assert figures.licenses == buckets((name, row) for row in seen for name in row.licenses)


def assert_checks(seen: tuple[Row, ...], release: str) -> None:
    for row in ROWS:
        report = lookup.check([AskedFile("asked", row.content.encode())], release).files[0]
        exact = [piece.source for piece in report.graded(Grade.EXACT)]
        expected = sorted(other.place for other in seen if other.content == row.content)
        assert sorted((source.repository, source.path) for source in exact if source) == expected
        assert {piece.holders for piece in report.graded(Grade.EXACT)} <= {len(expected)}
        sources = {(piece.source.repository, piece.source.path) for piece in report.evidence if piece.source}
        assert sources <= {other.place for other in seen}


@pytest.mark.parametrize("scope", SCOPES)
def test_a_mask_hides_its_scope_from_every_answer_and_nothing_else(tiny: str, scope: str) -> None:
    masks.hide(parse_scope(scope))
    assert_only((row for row in ROWS if not SCOPES[scope](row)), tiny)


@pytest.mark.parametrize(
    "scope", ["account:ada", "repo:bob/engine-fork", "path:ada/engine/src/io", "email:grace.hopper@example.org"]
)
def test_what_is_lifted_is_back_in_every_answer(tiny: str, scope: str) -> None:
    masks.hide(parse_scope(scope))
    assert masks.lift(parse_scope(scope))
    assert_only(ROWS, tiny)


def test_without_a_mask_everything_is_there(tiny: str) -> None:
    """So that the tests above compare with something."""
    assert len(ROWS) == 7
    assert_only(ROWS, tiny)


def test_masks_add_up_and_are_lifted_one_by_one(tiny: str) -> None:
    masks.hide(parse_scope("account:ada"))
    masks.hide(parse_scope("path:ada/engine/src"))
    masks.hide(parse_scope("email:grace.hopper@example.org"))
    hidden = {"ada/engine", "Grace/Compiler"}
    assert_only((row for row in ROWS if row.repository not in hidden), tiny)
    masks.lift(parse_scope("account:ada"))
    assert_only((row for row in ROWS if row.repository not in hidden), tiny)
    masks.lift(parse_scope("path:ada/engine/src"))
    assert_only((row for row in ROWS if row.repository != "Grace/Compiler"), tiny)


def test_when_everything_is_masked_nothing_is_told(tiny: str) -> None:
    for row in ROWS:
        masks.hide(parse_scope(f"repo:{row.repository}"))
    assert_only((), tiny)


def test_hiding_twice_is_hiding_once_however_it_is_written(tiny: str) -> None:
    first = masks.hide(parse_scope("account:ada"), reason="asked")
    assert masks.hide(parse_scope("account:ADA")) == first
    assert masks.hide(parse_scope(" account: Ada ")) == first
    assert Mask.objects.count() == 1
    assert masks.lift(parse_scope("account:aDa"))
    assert_only(ROWS, tiny)


def test_lifting_what_is_not_hidden_says_so(tiny: str) -> None:
    assert not masks.lift(parse_scope("account:ada"))
    masks.hide(parse_scope("account:ada"))
    assert masks.lift(parse_scope("account:ada"))
    assert not masks.lift(parse_scope("account:ada"))


def test_hiding_again_is_a_mask_of_its_own_and_the_record_stays(tiny: str) -> None:
    first = masks.hide(parse_scope("account:ada"))
    masks.lift(parse_scope("account:ada"))
    second = masks.hide(parse_scope("account:ada"))
    assert first.pk != second.pk
    first.refresh_from_db()
    assert first.lifted_at is not None
    assert_only((row for row in ROWS if row.repository != "ada/engine"), tiny)


def test_a_page_that_was_begun_before_a_mask_goes_on_without_what_it_hides(tiny: str) -> None:
    first = lookup.search("lang:python", limit=1, release=tiny)
    assert first.hits[0].source.repository == "ada/engine"
    masks.hide(parse_scope("account:ada"))
    later = lookup.search("lang:python", limit=100, cursor=first.next, release=tiny)
    assert "ada/engine" not in {hit.source.repository for hit in later.hits}
    assert later.total == sum(row.language == "Python" and row.repository != "ada/engine" for row in ROWS)


def test_a_portrait_is_withheld_while_something_in_it_is_hidden(tiny: str) -> None:
    """It is asked offline, where no mask reaches, and a filter cannot forget."""
    assert lookup.portrait(tiny) == lookup.active_build(tiny)
    masks.hide(parse_scope("repo:nobody/nothing"))
    assert not lookup.figures(tiny).portrait_withheld
    masks.hide(parse_scope("account:ada"))
    assert lookup.figures(tiny).portrait_withheld
    with pytest.raises(lookup.Withheld, match="is withheld"):
        lookup.portrait(tiny)
    masks.lift(parse_scope("account:ada"))
    assert lookup.portrait(tiny) == lookup.active_build(tiny)
