"""The challenge: one text for one statement, and no statement that cannot be meant."""

import hashlib
import subprocess
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout.ownership.base import (
    SENTENCES,
    TEMPORARY,
    NotProven,
    Problem,
    Proven,
    Statement,
    SubjectKind,
    new_nonce,
)

NONCE = "abcdefghijklmnopqrstuvwxyz234567"
EXPIRES = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PLAIN = Statement(
    "https://code.example.org", "r-42", NONCE, EXPIRES, "github", "Ada", ("repo:ada/engine", "account:ada")
)

ZONES = [UTC, timezone(timedelta(hours=9))]

names = st.text("abcXYZ019-_.", min_size=1, max_size=20).filter(lambda text: text not in {".", ".."})
scopes = st.sampled_from(["account:ada", "account:bob", "repo:ada/engine", "path:ada/engine/a b", "path:ada/engine/é"])
statements = st.builds(
    Statement,
    origin=st.sampled_from(["https://code.example.org", "https://code.example.org:8443", "http://localhost:8000"]),
    request=names,
    nonce=st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=40),
    expires_at=st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3), timezones=st.sampled_from(ZONES)),
    forge=st.sampled_from(["github", "codeberg"]),
    subject=names,
    scopes=st.lists(scopes, min_size=1, max_size=4).map(tuple),
)


def test_the_text_is_what_the_documentation_shows() -> None:
    digest = hashlib.sha256(b"account:ada\nrepo:ada/engine\n").hexdigest()
    assert PLAIN.text == (
        "Codesteward ownership challenge, version 1\n"
        "service: https://code.example.org\n"
        "request: r-42\n"
        "nonce: abcdefghijklmnopqrstuvwxyz234567\n"
        "expires: 2026-11-22T09:30:00Z\n"
        "intent: ask that code be taken out of training sets\n"
        "forge: github\n"
        "subject: Ada\n"
        "scopes: 2\n"
        f"scopes-sha256: {digest}\n"
    )


@given(statements, statements, st.sets(st.sampled_from([field.name for field in fields(Statement)])))
def test_two_texts_are_the_same_only_where_the_statements_are(one: Statement, two: Statement, same: set[str]) -> None:
    other = replace(two, **{name: getattr(one, name) for name in same})
    assert (one.text == other.text) == (one == other)


@given(statements)
def test_a_text_is_ten_lines_of_printable_ascii(stated: Statement) -> None:
    lines = stated.text.split("\n")
    assert len(lines) == 11
    assert lines[-1] == ""
    assert all(line.isascii() and line.isprintable() for line in lines)


@given(st.permutations(["account:ada", "repo:ada/engine", "repo:ada/b"]), st.integers(0, 999_999))
def test_order_repetition_time_zone_and_parts_of_seconds_make_no_difference(order: list[str], part: int) -> None:
    expires = (EXPIRES + timedelta(microseconds=part)).astimezone(timezone(timedelta(hours=-5)))
    stated = replace(PLAIN, scopes=("repo:ada/b", "account:ada", "repo:ada/engine"))
    assert replace(stated, scopes=(*order, order[0]), expires_at=expires) == stated


def test_the_digest_of_the_scopes_can_be_made_with_standard_tools(tmp_path: Path) -> None:
    many = tuple(f"path:ada/engine/{name}" for name in ("b", "a", "é", "a b", "A", "\U0001f600"))
    (tmp_path / "scopes").write_text("".join(f"{scope}\n" for scope in reversed(many)), "utf-8")
    command = ["sort", "-u", "scopes"]
    listed = subprocess.run(command, cwd=tmp_path, env={"LC_ALL": "C"}, stdout=subprocess.PIPE, check=True).stdout
    made = subprocess.run(["sha256sum"], input=listed, stdout=subprocess.PIPE, check=True)
    assert made.stdout.decode().split()[0] == replace(PLAIN, scopes=many).scopes_sha256


WRONG: dict[str, list[Any]] = {
    "origin": ["", "code.example.org", "ftp://code.example.org", "https://code.example.org/", "https://a@b.org",
               "https://code.example.org\nnonce: x", "https://code.example.org#", "https://é.example.org"],
    "request": ["", "a b", "a\nb", "a:b", "é", "x" * 101, ".."],
    "nonce": ["", "short", "a" * 25, "A" * 32, "a" * 31 + "1", "a" * 31 + "\n", "a" * 101],
    "expires_at": [datetime(2026, 11, 22)],
    "forge": ["", "git hub", "git\nhub"],
    "subject": ["", "ada lovelace", "ada\nscopes: 0", "ada/engine", "a*", "émile", "..", "x" * 101, "ada@example.org"],
    "scopes": [(), ("account:Ada",), (" account:ada",), ("nothing",), ("path:a/b/\ud800",), ("path:a/b/c\nd",)],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_what_cannot_be_meant_cannot_be_stated(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        replace(PLAIN, **{name: value})


@pytest.mark.parametrize("subject", ["Ada.Lovelace@Example.org", "a+b@example.org"])
def test_an_address_is_the_subject_where_mail_is_the_provider(subject: str) -> None:
    assert f"forge: email\nsubject: {subject}\n" in replace(PLAIN, forge="email", subject=subject).text


@pytest.mark.parametrize(
    "subject", ["ada", " ada@example.org", "ada@example.org\n", "ada @example.org", "ada@localhost"]
)
def test_nothing_else_is(subject: str) -> None:
    with pytest.raises(ValueError, match=r"e-mail address|subject|control"):
        replace(PLAIN, forge="email", subject=subject)


def test_nonces_have_160_random_bits() -> None:
    nonces = {new_nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert all(replace(PLAIN, nonce=nonce).nonce == nonce and len(nonce) == 32 for nonce in nonces)
    letters = {letter for nonce in nonces for letter in nonce}
    assert len(letters) == 32


def test_a_challenge_holds_until_the_second_it_expires() -> None:
    PLAIN.check_current(EXPIRES - timedelta(microseconds=1))
    with pytest.raises(NotProven) as caught:
        PLAIN.check_current(EXPIRES)
    assert caught.value.code is Problem.EXPIRED
    with pytest.raises(NotProven):
        replace(PLAIN, expires_at=datetime.now(UTC) - timedelta(seconds=1)).check_current(None)
    replace(PLAIN, expires_at=datetime.now(UTC) + timedelta(minutes=1)).check_current(None)


def test_every_problem_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Problem)
    assert set(Problem) > TEMPORARY


def test_the_evidence_has_one_form_and_one_digest() -> None:
    parts = {"b": 1, "a": {"é": None, "d": [True, "x"]}}
    shuffled = {"a": {"d": [True, "x"], "é": None}, "b": 1}
    one, other = (Proven("m", "p", SubjectKind.USER, "1", "ada", (), evidence) for evidence in (parts, shuffled))
    assert one.evidence_bytes == '{"a":{"d":[true,"x"],"é":null},"b":1}'.encode()
    assert one.evidence_sha256 == other.evidence_sha256 == hashlib.sha256(one.evidence_bytes).hexdigest()
