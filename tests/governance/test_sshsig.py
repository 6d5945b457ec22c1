"""SSH signatures: ssh-keygen and we agree on every byte, in both directions."""

import base64
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.signing import PublicKey, SignatureError, SigningKey, sshsig, sshsig_verify
from tests.governance.keygen import KEY, OTHER, keygen, made

NAMESPACE = "codesteward-exclusion-list"
MESSAGE = b'{"format":1}\n'


def verified(folder: Path, message: bytes, armored: str, namespace: str, public: PublicKey) -> bool:
    """By ssh-keygen, as a reader of a list would."""
    (folder / "allowed").write_text(f"steward {public.to_openssh()}\n")
    (folder / "signature").write_text(armored)
    return (
        keygen(
            "-Y", "verify", "-f", folder / "allowed", "-I", "steward", "-n", namespace, "-s", folder / "signature",
            message=message,
        ).returncode
        == 0
    )  # fmt: skip


def test_ssh_keygen_accepts_our_signatures_and_refuses_what_they_do_not_cover(tmp_path: Path) -> None:
    armored = sshsig(MESSAGE, NAMESPACE, KEY)
    assert verified(tmp_path, MESSAGE, armored, NAMESPACE, KEY.public)
    assert not verified(tmp_path, MESSAGE + b" ", armored, NAMESPACE, KEY.public)
    assert not verified(tmp_path, MESSAGE, armored, "file", KEY.public)
    assert not verified(tmp_path, MESSAGE, armored, NAMESPACE, OTHER.public)


def signed_by_keygen(key: Path, message: bytes, *options: str) -> str:
    path = key.with_name("message")
    path.write_bytes(message)
    path.with_name("message.sig").unlink(missing_ok=True)
    done = keygen("-Y", "sign", "-q", "-f", key, "-n", NAMESPACE, *options, path)
    assert done.returncode == 0, done.stderr
    return path.with_name("message.sig").read_text()


@pytest.mark.parametrize("hashed", ["sha512", "sha256"])
def test_the_signatures_of_ssh_keygen_are_accepted(ed25519: Path, hashed: str) -> None:
    public = SigningKey.from_openssh(ed25519.read_bytes()).public
    armored = signed_by_keygen(ed25519, MESSAGE, "-O", f"hashalg={hashed}")
    assert sshsig_verify(MESSAGE, armored, NAMESPACE, [OTHER.public, public]) == public
    assert sshsig_verify(MESSAGE, armored.replace("\n", "\r\n"), NAMESPACE, [public]) == public


def test_ours_are_byte_for_byte_those_of_ssh_keygen(ed25519: Path) -> None:
    key = SigningKey.from_openssh(ed25519.read_bytes())
    for message in (b"", MESSAGE, b"\0" * 10_000):
        assert sshsig(message, NAMESPACE, key) == signed_by_keygen(ed25519, message)


def test_a_signature_by_another_kind_of_key_is_refused_by_name(tmp_path: Path) -> None:
    armored = signed_by_keygen(made(tmp_path / "key", "-t", "rsa", "-b", "2048", "-N", ""), MESSAGE)
    with pytest.raises(SignatureError, match="the key of the signature is of type ssh-rsa"):
        sshsig_verify(MESSAGE, armored, NAMESPACE, [KEY.public])


def test_a_signature_for_something_else_is_refused_with_the_reason() -> None:
    armored = sshsig(MESSAGE, NAMESPACE, KEY)
    with pytest.raises(SignatureError, match="is not one of key SHA256"):
        sshsig_verify(MESSAGE + b"\n", armored, NAMESPACE, [KEY.public])
    with pytest.raises(SignatureError, match="is for namespace 'codesteward-exclusion-list', not 'file'"):
        sshsig_verify(MESSAGE, armored, "file", [KEY.public])
    with pytest.raises(SignatureError, match=r"is by key SHA256:.*, which is not trusted"):
        sshsig_verify(MESSAGE, armored, NAMESPACE, [OTHER.public])
    with pytest.raises(SignatureError, match="there is no trusted key"):
        sshsig_verify(MESSAGE, armored, NAMESPACE, [])


def parts_of(armored: str) -> list[bytes]:
    """Magic and version; then key, namespace, reserved, hash, signature."""
    data = base64.b64decode("".join(armored.split("\n")[1:-2]))
    parts, place = [data[:10]], 10
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        parts.append(data[place + 4 : place + 4 + length])
        place += 4 + length
    return parts


def armor(parts: list[bytes]) -> str:
    blob = parts[0] + b"".join(struct.pack(">I", len(part)) + part for part in parts[1:])
    return f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(blob).decode()}\n-----END SSH SIGNATURE-----\n"


def test_a_changed_byte_in_any_field_of_a_signature_is_refused() -> None:
    parts = parts_of(sshsig(MESSAGE, NAMESPACE, KEY))
    assert [len(part) for part in parts] == [10, 51, len(NAMESPACE), 0, 6, 83]
    assert sshsig_verify(MESSAGE, armor(parts), NAMESPACE, [KEY.public]) == KEY.public
    for field, part in enumerate(parts):
        for place in range(len(part)):
            for flip in (0x01, 0x80):
                wrong = bytearray(part)
                wrong[place] ^= flip
                with pytest.raises(SignatureError):
                    sshsig_verify(
                        MESSAGE, armor([*parts[:field], bytes(wrong), *parts[field + 1 :]]), NAMESPACE, [KEY.public]
                    )


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        (0, b"SSHSIG\0\0\0\2", "is of version 2"),
        (0, b"SSHSIH\0\0\0\1", "is not an SSH signature"),
        (3, b"reserved", "is not one of key"),
        (4, b"sha1", "is over the hash 'sha1', not sha256 or sha512"),
        (4, b"sha256", "is not one of key"),
        (5, b"\0\0\0\7ssh-rsa\0\0\0\1x", "is of type ssh-rsa"),
        (5, b"\0\0\0\x0bssh-ed25519\0\0\0\x40" + b"x" * 63, "is truncated"),
    ],
)
def test_a_field_of_another_value_is_refused_by_name(field: int, value: bytes, problem: str) -> None:
    parts = parts_of(sshsig(MESSAGE, NAMESPACE, KEY))
    parts[field] = value
    with pytest.raises(SignatureError, match=f"the signature {problem}"):
        sshsig_verify(MESSAGE, armor(parts), NAMESPACE, [KEY.public])


@pytest.mark.parametrize("extra", [b"", b"\0", b"\0\0\0\0"])
def test_a_signature_has_an_end(extra: bytes) -> None:
    parts = parts_of(sshsig(MESSAGE, NAMESPACE, KEY))
    if extra:
        inside = [*parts[:5], parts[5] + extra]
        with pytest.raises(SignatureError, match="goes on after its end"):
            sshsig_verify(MESSAGE, armor(inside), NAMESPACE, [KEY.public])
    with pytest.raises(SignatureError, match=r"goes on after its end|is truncated"):
        sshsig_verify(MESSAGE, armor([*parts, extra]), NAMESPACE, [KEY.public])


@settings(deadline=None)
@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda blob: armor([b"SSHSIG\0\0\0\1", blob, blob])))
def test_whatever_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(SignatureError):
        sshsig_verify(MESSAGE, text, NAMESPACE, [KEY.public])


def test_a_signature_names_what_it_is_for() -> None:
    with pytest.raises(ValueError, match="namespace: must not be empty"):
        sshsig(MESSAGE, "", KEY)
