"""The one way out: GET requests to configured hosts, and to no address that is not public.

A name is resolved once for each call, every address it has is checked, and the connection goes to that very
address, so a resolver that changes its mind has no second say. Bytes and seconds are bounded over the whole call,
redirects included. No proxy, no cookies, no compression, no connection that is used twice.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from io import BufferedReader, RawIOBase
from typing import Any, TypeVar
from urllib.parse import urljoin

from optout.ownership.addresses import Origin, is_private, is_public, parse_origin, split_url

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0
MOST_BYTES = 2**18
MOST_REDIRECTS = 3
MOST_URL = 2000
USER_AGENT = "codesteward"
REDIRECTS = frozenset({301, 302, 307, 308})

T = TypeVar("T")
Resolve = Callable[[str, int], Collection[str]]
"""Host and port -> IP addresses as text; raises OSError where there are none."""


class ClientError(Exception):
    """The request was not made, or brought no answer. The message is for operators."""


class NotAllowed(ClientError):
    """A URL, a redirect or an address that this client does not go to."""


class AnswerTooLarge(ClientError):
    pass


class Unreachable(ClientError):
    """No connection, no trusted certificate, no whole HTTP answer, or not in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`url` is where the answer came from, after redirects."""

    status: int
    url: str
    body: bytes


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order of the system."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


@cache
def system_trust() -> ssl.SSLContext:
    """TLS 1.2 or newer, and the certificates that the system trusts; reading those takes a while."""
    return ssl.create_default_context()


class _Deadline:
    """Seconds that are left of a whole call."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """More than 0; TimeoutError where nothing is left."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("no whole answer in time")
        return seconds


class _Received(RawIOBase):
    """What a socket receives, up to a number of bytes and a deadline, however slowly it drips."""

    def __init__(self, connection: socket.socket, deadline: _Deadline, most: int) -> None:
        self._connection, self._deadline, self._left = connection, deadline, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # typeshed asks for a buffer type that 3.11 cannot name
        self._connection.settimeout(self._deadline.left())
        received = self._connection.recv_into(buffer)
        self._left -= received
        if self._left < 0:
            raise AnswerTooLarge("the answer is larger than is read")
        return received


class _Bounded:
    """The part of a socket that http.client uses."""

    def __init__(self, connection: socket.socket, deadline: _Deadline, most: int) -> None:
        self._connection, self._deadline, self._most = connection, deadline, most

    def makefile(self, mode: str) -> BufferedReader:
        return BufferedReader(_Received(self._connection, self._deadline, self._most))

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(data)

    def close(self) -> None:
        """http.client closes before it has read; who made the connection closes it after."""


class GuardedClient:
    """Asks the given origins (`https://host`, `https://host:port`) and nobody else."""

    def __init__(
        self,
        origins: Collection[str],
        *,
        allow_private: bool = False,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """`allow_private` is for development and tests: http, and addresses of this machine and its network.

        Raises ValueError that names an origin that is none.
        """
        parsed = [parse_origin(origin, allow_private=allow_private) for origin in origins]
        self._origins = {(origin.scheme, origin.netloc): origin for origin in parsed}
        self._allow_private = allow_private
        self._resolve = resolve
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._most_bytes = most_bytes

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, redirects: int = MOST_REDIRECTS) -> Answer:
        """The answer, whatever its status; redirects are followed within the origin, up to `redirects` of them.

        With `redirects=0` a redirect is an answer like any other. Raises ClientError.
        """
        deadline = _Deadline(self._total_seconds)
        try:
            origin, target = self._target(url)
            addresses = self._addresses(origin, deadline)
            for _ in range(redirects + 1):
                answer, location = self._ask(origin, addresses, target, headers or {}, deadline)
                if not redirects or answer.status not in REDIRECTS:
                    return answer
                target = self._redirected(origin, answer.url, location)
        except (OSError, HTTPException, ValueError) as error:
            # http.client raises ValueError where an answer is no HTTP in some of its ways.
            raise Unreachable(f"{url[:200]}: {error or type(error).__name__}") from error
        raise NotAllowed(f"{url[:200]}: redirects more than {redirects} times")

    def _target(self, url: str) -> tuple[Origin, str]:
        """Where to connect, and what to ask for there.

        The host is compared as it is written: no other spelling, user, zone or port is among the origins.
        """
        try:
            parts = split_url(url)
        except ValueError as error:
            raise NotAllowed(str(error)) from None
        origin = self._origins.get((parts.scheme, parts.netloc.lower()))
        if origin is None or "#" in url or len(url) > MOST_URL:
            raise NotAllowed(f"{url[:200]!r}: is not an address that is asked")
        return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _redirected(self, origin: Origin, url: str, location: str | None) -> str:
        there, target = self._target(urljoin(url, location or "//"))
        if there != origin:
            raise NotAllowed(f"{url[:200]}: redirects to another host")
        return target

    def _addresses(self, origin: Origin, deadline: _Deadline) -> list[str]:
        found = _within(deadline.left(), lambda: list(self._resolve(origin.host, origin.port)))
        refused = [address for address in found if not self._may_connect(address)]
        if refused:
            raise NotAllowed(f"{origin.host} has the address {refused[0]}, which is not public")
        if not found:
            raise Unreachable(f"{origin.host} has no address")
        return found

    def _may_connect(self, address: str) -> bool:
        return is_public(address) or (self._allow_private and is_private(address))

    def _ask(
        self, origin: Origin, addresses: list[str], target: str, headers: Mapping[str, str], deadline: _Deadline
    ) -> tuple[Answer, str | None]:
        with self._connect(origin, addresses, deadline) as connection:
            http = HTTPConnection(origin.host, origin.port)
            # Bytes of the headers count as well: there is no other bound on them than their number.
            http.sock = _Bounded(connection, deadline, self._most_bytes + 2**16)
            http.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
            ours = {"Host": origin.netloc, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
            for name, value in {**headers, **ours, "Connection": "close"}.items():
                http.putheader(name, value)
            http.endheaders()
            with http.getresponse() as response:
                if response.getheader("Content-Encoding", "identity").lower() != "identity":
                    raise Unreachable(f"{origin}{target}: answers in an encoding that was not asked for")
                body = self._body(response)
                answer = Answer(response.status, f"{origin}{target}", body)
                return answer, response.getheader("Location")

    def _connect(self, origin: Origin, addresses: list[str], deadline: _Deadline) -> socket.socket:
        """A connection to the first of the addresses that takes one, under TLS for the name where it is https."""
        connecting = _Deadline(self._connect_seconds)
        last = OSError("no address")
        for address in addresses:
            try:
                plain = socket.create_connection((address, origin.port), min(connecting.left(), deadline.left()))
            except OSError as error:
                last = error
                continue
            if origin.scheme == "http":
                return plain
            try:
                plain.settimeout(deadline.left())
                return (self._tls or system_trust()).wrap_socket(plain, server_hostname=origin.host)
            except BaseException:
                plain.close()
                raise
        raise last

    def _body(self, response: Any) -> bytes:  # http.client's HTTPResponse
        if (response.length or 0) > self._most_bytes:
            raise AnswerTooLarge(f"the answer has {response.length} bytes, {self._most_bytes} are read at most")
        body: bytes = response.read(self._most_bytes + 1)
        if len(body) > self._most_bytes:
            raise AnswerTooLarge(f"the answer has more than {self._most_bytes} bytes")
        if response.length:
            raise Unreachable(f"the answer ends {response.length} bytes early")
        return body


def _within(seconds: float, call: Callable[[], T]) -> T:
    """What the call returns or raises; TimeoutError where it takes longer. The system's resolver has no limit."""
    outcome: queue.SimpleQueue[T | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(call())
        except BaseException as error:
            outcome.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        result = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("no address in time") from None
    if isinstance(result, BaseException):
        raise result
    return result
