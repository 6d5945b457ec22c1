"""Ed25519 signatures in the formats others check: raw, DSSE v1 and SSHSIG; keys as OpenSSH files.

Pure, and the home of `cryptography`. Everything signed here is deterministic: same input, same bytes.
Ed25519 is RFC 8032; DSSE is https://github.com/secure-systems-lab/dsse version 1; SSHSIG is OpenSSH's PROTOCOL.sshsig.
"""

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

KEY_TYPE = "ssh-ed25519"
KEY_BYTES = 32
SIGNATURE_BYTES = 64
MOST_SIGNATURES = 16
"""Signatures of one envelope that are looked at; more are refused, since each costs a verification per trusted key."""

ARMOR_BEGIN = "-----BEGIN SSH SIGNATURE-----"
ARMOR_END = "-----END SSH SIGNATURE-----"
PRIVATE_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
PRIVATE_END = "-----END OPENSSH PRIVATE KEY-----"
LINE_LENGTH = 70
BLOCK_LENGTH = 8
PRIVATE_MAGIC = b"openssh-key-v1\0"
SSHSIG_MAGIC = b"SSHSIG"
SSHSIG_VERSION = 1

HASHES: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda message: hashlib.sha256(message).digest(),
    "sha512": lambda message: hashlib.sha512(message).digest(),
}
"""The two that SSHSIG knows; ours are made with sha512."""


class SignatureError(Exception):
    """A key that cannot be used or a signature that does not hold; the message says which part is at fault."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key: 32 raw bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise SignatureError(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(self.raw)}")

    @classmethod
    def from_openssh(cls, line: str) -> Self:
        """Read `ssh-ed25519 AAAA... comment`, the text of a `.pub` file; SignatureError where it is anything else."""
        if PRIVATE_BEGIN in line:
            raise SignatureError("the public key is a private key: give the file that ends in .pub")
        words = line.split(maxsplit=2)
        if len(words) < 2 or len(line.strip().splitlines()) != 1:
            raise SignatureError("the public key must be one line: type, base64, comment")
        if words[0] != KEY_TYPE:
            raise SignatureError(f"the public key is of type {words[0][:40]}, only {KEY_TYPE} can be used")
        return cls._from_blob(_unbase64(words[1], "the public key"), "the public key")

    @classmethod
    def _from_blob(cls, blob: bytes, what: str) -> Self:
        wire = _Wire(blob, what)
        if (kind := wire.text()) != KEY_TYPE:
            raise SignatureError(f"{what} is of type {kind[:40]}, only {KEY_TYPE} can be used")
        key = cls(wire.string())
        wire.end()
        return key

    @property
    def blob(self) -> bytes:
        """The key as SSH sends it: RFC 8709 section 4."""
        return _string(KEY_TYPE.encode()) + _string(self.raw)

    @property
    def key_id(self) -> str:
        """OpenSSH's fingerprint: `SHA256:` and 43 characters of base64."""
        return "SHA256:" + _base64(hashlib.sha256(self.blob).digest()).rstrip("=")

    def to_openssh(self, comment: str = "") -> str:
        """One line without its end: `ssh-ed25519 AAAA... comment`."""
        return f"{KEY_TYPE} {_base64(self.blob)} {_one_line(comment)}".rstrip()

    def verify(self, message: bytes, signature: bytes) -> None:
        """Raises SignatureError unless `signature` (64 bytes) is this key's, over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            raise SignatureError(f"the signature is not one of key {self.key_id} over this message") from None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 private key. Its text is told by `to_openssh` and nothing else."""

    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_openssh(cls, text: bytes) -> Self:
        """Read an OpenSSH private key file (`ssh-keygen -t ed25519 -N ""`).

        SignatureError for a passphrase, another type of key, another format, or damage.
        """
        if b"PRIVATE KEY-----" in text and PRIVATE_BEGIN.encode() not in text:
            raise SignatureError("the private key is in PEM format, not OpenSSH's: make one with ssh-keygen -t ed25519")
        try:
            key = load_ssh_private_key(text, password=None)
        except TypeError:
            raise SignatureError('the private key has a passphrase: take it off (ssh-keygen -p -N "")') from None
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SignatureError(f"the private key cannot be read as an OpenSSH private key ({error})") from None
        if not isinstance(key, Ed25519PrivateKey):
            name = type(key).__name__.removesuffix("PrivateKey")
            raise SignatureError(f"the private key is of type {name}, only Ed25519 can be used")
        return cls(key)

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same for the same message."""
        return self._key.sign(message)

    def to_openssh(self, comment: str = "") -> bytes:
        """The file as ssh-keygen writes one without a passphrase (OpenSSH's PROTOCOL.key); for its owner's eyes."""
        public = self.public
        # ssh-keygen takes random check numbers; they only tell a wrong passphrase, of which there is none.
        check = hashlib.sha256(public.blob).digest()[:4] * 2
        secret = _string(self._key.private_bytes_raw() + public.raw)
        private = check + public.blob + secret + _string(_one_line(comment).encode("utf-8"))
        private += bytes(range(1, 1 + -len(private) % BLOCK_LENGTH))
        head = PRIVATE_MAGIC + _string(b"none") + _string(b"none") + _string(b"") + struct.pack(">I", 1)
        return _armored(head + _string(public.blob) + _string(private), PRIVATE_BEGIN, PRIVATE_END).encode("ascii")


# --- DSSE -------------------------------------------------------------------------------------------


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed in place of the payload."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def dsse_sign(payload_type: str, payload: bytes, keys: Sequence[SigningKey]) -> bytes:
    """The JSON envelope, one line, signatures in the order of `keys`; ValueError without a key."""
    if not keys:
        raise ValueError("keys: an envelope needs at least one")
    message = pae(payload_type, payload)
    signatures = [{"keyid": key.public.key_id, "sig": _base64(key.sign(message))} for key in keys]
    envelope = {"payload": _base64(payload), "payloadType": payload_type, "signatures": signatures}
    return json.dumps(envelope, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8") + b"\n"


def dsse_open(envelope: bytes, payload_type: str, trusted: Collection[PublicKey]) -> bytes:
    """The payload, where it is of `payload_type` and at least one of `trusted` signed it; SignatureError otherwise.

    Key ids are hints that nobody signed, so they are not looked at; signatures by other keys do no harm.
    """
    fields = _envelope(envelope)
    if fields["payloadType"] != payload_type:
        raise SignatureError(f"payloadType is {str(fields['payloadType'])[:100]!r}, not {payload_type!r}")
    payload = _unbase64(fields["payload"], "payload")
    message = pae(payload_type, payload)
    signatures = list(_signatures(fields["signatures"]))
    if not any(_holds(key, message, signature) for signature in signatures for key in trusted):
        raise SignatureError(f"signatures: none of {len(signatures)} is by a trusted key ({_named(trusted)})")
    return payload


def _envelope(envelope: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(envelope)
    except (ValueError, RecursionError):
        raise SignatureError("the envelope is not JSON") from None
    if not isinstance(fields, dict):
        raise SignatureError("the envelope is not a JSON object")
    for name in ("payload", "payloadType", "signatures"):
        if name not in fields:
            raise SignatureError(f"the envelope has no {name}")
    return fields


def _signatures(items: Any) -> Iterator[bytes]:  # whatever JSON the envelope holds there
    if not isinstance(items, list) or len(items) > MOST_SIGNATURES:
        raise SignatureError(f"signatures must be a list of at most {MOST_SIGNATURES}")
    for place, item in enumerate(items):
        if not isinstance(item, dict) or "sig" not in item:
            raise SignatureError(f"signatures[{place}] has no sig")
        yield _unbase64(item["sig"], f"signatures[{place}].sig")


def _holds(key: PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(message, signature)
    except SignatureError:
        return False
    return True


def _named(keys: Collection[PublicKey]) -> str:
    return ", ".join(sorted(key.key_id for key in keys)) or "there is no trusted key"


# --- SSHSIG -----------------------------------------------------------------------------------------


def sshsig(message: bytes, namespace: str, key: SigningKey) -> str:
    """What `ssh-keygen -Y sign -n NAMESPACE` writes, armored; ValueError without a namespace."""
    if not namespace:
        raise ValueError("namespace: must not be empty")
    signature = _string(KEY_TYPE.encode()) + _string(key.sign(_sshsig_message(message, namespace, b"", "sha512")))
    parts = (key.public.blob, namespace.encode("utf-8"), b"", b"sha512", signature)
    blob = SSHSIG_MAGIC + struct.pack(">I", SSHSIG_VERSION) + b"".join(_string(part) for part in parts)
    return _armored(blob, ARMOR_BEGIN, ARMOR_END)


def sshsig_verify(message: bytes, armored: str, namespace: str, trusted: Collection[PublicKey]) -> PublicKey:
    """The trusted key that signed `message` under `namespace`; SignatureError otherwise.

    Ed25519 with sha512 or sha256, as `ssh-keygen -Y sign` makes it.
    """
    wire = _Wire(_unarmored(armored), "the signature")
    if wire.take(len(SSHSIG_MAGIC)) != SSHSIG_MAGIC:
        raise SignatureError("the signature is not an SSH signature")
    if (version := wire.number()) != SSHSIG_VERSION:
        raise SignatureError(f"the signature is of version {version}, only {SSHSIG_VERSION} is known")
    key = PublicKey._from_blob(wire.string(), "the key of the signature")
    if (given := wire.text()) != namespace:
        raise SignatureError(f"the signature is for namespace {given[:100]!r}, not {namespace!r}")
    reserved, hash_name, signature = wire.string(), wire.text(), _Wire(wire.string(), "the signature")
    wire.end()
    if hash_name not in HASHES:
        raise SignatureError(f"the signature is over the hash {hash_name[:40]!r}, not {' or '.join(HASHES)}")
    if key not in trusted:
        raise SignatureError(f"the signature is by key {key.key_id}, which is not trusted ({_named(trusted)})")
    if (kind := signature.text()) != KEY_TYPE:
        raise SignatureError(f"the signature is of type {kind[:40]}, only {KEY_TYPE} can be used")
    key.verify(_sshsig_message(message, namespace, reserved, hash_name), signature.string())
    signature.end()
    return key


def _sshsig_message(message: bytes, namespace: str, reserved: bytes, hash_name: str) -> bytes:
    parts = (namespace.encode("utf-8"), reserved, hash_name.encode("ascii"), HASHES[hash_name](message))
    return SSHSIG_MAGIC + b"".join(_string(part) for part in parts)


def _armored(blob: bytes, begin: str, end: str) -> str:
    text = _base64(blob)
    lines = [text[place : place + LINE_LENGTH] for place in range(0, len(text), LINE_LENGTH)]
    return "\n".join([begin, *lines, end, ""])


def _unarmored(armored: str) -> bytes:
    lines = armored.split()
    text = " ".join(lines)
    if not (text.startswith(ARMOR_BEGIN) and text.endswith(ARMOR_END)):
        raise SignatureError(f"the signature must stand between {ARMOR_BEGIN} and {ARMOR_END}")
    return _unbase64(text[len(ARMOR_BEGIN) : -len(ARMOR_END)].replace(" ", ""), "the signature")


# --- Encodings --------------------------------------------------------------------------------------


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


class _Wire:
    """A reader of SSH's binary encoding (RFC 4251 section 5); SignatureError where it ends too early or too late."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self._place = 0

    def take(self, length: int) -> bytes:
        piece = self._data[self._place : self._place + length]
        if len(piece) < length:
            raise SignatureError(f"{self._what} is truncated")
        self._place += length
        return piece

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.string().decode("utf-8", "replace")

    def end(self) -> None:
        if self._place != len(self._data):
            raise SignatureError(f"{self._what} goes on after its end")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _unbase64(text: Any, what: str) -> bytes:
    """Standard or URL-safe alphabet, padded, and no spelling but the one that encoding gives."""
    if not isinstance(text, str):
        raise SignatureError(f"{what} is not text")
    plain = text.replace("-", "+").replace("_", "/")
    try:
        value = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError(f"{what} is not base64") from None
    if _base64(value) != plain:
        raise SignatureError(f"{what} is not canonical base64")
    return value


def _one_line(comment: str) -> str:
    if not comment.isprintable():
        raise ValueError("comment: must be one line of printable characters")
    return comment
