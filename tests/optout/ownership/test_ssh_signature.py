"""Proof by an SSH signature: real keys, real ssh-keygen, a forge that lists the keys."""

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from optout.ownership.base import NotProven, Problem, Proven, Statement, SubjectKind
from optout.ownership.ssh_signature import prove
from tests.optout.ownership.conftest import MakeKey, Signer, configured, statement
from tests.optout.ownership.forge import Forge
from tests.optout.ownership.ssh_keys import TokenKey, armor, blob_of, string, wrap


def refusal(stated: Statement, answer: str, forge: Forge, **options: datetime) -> NotProven:
    with pytest.raises(NotProven) as caught:
        prove(stated, answer, configured(forge), **options)
    assert str(caught.value).endswith(".")
    return caught.value


def owned(proven: Proven) -> dict[str, bool]:
    return {covered.scope: covered.owned for covered in proven.covers}


@pytest.mark.parametrize(
    ("kind", "bits"), [("ed25519", 0), ("ecdsa", 256), ("ecdsa", 521), ("rsa", 3072), ("rsa", 2048)]
)
@pytest.mark.parametrize("hash_algorithm", ["sha256", "sha512"])
def test_a_signature_by_a_published_key_proves_the_account(
    forge: Forge, make: MakeKey, kind: str, bits: int, hash_algorithm: str
) -> None:
    key = make(kind, bits)
    account = forge.account("Ada", keys=[make().public, key.public])
    stated = statement("account:ada", subject="ada")
    proven = prove(stated, key.sign(stated.text, hash_algorithm=hash_algorithm), configured(forge))
    assert (proven.method, proven.provider, proven.kind) == ("ssh-signature", "local", SubjectKind.USER)
    assert (proven.subject_id, proven.subject) == (str(account.id), "Ada")
    assert owned(proven) == {"account:ada": True}
    assert proven.since == datetime(2015, 6, 1, 12, tzinfo=UTC)


def test_a_key_of_a_security_token_proves_as_well(forge: Forge) -> None:
    key = TokenKey()
    forge.account("ada", keys=[key.public])
    stated = statement()
    assert owned(prove(stated, key.sign(stated.text), configured(forge))) == {"account:ada": True}
    assert refusal(stated, key.sign(f"{stated.text} "), forge).code is Problem.BAD_SIGNATURE


def test_a_key_that_is_published_for_signing_only_proves_as_well(forge: Forge, make: MakeKey) -> None:
    forge.account("ada", signing_keys=[make().public])
    stated = statement()
    assert owned(prove(stated, make().sign(stated.text), configured(forge))) == {"account:ada": True}


def test_a_key_on_a_later_page_of_the_list_is_found(forge: Forge, make: MakeKey) -> None:
    others = [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{number:043d}" for number in range(250)]
    forge.account("ada", keys=[*others, make().public])
    stated = statement()
    assert owned(prove(stated, make().sign(stated.text), configured(forge))) == {"account:ada": True}


def test_the_signature_may_come_with_the_line_ends_of_a_web_form(ada: Signer) -> None:
    stated = ada.state()
    answer = "\r\n " + ada.key.sign(stated.text).replace("\n", "\r\n") + "\r\n"
    assert owned(prove(stated, answer, configured(ada.forge))) == {"account:ada": True}


def test_the_evidence_can_be_checked_again_with_ssh_keygen_alone(ada: Signer, tmp_path: Path) -> None:
    proven = ada.prove()
    evidence = json.loads(proven.evidence_bytes)
    (tmp_path / "signature").write_text(evidence["signature"])
    (tmp_path / "allowed").write_text(f"ada {ada.key.public}\n")
    command = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        "allowed",
        "-I",
        "ada",
        "-n",
        evidence["namespace"],
        "-s",
        "signature",
    ]
    done = subprocess.run(command, cwd=tmp_path, input=evidence["statement"].encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert evidence["account"] == {"id": int(proven.subject_id), "kind": "user", "login": "ada"}
    assert len(proven.evidence_sha256) == 64


def test_an_rsa_key_of_2048_bits_is_noted_and_one_of_3072_is_not(forge: Forge, make: MakeKey) -> None:
    small, large = make("rsa", 2048), make("rsa", 3072)
    forge.account("ada", keys=[small.public, large.public])
    stated = statement()
    assert prove(stated, small.sign(stated.text), configured(forge)).notes == ("The key is RSA of 2,048 bits.",)
    assert prove(stated, large.sign(stated.text), configured(forge)).notes == ()


def test_an_rsa_key_of_1024_bits_is_refused_though_ssh_keygen_would_take_it(forge: Forge, make: MakeKey) -> None:
    key = make("rsa", 1024)
    forge.account("ada", keys=[key.public])
    stated = statement()
    assert refusal(stated, key.sign(stated.text), forge).code is Problem.WEAK_KEY
    assert forge.asked == []


def test_a_dsa_key_is_refused(ada: Signer) -> None:
    key = string("ssh-dss") + string(b"\x7f" * 128) * 4
    assert refusal(ada.state(), armor(key, string("ssh-dss") + string(bytes(40))), ada.forge).code is Problem.WEAK_KEY


def test_a_signature_with_sha1_is_refused(ada: Signer, make: MakeKey) -> None:
    rsa = blob_of(make("rsa", 2048).public)
    old = armor(rsa, string("ssh-rsa") + string(bytes(256)))
    assert refusal(ada.state(), old, ada.forge).code is Problem.WEAK_SIGNATURE
    other = armor(blob_of(ada.key.public), hash_algorithm="sha1")
    assert refusal(ada.state(), other, ada.forge).code is Problem.WEAK_SIGNATURE


@pytest.mark.parametrize("namespace", ["file", "git", "codesteward-ownership2", "codesteward-exclusion-list"])
def test_a_signature_for_another_namespace_is_refused(ada: Signer, namespace: str) -> None:
    stated = ada.state()
    refused = refusal(stated, ada.key.sign(stated.text, namespace), ada.forge)
    assert refused.code is Problem.WRONG_NAMESPACE
    assert namespace in str(refused)
    assert "-n codesteward-ownership" in str(refused)


def test_a_signature_that_only_says_our_namespace_is_refused(ada: Signer) -> None:
    """The namespace is part of what is signed: changing it in the armor does not do."""
    stated = ada.state()
    lines = ada.key.sign(stated.text, "codesteward-ownershiq").splitlines()[1:-1]
    blob = base64.b64decode("".join(lines))
    forged = wrap(blob.replace(b"codesteward-ownershiq", b"codesteward-ownership"))
    assert refusal(stated, forged, ada.forge).code is Problem.BAD_SIGNATURE


def test_a_signature_over_another_nonce_is_refused(ada: Signer) -> None:
    assert refusal(ada.state(), ada.key.sign(ada.state().text), ada.forge).code is Problem.BAD_SIGNATURE


def test_a_signature_over_other_scopes_request_service_or_subject_is_refused(ada: Signer) -> None:
    stated = ada.state("repo:ada/engine")
    same = {name: getattr(stated, name) for name in stated.__slots__}
    changes = {"scopes": ("account:ada",), "request": "r-43", "origin": "https://evil.example.org", "subject": "Ada"}
    for name, value in changes.items():
        other = Statement(**(same | {name: value}))
        assert refusal(stated, ada.key.sign(other.text), ada.forge).code is Problem.BAD_SIGNATURE, name


def test_a_signature_over_a_text_that_differs_by_one_byte_is_refused(ada: Signer) -> None:
    stated = ada.state()
    text = stated.text
    for at in (0, len(text) // 2, len(text) - 2):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        assert refusal(stated, ada.key.sign(changed), ada.forge).code is Problem.BAD_SIGNATURE
    assert refusal(stated, ada.key.sign(text.rstrip()), ada.forge).code is Problem.BAD_SIGNATURE


def test_an_expired_challenge_is_refused_whatever_the_signature(ada: Signer) -> None:
    stated = ada.state()
    answer = ada.key.sign(stated.text)
    refused = refusal(stated, answer, ada.forge, at=stated.expires_at)
    assert refused.code is Problem.EXPIRED
    assert stated.expires in str(refused)
    assert ada.forge.asked == []
    assert prove(stated, answer, configured(ada.forge), at=stated.expires_at - timedelta(seconds=1))


def test_a_signature_by_the_key_of_another_account_is_refused(ada: Signer, mallory: Signer) -> None:
    stated = ada.state()
    refused = refusal(stated, mallory.key.sign(stated.text), ada.forge)
    assert refused.code is Problem.KEY_NOT_PUBLISHED
    assert "ada at local" in str(refused)
    assert "SHA256:" in str(refused)


def test_a_key_that_is_not_published_any_more_is_refused(ada: Signer, make: MakeKey) -> None:
    ada.forge.user("ada").keys[:] = [make(number=2).public]
    stated = ada.state()
    assert refusal(stated, ada.key.sign(stated.text), ada.forge).code is Problem.KEY_NOT_PUBLISHED


def test_an_account_that_does_not_exist_is_named(forge: Forge, make: MakeKey) -> None:
    stated = statement(subject="nobody")
    refused = refusal(stated, make().sign(stated.text), forge)
    assert refused.code is Problem.NO_SUCH_ACCOUNT
    assert "nobody" in str(refused)


def test_an_account_that_was_renamed_is_refused_under_its_old_name(ada: Signer) -> None:
    ada.forge.rename_account("ada", "lovelace")
    stated = ada.state()
    assert refusal(stated, ada.key.sign(stated.text), ada.forge).code is Problem.NO_SUCH_ACCOUNT


def test_a_name_that_somebody_else_took_is_theirs_and_has_another_number(ada: Signer, make: MakeKey) -> None:
    """The old holder cannot sign for it, and the new one is told from the old one by number and age."""
    before = ada.prove()
    ada.forge.rename_account("ada", "lovelace")
    ada.forge.account("ada", keys=[make(number=3).public], since="2026-10-01T00:00:00Z")
    stated = ada.state()
    assert refusal(stated, ada.key.sign(stated.text), ada.forge).code is Problem.KEY_NOT_PUBLISHED
    after = Signer(ada.forge, "ada", make(number=3)).prove()
    assert after.subject_id != before.subject_id
    assert after.since == datetime(2026, 10, 1, tzinfo=UTC)


def test_a_name_that_changes_hands_while_its_keys_are_fetched_proves_nothing(ada: Signer, make: MakeKey) -> None:
    """The keys of the new holder must not count for the number of the old one, nor the other way round."""

    def takes_over() -> None:
        ada.forge.delete_account("ada")
        ada.forge.account("ada", keys=[ada.key.public])

    ada.forge.before("/users/ada/keys", takes_over)
    stated = ada.state()
    assert refusal(stated, ada.key.sign(stated.text), ada.forge).code is Problem.MOVED


def test_a_name_that_leads_to_another_one_is_not_taken_for_it(make: MakeKey) -> None:
    """Forgejo leads from the old name of an account to its new one, be it old for years or since just now."""
    stated = statement()
    answer = make().sign(stated.text)
    with Forge("forgejo") as forge:
        forge.account("ada", keys=[make().public])
        assert prove(stated, answer, configured(forge)).subject == "ada"
        forge.before("/ada.keys", lambda: forge.before("/users/ada", lambda: forge.rename_account("ada", "lovelace")))
        assert "since just now" in str(refusal(stated, answer, forge))
        later = refusal(stated, answer, forge)
        assert later.code is Problem.MOVED
        assert "called lovelace" in str(later)


def test_an_organisation_is_sent_to_the_challenge_file(forge: Forge, make: MakeKey) -> None:
    forge.account("lab", organisation=True, keys=[make().public])
    stated = statement(subject="lab")
    assert refusal(stated, make().sign(stated.text), forge).code is Problem.NOT_A_PERSON


def unreadable(answer: str) -> dict[str, str]:
    first, *middle, last = answer.splitlines()
    return {
        "nothing": "",
        "another block": answer.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        "two of them": answer + answer,
        "no end": "\n".join([first, *middle]),
        "no content": f"{first}\n{last}",
        "no base64": "\n".join([first, "!" + middle[0], *middle[1:], last]),
        "cut short": "\n".join([first, *middle[:-1], last]),
        "something after it": "\n".join([first, *middle, "AAAA", last]),
        "another version": armor(b"\0\0\0\x03abc", version=2),
        "no namespace": armor(b"\0\0\0\x03abc", namespace=""),
        "line break in its key type": armor(string("a\nb")),
        "rsa without a modulus": armor(string("ssh-rsa"), string("rsa-sha2-512") + string(b"")),
        "a text": "please take my code out",
    }


def test_what_is_no_signature_is_refused_before_anything_is_asked_or_run(
    ada: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = ada.state()
    cases = unreadable(ada.key.sign(stated.text))
    monkeypatch.setenv("PATH", "/nonexistent")
    for name, answer in cases.items():
        assert refusal(stated, answer, ada.forge).code is Problem.SIGNATURE_UNREADABLE, name
    assert ada.forge.asked == []


def test_a_signature_of_more_than_16_kib_is_refused(ada: Signer) -> None:
    stated = ada.state()
    answer = ada.key.sign(stated.text)
    assert refusal(stated, answer + " " * 2**14, ada.forge).code is Problem.TOO_LARGE


def test_without_ssh_keygen_nothing_is_proven_and_nothing_is_lost(ada: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    stated = ada.state()
    answer = ada.key.sign(stated.text)
    monkeypatch.setenv("PATH", "/nonexistent")
    refused = refusal(stated, answer, ada.forge)
    assert refused.code is Problem.VERIFIER_UNAVAILABLE
    assert refused.temporary


def test_a_bad_signature_costs_no_question_to_the_forge(ada: Signer) -> None:
    assert not refusal(ada.state(), ada.key.sign("something else"), ada.forge).temporary
    assert ada.forge.asked == []


def test_a_statement_for_another_forge_is_a_mistake_of_the_caller(ada: Signer) -> None:
    with pytest.raises(ValueError, match="github"):
        prove(statement(forge="github"), "", configured(ada.forge))


def test_nothing_is_left_on_the_disk(ada: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ada.prove()
    stated = ada.state()
    refusal(stated, ada.key.sign(""), ada.forge)
    assert list(tmp_path.iterdir()) == []
