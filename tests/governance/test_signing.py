"""Keys are read and written as ssh-keygen does; signatures hold for what was signed and for nothing else."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.signing import (
    MOST_SIGNATURES,
    PublicKey,
    SignatureError,
    SigningKey,
    dsse_open,
    dsse_sign,
    pae,
)
from tests.governance.keygen import KEY, OTHER, keygen, made

TYPE = "application/vnd.in-toto+json"
MESSAGE = b'{"format":1}\n'


# --- keys -------------------------------------------------------------------------------------------


def test_the_keys_of_ssh_keygen_are_read(ed25519: Path) -> None:
    key = SigningKey.from_openssh(ed25519.read_bytes())
    line = ed25519.with_suffix(".pub").read_text()
    assert PublicKey.from_openssh(line) == key.public
    assert key.public.to_openssh("ada@example.org") == line.strip()


def test_the_fingerprint_is_that_of_ssh_keygen(ed25519: Path) -> None:
    said = keygen("-l", "-f", ed25519.with_suffix(".pub")).stdout.decode()
    assert said.split()[1] == SigningKey.from_openssh(ed25519.read_bytes()).public.key_id


def test_ssh_keygen_reads_our_key_files(tmp_path: Path) -> None:
    path = tmp_path / "ours"
    path.touch(mode=0o600)
    for comment in ("", "c", "ledger of localhost", "größe"):
        path.write_bytes(KEY.to_openssh(comment))
        said = keygen("-y", "-f", path)
        assert said.returncode == 0, said.stderr
        assert said.stdout.decode().strip() == KEY.public.to_openssh(comment)


def test_a_key_file_is_the_same_each_time_and_comes_back() -> None:
    assert KEY.to_openssh("c") == KEY.to_openssh("c")
    assert KEY.to_openssh("c") != OTHER.to_openssh("c")
    assert SigningKey.from_openssh(KEY.to_openssh("c")).public == KEY.public
    assert PublicKey.from_openssh(KEY.public.to_openssh()) == KEY.public


def test_no_key_is_made_twice_and_none_is_told_by_its_repr() -> None:
    assert SigningKey.generate().public != SigningKey.generate().public
    assert repr(KEY) == "SigningKey()"
    with pytest.raises(AttributeError):
        KEY._key = OTHER._key  # type: ignore[misc]


@pytest.mark.parametrize("comment", ["two\nlines", "tab\there", "nul\0"])
def test_a_comment_is_one_line(comment: str) -> None:
    with pytest.raises(ValueError, match="comment: must be one line"):
        KEY.to_openssh(comment)
    with pytest.raises(ValueError, match="comment: must be one line"):
        KEY.public.to_openssh(comment)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("-t", "ed25519", "-N", "passphrase"), "has a passphrase: take it off"),
        (("-t", "rsa", "-b", "2048", "-N", ""), "is of type RSA, only Ed25519"),
        (("-t", "ecdsa", "-N", ""), "is of type EC, only Ed25519"),
        (("-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM"), "is in PEM format, not OpenSSH's"),
    ],
)
def test_private_keys_of_other_kinds_are_refused_by_name(
    tmp_path: Path, options: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(SignatureError, match=f"the private key {problem}"):
        SigningKey.from_openssh(made(tmp_path / "key", *options).read_bytes())


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_public_keys_of_other_kinds_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    line = made(tmp_path / "key", "-t", kind, "-N", "").with_suffix(".pub").read_text()
    with pytest.raises(SignatureError, match=f"the public key is of type {line.split()[0]}, only ssh-ed25519"):
        PublicKey.from_openssh(line)


def test_damaged_private_keys_are_refused() -> None:
    whole = KEY.to_openssh()
    for wrong in (b"", b"ssh-ed25519 AAAA", whole[:150], whole.replace(b"b3BlbnNz", b"b3BlbnNy"), b"\xff" * 100):
        with pytest.raises(SignatureError, match="the private key cannot be read"):
            SigningKey.from_openssh(wrong)


def test_damaged_public_keys_are_refused() -> None:
    line = KEY.public.to_openssh("c")
    blob = line.split()[1]
    wrongs = {
        "": "must be one line",
        "ssh-ed25519": "must be one line",
        f"{line}\n{line}": "must be one line",
        "ssh-ed25519 A*AA": "is not base64",
        "ssh-ed25519 größe": "is not base64",
        f"ssh-ed25519 {blob[:40]}": "is truncated",
        f"ssh-ed25519 {blob}AAAA": "goes on after its end",
        f"ssh-ed25519 {blob[:-1]}": "is not base64",
        KEY.to_openssh().decode(): "is a private key",
    }
    for wrong, problem in wrongs.items():
        with pytest.raises(SignatureError, match=f"the public key {problem}"):
            PublicKey.from_openssh(wrong)
    with pytest.raises(SignatureError, match="has 32 bytes, not 31"):
        PublicKey(b"\0" * 31)


def test_a_key_whose_inside_says_another_type_is_refused() -> None:
    blob = base64.b64encode(KEY.public.blob.replace(b"ssh-ed25519", b"ssh-ed25510")).decode()
    with pytest.raises(SignatureError, match="is of type ssh-ed25510"):
        PublicKey.from_openssh(f"ssh-ed25519 {blob}")


# --- raw signatures ---------------------------------------------------------------------------------


def test_the_vectors_of_rfc_8032() -> None:
    """Section 7.1, tests 1 and 2."""
    assert KEY.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert KEY.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b"
    )
    assert OTHER.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00"
    )


@settings(deadline=None)
@given(message=st.binary(max_size=200), place=st.integers(0, 63), bit=st.integers(0, 7))
def test_a_signature_holds_for_its_message_its_key_and_no_other(message: bytes, place: int, bit: int) -> None:
    signature = KEY.sign(message)
    KEY.public.verify(message, signature)
    assert KEY.sign(message) == signature
    changed = bytearray(signature)
    changed[place] ^= 1 << bit
    for key, text, given_signature in (
        (KEY, message, bytes(changed)),
        (KEY, message + b"\0", signature),
        (OTHER, message, signature),
        (KEY, message, signature[:-1]),
    ):
        with pytest.raises(SignatureError, match=re.escape(f"is not one of key {key.public.key_id}")):
            key.public.verify(text, given_signature)


# --- DSSE -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload_type", "payload", "encoded"),
    [
        (
            "http://example.com/HelloWorld",
            b"hello world",
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
        ),
        (TYPE, b"", b"DSSEv1 28 application/vnd.in-toto+json 0 "),
        ("", b"{}", b"DSSEv1 0  2 {}"),
        (
            "application/vnd.exämple+json",
            b"{}",
            b"DSSEv1 29 application/vnd.ex\xc3\xa4mple+json 2 {}",
        ),
    ],
)
def test_the_encoding_that_is_signed_is_that_of_the_dsse_protocol(
    payload_type: str, payload: bytes, encoded: bytes
) -> None:
    assert pae(payload_type, payload) == encoded


def test_the_signatures_of_the_dsse_vectors_come_out() -> None:
    """secure-systems-lab/dsse, testvectors: keys A and B are those of RFC 8032."""
    payload = b'{"_type":"https://in-toto.io/Statement/v1"}'
    envelope = json.loads(dsse_sign(TYPE, payload, [KEY, OTHER]))
    assert envelope["payload"] == "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ=="
    assert [signature["sig"] for signature in envelope["signatures"]] == [
        "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA==",
        "c1+67/aT0yqEpwx8PsVY3MLHsj9D0CZ014/Fv/QlG59P+9CobUZ7xECJ/V3USG0Ob9CiE5LjReEZUzNF2l7eBw==",
    ]


def test_an_envelope_in_the_url_safe_alphabet_is_read() -> None:
    envelope = {
        "payload": "-_-_Pj8=",
        "payloadType": TYPE,
        "signatures": [
            {"sig": "P-_KHICeR7tI6S_YyejJTRtrXhcQyQ2LYPaL8h90KjC9qN8HU_svOQ6TuDOT1HIrsGW886DbWNWcCmX5twLrAw=="}
        ],
    }
    assert dsse_open(json.dumps(envelope).encode(), TYPE, [KEY.public]) == b"\xfb\xff\xbf\x3e\x3f"


@settings(deadline=None)
@given(payload=st.binary(max_size=300), payload_type=st.text(max_size=30).filter(str.isprintable))
def test_what_is_sealed_is_what_is_opened(payload: bytes, payload_type: str) -> None:
    envelope = dsse_sign(payload_type, payload, [KEY])
    assert dsse_open(envelope, payload_type, [OTHER.public, KEY.public]) == payload
    assert dsse_sign(payload_type, payload, [KEY]) == envelope
    assert envelope.count(b"\n") == 1
    assert envelope.endswith(b"\n")


def test_one_trusted_signature_is_enough_and_others_do_no_harm() -> None:
    envelope = dsse_sign(TYPE, MESSAGE, [OTHER, KEY])
    for trusted in ([KEY.public], [OTHER.public], [KEY.public, OTHER.public]):
        assert dsse_open(envelope, TYPE, trusted) == MESSAGE
    assert [item["keyid"] for item in json.loads(envelope)["signatures"]] == [OTHER.public.key_id, KEY.public.key_id]


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(dsse_sign(TYPE, MESSAGE, [KEY])), **fields}).encode()


@pytest.mark.parametrize(
    ("envelope", "problem"),
    [
        (b"", "the envelope is not JSON"),
        (b"\xff\xff\xff", "the envelope is not JSON"),
        (b"[" * 100_000, "the envelope is not JSON"),
        (b"[]", "the envelope is not a JSON object"),
        (b"{}", "the envelope has no payload"),
        (changed(payloadType="text/plain"), "payloadType is 'text/plain', not"),
        (changed(payloadType=None), "payloadType is 'None', not"),
        (changed(payload="e30="), "signatures: none of 1 is by a trusted key"),
        (changed(payload="e31="), "payload is not canonical base64"),
        (changed(payload="***"), "payload is not base64"),
        (changed(payload=7), "payload is not text"),
        (changed(signatures={}), "signatures must be a list of at most 16"),
        (changed(signatures=[{"sig": ""}] * (MOST_SIGNATURES + 1)), "signatures must be a list of at most 16"),
        (changed(signatures=[]), "signatures: none of 0 is by a trusted key"),
        (changed(signatures=[{}]), r"signatures\[0\] has no sig"),
        (changed(signatures=["x"]), r"signatures\[0\] has no sig"),
        (changed(signatures=[{"sig": "AA=="}, {"sig": "?"}]), r"signatures\[1\].sig is not base64"),
        (changed(signatures=[{"sig": "AA=="}]), "signatures: none of 1 is by a trusted key"),
    ],
)
def test_an_envelope_that_is_not_as_it_was_sealed_is_refused(envelope: bytes, problem: str) -> None:
    with pytest.raises(SignatureError, match=problem):
        dsse_open(envelope, TYPE, [KEY.public])


def test_an_envelope_by_a_stranger_or_of_another_type_is_refused() -> None:
    envelope = dsse_sign(TYPE, MESSAGE, [OTHER])
    with pytest.raises(SignatureError, match=re.escape(f"by a trusted key ({KEY.public.key_id})")):
        dsse_open(envelope, TYPE, [KEY.public])
    with pytest.raises(SignatureError, match="there is no trusted key"):
        dsse_open(envelope, TYPE, [])
    with pytest.raises(SignatureError, match="payloadType is"):
        dsse_open(envelope, "text/plain", [OTHER.public])


def test_a_changed_byte_anywhere_in_an_envelope_is_noticed_or_without_weight() -> None:
    """Only the key id, which nobody signs, and what JSON does not read may differ."""
    envelope = dsse_sign(TYPE, MESSAGE, [KEY])
    hint = envelope.index(b"SHA256:")
    weightless = range(hint, hint + len(KEY.public.key_id))
    for place in range(len(envelope) - 1):
        for flip in (0x01, 0x20, 0x80):
            wrong = bytearray(envelope)
            wrong[place] ^= flip
            try:
                opened = dsse_open(bytes(wrong), TYPE, [KEY.public])
            except SignatureError:
                continue
            assert opened == MESSAGE
            assert place in weightless or envelope[place : place + 1] in b'keyid"{}:,[]/_+-', (place, flip)


def test_an_envelope_needs_a_key() -> None:
    with pytest.raises(ValueError, match="keys: an envelope needs at least one"):
        dsse_sign(TYPE, MESSAGE, [])
