"""The guarded client against servers that drip, never end, lie or have no right to their name."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server, socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from optout.ownership.client import AnswerTooLarge, GuardedClient, Unreachable
from tests.optout.ownership.servers import HOST, Resolver, Talk, answered, client, get, local, says, server


def drips(connection: socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"x")
        time.sleep(0.02)


def drips_headers(connection: socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        connection.sendall(b"X: %d\r\n" % number)
        time.sleep(0.02)


def endless(start: bytes, piece: bytes) -> Talk:
    def talk(connection: socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return talk


@pytest.mark.parametrize("talk", [drips, drips_headers, lambda connection: time.sleep(1)])
def test_a_server_that_drips_is_left_at_the_deadline_however_steadily_it_drips(talk: Talk) -> None:
    with pytest.raises(Unreachable):
        get(talk, total_seconds=0.3)


def test_the_deadline_holds_over_redirects() -> None:
    def talk(connection: socket) -> None:
        time.sleep(0.2)
        connection.sendall(answered(b"", b"Location: /x", status=b"302 Found"))

    with pytest.raises(Unreachable):
        get(talk, total_seconds=0.5)


ENDLESS = {
    "body": (AnswerTooLarge, b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
    "chunks": (AnswerTooLarge, answered(b"", b"Transfer-Encoding: chunked"), b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "one chunk": (AnswerTooLarge, answered(b"ffffffff\r\n", b"Transfer-Encoding: chunked"), b"x" * 4096),
    "size of a chunk": (Unreachable, answered(b"", b"Transfer-Encoding: chunked"), b"0" * 4096),
    "one header": (Unreachable, b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096),
    "headers": (Unreachable, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 500),
    "continue": (AnswerTooLarge, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "no http": (Unreachable, b"", b"x" * 4096),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_answer_is_left_at_the_cap(name: str) -> None:
    error, start, piece = ENDLESS[name]
    with pytest.raises(error):
        get(endless(start, piece), total_seconds=60)


def test_the_cap_is_exact() -> None:
    assert len(get(says(answered(b"x" * 1000, b"Content-Length: 1000")), most_bytes=1000).body) == 1000
    assert len(get(says(answered(b"x" * 1000)), most_bytes=1000).body) == 1000
    for headers in ([b"Content-Length: 1001"], []):
        with pytest.raises(AnswerTooLarge):
            get(says(answered(b"x" * 1001, *headers)), most_bytes=1000)


def test_an_answer_that_says_it_is_too_large_is_not_read() -> None:
    with pytest.raises(AnswerTooLarge, match="99999999999"):
        get(says(answered(b"", b"Content-Length: 99999999999")))


@pytest.mark.parametrize(
    "content",
    [
        answered(b"short", b"Content-Length: 1000"),
        answered(b"5\r\nhe", b"Transfer-Encoding: chunked"),
        answered(b"zz\r\nhello\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
        b"",
        b"HTTP/1.1 abc\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"\xff\xfe\xfd\r\n\r\n",
    ],
    ids=["short", "cut chunk", "odd chunk", "nothing", "no status", "ssh", "many headers", "odd status", "bytes"],
)
def test_an_answer_that_is_not_whole_is_none(content: bytes) -> None:
    with pytest.raises(Unreachable):
        get(says(content))


def test_a_length_that_is_too_small_cuts_the_answer_there() -> None:
    assert get(says(answered(b"hello world", b"Content-Length: 5"))).body == b"hello"


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"deflate, gzip", b"x"])
def test_an_encoded_answer_is_refused_and_never_unpacked(encoding: bytes) -> None:
    bomb = bytes.fromhex("1f8b0800000000000003") + b"\0" * 1000
    with pytest.raises(Unreachable, match="encoding"):
        get(says(answered(bomb, b"Content-Encoding: " + encoding)))


def test_nothing_that_listens_is_unreachable() -> None:
    with server(says(b"")) as (port, _):
        pass
    with pytest.raises(Unreachable):
        client(port).get(local(port))


# --- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for HOST that nobody signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def tls_server(certificate: Path, names: list[str | None]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: names.append(name)
    listening = create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(answered(b"hello", b"Content-Length: 5"))
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


def test_tls_is_for_the_name_at_the_address_that_was_checked(certificate: Path) -> None:
    names: list[str | None] = []
    trusting = ssl.create_default_context(cafile=str(certificate))
    with tls_server(certificate, names) as port:
        origin = f"https://{HOST}:{port}"
        guarded = GuardedClient([origin], allow_private=True, resolve=Resolver(["127.0.0.1"]), tls=trusting)
        assert guarded.get(f"{origin}/x").body == b"hello"
    assert names == [HOST]


def test_a_certificate_for_another_name_or_that_nobody_trusts_is_refused(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with tls_server(certificate, []) as port:
        for host, context in (("other.example", trusting), (HOST, None)):
            origin = f"https://{host}:{port}"
            guarded = GuardedClient([origin], allow_private=True, resolve=Resolver(["127.0.0.1"]), tls=context)
            with pytest.raises(Unreachable, match="certificate verify failed"):
                guarded.get(f"{origin}/x")


def test_plain_http_behind_https_is_no_answer() -> None:
    with server(says(answered(b"hello"))) as (port, _):
        origin = f"https://{HOST}:{port}"
        with pytest.raises(Unreachable):
            GuardedClient([origin], allow_private=True, resolve=Resolver(["127.0.0.1"])).get(origin)
