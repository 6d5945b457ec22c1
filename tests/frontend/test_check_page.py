"""The box and the report: what is sent, what is kept, what is told."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from frontend import present
from search.models import Build
from search.swhid import of_content
from tests import corpus
from tests.conftest import build_release
from tests.frontend.pages import Page, faults, read
from tests.search.fixtures_shards import V2, v2_row, write_shard

OWN = "\n".join(f"def zq_{n}(alpha_{n}):\n    return alpha_{n} ** {n * 7919 % 1000} + kappa" for n in range(20)) + "\n"
PART = OWN + "\n".join(corpus.PARSER.split("\n")[10:30]) + "\n" + OWN


def check(client: Client, text: str = "", *uploads: tuple[str, bytes], **more: str) -> Page:
    files = [SimpleUploadedFile(name, content) for name, content in uploads]
    page = read(client.post("/check", {"text": text, "uploads": files, **more}))
    assert list(faults(page)) == []
    return page


def marked(page: Page) -> list[int]:
    """Numbers of the lines that are marked as verbatim."""
    lines = [element for element in page.all("span") if element.attributes.get("class") == "line verbatim"]
    return [int(element.attributes["data-n"] or 0) for element in lines]


def test_a_whole_copy_is_a_yes(client: Client, tiny: str) -> None:
    page = check(client, corpus.PARSER)
    assert page.one("h1") == "Yes. All of this code is in tiny-2026-11, byte for byte."
    assert page.one("title").startswith("Yes.")
    assert {"src/parser.py in ada/engine", "src/parser.py in bob/engine-fork"} <= {
        " ".join(cell.text.split()).partition(" SWHID")[0] for cell in page.all("td")
    }


def test_line_ends_of_a_browser_do_not_hide_a_whole_copy(client: Client, tiny: str) -> None:
    page = check(client, corpus.PARSER.replace("\n", "\r\n"))
    assert page.one("h1").startswith("Yes. All of this code")


def test_a_copied_part_is_marked_where_it_stands(client: Client, tiny: str) -> None:
    page = check(client, PART)
    assert page.one("h1") == "Yes. Parts of this code are in tiny-2026-11."
    lines = marked(page)
    assert set(range(42, 60)) <= set(lines) <= set(range(41, 62))
    link = next(link for link in page.links if link.startswith(f"/documents/{of_content(corpus.PARSER.encode()).core}"))
    assert "lines=11-30#L11" in link
    found = read(client.get(link))
    assert found.status == 200


def test_code_that_is_nowhere_is_a_no_with_its_reasons(client: Client, tiny: str) -> None:
    page = check(client, OWN)
    assert page.one("h1") == "No. Nothing of this code was found in tiny-2026-11."
    assert "from 93 characters on" in page.text
    assert f"from build {Build.objects.get(release__name=tiny).name}" in page.text


def test_a_no_of_a_release_that_was_not_wholly_read_says_so(client: Client, tiny: str) -> None:
    build = Build.objects.get(release__name=tiny)
    build.shards.filter(shard__number=1).update(state="failed")
    Build.objects.filter(pk=build.pk).update(state="incomplete", missing_shards=1)
    page = check(client, OWN)
    assert page.one("h1").startswith("No, as far as tiny-2026-11 could be read")
    assert "1 of its shards could not be" in page.text


def test_too_little_code_is_told_to_be_too_little(client: Client, tiny: str) -> None:
    assert "too short for its parts to be found" in check(client, "a = 1\nb = 2\n").text
    assert "too short" not in check(client, OWN).text


def test_boilerplate_alone_is_no_match_but_is_shown(client: Client, tiny: str, tmp_path: Path) -> None:
    texts = [corpus.LICENSE_HEADER + corpus.code(1000 + number, 2) for number in range(70)]
    build_release("check-boilerplate", [corpus.write_texts(tmp_path / "b.parquet", texts)])
    page = check(client, corpus.LICENSE_HEADER + OWN)
    assert page.one("h1").startswith("No. Of this code, only boilerplate is in check-boilerplate")
    assert "0 % of this code, blanks and boilerplate not counted" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Boilerplate" in [span.text for span in page.all("span") if "grade" in (span.attributes.get("class") or "")]


def test_an_edited_copy_is_told_apart_from_a_part(client: Client, tiny: str) -> None:
    page = check(client, corpus.WRITER + "\nlast = 'line'\n")
    headings = " ".join(element.text for element in page.all("h2"))
    assert "Verbatim parts" in headings
    assert "Nearly the same" in headings


def test_several_files_are_counted_in_one_sentence(client: Client, tiny: str) -> None:
    page = check(client, "", ("whole.py", corpus.PARSER.encode()), ("part.py", PART.encode()), ("own.py", OWN.encode()))
    assert page.one("h1") == "Yes. 1 of your 3 files is in tiny-2026-11, and parts of 1 more."
    rows = [row.text.split() for row in page.all("tr")[1:4]]
    assert [row[0] for row in rows] == ["whole.py", "part.py", "own.py"]
    assert rows[2][1:3] == ["not", "found"]


def test_a_report_stops_showing_code_and_says_so(client: Client, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(present, "MOST_ROWS", 40)
    page = check(client, "", *((f"{number}.py", PART.encode()) for number in range(3)))
    shown = [element for element in page.all("span") if (element.attributes.get("class") or "").startswith("line")]
    assert len(shown) == 40
    assert page.text.count("Its lines are not shown") == 1
    assert len(page.all("table")) == 4


def test_latin_1_files_can_be_checked(client: Client, tiny: str) -> None:
    page = check(client, "", ("größe.py", "Grüße aus Köln".encode("latin-1")))
    assert page.one("h1") == "No. Nothing of your file was found in tiny-2026-11."


def test_code_goes_into_no_address_and_no_cache(client: Client, tiny: str) -> None:
    response = client.post("/check", {"text": PART})
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"
    assert client.get("/check").status_code == 302


@pytest.mark.parametrize(
    ("text", "how", "address"),
    [
        ("ada/engine", "", "/holdings?scope=repo%3Aada%2Fengine"),
        ("ada", "", "/holdings?scope=account%3Aada"),
        ("ada", "search", "/search?q=ada"),
        ('"not found"', "", "/search?q=%22not+found%22"),
        (f"swh:1:cnt:{'a' * 40};lines=3", "", f"/documents/swh:1:cnt:{'a' * 40};lines=3"),
    ],
)
def test_what_is_no_code_gets_an_address_to_share(client: Client, tiny: str, text: str, how: str, address: str) -> None:
    response = client.post("/check", {"text": text, "how": how})
    assert response.status_code == 302
    assert response["Location"] == address


def test_a_word_can_be_checked_as_code(client: Client, tiny: str) -> None:
    assert check(client, "ada", how="check").one("h1").startswith("No.")


@pytest.mark.parametrize(
    ("text", "uploads", "how", "status", "problem"),
    [
        ("", [], "", 400, "The box is empty"),
        (" \n ", [], "check", 400, "The box is empty"),
        ("a = 1\nb = '\0'\n", [], "", 400, "NUL byte in line 2"),
        ("x = 1\n", [("logo.gif", b"GIF89a\0\1")], "", 400, "logo.gif holds a NUL byte"),
        ("a\nb", [], "search", 400, "A search is one line"),
        ("", [("a.py", b"x = 1\n")], "search", 400, "Files can be checked, not searched for"),
        ("word " * 1000, [], "", 413, "5,000 bytes of code; 4,000 can be checked"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_kept(
    client: Client,
    tiny: str,
    settings: LazySettings,
    text: str,
    uploads: list[tuple[str, bytes]],
    how: str,
    status: int,
    problem: str,
) -> None:
    settings.CHECK_MAX_BYTES = 4000
    page = check(client, text, *uploads, how=how)
    assert page.status == status
    assert problem in page.text
    (box,) = page.all("textarea")
    assert box.text.removeprefix("\n") == text.replace("\0", "␀")


def test_a_body_that_is_far_too_large_is_refused_before_it_is_read(
    client: Client, tiny: str, settings: LazySettings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    page = check(client, "word " * 10_000)
    assert page.status == 413
    assert "10,000 are allowed" in page.text


def test_without_its_token_the_form_is_refused(tiny: str) -> None:
    page = read(Client(enforce_csrf_checks=True).post("/check", {"text": PART}))
    assert page.status == 403
    assert "without its token" in page.text


def test_another_release_can_be_checked_against(client: Client, tiny: str, tmp_path: Path) -> None:
    rows = [v2_row(corpus.code(9), repo_name="ada/new", path="/a.py", star_events_count=1)]
    build_release("check-second", [write_shard(tmp_path / "s.parquet", rows, V2)])
    latest = check(client, corpus.PARSER)
    assert "check-second" in latest.one("h1")
    assert f"Not asked was {tiny}" in latest.text
    assert check(client, corpus.PARSER, release=tiny).one("h1").startswith("Yes. All of this code is in tiny-2026-11")
    assert check(client, corpus.PARSER, release="never-was").status == 404


def test_hostile_code_and_file_names_are_only_text(client: Client, tiny: str) -> None:
    alert = "<script>alert(1)</script>"
    page = check(client, "", (f"{alert}.py", (alert + "\n" + PART).encode()), ("own.py", OWN.encode()))
    assert [element.attributes.get("src") for element in page.all("script")] == []
    assert f"{alert[:-9]}" in page.text or "script>.py" in page.text
