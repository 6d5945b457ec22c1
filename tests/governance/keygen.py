"""The real ssh-keygen, and the keys of RFC 8032 (section 7.1, tests 1 and 2), for tests."""

import base64
import struct
import subprocess
from pathlib import Path

from governance.signing import SigningKey


def keygen(*arguments: str | Path, message: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *arguments], input=message, capture_output=True, check=False)


def made(path: Path, *options: str) -> Path:
    """A key file made by ssh-keygen."""
    done = keygen("-q", "-C", "ada@example.org", "-f", path, *options)
    assert done.returncode == 0, done.stderr
    return path


def of_seed(seed: str, public: str) -> SigningKey:
    """The key file of a seed, whose layout is written down here a second time."""

    def string(value: bytes) -> bytes:
        return struct.pack(">I", len(value)) + value

    blob = string(b"ssh-ed25519") + string(bytes.fromhex(public))
    private = b"\1\2\3\4" * 2 + blob + string(bytes.fromhex(seed + public)) + string(b"")
    private += bytes(range(1, 1 + -len(private) % 8))
    head = b"openssh-key-v1\0" + string(b"none") * 2 + string(b"") + struct.pack(">I", 1)
    text = base64.b64encode(head + string(blob) + string(private)).decode()
    return SigningKey.from_openssh(
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----\n".encode()
    )


KEY = of_seed(
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
)
OTHER = of_seed(
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
)
