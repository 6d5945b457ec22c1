"""Proof by a code that was sent by e-mail: who can read a mailbox now.

It shows nothing about commits that carry the address: an author's address in git is text that anybody can write. So it
covers the scope of exactly that address and no other. Sending the code and counting tries is the caller's.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

from optout.ownership.base import EMAIL, NotProven, Problem, Proven, Statement, SubjectKind
from optout.ownership.coverage import covered_by_address

METHOD = "email-code"
CODE_BYTES = 16
GROUP = 4
MOST_TRIES = 5
MOST_LETTERS = 100
MISREAD = str.maketrans({"0": "o", "1": "l", "8": "b"})
"""Digits that base32 does not have, and the letters that they are taken for."""


def make_code() -> str:
    """128 random bits as groups of four letters and digits: abcd-efgh-..."""
    letters = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode("ascii").rstrip("=").lower()
    return "-".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))


def digest(code: str) -> str:
    """SHA-256 of the code in hexadecimal digits, however it is spaced and in whatever case: all that is stored."""
    letters = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(letters.translate(MISREAD).encode()).hexdigest()


def prove(statement: Statement, answer: str, against: str, *, at: datetime | None = None, tries: int = 0) -> Proven:
    """`answer` is the code as it was typed, `against` the stored digest, `tries` how often it was tried before.

    Raises NotProven.
    """
    if statement.forge != EMAIL:
        raise ValueError(f"the statement is for {statement.forge}, not {EMAIL}")
    statement.check_current(at)
    if tries >= MOST_TRIES:
        raise NotProven(Problem.TOO_MANY_TRIES, tries=tries)
    if len(answer) > MOST_LETTERS or not hmac.compare_digest(digest(answer).encode(), against.encode()):
        raise NotProven(Problem.WRONG_CODE, address=statement.subject)
    address = statement.subject.lower()
    return Proven(
        method=METHOD,
        provider=EMAIL,
        kind=SubjectKind.ADDRESS,
        subject_id=address,
        subject=address,
        covers=covered_by_address(statement.scopes, address),
        evidence={"method": METHOD, "statement": statement.text, "address": address, "code-sha256": against},
    )
