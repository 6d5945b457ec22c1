"""Parts and seals in Elasticsearch: nothing is there twice or lost unseen, and a seal that dies can be done again."""

from typing import Any

import pytest

from search.analysis.entries import Analyser
from search.documents import Document
from search.engines import elasticsearch
from search.engines.base import EVERYTHING, EngineError, Entry, walk
from search.engines.elastic_client import Cluster
from search.engines.elasticsearch import ElasticsearchEngine, ElasticsearchPart
from search.swhid import of_content
from tests.search.engines.conformance import BUILD, add, in_order, shown, sixty_documents, write
from tests.search.engines.elastic import needs_server

pytestmark = needs_server


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


def test_what_a_killed_worker_left_is_not_in_the_index(engine: ElasticsearchEngine) -> None:
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


def _send(part: ElasticsearchPart, entry: Entry) -> None:
    part.add(entry)
    part._empty_buffer()


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
