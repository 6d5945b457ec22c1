"""Keys and signatures for tests: real ones by ssh-keygen, and such as it does not make."""

import base64
import hashlib
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAMESPACE = "codesteward-ownership"
SK_TYPE = "sk-ssh-ed25519@openssh.com"
USER_PRESENT = 1


@dataclass(frozen=True)
class Key:
    """A private key file, and the line of its public half without the comment."""

    path: Path
    public: str

    def sign(self, text: str, namespace: str = NAMESPACE, hash_algorithm: str = "sha512") -> str:
        """What `ssh-keygen -Y sign` writes."""
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.path)]
        command += ["-O", f"hashalg={hash_algorithm}"]
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
        return done.stdout.decode()


def make_key(folder: Path, kind: str = "ed25519", bits: int = 0) -> Key:
    path = folder / f"{kind}-{bits}-{len(list(folder.iterdir()))}"
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command + (["-b", str(bits)] if bits else []), check=True, capture_output=True)
    return Key(path, " ".join(path.with_suffix(".pub").read_text("ascii").split()[:2]))


class TokenKey:
    """A key as security tokens hold them (sk-ssh-ed25519), without the token: FIDO's way to sign."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        point = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = string(SK_TYPE) + string(point) + string("ssh:")
        self.public = f"{SK_TYPE} {base64.b64encode(self.blob).decode()}"

    def sign(self, text: str) -> str:
        counter = struct.pack(">BI", USER_PRESENT, 7)
        digests = [hashlib.sha256(part).digest() for part in (b"ssh:", signed_message(text, "sha512"))]
        signature = self._key.sign(digests[0] + counter + digests[1])
        return armor(self.blob, string(SK_TYPE) + string(signature) + counter)


def string(value: bytes | str) -> bytes:
    """A string of SSH's wire format."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(data)) + data


def signed_message(text: str, hash_algorithm: str, namespace: str = NAMESPACE) -> bytes:
    digest = hashlib.new(hash_algorithm, text.encode()).digest()
    return b"SSHSIG" + string(namespace) + string("") + string(hash_algorithm) + string(digest)


def armor(
    key: bytes,
    signature: bytes = string("ssh-ed25519") + string(bytes(64)),
    namespace: str = NAMESPACE,
    hash_algorithm: str = "sha512",
    version: int = 1,
) -> str:
    """An armored signature of these fields, good or not."""
    fields = string(key) + string(namespace) + string("") + string(hash_algorithm) + string(signature)
    return wrap(b"SSHSIG" + struct.pack(">I", version) + fields)


def wrap(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def blob_of(public: str) -> bytes:
    return base64.b64decode(public.split()[1])
