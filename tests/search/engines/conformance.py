"""What every engine must do, said once. An engine's test file is a fixture and a subclass.

The oracle is a list of entries and plain Python over their terms: it knows no index.
"""

import random
from collections.abc import Sequence
from functools import cache

import pytest

from search.analysis.entries import Analyser
from search.documents import Document
from search.engines.base import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Clause,
    Either,
    Engine,
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
from search.engines.stored import content_of
from search.swhid import of_content
from tests.corpus import LATIN, code

BUILD = "release-1"


def document(number: int, text: str | None = None) -> Document:
    """Documents that share some repositories, languages and lines, and differ in the rest."""
    rng = random.Random(number)
    content = (text if text is not None else code(number % 17, 3) + code(1000 + number, 2)).encode()
    return Document(
        swhid=of_content(content).core,
        repository=f"owner{number % 3}/Repo-{number % 5}",
        path=f"src/{'vendor' if number % 7 == 0 else 'lib'}/file {number}.py",
        content=content,
        language=("Python", "C++", "")[number % 3],
        licenses=(("MIT",), ("Apache-2.0", "MIT"), ())[number % 3],
        revision="a" * 40 if number % 2 else "",
        stars=rng.choice((0, 1, 5, 1000)),
        vendored=number % 7 == 0,
    )


def entries(numbers: Sequence[int]) -> list[Entry]:
    analyser = Analyser()
    return [analyser.analyse(document(number)).entry for number in numbers]


@cache
def sixty_documents() -> tuple[Entry, ...]:
    """Beside them one that is not ASCII, and one that is known by name alone."""
    others = (document(60, LATIN), document(61, ""))
    return (*entries(range(60)), *(Analyser().analyse(other).entry for other in others))


def holds(entry: Entry, clause: Clause) -> bool:
    match clause:
        case Term(field, value):
            return value in terms(entry, field)
        case AnyOf(field, values):
            return bool(values & set(terms(entry, field)))
        case Phrase(field, wanted):
            row = terms(entry, field)
            return bool(wanted) and any(
                tuple(row[i : i + len(wanted)]) == wanted for i in range(len(row) - len(wanted) + 1)
            )
        case AllOf(clauses):
            return all(holds(entry, inner) for inner in clauses)
        case Either(clauses):
            return any(holds(entry, inner) for inner in clauses)
        case Not(inner):
            return not holds(entry, inner)


def terms(entry: Entry, field: Field) -> list[str]:
    if field is Field.KEY:
        return [entry.key]
    if field is Field.SWHID:
        return list(entry.swhids)
    if field is Field.TAGS:
        return list(entry.tags)
    return entry.texts[field].split()


def write(engine: Engine, parts: Sequence[Sequence[Entry]], build: str = BUILD) -> int:
    for number, some in enumerate(parts):
        add(engine, number, some, build)
    return engine.seal(build, range(len(parts)))


def add(engine: Engine, shard: int, some: Sequence[Entry], build: str = BUILD) -> None:
    with engine.part(build, shard) as part:
        for entry in some:
            part.add(entry)


def shown(engine: Engine) -> list[str]:
    return [hit.key for hit in walk(engine.open(BUILD), EVERYTHING, texts=False)]


def in_order(corpus: Sequence[Entry]) -> list[str]:
    return [entry.key for entry in sorted(corpus, key=lambda entry: entry.order)]


def fail_half_way(engine: Engine, entry: Entry) -> None:
    with engine.part(BUILD, 1) as part:
        part.add(entry)
        raise RuntimeError("half-way")


class EngineConformance:
    """Needs a fixture `engine`: an engine without builds."""

    @pytest.fixture
    def corpus(self) -> list[Entry]:
        return list(sixty_documents())

    @pytest.fixture
    def index(self, engine: Engine, corpus: list[Entry]) -> Index:
        write(engine, [corpus[:25], corpus[25:26], corpus[26:]])
        return engine.open(BUILD)

    def questions(self, corpus: list[Entry]) -> list[Clause]:
        first = corpus[0]
        words = first.texts[Field.WORDS].split()
        some = frozenset(first.texts[Field.FINGERPRINTS].split()[:3])
        return [
            EVERYTHING,
            Term(Field.WORDS, "return"),
            Term(Field.WORDS, "nowhere"),
            Term(Field.PARTS, "total"),
            Term(Field.KEY, first.key),
            Term(Field.SWHID, first.swhids[0]),
            Term(Field.TAGS, "lang:c++"),
            Term(Field.WORDS, "größe"),
            Phrase(Field.WORDS, tuple(words[10:16])),
            Phrase(Field.WORDS, tuple(reversed(words[10:16]))),
            Phrase(Field.WORDS, ("return",)),
            Phrase(Field.WORDS, ()),
            Phrase(Field.PATH, ("src", "vendor")),
            Phrase(Field.PATH, ("/", "src", "lib")),
            Phrase(Field.PATH, ("/", "lib")),
            AnyOf(Field.FINGERPRINTS, some),
            AnyOf(Field.TAGS, frozenset()),
            AllOf((Term(Field.TAGS, "lang:python"), Not(Term(Field.WORDS, "return")))),
            AllOf((Not(Term(Field.TAGS, "lang:python")), Not(Term(Field.TAGS, "lang:c++")))),
            Either((Term(Field.TAGS, "license:mit"), Phrase(Field.PATH, ("src", "vendor")))),
            Either(()),
            Not(AllOf(())),
            Not(Either((Term(Field.TAGS, "lang:python"),))),
            AllOf((Either((Term(Field.TAGS, "lang:python"),)), Not(AnyOf(Field.KEY, frozenset({first.key}))))),
        ]

    def test_every_clause_finds_what_the_oracle_finds(self, index: Index, corpus: list[Entry]) -> None:
        for clause in self.questions(corpus):
            expected = [entry.key for entry in _in_order(corpus) if holds(entry, clause)]
            page = index.page(clause, after=None, limit=1000, texts=False)
            assert [hit.key for hit in page] == expected, clause
            assert index.count(clause) == len(expected), clause

    def test_pages_meet_every_hit_once(self, index: Index, corpus: list[Entry]) -> None:
        walked = [hit.key for hit in walk(index, EVERYTHING, texts=False, step=7)]
        assert walked == [entry.key for entry in _in_order(corpus)]

    def test_a_hit_tells_all_of_its_document(self, index: Index, corpus: list[Entry]) -> None:
        for entry in corpus:
            (hit,) = index.page(Term(Field.KEY, entry.key), after=None, limit=2, texts=True)
            asked = entry.document
            told = (hit.swhid, hit.repository, hit.path, hit.language, hit.licenses, hit.revision, hit.order)
            assert told == (
                asked.swhid, asked.repository, asked.path, asked.language, asked.licenses, asked.revision, asked.order
            )  # fmt: skip
            assert content_of(hit) == asked.content

    def test_a_text_that_was_not_asked_for_is_not_given(self, index: Index) -> None:
        (hit,) = index.page(EVERYTHING, after=None, limit=1, texts=False)
        with pytest.raises(ValueError, match="without its text"):
            content_of(hit)

    def test_best_counts_matched_terms_and_breaks_ties_by_order(self, index: Index, corpus: list[Entry]) -> None:
        for entry in corpus[:8]:
            asked = set(entry.texts[Field.FINGERPRINTS].split())
            for limit in (1, 2, 3, 5, 1000):
                found = index.best(Field.FINGERPRINTS, asked, EVERYTHING, limit=limit, texts=False)
                expected = _best(corpus, asked, EVERYTHING)[:limit]
                assert [(match.matched, match.hit.key) for match in found] == expected

    def test_best_keeps_to_a_clause(self, index: Index, corpus: list[Entry]) -> None:
        asked = set(corpus[0].texts[Field.FINGERPRINTS].split())
        for clause in (Not(Term(Field.KEY, corpus[0].key)), Term(Field.TAGS, "lang:c++"), Either(())):
            found = index.best(Field.FINGERPRINTS, asked, clause, limit=4, texts=True)
            assert [(match.matched, match.hit.key) for match in found] == _best(corpus, asked, clause)[:4]
            assert all(match.hit.packed is not None for match in found)

    def test_best_of_nothing_is_nothing(self, index: Index) -> None:
        assert index.best(Field.BANDS, [], EVERYTHING, limit=5, texts=False) == []
        assert index.best(Field.BANDS, ["ffffffffff"], EVERYTHING, limit=5, texts=False) == []

    def test_present_tells_known_from_unknown(self, index: Index, corpus: list[Entry]) -> None:
        known = {corpus[0].swhids[0], corpus[40].swhids[0]}
        unknown = {of_content(b"nowhere").core}
        assert index.present(Field.SWHID, known | unknown, EVERYTHING) == known
        hidden = Not(Term(Field.KEY, corpus[0].key))
        assert index.present(Field.SWHID, known | unknown, hidden) == {corpus[40].swhids[0]}

    def test_facets_count_documents_and_bytes(self, index: Index, corpus: list[Entry]) -> None:
        where = Not(Term(Field.KEY, corpus[3].key))
        for facet in Facet:
            expected = _facets([entry for entry in corpus if holds(entry, where)], facet)
            counted = index.facets(where, facet, limit=1000)
            assert [(bucket.value, bucket.documents, bucket.bytes) for bucket in counted.buckets] == expected
            assert counted.others == 0
            cut = index.facets(where, facet, limit=1)
            assert cut.buckets == counted.buckets[:1]
            assert cut.others == sum(documents for _, documents, _ in expected[1:])

    def test_sizes_add_up(self, index: Index, corpus: list[Entry]) -> None:
        assert index.total_bytes(EVERYTHING) == sum(len(entry.document.content) for entry in corpus)
        assert index.total_bytes(Term(Field.WORDS, "nowhere")) == 0

    def test_a_document_is_kept_once(self, engine: Engine, corpus: list[Entry]) -> None:
        with engine.part(BUILD, 0) as part:
            assert [part.add(entry) for entry in (corpus[0], corpus[1], corpus[0])] == [True, True, False]
        with engine.part(BUILD, 1) as part:
            assert [part.add(entry) for entry in (corpus[1], corpus[2])] == [True, True]
        assert engine.seal(BUILD, [0, 1]) == 3
        index = engine.open(BUILD)
        assert index.count(EVERYTHING) == 3
        assert index.count(Term(Field.KEY, corpus[1].key)) == 1
        assert index.total_bytes(EVERYTHING) == sum(len(entry.document.content) for entry in corpus[:3])

    def test_a_part_written_again_counts_once(self, engine: Engine, corpus: list[Entry]) -> None:
        for _ in range(2):
            with engine.part(BUILD, 0) as part:
                for entry in corpus[:5]:
                    part.add(entry)
        assert engine.seal(BUILD, [0]) == 5

    def test_a_part_that_fails_leaves_nothing(self, engine: Engine, corpus: list[Entry]) -> None:
        with engine.part(BUILD, 0) as part:
            part.add(corpus[0])
        with pytest.raises(RuntimeError, match="half-way"):
            fail_half_way(engine, corpus[1])
        assert engine.seal(BUILD, [0]) == 1

    def test_sealing_twice_is_harmless(self, engine: Engine, corpus: list[Entry]) -> None:
        write(engine, [corpus[:5]])
        assert engine.seal(BUILD, [0]) == 5
        engine.tidy(BUILD)
        assert engine.open(BUILD).count(EVERYTHING) == 5

    def test_more_shards_replace_the_index_and_leave_open_ones_alone(self, engine: Engine, corpus: list[Entry]) -> None:
        write(engine, [corpus[:5]])
        before = engine.open(BUILD)
        with engine.part(BUILD, 1) as part:
            part.add(corpus[5])
        assert engine.seal(BUILD, [0, 1]) == 6
        assert engine.open(BUILD).count(EVERYTHING) == 6
        assert len(before.page(EVERYTHING, after=None, limit=10, texts=True)) == 5

    def test_many_parts_make_one_index(self, engine: Engine, corpus: list[Entry]) -> None:
        assert write(engine, [[entry] for entry in corpus[:30]]) == 30
        engine.tidy(BUILD)
        index = engine.open(BUILD)
        assert [hit.key for hit in walk(index, EVERYTHING, texts=False)] == [
            entry.key for entry in _in_order(corpus[:30])
        ]

    def test_a_build_that_was_not_sealed_is_refused(self, engine: Engine, corpus: list[Entry]) -> None:
        with engine.part(BUILD, 0) as part:
            part.add(corpus[0])
        with pytest.raises(EngineError, match=BUILD):
            engine.open(BUILD)

    def test_an_empty_part_is_an_index_without_documents(self, engine: Engine) -> None:
        assert write(engine, [[]]) == 0
        assert engine.open(BUILD).page(EVERYTHING, after=None, limit=5, texts=True) == []

    def test_dropping_is_whole_and_harmless_twice(self, engine: Engine, corpus: list[Entry]) -> None:
        write(engine, [corpus[:2]], build="other")
        write(engine, [corpus[:2]])
        assert engine.size(BUILD) > 0
        for _ in range(2):
            engine.drop(BUILD)
        with pytest.raises(EngineError, match=BUILD):
            engine.open(BUILD)
        assert engine.open("other").count(EVERYTHING) == 2

    @pytest.mark.parametrize(
        "value", ["", " ", "*", "a b", "?", "\\", '"', "x" * 70_000, "\N{PILE OF POO}", "OR", "field:1"]
    )
    def test_hostile_terms_neither_fail_nor_match(self, index: Index, value: str) -> None:
        for field in (Field.WORDS, Field.TAGS, Field.SWHID, Field.FINGERPRINTS):
            assert index.count(Term(field, value)) == 0


def _in_order(corpus: Sequence[Entry]) -> list[Entry]:
    return sorted(corpus, key=lambda entry: entry.order)


def _best(corpus: Sequence[Entry], asked: set[str], clause: Clause) -> list[tuple[int, str]]:
    scored = [
        (len(asked & set(entry.texts[Field.FINGERPRINTS].split())), entry) for entry in corpus if holds(entry, clause)
    ]
    scored = [(matched, entry) for matched, entry in scored if matched]
    scored.sort(key=lambda pair: (-pair[0], pair[1].order))
    return [(matched, entry.key) for matched, entry in scored]


def _facets(corpus: Sequence[Entry], facet: Facet) -> list[tuple[str, int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for entry in corpus:
        values = {
            Facet.REPOSITORY: (entry.document.repository,),
            Facet.LANGUAGE: (entry.document.language,),
            Facet.LICENSE: entry.document.licenses,
        }[facet]
        for value in values:
            documents, size = counts.get(value, (0, 0))
            counts[value] = (documents + 1, size + len(entry.document.content))
    rows = [(value, documents, size) for value, (documents, size) in counts.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))
