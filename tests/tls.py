"""Certificates of an authority of the tests' own, and a door that speaks TLS in front of a server that does not.

with door(authority, "http://127.0.0.1:9200") as url:
    ...  # https://localhost:PORT, trusted by who trusts authority.file
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "localhost"
TLS = {"http": "https", "redis": "rediss"}


@dataclass(frozen=True, slots=True)
class Authority:
    """`file` is what has to be trusted; `server` holds the certificate of HOST with its key."""

    file: Path
    server: Path


def authority(folder: Path, name: str = "Tests") -> Authority:
    """One that nobody trusts who is not told to."""
    folder.mkdir(parents=True, exist_ok=True)
    own, theirs = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    whose, host = _name(f"{name} Authority"), _name(HOST)
    root = (
        _certificate(whose, whose, own.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .sign(own, hashes.SHA256())
    )
    leaf = (
        _certificate(host, whose, theirs.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False)
        .sign(own, hashes.SHA256())
    )
    made = Authority(folder / "authority.pem", folder / "server.pem")
    made.file.write_bytes(_pem(root))
    key = theirs.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made.server.write_bytes(_pem(leaf) + key)
    return made


@contextmanager
def door(trusted: Authority, target: str) -> Iterator[str]:
    """The URL at which `target` is reached by TLS."""
    url = urlsplit(target)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted.server)
    listener = socket.create_server(("127.0.0.1", 0))
    address = (url.hostname or "", url.port or 0)
    threading.Thread(target=_let_in, args=(listener, context, address), daemon=True).start()
    try:
        port = listener.getsockname()[1]
        yield url._replace(scheme=TLS[url.scheme], netloc=f"{HOST}:{port}").geturl()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _let_in(listener: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    with suppress(OSError):
        while True:
            guest, _ = listener.accept()
            threading.Thread(target=_serve, args=(guest, context, target), daemon=True).start()


def _serve(guest: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    """Who does not trust the certificate says so and goes."""
    with (
        suppress(OSError),
        guest,
        socket.create_connection(target) as server,
        context.wrap_socket(guest, server_side=True) as safe,
    ):
        back = threading.Thread(target=_pass, args=(server, safe), daemon=True)
        back.start()
        _pass(safe, server)
        back.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(2**16):
            target.sendall(piece)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs, crl_sign=signs, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
