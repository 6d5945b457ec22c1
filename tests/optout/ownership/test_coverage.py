"""What a proven account covers: what lies in it, what moved into it, and nothing that is somebody else's."""

from collections.abc import Callable

import pytest

from optout.ownership import coverage
from optout.ownership.base import Covered, Ground, Proven
from optout.ownership.coverage import COVERING, SENTENCES
from optout.ownership.forges import parse_forges
from optout.ownership.ssh_signature import prove
from tests.optout.ownership.conftest import MakeKey, Signer, configured, statement
from tests.optout.ownership.forge import Forge, slow, status


def said(proven: Proven, scope: str) -> Covered:
    return next(covered for covered in proven.covers if covered.scope == scope)


def outcome(proven: Proven, scope: str) -> tuple[bool, Ground]:
    covered = said(proven, scope)
    assert covered.sentence.endswith(".")
    return covered.owned, covered.ground


@pytest.fixture
def bob(forge: Forge) -> str:
    forge.account("bob")
    forge.repository("bob/parser")
    return "bob"


def test_every_scope_is_answered_once_and_in_order(ada: Signer) -> None:
    scopes = ("account:ada", "email:ada@example.org", f"swhid:swh:1:cnt:{'a' * 40}", "repo:ada/x", "path:ada/x/y")
    assert tuple(covered.scope for covered in ada.prove(*scopes).covers) == tuple(sorted(scopes))


def test_what_lies_in_the_account_is_covered(ada: Signer) -> None:
    ada.forge.repository("ada/Engine")
    proven = ada.prove("account:ada", "repo:ada/engine", "path:ada/engine/src", "path:ada/engine/docs/Read me.txt")
    assert {covered.ground for covered in proven.covers} == {Ground.ACCOUNT}
    assert all(covered.owned for covered in proven.covers)
    assert proven.names == {}
    assert ada.forge.asked.count("/repos/ada/engine") == 1


def test_what_was_deleted_or_made_private_is_covered_by_its_name(ada: Signer) -> None:
    ada.forge.repository("ada/secret", private=True)
    proven = ada.prove("repo:ada/secret", "repo:ada/never", "path:ada/größe/x")
    assert {covered.ground for covered in proven.covers} == {Ground.ACCOUNT}


def test_what_is_somebody_elses_is_not_covered(ada: Signer, bob: str) -> None:
    ada.forge.account("carol")
    proven = ada.prove("account:bob", "account:nobody", "repo:bob/parser", "path:bob/parser/x", "repo:bob/never")
    assert outcome(proven, "account:bob") == (False, Ground.OTHER_ACCOUNT)
    assert outcome(proven, "account:nobody") == (False, Ground.GONE)
    assert outcome(proven, "repo:bob/parser") == (False, Ground.OTHER_OWNER)
    assert outcome(proven, "path:bob/parser/x") == (False, Ground.OTHER_OWNER)
    assert outcome(proven, "repo:bob/never") == (False, Ground.GONE)


def test_names_that_begin_like_the_account_are_not_in_it(ada: Signer) -> None:
    ada.forge.account("ada-lovelace")
    ada.forge.repository("ada-lovelace/engine")
    proven = ada.prove("repo:ada-lovelace/engine", "account:ada-lovelace", "account:ada.x", "repo:adaa/engine")
    assert not any(covered.owned for covered in proven.covers)


def test_a_repository_that_was_renamed_is_covered_under_both_names(ada: Signer) -> None:
    ada.forge.repository("ada/engine")
    ada.forge.rename("ada/engine", "ada/Motor")
    proven = ada.prove("repo:ada/engine", "path:ada/engine/src/a.c", "repo:ada/motor")
    assert outcome(proven, "repo:ada/engine") == (True, Ground.RENAMED)
    assert outcome(proven, "repo:ada/motor") == (True, Ground.ACCOUNT)
    assert proven.names == {
        "repo:ada/engine": ("repo:ada/motor",),
        "path:ada/engine/src/a.c": ("path:ada/motor/src/a.c",),
    }


def test_what_stands_under_the_old_name_of_the_account_is_covered(ada: Signer) -> None:
    """The forge leads from the old name of each repository; whose the old name of the account is, it does not say."""
    ada.forge.repository("ada/engine")
    ada.forge.rename_account("ada", "lovelace")
    proven = Signer(ada.forge, "lovelace", ada.key).prove("repo:ada/engine", "account:ada")
    assert outcome(proven, "repo:ada/engine") == (True, Ground.RENAMED)
    assert proven.names == {"repo:ada/engine": ("repo:lovelace/engine",)}
    assert outcome(proven, "account:ada") == (False, Ground.GONE)


def test_who_takes_an_old_name_does_not_get_what_stood_under_it(ada: Signer, make: MakeKey) -> None:
    ada.forge.repository("ada/engine")
    ada.forge.rename_account("ada", "lovelace")
    ada.forge.account("ada", keys=[make(number=4).public])
    proven = Signer(ada.forge, "ada", make(number=4)).prove("repo:ada/engine", "path:ada/engine/src")
    assert {covered.ground for covered in proven.covers} == {Ground.OTHER_OWNER}
    assert not any(covered.owned for covered in proven.covers)
    assert "lovelace/engine" in said(proven, "repo:ada/engine").sentence


def test_a_repository_that_was_given_away_is_the_new_owners(ada: Signer, bob: str, make: MakeKey) -> None:
    ada.forge.repository("ada/engine")
    ada.forge.rename("ada/engine", "bob/engine")
    ada.forge.user("bob").keys.append(make(number=5).public)
    assert outcome(ada.prove("repo:ada/engine"), "repo:ada/engine") == (False, Ground.OTHER_OWNER)
    theirs = Signer(ada.forge, "bob", make(number=5)).prove("repo:ada/engine")
    assert outcome(theirs, "repo:ada/engine") == (True, Ground.RENAMED)


def test_a_fork_covers_itself_and_never_its_parent(ada: Signer, bob: str) -> None:
    ada.forge.commit("bob/parser", {"a": "b"})
    ada.forge.fork("bob/parser", "ada/parser")
    proven = ada.prove("repo:ada/parser", "repo:bob/parser")
    assert outcome(proven, "repo:ada/parser") == (True, Ground.ACCOUNT)
    assert outcome(proven, "repo:bob/parser") == (False, Ground.OTHER_OWNER)


def test_addresses_and_contents_are_not_shown_by_a_signature(ada: Signer) -> None:
    proven = ada.prove("email:ada@example.org", f"swhid:swh:1:cnt:{'a' * 40}")
    assert {covered.ground for covered in proven.covers} == {Ground.NOT_SHOWN}


def test_an_account_at_another_forge_than_the_datasets_covers_nothing_of_them(ada: Signer) -> None:
    """Anybody may have taken the same name at the second forge."""
    setting = f"home=github+http://localhost:1, {ada.forge.setting}"
    stated = ada.state("account:ada", "repo:ada/x", "path:ada/x/y", "email:a@example.org")
    proven = prove(stated, ada.key.sign(stated.text), parse_forges(setting, allow_private=True)["local"])
    assert proven.provider == "local"
    assert not any(covered.owned for covered in proven.covers)
    assert outcome(proven, "account:ada") == (False, Ground.OTHER_FORGE)
    assert not [path for path in ada.forge.asked if path.startswith("/repos")]


def test_a_forge_that_fails_after_the_proof_is_not_asked_on_and_names_decide(ada: Signer, bob: str) -> None:
    ada.forge.fails("/repos", status(429))
    proven = ada.prove("repo:ada/x", "repo:ada/y", "repo:bob/parser", "repo:bob/other")
    assert outcome(proven, "repo:ada/x") == (True, Ground.ACCOUNT)
    assert outcome(proven, "repo:bob/parser") == (False, Ground.NOT_ASKED)
    assert len([path for path in ada.forge.asked if path.startswith("/repos")]) == 1


def test_no_more_than_a_hundred_questions_are_asked_first_those_that_matter(ada: Signer, bob: str) -> None:
    ada.forge.repository("ada/engine")
    ada.forge.rename("ada/engine", "ada/motor")
    own = [f"repo:ada/r{number:03}" for number in range(120)]
    proven = ada.prove("repo:bob/parser", "repo:zoe/x", *own)
    assert outcome(proven, "repo:bob/parser") == (False, Ground.OTHER_OWNER)
    assert outcome(proven, "repo:zoe/x") == (False, Ground.GONE)
    assert all(outcome(proven, scope) == (True, Ground.ACCOUNT) for scope in own)
    assert len([path for path in ada.forge.asked if path.startswith("/repos")]) == 100


def test_more_foreign_names_than_questions_are_not_covered(ada: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "MOST_QUESTIONS", 2)
    proven = ada.prove("repo:a/x", "repo:b/x", "repo:c/x", "account:d")
    assert {covered.ground for covered in proven.covers} == {Ground.GONE, Ground.NOT_ASKED}
    assert not any(covered.owned for covered in proven.covers)


def test_no_more_is_asked_when_the_time_is_up(ada: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "MOST_SECONDS", -1.0)
    assert outcome(ada.prove("repo:bob/x"), "repo:bob/x") == (False, Ground.NOT_ASKED)


def test_a_renamed_account_is_followed_where_the_forge_leads_from_its_old_name(make: MakeKey) -> None:
    with Forge("forgejo") as forge:
        forge.account("ada", keys=[make().public])
        forge.repository("ada/engine")
        forge.rename_account("ada", "lovelace")
        proven = Signer(forge, "lovelace", make()).prove("account:ada", "repo:ada/engine")
    assert proven.names == {"account:ada": ("account:lovelace",), "repo:ada/engine": ("repo:lovelace/engine",)}
    assert all(covered.owned for covered in proven.covers)


def test_every_ground_has_a_sentence_and_those_that_cover_are_said() -> None:
    assert set(SENTENCES) == set(Ground)
    assert set(Ground) > COVERING


def test_a_forge_that_hangs_up_after_the_proof_does_no_harm(ada: Signer) -> None:
    ada.forge.fails("/repos", slow(0))
    assert outcome(ada.prove("repo:ada/x"), "repo:ada/x") == (True, Ground.ACCOUNT)


@pytest.mark.parametrize(
    "change", [Forge.delete_repository, lambda forge, name: forge.delete_account(name.split("/")[0])]
)
def test_what_is_gone_shows_nothing_about_whose_it_was(
    ada: Signer, bob: str, change: Callable[[Forge, str], None]
) -> None:
    change(ada.forge, "bob/parser")
    assert outcome(ada.prove("repo:bob/parser"), "repo:bob/parser") == (False, Ground.GONE)


def test_a_login_in_another_case_is_the_same_account(forge: Forge, make: MakeKey) -> None:
    forge.account("Ada", keys=[make().public])
    stated = statement("account:ada", "repo:ada/x", subject="aDA")
    assert all(covered.owned for covered in prove(stated, make().sign(stated.text), configured(forge)).covers)
