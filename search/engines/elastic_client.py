"""The connection to Elasticsearch: what may go wrong on the way, told or tried again. Knows nothing of documents.

The one home of the `elasticsearch` package.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import SystemRandom
from typing import Any

from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch

from search.engines.base import EngineError, EngineUnavailable

logger = logging.getLogger(__name__)

LEAST_VERSION = (8, 19)

MOST_CLAUSES = 8_000
"""Clauses that a query may have. What a node allows follows from its heap and its search threads, see `check`."""

SEARCH_SECONDS = 30
"""After which a question ends as an error, on the server as well."""

WRITE_SECONDS = 120
MERGE_SECONDS = 3600
LOOK_SECONDS = 5
"""For the look at the cluster when something starts."""

PATIENCE = 300.0
"""Seconds for which what belongs to a build is tried again while nothing gets through: a server may be restarted
meanwhile. Questions of people are not: they get their 503 at once."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 15.0
BUSY = frozenset({429, 502, 503, 504})
MOST_REASON = 300


@dataclass(frozen=True, slots=True)
class Server:
    """Where Elasticsearch is, and who is asking. `urls` are nodes of one cluster; `ca` is a file of certificates.

    Names of indices and aliases begin with `prefix`: installations that share a cluster have different ones.
    """

    urls: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    prefix: str = "codesteward"

    def __str__(self) -> str:
        return ", ".join(self.urls)


@cache
def _client(server: Server, process: int) -> Elasticsearch:
    """One of each process: its sockets must not be shared with a fork."""
    options: dict[str, Any] = {"basic_auth": (server.user, server.password)} if server.user else {}
    if server.ca:
        options["ca_certs"] = server.ca
    # The client goes on to the next node where one is not there; it never waits between its tries, so that what is
    # busy is left to `_ask` and `bulk`.
    return Elasticsearch(
        list(server.urls), max_retries=len(server.urls) - 1, retry_on_status=(502, 503, 504), **options
    )


class Cluster:
    """What is asked of one Elasticsearch. Raises EngineError for everything that goes wrong.

    `patience` is the number of seconds for which what may pass is tried again, after pauses that grow.
    """

    def __init__(self, server: Server, patience: float = 0.0) -> None:
        self._server = server
        self._patience = patience

    def _asked(self, seconds: float) -> Elasticsearch:
        if not self._server.urls:
            raise EngineError("ELASTICSEARCH_URL is not set, and a build in Elasticsearch is asked for")
        try:
            return _client(self._server, os.getpid()).options(request_timeout=seconds)
        except (OSError, ValueError) as error:
            raise EngineError(f"Elasticsearch at {self._server}: ELASTICSEARCH_CA cannot be used ({error})") from error

    def check(self) -> None:
        """Raises EngineError where the cluster cannot be used: version, password, room for queries."""
        paths = "nodes.*.version,nodes.*.name,nodes.*.jvm,nodes.*.thread_pool"
        answer = self._ask(
            "the version of its nodes", lambda asked: asked.nodes.info(filter_path=paths), seconds=LOOK_SECONDS
        )
        for node in answer["nodes"].values():
            version = tuple(int(number) for number in node["version"].partition("-")[0].split(".")[:2])
            if version < LEAST_VERSION:
                raise EngineError(
                    f"Elasticsearch at {self._server} has a node of version {node['version']}; "
                    f"{'.'.join(map(str, LEAST_VERSION))} is the least that is supported"
                )
            # The server's own arithmetic.
            threads = node["thread_pool"]["search"]["size"]
            allowed = max(1024, node["jvm"]["mem"]["heap_max_in_bytes"] // 2**20 * 64 // threads)
            if allowed < MOST_CLAUSES * 1.1:
                raise EngineError(
                    f"node {node['name']} of Elasticsearch at {self._server} allows {allowed} clauses in a query, and "
                    f"{MOST_CLAUSES} are needed: give it a larger heap, or fewer processors (node.processors)"
                )

    def search(self, indices: str, query: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
        """One question; the answer is whole, or an EngineError says why there is none."""

        def ask(asked: Elasticsearch) -> dict[str, Any]:
            answer = asked.search(
                index=indices,
                query=query,
                timeout=f"{SEARCH_SECONDS}s",
                allow_partial_search_results=False,
                **rest,
            ).body  # fmt: skip
            shards = answer["_shards"]
            if answer["timed_out"] or shards["failed"] or shards["successful"] < shards["total"]:
                raise EngineUnavailable(
                    f"Elasticsearch at {self._server} answered for {shards['successful']} of {shards['total']} shards "
                    f"of {indices}{', and out of time' if answer['timed_out'] else ''}: a part is no answer"
                )
            return dict(answer)

        found: dict[str, Any] = self._ask("a question", ask, seconds=SEARCH_SECONDS + 5)
        return found

    def count(self, indices: str, query: Mapping[str, Any]) -> int:
        answer = self.search(indices, query, size=0, track_total_hits=True)
        return int(answer["hits"]["total"]["value"])

    def bulk(self, index: str, items: Sequence[bytes], *, through_alias: bool = False) -> None:
        """Do every item: an action and, where it has one, its document, each a line of JSON.

        What the server has no room for is sent again, alone, after pauses that grow; so is everything where it
        cannot be reached: items name their documents' ids, so that twice is once. An item that is refused
        raises EngineError. `through_alias`: where the name is no alias (any more), nothing is written.
        """
        waiting = list(items)
        late, pause = time.monotonic() + self._patience, FIRST_PAUSE
        while waiting:
            left, problem = self._bulk_once(index, waiting, through_alias=through_alias)
            if len(left) < len(waiting):
                late, pause = time.monotonic() + self._patience, FIRST_PAUSE
            if left and time.monotonic() > late:
                raise EngineUnavailable(
                    f"Elasticsearch at {self._server} takes nothing for {self._patience:.0f} s: {problem}"
                )
            if left:
                logger.info("Elasticsearch: %d of %d items wait (%s)", len(left), len(waiting), problem)
                pause = _wait(pause)
            waiting = left

    def _bulk_once(self, index: str, items: list[bytes], *, through_alias: bool) -> tuple[list[bytes], str]:
        """What has to be sent again, and why."""
        try:
            answer = self._asked(WRITE_SECONDS).bulk(
                index=index,
                operations=items,  # type: ignore[arg-type]
                require_alias=through_alias,
                filter_path="errors,items.*.status,items.*.error",
            )
        except (ApiError, TransportError) as error:
            explained = self._explained("a bulk", error)
            if not explained.temporary:
                raise explained from error
            return items, f"status {error.status_code}" if isinstance(error, ApiError) else type(error).__name__
        if not answer["errors"]:
            return [], ""
        left, problem = [], ""
        for item, told in zip(items, answer["items"], strict=True):
            (result,) = told.values()
            if result["status"] in BUSY:
                left.append(item)
                problem = f"status {result['status']}"
            elif "error" in result:
                raise EngineError(f"Elasticsearch refuses {_named(item)}: {_reason_of(result['error'])}")
        return left, problem

    def create(
        self, index: str, settings: Mapping[str, Any], mappings: Mapping[str, Any], aliases: Mapping[str, Any]
    ) -> None:
        """Harmless where it is there already."""
        self._ask(
            f"to create {index}",
            lambda asked: asked.indices.create(index=index, settings=settings, mappings=mappings, aliases=aliases),
            harmless="resource_already_exists_exception",
        )

    def described(self, pattern: str) -> dict[str, Any]:
        """Name -> aliases and mapping's `_meta` of every index that the pattern covers."""
        paths = "*.aliases,*.mappings._meta"
        answer = self._ask(
            "what there is",
            lambda asked: asked.indices.get(index=pattern, allow_no_indices=True, filter_path=paths),
            seconds=SEARCH_SECONDS,
        )
        return dict(answer)

    def note(self, index: str, meta: Mapping[str, Any]) -> None:
        """Write `_meta` of an index down."""
        self._ask(f"to note what {index} holds", lambda asked: asked.indices.put_mapping(index=index, meta=meta))

    def set(self, index: str, settings: Mapping[str, Any]) -> None:
        self._ask(f"to set {index}", lambda asked: asked.indices.put_settings(index=index, settings=settings))

    def point(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """Change aliases, all at once."""
        self._ask("to change aliases", lambda asked: asked.indices.update_aliases(actions=actions))

    def refresh(self, index: str) -> None:
        """Let questions see what was written."""
        self._ask(f"to refresh {index}", lambda asked: asked.indices.refresh(index=index), on_every_shard=True)

    def flush(self, index: str) -> None:
        self._ask(
            f"to flush {index}",
            lambda asked: asked.indices.flush(index=index, force=True, wait_if_ongoing=True),
            on_every_shard=True,
        )

    def merge(self, index: str) -> None:
        """One segment a shard; returns when that is done, which takes minutes for a large one."""
        while True:
            try:
                self._ask(
                    f"to merge {index}",
                    lambda asked: asked.indices.forcemerge(index=index, max_num_segments=1),
                    seconds=MERGE_SECONDS,
                    on_every_shard=True,
                )
                return
            except EngineError as error:
                # The merge goes on; asking again waits for it.
                if not isinstance(error.__cause__, ConnectionTimeout):
                    raise

    def bytes_of(self, indices: str) -> int:
        """What the live segments of the primaries take; the statistics of the store lag behind by ten seconds."""
        answer = self._ask("the size of its segments", lambda asked: asked.indices.segments(index=indices))
        return sum(
            segment["size_in_bytes"]
            for index in answer["indices"].values()
            for copies in index["shards"].values()
            for copy in copies
            if copy["routing"]["primary"]
            for segment in copy["segments"].values()
        )

    def clone(self, index: str, name: str, settings: Mapping[str, Any]) -> None:
        """The same segments under another name, linked where the file system can; `index` must refuse writes."""
        answer = self._ask(
            f"to clone {index}",
            lambda asked: asked.indices.clone(
                index=index, target=name, settings=settings, wait_for_active_shards="all", timeout=f"{WRITE_SECONDS}s"
            ),
            seconds=WRITE_SECONDS + 10,
            harmless="resource_already_exists_exception",
        )
        if answer and not answer["shards_acknowledged"]:
            raise EngineError(f"Elasticsearch at {self._server} found no place for {name} in {WRITE_SECONDS} s")

    def delete(self, indices: Sequence[str]) -> None:
        """Harmless where they are gone."""
        for index in indices:
            self._delete(index)

    def _delete(self, index: str) -> None:
        self._ask(
            f"to delete {index}",
            lambda asked: asked.indices.delete(index=index),
            harmless="index_not_found_exception",
        )

    def _ask(
        self,
        wish: str,
        call: Callable[[Elasticsearch], Any],
        *,
        seconds: float = WRITE_SECONDS,
        harmless: str = "",
        on_every_shard: bool = False,
    ) -> Any:
        """What `call` answers, None for the error of the name `harmless`; every other as an EngineError.

        Everything that is asked here may be asked twice, so what may pass is, as long as there is patience.
        """
        late, pause = time.monotonic() + self._patience, FIRST_PAUSE
        while True:
            try:
                answer = call(self._asked(seconds))
                if on_every_shard and answer["_shards"]["failed"]:
                    raise EngineError(f"Elasticsearch at {self._server} failed {wish} on a shard: {answer['_shards']}")
                return answer
            except (ApiError, TransportError) as error:
                if harmless and isinstance(error, ApiError) and error.error == harmless:
                    return None
                explained = self._explained(wish, error)
                if not explained.temporary or time.monotonic() > late:
                    raise explained from error
            except EngineUnavailable as error:
                if time.monotonic() > late:
                    raise
                explained = error
            logger.info("Elasticsearch: %s; tried again", explained)
            pause = _wait(pause)

    def _explained(self, wish: str, error: ApiError | TransportError) -> EngineError:
        where = f"Elasticsearch at {self._server}"
        if isinstance(error, TransportError):
            message = f"{where} cannot be reached for {wish}: {str(error.message)[:MOST_REASON]}"
            return EngineError(message) if isinstance(error, TlsError) else EngineUnavailable(message)
        if error.status_code == 401 or error.error == "security_exception":
            who = f"user {self._server.user!r}" if self._server.user else "a client without a user"
            return EngineError(
                f"{where} refuses {who} ({error.status_code}): check ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD"
            )
        body = error.body if isinstance(error.body, dict) else {}
        message = f"{where} answered {wish} with {error.status_code}: {_reason_of(body.get('error'))}"
        return EngineUnavailable(message) if error.status_code in BUSY else EngineError(message)


def _wait(pause: float) -> float:
    """Wait for about so many seconds; returns how long to wait the next time."""
    time.sleep(SystemRandom().uniform(pause / 2, pause))
    return min(2 * pause, LONGEST_PAUSE)


def _reason_of(error: Any) -> str:
    """The server's words, cut: they may quote a document."""
    reasons: list[str] = []
    while isinstance(error, dict):
        if isinstance(reason := error.get("reason"), str):
            reasons.append(reason[:MOST_REASON])
            error = error.get("caused_by") or next(iter(error.get("failed_shards", ())), None)
        else:
            error = reason
    return "; ".join(dict.fromkeys(reasons)) or str(error)[:MOST_REASON]


def _named(item: bytes) -> str:
    return item.partition(b"\n")[0].decode("utf-8", "replace")[:MOST_REASON]
