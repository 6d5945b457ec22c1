"""What forges answer, as documented and otherwise: types or a refusal, never a crash."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optout.ownership.base import NotProven, Problem, SubjectKind
from optout.ownership.forge_api import ForgeApi, forge_api
from optout.ownership.forges import User, parse_forges
from tests.optout.ownership.conftest import MakeKey, configured
from tests.optout.ownership.forge import Forge, body, slow, status
from tests.optout.ownership.forge_records import LONG_AGO
from tests.optout.ownership.ssh_keys import blob_of

Question = Callable[[ForgeApi], object]
ASKING: dict[str, Question] = {
    "user": lambda api: api.user("ada"),
    "keys": lambda api: list(api.keys("ada")),
    "repository": lambda api: api.repository("ada/engine"),
}
USER = {"id": 7, "login": "ada", "type": "User", "created_at": LONG_AGO}
REPOSITORY = {
    "id": 8,
    "full_name": "ada/engine",
    "owner": {"id": 7, "login": "ada", "type": "User"},
    "default_branch": "main",
    "fork": False,
    "created_at": LONG_AGO,
}
DOCUMENTED: dict[str, Any] = {"user": USER, "keys": [{"id": 1, "key": "ssh-ed25519 AAAA"}], "repository": REPOSITORY}


@pytest.fixture(scope="module")
def speaker() -> Iterator[Forge]:
    """A forge that is made to say all sorts of things."""
    with Forge() as running:
        yield running


def told(speaker: Forge, question: str, answer: object) -> object:
    """What is understood where the forge gives this answer to everything."""
    speaker.recovers()
    speaker.fails("/", body(json.dumps(answer).encode()))
    return ASKING[question](forge_api(configured(speaker)))


def refused(question: Question, api: ForgeApi) -> NotProven:
    with pytest.raises(NotProven) as caught:
        question(api)
    return caught.value


@pytest.mark.parametrize("question", ASKING)
def test_the_documented_answer_is_understood(speaker: Forge, question: str) -> None:
    assert told(speaker, question, DOCUMENTED[question]) is not None


def without(answer: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != field}


ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    1,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x y",
    "../x",
    "a/b/c",
    "\ud800",
    "a\nb",
    [],
    {},
    [1],
    {"id": 1},
)
MATTERS = [("user", name) for name in ("id", "login", "type")]
MATTERS += [("repository", name) for name in ("id", "full_name", "owner", "default_branch", "fork")]


@pytest.mark.parametrize(("question", "field"), MATTERS)
def test_an_answer_without_a_field_or_with_an_odd_one_is_refused(speaker: Forge, question: str, field: str) -> None:
    asked = DOCUMENTED[question]
    with pytest.raises(NotProven):
        told(speaker, question, without(asked, field))
    fine: dict[str, tuple[Any, ...]] = {
        "type": ("", "x y", "../x", "a/b/c", "\ud800", "a\nb"),
        "fork": (True,),
        "id": (1,),
    }
    fine["default_branch"] = ("", "x y", "../x", "a/b/c")
    for value in ODD_VALUES:
        answer = asked | {field: value}
        if value in fine.get(field, ()) and type(value) is type(asked[field]):
            assert told(speaker, question, answer)
        else:
            with pytest.raises(NotProven) as caught:
                told(speaker, question, answer)
            assert caught.value.code is Problem.FORGE_UNAVAILABLE


@pytest.mark.parametrize("value", [True, 0, -1, 10**30, 1.0, "7", None])
def test_an_id_is_a_number_that_fits_and_nothing_like_one(speaker: Forge, value: object) -> None:
    for question in ("user", "repository"):
        with pytest.raises(NotProven):
            told(speaker, question, DOCUMENTED[question] | {"id": value})
    with pytest.raises(NotProven):
        told(speaker, "repository", REPOSITORY | {"owner": {"id": value, "login": "ada"}})


def test_a_repository_whose_name_is_not_its_owners_is_refused(speaker: Forge) -> None:
    for name in ("bob/engine", "ada", "ada/", "ada/engine/x", "/ada/engine", "ada/..", "adaengine"):
        with pytest.raises(NotProven):
            told(speaker, "repository", REPOSITORY | {"full_name": name})


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*USER, *REPOSITORY, "key"]), inner),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(ASKING)), json_values)
def test_no_json_is_a_crash(speaker: Forge, question: str, answer: object) -> None:
    with suppress(NotProven):
        told(speaker, question, answer)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"{", b"\xff\xfe", b"[" * 100_000, b'{"id": ' + b"9" * 10_000 + b"}", b"null", b'"x"', b"NaN"],
)
def test_no_bytes_are_a_crash(forge: Forge, content: bytes) -> None:
    forge.fails("/", body(content))
    for question in ASKING.values():
        assert refused(question, forge_api(configured(forge))).code is Problem.FORGE_UNAVAILABLE


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (status(403), "less often"),
        (status(429, Retry_After="60"), "less often"),
        (status(401), "status 401"),
        (status(500), "status 500"),
        (status(503), "status 503"),
        (status(201), "status 201"),
        (slow(0), "cannot be reached"),
        (body(b"x" * 300_000), "too large"),
        (status(301, Location="http://169.254.169.254/"), "cannot be reached"),
        (status(301), "cannot be reached"),
    ],
)
def test_a_forge_that_fails_is_asked_again_later(forge: Forge, fault: Any, words: str) -> None:
    forge.fails("/", fault)
    api = forge_api(configured(forge))
    for name in ("user", "repository"):
        error = refused(ASKING[name], api)
        assert error.code is Problem.FORGE_UNAVAILABLE
        assert error.temporary
        assert words in str(error)
        assert "try again later" in str(error)


@pytest.mark.parametrize("code", [404, 410, 451])
def test_what_is_gone_is_told_by_its_name(forge: Forge, code: int) -> None:
    forge.fails("/", status(code))
    api = forge_api(configured(forge))
    assert refused(ASKING["user"], api).code is Problem.NO_SUCH_ACCOUNT
    assert refused(ASKING["keys"], api).code is Problem.NO_SUCH_ACCOUNT
    assert refused(ASKING["repository"], api).code is Problem.NO_SUCH_REPOSITORY


def test_nothing_that_listens_is_asked_again_later() -> None:
    nobody = parse_forges("local=github+http://127.0.0.1:9", allow_private=True)["local"]
    assert refused(ASKING["user"], forge_api(nobody)).code is Problem.FORGE_UNAVAILABLE


def test_accounts_of_people_and_organisations_are_told_apart() -> None:
    for kind in ("github", "forgejo"):
        with Forge(kind) as forge:
            forge.account("ada")
            forge.account("lab", organisation=True)
            api = forge_api(configured(forge))
            assert (api.user("ada").kind, api.user("lab").kind) == (SubjectKind.USER, SubjectKind.ORGANISATION)
            forge.fails("/orgs", status(503))
            if kind == "forgejo":
                assert refused(lambda api: api.user("ada"), api).temporary


@pytest.mark.parametrize("kind", ["github", "forgejo"])
def test_repositories_are_read_alike_from_both_kinds(kind: str) -> None:
    with Forge(kind) as forge:
        forge.account("ada")
        forge.account("bob")
        forge.repository("ada/engine", {"a": "b"}, branch="trunk", since="2020-02-03T04:05:06Z")
        forge.fork("ada/engine", "bob/engine")
        api = forge_api(configured(forge))
        engine, fork = api.repository("ada/engine"), api.repository("Bob/Engine")
        assert (engine.full_name, engine.owner_login, engine.default_branch) == ("ada/engine", "ada", "trunk")
        assert (engine.fork, engine.parent, fork.fork, fork.parent) == (False, "", True, "ada/engine")
        assert engine.since
        assert engine.since.isoformat() == "2020-02-03T04:05:06+00:00"
        assert api.same_repository(engine) == engine
        forge.rename("ada/engine", "ada/motor")
        assert api.repository("ada/engine").full_name == "ada/motor"


@pytest.mark.parametrize("kind", ["github", "forgejo"])
def test_keys_are_listed_by_both_kinds_and_what_is_none_is_left_out(kind: str, make: MakeKey) -> None:
    keys = [
        make().public,
        "ssh-ed25519 ????",
        f"{make(number=1).public} ada@laptop",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==",
    ]
    with Forge(kind) as forge:
        forge.account("ada", keys=keys)
        forge.account("bob")
        api = forge_api(configured(forge))
        assert list(api.keys("ada")) == [blob_of(make().public), blob_of(make(number=1).public)]
        assert list(api.keys("bob")) == []


def test_a_page_that_is_shown_instead_of_the_keys_is_no_list(make: MakeKey) -> None:
    with Forge("forgejo") as forge:
        forge.account("ada", keys=["<html>", "<title>Are you a robot?</title>"])
        assert refused(ASKING["keys"], forge_api(configured(forge))).code is Problem.FORGE_UNAVAILABLE


def test_a_token_is_sent_where_there_is_one(forge: Forge) -> None:
    forge.account("ada")
    forge_api(configured(forge)).user("ada")
    forge_api(parse_forges(forge.setting, allow_private=True, tokens="local=t0ken")["local"]).user("ada")
    assert forge.tokens == ["", "Bearer t0ken"]


@pytest.mark.parametrize(
    "since", [None, "", "yesterday", "2020-02-03T04:05:06", "0001-01-01T00:00:00Z", 7, "1970-01-01T00:00:00Z"]
)
def test_a_date_that_is_none_is_not_known(speaker: Forge, since: object) -> None:
    user = told(speaker, "user", USER | {"created_at": since})
    assert isinstance(user, User)
    assert user.since is None


CONTENT = {"type": "file", "encoding": "base64", "size": 2, "content": "aGk=\n"}
NO_CONTENT = {
    "a folder": [CONTENT],
    "a link": CONTENT | {"type": "symlink"},
    "a submodule": CONTENT | {"type": "submodule"},
    "no encoding": CONTENT | {"encoding": None},
    "another encoding": CONTENT | {"encoding": "none", "content": ""},
    "no base64": CONTENT | {"content": "####"},
    "no content": without(CONTENT, "content"),
    "nothing": None,
}


@pytest.mark.parametrize("name", NO_CONTENT)
def test_what_is_no_file_is_not_read(forge: Forge, name: str) -> None:
    forge.account("ada")
    repo = forge.repository("ada/engine")
    api = forge_api(configured(forge))
    asked = api.repository("ada/engine")
    forge.fails(f"/repositories/{repo.id}/contents", body(json.dumps(CONTENT).encode()))
    assert api.file(asked, ".well-known/x", 10) == b"hi"
    forge.fails(f"/repositories/{repo.id}/contents", body(json.dumps(NO_CONTENT[name]).encode()))
    assert refused(lambda api: api.file(asked, ".well-known/x", 10), api).code in {
        Problem.FILE_MISSING,
        Problem.FORGE_UNAVAILABLE,
    }
