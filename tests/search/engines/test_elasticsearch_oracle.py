"""Elasticsearch gives the answers of the embedded engine: random questions over random documents, and large ones."""

import random
from pathlib import Path
from typing import Any

import pytest

from search.analysis.entries import Analyser
from search.documents import Document
from search.engines import elastic_index
from search.engines.base import EVERYTHING, AllOf, AnyOf, Clause, Either, Entry, Facet, Field, Not, Phrase, Term
from search.engines.elasticsearch import ElasticsearchEngine
from search.engines.tantivy import TantivyEngine
from search.swhid import of_content
from tests.search.engines.conformance import BUILD, entries, sixty_documents, terms, write
from tests.search.engines.elastic import needs_server

pytestmark = needs_server


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
