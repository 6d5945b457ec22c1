"""Proof by a file on the default branch: real git repositories, and every way to show a file that is not there."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from optout.ownership.base import Ground, NotProven, Problem, Proven, Statement, SubjectKind
from optout.ownership.challenge_file import PATH, prove
from optout.ownership.client import GuardedClient
from optout.ownership.forges import parse_forges
from tests.optout.ownership.conftest import configured, statement
from tests.optout.ownership.forge import Forge, body, status

SCOPES = ("account:ada", "repo:ada/engine", "path:ada/engine/src")


@pytest.fixture
def stated(forge: Forge) -> Statement:
    """A challenge of ada's, who has a repository that does not answer it yet."""
    forge.account("ada")
    forge.repository("ada/engine", {"README.md": "hello"})
    return statement(*SCOPES)


def refusal(stated: Statement, repository: str, forge: Forge, **options: datetime) -> NotProven:
    with pytest.raises(NotProven) as caught:
        prove(stated, repository, configured(forge), **options)
    assert str(caught.value).endswith(".")
    return caught.value


def grounds(proven: Proven) -> dict[str, tuple[bool, Ground]]:
    assert all(covered.sentence.endswith(".") for covered in proven.covers)
    return {covered.scope: (covered.owned, covered.ground) for covered in proven.covers}


def test_the_file_on_the_default_branch_proves_the_repository(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {PATH: stated.text})
    proven = prove(stated, "Ada/Engine", configured(forge))
    assert (proven.method, proven.provider, proven.kind) == ("challenge-file", "local", SubjectKind.REPOSITORY)
    assert (proven.subject_id, proven.subject) == (str(forge.repo("ada/engine").id), "ada/engine")
    assert grounds(proven) == {
        "account:ada": (False, Ground.OTHER_REPOSITORY),
        "repo:ada/engine": (True, Ground.REPOSITORY),
        "path:ada/engine/src": (True, Ground.REPOSITORY),
    }
    assert proven.names == {}
    assert proven.since == datetime(2015, 6, 1, 12, tzinfo=UTC)
    assert proven.evidence["statement"] == stated.text


def test_other_repositories_of_the_same_account_are_not_proven(forge: Forge) -> None:
    forge.account("ada")
    stated = statement("repo:ada/engine", "repo:ada/other", "path:ada/engine-2/x", "account:bob", "email:a@example.org")
    forge.repository("ada/engine", {PATH: stated.text})
    owned = [scope for scope, (owned, _) in grounds(prove(stated, "ada/engine", configured(forge))).items() if owned]
    assert owned == ["repo:ada/engine"]


@pytest.mark.parametrize("branch", ["trunk", "release/2026", "f" * 39, "größe", "a#b&c=d%2Fe"])
def test_any_default_branch_will_do(forge: Forge, branch: str) -> None:
    forge.account("ada")
    stated = statement("repo:ada/engine")
    forge.repository("ada/engine", {PATH: stated.text}, branch=branch)
    assert prove(stated, "ada/engine", configured(forge)).covers[0].owned


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.rstrip(),
        lambda text: text + "\n\n  \n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "  \t\n"),
    ],
)
def test_white_space_at_line_ends_makes_no_difference(forge: Forge, stated: Statement, change: type[str]) -> None:
    forge.commit("ada/engine", {PATH: change(stated.text)})
    assert prove(stated, "ada/engine", configured(forge))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: " " + text,
        lambda text: "\n" + text,
        lambda text: "\ufeff" + text,
        lambda text: text + "x",
        lambda text: text.replace("\n", "\n\n", 1),
        lambda text: text.replace("subject: ada", "subject: adb"),
        lambda text: text.replace("intent: ", "intent:  "),
        lambda text: text.replace("a", "а", 1),  # a Cyrillic one
        lambda text: text.upper(),
        lambda text: "\n".join(reversed(text.splitlines())),
        lambda text: text + text,
        lambda text: text.replace("\n", "\0\n", 1),
    ],
)
def test_a_file_with_any_other_text_is_refused(forge: Forge, stated: Statement, change: type[str]) -> None:
    forge.commit("ada/engine", {PATH: change(stated.text)})
    assert refusal(stated, "ada/engine", forge).code is Problem.FILE_DIFFERS


def test_bytes_that_are_no_text_are_refused(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {PATH: b"\xff\xfe" + stated.text.encode("utf-16-le")})
    assert refusal(stated, "ada/engine", forge).code is Problem.FILE_DIFFERS


def test_the_file_of_another_challenge_is_named_as_such(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {PATH: statement(*SCOPES).text})
    assert refusal(stated, "ada/engine", forge).code is Problem.OTHER_NONCE


def test_a_missing_file_is_told_with_its_branch(forge: Forge, stated: Statement) -> None:
    refused = refusal(stated, "ada/engine", forge)
    assert refused.code is Problem.FILE_MISSING
    assert all(part in str(refused) for part in (PATH, "main", "ada/engine"))


def test_a_file_elsewhere_is_missing(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {"codesteward-challenge": stated.text, f"{PATH}/inner": stated.text})
    assert refusal(stated, "ada/engine", forge).code is Problem.FILE_MISSING


def test_an_empty_repository_is_no_crash(forge: Forge) -> None:
    forge.account("ada")
    repo = forge.repository("ada/empty")
    assert refusal(statement(), "ada/empty", forge).code is Problem.FILE_MISSING
    repo.default_branch = ""
    assert refusal(statement(), "ada/empty", forge).code is Problem.FILE_MISSING


@pytest.mark.parametrize("size", [4097, 300_000])
def test_a_large_file_is_refused_whatever_it_holds(forge: Forge, stated: Statement, size: int) -> None:
    forge.commit("ada/engine", {PATH: stated.text + " " * (size - len(stated.text))})
    assert refusal(stated, "ada/engine", forge).code is Problem.TOO_LARGE


def test_a_file_of_the_largest_size_is_read(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {PATH: stated.text + " " * (4096 - len(stated.text))})
    assert prove(stated, "ada/engine", configured(forge))


def test_a_file_on_another_branch_is_missing(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {PATH: stated.text}, branch="proposal")
    assert refusal(stated, "ada/engine", forge).code is Problem.FILE_MISSING


def shown_under_the_parent(forge: Forge, ref: str) -> bytes:
    """So that the tests below do not pass because the forge of the tests is better than GitHub."""
    client = GuardedClient([forge.web], allow_private=True)
    return client.get(f"{forge.url}/repositories/{forge.repo('ada/engine').id}/contents/{PATH}?ref={ref}").body


def test_a_commit_that_was_pushed_to_a_fork_shows_nothing_about_the_parent(forge: Forge, stated: Statement) -> None:
    forge.account("mallory")
    forge.fork("ada/engine", "mallory/engine")
    commit = forge.commit("mallory/engine", {PATH: stated.text})
    assert b'"type": "file"' in shown_under_the_parent(forge, commit)
    assert refusal(stated, "ada/engine", forge).code is Problem.FILE_MISSING
    asked = len(forge.asked)
    for form in ("ada/engine@{}", "ada/engine/tree/{}", "ada/engine?ref={}", "ada/engine#{}", "ada/engine&ref={}"):
        assert refusal(stated, form.format(commit), forge).code is Problem.BAD_NAME
    assert len(forge.asked) == asked


def test_a_pull_request_shows_nothing_about_the_repository_it_is_offered_to(forge: Forge, stated: Statement) -> None:
    forge.account("mallory")
    forge.fork("ada/engine", "mallory/engine")
    forge.commit("mallory/engine", {PATH: stated.text})
    ref = forge.pull_request("ada/engine", "mallory/engine")
    assert b'"type": "file"' in shown_under_the_parent(forge, ref)
    assert refusal(stated, "ada/engine", forge).code is Problem.FILE_MISSING


def test_a_default_branch_that_could_be_a_commit_or_a_pull_request_is_not_followed(
    forge: Forge, stated: Statement
) -> None:
    forge.account("mallory")
    forge.fork("ada/engine", "mallory/engine")
    commit = forge.commit("mallory/engine", {PATH: stated.text})
    ref = forge.pull_request("ada/engine", "mallory/engine")
    for branch in (commit, commit.upper(), "a" * 64, ref, "refs/heads/main", "pull/1/head"):
        forge.repo("ada/engine").default_branch = branch
        assert refusal(stated, "ada/engine", forge).code is Problem.ODD_BRANCH, branch


def test_a_fork_proves_itself_and_never_its_parent(forge: Forge, stated: Statement) -> None:
    forge.account("mallory")
    forge.fork("ada/engine", "mallory/engine")
    theirs = statement("repo:ada/engine", "path:ada/engine/src", "repo:mallory/engine", subject="mallory")
    forge.commit("mallory/engine", {PATH: theirs.text})
    proven = prove(theirs, "mallory/engine", configured(forge))
    assert grounds(proven) == {
        "repo:mallory/engine": (True, Ground.REPOSITORY),
        "repo:ada/engine": (False, Ground.FORK),
        "path:ada/engine/src": (False, Ground.FORK),
    }
    assert proven.notes == ("mallory/engine is a fork of ada/engine.",)


def test_the_profile_repository_proves_the_account_of_a_person(forge: Forge) -> None:
    account = forge.account("Ada")
    stated = statement("account:ada", "account:bob", "repo:ada/engine", "repo:ada/ada")
    forge.repository("Ada/ada", {PATH: stated.text})
    proven = prove(stated, "ada/ada", configured(forge))
    assert grounds(proven) == {
        "account:ada": (True, Ground.PROFILE),
        "account:bob": (False, Ground.OTHER_ACCOUNT),
        "repo:ada/ada": (True, Ground.REPOSITORY),
        "repo:ada/engine": (False, Ground.OTHER_REPOSITORY),
    }
    assert proven.evidence["owner"] == {"id": account.id, "login": "Ada", "kind": "user"}
    assert not proven.of_organisation


@pytest.mark.parametrize("kind", ["github", "forgejo"])
def test_no_repository_proves_all_of_an_organisation(kind: str) -> None:
    stated = statement("account:lab", "repo:lab/lab", subject="lab")
    with Forge(kind) as forge:
        forge.account("lab", organisation=True)
        forge.repository("lab/lab", {PATH: stated.text})
        proven = prove(stated, "lab/lab", configured(forge))
    assert grounds(proven) == {
        "account:lab": (False, Ground.ORGANISATION),
        "repo:lab/lab": (True, Ground.REPOSITORY),
    }
    assert proven.of_organisation
    assert proven.kind is SubjectKind.REPOSITORY


@pytest.mark.parametrize("kind", ["github", "forgejo"])
def test_a_repository_is_found_under_the_old_name_that_was_claimed(kind: str) -> None:
    stated = statement("repo:ada/engine", "path:ada/engine/src", "repo:lovelace/motor")
    with Forge(kind) as forge:
        forge.account("ada")
        forge.repository("ada/engine", {PATH: stated.text})
        forge.rename("ada/engine", "ada/motor")
        forge.rename_account("ada", "lovelace")
        proven = prove(stated, "ada/engine", configured(forge))
    assert proven.subject == "lovelace/motor"
    assert all(covered.owned for covered in proven.covers)
    assert proven.names == {
        "repo:ada/engine": ("repo:lovelace/motor",),
        "path:ada/engine/src": ("path:lovelace/motor/src",),
    }


def test_an_old_name_that_was_taken_again_is_the_new_repository(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {PATH: stated.text})
    forge.rename("ada/engine", "ada/motor")
    forge.repository("ada/engine", {"README.md": "another one"})
    assert refusal(stated, "ada/engine", forge).code is Problem.FILE_MISSING


def renamed(forge: Forge, stated: Statement) -> None:
    forge.rename("ada/engine", "ada/motor")


def given_away(forge: Forge, stated: Statement) -> None:
    forge.account("bob")
    forge.rename("ada/engine", "bob/engine")


def of_another_branch(forge: Forge, stated: Statement) -> None:
    forge.repo("ada/engine").default_branch = "other"


def replaced(forge: Forge, stated: Statement) -> None:
    forge.delete_repository("ada/engine")
    forge.repository("ada/engine", {PATH: stated.text})


@pytest.mark.parametrize(
    ("kind", "change", "problem"),
    [
        ("github", renamed, Problem.MOVED),
        ("github", given_away, Problem.MOVED),
        ("github", of_another_branch, Problem.MOVED),
        ("github", replaced, Problem.FILE_MISSING),
        ("forgejo", renamed, Problem.FORGE_UNAVAILABLE),
        ("forgejo", given_away, Problem.FORGE_UNAVAILABLE),
        ("forgejo", of_another_branch, Problem.MOVED),
        ("forgejo", replaced, Problem.MOVED),
    ],
)
def test_a_repository_that_changes_while_it_is_looked_at_proves_nothing(
    kind: str, change: Callable[[Forge, Statement], None], problem: Problem
) -> None:
    stated = statement("repo:ada/engine")
    with Forge(kind) as forge:
        forge.account("ada")
        repo = forge.repository("ada/engine", {PATH: stated.text})
        address = f"/repositories/{repo.id}/contents" if kind == "github" else "/repos/ada/engine/contents"
        forge.before(address, lambda: change(forge, stated))
        assert refusal(stated, "ada/engine", forge).code is problem


def test_a_repository_whose_owners_name_changes_hands_at_the_end_proves_nothing(forge: Forge) -> None:
    forge.account("ada")
    stated = statement("account:ada", "repo:ada/ada")
    forge.repository("ada/ada", {PATH: stated.text})

    def takes_over() -> None:
        forge.rename_account("ada", "lovelace")
        forge.account("ada")

    forge.before("/users/ada", takes_over)
    assert refusal(stated, "ada/ada", forge).code is Problem.MOVED


def test_the_file_is_asked_for_by_number_and_branch(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {PATH: stated.text})
    prove(stated, "ada/engine", configured(forge))
    number = forge.repo("ada/engine").id
    contents = f"/repositories/{number}/contents/.well-known/codesteward-challenge?ref=main"
    assert forge.asked == ["/repos/ada/engine", contents, f"/repositories/{number}", "/users/ada"]


NO_NAMES = (
    *("", "ada", "ada/", "/engine", "ada/engine/x", "ada/../bob", "ada/..", "./engine", "ada/en gine", "ada/en\ngine"),
    *("ada//engine", "ada/engine?x", "ada/%2e%2e", "ada\\engine", "adä/engine", "https://github.com/ada/engine"),
    *("a/" + "b" * 101, "a" * 10_000),
)


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_of_a_repository_is_never_asked_for(forge: Forge, stated: Statement, name: str) -> None:
    assert refusal(stated, name, forge).code is Problem.BAD_NAME
    assert forge.asked == []


def test_private_and_missing_repositories_are_told_alike(forge: Forge, stated: Statement) -> None:
    forge.repository("ada/secret", {PATH: stated.text}, private=True)
    private, missing = refusal(stated, "ada/secret", forge), refusal(stated, "ada/never", forge)
    assert private.code is missing.code is Problem.NO_SUCH_REPOSITORY
    assert str(private).replace("secret", "never") == str(missing)


def test_an_expired_challenge_is_refused_whatever_the_file(forge: Forge, stated: Statement) -> None:
    forge.commit("ada/engine", {PATH: stated.text})
    assert refusal(stated, "ada/engine", forge, at=stated.expires_at).code is Problem.EXPIRED
    assert forge.asked == []
    assert prove(stated, "ada/engine", configured(forge), at=stated.expires_at - timedelta(seconds=1))


def test_a_repository_at_another_forge_than_the_datasets_covers_nothing_of_them(
    forge: Forge, stated: Statement
) -> None:
    forge.commit("ada/engine", {PATH: stated.text})
    second = parse_forges(f"home=github+http://localhost:1, {forge.setting}", allow_private=True)["local"]
    assert {ground for _, ground in grounds(prove(stated, "ada/engine", second)).values()} == {Ground.OTHER_FORGE}


@pytest.mark.parametrize("failing", ["/repos/ada", "/repositories"])
def test_a_forge_that_fails_loses_nothing(forge: Forge, stated: Statement, failing: str) -> None:
    forge.commit("ada/engine", {PATH: stated.text})
    for fault in (
        status(503),
        status(429),
        status(403),
        status(500),
        status(302, Location="//example.org/"),
        body(b"<html>"),
    ):
        forge.fails(failing, fault)
        refused = refusal(stated, "ada/engine", forge)
        assert refused.code is Problem.FORGE_UNAVAILABLE
        assert refused.temporary
    forge.recovers()
    assert prove(stated, "ada/engine", configured(forge))


def test_a_statement_for_another_forge_is_a_mistake_of_the_caller(forge: Forge) -> None:
    with pytest.raises(ValueError, match="github"):
        prove(statement(forge="github"), "ada/engine", configured(forge))
