"""An engine of a test's own on the shared Elasticsearch; tests of other engines have an `engine` of their own."""

from collections.abc import Iterator

import pytest

from search.engines.elastic_client import Cluster
from search.engines.elasticsearch import ElasticsearchEngine
from tests.search.engines.elastic import engine_of_its_own


@pytest.fixture
def engine() -> Iterator[ElasticsearchEngine]:
    with engine_of_its_own() as engine:
        yield engine


@pytest.fixture
def cluster(engine: ElasticsearchEngine) -> Cluster:
    return Cluster(engine._server)
