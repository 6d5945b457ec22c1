"""What an SSH signature says of itself, before anything is verified: OpenSSH's PROTOCOL.sshsig, version 1.

Reading only. That the signature is good is for ssh-keygen to say.
"""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

BEGIN = "-----BEGIN SSH SIGNATURE-----"
END = "-----END SSH SIGNATURE-----"
MAGIC = b"SSHSIG"
VERSION = 1


@dataclass(frozen=True, slots=True)
class SshSignature:
    """The fields of one signature; the key is the blob that follows the type in a public key file."""

    blob: bytes
    key: bytes
    namespace: str
    hash_algorithm: str
    algorithm: str

    @property
    def key_type(self) -> str:
        return key_type(self.key)

    @property
    def armored(self) -> str:
        """As ssh-keygen writes it: 70 letters a line."""
        text = base64.b64encode(self.blob).decode("ascii")
        lines = [text[at : at + 70] for at in range(0, len(text), 70)]
        return "\n".join([BEGIN, *lines, END, ""])


def parse_signature(text: str) -> SshSignature:
    """Exactly one armored signature, white space around it allowed; raises ValueError that says what is wrong."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) < 3 or lines[0] != BEGIN or lines[-1] != END:
        raise ValueError("it does not begin and end with the lines that mark one")
    if any("-" in line for line in lines[1:-1]):
        raise ValueError("there is more than one signature in it")
    try:
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64 between its first and last line") from None
    return _read(blob)


def _read(blob: bytes) -> SshSignature:
    if not blob.startswith(MAGIC):
        raise ValueError("its content is something else")
    fields = _Fields(blob[len(MAGIC) :])
    if fields.number() != VERSION:
        raise ValueError("it has a version that is not known")
    key, namespace, _reserved, hash_algorithm, signature = (fields.string() for _ in range(5))
    fields.end()
    inner = _Fields(signature)
    return SshSignature(blob, _checked(key), _text(namespace), _text(hash_algorithm), _text(inner.string()))


def key_type(key: bytes) -> str:
    """The type that a key blob begins with; raises ValueError."""
    return _text(_Fields(key).string())


def rsa_bits(key: bytes) -> int:
    """The length of the modulus of an ssh-rsa key blob; raises ValueError."""
    fields = _Fields(key)
    _type, _exponent, modulus = fields.string(), fields.string(), fields.string()
    fields.end()
    return int.from_bytes(modulus, "big").bit_length()


def fingerprint(key: bytes) -> str:
    """As ssh-keygen -l prints it: SHA256 and base64 without padding."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(key).digest()).decode('ascii').rstrip('=')}"


def parse_public_key(line: str) -> bytes:
    """The blob of a public key as forges publish it, `type base64` and perhaps a comment; raises ValueError."""
    words = line.split()
    if len(words) < 2:
        raise ValueError("a public key has a type and a value")
    try:
        key = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the value of a public key is base64") from None
    if key_type(key) != words[0]:
        raise ValueError("a public key is of another type than it says")
    return key


def _checked(key: bytes) -> bytes:
    key_type(key)
    return key


def _text(value: bytes) -> str:
    """Printable ASCII without blanks: nothing that could break a line of the file that ssh-keygen reads."""
    text = value.decode("ascii", "replace")
    if not text or not all("!" <= letter <= "~" for letter in text):
        raise ValueError("one of its names is empty or holds odd characters")
    return text


class _Fields:
    """The fields of SSH's wire format, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        return int(struct.unpack(">I", self._take(4))[0])

    def string(self) -> bytes:
        return self._take(self.number())

    def end(self) -> None:
        if self._at != len(self._data):
            raise ValueError("there is something after its end")

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("it is cut short")
        self._at += count
        return taken
