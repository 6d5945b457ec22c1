"""Elasticsearch: the conformance suite on the real server."""

from collections.abc import Iterator

import pytest

from search.engines.elasticsearch import ElasticsearchEngine
from tests.search.engines.conformance import EngineConformance
from tests.search.engines.elastic import engine_of_its_own, needs_server

pytestmark = needs_server


@pytest.fixture
def engine() -> Iterator[ElasticsearchEngine]:
    with engine_of_its_own() as engine:
        yield engine


class TestElasticsearch(EngineConformance):
    pass
