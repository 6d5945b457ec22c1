"""The connection to Elasticsearch: what may go wrong on the way, told or tried again. Knows nothing of documents.

The one home of the `elasticsearch` package.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from random import SystemRandom
from typing import Any

from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, NotFoundError

from search.engines.base import EngineError

logger = logging.getLogger(__name__)

LEAST_VERSION = (8, 19)

MOST_CLAUSES = 8_000
"""Clauses that a query may have. What a node allows follows from its heap and its search threads, see `check`."""

SEARCH_SECONDS = 30
"""After which a question ends as an error, on the server as well."""

WRITE_SECONDS = 120
MERGE_SECONDS = 3600
PATIENCE = 300.0
"""Seconds for which a bulk is tried again while nothing gets through: a server may be restarted meanwhile."""

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
    # Tried again here, or not at all: the client's own tries come without a pause.
    return Elasticsearch(list(server.urls), max_retries=0, request_timeout=WRITE_SECONDS, **options)


class Cluster:
    """What is asked of one Elasticsearch. Raises EngineError for everything that goes wrong."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def _asked(self) -> Elasticsearch:
        return _client(self._server, os.getpid())

    def check(self) -> None:
        """Raises EngineError where the cluster cannot be used: version, password, room for queries."""
        with self._told("the version of its nodes"):
            answer = self._asked.nodes.info(filter_path="nodes.*.version,nodes.*.name,nodes.*.jvm,nodes.*.thread_pool")
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
        with self._told("a question"):
            answer = self._asked.options(request_timeout=SEARCH_SECONDS + 5).search(
                index=indices,
                query=query,
                timeout=f"{SEARCH_SECONDS}s",
                allow_partial_search_results=False,
                **rest,
            ).body  # fmt: skip
        shards = answer["_shards"]
        if answer["timed_out"] or shards["failed"] or shards["successful"] < shards["total"]:
            raise EngineError(
                f"Elasticsearch at {self._server} answered for {shards['successful']} of {shards['total']} shards "
                f"of {indices}{', and out of time' if answer['timed_out'] else ''}: a part is no answer"
            )
        return dict(answer)

    def count(self, indices: str, query: Mapping[str, Any]) -> int:
        answer = self.search(indices, query, size=0, track_total_hits=True)
        return int(answer["hits"]["total"]["value"])

    def bulk(self, index: str, items: Sequence[bytes]) -> None:
        """Do every item: an action and, where it has one, its document, each a line of JSON.

        What the server has no room for is sent again, alone, after pauses that grow; so is everything where it
        cannot be reached: items name their documents' ids, so that twice is once. An item that is refused
        raises EngineError.
        """
        waiting = list(items)
        late, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
        while waiting:
            left, problem = self._bulk_once(index, waiting)
            if len(left) < len(waiting):
                late, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
            if left and time.monotonic() > late:
                raise EngineError(f"Elasticsearch at {self._server} takes nothing for {PATIENCE:.0f} s: {problem}")
            if left:
                logger.info("Elasticsearch: %d of %d items wait (%s)", len(left), len(waiting), problem)
                time.sleep(SystemRandom().uniform(pause / 2, pause))
                pause = min(2 * pause, LONGEST_PAUSE)
            waiting = left

    def _bulk_once(self, index: str, items: list[bytes]) -> tuple[list[bytes], str]:
        """What has to be sent again, and why."""
        try:
            answer = self._asked.bulk(
                index=index, operations=items, filter_path="errors,items.*.status,items.*.error"  # type: ignore[arg-type]
            )  # fmt: skip
        except ApiError as error:
            if error.status_code not in BUSY:
                raise self._explained("a bulk", error) from error
            return items, f"status {error.status_code}"
        except TlsError as error:
            raise self._explained("a bulk", error) from error
        except TransportError as error:
            return items, type(error).__name__
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

    def create(self, index: str, settings: Mapping[str, Any], mappings: Mapping[str, Any]) -> None:
        """Harmless where it is there already."""
        try:
            with self._told(f"to create {index}"):
                self._asked.indices.create(index=index, settings=settings, mappings=mappings)
        except EngineError as error:
            cause = error.__cause__
            if not (isinstance(cause, ApiError) and cause.error == "resource_already_exists_exception"):
                raise

    def described(self, pattern: str) -> dict[str, Any]:
        """Name -> aliases and mapping's `_meta` of every index that the pattern covers."""
        with self._told("what there is"):
            paths = "*.aliases,*.mappings._meta"
            answer = self._asked.indices.get(index=pattern, allow_no_indices=True, filter_path=paths)
        return dict(answer)

    def note(self, index: str, meta: Mapping[str, Any]) -> None:
        """Write `_meta` of an index down."""
        with self._told(f"to note what {index} holds"):
            self._asked.indices.put_mapping(index=index, meta=meta)

    def set(self, index: str, settings: Mapping[str, Any]) -> None:
        with self._told(f"to set {index}"):
            self._asked.indices.put_settings(index=index, settings=settings)

    def point(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """Change aliases, all at once."""
        with self._told("to change aliases"):
            self._asked.indices.update_aliases(actions=actions)

    def refresh(self, index: str) -> None:
        """Let questions see what was written."""
        with self._told(f"to refresh {index}") as whole:
            whole(self._asked.indices.refresh(index=index))

    def flush(self, index: str) -> None:
        with self._told(f"to flush {index}") as whole:
            whole(self._asked.indices.flush(index=index, force=True, wait_if_ongoing=True))

    def merge(self, index: str) -> None:
        """One segment a shard; returns when that is done, which takes minutes for a large one."""
        while True:
            try:
                with self._told(f"to merge {index}") as whole:
                    asked = self._asked.options(request_timeout=MERGE_SECONDS)
                    whole(asked.indices.forcemerge(index=index, max_num_segments=1))
                    return
            except EngineError as error:
                # The merge goes on; asking again waits for it.
                if not isinstance(error.__cause__, ConnectionTimeout):
                    raise

    def bytes_of(self, indices: str) -> int:
        """What the live segments of the primaries take; the statistics of the store lag behind by ten seconds."""
        with self._told("the size of its segments"):
            answer = self._asked.indices.segments(index=indices)
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
        with self._told(f"to clone {index}"):
            answer = self._asked.indices.clone(
                index=index, target=name, settings=settings, wait_for_active_shards="all", timeout=f"{WRITE_SECONDS}s"
            )  # fmt: skip
        if not answer["shards_acknowledged"]:
            raise EngineError(f"Elasticsearch at {self._server} found no place for {name} in {WRITE_SECONDS} s")

    def delete(self, indices: Sequence[str]) -> None:
        for index in indices:
            with self._told(f"to delete {index}", absent_is_fine=True):
                self._asked.indices.delete(index=index)

    @contextmanager
    def _told(self, wish: str, *, absent_is_fine: bool = False) -> Iterator[Any]:
        """Turns what the client raises into an EngineError; gives a check that every shard did what was asked."""

        def whole(answer: Any) -> None:
            if answer["_shards"]["failed"]:
                raise EngineError(f"Elasticsearch at {self._server} failed {wish} on a shard: {answer['_shards']}")

        try:
            yield whole
        except NotFoundError as error:
            if not absent_is_fine:
                raise self._explained(wish, error) from error
        except (ApiError, TransportError) as error:
            raise self._explained(wish, error) from error

    def _explained(self, wish: str, error: ApiError | TransportError) -> EngineError:
        where = f"Elasticsearch at {self._server}"
        if isinstance(error, TransportError):
            return EngineError(f"{where} cannot be reached for {wish}: {str(error)[:MOST_REASON]}")
        if error.status_code == 401 or error.error == "security_exception":
            who = f"user {self._server.user!r}" if self._server.user else "a client without a user"
            return EngineError(
                f"{where} refuses {who} ({error.status_code}): check ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD"
            )
        body = error.body if isinstance(error.body, dict) else {}
        return EngineError(f"{where} answered {wish} with {error.status_code}: {_reason_of(body.get('error'))}")


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
