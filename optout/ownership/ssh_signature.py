"""Proof by an SSH signature: who holds a private key whose public half the forge lists for an account.

    ssh-keygen -Y sign -n codesteward-ownership -f ~/.ssh/id_ed25519 challenge.txt

Proves control of the account, and of the repositories in it. The forge is asked for the account's number before and
after its keys, so that the keys are of that account whatever happens to its name meanwhile.
"""

import base64
import logging
import os
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from optout.ownership.base import NotProven, Problem, Proven, Statement, SubjectKind
from optout.ownership.coverage import covered_by_account
from optout.ownership.forge_api import ForgeApi, forge_api
from optout.ownership.forges import Forge, User
from optout.ownership.sshsig import SshSignature, fingerprint, parse_signature, rsa_bits

METHOD = "ssh-signature"
NAMESPACE = "codesteward-ownership"
MOST_SIGNATURE = 16 * 1024
LEAST_RSA_BITS = 2048
SILENT_RSA_BITS = 3072
HASHES = frozenset({"sha256", "sha512"})
VERIFY_SECONDS = 10
PRINCIPAL = "requester"
"""What stands for the signer in ssh-keygen's file: never the login, which would be read as a pattern there."""

logger = logging.getLogger(__name__)


def prove(statement: Statement, answer: str, against: Forge, *, at: datetime | None = None) -> Proven:
    """`answer` is the armored signature. Raises NotProven."""
    if statement.forge != against.name:
        raise ValueError(f"the statement is for {statement.forge}, not {against.name}")
    statement.check_current(at)
    signature = _parsed(answer)
    _check_strength(signature)
    # Before the forge is asked anything: what it is asked in an hour is limited, and this is not.
    _verify(statement.text, signature)
    api = forge_api(against)
    user = _publisher(statement, signature, api)
    return Proven(
        method=METHOD,
        provider=against.name,
        kind=user.kind,
        subject_id=str(user.id),
        subject=user.login,
        covers=covered_by_account(statement.scopes, user, api),
        evidence=_evidence(statement, signature, user, against),
        since=user.since,
        notes=_notes(signature),
    )


def _parsed(text: str) -> SshSignature:
    if len(text) > MOST_SIGNATURE:
        raise NotProven(Problem.TOO_LARGE, what="The signature", limit=MOST_SIGNATURE)
    try:
        signature = parse_signature(text)
    except ValueError as error:
        raise NotProven(Problem.SIGNATURE_UNREADABLE, why=error) from None
    if signature.namespace != NAMESPACE:
        raise NotProven(Problem.WRONG_NAMESPACE, found=signature.namespace[:60], expected=NAMESPACE)
    return signature


def _check_strength(signature: SshSignature) -> None:
    if signature.hash_algorithm not in HASHES:
        raise NotProven(Problem.WEAK_SIGNATURE, found=f"the hash {signature.hash_algorithm[:40]}")
    # In a signature the name ssh-rsa means RSA with SHA-1; the key keeps that name with any hash.
    if signature.algorithm == "ssh-rsa":
        raise NotProven(Problem.WEAK_SIGNATURE, found="SHA-1")
    kind = signature.key_type
    if kind == "ssh-dss" or (kind == "ssh-rsa" and _rsa_bits(signature) < LEAST_RSA_BITS):
        raise NotProven(Problem.WEAK_KEY, fingerprint=fingerprint(signature.key), kind=kind)


def _rsa_bits(signature: SshSignature) -> int:
    try:
        return rsa_bits(signature.key)
    except ValueError as error:
        raise NotProven(Problem.SIGNATURE_UNREADABLE, why=error) from None


def _publisher(statement: Statement, signature: SshSignature, api: ForgeApi) -> User:
    """The account, where it is the one that publishes the key that signed."""
    user = api.user(statement.subject)
    if user.login.lower() != statement.subject.lower():
        # The forge leads from an old name to the new one: that tells whose it is, not that the signer asked for it.
        raise _moved(statement, api, f"called {user.login} now")
    if user.kind is not SubjectKind.USER:
        raise NotProven(Problem.NOT_A_PERSON, login=user.login, forge=api.forge.name)
    published = signature.key in api.keys(user.login)
    again = api.user(statement.subject)
    if (again.id, again.login) != (user.id, user.login):
        raise _moved(statement, api, "another account since just now")
    if not published:
        key = fingerprint(signature.key)
        raise NotProven(Problem.KEY_NOT_PUBLISHED, login=user.login, forge=api.forge.name, fingerprint=key)
    return user


def _moved(statement: Statement, api: ForgeApi, now: str) -> NotProven:
    return NotProven(Problem.MOVED, name=statement.subject, forge=api.forge.name, now=now)


def _verify(text: str, signature: SshSignature) -> None:
    key = f"{signature.key_type} {base64.b64encode(signature.key).decode('ascii')}"
    with tempfile.TemporaryDirectory(prefix="codesteward-") as name:
        folder = Path(name)
        allowed, armored = folder / "allowed_signers", folder / "signature"
        allowed.write_text(f'{PRINCIPAL} namespaces="{NAMESPACE}" {key}\n', encoding="ascii")
        armored.write_text(signature.armored, encoding="ascii")
        command = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", PRINCIPAL]
        command += ["-f", str(allowed), "-s", str(armored)]
        if not _succeeds(command, text.encode("ascii"), folder):
            raise NotProven(Problem.BAD_SIGNATURE)


def _succeeds(command: list[str], sent: bytes, folder: Path) -> bool:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, input=sent, env=environment, capture_output=True, timeout=VERIFY_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.exception("ssh-keygen cannot be run")
        raise NotProven(Problem.VERIFIER_UNAVAILABLE) from error
    return done.returncode == 0


def _notes(signature: SshSignature) -> tuple[str, ...]:
    bits = rsa_bits(signature.key) if signature.key_type == "ssh-rsa" else SILENT_RSA_BITS
    return (f"The key is RSA of {bits:,} bits.",) if bits < SILENT_RSA_BITS else ()


def _evidence(statement: Statement, signature: SshSignature, user: User, forge: Forge) -> dict[str, object]:
    return {
        "method": METHOD,
        "statement": statement.text,
        "namespace": NAMESPACE,
        "signature": signature.armored,
        "key": {"type": signature.key_type, "fingerprint": fingerprint(signature.key)},
        "forge": {"name": forge.name, "kind": forge.kind, "api": forge.api},
        "account": {"id": user.id, "login": user.login, "kind": user.kind},
    }
