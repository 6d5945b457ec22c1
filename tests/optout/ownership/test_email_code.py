"""Proof by a code in a mail: it covers that address, and nothing else."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout.ownership.base import Ground, NotProven, Problem, Statement, SubjectKind
from optout.ownership.email_code import MOST_TRIES, digest, make_code, prove
from tests.optout.ownership.conftest import statement

CODE = "abcd-efgh-ijkl-mno2"
ADDRESS = "Ada@Example.org"


def asked(*scopes: str) -> Statement:
    return statement(*(scopes or ("email:ada@example.org",)), subject=ADDRESS, forge="email")


def refusal(answer: str, tries: int = 0) -> Problem:
    with pytest.raises(NotProven) as caught:
        prove(asked(), answer, digest(CODE), tries=tries)
    return caught.value.code


def test_the_code_proves_exactly_the_address_it_was_sent_to() -> None:
    scopes = ("email:ada@example.org", "email:ada@example.com", "account:ada", "repo:ada/engine", "path:ada/engine/x")
    proven = prove(asked(*scopes), CODE, digest(CODE))
    assert (proven.method, proven.provider, proven.kind) == ("email-code", "email", SubjectKind.ADDRESS)
    assert (proven.subject_id, proven.subject) == ("ada@example.org", "ada@example.org")
    assert {covered.scope: covered.ground for covered in proven.covers} == {
        "email:ada@example.org": Ground.ADDRESS,
        "email:ada@example.com": Ground.OTHER_ADDRESS,
        "account:ada": Ground.NOT_SHOWN,
        "repo:ada/engine": Ground.NOT_SHOWN,
        "path:ada/engine/x": Ground.NOT_SHOWN,
    }
    assert [covered.scope for covered in proven.covers if covered.owned] == ["email:ada@example.org"]
    assert CODE.replace("-", "") not in proven.evidence_bytes.decode()


@pytest.mark.parametrize(
    "answer", [CODE.upper(), f"  {CODE}\n", CODE.replace("-", ""), "abcd efgh ijkl mno2", "abcd-efgh-ijk1-mn02"]
)
def test_however_it_is_typed(answer: str) -> None:
    assert prove(asked(), answer, digest(CODE))


@pytest.mark.parametrize(
    "answer",
    ["", "abcd-efgh-ijkl-mno3", "abcd-efgh-ijkl-mno", f"{CODE}2", f"{CODE} {CODE}", digest(CODE), "é", "\ud800"],
)
def test_any_other_code_is_wrong(answer: str) -> None:
    assert refusal(answer) is Problem.WRONG_CODE


def test_a_code_buried_in_a_long_text_is_wrong() -> None:
    assert refusal(" " * 200 + CODE) is Problem.WRONG_CODE


@given(st.text(max_size=200))
def test_no_text_is_a_crash_or_a_lucky_guess(answer: str) -> None:
    assert refusal(answer) is Problem.WRONG_CODE


@pytest.mark.parametrize("stored", ["", "0" * 64, digest(CODE).upper(), CODE])
def test_a_digest_that_is_none_is_never_met(stored: str) -> None:
    with pytest.raises(NotProven):
        prove(asked(), CODE, stored)


def test_the_right_code_is_refused_after_too_many_tries() -> None:
    assert prove(asked(), CODE, digest(CODE), tries=MOST_TRIES - 1)
    assert refusal(CODE, tries=MOST_TRIES) is Problem.TOO_MANY_TRIES


def test_the_right_code_is_refused_when_it_expired() -> None:
    stated = asked()
    with pytest.raises(NotProven) as caught:
        prove(stated, CODE, digest(CODE), at=stated.expires_at + timedelta(seconds=1))
    assert caught.value.code is Problem.EXPIRED


def test_a_statement_about_an_account_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="github"):
        prove(statement(forge="github"), CODE, digest(CODE))


def test_codes_have_128_random_bits_in_groups_of_four() -> None:
    codes = {make_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert all([len(group) for group in code.split("-")] == [4, 4, 4, 4, 4, 4, 2] for code in codes)
    assert len({letter for code in codes for letter in code} - {"-"}) == 32
    assert all(prove(asked(), code, digest(code)) for code in codes)
