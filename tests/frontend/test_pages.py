"""Every page: that it answers, that its first line says so in words, and that nothing hostile gets through."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from search.models import Build, Release
from search.opened import portrait_path
from search.swhid import of_content
from tests import corpus
from tests.conftest import build_release
from tests.frontend.pages import Page, faults, read
from tests.search.fixtures_shards import V2, v2_row, write_shard

PARSER = of_content(corpus.PARSER.encode()).core
ALERT = "<script>alert(1)</script>"
HOSTILE = f"# {ALERT} \u202e\n</pre><img src=x onerror=alert(2)>\n" + corpus.code(77)


def get(client: Client, address: str, **query: str) -> Page:
    return read(client.get(address, query))


ANSWERS = [
    ("/", {}, "Is your code in the training set?"),
    ("/search", {}, "Search what a release holds"),
    ("/search", {"q": "parseUrl"}, "Exactly 1 file of tiny-2026-11 matches."),
    ("/search", {"q": "surelynowhere"}, "Nothing in tiny-2026-11 matches."),
    ("/holdings", {}, "What is held of an account or a repository?"),
    ("/holdings", {"scope": "account:ada"}, "tiny-2026-11 holds 2 files of ada in 1 repository."),
    ("/holdings", {"scope": "account:GRACE"}, "tiny-2026-11 holds 1 file of grace in 1 repository."),
    ("/holdings", {"scope": "repo:ada/engine"}, "tiny-2026-11 holds 2 files of ada/engine."),
    ("/holdings", {"scope": "path:ada/engine/src/io"}, "tiny-2026-11 holds 1 file of ada/engine/src/io."),
    ("/holdings", {"scope": f"swhid:{PARSER}"}, "tiny-2026-11 holds this content in 2 places."),
    (
        "/holdings",
        {"scope": "email:grace.hopper@example.org"},
        "tiny-2026-11 holds 1 file that names grace.hopper@example.org in 1 repository.",
    ),
    ("/holdings", {"scope": "account:nobody"}, "tiny-2026-11 holds nothing of nobody."),
    ("/holdings", {"scope": "email:no@example.org"}, "tiny-2026-11 holds no file that names no@example.org."),
    (f"/documents/{PARSER}", {}, "This content is in tiny-2026-11, in 2 places."),
    ("/releases", {}, "1 release can be asked."),
    ("/releases/tiny-2026-11", {}, "tiny-2026-11 holds 7 files with"),
    ("/about", {}, "Codesteward tells you whether code is in a training set, and shows where."),
]


@pytest.mark.parametrize(("address", "query", "answer"), ANSWERS)
def test_the_first_line_answers(client: Client, tiny: str, address: str, query: dict[str, str], answer: str) -> None:
    page = get(client, address, **query)
    assert page.status == 200
    assert page.one("h1").startswith(answer)
    assert page.all("title")[0].text.endswith("· Codesteward")


@pytest.mark.parametrize(("address", "query", "answer"), ANSWERS)
def test_the_markup_has_no_faults(client: Client, tiny: str, address: str, query: dict[str, str], answer: str) -> None:
    assert list(faults(get(client, address, **query))) == []


def test_the_title_answers_too(client: Client, tiny: str) -> None:
    page = get(client, "/holdings", scope="account:ada")
    assert page.one("title") == "tiny-2026-11 holds 2 files of ada in 1 repository. · Codesteward"


def test_a_second_release_is_asked_and_can_be_chosen(client: Client, tiny: str, tmp_path: Path) -> None:
    rows = [v2_row("answer = 42\n" * 9, repo_name="ada/engine", path="/new.py", star_events_count=2)]
    build_release("pages-second", [write_shard(tmp_path / "s.parquet", rows, V2)])
    assert get(client, "/releases").one("h1") == "2 releases can be asked."
    held = get(client, "/holdings", scope="account:ada")
    assert held.one("h1") == "2 of 2 releases hold files of ada."
    assert [element.text for element in held.all("h2")] == [
        "pages-second holds 1 file of ada in 1 repository.",
        "tiny-2026-11 holds 2 files of ada in 1 repository.",
    ]
    assert list(faults(held)) == []
    assert get(client, "/search", q="answer").one("h1") == "Exactly 1 file of pages-second matches."
    other = get(client, "/search", q="parseUrl", release=tiny)
    assert other.one("h1") == "Exactly 1 file of tiny-2026-11 matches."
    assert [option.text for option in other.all("option") if "selected" in option.attributes] == [tiny]
    assert (
        get(client, "/holdings", scope="account:nobody").one("h1") == "None of the 2 releases holds anything of nobody."
    )


def test_a_search_shows_lines_with_what_matched(client: Client, tiny: str) -> None:
    page = get(client, "/search", q='"return parseUrl"')
    assert [mark.text for mark in page.all("mark")] == ["return parseUrl"]
    document = next(link for link in page.links if link.startswith("/documents/"))
    assert document.endswith("&lines=1#L1")
    found = read(client.get(document))
    assert found.status == 200
    assert [row.attributes["id"] for row in found.all("span") if "marked" in (row.attributes.get("class") or "")] == [
        "L1"
    ]


def test_the_next_page_goes_on(client: Client, tiny: str, tmp_path: Path) -> None:
    build_release("pages-many", [corpus.write_texts(tmp_path / "m.parquet", [corpus.code(n) for n in range(45)])])
    seen: list[str] = []
    address = "/search?q=module"
    for _ in range(3):
        page = read(client.get(address))
        assert page.one("h1") == "Exactly 45 files of pages-many match."
        seen += [element.text.split(" ")[0] for element in page.all("h2")]
        address = next((link for link in page.links if "cursor=" in link), "")
    assert address == ""
    assert sorted(seen) == sorted(f"{n}.py" for n in range(45))


def test_more_files_of_a_holding_follow_on_the_next_page(client: Client, tiny: str, tmp_path: Path) -> None:
    build_release("pages-held", [corpus.write_texts(tmp_path / "m.parquet", [corpus.code(n) for n in range(30)])])
    first = get(client, "/holdings", scope="repo:many/files")
    following = next(link for link in first.links if "cursor=" in link)
    second = read(client.get(following))
    paths = [[link for link in page.links if "/documents/" in link] for page in (first, second)]
    assert [len(links) for links in paths] == [20, 10]
    assert not set(paths[0]) & set(paths[1])


@pytest.mark.parametrize(
    ("address", "query", "problem"),
    [
        ("/search", {"q": '"open'}, "The quote that begins '\"open' is not closed"),
        ("/search", {"q": "/(/"}, "/(/: "),
        ("/search", {"q": "x", "cursor": "?"}, "is not a page token of this service"),
        ("/search", {"q": "x" * 1001}, "1001 characters, 1000 at most"),
        ("/holdings", {"scope": "a/b/c"}, "must begin with one of account:"),
        ("/holdings", {"scope": "Account: a b"}, "must begin with one of account:"),
        ("/holdings", {"scope": "repo:torvalds"}, "must be written owner/name"),
        ("/holdings", {"scope": "account:a", "cursor": "@@"}, "is not a page token of this service"),
        ("/documents/swh:1:cnt:12", {}, "has 2 hexadecimal digits instead of 40"),
        (f"/documents/swh:1:dir:{'a' * 40}", {}, "is not a content"),
        (f"/documents/{PARSER}", {"lines": "9-3"}, "must run upwards"),
        (f"/documents/{PARSER}", {"lines": "x"}, "must be written as 3 or 3-9"),
    ],
)
def test_a_bad_question_is_refused_in_words(
    client: Client, tiny: str, address: str, query: dict[str, str], problem: str
) -> None:
    page = get(client, address, **query)
    assert page.status == 400
    assert problem in page.text
    assert list(faults(page)) == []
    typed = query.get("q") or query.get("scope")
    if typed:
        assert typed in [element.attributes.get("value") for element in page.all("input")]


def test_a_name_without_its_kind_is_understood(client: Client, tiny: str) -> None:
    response = client.get("/holdings", {"scope": "Ada/Engine"})
    assert response["Location"] == "/holdings?scope=repo%3AAda%2FEngine"
    assert read(client.get(response["Location"])).one("h1") == "tiny-2026-11 holds 2 files of ada/engine."


def test_a_content_that_is_not_held_is_a_clear_no(client: Client, tiny: str) -> None:
    page = get(client, f"/documents/{of_content(b'nowhere').core}")
    assert page.status == 404
    assert page.one("h1") == "No. This content is not held"


def test_a_qualified_swhid_leads_to_its_lines(client: Client, tiny: str) -> None:
    response = client.get(f"/documents/{PARSER};origin=https://github.com/ada/engine;path=/src/parser.py;lines=3-5")
    assert response.status_code == 302
    assert response["Location"] == f"/documents/{PARSER}?lines=3-5#L3"


def test_a_document_tells_where_it_is_and_hides_secrets(client: Client, tiny: str) -> None:
    swhid = of_content(corpus.SECRET.encode()).core
    page = get(client, f"/documents/{swhid}")
    assert "conf/settings.py in Grace/Compiler" in page.text
    assert "correct-horse" not in page.text
    assert "example.org" not in page.text
    assert "Blocks (█) stand for" in page.text
    assert f"{swhid};origin=https://github.com/Grace/Compiler" in page.text


def test_a_release_tells_its_figures(client: Client, tiny: str) -> None:
    page = get(client, f"/releases/{tiny}")
    build = Build.objects.get(release__name=tiny)
    for fact in (build.name, "tantivy", *build.release.shards.values_list("digest", flat=True)):
        assert fact in page.text
    assert f"/api/v1/releases/{tiny}/portrait" in page.links
    download = client.get(f"/api/v1/releases/{tiny}/portrait")
    assert download.status_code == 200
    download.close()


def test_shards_that_could_not_be_read_are_told(client: Client, tiny: str) -> None:
    build = Build.objects.get(release__name=tiny)
    build.shards.filter(shard__number=1).update(state="failed")
    Build.objects.filter(pk=build.pk).update(state="incomplete", missing_shards=1)
    unread = "This is about the part of tiny-2026-11 that could be read: 1 of its shards could not be"
    for address in (f"/releases/{tiny}", "/search?q=parser", "/search?q=nowhere", "/holdings?scope=account:nobody"):
        assert unread in get(client, address).text
    assert "1 shard could not be read" in get(client, "/").text
    assert get(client, "/search?q=nowhere").one("h1") == f"Nothing in {tiny} matches, as far as it could be read."
    nobody = get(client, "/holdings?scope=account:nobody").one("h1")
    assert nobody == f"{tiny} holds nothing of nobody, as far as it could be read."
    missing = read(client.get(f"/documents/swh:1:cnt:{'a' * 40}"))
    assert "as far as it could be read" in missing.text


def test_texts_that_were_not_to_be_had_are_told(client: Client, tiny: str) -> None:
    Build.objects.filter(release__name=tiny).update(unread_files=1200, unlisted_files=1200, sealed_at=timezone.now())
    unread = "the texts of 1,200 files that it only points to could not be, and what only they hold is not found"
    for address in (f"/releases/{tiny}", "/search?q=parser", "/holdings?scope=account:nobody"):
        assert unread in get(client, address).text
    assert "the texts of 1,200 were not to be had" in get(client, "/").text


def test_without_a_release_the_commands_are_named(client: Client, db: None) -> None:
    Release.objects.update(active_build=None)
    for address, status in (("/", 200), ("/releases", 200), ("/search?q=x", 404), ("/holdings?scope=account:x", 404)):
        page = read(client.get(address))
        assert page.status == status
        assert "No release is active yet." in page.text or address == "/"
        assert "manage.py activate" in page.text
        assert list(faults(page)) == []


def test_an_unknown_release_names_those_there_are(client: Client, tiny: str) -> None:
    page = get(client, "/releases/never-was")
    assert page.status == 404
    assert f"/releases/{tiny}" in page.links


def test_an_index_that_cannot_be_asked_is_a_503_without_details(client: Client, tiny: str, tmp_path: Path) -> None:
    release = build_release("pages-lost", [corpus.write_texts(tmp_path / "m.parquet", [corpus.code(5)])])
    assert release.active_build is not None
    portrait = portrait_path(release.active_build)
    portrait.rename(portrait.with_name("lost"))
    page = get(client, "/search", q="x")
    assert page.status == 503
    assert "try again" in page.text
    assert str(portrait.parent) not in page.text


def test_nothing_at_this_address(client: Client, db: None) -> None:
    page = get(client, "/nothing/here")
    assert page.status == 404
    assert page.one("h1") == "Not Found"
    assert list(faults(page)) == []


def test_hostile_names_and_code_are_only_text(client: Client, tiny: str, tmp_path: Path) -> None:
    rows = [
        v2_row(HOSTILE, repo_name=f'ev"il/{ALERT}', path=f"/{ALERT}/a b&c'.py", star_events_count=1, language=ALERT)
    ]
    build_release("pages-hostile", [write_shard(tmp_path / "h.parquet", rows, V2)])
    swhid = of_content(HOSTILE.encode()).core
    answers = [
        get(client, "/"),
        get(client, "/search", q="alert"),
        get(client, "/search", q=ALERT),
        get(client, "/holdings", scope=f'repo:ev"il/{ALERT}'),
        get(client, "/holdings", scope=f"email:{ALERT}"),
        get(client, f"/documents/{swhid}"),
        get(client, f"/documents/{ALERT}"),
        get(client, "/releases/pages-hostile"),
        get(client, "/releases/<img src=x onerror=alert(1)>"),
        read(client.post("/check", {"text": HOSTILE})),
    ]
    for page in answers:
        assert list(faults(page)) == []
        assert not page.all("img")
        assert "alert" in page.text or page is answers[0]


@pytest.mark.parametrize("address", ["/", "/search?q=parse", "/about", "/nothing/here"])
def test_the_policy_is_sent_and_allows_nothing_inline(client: Client, tiny: str, address: str) -> None:
    policy = client.get(address)["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


def test_answers_are_kept_by_no_shared_cache(client: Client, tiny: str) -> None:
    for address in ("/", "/search?q=parse", "/holdings?scope=account:ada", f"/documents/{PARSER}", "/releases"):
        assert client.get(address)["Cache-Control"] == "private, no-cache"


def test_pages_are_not_posted_to(client: Client, tiny: str) -> None:
    assert client.post("/search", {"q": "x"}).status_code == 405


def test_search_engines_are_kept_out_of_what_is_held(client: Client, tiny: str) -> None:
    assert "Disallow: /documents/" in client.get("/robots.txt").content.decode()
    robots = [
        element.attributes["content"]
        for element in get(client, f"/documents/{PARSER}").all("meta")
        if element.attributes.get("name") == "robots"
    ]
    assert robots == ["noindex"]
