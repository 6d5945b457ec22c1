"""The indices of one build in Elasticsearch: which there are, what each holds for good, what they hold twice.

Of a build that is sealed once there is one. Each further seal with more shards adds one, since a sealed index never
changes: documents of it that now come from an earlier shard are hidden by the alias, not deleted.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.engines.base import Field
from search.engines.elastic_client import Cluster
from search.engines.elastic_queries import ALL, Query, terms_query

SEPARATOR = "~"
"""Between alias and number; the name of a build cannot hold it."""

COPY = "-shrunk"
PARTS = "-parts"
AT_ONCE = 10_000
KEYS_AT_ONCE = 20_000
"""Documents whose keys are compared in one question, as a mean over equal slices of all keys."""

MOST_KEYS = 30_000


@dataclass(frozen=True, slots=True)
class Generation:
    """One index. `shards` are those it holds for good, none while parts are still written into it.

    `writable` where parts can be written now. `hidden` are ids of documents that are kept from another index.
    """

    index: str
    number: int
    sealed: bool
    writable: bool
    shards: frozenset[int]
    hidden: tuple[str, ...]


def alias_of(prefix: str, build: str) -> str:
    """Names of Elasticsearch are in lower case: a build whose name is not is told apart by a digest."""
    name = build.lower()
    mark = "" if name == build else f"-{hashlib.sha256(build.encode()).hexdigest()[:8]}"
    return f"{prefix}-{name}{mark}"


def index_of(alias: str, number: int) -> str:
    return f"{alias}{SEPARATOR}{number}"


def parts_of(index: str) -> str:
    return f"{index}{PARTS}"


def copy_of(index: str) -> str:
    return f"{index}{COPY}"


def generations_of(cluster: Cluster, alias: str) -> tuple[list[Generation], list[str]]:
    """The generations by their number, and names of indices that are nothing any more.

    Of a generation there may be an index and its shrunk copy. The copy counts from the moment it is sealed; until
    then it is what a seal left that was interrupted, and from then on the other one is.
    """
    by_number: dict[int, Generation] = {}
    useless = []
    described = cluster.described(f"{alias}{SEPARATOR}*")
    for index in sorted(described):  # a copy's name is the longer one
        one = _generation(alias, index, described[index])
        if index.endswith(COPY) and not one.sealed:
            useless.append(index)
            continue
        if one.number in by_number:
            useless.append(by_number[one.number].index)
        by_number[one.number] = one
    return [by_number[number] for number in sorted(by_number)], useless


def _generation(alias: str, index: str, told: Mapping[str, Any]) -> Generation:
    here = told.get("aliases", {}).get(alias)
    hiding = (here or {}).get("filter", {}).get("bool", {}).get("must_not", [])
    hidden = tuple(entry for query in hiding for entry in query["ids"]["values"])
    shards = told.get("mappings", {}).get("_meta", {}).get("shards", ())
    number = int(index.rpartition(SEPARATOR)[2].removesuffix(COPY))
    writable = parts_of(index) in told.get("aliases", {})
    return Generation(index, number, here is not None, writable, frozenset(shards), hidden)


def in_alias(alias: str, index: str, hidden: Sequence[str]) -> dict[str, Any]:
    """The action that shows an index under the alias, less what is hidden; in place of how it was shown before."""
    hiding = {"filter": {"bool": {"must_not": [{"ids": {"values": sorted(hidden)}}]}}} if hidden else {}
    return {"add": {"index": index, "alias": alias, **hiding}}


def for_parts(index: str) -> dict[str, Any]:
    """The action after which parts can be written into the index."""
    return {"add": {"index": index, "alias": parts_of(index)}}


def not_for_parts(index: str) -> dict[str, Any]:
    """The action after which none can."""
    return {"remove": {"index": index, "alias": parts_of(index), "must_exist": False}}


def id_of(shard: int, key: str) -> str:
    return f"{shard}-{key}"


def key_of(entry_id: str) -> str:
    return entry_id.partition("-")[2]


def of_shard(shard: int) -> Query:
    """The documents of a part."""
    return {"term": {"shard": shard}}


def mark_of(shard: int) -> Query:
    """What a finished part says of itself."""
    return {"term": {"part": shard}}


def of_none(shards: Sequence[int]) -> Query:
    """What was left behind by parts of other shards than these."""
    return {"bool": {"must_not": [terms_query("shard", shards), terms_query("part", shards)]}}


def remove(cluster: Cluster, index: str, query: Query) -> None:
    """Delete whatever `query` finds. The server's own way is a module that is not in its core."""
    cluster.refresh(index)
    while hits := cluster.search(index, query, size=AT_ONCE, sort=["_doc"])["hits"]["hits"]:
        cluster.bulk(index, [deletion_of(hit["_id"]) for hit in hits])
        cluster.refresh(index)


def deletion_of(entry_id: str) -> bytes:
    return f'{{"delete":{{"_id":"{entry_id}"}}}}\n'.encode()


def claims_in(cluster: Cluster, index: str) -> dict[int, int]:
    """Shard -> documents, as its part said when it was done."""
    claims: dict[int, int] = {}
    query = {"range": {"part": {"gte": 0}}}
    after: dict[str, Any] = {}
    while hits := cluster.search(
        index, query, size=AT_ONCE, sort=[{"part": "asc"}], docvalue_fields=["part", "documents"], **after
    )["hits"]["hits"]:
        claims |= {hit["fields"]["part"][0]: hit["fields"]["documents"][0] for hit in hits}
        after = {"search_after": hits[-1]["sort"]}
    return claims


def repeats_in(cluster: Cluster, indices: str) -> Iterator[tuple[str, list[int]]]:
    """Every key that several documents carry, and their shards.

    Keys are digests, so their first digits cut all documents into even slices; the columns of one slice are
    compared at a time, on the server.
    """
    documents = cluster.count(indices, ALL)
    digits = 0
    while documents > KEYS_AT_ONCE * 16**digits:
        digits += 1
    for number in range(16**digits):
        yield from _repeats_below(cluster, indices, f"{number:0{digits}x}" if digits else "")


def _repeats_below(cluster: Cluster, indices: str, prefix: str) -> Iterator[tuple[str, list[int]]]:
    same = {
        "terms": {
            "field": Field.KEY.value,
            "size": MOST_KEYS,
            "shard_size": MOST_KEYS,
            "min_doc_count": 2,
            "execution_hint": "map",
        },
        "aggs": {"shards": {"terms": {"field": "shard", "size": MOST_KEYS}}},
    }
    query: Query = {"prefix": {Field.KEY.value: prefix}} if prefix else ALL
    answer = cluster.search(indices, query, size=0, track_total_hits=True, aggs={"same": same})
    if answer["hits"]["total"]["value"] > MOST_KEYS:
        for digit in "0123456789abcdef":
            yield from _repeats_below(cluster, indices, prefix + digit)
        return
    for bucket in answer["aggregations"]["same"]["buckets"]:
        yield bucket["key"], [found["key"] for found in bucket["shards"]["buckets"]]
