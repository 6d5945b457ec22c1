"""Asking for removal on the pages: each step, what is offered, what is kept, what is wrong."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from optout.models import Claim, Mail, Request
from search import masks
from search.models import Release
from search.scope import parse_scope
from search.swhid import of_content
from tests import corpus
from tests.frontend.pages import Page, faults, read

CONTACT = "ada@people.test"
PARSER = of_content(corpus.PARSER.encode()).core


def post(client: Client, step: str, **sent: Any) -> Page:
    return read(client.post(f"/removal{step}", sent))


def ticks(page: Page) -> dict[str, bool]:
    boxes = [element.attributes for element in page.all("input") if element.attributes.get("name") == "scope"]
    return {box["value"] or "": "checked" in box for box in boxes}


def hidden(page: Page, name: str) -> str:
    (field,) = [element for element in page.all("input") if element.attributes.get("name") == name]
    return field.attributes["value"] or ""


def problems(page: Page) -> list[str]:
    """Each problem of the summary; every one leads to something on the page."""
    ids = {element.attributes.get("id") for element in page.elements}
    alerts = [element for element in page.all("div") if element.attributes.get("role") == "alert"]
    links = [link for link in page.all("a") if alerts and link.text and (link.attributes["href"] or "")[:1] == "#"]
    told = [link for link in links if link.attributes["href"] != "#main"]
    assert {(link.attributes["href"] or "")[1:] for link in told} <= ids
    return [" ".join(link.text.split()) for link in told]


def test_the_first_page_asks_one_thing(client: Client, tiny: str) -> None:
    page = read(client.get("/removal"))
    assert page.one("h1") == "Take your code out of the training sets"
    assert [element.attributes["name"] for element in page.all("textarea")] == ["text"]
    assert list(faults(page)) == []


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("ada", {"account:ada": True, "repo:ada/engine": False}),
        ("@Ada", {"account:ada": True, "repo:ada/engine": False}),
        ("https://github.com/Ada/Engine", {"repo:ada/engine": True, "path:ada/engine/src": False}),
        ("ada/engine/src/io", {"path:ada/engine/src/io": True, "repo:ada/engine": False}),
        ("carol/tools", {"repo:carol/tools": True, "path:carol/tools/main.c": False}),
        (PARSER, {f"swhid:{PARSER}": True}),
        ("grace.hopper@example.org", {"email:grace.hopper@example.org": True}),
        ("nobody/nothing", {"repo:nobody/nothing": True}),
    ],
)
def test_what_is_asked_about_is_ticked_and_its_parts_are_offered(
    client: Client, tiny: str, text: str, offered: dict[str, bool]
) -> None:
    page = post(client, "", text=text)
    assert page.status == 200
    assert ticks(page) == offered
    assert list(faults(page)) == []
    assert page.one("h1").startswith("What shall go of ")
    assert ("kept as a wish" in page.text) == (text == "nobody/nothing")


def test_an_account_can_be_asked_for_with_what_comes_later(client: Client, tiny: str) -> None:
    assert "Everything of the account ada, also what comes later" in post(client, "", text="ada").text


def test_what_is_hidden_is_not_listed(client: Client, tiny: str) -> None:
    masks.hide(parse_scope("repo:ada/engine"))
    page = post(client, "", text="ada")
    assert ticks(page) == {"account:ada": True}
    assert "engine" not in page.text
    assert "kept as a wish" in page.text


def test_a_paste_is_answered_line_by_line(client: Client, tiny: str) -> None:
    text = "ada/engine\nrubbish here\n@grace\n\nada/engine\nhttps://elsewhere.test/a/b\nnobody/nothing"
    page = post(client, "", text=text.replace("\n", "\r\n"))
    assert page.one("h1") == "3 of 5 lines are understood. What shall go?"
    assert ticks(page) == {"repo:ada/engine": True, "account:grace": True, "repo:nobody/nothing": True}
    cells = [" ".join(cell.text.split()) for cell in page.all("td")]
    assert (cells[0], cells[3]) == ("2", "6")
    assert "write owner/name for a repository" in cells[2]
    assert "'elsewhere.test' is not a forge" in cells[5]
    assert "Line 5 says what an earlier line said" in page.text
    assert list(faults(page)) == []


def test_a_paste_of_5000_lines_comes_through(client: Client, tiny: str) -> None:
    lines = ["rubbish here" if number % 100 == 7 else f"many/r{number}" for number in range(1, 5001)]
    page = post(client, "", text="\r\n".join(lines))
    chosen = list(ticks(page))
    assert len(chosen) == 4950
    assert len(page.all("tr")) == 1 + 50
    contact = post(client, "/contact", scope=chosen, text="\n".join(lines))
    assert contact.one("h1") == "Where do we write to?"
    assert len(hidden(contact, "chosen").split("\n")) == 4950


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Say what shall go"),
        ("\n# nothing\n", "Say what shall go"),
        ("rubbish here", "Is not a name: write owner/name"),
        ("a\0b", "There is a NUL byte in line 1."),
        ("rubbish here\nmore of it", "Line 1: is not a name"),
        ("a/b\n" * 5000, "That are 5,001 lines; 5,000 can be asked for at a time."),
        ("owner/repo", "this is the text of an example"),
        ("a/" + "b" * 5000, "is 5002 characters long".capitalize()),
    ],
)
def test_a_box_that_cannot_be_understood_says_why_and_is_kept(
    client: Client, tiny: str, text: str, problem: str
) -> None:
    page = post(client, "", text=text)
    assert page.status == 400
    assert problem in problems(page)[0]
    assert page.one("title").startswith("Problem: ")
    assert page.all("script") == []
    (box,) = page.all("textarea")
    assert box.text.strip("\n") == text.strip("\n").replace("\0", "\N{SYMBOL FOR NULL}")
    assert list(faults(page)) == []


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a/<img src=x>\nb/c", 'ada/engine/"><b>', "x/{{ y }}"])
def test_what_is_hostile_is_shown_and_does_nothing(client: Client, tiny: str, text: str) -> None:
    page = post(client, "", text=text)
    assert (page.all("script"), page.all("img"), page.all("b")) == ([], [], [])
    assert list(faults(page)) == []


def test_something_has_to_be_ticked(client: Client, tiny: str) -> None:
    page = post(client, "/contact", text="ada/engine")
    assert page.status == 400
    assert problems(page) == ["Tick at least one thing that shall go."]
    assert ticks(page) == {"repo:ada/engine": False, "path:ada/engine/src": False}


@pytest.mark.parametrize("step", ["/contact", "/summary", "/send"])
@pytest.mark.parametrize("sent", [{"scope": "rubbish"}, {"chosen": "repo:a"}, {"scope": "repo:a\0/b"}, {}])
def test_ticks_that_were_tampered_with_lead_back(client: Client, tiny: str, step: str, sent: dict[str, str]) -> None:
    assert post(client, step, **sent, contact=CONTACT, text="ada/engine").status == 400
    assert post(client, step, **sent, contact=CONTACT).status == 400
    assert not Request.objects.exists()


@pytest.mark.parametrize("contact", ["", "nobody", "a@b", "x" * 5000, "a\0b@people.test", '"a b"@people.test'])
@pytest.mark.parametrize("step", ["/summary", "/send"])
def test_a_contact_that_is_none_is_refused_and_kept(client: Client, tiny: str, contact: str, step: str) -> None:
    page = post(client, step, chosen="repo:ada/engine", contact=contact, text="ada/engine", once="x")
    assert page.status == 400
    assert len(problems(page)) == 1
    (box,) = [element for element in page.all("input") if element.attributes.get("id") == "contact"]
    assert box.attributes["aria-invalid"] == "true"
    assert box.attributes["value"] == contact.replace("\0", "")[:1000]
    assert hidden(page, "chosen") == "repo:ada/engine"
    assert list(faults(page)) == []
    assert not Request.objects.exists()


def test_the_forge_is_asked_for_where_it_matters(client: Client, tiny: str, settings: LazySettings) -> None:
    assert len(post(client, "/contact", scope="repo:ada/engine").all("select")) == 1
    assert post(client, "/contact", scope="email:a@people.test").all("select") == []
    settings.FORGES = "local=github+https://git.people.test"
    assert post(client, "/contact", scope="repo:ada/engine").all("select") == []


def test_an_unknown_forge_is_refused(client: Client, tiny: str) -> None:
    page = post(client, "/summary", chosen="repo:ada/engine", contact=CONTACT, forge="nowhere")
    assert (page.status, problems(page)) == (400, ["Choose one of the forges."])


def test_the_summary_shows_everything_and_changes_nothing(client: Client, tiny: str) -> None:
    chosen = "repo:ada/engine\nemail:ada@people.test\naccount:grace"
    page = post(client, "/summary", chosen=chosen, contact=CONTACT, forge="codeberg", text="x")
    for words in ("1 account, 1 repository and 1 e-mail address", "The repository ada/engine", CONTACT, "codeberg"):
        assert words in page.text
    assert list(faults(page)) == []
    assert not Request.objects.exists()


def test_sending_makes_a_request_and_leads_to_its_page(client: Client, tiny: str) -> None:
    response = client.post("/removal/send", {"chosen": "repo:ada/engine", "contact": CONTACT, "once": "k"})
    request = Request.objects.get()
    assert response.status_code == 302
    assert response["Location"].startswith(f"/requests/{request.public_id}.")
    assert (request.contact, request.source) == (CONTACT, Request.Source.PAGE)
    assert Claim.objects.get().scope == "repo:ada/engine"
    assert read(client.get(response["Location"])).one("h1").startswith("Your request is received.")


def test_sent_twice_it_is_one_request(client: Client, tiny: str) -> None:
    page = post(client, "/summary", chosen="repo:ada/engine", contact=CONTACT)
    sent = {"chosen": "repo:ada/engine", "contact": CONTACT, "once": hidden(page, "once")}
    first, second = client.post("/removal/send", sent), client.post("/removal/send", sent)
    assert first["Location"] == second["Location"]
    assert (Request.objects.count(), Mail.objects.count()) == (1, 1)


def test_going_back_keeps_what_was_said(client: Client, tiny: str) -> None:
    sent = {"chosen": "path:ada/engine/src", "contact": CONTACT, "text": "ada/engine"}
    assert ticks(post(client, "", **sent)) == {"repo:ada/engine": False, "path:ada/engine/src": True}
    contact = post(client, "/contact", **sent)
    assert (hidden(contact, "contact"), hidden(contact, "chosen")) == (CONTACT, "path:ada/engine/src")
    (box,) = post(client, "", again="1", **sent).all("textarea")
    assert box.text.strip() == "ada/engine"


@pytest.mark.parametrize("step", ["contact", "summary", "send"])
def test_a_step_that_is_opened_without_the_one_before_begins_anew(client: Client, tiny: str, step: str) -> None:
    response = client.get(f"/removal/{step}")
    assert (response.status_code, response["Location"]) == (302, "/removal")


@pytest.mark.parametrize("step", ["", "/contact", "/summary", "/send"])
def test_a_step_wants_the_token_of_its_form(tiny: str, step: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    sent = {"chosen": "repo:ada/engine", "contact": CONTACT, "text": "ada/engine"}
    assert strict.post(f"/removal{step}", sent).status_code == 403
    assert not Request.objects.exists()


def test_it_can_be_asked_for_where_no_release_is_active(client: Client, tiny: str) -> None:
    Release.objects.update(active_build=None)
    page = post(client, "", text="ada/engine")
    assert ticks(page) == {"repo:ada/engine": True}
    assert "kept as a wish" in page.text


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("/holdings?scope=account:ada", "/removal?scope=account%3Aada"),
        (f"/documents/{PARSER}", f"/removal?scope=swhid:{PARSER}"),
        ("/", "/removal"),
    ],
)
def test_other_pages_lead_there_with_what_they_are_about(client: Client, tiny: str, address: str, link: str) -> None:
    assert link in read(client.get(address)).links
    (box,) = read(client.get(link)).all("textarea")
    assert box.text.strip() == link.partition("scope=")[2].replace("%3A", ":")
