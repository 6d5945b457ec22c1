"""The engine for a cluster: Elasticsearch, one alias per build.

    PREFIX-BUILD          an alias: the sealed indices of the build, less what is hidden in them
    PREFIX-BUILD~N        an index: the parts of the shards that were done between two seals
    PREFIX-BUILD~N-parts  an alias: where parts are written, as long as they may be

Parts are written into the index that is open, through an alias of its own; a document's id is its shard and its key,
so what is sent twice is there once, be it by a worker that was given up and is alive. Sealing takes that alias away,
so that nothing more can come, checks that the index holds what its parts say, settles which shard a repeated document
is kept from, shrinks the index, forbids writing to it for good, and puts it behind the alias of the build in one step.
Since a sealed index never changes, pages need no snapshot of the server's, and whoever has a build open keeps what he
has.

Which build answers is decided by the records of the service alone (Release.active_build). The alias says what of a
build is sealed, to the service as to an operator with curl.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from search.engines.base import EVERYTHING, EngineError, Entry, Facet, Field
from search.engines.elastic_client import PATIENCE, Cluster, Server
from search.engines.elastic_generations import (
    Generation,
    alias_of,
    claims_in,
    copy_of,
    deletion_of,
    for_parts,
    generations_of,
    id_of,
    in_alias,
    index_of,
    mark_of,
    not_for_parts,
    of_none,
    of_shard,
    parts_of,
    remove,
    repeats_in,
)
from search.engines.elastic_index import ElasticsearchIndex
from search.engines.elastic_queries import ALL, indexed
from search.engines.elastic_schema import COPIED, MAPPING, READ_ONLY, SEALED, WRITABLE, settings_to_build
from search.engines.stored import pack, record_of

BULK_BYTES = 8 * 2**20
MOST_HIDDEN = 10_000
"""Documents that later seals may hide in sealed indices: they stand in the state of the cluster."""

SHRUNK_FROM = 16 * 2**20
"""Bytes of an index below which it is not worth the while."""

LAST = "last"
"""Id of what is written last of all, and deleted again."""


class ElasticsearchPart:
    """The part of one shard. Without an index nothing is written: a sealed one holds the shard already.

    Two workers may write the same part at once, since one that was given up may go on: they write the same documents
    under the same ids. So nothing that was written is removed where a part fails; whoever writes it again does that,
    and at last the seal.
    """

    def __init__(self, cluster: Cluster, index: str | None, shard: int) -> None:
        self._cluster = cluster
        self._index = index
        self._shard = shard
        self._keys: set[str] = set()
        self._items: list[bytes] = []
        self._bytes = 0

    def add(self, entry: Entry) -> bool:
        if entry.key in self._keys:
            return False
        self._keys.add(entry.key)
        if self._index:
            self._send(_item(id_of(self._shard, entry.key), _stored(entry, self._shard)))
        return True

    def finish(self) -> None:
        """Everything is on the server's disk, was counted, and is marked as whole."""
        if not self._index:
            return
        self._empty_buffer()
        self._cluster.refresh(self._index)
        documents = self._cluster.count(self._index, of_shard(self._shard))
        if documents != len(self._keys):
            raise EngineError(
                f"{self._index} holds {documents} documents of shard {self._shard}, not {len(self._keys)}"
            )
        self._send(_item(f"part-{self._shard}", {"part": self._shard, "documents": documents}))
        self._empty_buffer()

    def _send(self, item: bytes) -> None:
        self._items.append(item)
        self._bytes += len(item)
        if self._bytes >= BULK_BYTES:
            self._empty_buffer()

    def _empty_buffer(self) -> None:
        if self._index and self._items:
            # Without the alias the server would make an index of that name, with a mapping of its own invention.
            self._cluster.bulk(parts_of(self._index), self._items, through_alias=True)
        self._items, self._bytes = [], 0


class ElasticsearchEngine:
    """Engine over one cluster. `server` has the fields of `elastic_client.Server`."""

    name = "elasticsearch"

    def __init__(self, server: Mapping[str, Any]) -> None:
        self._server = Server(**server)
        self._cluster = Cluster(self._server, PATIENCE)

    def check(self) -> None:
        Cluster(self._server).check()

    def prepare(self, build: str, text_bytes: int) -> None:
        self.check()
        self._open_index(build, self._generations(build), text_bytes)

    @contextmanager
    def part(self, build: str, shard: int) -> Iterator[ElasticsearchPart]:
        there = self._generations(build)
        if any(shard in generation.shards for generation in there):
            yield ElasticsearchPart(self._cluster, None, shard)
            return
        index = self._open_index(build, there, 0)
        # The mark first: what it speaks of is about to go.
        remove(self._cluster, index, mark_of(shard))
        remove(self._cluster, index, of_shard(shard))
        part = ElasticsearchPart(self._cluster, index, shard)
        yield part
        part.finish()

    def seal(self, build: str, shards: Sequence[int]) -> int:
        found, useless = generations_of(self._cluster, self._alias(build))
        self._cluster.delete(useless)
        there = [self._verified(generation, shards) for generation in found]
        missing = set(shards).difference(*(generation.shards for generation in there))
        if missing:
            raise EngineError(
                f"build {build} cannot be sealed: Elasticsearch at {self._server} does not hold shards "
                f"{', '.join(map(str, sorted(missing)[:10]))}; build it anew"
            )
        held = [generation for generation in there if generation.shards]
        if not all(generation.sealed for generation in held):
            hidden = self._settle_repeats(build, held, shards)
            final = {one.index: one.index if one.sealed else self._finished(one) for one in held}
            alias = self._alias(build)
            self._cluster.point([in_alias(alias, final[one.index], hidden[one.index]) for one in held])
            self._cluster.delete([index for index in final if index not in final.values()])
        return self.open(build).count(EVERYTHING)

    def tidy(self, build: str) -> None:
        found, useless = generations_of(self._cluster, self._alias(build))
        self._cluster.delete([*useless, *(generation.index for generation in found if not generation.sealed)])

    def open(self, build: str) -> ElasticsearchIndex:
        cluster = Cluster(self._server)
        sealed = _sealed(generations_of(cluster, self._alias(build))[0])
        if not sealed:
            raise EngineError(f"build {build} is not sealed in Elasticsearch at {self._server}")
        hidden = [entry_id for generation in sealed for entry_id in generation.hidden]
        return ElasticsearchIndex(cluster, ",".join(generation.index for generation in sealed), hidden)

    def drop(self, build: str) -> None:
        found, useless = generations_of(self._cluster, self._alias(build))
        self._cluster.delete([*useless, *(generation.index for generation in found)])

    def size(self, build: str) -> int:
        return self._cluster.bytes_of(",".join(one.index for one in _sealed(self._generations(build))))

    def _alias(self, build: str) -> str:
        return alias_of(self._server.prefix, build)

    def _generations(self, build: str) -> list[Generation]:
        return generations_of(self._cluster, self._alias(build))[0]

    def _open_index(self, build: str, there: list[Generation], text_bytes: int) -> str:
        """The index that parts are written into, made where there is none."""
        for generation in there:
            if not generation.sealed and not generation.shards:
                if not generation.writable:
                    self._cluster.point([for_parts(generation.index)])
                return generation.index
        index = index_of(self._alias(build), max((one.number for one in there), default=0) + 1)
        # Several processes may do this at once: they agree on the name, and the first one makes it.
        self._cluster.create(index, settings_to_build(text_bytes), MAPPING, {parts_of(index): {}})
        return index

    def _verified(self, generation: Generation, shards: Sequence[int]) -> Generation:
        """What an index that is not sealed yet holds for good. From here on no part is written into it.

        Raises EngineError where it does not hold what its parts said when they were done.
        """
        if generation.sealed:
            return generation
        index = generation.index
        if generation.writable:
            self._cluster.point([not_for_parts(index)])
        if generation.shards:
            self._cluster.set(index, WRITABLE)
        remove(self._cluster, index, of_none(shards))
        claims = claims_in(self._cluster, index)
        for shard, documents in claims.items():
            held = self._cluster.count(index, of_shard(shard))
            if held != documents:
                raise EngineError(f"{index} holds {held} of {documents} documents of shard {shard}: build it anew")
        whole = generation.shards | claims.keys()
        if claims:
            # Noted before anything is deleted: a seal that was interrupted goes on from here.
            self._cluster.note(index, {"shards": sorted(whole)})
            self._cluster.bulk(index, [deletion_of(f"part-{shard}") for shard in claims])
            self._cluster.refresh(index)
        return Generation(index, generation.number, sealed=False, writable=False, shards=whole, hidden=())

    def _settle_repeats(self, build: str, held: list[Generation], shards: Sequence[int]) -> dict[str, list[str]]:
        """Keep every document from the first of `shards` that has it: delete it elsewhere, or hide it where sealed.

        Returns what is to be hidden in each index.
        """
        places = {shard: place for place, shard in enumerate(shards)}
        holder = {shard: generation for generation in held for shard in generation.shards}
        hidden: dict[str, list[str]] = {generation.index: [] for generation in held}
        deleted: dict[str, list[str]] = {generation.index: [] for generation in held}
        indices = ",".join(hidden)
        before = self._cluster.count(indices, ALL)
        for key, found in repeats_in(self._cluster, indices) if len(holder) > 1 else ():
            for shard in sorted(found, key=lambda shard: places.get(shard, len(places)))[1:]:
                (hidden if holder[shard].sealed else deleted)[holder[shard].index].append(id_of(shard, key))
        if sum(map(len, hidden.values())) > MOST_HIDDEN:
            raise EngineError(
                f"build {build}: shards that were added repeat more than {MOST_HIDDEN} documents of sealed ones; "
                "build it anew"
            )
        for index, ids in deleted.items():
            self._cluster.bulk(index, [deletion_of(entry_id) for entry_id in ids])
            self._cluster.refresh(index)
        after, gone = self._cluster.count(indices, ALL), sum(map(len, deleted.values()))
        if after != before - gone:
            raise EngineError(f"build {build}: {before} documents less {gone} repeated ones are not {after}")
        return hidden

    def _finished(self, generation: Generation) -> str:
        """The index that is to answer: small, and never written to again; else as the cluster's others are."""
        index = generation.index
        documents = self._cluster.count(index, ALL)
        final = self._shrunk(index) if self._cluster.bytes_of(index) >= SHRUNK_FROM else index
        self._cluster.set(final, SEALED)
        self._cluster.refresh(final)
        # A bulk may have been on its way when the alias was taken away.
        now, strange = self._cluster.count(final, ALL), self._cluster.count(final, of_none(sorted(generation.shards)))
        if strange or now != documents:
            told = f"{index} had {documents} documents and has {now}, {strange} of other shards"
            raise EngineError(f"{told}: somebody still writes to it")
        return final

    def _shrunk(self, index: str) -> str:
        """A copy in one segment, without what Elasticsearch kept of every document it was sent.

        A merge drops that from the moment the retention leases have moved on, which is up to 30 s later and cannot be
        asked for. A clone begins without leases.
        """
        copy = copy_of(index)
        self._cluster.set(index, READ_ONLY)
        self._cluster.clone(index, copy, COPIED)
        # A single segment would be left as it is: with this one there are two.
        self._cluster.bulk(copy, [_item(LAST, {"part": -1})])
        self._cluster.flush(copy)
        self._cluster.merge(copy)
        self._cluster.bulk(copy, [deletion_of(LAST)])
        self._cluster.flush(copy)
        return copy


def _sealed(generations: Sequence[Generation]) -> list[Generation]:
    return [generation for generation in generations if generation.sealed]


def _item(entry_id: str, document: Mapping[str, Any]) -> bytes:
    written = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return f'{{"index":{{"_id":"{entry_id}"}}}}\n{written}\n'.encode()


def _stored(entry: Entry, shard: int) -> dict[str, Any]:
    document = entry.document
    return {
        Field.KEY.value: entry.key,
        "order": entry.order,
        "size": len(document.content),
        "shard": shard,
        Field.SWHID.value: entry.swhids,
        Field.TAGS.value: [indexed(tag) for tag in entry.tags],
        **{field.value: terms for field, terms in entry.texts.items()},
        # Steps of a path may have any length; the terms of the other texts have not.
        Field.PATH.value: " ".join(map(indexed, entry.texts[Field.PATH].split())),
        Facet.REPOSITORY.value: document.repository,
        Facet.LANGUAGE.value: document.language,
        Facet.LICENSE.value: document.licenses,
        "record": record_of(document),
        "text": base64.b64encode(pack(document.content)).decode("ascii"),
    }
