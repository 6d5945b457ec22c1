"""Elasticsearch: the conformance suite on the real server, the answers of the embedded engine, and what is its own."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.analysis.entries import Analyser
from search.documents import Document
from search.engines import elastic_index, elasticsearch
from search.engines.base import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Clause,
    Either,
    EngineError,
    Entry,
    Facet,
    Field,
    Index,
    Not,
    Phrase,
    Term,
    walk,
)
from search.engines.elastic_client import Cluster, Server
from search.engines.elasticsearch import ElasticsearchEngine, ElasticsearchPart
from search.engines.tantivy import TantivyEngine
from search.swhid import of_content
from tests.search.engines.conformance import BUILD, EngineConformance, entries, sixty_documents, terms, write
from tests.search.engines.elastic import engine_of_its_own, needs_server, server_of_its_own, sweep, url

pytestmark = needs_server


@pytest.fixture
def engine() -> Iterator[ElasticsearchEngine]:
    with engine_of_its_own() as engine:
        yield engine


@pytest.fixture
def server() -> Iterator[dict[str, Any]]:
    server = server_of_its_own()
    yield server
    sweep(server)


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


# --- The same answers as the embedded engine --------------------------------------------------------


def odd_document(rng: random.Random, number: int) -> Document:
    """Names that one engine or the other might cut, fold or refuse."""
    names = ("größe", "İstanbul", "x" * 300, "数据", "a\u00a0b", "A b", "ſ", "\N{PILE OF POO}", "e\u0301", "z" * 9000)
    text = " ".join(rng.choice((*names, "return", "self", f"v{rng.randrange(9)}")) for _ in range(rng.randrange(1, 60)))
    content = (text + "\n" + "".join(rng.choice("ab \t\r\nß") for _ in range(rng.randrange(200)))).encode()
    return Document(
        swhid=of_content(content).core,
        repository=f"{rng.choice(('Ada', 'émile', 'o' * 300))}/r{rng.randrange(4)}",
        path=f"{rng.choice(names)}/{rng.choice(names)}/{number}.py",
        content=content,
        language=rng.choice(("Python", "", "Jupyter Notebook", "C++")),
        licenses=tuple(rng.sample(("MIT", "Apache-2.0", "L" * 400), rng.randrange(3))),
        stars=rng.choice((0, 3, 10**6)),
        generated=rng.random() < 0.2,
    )


def some_clause(rng: random.Random, corpus: list[Entry], depth: int = 3) -> Clause:
    entry = rng.choice(corpus)
    field = rng.choice(list(Field))
    there = terms(entry, field) or ["nothing"]
    if depth and rng.random() < 0.5:
        inner = tuple(some_clause(rng, corpus, depth - 1) for _ in range(rng.randrange(4)))
        return rng.choice((AllOf, Either))(inner) if rng.random() < 0.7 else Not(AllOf(inner))
    if rng.random() < 0.3:
        field = rng.choice((Field.WORDS, Field.PATH))
        row = terms(entry, field)
        start = rng.randrange(len(row)) if row else 0
        return Phrase(field, tuple(row[start : start + rng.randrange(1, 5)]))
    if rng.random() < 0.3:
        return AnyOf(field, frozenset(rng.sample(there, min(len(there), 3))))
    return Term(field, rng.choice(there))


@pytest.mark.parametrize("seed", range(4))
def test_hits_order_and_counts_are_those_of_the_embedded_engine(
    engine: ElasticsearchEngine, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    analyser = Analyser()
    corpus = [analyser.analyse(odd_document(rng, number)).entry for number in range(60)] + entries(range(20))
    rng.shuffle(corpus)
    parts = [corpus[:30], corpus[20:50], corpus[45:]]
    embedded = TantivyEngine(tmp_path)
    assert write(engine, parts) == write(embedded, parts)
    here, there = engine.open(BUILD), embedded.open(BUILD)
    for _ in range(60):
        clause = some_clause(rng, corpus)
        after = rng.choice((None, rng.choice(corpus).order))
        asked: dict[str, Any] = {"after": after, "limit": rng.randrange(1, 50), "texts": rng.random() < 0.3}
        assert here.count(clause) == there.count(clause), clause
        assert here.page(clause, **asked) == there.page(clause, **asked), clause
        assert here.total_bytes(clause) == there.total_bytes(clause), clause
        facet, limit = rng.choice(list(Facet)), rng.randrange(1, 6)
        assert here.facets(clause, facet, limit=limit) == there.facets(clause, facet, limit=limit), (clause, facet)
        field = rng.choice(list(Field))
        values = {term for entry in rng.sample(corpus, 5) for term in terms(entry, field)[:40]} | {"", "nowhere"}
        assert here.present(field, values, clause) == there.present(field, values, clause), (clause, values)
        best: dict[str, Any] = {"limit": rng.randrange(1, 30), "texts": False}
        assert here.best(field, values, clause, **best) == there.best(field, values, clause, **best), (clause, values)


@pytest.mark.parametrize("depth", [1, 4, 1000])
def test_more_terms_than_a_question_may_hold_are_counted_exactly(
    engine: ElasticsearchEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    monkeypatch.setattr(elastic_index, "MOST_CLAUSES", 7)
    monkeypatch.setattr(elastic_index, "FIRST_DEPTH", depth)
    corpus = list(sixty_documents())
    embedded = TantivyEngine(tmp_path)
    write(engine, [corpus]), write(embedded, [corpus])
    here, there = engine.open(BUILD), embedded.open(BUILD)
    for number, limit in ((0, 1), (5, 3), (17, 12), (60, 100)):
        asked = {term for entry in corpus[number : number + 2] for term in terms(entry, Field.FINGERPRINTS)}
        for where in (EVERYTHING, Not(Term(Field.TAGS, "lang:python"))):
            found = here.best(Field.FINGERPRINTS, asked, where, limit=limit, texts=True)
            assert found == there.best(Field.FINGERPRINTS, asked, where, limit=limit, texts=True)


# --- Parts and seals --------------------------------------------------------------------------------


def shown(engine: ElasticsearchEngine, build: str = BUILD) -> list[str]:
    return [hit.key for hit in walk(engine.open(build), EVERYTHING, texts=False)]


def in_order(corpus: list[Entry]) -> list[str]:
    return [entry.key for entry in sorted(corpus, key=lambda entry: entry.order)]


def add(engine: ElasticsearchEngine, shard: int, some: list[Entry]) -> None:
    with engine.part(BUILD, shard) as part:
        for entry in some:
            part.add(entry)


def starred(number: int, stars: int) -> Entry:
    """One document, of which two shards tell different stars."""
    content = f"print({number})\n".encode()
    return Analyser().analyse(Document(of_content(content).core, "a/b", f"{number}.py", content, stars=stars)).entry


@pytest.mark.parametrize("later", [0, 2])
def test_a_document_is_kept_from_the_first_shard_even_if_that_was_added_after_a_seal(
    engine: ElasticsearchEngine, later: int
) -> None:
    held = {shard: [starred(number, 10**shard) for number in range(shard, shard + 4)] for shard in range(3)}
    soon = [shard for shard in range(3) if shard != later]
    for shard in soon:
        add(engine, shard, held[shard])
    engine.seal(BUILD, soon)
    before = engine.open(BUILD)
    answered = before.page(EVERYTHING, after=None, limit=100, texts=True)
    add(engine, later, held[later])
    assert before.page(EVERYTHING, after=None, limit=100, texts=True) == answered
    assert engine.seal(BUILD, range(3)) == 6
    engine.tidy(BUILD)
    first = {entry.key: entry.order for shard in (2, 1, 0) for entry in held[shard]}
    assert {hit.key: hit.order for hit in walk(engine.open(BUILD), EVERYTHING, texts=False)} == first
    assert before.page(EVERYTHING, after=None, limit=100, texts=True) == answered


def test_too_many_documents_to_hide_are_an_error_and_not_an_answer(
    engine: ElasticsearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = list(sixty_documents())
    add(engine, 1, corpus[:9])
    engine.seal(BUILD, [1])
    add(engine, 0, corpus[:9])
    monkeypatch.setattr(elasticsearch, "MOST_HIDDEN", 8)
    with pytest.raises(EngineError, match="build it anew"):
        engine.seal(BUILD, [0, 1])
    assert shown(engine) == in_order(corpus[:9])


def test_what_a_killed_worker_left_is_not_in_the_index(engine: ElasticsearchEngine, server: dict[str, Any]) -> None:
    corpus = list(sixty_documents())
    add(engine, 0, corpus[:10])
    killed = engine.part(BUILD, 1)
    part = killed.__enter__()  # and never left, as kill -9 leaves it
    for entry in corpus[10:20]:
        part.add(entry)
    part._empty_buffer()
    assert engine.seal(BUILD, [0]) == 10
    assert shown(engine) == in_order(corpus[:10])


def test_a_worker_that_was_given_up_and_lives_takes_nothing_away(engine: ElasticsearchEngine) -> None:
    corpus = list(sixty_documents())
    late = engine.part(BUILD, 0)
    part = late.__enter__()
    for entry in corpus[:5]:
        part.add(entry)
    part._empty_buffer()
    add(engine, 0, corpus[:10])  # by whom the shard was given to then
    for entry in corpus[5:8]:
        part.add(entry)
    part._empty_buffer()
    assert not late.__exit__(RuntimeError, RuntimeError("cancelled"), None)
    assert engine.seal(BUILD, [0]) == 10
    assert shown(engine) == in_order(corpus[:10])
    with pytest.raises(EngineError, match="refuses"):
        _send(part, corpus[11])
    assert shown(engine) == in_order(corpus[:10])


def test_a_build_that_is_removed_while_it_is_written_does_not_come_back(
    engine: ElasticsearchEngine, cluster: Cluster
) -> None:
    corpus = list(sixty_documents())
    worker = engine.part(BUILD, 0)
    part = worker.__enter__()
    part.add(corpus[0])
    engine.drop(BUILD)
    part.add(corpus[1])
    with pytest.raises(EngineError, match="refuses"):
        worker.__exit__(None, None, None)
    assert cluster.described(f"{engine._server.prefix}-*") == {}


def _send(part: ElasticsearchPart, entry: Entry) -> None:
    part.add(entry)
    part._empty_buffer()


def test_one_node_of_two_is_enough_to_ask(engine: ElasticsearchEngine, server: dict[str, Any]) -> None:
    write(engine, [list(sixty_documents())[:5]])
    other = ElasticsearchEngine({**server, "urls": ("http://127.0.0.1:9", url()), "prefix": engine._server.prefix})
    for _ in range(6):
        assert other.open(BUILD).count(EVERYTHING) == 5


def test_a_part_is_written_again_from_the_beginning(engine: ElasticsearchEngine) -> None:
    corpus = list(sixty_documents())
    add(engine, 0, corpus[:10])
    add(engine, 0, corpus[5:8])
    assert engine.seal(BUILD, [0]) == 3
    add(engine, 0, corpus[20:30])  # a task that is told twice
    assert engine.seal(BUILD, [0]) == 3
    assert shown(engine) == in_order(corpus[5:8])


def test_a_document_that_is_lost_after_its_part_was_done_is_missed(
    engine: ElasticsearchEngine, cluster: Cluster
) -> None:
    corpus = list(sixty_documents())
    add(engine, 0, corpus[:10])
    (index,) = cluster.described(f"{engine._server.prefix}-*")
    cluster.bulk(index, [b'{"delete":{"_id":"0-%s"}}\n' % corpus[3].key.encode()])
    with pytest.raises(EngineError, match="9 of 10 documents of shard 0"):
        engine.seal(BUILD, [0])


def test_a_shard_that_the_cluster_has_lost_is_missed(engine: ElasticsearchEngine, cluster: Cluster) -> None:
    corpus = list(sixty_documents())
    add(engine, 0, corpus[:10])
    cluster.delete(list(cluster.described(f"{engine._server.prefix}-*")))
    add(engine, 1, corpus[10:20])
    with pytest.raises(EngineError, match="does not hold shards 0; build it anew"):
        engine.seal(BUILD, [0, 1])


@pytest.fixture
def cluster(engine: ElasticsearchEngine) -> Cluster:
    return Cluster(engine._server)


@pytest.mark.parametrize("step", ["note", "bulk", "flush", "set", "clone", "merge", "point", "delete", "refresh"])
def test_a_seal_that_dies_leaves_the_old_answers_and_can_be_done_again(
    engine: ElasticsearchEngine, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(elasticsearch, "SHRUNK_FROM", 0)
    corpus = list(sixty_documents())
    add(engine, 1, corpus[:20])
    engine.seal(BUILD, [1])
    add(engine, 0, corpus[15:30])
    add(engine, 2, corpus[25:40])
    answers = (in_order(corpus[:20]), in_order(corpus[:40]))
    for call in range(9):
        with monkeypatch.context() as patched:
            _break(patched, step, after=call)
            try:
                engine.seal(BUILD, range(3))
            except RuntimeError:
                # The new ones only once there is nothing left to do but to tidy up.
                assert shown(engine) == answers[step == "delete" and call > 0]
            else:
                break
    else:
        pytest.fail(f"{step} is called without end")
    assert engine.seal(BUILD, range(3)) == 40
    assert shown(engine) == answers[1]
    engine.tidy(BUILD)
    assert shown(engine) == answers[1]
    assert len(cluster.described(f"{engine._server.prefix}-*")) == 2


def _break(patched: pytest.MonkeyPatch, step: str, after: int) -> None:
    """Let a call fail, before it does anything, once it was made so many times."""
    real = getattr(Cluster, step)
    calls = iter(range(10**6))

    def call(self: Cluster, *given: Any, **named: Any) -> Any:
        if next(calls) == after:
            raise RuntimeError(step)
        return real(self, *given, **named)

    patched.setattr(Cluster, step, call)


def test_builds_whose_names_differ_in_case_are_two(engine: ElasticsearchEngine) -> None:
    corpus = list(sixty_documents())
    write(engine, [corpus[:2]], build="Release-1")
    write(engine, [corpus[:3]], build="release-1")
    engine.drop("Release-1")
    assert engine.open("release-1").count(EVERYTHING) == 3


def test_a_sealed_index_has_no_history_and_refuses_writes(
    engine: ElasticsearchEngine, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch, "SHRUNK_FROM", 0)
    corpus = list(sixty_documents())
    add(engine, 0, corpus)
    (index,) = cluster.described(f"{engine._server.prefix}-*")
    before = cluster.bytes_of(index)
    assert engine.seal(BUILD, [0]) == len(corpus)
    assert engine.size(BUILD) < 0.8 * before
    (shrunk,) = cluster.described(f"{engine._server.prefix}-*")
    usage = cluster._asked(30).perform_request(
        "POST", f"/{shrunk}/_disk_usage?run_expensive_tasks=true", headers={"accept": "application/json"}
    ).body  # fmt: skip
    assert usage[shrunk]["fields"]["_recovery_source"]["total_in_bytes"] < 0.01 * before
    assert shown(engine) == in_order(corpus)
    with pytest.raises(EngineError, match="index write \\(api\\)"):
        cluster.bulk(shrunk, [b'{"delete":{"_id":"0-0"}}\n'])


def test_large_builds_are_spread(engine: ElasticsearchEngine, cluster: Cluster) -> None:
    engine.prepare(BUILD, 120 * 10**9)
    (index,) = cluster.described(f"{engine._server.prefix}-*")
    told = cluster._asked(30).indices.get_settings(index=index)[index]["settings"]["index"]
    assert (told["number_of_shards"], told["number_of_replicas"]) == ("3", "0")


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


def test_a_server_that_cannot_be_reached_is_told() -> None:
    engine = ElasticsearchEngine({"urls": ("http://127.0.0.1:9",)})
    with pytest.raises(EngineError, match=r"Elasticsearch at http://127\.0\.0\.1:9 cannot be reached"):
        engine.open(BUILD)


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(Server(("http://127.0.0.1:9",), "elastic", "s3cret"))
