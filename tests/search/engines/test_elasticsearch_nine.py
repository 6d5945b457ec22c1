"""The next series of servers: the conformance suite, and one build as large builds are."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from search.engines import elasticsearch
from search.engines.base import EVERYTHING, Index, walk
from search.engines.elastic_client import Cluster
from search.engines.elasticsearch import ElasticsearchEngine
from stack.elasticsearch import Elasticsearch
from tests.search.engines.conformance import BUILD, EngineConformance, sixty_documents, write
from tests.search.engines.elastic import NEWER, needs_newer, server_of_the_run

pytestmark = needs_newer


@pytest.fixture(scope="session")
def server() -> Iterator[Elasticsearch]:
    with server_of_the_run(version=NEWER) as server:
        yield server


def engine_at(server: Elasticsearch) -> ElasticsearchEngine:
    return ElasticsearchEngine({"urls": (server.url,), "prefix": f"test-{uuid4().hex[:12]}"})


@pytest.fixture
def engine(server: Elasticsearch) -> ElasticsearchEngine:
    return engine_at(server)


@pytest.fixture(scope="module")
def sealed_once(server: Elasticsearch) -> Index:
    corpus = sixty_documents()
    engine = engine_at(server)
    write(engine, [corpus[:25], corpus[25:26], corpus[26:]])
    return engine.open(BUILD)


class TestElasticsearchNine(EngineConformance):
    @pytest.fixture
    def index(self, sealed_once: Index) -> Index:
        return sealed_once


def test_an_index_over_several_shards_is_shrunk(engine: ElasticsearchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch, "SHRUNK_FROM", 0)
    corpus = list(sixty_documents())
    engine.check()
    engine.prepare(BUILD, 120 * 10**9)
    assert write(engine, [corpus[:40], corpus[30:]]) == len(corpus)
    prefix = engine._server.prefix
    assert list(Cluster(engine._server).described(f"{prefix}-*")) == [f"{prefix}-{BUILD}~1-shrunk"]
    hits = [hit.key for hit in walk(engine.open(BUILD), EVERYTHING, texts=True, step=7)]
    assert hits == [entry.key for entry in sorted(corpus, key=lambda entry: entry.order)]
