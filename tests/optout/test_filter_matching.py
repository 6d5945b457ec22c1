"""What the filter finds covered is what the search's scopes cover, although neither knows the other's code."""

import random

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from optout.emails import addresses_in
from optout.exclusion_list import exclusion_id
from optout.listed_scopes import KINDS, split_scope
from optout.matcher import Matcher, Verdict
from optout.shard_columns import columns_of
from optout.shard_files import Files
from search.patterns import find_emails
from search.scope import ScopeKind, keys_of_contents, keys_of_place, parse_scope
from search.swhid import of_content

OWNERS = ["ada", "Ada", "ADA", "bob", "ünal", "ÜNAL", "İstanbul", "istanbul", "ΑΣ", "ας", "ΑΣΑ", "ß", "日本", "a b"]
NAMES = ["engine", "Engine", "engine2", "Straße", "ΣΑΣ", "Kelvin", "x/y", "", "İ"]
STEPS = ["src", "SRC", "a", "ab", "A", "b.c", "naïve", "..", "", " ", "İ", "ΑΣ"]

repositories = st.one_of(
    st.builds("{}/{}".format, st.sampled_from(OWNERS), st.sampled_from(NAMES)),
    st.sampled_from([*OWNERS, "", "/", "/x", "a/", None]),
    st.text(max_size=6),
)
paths = st.one_of(
    st.lists(st.sampled_from(STEPS), max_size=5).map("/".join),
    st.lists(st.sampled_from(STEPS), max_size=4).map("/".join).map("/{}".format),
    st.none() | st.text(max_size=8),
)


def matcher_of(*scopes: str) -> Matcher:
    return Matcher.of((exclusion_id(scope), scope, []) for scope in scopes)


def judged(
    matcher: Matcher, repository: str | None, path: str | None, text: bytes = b"", declared: str | None = None
) -> Verdict:
    """What a flat shard of one row is judged to be."""
    batch = pa.RecordBatch.from_pydict(
        {
            "repo_name": pa.array([repository], pa.string()),
            "path": pa.array([path], pa.string()),
            "content": pa.array([text], pa.binary()),
            "content_id": pa.array([declared], pa.string()),
        }
    )
    return matcher.judge(Files(batch, columns_of(batch.schema)))


def scopes_about(repository: str | None, path: str | None) -> list[str]:
    """Scopes near a place: of it, above it, beside it, in other letters; in the search's normal form."""
    repository, path = repository or "ada/engine", (path or "src").strip("/")
    places = [repository, repository.upper(), repository.swapcase(), "ada/engine", repository.rpartition("/")[0]]
    steps = path.split("/")
    texts = [f"account:{place.partition('/')[0]}" for place in places] + [f"repo:{place}" for place in places]
    for place in places:
        texts += [f"path:{place}/{'/'.join(steps[:depth])}" for depth in range(1, len(steps) + 1)]
        texts += [f"path:{place}/{path}x", f"path:{place}/{path[:-1]}", f"path:{place}/{path.swapcase()}"]
    return sorted({scope for text in texts if (scope := normal(text))})


def normal(text: str) -> str | None:
    """The scope in its normal form; None where it is none, or ends in a blank, which no scope can be asked for with."""
    try:
        scope = str(parse_scope(text))
    except ValueError:
        return None
    return scope if scope == scope.rstrip() else None


@settings(deadline=None)
@given(repositories, paths)
@example("ΑΣ/engine", "src")
@example("İstanbul/x", "İ/a")
@example("solo", "engine/src/a.py")
@example("group/sub/project", "src/a")
@example("ada/engine", "//src//a/")
def test_places_are_covered_as_their_keys_say(repository: str | None, path: str | None) -> None:
    keys = set(keys_of_place(repository, path or "")) if repository else set()
    for scope in scopes_about(repository, path):
        expected = parse_scope(scope).key in keys
        verdict = judged(matcher_of(scope, "path:zz/zz/zz"), repository, path)
        assert bool(verdict) == expected, (scope, repository, path)
        if expected:
            assert list(verdict.files[0].values()) == [scope]


@given(st.binary(max_size=40), st.sampled_from(["", "f" * 40, None]), st.booleans())
def test_contents_are_covered_by_what_is_declared_and_by_what_they_are(
    text: bytes, declared: str | None, upper: bool
) -> None:
    own = of_content(text)
    other = of_content(text + b"x")
    given_id = declared.upper() if declared and upper else declared
    keys = {*keys_of_contents([own.core]), *keys_of_contents([f"swh:1:cnt:{declared}"] if declared else [])}
    for scope in (f"swhid:{own.core}", f"swhid:{other.core}", "swhid:swh:1:cnt:" + "f" * 40):
        covered = bool(judged(matcher_of(scope), "ada/engine", "a", text, given_id))
        assert covered == (parse_scope(scope).key in keys)


def test_a_null_content_is_covered_by_what_is_declared_alone() -> None:
    batch = pa.RecordBatch.from_pydict(
        {"repo_name": ["ada/engine"], "path": ["a"], "content": pa.array([None], pa.string()), "content_id": ["f" * 40]}
    )
    files = Files(batch, columns_of(batch.schema))
    assert matcher_of("swhid:swh:1:cnt:" + "f" * 40).judge(files)
    assert not matcher_of(f"swhid:{of_content(b'').core}").judge(files)


def test_names_that_are_not_utf8_are_compared_as_the_search_reads_them() -> None:
    bad = pa.array([b"caf\xe9/engine"]).view(pa.string())
    batch = pa.RecordBatch.from_pydict({"repo_name": bad, "path": ["a"], "content": ["x"]})
    files = Files(batch, columns_of(batch.schema))
    assert files.repositories == ["caf\N{REPLACEMENT CHARACTER}/engine"]
    assert matcher_of("account:caf\N{REPLACEMENT CHARACTER}").judge(files)


def test_every_exclusion_that_covers_a_file_is_told_once() -> None:
    own = of_content(b"ada@example.org").core
    matcher = Matcher.of(
        [
            ("a" * 20, "account:ada", []),
            ("b" * 20, "email:ada@example.org", []),
            ("c" * 20, "path:ada/engine/src", ["path:ada/engine/src/a", "path:old/engine/src"]),
            ("d" * 20, "repo:ada/engine", []),
            ("e" * 20, "repo:new/engine", ["repo:ada/engine"]),
            ("f" * 20, f"swhid:{own}", []),
        ]
    )
    verdict = judged(matcher, "Ada/Engine", "/src/a/b.c", b"ada@example.org", own.rpartition(":")[2])
    assert verdict.files == {
        0: {
            0: "account:ada",
            1: "email:ada@example.org",
            2: "path:ada/engine/src",
            3: "repo:ada/engine",
            4: "repo:ada/engine",
            5: f"swhid:{own}",
        }
    }


def test_texts_are_looked_at_only_where_the_list_needs_it() -> None:
    assert not matcher_of("account:a", "repo:a/b", "path:a/b/c").reads_texts
    assert matcher_of("email:a@b.cd").reads_texts
    assert matcher_of("swhid:swh:1:cnt:" + "0" * 40).reads_texts
    assert not matcher_of().reads_texts


@pytest.mark.parametrize(
    "scope",
    ["account:Ada", "account:a/b", "account:", "repo:ada", "repo:ada/", "repo:a/b/c", "repo:A/b", "path:a/b",
     "path:a/b/", "path:a//c", "path:A/b/c", "swhid:swh:1:dir:" + "0" * 40, "swhid:swh:1:cnt:" + "A" * 40, "email:ada",
     "email:A@b.cd", "email:a@b", "email:ü@b.cd", "team:ada", "ada", ""],
)  # fmt: skip
def test_a_scope_that_is_not_understood_is_refused_rather_than_passed_over(scope: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        matcher_of(scope)


@given(repositories, paths)
def test_every_scope_of_the_search_can_stand_on_a_list(repository: str | None, path: str | None) -> None:
    for scope in scopes_about(repository, path):
        assert ":".join(split_scope(scope)) == scope


def test_the_kinds_are_those_of_the_search() -> None:
    assert set(KINDS) == set(ScopeKind)


# --- e-mail addresses -------------------------------------------------------------------------------

PIECES = [
    *(b"a", b"B", b"1", b"_", b"-", b".", b"%", b"+", b"@", b" ", b"xn--", b"Xn--", b"ab.cd", b"@ab.cd", b"\xff"),
    *(b"x" * 64, b"y" * 63, b"@a.", b".com", "ü".encode()),
]


@given(st.lists(st.sampled_from(PIECES), max_size=16).map(b"".join) | st.binary(max_size=30))
@example(b"a@b.cd@e.fg")
@example(b"a@xn--.cd")
@example(b"a@b.cd.e2")
def test_the_same_addresses_are_found_as_by_the_search(text: bytes) -> None:
    assert set(addresses_in(text)) == find_emails(text)


def test_the_same_addresses_are_found_in_very_many_texts() -> None:
    chance = random.Random(4)
    texts = [b"".join(chance.choices(PIECES, k=chance.randint(1, 14))) for _ in range(20_000)]
    assert sum(map(len, map(find_emails, texts))) > 2000
    for text in texts:
        assert set(addresses_in(text)) == find_emails(text), text


@pytest.mark.parametrize(
    "text",
    [
        b"a@" * 500_000,
        b"@" * 1_000_000,
        b"a" * 1_000_000 + b"@",
        b"." * 1_000_000 + b"a@b.cd",
        b"a@" + b"b." * 500_000,
        b"a@" + b"b-" * 500_000,
        b"a.b@c-" * 200_000,
        b"a@b.cd" * 100_000,
    ],
    ids=["a@", "@", "a", ".", "b.", "b-", "a.b@c-", "a@b.cd"],
)
def test_no_text_makes_looking_for_addresses_slow(text: bytes) -> None:
    assert set(addresses_in(text)) == find_emails(text)
