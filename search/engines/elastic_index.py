"""A sealed build in Elasticsearch, opened for reading."""

import base64
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search.engines.base import Bucket, Clause, Counted, Facet, Field, Hit, Match
from search.engines.elastic_client import MOST_CLAUSES, Cluster
from search.engines.elastic_generations import key_of
from search.engines.elastic_queries import Query, counting, indexed, query_of, terms_query, without
from search.engines.stored import hit_of

HITS_AT_ONCE = 10_000
"""`index.max_result_window`."""

TEXTS_AT_ONCE = 250
VALUES_AT_ONCE = 1000
FACETS_LIMIT = 65_000
"""Values that each shard of Elasticsearch hands in to be counted; of more the rarest may be left out."""

FIRST_DEPTH = 1000
"""Documents that are ranked by each of several questions at first, where one cannot hold all terms."""

BY_ORDER = ({"order": "asc"},)
BEST_FIRST = ({"_score": "desc"}, {"order": "asc"})

Found = dict[str, Any]
"""A hit as Elasticsearch tells it."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    """The documents that carry most of some terms: id -> (terms, order); no other carries more than `most`."""

    found: dict[str, tuple[int, int]]
    most: int


class ElasticsearchIndex:
    """Sealed indices, by name, less the entries that are hidden in them. Holds nothing open."""

    def __init__(self, cluster: Cluster, indices: str, hidden: Sequence[str]) -> None:
        self._cluster = cluster
        self._indices = indices
        self._hidden = hidden

    def count(self, where: Clause) -> int:
        return self._cluster.count(self._indices, self._within(where))

    def page(self, where: Clause, *, after: int | None, limit: int, texts: bool) -> list[Hit]:
        above = [after] if after is not None else None
        found = self._walk(self._within(where), BY_ORDER, above, limit, _shown(texts=texts))
        return [_hit(one, one["sort"][0], texts=texts) for one in found]

    def best(self, field: Field, terms: Collection[str], where: Clause, *, limit: int, texts: bool) -> list[Match]:
        distinct = sorted(set(terms))
        if not distinct:
            return []
        if len(distinct) > MOST_CLAUSES:
            return self._best_of_many(field, distinct, where, limit, texts=texts)
        query = counting(field, distinct, self._within(where))
        found = self._walk(query, BEST_FIRST, None, limit, _shown(texts=texts))
        return [Match(round(one["sort"][0]), _hit(one, one["sort"][1], texts=texts)) for one in found]

    def present(self, field: Field, values: Collection[str], where: Clause) -> frozenset[str]:
        asked = sorted(values)
        within = self._within(where)
        found: set[str] = set()
        for start in range(0, len(asked), VALUES_AT_ONCE):
            some = asked[start : start + VALUES_AT_ONCE]
            # Buckets are named by number: a value may be empty, or have characters that mean something in a name.
            each = {str(place): {"term": {field.value: indexed(value)}} for place, value in enumerate(some)}
            query = {"bool": {"filter": [within, terms_query(field.value, [indexed(one) for one in some])]}}
            answer = self._cluster.search(self._indices, query, size=0, aggs={"of": {"filters": {"filters": each}}})
            buckets = answer["aggregations"]["of"]["buckets"]
            found |= {value for place, value in enumerate(some) if buckets[str(place)]["doc_count"]}
        return frozenset(found)

    def facets(self, where: Clause, facet: Facet, *, limit: int) -> Counted:
        by_value = {
            "field": facet.value,
            "size": limit,
            "shard_size": FACETS_LIMIT,
            "order": [{"_count": "desc"}, {"_key": "asc"}],
        }
        tree = {"all": {"terms": by_value, "aggs": {"bytes": {"sum": {"field": "size"}}}}}
        answer = self._cluster.search(self._indices, self._within(where), size=0, aggs=tree)["aggregations"]["all"]
        buckets = [
            Bucket(bucket["key"], bucket["doc_count"], round(bucket["bytes"]["value"])) for bucket in answer["buckets"]
        ]
        return Counted(tuple(buckets), answer["sum_other_doc_count"])

    def total_bytes(self, where: Clause) -> int:
        tree = {"bytes": {"sum": {"field": "size"}}}
        answer = self._cluster.search(self._indices, self._within(where), size=0, aggs=tree)
        return int(answer["aggregations"]["bytes"]["value"])

    def close(self) -> None:
        """Connections belong to the process."""

    def _within(self, where: Clause) -> Query:
        return without(query_of(where), self._hidden)

    def _walk(
        self, query: Query, sort: Sequence[Any], after: list[Any] | None, limit: int, shown: dict[str, Any]
    ) -> Iterator[Found]:
        """The first `limit` documents by `sort` behind `after`, asked for in bounded portions."""
        at_once = TEXTS_AT_ONCE if "text" in shown.get("stored_fields", ()) else HITS_AT_ONCE
        while limit > 0:
            behind = {"search_after": after} if after else {}
            size = min(limit, at_once)
            found = self._cluster.search(
                self._indices, query, size=size, sort=list(sort), track_total_hits=False, **shown, **behind
            )["hits"]["hits"]
            yield from found
            if len(found) < size:
                return
            after = found[-1]["sort"]
            limit -= size

    def _best_of_many(self, field: Field, terms: list[str], where: Clause, limit: int, *, texts: bool) -> list[Match]:
        """`best` of more terms than a question may hold.

        Each question ranks the documents by its share of the terms. What none of them ranks carries no more terms
        than the last of each, added up; the questions go deeper until that is less than what the worst of the
        best carries (Fagin's threshold).
        """
        shares = [terms[i : i + MOST_CLAUSES] for i in range(0, len(terms), MOST_CLAUSES)]
        within = self._within(where)
        depth = max(FIRST_DEPTH, limit)
        while True:
            ranked = [self._ranked(field, share, within, depth) for share in shares]
            totals = self._totals(field, shares, within, ranked)
            best = sorted(totals.items(), key=lambda pair: (-pair[1][0], pair[1][1]))[:limit]
            unseen = sum(one.most for one in ranked)
            if not unseen or (len(best) == limit and best[-1][1][0] > unseen):
                break
            depth *= 10
        hits = self._by_id([entry_id for entry_id, _ in best], texts=texts)
        return [Match(matched, hits[entry_id]) for entry_id, (matched, _) in best]

    def _ranked(self, field: Field, terms: list[str], within: Query, depth: int) -> _Ranked:
        found = {
            one["_id"]: (round(one["sort"][0]), one["sort"][1])
            for one in self._walk(counting(field, terms, within), BEST_FIRST, None, depth, _UNSHOWN)
        }
        least = min((matched for matched, _ in found.values()), default=0)
        return _Ranked(found, least if len(found) == depth else 0)

    def _totals(
        self, field: Field, shares: list[list[str]], within: Query, ranked: list[_Ranked]
    ) -> dict[str, tuple[int, int]]:
        """The terms that each document which was ranked at all carries, and its order."""
        orders = {entry_id: order for one in ranked for entry_id, (_, order) in one.found.items()}
        totals = dict.fromkeys(orders, 0)
        for share, one in zip(shares, ranked, strict=True):
            known = {entry_id: matched for entry_id, (matched, _) in one.found.items()}
            if one.most:
                left = sorted(orders.keys() - known.keys())
                known |= self._carried(field, share, within, left)
            for entry_id, matched in known.items():
                totals[entry_id] += matched
        return {entry_id: (total, orders[entry_id]) for entry_id, total in totals.items()}

    def _carried(self, field: Field, terms: list[str], within: Query, ids: list[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for start in range(0, len(ids), HITS_AT_ONCE):
            some = {"bool": {"filter": [within, {"ids": {"values": ids[start : start + HITS_AT_ONCE]}}]}}
            query = counting(field, terms, some)
            for one in self._walk(query, BEST_FIRST, None, HITS_AT_ONCE, _UNSHOWN):
                found[one["_id"]] = round(one["sort"][0])
        return found

    def _by_id(self, ids: list[str], *, texts: bool) -> dict[str, Hit]:
        query = {"ids": {"values": ids}}
        found = self._walk(query, BY_ORDER, None, len(ids), _shown(texts=texts))
        return {one["_id"]: _hit(one, one["sort"][0], texts=texts) for one in found}


_UNSHOWN: dict[str, Any] = {"stored_fields": []}


def _shown(*, texts: bool) -> dict[str, Any]:
    return {"stored_fields": ["record", "text"] if texts else ["record"]}


def _hit(found: Found, order: int, *, texts: bool) -> Hit:
    (record,) = found["fields"]["record"]
    packed = base64.b64decode(found["fields"]["text"][0]) if texts else None
    return hit_of(key_of(found["_id"]), order, record, packed)
