"""What a method of proof is asked, and what it answers.

A method is a function `prove(statement, answer, against, *, at=None) -> Proven`. The statement says what is to be
proven and is the challenge; the answer is what the requester gave; `against` is what it is compared with (a forge, or
the digest of a code); `at` is the time of the attempt, now where it is None. It raises NotProven with a code and a
sentence that says what to do next. Whether a nonce was used before is for the caller to know: nothing is kept here.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from optout.ownership.addresses import parse_origin
from search.scope import ScopeKind, parse_scope

TITLE = "Codesteward ownership challenge, version 1"
INTENT = "ask that code be taken out of training sets"
EMAIL = "email"
"""What stands for the forge where the subject is an e-mail address."""
NONCE_BYTES = 20
LEAST_NONCE = 26
"""Letters of base32: 130 bits."""
MOST_NAME = 100


class Problem(StrEnum):
    """Why something is not proven; `SENTENCES` says each to the requester."""

    EXPIRED = "expired"
    TOO_LARGE = "too_large"
    SIGNATURE_UNREADABLE = "signature_unreadable"
    WRONG_NAMESPACE = "wrong_namespace"
    WEAK_KEY = "weak_key"
    WEAK_SIGNATURE = "weak_signature"
    KEY_NOT_PUBLISHED = "key_not_published"
    BAD_SIGNATURE = "bad_signature"
    BAD_NAME = "bad_name"
    NO_SUCH_ACCOUNT = "no_such_account"
    NOT_A_PERSON = "not_a_person"
    NO_SUCH_REPOSITORY = "no_such_repository"
    MOVED = "moved"
    ODD_BRANCH = "odd_branch"
    FILE_MISSING = "file_missing"
    FILE_DIFFERS = "file_differs"
    OTHER_NONCE = "other_nonce"
    FORGE_UNAVAILABLE = "forge_unavailable"
    VERIFIER_UNAVAILABLE = "verifier_unavailable"
    WRONG_CODE = "wrong_code"
    TOO_MANY_TRIES = "too_many_tries"


SENTENCES = {
    Problem.EXPIRED: "This challenge expired at {expires}. Ask for a new one and answer that.",
    Problem.TOO_LARGE: "{what} has more than {limit:,} bytes. Send exactly what the instructions say, nothing else.",
    Problem.SIGNATURE_UNREADABLE: "This is not an SSH signature ({why}). Paste all of the file that ssh-keygen wrote, "
    "from -----BEGIN SSH SIGNATURE----- to -----END SSH SIGNATURE-----.",
    Problem.WRONG_NAMESPACE: "The signature is for the namespace {found!r}. Sign again with -n {expected}.",
    Problem.WEAK_KEY: "The key {fingerprint} ({kind}) is too weak: RSA keys need 2,048 bits, DSA keys are refused. "
    "Sign with another key that the account publishes.",
    Problem.WEAK_SIGNATURE: "The signature uses {found}, which is not accepted. Sign with ssh-keygen of OpenSSH 8.1 "
    "or newer.",
    Problem.KEY_NOT_PUBLISHED: "{login} at {forge} does not publish the key {fingerprint} that signed this. Sign with "
    "one of the keys of that account, or add the key there and try again.",
    Problem.BAD_SIGNATURE: "The signature does not fit the text of this challenge. Sign the file as it was downloaded, "
    "with nothing changed, and not the text of an earlier challenge.",
    Problem.BAD_NAME: "{name!r} is not a name that {forge} gives. Write {form}.",
    Problem.NO_SUCH_ACCOUNT: "{forge} has no public account {login}. Check the name; it may have been renamed.",
    Problem.NOT_A_PERSON: "{login} at {forge} is an organisation and publishes no keys. Put a challenge file into the "
    "repository that you ask about instead.",
    Problem.NO_SUCH_REPOSITORY: "{forge} has no public repository {name}. Check the name, or make the repository "
    "public for the time of the proof.",
    Problem.MOVED: "{name} at {forge} is {now}. Ask for a challenge in the name that it has now.",
    Problem.ODD_BRANCH: "The default branch of {name} is called {branch!r}, which could be mistaken for a commit or a "
    "pull request. Rename it, or prove control in another way.",
    Problem.FILE_MISSING: "There is no file {path} on the branch {branch!r} of {name}, which is its default branch. "
    "Commit and push it there.",
    Problem.FILE_DIFFERS: "The file {path} on the branch {branch!r} of {name} is not the text of this challenge. "
    "Replace all of it by the downloaded file.",
    Problem.OTHER_NONCE: "The file {path} of {name} answers another challenge. Replace it by the text of this one.",
    Problem.FORGE_UNAVAILABLE: "{forge} does not answer as it should now ({why}). Nothing is lost: try again later.",
    Problem.VERIFIER_UNAVAILABLE: "Signatures cannot be checked now. Nothing is lost: try again later.",
    Problem.WRONG_CODE: "This is not the code that was sent to {address}. Copy it from the newest mail.",
    Problem.TOO_MANY_TRIES: "The code was tried {tries} times. Ask for a new one.",
}

TEMPORARY = frozenset({Problem.FORGE_UNAVAILABLE, Problem.VERIFIER_UNAVAILABLE})


class NotProven(Exception):
    """Control was not shown. `code` is for programs, str() is a sentence for the requester."""

    def __init__(self, code: Problem, **details: object) -> None:
        super().__init__(SENTENCES[code].format(**details))
        self.code = code

    @property
    def temporary(self) -> bool:
        """Whether it is no fault of the answer: the same one may be given again, and costs no try."""
        return self.code in TEMPORARY


class SubjectKind(StrEnum):
    """What a proof is about. `subject_id` is an id among things of this kind."""

    USER = "user"
    ORGANISATION = "organisation"
    REPOSITORY = "repository"
    ADDRESS = "address"


class Ground(StrEnum):
    """Why a scope is covered by a proof, or is not."""

    ACCOUNT = "account"
    REPOSITORY = "repository"
    RENAMED = "renamed"
    PROFILE = "profile"
    ADDRESS = "address"
    OTHER_FORGE = "other_forge"
    OTHER_ACCOUNT = "other_account"
    OTHER_OWNER = "other_owner"
    OTHER_REPOSITORY = "other_repository"
    OTHER_ADDRESS = "other_address"
    FORK = "fork"
    ORGANISATION = "organisation"
    GONE = "gone"
    NOT_ASKED = "not_asked"
    NOT_SHOWN = "not_shown"


@dataclass(frozen=True, slots=True)
class Covered:
    """What a proof says of one scope: whether it shows control of it, and why.

    `names` are scopes of the same kind that the forge says are the same thing: names it has now.
    """

    scope: str
    owned: bool
    ground: Ground
    sentence: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """What is to be proven, and the challenge for it: `text`.

    Two statements have the same text if and only if they are equal (up to a collision of SHA-256 over the scopes).
    Raises ValueError that names the part at fault.
    """

    origin: str
    """Of the service, `https://host`, so that an answer cannot be used at another."""
    request: str
    """The public pseudonym of the request."""
    nonce: str
    expires_at: datetime
    """Aware; whole seconds count."""
    forge: str
    """Its name in the settings, or `email`."""
    subject: str
    """The login at the forge, or an e-mail address, as the requester gave it."""
    scopes: tuple[str, ...] = field(repr=False)
    """In normal form; kept sorted, each once."""

    def __post_init__(self) -> None:
        parse_origin(self.origin, allow_private=True)
        for name in ("request", "forge"):
            if not is_plain_name(getattr(self, name)):
                raise ValueError(f"{name} {getattr(self, name)[:60]!r} must be letters, digits, '-', '_' and '.'")
        if len(self.nonce) < LEAST_NONCE or len(self.nonce) > MOST_NAME or not _is_base32(self.nonce):
            raise ValueError(f"nonce must be at least {LEAST_NONCE} letters of lower-case base32")
        if self.expires_at.tzinfo is None:
            raise ValueError("expires_at must have a time zone")
        _check_subject(self.forge, self.subject)
        if not self.scopes:
            raise ValueError("scopes are empty")
        for scope in self.scopes:
            _check_scope(scope)
        object.__setattr__(self, "expires_at", self.expires_at.astimezone(UTC).replace(microsecond=0))
        object.__setattr__(self, "scopes", tuple(sorted(set(self.scopes))))

    @property
    def text(self) -> str:
        """What is signed, or written into the challenge file: lines of ASCII, the last one ended as well."""
        lines = {
            "service": self.origin,
            "request": self.request,
            "nonce": self.nonce,
            "expires": self.expires,
            "intent": INTENT,
            "forge": self.forge,
            "subject": self.subject,
            "scopes": str(len(self.scopes)),
            "scopes-sha256": self.scopes_sha256,
        }
        return "\n".join([TITLE, *(f"{name}: {value}" for name, value in lines.items()), ""])

    @property
    def expires(self) -> str:
        return f"{self.expires_at:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def scopes_sha256(self) -> str:
        """Of the scopes, one a line, in the order of their bytes: `LC_ALL=C sort -u scopes.txt | sha256sum`."""
        return hashlib.sha256("".join(f"{scope}\n" for scope in self.scopes).encode()).hexdigest()

    def check_current(self, at: datetime | None) -> None:
        """Raises NotProven where the challenge is over at that time, or now."""
        if (at or datetime.now(UTC)) >= self.expires_at:
            raise NotProven(Problem.EXPIRED, expires=self.expires)


@dataclass(frozen=True, slots=True)
class Proven:
    """A checked demonstration of control: of what, how, and what it says of each scope that was asked."""

    method: str
    provider: str
    """The forge's name, or `email`."""
    kind: SubjectKind
    subject_id: str
    """What the provider never gives to another: the number of the account or repository, or the address."""
    subject: str
    """Its name at the time of the proof."""
    covers: tuple[Covered, ...]
    """One for each scope of the statement, in that order."""
    evidence: Mapping[str, Any]
    """What was checked, for somebody who wants to check it again: JSON without numbers that have a fraction."""
    since: datetime | None = None
    """When the provider says the subject was made, where it does. A name younger than a release may have been
    somebody else's when the release was made."""
    of_organisation: bool = False
    """Whether the subject lies in an account of several people, of whom one has proven write access."""
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Scope -> the other scopes that are the same thing, where there are any."""
        return {covered.scope: covered.names for covered in self.covers if covered.names}

    @property
    def evidence_bytes(self) -> bytes:
        """The evidence as canonical JSON: sorted keys, no blanks, UTF-8."""
        return json.dumps(self.evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def evidence_sha256(self) -> str:
        return hashlib.sha256(self.evidence_bytes).hexdigest()


def new_nonce() -> str:
    """160 random bits as 32 letters."""
    return base64.b32encode(secrets.token_bytes(NONCE_BYTES)).decode("ascii").lower()


def is_plain_name(text: str) -> bool:
    """A login or the name of a repository, as forges give them: it can be a step of a path, and nothing else."""
    plain = all(letter.isascii() and (letter.isalnum() or letter in "-_.") for letter in text)
    return plain and 0 < len(text) <= MOST_NAME and text not in {".", ".."}


def _is_base32(text: str) -> bool:
    return all(letter in "abcdefghijklmnopqrstuvwxyz234567" for letter in text)


def _check_subject(forge: str, subject: str) -> None:
    if forge == EMAIL:
        parse_scope(f"{ScopeKind.EMAIL}:{subject}")
    if any(letter.isspace() for letter in subject) or not (forge == EMAIL or is_plain_name(subject)):
        raise ValueError(f"subject {subject[:60]!r} must be a login: letters, digits, '-', '_' and '.'")


def _check_scope(scope: str) -> None:
    if str(parse_scope(scope)) != scope:
        raise ValueError(f"scope {scope[:60]!r} is not in its normal form")
    try:
        scope.encode()
    except UnicodeEncodeError:
        raise ValueError(f"scope {scope[:60]!r} holds half a character (a lone surrogate)") from None
