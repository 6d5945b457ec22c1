"""Scopes: how they are written, and that a scope covers exactly the documents that carry its key."""

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.entries import Analyser
from search.documents import Document
from search.engines.base import Field
from search.scope import MAX_LENGTH, Scope, ScopeKind, account, content, keys_of_place, parse_scope, repo
from search.swhid import of_content

A = "a" * 40

VALID = {
    "account:ada": "account:ada",
    "account:Ada": "account:ada",
    " account: ADA ": "account:ada",
    "account:a-b_c.d": "account:a-b_c.d",
    "account:Émile": "account:émile",
    "repo:Ada/Engine": "repo:ada/engine",
    "repo:ada/engine.js": "repo:ada/engine.js",
    "path:Ada/Engine/Src/Main.C": "path:ada/engine/Src/Main.C",
    "path:ada/engine/src/": "path:ada/engine/src",
    "path:ada/engine//src": "path:ada/engine/src",
    "path:ada/engine/my docs/a b.txt": "path:ada/engine/my docs/a b.txt",
    "path:ada/engine/a:b": "path:ada/engine/a:b",
    "path:ada/engine/...": "path:ada/engine/...",
    f"swhid:swh:1:cnt:{A}": f"swhid:swh:1:cnt:{A}",
    f"swhid:swh:1:cnt:{A};origin=https://example.org/x;lines=1": f"swhid:swh:1:cnt:{A}",
    "email:Ada.Lovelace@Example.ORG": "email:ada.lovelace@example.org",
}

INVALID = {
    "": "must begin with one of account:, repo:, path:, swhid:, email:",
    "ada": "must begin with",
    ":ada": "must begin with",
    "Account:ada": "must begin with",
    "user:ada": "must begin with",
    "account:": "one name",
    "account: ": "one name",
    "account:ada/engine": "one name",
    "account:ada lovelace": "one name",
    "account:ada\u00a0lovelace": "one name",
    "account:a\tb": "control character",
    "account:a\0": "control character",
    "account:a\x7f": "control character",
    "path:a/b/c\nd": "control character",
    "repo:": "owner/name",
    "repo:ada": "owner/name",
    "repo:ada/": "owner/name",
    "repo:/engine": "owner/name",
    "repo:ada/engine/src": "owner/name",
    "repo:ada/..": "owner/name",
    "path:ada/../x": "owner/name",
    "path:./engine/x": "owner/name",
    "account:..": "one name",
    "path:ada/engine/ /": "end in a blank",
    "repo:ada/en gine": "owner/name",
    "path:ada/engine": "owner/name/path",
    "path:ada/engine/": "owner/name/path",
    "path:ada//src": "owner/name|owner/name/path",
    "path:/ada/engine/src": "owner/name",
    "path:ada/engine/../x": "'..'",
    "path:ada/engine/./x": "'.'",
    "path:ada/engine/a//b": "empty steps",
    "path:a b/engine/src": "owner/name",
    "swhid:": "is not a SWHID",
    f"swhid:swh:1:dir:{A}": "only swh:1:cnt:",
    f"swhid:swh:1:cnt:{A[:-1]}": "39 hexadecimal digits",
    f"swhid:swh:1:cnt:{A[:-1]}A": "'A' at digit 40",
    "email:": "name@example.org",
    "email:ada": "name@example.org",
    "email:@example.org": "name@example.org",
    "email:ada@": "name@example.org",
    "email:ada@localhost": "name@example.org",
    "email:ada lovelace@example.org": "name@example.org",
    'email:"ada@home"@example.org': "name@example.org",
    "email:größe@example.org": "name@example.org",
    "email:.ada@example.org": "name@example.org",
    "email:ada@example..org": "name@example.org",
    "email:ada@example.c1": "name@example.org",
    "account:" + "a" * MAX_LENGTH: f"{MAX_LENGTH} at most",
}


@pytest.mark.parametrize("text", VALID)
def test_a_scope_is_brought_to_its_normal_form(text: str) -> None:
    assert str(parse_scope(text)) == VALID[text]
    assert str(parse_scope(VALID[text])) == VALID[text]


@pytest.mark.parametrize("text", INVALID, ids=lambda text: ascii(text[:30]))
def test_what_is_no_scope_is_refused_with_the_part_at_fault(text: str) -> None:
    with pytest.raises(ValueError, match=INVALID[text]) as error:
        parse_scope(text)
    assert len(str(error.value)) < 300


@settings(max_examples=300)
@given(kind=st.sampled_from([*ScopeKind, "user", ""]), value=st.text(max_size=40))
def test_any_text_is_a_scope_or_an_error_and_a_scope_reads_back(kind: str, value: str) -> None:
    try:
        scope = parse_scope(f"{kind}:{value}")
    except ValueError as error:
        assert str(error)  # noqa: PT017
    else:
        assert parse_scope(str(scope)) == scope


def test_the_makers_say_what_parsing_says() -> None:
    assert account("Ada") == parse_scope("account:ada")
    assert repo("Ada/Engine") == parse_scope("repo:ada/engine")
    assert content(f"swh:1:cnt:{A}") == parse_scope(f"swhid:swh:1:cnt:{A}")


def test_a_key_is_96_bits_of_the_sha256_of_the_scope_as_written() -> None:
    for text in ("account:ada", "path:ada/engine/größe", f"swhid:swh:1:cnt:{A}"):
        digest = hashlib.sha256(text.encode()).digest()[:12]
        assert parse_scope(text).key == base64.urlsafe_b64encode(digest).decode()
        assert len(parse_scope(text).key) == 16
        assert not parse_scope(text).key.startswith("=")


# --- which documents a scope covers ----------------------------------------------------------------

NAMES = ("ada", "Ada", "bob", "a", "adab")
STEPS = ("src", "Src", "lib", "a", "x.py", "my docs", "größe")
PATHS = st.lists(st.sampled_from(STEPS), min_size=1, max_size=4)


def covers(scope: str, repository: str, path: str) -> bool:
    """By plain comparison of steps, without keys."""
    kind, _, value = scope.partition(":")
    place = repository.lower().split("/")
    wanted = value.split("/")
    if kind == "account":
        return place[:1] == [value.lower()]
    if kind == "repo":
        return place == value.lower().split("/")
    steps = path.split("/")
    return place == [step.lower() for step in wanted[:2]] and steps[: len(wanted) - 2] == wanted[2:]


@settings(max_examples=500)
@given(
    owner=st.sampled_from(NAMES), name=st.sampled_from(NAMES), path=PATHS,
    asked_owner=st.sampled_from(NAMES), asked_name=st.sampled_from(NAMES), asked_path=PATHS,
    kind=st.sampled_from(("account", "repo", "path")),
)  # fmt: skip
def test_a_key_is_among_the_keys_of_a_place_if_and_only_if_the_scope_covers_it(
    owner: str, name: str, path: list[str], asked_owner: str, asked_name: str, asked_path: list[str], kind: str
) -> None:
    place = f"{owner}/{name}", "/".join(path)
    asked = {
        "account": f"account:{asked_owner}",
        "repo": f"repo:{asked_owner}/{asked_name}",
        "path": f"path:{asked_owner}/{asked_name}/{'/'.join(asked_path)}",
    }[kind]
    assert (parse_scope(asked).key in set(keys_of_place(*place))) == covers(asked, *place)


def test_the_keys_of_a_place_are_those_of_its_scopes_and_no_others() -> None:
    scopes = [
        "account:ada",
        "repo:ada/engine",
        "path:ada/engine/src",
        "path:ada/engine/src/io",
        "path:ada/engine/src/io/x.py",
    ]
    assert list(keys_of_place("Ada/Engine", "src/io/x.py")) == [parse_scope(scope).key for scope in scopes]


@pytest.mark.parametrize(
    ("repository", "path"), [("no-slash", "x.py"), ("a/b/c", "x.py"), ("a/b c", "../x//y"), ("/", "/")]
)
def test_odd_places_have_keys_too(repository: str, path: str) -> None:
    """Whatever a release holds can be masked, valid as a scope or not."""
    keys = list(keys_of_place(repository, path))
    assert Scope(ScopeKind.ACCOUNT, repository.lower().partition("/")[0]).key == keys[0]
    assert len(keys) >= 3


def test_a_document_carries_the_keys_of_its_place_its_contents_and_its_addresses() -> None:
    text = b"# Ada.Lovelace@example.org and bob@example.net\nx = 1\n"
    declared = f"swh:1:cnt:{A}"
    document = Document(declared, "Ada/Engine", "src/x.py", text)
    carried = set(Analyser().analyse(document).entry.texts[Field.SCOPES].split())
    scopes = [
        "account:ada", "repo:ada/engine", "path:ada/engine/src", "path:ada/engine/src/x.py",
        f"swhid:{declared}", f"swhid:{of_content(text).core}",
        "email:ada.lovelace@example.org", "email:bob@example.net",
    ]  # fmt: skip
    assert carried == {parse_scope(scope).key for scope in scopes}
