"""Elasticsearch: the conformance suite on the real server, questions at its bounds, and servers that are not there."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from search.engines import elastic_index
from search.engines.base import EVERYTHING, AllOf, AnyOf, Clause, Either, EngineError, Field, Index, Not, Term, walk
from search.engines.elastic_client import Cluster, Server
from search.engines.elasticsearch import ElasticsearchEngine
from tests.search.engines.conformance import BUILD, EngineConformance, add, in_order, sixty_documents, write
from tests.search.engines.elastic import engine_of_its_own, needs_server, url

pytestmark = needs_server


@pytest.fixture(scope="module")
def sealed_once() -> Iterator[Index]:
    """As the suite's own, made once: to make an index takes a second, and no test changes it."""
    corpus = sixty_documents()
    with engine_of_its_own() as engine:
        write(engine, [corpus[:25], corpus[25:26], corpus[26:]])
        yield engine.open(BUILD)


@pytest.fixture(scope="module")
def sealed_thrice() -> Iterator[Index]:
    """Shards that were added to a sealed build and repeat documents of it; three shards of Elasticsearch at first."""
    corpus = list(sixty_documents())
    with engine_of_its_own() as engine:
        engine.prepare(BUILD, 120 * 10**9)
        for number, some in ((2, corpus[26:]), (1, corpus[20:40]), (0, corpus[:25])):
            add(engine, number, some)
            documents = engine.seal(BUILD, range(number, 3))
        assert documents == len(corpus)
        yield engine.open(BUILD)


class TestElasticsearch(EngineConformance):
    @pytest.fixture
    def index(self, sealed_once: Index) -> Index:
        return sealed_once


class TestMoreThanOneIndex(EngineConformance):
    @pytest.fixture
    def index(self, sealed_thrice: Index) -> Index:
        return sealed_thrice


# --- Questions ---------------------------------------------------------------------------------------


def test_more_hits_than_one_answer_may_have(engine: ElasticsearchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic_index, "HITS_AT_ONCE", 7)
    monkeypatch.setattr(elastic_index, "TEXTS_AT_ONCE", 4)
    monkeypatch.setattr(elastic_index, "VALUES_AT_ONCE", 5)
    corpus = list(sixty_documents())
    write(engine, [corpus])
    index = engine.open(BUILD)
    for limit in (3, 7, 8, 28, 29, 1000):
        for texts in (True, False):
            hits = index.page(EVERYTHING, after=None, limit=limit, texts=texts)
            assert [hit.key for hit in hits] == in_order(corpus)[:limit]
    keys = {entry.key for entry in corpus}
    assert index.present(Field.KEY, keys | {"0" * 32}, EVERYTHING) == keys


def test_tens_of_thousands_of_values_can_be_asked_for(engine: ElasticsearchEngine) -> None:
    corpus = list(sixty_documents())
    write(engine, [corpus])
    values = frozenset(f"{number:032x}" for number in range(70_000)) | {corpus[0].key}
    assert engine.open(BUILD).count(AnyOf(Field.KEY, values)) == 1


@pytest.mark.parametrize("depth", [18, 19, 20, 21, 29, 30, 40, 41, 100])
def test_questions_may_be_nested_deeply(sealed_once: Index, depth: int) -> None:
    clause: Clause = Term(Field.TAGS, "lang:python")
    for level in range(depth):
        other = Term(Field.TAGS, f"nothing-{level}")
        clause = Either((clause, other)) if level % 2 else AllOf((clause, Not(other)))
    assert sealed_once.count(clause) == sealed_once.count(Term(Field.TAGS, "lang:python")) > 0


def test_an_index_that_is_gone_is_an_error_and_not_an_empty_answer(
    engine: ElasticsearchEngine, cluster: Cluster
) -> None:
    write(engine, [list(sixty_documents())[:5]])
    index = engine.open(BUILD)
    cluster.delete(list(cluster.described(f"{engine._server.prefix}-*")))
    with pytest.raises(EngineError, match="no such index"):
        index.count(EVERYTHING)


def test_answers_stay_whole_while_other_builds_come_and_go(engine: ElasticsearchEngine) -> None:
    """20 questions a second over a pointer that is moved from build to build, as the records' is."""
    corpus = list(sixty_documents())
    expected = {}
    for number, size in enumerate((20, 40)):
        write(engine, [corpus[:size]], build=f"release-{number}")
        expected[f"release-{number}"] = in_order(corpus[:size])
    active = ["release-0"]
    problems: list[object] = []
    asked: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.05):
            build = active[0]
            try:
                index = engine.open(build)
                keys = [hit.key for hit in walk(index, EVERYTHING, texts=True, step=15)]
                if keys != expected[build] or index.count(EVERYTHING) != len(keys):
                    problems.append((build, len(keys)))
            except EngineError as error:
                problems.append(error)
            asked.append(build)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(2, 5):
        name, size = f"release-{number}", 20 + 5 * number
        expected[name] = in_order(corpus[:size])
        write(engine, [corpus[: size // 2], corpus[size // 2 : size]], build=name)
        active[0] = name
        _wait_for(lambda: asked.count(active[0]) >= 10)
        engine.drop(f"release-{number - 2}")
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(set(asked)) >= 4


def _wait_for(holds: Any) -> None:
    late = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < late
        time.sleep(0.02)


# --- Where it is, and whom it lets in ----------------------------------------------------------------


def test_one_node_of_two_is_enough_to_ask(engine: ElasticsearchEngine) -> None:
    write(engine, [list(sixty_documents())[:5]])
    other = ElasticsearchEngine({"urls": ("http://127.0.0.1:9", url()), "prefix": engine._server.prefix})
    for _ in range(6):
        assert other.open(BUILD).count(EVERYTHING) == 5


def test_a_server_that_cannot_be_reached_is_told() -> None:
    engine = ElasticsearchEngine({"urls": ("http://127.0.0.1:9",)})
    with pytest.raises(EngineError, match=r"Elasticsearch at http://127\.0\.0\.1:9 cannot be reached"):
        engine.open(BUILD)


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(Server(("http://127.0.0.1:9",), "elastic", "s3cret"))
