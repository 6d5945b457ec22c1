"""Signed notes and checkpoints: the published examples, and everything that must not pass for one."""

import base64
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.ledger.notes import (
    NoteError,
    NoteKey,
    TreeHead,
    open_checkpoint,
    open_note,
    parse_number,
    sign_checkpoint,
    sign_note,
)
from governance.signing import PublicKey
from tests.governance.keygen import KEY, OTHER, of_seed

TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_SIGNED = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_SIGNED = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
"""The example of the documentation of golang.org/x/mod/sumdb/note; the texts of its two keys stand there as well."""

LOG = NoteKey("example.org/log", KEY.public)
HEAD = TreeHead("example.org/log", 7, bytes(range(32)))
NOTE = sign_checkpoint(HEAD, KEY)


# --- the published example --------------------------------------------------------------------------


def test_the_key_of_the_example_is_read_and_written() -> None:
    key = NoteKey.parse(PETER)
    assert (key.name, key.key_id.hex()) == ("PeterNeumann", "c74f20a3")
    assert str(key) == PETER


def test_the_example_is_signed_as_it_was_there() -> None:
    seed = base64.b64decode(PETER_SECRET)[1:]
    key = of_seed(seed.hex(), NoteKey.parse(PETER).public.raw.hex())
    assert sign_note(TEXT, "PeterNeumann", key) == f"{TEXT}\n{PETER_SIGNED}"


@pytest.mark.parametrize(
    "signatures", [PETER_SIGNED, PETER_SIGNED + ENOCH_SIGNED, ENOCH_SIGNED + PETER_SIGNED, PETER_SIGNED * 2]
)
def test_the_example_opens_whoever_else_signed_it(signatures: str) -> None:
    assert open_note(f"{TEXT}\n{signatures}", [NoteKey.parse(PETER), LOG]) == TEXT


def test_the_example_of_the_checkpoint_format_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    head = TreeHead.parse(text)
    assert (head.origin, head.size, head.root[:2].hex()) == ("example.com/behind-the-sofa", 20852163, "0ac5")
    assert str(head) == text


# --- notes ------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n"), max_size=80))
def test_what_is_signed_is_what_is_opened(text: str) -> None:
    text += "\n"
    note = sign_note(text, "example.org/log", KEY)
    assert open_note(note, [LOG]) == text
    assert note == sign_note(text, "example.org/log", KEY)


def test_lines_of_witnesses_are_passed_over_up_to_a_hundred() -> None:
    witness = "— witness.example/w1 " + base64.b64encode(b"w1id" + b"s" * 72).decode() + "\n"
    assert open_checkpoint(NOTE + witness * 99, LOG) == HEAD
    with pytest.raises(NoteError, match="has more than 100 signatures"):
        open_checkpoint(NOTE + witness * 100, LOG)


def test_a_line_that_shares_a_name_or_an_id_but_not_both_is_of_somebody_else() -> None:
    other_id = "— example.org/log " + base64.b64encode(b"\0\0\0\0" + b"s" * 64).decode() + "\n"
    other_name = "— example.org/logs " + base64.b64encode(LOG.key_id + b"s" * 64).decode() + "\n"
    assert open_checkpoint(NOTE + other_id + other_name, LOG) == HEAD
    with pytest.raises(NoteError, match="none of 2 signatures is by a trusted key"):
        open_note(f"{HEAD}\n{other_id}{other_name}", [LOG])


def test_a_known_key_whose_signature_does_not_hold_spoils_the_note() -> None:
    wrong = "— example.org/log " + base64.b64encode(LOG.key_id + b"s" * 64).decode() + "\n"
    with pytest.raises(NoteError, match=r"signature 2, by example.org/log, does not hold"):
        open_checkpoint(NOTE + wrong, LOG)


def test_a_note_that_nobody_one_trusts_signed_is_refused() -> None:
    for trusted in ([], [NoteKey("example.org/log", OTHER.public)], [NoteKey("example.org/other", KEY.public)]):
        with pytest.raises(NoteError, match="none of 1 signatures is by a trusted key"):
            open_note(NOTE, trusted)


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        ("", "must be text, an empty line, and lines of signatures"),
        (TEXT, "must be text, an empty line, and lines of signatures"),
        (f"{TEXT}\n", "must be text, an empty line, and lines of signatures"),
        (NOTE[:-1], "must be text, an empty line, and lines of signatures"),
        (NOTE.replace("\n\n", "\n"), "must be text, an empty line, and lines of signatures"),
        (NOTE + "\n", "must be text, an empty line, and lines of signatures"),
        (NOTE.replace("7", "7\t"), "holds a control character"),
        (NOTE.replace("\n", "\r\n"), "holds a control character"),
        ("\ud800" + NOTE, "is not UTF-8"),
        (NOTE.replace("—", "-"), "signature 1 is not written as a dash, a name and base64"),
        (NOTE.replace("— ", "—"), "signature 1 is not written as a dash, a name and base64"),
        (f"{TEXT}\n—  AAAAAAA=\n", "signature 1 is not written as a dash, a name and base64"),
        (f"{TEXT}\n— a b AAAAAAA=\n", "signature 1 is not written as a dash, a name and base64"),
        (f"{TEXT}\n— a ???\n", "signature 1 is not base64"),
        (f"{TEXT}\n— a AAAAAAF=\n", "signature 1 is not canonical base64"),
        (f"{TEXT}\n— a AAAAAA==\n", "signature 1 is too short"),
        ("x" * 1_000_001, "has more than 1,000,000 characters"),
    ],
)
def test_what_is_no_note_is_refused(note: str, problem: str) -> None:
    with pytest.raises(NoteError, match=re.escape(problem)):
        open_note(note, [LOG])


def test_a_changed_letter_anywhere_in_a_note_is_noticed() -> None:
    for place, letter in enumerate(NOTE):
        other = "x" if letter != "x" else "y"
        with pytest.raises(NoteError):
            open_checkpoint(NOTE[:place] + other + NOTE[place + 1 :], LOG)


def test_only_text_that_can_be_a_note_is_signed() -> None:
    for text, problem in (("no end", "must end in a line break"), ("a\tb\n", "control"), ("\ud800\n", "not UTF-8")):
        with pytest.raises(NoteError, match=problem):
            sign_note(text, "example.org/log", KEY)


# --- keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "a\u00a0b", "a\u2003b"])
def test_a_name_has_no_blanks_and_no_plus(name: str) -> None:
    with pytest.raises(NoteError, match="must be printable, without blanks and"):
        NoteKey(name, KEY.public)


@settings(deadline=None)
@given(raw=st.binary(min_size=32, max_size=32), name=st.from_regex(r"[a-z./0-9ü]{1,30}", fullmatch=True))
def test_a_key_text_comes_back(raw: bytes, name: str) -> None:
    key = NoteKey(name, PublicKey(raw))
    assert NoteKey.parse(str(key)) == key


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be written name"),
        ("PeterNeumann", "must be written name"),
        (PETER.replace("c74f20a3", "c74f20a4"), "has the id 'c74f20a4', its name and key make c74f20a3"),
        (PETER.replace("Peter", "Paul"), "has the id 'c74f20a3'"),
        (PETER.replace("+ARpc", "+BRpc"), "is not an Ed25519 key for notes"),
        (PETER[:-4], "is not an Ed25519 key for notes"),
        (PETER[:-1], "is not base64"),
        (PETER[:-2] + "==", "is not canonical base64|is not an Ed25519"),
    ],
)
def test_what_is_no_key_is_refused(text: str, problem: str) -> None:
    with pytest.raises(NoteError, match=f"^the key {problem}"):
        NoteKey.parse(text)


# --- checkpoints ------------------------------------------------------------------------------------


def test_a_checkpoint_is_three_lines_and_a_signature() -> None:
    lines = NOTE.split("\n")
    assert lines[:4] == ["example.org/log", "7", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith("— example.org/log ")
    assert lines[5:] == [""]
    assert open_checkpoint(NOTE, LOG) == HEAD


def test_extension_lines_are_read_over() -> None:
    assert open_checkpoint(sign_note(f"{HEAD}extension\n", "example.org/log", KEY), LOG) == HEAD


def test_a_checkpoint_of_another_log_is_refused_though_it_is_signed() -> None:
    other = TreeHead("example.org/other", 7, HEAD.root)
    with pytest.raises(NoteError, match=r"is of 'example.org/other', not of 'example.org/log'"):
        open_checkpoint(sign_note(str(other), "example.org/log", KEY), LOG)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a\n7\n", "has at least three lines"),
        ("a\n7\n\nAAAA\n", "has at least three lines"),
        ("\n7\nAAAA\n", "has at least three lines"),
        ("a\n07\nAAAA\n", "the size '07' is not a decimal number"),
        ("a\n-7\nAAAA\n", "the size '-7' is not a decimal number"),
        ("a\n\u0667\nAAAA\n", "is not a decimal number"),
        ("a\n9223372036854775808\nAAAA\n", "is not a decimal number"),
        ("a\n7\nAAAA\n", "the root hash has 3 bytes, not 32"),
        ("a\n7\n!\n", "the root hash is not base64"),
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused(text: str, problem: str) -> None:
    with pytest.raises(NoteError, match=problem):
        open_checkpoint(sign_note(text, "example.org/log", KEY), LOG)


def test_a_head_cannot_be_made_of_what_it_could_not_say() -> None:
    for origin, size, root in (("", 1, b"r" * 32), ("a\nb", 1, b"r" * 32), ("a", -1, b"r" * 32), ("a", 1, b"r")):
        with pytest.raises(NoteError):
            TreeHead(origin, size, root)


@settings(deadline=None)
@given(number=st.integers(0, 2**63 - 1))
def test_numbers_are_read_as_they_are_written(number: int) -> None:
    assert parse_number(str(number), "it") == number
    with pytest.raises(NoteError, match="it '0"):
        parse_number(f"0{number}", "it")
