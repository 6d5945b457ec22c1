"""Reading SSH signatures and keys: what ssh-keygen wrote, and whatever else somebody sends."""

import base64
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout.ownership.sshsig import fingerprint, key_type, parse_public_key, parse_signature, rsa_bits
from tests.optout.ownership.conftest import MakeKey
from tests.optout.ownership.ssh_keys import NAMESPACE, armor, blob_of, string, wrap


@pytest.mark.parametrize(
    ("kind", "bits", "key_name", "algorithm"),
    [
        ("ed25519", 0, "ssh-ed25519", "ssh-ed25519"),
        ("ecdsa", 256, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
        ("rsa", 2048, "ssh-rsa", "rsa-sha2-512"),
    ],
)
def test_a_signature_of_ssh_keygen_is_read_whole(
    make: MakeKey, kind: str, bits: int, key_name: str, algorithm: str
) -> None:
    key = make(kind, bits)
    text = key.sign("hello", hash_algorithm="sha256")
    signature = parse_signature(text)
    assert (signature.key, signature.key_type) == (blob_of(key.public), key_name)
    assert (signature.namespace, signature.hash_algorithm, signature.algorithm) == (NAMESPACE, "sha256", algorithm)
    assert signature.armored == text


@pytest.mark.parametrize("bits", [1024, 2048, 3072])
def test_the_length_of_an_rsa_key_and_its_fingerprint_are_those_of_ssh_keygen(make: MakeKey, bits: int) -> None:
    key = make("rsa", bits)
    told = subprocess.run(["ssh-keygen", "-l", "-f", str(key.path)], capture_output=True, check=True).stdout.decode()
    assert told.split()[:2] == [str(rsa_bits(blob_of(key.public))), fingerprint(blob_of(key.public))]


@given(st.integers(min_value=1, max_value=2**4096))
def test_the_length_of_a_modulus_cannot_be_padded(modulus: int) -> None:
    plain = modulus.to_bytes((modulus.bit_length() + 8) // 8, "big")
    for padding in (b"", b"\0" * 300):
        assert rsa_bits(string("ssh-rsa") + string(b"\3") + string(padding + plain)) == modulus.bit_length()


@given(
    st.text() | st.binary().map(wrap) | st.binary().map(lambda data: wrap(b"SSHSIG" + data)) | st.binary().map(armor)
)
def test_no_text_is_a_crash(text: str) -> None:
    try:
        signature = parse_signature(text)
    except ValueError:
        return
    assert parse_signature(signature.armored) == signature


@given(st.data())
def test_a_signature_that_is_cut_anywhere_is_none(data: st.DataObject) -> None:
    text = armor(string("ssh-ed25519") + string(bytes(32)))
    blob = base64.b64decode("".join(text.splitlines()[1:-1]))
    end = data.draw(st.integers(0, len(blob) - 1))
    with pytest.raises(ValueError, match=r"\w"):
        parse_signature(wrap(blob[:end]))


def test_a_signature_with_more_in_it_or_of_another_version_is_none() -> None:
    text = armor(string("ssh-ed25519") + string(bytes(32)))
    blob = base64.b64decode("".join(text.splitlines()[1:-1]))
    assert parse_signature(wrap(blob))
    for other in (
        blob + b"\0",
        armor(b"", version=0).encode(),
        blob[:6] + b"\0\0\0\2" + blob[10:],
        b"SSHSIH" + blob[6:],
    ):
        with pytest.raises(ValueError, match=r"\w"):
            parse_signature(wrap(other))


@given(st.text())
def test_no_line_is_a_crash_as_a_public_key(line: str) -> None:
    try:
        key = parse_public_key(line)
    except ValueError:
        return
    assert key_type(key) == line.split(maxsplit=1)[0]


def test_a_public_key_may_have_a_comment_and_must_be_of_the_type_it_says(make: MakeKey) -> None:
    line = make().public
    assert parse_public_key(f"{line} ada@laptop\n") == blob_of(line)
    for wrong in ("ssh-ed25519", f"ssh-rsa {line.split()[1]}", f"restrict {line}", "ssh-ed25519 AAAA", ""):
        with pytest.raises(ValueError, match=r"\w"):
            parse_public_key(wrong)
