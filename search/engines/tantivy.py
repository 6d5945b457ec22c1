"""The embedded engine: tantivy in process, one folder per build.

    BUILD/parts/SHARD/    the index of one shard, written by one process
    BUILD/sealed-N/       the index of N shards: the parts' segments under one manifest
    BUILD/index           a link to the sealed folder in force

tantivy has one writer per index. So that shards can be written by several processes, and one can fail without the
others, each is written as an index of its own; sealing links their segment files into one folder and lists them
in one meta.json. Segments are immutable and named by UUID, so that is all an index of several parts is.
"""

import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tantivy
from tantivy import Occur, Query

from search.engines.base import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Bucket,
    Clause,
    Counted,
    Either,
    EngineError,
    Entry,
    Facet,
    Field,
    Hit,
    Match,
    Not,
    Phrase,
    Term,
)
from search.engines.stored import hit_of, pack, record_of

WRITER_HEAP = 200_000_000
"""Bytes of terms that a writer holds before it writes a segment."""

FEW_SEGMENTS = 32
"""Above so many segments the sealed index is merged: each costs every query a look-up of its terms."""

POSITIONS = (Field.WORDS, Field.PATH)
"""Ordered, as all fields: tantivy numbers them as they come, and an index is read by other processes."""
FACETS_LIMIT = 65_000
BY_ORDER = {"order_by_field": "order", "order": tantivy.Order.Asc}


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(Field.KEY, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("order", stored=True, indexed=False, fast=True)
    builder.add_unsigned_field("size", stored=False, indexed=False, fast=True)
    for field in (Field.SWHID, Field.TAGS):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    for field in (Field.SCOPES, Field.PARTS, Field.TRIGRAMS, Field.FINGERPRINTS, Field.BANDS):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="basic")
    for field in POSITIONS:
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="position")
    for facet in Facet:
        builder.add_text_field(facet, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("record", stored=True)
    builder.add_bytes_field("text", stored=True)
    return builder.build()


SCHEMA = _schema()


class TantivyPart:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer = tantivy.Index(SCHEMA, str(folder)).writer(WRITER_HEAP, num_threads=1)
        self._keys: set[str] = set()

    def add(self, entry: Entry) -> bool:
        if entry.key in self._keys:
            return False
        self._keys.add(entry.key)
        self._writer.add_document(_stored(entry))
        return True

    def finish(self) -> None:
        self._writer.commit()
        self._writer.wait_merging_threads()
        keys = np.frombuffer(bytes.fromhex("".join(sorted(self._keys))), "S16")
        np.save(self._folder / "keys.npy", keys)


class TantivyEngine:
    """Engine over a folder that holds one folder per build."""

    name = "tantivy"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """A folder is there, or is made."""

    def prepare(self, build: str, text_bytes: int) -> None:
        """A folder needs no preparation."""

    @contextmanager
    def part(self, build: str, shard: int) -> Iterator[TantivyPart]:
        folder = self._part(build, shard)
        for left in folder.parent.glob(f"{folder.name}*"):
            shutil.rmtree(left, ignore_errors=True)
        draft = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")  # nobody else tidies it up
        try:
            draft.mkdir(parents=True)
            part = TantivyPart(draft)
            yield part
            part.finish()
            draft.rename(folder)
        except (OSError, ValueError) as error:
            raise EngineError(f"shard {shard} of build {build} cannot be written: {error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def seal(self, build: str, shards: Sequence[int]) -> int:
        sealed = self._folder / build / f"sealed-{len(shards)}"
        if not sealed.exists():
            self._assemble(build, shards, sealed)
        _point(self._folder / build / "index", sealed)
        for other in sealed.parent.glob("sealed-*"):
            if other != sealed:
                shutil.rmtree(other, ignore_errors=True)
        return tantivy.Index.open(str(sealed)).searcher().num_docs

    def tidy(self, build: str) -> None:
        shutil.rmtree(self._folder / build / "parts", ignore_errors=True)

    def open(self, build: str) -> "TantivyIndex":
        folder = self._folder / build / "index"
        if not (folder / "meta.json").exists():
            raise EngineError(f"build {build} has no index in {folder}")
        try:
            return TantivyIndex(tantivy.Index.open(str(folder)))
        except ValueError as error:
            raise EngineError(f"the index of build {build} is damaged: {error}") from error

    def drop(self, build: str) -> None:
        shutil.rmtree(self._folder / build, ignore_errors=True)

    def size(self, build: str) -> int:
        return sum(file.stat().st_size for file in (self._folder / build / "index").iterdir())

    def _part(self, build: str, shard: int) -> Path:
        return self._folder / build / "parts" / f"{shard:06d}"

    def _assemble(self, build: str, shards: Sequence[int], target: Path) -> None:
        draft = target.with_name("draft")
        shutil.rmtree(draft, ignore_errors=True)
        parts = [self._part(build, shard) for shard in shards]
        try:
            draft.mkdir(parents=True)
            _drop_repeats(parts)
            _adopt(parts, draft)
            _merge(draft)
            draft.rename(target)
        except (OSError, ValueError) as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise EngineError(f"build {build} cannot be sealed: {error}") from error


def _point(link: Path, target: Path) -> None:
    """Make `link` point to its neighbour `target`, in one step."""
    draft = link.with_name("index.draft")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target.name)
    draft.replace(link)


def _stored(entry: Entry) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text(Field.KEY, entry.key)
    document.add_unsigned("order", entry.order)
    document.add_unsigned("size", len(entry.document.content))
    for swhid in entry.swhids:
        document.add_text(Field.SWHID, swhid)
    for tag in entry.tags:
        document.add_text(Field.TAGS, tag)
    for field, terms in entry.texts.items():
        document.add_text(field, terms)
    document.add_text(Facet.REPOSITORY, entry.document.repository)
    document.add_text(Facet.LANGUAGE, entry.document.language)
    for license_id in entry.document.licenses:
        document.add_text(Facet.LICENSE, license_id)
    document.add_bytes("record", record_of(entry.document).encode("utf-8"))
    document.add_bytes("text", pack(entry.document.content))
    return document


def _drop_repeats(parts: Sequence[Path]) -> None:
    """Delete from every part the documents that an earlier one holds."""
    held = [np.load(part / "keys.npy") for part in parts]
    if not held:
        return
    keys = np.concatenate(held)
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in held])
    by_key = np.argsort(keys, kind="stable")
    repeats = by_key[1:][keys[by_key][1:] == keys[by_key][:-1]]
    for number in np.unique(owner[repeats]):
        writer = tantivy.Index.open(str(parts[number])).writer(WRITER_HEAP, num_threads=1)
        for place in repeats[owner[repeats] == number]:
            writer.delete_documents_by_term(Field.KEY, bytes(keys[place]).ljust(16, b"\0").hex())
        writer.commit()
        writer.wait_merging_threads()


def _adopt(parts: Sequence[Path], draft: Path) -> None:
    """Write an index into `draft` that is all segments of the parts."""
    tantivy.Index(SCHEMA, str(draft))
    meta = json.loads((draft / "meta.json").read_text("utf-8"))
    for part in parts:
        segments = json.loads((part / "meta.json").read_text("utf-8"))["segments"]
        meta["segments"] += segments
        names = {segment["segment_id"].replace("-", "") for segment in segments}
        for file in part.iterdir():
            if file.name.partition(".")[0] in names:
                os.link(file, draft / file.name)
    # tantivy removes what it manages once a merge has made it useless, so the links must be listed.
    managed = sorted(file.name for file in draft.iterdir() if not file.name.startswith("."))
    (draft / ".managed.json").write_text(json.dumps(managed), "utf-8")
    (draft / "meta.json").write_text(json.dumps(meta), "utf-8")


def _merge(folder: Path) -> None:
    index = tantivy.Index.open(str(folder))
    if index.searcher().num_segments <= FEW_SEGMENTS:
        return
    writer = index.writer(WRITER_HEAP, num_threads=1)
    writer.commit()
    writer.wait_merging_threads()


class TantivyIndex:
    """A sealed index. tantivy's searcher is a snapshot and safe for several threads."""

    def __init__(self, index: tantivy.Index) -> None:
        self._searcher = index.searcher()

    def count(self, where: Clause) -> int:
        return int(self._search(_query(where), limit=1).count)

    def page(self, where: Clause, *, after: int | None, limit: int, texts: bool) -> list[Hit]:
        hits = self._search(_above(_query(where), after), limit=limit, count=False, **BY_ORDER).hits
        return [self._hit(address, texts=texts) for _, address in hits]

    def best(self, field: Field, terms: Collection[str], where: Clause, *, limit: int, texts: bool) -> list[Match]:
        if not terms:
            return []
        found = self._search(_counting(field, terms, where), limit=limit, count=False).hits
        ranked = [(round(score), address) for score, address in found]
        if len(ranked) == limit:
            ranked = self._settle_ties(ranked, field, terms, where)
        matches = [Match(matched, self._hit(address, texts=texts)) for matched, address in ranked]
        return sorted(matches, key=lambda match: (-match.matched, match.hit.order))

    def present(self, field: Field, values: Collection[str], where: Clause) -> frozenset[str]:
        return frozenset(value for value in values if self.count(AllOf((Term(field, value), where))))

    def facets(self, where: Clause, facet: Facet, *, limit: int) -> Counted:
        # All buckets are fetched, since equal counts come in no order that could be cut and be the same everywhere.
        terms = {"field": facet.value, "size": FACETS_LIMIT}
        tree = {"all": {"terms": terms, "aggs": {"bytes": {"sum": {"field": "size"}}}}}
        answer = self._aggregate(where, tree)["all"]
        buckets = [
            Bucket(found["key"], found["doc_count"], int(found["bytes"]["value"])) for found in answer["buckets"]
        ]
        buckets.sort(key=lambda bucket: (-bucket.documents, bucket.value))
        rest = sum(bucket.documents for bucket in buckets[limit:])
        return Counted(tuple(buckets[:limit]), rest + answer["sum_other_doc_count"])

    def total_bytes(self, where: Clause) -> int:
        tree = {"bytes": {"sum": {"field": "size"}}}
        return int(self._aggregate(where, tree)["bytes"]["value"])

    def close(self) -> None:
        """Nothing is held but memory maps, which go with the object."""

    def _search(self, query: Query, **options: Any) -> Any:  # its stub leaves out the count
        with _damage_told():
            return self._searcher.search(query, **options)

    def _aggregate(self, where: Clause, tree: dict[str, Any]) -> dict[str, Any]:
        with _damage_told():
            return self._searcher.aggregate(_query(where), tree)

    def _settle_ties(
        self,
        ranked: list[tuple[int, tantivy.DocAddress]],
        field: Field,
        terms: Collection[str],
        where: Clause,
    ) -> list[tuple[int, tantivy.DocAddress]]:
        """Choose by `order` among the documents that tie for the last places; tantivy cuts them anyhow."""
        limit, least = len(ranked), ranked[-1][0]
        better = [(matched, address) for matched, address in ranked if matched > least]
        known = {(address.segment_ord, address.doc) for _, address in better}
        wanted = limit + len(better)
        tied = self._search(_at_least(least, field, terms, where), limit=wanted, count=False, **BY_ORDER).hits
        ties = [(least, at) for _, at in tied if (at.segment_ord, at.doc) not in known]
        return better + ties[: limit - len(better)]

    def _hit(self, address: tantivy.DocAddress, *, texts: bool) -> Hit:
        with _damage_told():
            stored = self._searcher.doc(address)
        record = bytes(_first(stored, "record")).decode("utf-8")
        packed = bytes(_first(stored, "text")) if texts else None
        return hit_of(_first(stored, Field.KEY), _first(stored, "order"), record, packed)


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # A panic in Rust comes as a BaseException that has no importable name.
        if isinstance(error, ValueError) or type(error).__name__ == "PanicException":
            raise EngineError(f"the index cannot be read: {error}") from error
        raise


def _first(stored: tantivy.Document, name: str) -> Any:  # tantivy types a field's value by the schema, at run time
    return stored.get_first(name)


def _query(clause: Clause) -> Query:
    match clause:
        case Term(field, value):
            return Query.term_query(SCHEMA, field, value, index_option=_option(field))
        case AnyOf(field, values):
            return Query.term_set_query(SCHEMA, field, sorted(values)) if values else Query.empty_query()
        case Phrase(field, (term,)):
            # tantivy aborts on a phrase of one term.
            return _query(Term(field, term))
        case Phrase(field, terms):
            return Query.phrase_query(SCHEMA, field, list(terms)) if terms else Query.empty_query()
        case Either(clauses):
            return Query.boolean_query([(Occur.Should, _query(clause)) for clause in clauses])
        case Not(excluded):
            return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, _query(excluded))])
        case AllOf(clauses):
            return _conjunction(clauses)


def _conjunction(clauses: tuple[Clause, ...]) -> Query:
    parts = [
        (Occur.MustNot, _query(clause.clause)) if isinstance(clause, Not) else (Occur.Must, _query(clause))
        for clause in clauses
    ]
    if not any(occur == Occur.Must for occur, _ in parts):
        parts.append((Occur.Must, Query.all_query()))
    return Query.boolean_query(parts)


def _option(field: Field) -> str:
    return "position" if field in POSITIONS else "basic"


def _above(query: Query, after: int | None) -> Query:
    if after is None:
        return query
    above = Query.range_query(SCHEMA, "order", tantivy.FieldType.Unsigned, lower_bound=after, include_lower=False)
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(above, 0.0))])


def _each(field: Field, terms: Collection[str]) -> list[tuple[Occur, Query]]:
    return [(Occur.Should, Query.const_score_query(_query(Term(field, term)), 1.0)) for term in sorted(set(terms))]


def _counting(field: Field, terms: Collection[str], where: Clause) -> Query:
    """Scores a document of `where` with the number of `terms` it carries."""
    return _within(Query.boolean_query(_each(field, terms)), where)


def _at_least(count: int, field: Field, terms: Collection[str], where: Clause) -> Query:
    return _within(Query.boolean_query(_each(field, terms), minimum_number_should_match=count), where)


def _within(query: Query, where: Clause) -> Query:
    """`query` and `where`, with the scores of `query` alone. What is excluded costs less than what must hold."""
    clauses = where.clauses if isinstance(where, AllOf) else (where,)
    kept: list[tuple[Occur, Query]] = [(Occur.Must, query)]
    for clause in clauses:
        if isinstance(clause, Not):
            kept.append((Occur.MustNot, _query(clause.clause)))
        elif clause != EVERYTHING:
            kept.append((Occur.Must, Query.const_score_query(_query(clause), 0.0)))
    return Query.boolean_query(kept) if len(kept) > 1 else query
