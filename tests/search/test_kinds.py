"""What is no file: built, found, counted, hidden and shown as what it is, with a repository or without."""

import html
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from search import builds as builds_of_releases
from search import lookup, masks
from search.documents import Document, DocumentKind
from search.engines.stored import hit_of, record_of
from search.models import Release
from search.querying import QueryError, plan
from search.scope import keys_of_place, parse_scope
from search.shards import UNLISTED
from tests.conftest import build_release
from tests.search.fixtures_layouts import PUBLISHED, Given
from tests.search.fixtures_shards import write_shard

NAME = "mixed-2026-11"
CODE = "def evaluate(graph):\n    return [node.weight for node in graph.nodes if node.weight > threshold]\n" * 3
KINDS = {published.name: published.kind for published in PUBLISHED if published.has_texts}
PULL_REQUEST = {"issue-events": DocumentKind.PULL_REQUEST}
"""Of an odd number; every file here has one."""


@pytest.fixture
def mixed(builds: Path, db: None, tmp_path: Path) -> Release:
    """A release that has a shard of every layout, with one document each but for the pointers."""
    Release.objects.update(active_build=None)  # what other tests have built lies elsewhere
    return build_release(NAME, [write(tmp_path, published.name) for published in PUBLISHED])


def write(folder: Path, name: str) -> Path:
    place, published = next((i, each) for i, each in enumerate(PUBLISHED) if each.name == name)
    file = Given(f"ada/r{place}", "src/a.py", f"{CODE}# {name}, mail ada@example.org\n", number=2 * place + 1)
    return write_shard(folder / f"{name}.parquet", published.rows([file]), published.schema)


def found(query: str) -> list[str]:
    """Which layouts the hits came from."""
    hits = lookup.search(query, limit=100).hits
    return sorted(
        line.text.partition("# ")[2].partition(",")[0] for hit in hits for line in hit.lines if "#" in line.text
    )


def test_every_layout_is_built_and_searched(mixed: Release) -> None:
    build = mixed.active_build
    assert build is not None
    assert build.documents == len(KINDS)
    assert builds_of_releases.tally(build) == {"documents": len(KINDS), "text elsewhere": 2, UNLISTED: 2}
    assert found('"mail ada@example.org"') == sorted(KINDS)


def test_a_filter_chooses_a_kind(mixed: Release) -> None:
    kinds = KINDS | PULL_REQUEST
    for kind in DocumentKind:
        expected = sorted(name for name, of in kinds.items() if of is kind)
        assert found(f'"mail ada@example.org" kind:{kind}') == expected, kind
        assert lookup.search(f"kind:{kind}", limit=100).total == len(expected)
    assert found('"mail ada@example.org" kind:issue kind:Notebook') == ["issues", "kaggle"]


def test_a_kind_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(QueryError, match="kind: must be one of file, issue, pull-request"):
        plan("kind:poem")


def test_holdings_cope_with_what_has_no_repository(mixed: Release) -> None:
    (everything,) = lookup.holdings(parse_scope("email:ada@example.org"))
    assert everything.documents == len(KINDS)
    named = {bucket.value for bucket in everything.repositories if bucket.value}
    assert named == {
        f"ada/r{place}" for place, each in enumerate(PUBLISHED) if each.has_texts and each.has_repositories
    }
    (ada,) = lookup.holdings(parse_scope("account:ada"))
    assert ada.documents == sum(each.has_texts and each.has_repositories for each in PUBLISHED)


def test_a_mask_hides_an_issue_with_its_repository_and_a_notebook_by_its_address(mixed: Release) -> None:
    place = next(place for place, each in enumerate(PUBLISHED) if each.name == "issues")
    masks.hide(parse_scope(f"repo:ada/r{place}"))
    assert "issues" not in found('"mail ada@example.org"')
    masks.hide(parse_scope("email:ada@example.org"))
    assert found('"mail ada@example.org"') == []


def test_a_check_finds_the_notebook_and_says_that_it_is_one(mixed: Release, client: Client) -> None:
    data = json.dumps({"files": [{"path": "mine.py", "content": CODE}]})
    answer = client.post("/api/v1/check", data, content_type="application/json").json()
    sources = [evidence["source"] for evidence in answer["files"][0]["evidence"]]
    kinds = {source["path"]: source.get("kind") for source in sources}
    assert kinds["src/a.py"] is None
    notebook = next(source for source in sources if source.get("kind") == "notebook")
    assert notebook["repository"] == ""
    assert ";origin=" not in notebook["swhid"]
    assert ";path=" not in notebook["swhid"]


def test_answers_say_the_kind_where_it_is_no_file(mixed: Release, client: Client) -> None:
    hits = client.get("/api/v1/search", {"q": "evaluate", "limit": "50"}).json()["hits"]
    assert len(hits) == len(KINDS)
    of_file = {"file": sum(kind is DocumentKind.FILE for kind in KINDS.values())}
    told: dict[str, Any] = {}
    for hit in hits:
        told[hit.get("kind", "file")] = told.get(hit.get("kind", "file"), 0) + 1
    assert told == of_file | {"pull-request": 1, "issue": 1, "notebook": 1, "documentation": 1, "text": 1}


def test_pages_say_what_a_thing_is(mixed: Release, client: Client) -> None:
    page = html.unescape(client.get("/search", {"q": "evaluate"}).content.decode())
    assert "an issue of <a" in page
    assert "a notebook</span>" in page
    hit = next(hit for hit in lookup.search("kind:documentation", limit=1).hits)
    core = hit.source.swhid.partition(";")[0]
    assert hit.source.path == core
    document = client.get(f"/documents/{core}")
    assert document.status_code == 200
    assert "a page of documentation" in document.content.decode()
    assert client.get(f"/releases/{NAME}").status_code == 200
    assert "no repository" in client.get(f"/releases/{NAME}").content.decode()


def test_the_record_of_a_file_is_what_it_always_was() -> None:
    file = Document("swh:1:cnt:" + "0" * 40, "o/r", "a", b"x")
    assert record_of(file) == f'["{file.swhid}","o/r","a","",[],"",1]'
    assert hit_of("k", 1, record_of(file), None).kind is DocumentKind.FILE


@pytest.mark.parametrize("kind", DocumentKind)
def test_the_record_of_any_kind_comes_back(kind: DocumentKind) -> None:
    document = Document("swh:1:cnt:" + "0" * 40, "", "12", b"x", kind=kind)
    assert hit_of("k", 1, record_of(document), None).kind is kind


def test_no_scope_of_a_place_covers_what_has_no_repository() -> None:
    assert not list(keys_of_place("", "12"))
