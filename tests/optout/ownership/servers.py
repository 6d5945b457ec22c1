"""Servers that do what they are told, and clients of them."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from socket import create_server, socket

from optout.ownership.client import Answer, GuardedClient

HOST = "api.forge.example"
Talk = Callable[[socket], None]


@contextmanager
def server(talk: Talk, address: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[int, list[bytes]]]:
    """A server that reads a request and then does what it is told; yields its port and the requests."""
    requests: list[bytes] = []
    listening = create_server((address, port))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=[connection], daemon=True).start()

    def answer(connection: socket) -> None:
        with connection:
            try:
                requests.append(connection.recv(65536))
                talk(connection)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1], requests
    finally:
        listening.close()


def says(content: bytes) -> Talk:
    return lambda connection: connection.sendall(content)


def answered(content: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"", content])


def local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def client(port: int, **options: float) -> GuardedClient:
    return GuardedClient([local(port)], allow_private=True, **options)  # type: ignore[arg-type]


def get(talk: Talk, path: str = "/x", **options: float) -> Answer:
    with server(talk) as (port, _):
        return client(port, **options).get(local(port) + path)


class Resolver:
    """Answers with one list of addresses after the other, and counts."""

    def __init__(self, *answers: Collection[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> Collection[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]
