"""The service on Elasticsearch: its answers beside tantivy's, masks, and what it says while the cluster is down."""

import random
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from search import ingest, lookup, masks, registering
from search.checking import AskedFile, Checker
from search.engines.base import EVERYTHING, Facet, Field
from search.models import Build, Release
from search.opened import Opened, open_build
from search.querying import QueryError, plan
from search.scope import parse_scope
from search.searching import Cursor, Searcher
from tests import corpus
from tests.conftest import build_release
from tests.search.engines.elastic import Gate, needs_server, server_of_its_own, sweep
from tests.search.fixtures_shards import V2, v2_row, write_shard

pytestmark = [needs_server, pytest.mark.django_db]

FILES = 150
ADA = parse_scope("account:ada")


@pytest.fixture
def gate(settings: LazySettings, builds: Path) -> Iterator[Gate]:
    """The service on Elasticsearch, behind a gate that can be shut."""
    server = server_of_its_own()
    gate = Gate(server["urls"][0])
    gate.open()
    settings.ENGINE = "elasticsearch"
    settings.ELASTICSEARCH = {**server, "urls": (gate.url,)}
    yield gate
    gate.shut()
    sweep(server)


# --- The same answers --------------------------------------------------------------------------------


def real_files() -> list[Path]:
    """Some of the standard library's: the same for the same Python."""
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-z]*/*.py"))
    fit = [path for path in paths if "site-packages" not in path.parts and 200 < path.stat().st_size < 40_000]
    return random.Random(7).sample(fit, FILES)


def write_real(path: Path) -> list[str]:
    texts = [file.read_text("utf-8", "replace") for file in real_files()]
    rows = [
        v2_row(
            text,
            repo_name=f"owner{number % 5}/lib-{number % 11}",
            path=f"/{file.parent.name}/{file.name}",
            language=("Python", "C", None)[number % 3],
            detected_licenses=[["MIT"], ["PSF-2.0", "MIT"], []][number % 3],
            star_events_count=number % 4,
            is_generated=number % 13 == 0,
        )
        for number, (file, text) in enumerate(zip(real_files(), texts, strict=True))
    ]
    # Two are known by name alone.
    rows += [v2_row(None, path=f"/json/{digit}.py", blob_id=digit * 40, content_id=digit * 40) for digit in "ab"]
    write_shard(path, rows, V2)
    return texts


def both(release: Release, settings: LazySettings) -> Iterator[tuple[Build, Opened]]:
    for engine in ("tantivy", "elasticsearch"):
        settings.ENGINE = engine
        made = ingest.build(release, jobs=1, progress=lambda now: None, anew=True)
        yield made, open_build(made)


def some_query(rng: random.Random, texts: list[str]) -> str:
    lines = [line.strip() for line in rng.choice(texts).splitlines() if len(line.strip()) > 25]
    line = rng.choice(lines or ["import os, sys; raise SystemExit"])
    words = [word for word in line.split() if word.isidentifier()] or ["self"]
    start = rng.randrange(len(line) - 20)
    piece = line[start : start + rng.randrange(4, 20)].replace("\\", "").replace('"', "")
    kinds = [
        rng.choice(words),
        " ".join(rng.sample(words, min(2, len(words)))),
        f'"{" ".join(words[:4])}"',
        f'"{piece}"',
        rf"/{words[0][:6]}\w*\s*\(/",
        rf"/(?i){words[-1][:5]}|{words[0][:4]}x+/",
    ]
    filters = ["", "", f" lang:{rng.choice(('python', 'c'))}", " owner:owner1", " license:mit", " path:json"]
    return rng.choice(kinds) + rng.choice(filters)


def answer(ask: Any) -> Any:
    try:
        return ask()
    except QueryError as error:
        return str(error)


def test_every_kind_of_question_has_the_answer_of_the_embedded_engine(
    gate: Gate, settings: LazySettings, tmp_path: Path
) -> None:
    texts = write_real(tmp_path / "real.parquet")
    release = registering.register("real-1", [tmp_path / "real.parquet"], dataset="real")
    (here, embedded), (there, remote) = both(release, settings)
    assert (here.documents, here.text_bytes) == (there.documents, there.text_bytes)
    assert embedded.portrait.header.digest == remote.portrait.header.digest
    rng = random.Random(11)
    searchers = [Searcher(one.index, "https://example.org/", EVERYTHING) for one in (embedded, remote)]
    checkers = [
        Checker(one.index, one.portrait, here.profile, "https://example.org/", EVERYTHING) for one in (embedded, remote)
    ]
    for _ in range(60):
        query = some_query(rng, texts)
        cursor = Cursor(0, None)
        one, other = (
            answer(partial(_pages, searcher, query, cursor, rng.randrange(3, 30))) for searcher in _same(rng, searchers)
        )
        assert one == other, query
    for _ in range(10):
        text = rng.choice(texts).encode()
        start = rng.randrange(len(text))
        asked = AskedFile("asked.py", text[start : start + rng.randrange(100, 20_000)] + b"\nedited()\n")
        assert checkers[0].check(asked) == checkers[1].check(asked)
    for facet in Facet:
        assert embedded.index.facets(EVERYTHING, facet, limit=50) == remote.index.facets(EVERYTHING, facet, limit=50)
    assert embedded.index.count(EVERYTHING) == remote.index.count(EVERYTHING) > FILES * 0.9
    keys = {hit.key for hit in embedded.index.page(EVERYTHING, after=None, limit=1000, texts=False)}
    assert remote.index.present(Field.KEY, keys | {"0"}, EVERYTHING) == keys


def _same(rng: random.Random, searchers: list[Searcher]) -> Iterator[Searcher]:
    """Each with the random numbers that the other one sees."""
    state = rng.getstate()
    for searcher in searchers:
        rng.setstate(state)
        yield searcher


def _pages(searcher: Searcher, query: str, cursor: Cursor, limit: int) -> Any:
    first = searcher.page(plan(query), cursor, limit)
    return first, searcher.page(plan(query), first.next, limit) if first.next else None


# --- Masks -------------------------------------------------------------------------------------------


def test_a_mask_counts_in_every_answer_at_once(gate: Gate, client: Client, tmp_path: Path) -> None:
    build_release("masked-1", corpus.write_tiny(tmp_path / "shards"))
    swhids = {hit.source.swhid.partition(";")[0] for hit in lookup.search("owner:ada", release="masked-1").hits}

    def told() -> tuple[int, int, int, bool]:
        (holding,) = lookup.holdings(ADA, release="masked-1")
        known = client.post("/api/v1/known?release=masked-1", sorted(swhids), content_type="application/json").json()
        report = lookup.check([AskedFile("a.py", corpus.PARSER.encode())], release="masked-1")
        found = any("ada/" in str(evidence.source) for file in report.files for evidence in file.evidence)
        held = sum(each["known"] for each in known.values())
        return lookup.search("owner:ada", release="masked-1").total, holding.documents, held, found

    before = told()
    figures = lookup.figures("masked-1").documents
    masks.hide(ADA)
    after = told()
    masks.lift(ADA)
    assert before[:2] == (2, 2)
    assert before[2] == len(swhids)
    # One of the two contents is held by others as well.
    assert after[2] == 1
    assert before[3]
    assert after[:2] == (0, 0)
    assert not after[3]
    assert told() == before
    masks.hide(ADA)
    assert lookup.figures("masked-1").documents == figures - 2


# --- A cluster that is down --------------------------------------------------------------------------


def test_while_the_cluster_is_down_the_rest_of_the_site_works(gate: Gate, client: Client, tmp_path: Path) -> None:
    build_release("down-1", corpus.write_tiny(tmp_path / "shards"))
    questions = ("/search?q=return&release=down-1", "/api/v1/search?q=return&release=down-1")
    assert [client.get(path).status_code for path in questions] == [200, 200]
    gate.shut()
    page, problem = (client.get(path) for path in questions)
    assert page.status_code == problem.status_code == 503
    assert "try again" in page.content.decode()
    assert problem["Content-Type"] == "application/problem+json"
    assert problem.json()["detail"] == "The index cannot be asked now."
    assert gate.url not in page.content.decode() + problem.content.decode()
    held = client.get("/api/v1/holdings?scope=account:ada&release=down-1")
    checked = client.post("/api/v1/check", {"files": [{"path": "a.py", "content": corpus.PARSER}]}, "application/json")
    assert (held.status_code, checked.status_code) == (503, 503)
    assert [client.get(path).status_code for path in ("/api/v1/releases", "/removal", "/about")] == [200, 200, 200]
    gate.open()
    assert [client.get(path).status_code for path in questions] == [200, 200]
