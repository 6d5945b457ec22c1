"""The pages of one request: where it stands, how it is proven, how it is taken back, contested and answered."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from optout import proving, reviewing, workflow
from optout.models import Challenge, Claim, Mail, Reason, Request
from optout.ownership import METHODS
from optout.states import State
from optout.tokens import token_of
from search import lookup
from search.scope import parse_scope
from tests.frontend.pages import Page, faults, read
from tests.frontend.test_removal import problems
from tests.optout import asking, spoken
from tests.optout.ownership.conftest import (
    MakeKey,
    make,  # noqa: F401  # a fixture
)
from tests.optout.ownership.forge import Forge


@pytest.fixture(autouse=True)
def _spoken_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, spoken.METHOD, spoken.DOTTED)


def address(request: Request, what: str = "") -> str:
    return f"/requests/{token_of(request)}{what}"


def get(client: Client, request: Request, what: str = "") -> Page:
    return read(client.get(address(request, what)))


def post(client: Client, request: Request, what: str, **sent: Any) -> Page:
    return read(client.post(address(request, what), sent, follow=True))


def denied(*scopes: str) -> Request:
    request = asking.in_review(*scopes)
    reviewing.deny(request.claims.all(), asking.reviewer(), Reason.NOT_COVERED, public="Only names.")
    return request


def questioned(*scopes: str) -> Request:
    request = asking.in_review(*scopes)
    reviewing.ask_info(request.claims.all(), asking.reviewer(), "Which <b>one</b>?", note="hush")
    return request


def withdrawn(*scopes: str) -> Request:
    request = asking.ask(*scopes)
    workflow.withdraw(request)
    return request


STANDINGS = [
    (asking.ask, "Your request is received. Next, prove that it is yours.", ["prove", "withdraw"]),
    (asking.proven, "Accepted. It is hidden from every answer.", ["withdraw"]),
    (asking.in_review, "It is hidden, and a person is looking at it.", ["withdraw"]),
    (questioned, "We have a question for you.", ["answer", "withdraw"]),
    (denied, "Not accepted. You can contest that.", ["appeal"]),
    (asking.listed, "It is on an exclusion list, and hidden.", []),
    (withdrawn, "You took it back.", []),
]


@pytest.mark.parametrize(("made", "answer", "ways"), STANDINGS)
def test_the_first_line_says_where_it_stands_and_buttons_what_can_be_done(
    client: Client, tiny: str, made: Any, answer: str, ways: list[str]
) -> None:
    request = made("repo:ada/engine")
    page = get(client, request)
    assert (page.status, page.one("h1")) == (200, answer)
    here = address(request, "/")
    assert [link.removeprefix(here) for link in page.links if link.startswith(here)] == ways
    assert "repo:ada/engine" in page.text
    assert "hush" not in page.text
    assert asking.CONTACT not in page.text
    assert list(faults(page)) == []


def test_what_happened_is_told_in_order_and_why(client: Client, tiny: str) -> None:
    page = get(client, denied("repo:ada/engine"))
    told = page.text.partition("What has happened")[2]
    places = [told.index(words) for words in ("The request was sent", "A challenge", "Proven", "Not accepted")]
    assert places == sorted(places)
    assert "Removal does not extend to it." in told
    assert "Only names." in told


def test_a_question_is_shown_as_text(client: Client, tiny: str) -> None:
    page = get(client, questioned("repo:ada/engine"))
    assert "Which <b>one</b>?" in page.text
    assert page.all("b") == []


def test_where_claims_differ_each_is_told(client: Client, tiny: str) -> None:
    request = asking.proven("repo:ada/engine", "repo:bob/engine-fork")
    text = get(client, request).text
    assert "Of 2: 1 waiting for your proof; 1 accepted, hidden." in text


def test_claims_come_in_pages(client: Client, tiny: str) -> None:
    request = asking.ask(*(f"repo:many/r{number}" for number in range(1, 131)))
    first = get(client, request)
    assert "repo:many/r100" in first.text
    assert "repo:many/r101" not in first.text
    following = next(link for link in first.links if "after=100" in link)
    assert "repo:many/r130" in read(client.get(following)).text
    assert get(client, request, "?after=x").status == 200


@pytest.mark.parametrize(
    "what", ["", "/prove", "/withdraw", "/appeal", "/answer", "/challenges/x", "/challenges/x/text"]
)
def test_nothing_is_told_to_who_has_no_token(client: Client, tiny: str, what: str) -> None:
    request = asking.ask("repo:ada/engine")
    elsewhere = client.get("/surely/nowhere").content
    for token in ("nothing", f"{token_of(request)}x", request.public_id, f"{request.public_id}.x"):
        response = client.get(f"/requests/{token}{what}")
        assert response.status_code == 404
        assert read(response).text == read(client.get("/surely/nowhere")).text
        assert client.post(f"/requests/{token}{what}").status_code in {404, 405}
    assert elsewhere


@pytest.mark.parametrize("what", ["", "/prove", "/withdraw", "/nowhere"])
def test_no_answer_is_kept_or_passed_on(client: Client, tiny: str, what: str) -> None:
    response = client.get(address(asking.ask("repo:ada/engine"), what))
    if what != "/nowhere":
        assert response["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response["Cache-Control"]
    assert "noindex" in response.content.decode()


# --- proofs ------------------------------------------------------------------------------------------


def test_ways_are_offered_by_what_is_asked_for(client: Client, tiny: str) -> None:
    both = get(client, asking.ask("repo:ada/engine", "email:ada@people.test"), "/prove")
    assert [heading.text for heading in both.all("h2")] == [
        "By a code to the e-mail address",
        "By your SSH key",
        "By a file in the repository",
    ]
    assert list(faults(both)) == []
    only = get(client, asking.ask("email:ada@people.test"), "/prove")
    assert len(only.all("h2")) == 1
    assert get(client, withdrawn("repo:ada/engine"), "/prove").one("h1") == "You took it back."


def test_a_key_is_proven_with_ssh_keygen(
    client: Client,
    tiny: str,
    settings: LazySettings,
    make: MakeKey,  # noqa: F811
) -> None:
    with Forge() as forge:
        forge.account("ada", keys=[make().public])
        settings.FORGES, settings.FORGES_ALLOW_PRIVATE = forge.setting, True
        request = asking.ask("repo:ada/engine")
        page = post(client, request, "/prove", method="ssh-signature", subject="ada")
        assert page.one("h1") == "Sign this text as ada"
        assert "ssh-keygen -Y sign -n codesteward-ownership -f ~/.ssh/id_ed25519 challenge.txt" in page.text
        assert list(faults(page)) == []
        challenge = Challenge.objects.get()
        text = client.get(address(request, f"/challenges/{challenge.nonce}/text"))
        assert text["Content-Disposition"] == 'attachment; filename="challenge.txt"'
        where = f"/challenges/{challenge.nonce}"
        wrong = client.post(address(request, where), {"answer": make(number=1).sign(text.content.decode())})
        assert wrong.status_code == 422
        assert "does not publish the key" in problems(read(wrong))[0]
        page = post(client, request, where, answer=make().sign(text.content.decode()).replace("\n", "\r\n"))
    assert page.one("h1") == "Accepted. It is hidden from every answer."
    assert not lookup.holdings(parse_scope("repo:ada/engine"))[0].documents


def test_a_file_is_proven_where_it_was_pushed(client: Client, tiny: str, settings: LazySettings) -> None:
    with Forge() as forge:
        forge.account("ada")
        forge.repository("ada/engine", {"README.md": "hello"})
        settings.FORGES, settings.FORGES_ALLOW_PRIVATE = forge.setting, True
        request = asking.ask("repo:ada/engine")
        page = post(client, request, "/prove", method="challenge-file", subject="ada")
        assert ".well-known/codesteward-challenge" in page.text
        assert list(faults(page)) == []
        challenge = Challenge.objects.get()
        where = f"/challenges/{challenge.nonce}"
        early = client.post(address(request, where), {"answer": "ada/engine"})
        assert "There is no file .well-known/codesteward-challenge" in problems(read(early))[0]
        text = client.get(address(request, f"{where}/text")).content.decode()
        forge.commit("ada/engine", {".well-known/codesteward-challenge": text})
        page = post(client, request, where, answer="ada/engine")
    assert page.one("h1").startswith(("Accepted.", "It is hidden"))
    assert not lookup.holdings(parse_scope("repo:ada/engine"))[0].documents


def test_an_address_is_proven_by_a_code(client: Client, tiny: str) -> None:
    request = asking.ask("email:grace.hopper@example.org")
    page = post(client, request, "/prove", method="email-code", subject="grace.hopper@example.org")
    assert page.one("h1") == "Type in the code"
    assert list(faults(page)) == []
    mail = Mail.objects.get(secret=True)
    code = next(line.strip() for line in mail.body.splitlines() if line.startswith("    "))
    assert code not in page.text
    where = f"/challenges/{Challenge.objects.get().nonce}"
    assert client.get(address(request, f"{where}/text")).status_code == 404
    post(client, request, where, answer=code.replace("-", " "))
    assert not lookup.holdings(parse_scope("email:grace.hopper@example.org"))[0].documents


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ({}, "The way of proof must be one of"),
        ({"method": "magic", "subject": "ada"}, "The way of proof must be one of"),
        ({"method": "ssh-signature", "subject": ""}, "must be a login"),
        ({"method": "ssh-signature", "subject": "a\0b"}, "There is a NUL byte in it."),
        ({"method": "ssh-signature", "subject": "ada", "forge": "nowhere"}, "The forge must be one of"),
        ({"method": "email-code", "subject": "eve@people.test"}, "must be one of the e-mail addresses"),
    ],
)
def test_a_way_that_does_not_do_says_why(client: Client, tiny: str, sent: dict[str, str], problem: str) -> None:
    request = asking.ask("repo:ada/engine", "email:ada@people.test")
    page = post(client, request, "/prove", **sent)
    assert page.status == 400
    assert problem in problems(page)[0]
    assert not Challenge.objects.exists()


def test_what_a_proof_does_not_cover_is_said(client: Client, tiny: str) -> None:
    request = asking.ask("repo:ada/engine", "repo:bob/engine-fork")
    where = f"/challenges/{asking.challenged(request).nonce}"
    page = post(client, request, where, answer="1 ada")
    assert page.one("h1") == "1 of 2 are proven, and hidden from every answer now."
    assert "bob/engine-fork is not in the account ada." in page.text
    assert list(faults(page)) == []
    again = client.post(address(request, where), {"answer": "1 ada"})
    assert again.status_code == 409
    assert "This challenge is over" in read(again).text


@pytest.mark.parametrize(
    ("answer", "status"), [("", 400), ("a\0b", 400), ("1 eve", 422), (spoken.BUSY, 503), ("x" * 100_000, 422)]
)
def test_an_answer_that_does_not_do_is_kept(client: Client, tiny: str, answer: str, status: int) -> None:
    request = asking.ask("repo:ada/engine")
    response = client.post(address(request, f"/challenges/{asking.challenged(request).nonce}"), {"answer": answer})
    assert response.status_code == status
    assert len(problems(read(response))) == 1
    assert answer.replace("\0", "") in response.content.decode()


def test_a_challenge_of_another_request_or_one_that_is_over_does_not_do(client: Client, tiny: str) -> None:
    mine, other = asking.ask("repo:ada/engine"), asking.ask("repo:ada/engine")
    foreign = asking.challenged(other)
    for what in ("", "/text"):
        assert client.get(address(mine, f"/challenges/{foreign.nonce}{what}")).status_code == 404
    assert client.post(address(mine, f"/challenges/{foreign.nonce}"), {"answer": "1 ada"}).status_code == 404
    past = timezone.now() - timedelta(days=2)
    Challenge.objects.update(created_at=past, expires_at=past + timedelta(days=1))
    late = client.post(address(other, f"/challenges/{foreign.nonce}"), {"answer": "1 ada"})
    assert late.status_code == 422
    assert "expired" in problems(read(late))[0]
    assert set(Claim.objects.values_list("state", flat=True)) == {"submitted", "awaiting_verification"}


def test_codes_are_not_sent_without_end(client: Client, tiny: str) -> None:
    request = asking.ask("repo:ada/engine")
    for _ in range(proving.MOST_CHALLENGES):
        asking.challenged(request)
    response = client.post(address(request, "/prove"), {"method": "ssh-signature", "subject": "ada"})
    assert response.status_code == 429
    assert "ask again tomorrow" in problems(read(response))[0]


# --- taking back, contesting, answering ---------------------------------------------------------------


def test_claims_are_taken_back_as_ticked(client: Client, tiny: str) -> None:
    request = asking.proven("repo:ada/engine", "repo:ada/other")
    page = get(client, request, "/withdraw")
    assert [box.attributes["value"] for box in page.all("input")] == ["1", "2"]
    assert list(faults(page)) == []
    assert "Tick what you want" in problems(post(client, request, "/withdraw"))[0]
    page = post(client, request, "/withdraw", claim=["1"])
    assert asking.states_of(request) == [State.WITHDRAWN, State.ACCEPTED]
    assert page.one("h1") == "Accepted. It is hidden from every answer."
    again = client.post(address(request, "/withdraw"), {"claim": ["1"]})
    assert again.status_code == 409
    assert asking.states_of(request) == [State.WITHDRAWN, State.ACCEPTED]


def test_what_is_listed_cannot_be_taken_back(client: Client, tiny: str) -> None:
    page = get(client, asking.listed("repo:ada/engine"), "/withdraw")
    assert "what is on a list stays there" in page.text


def test_a_denial_is_contested_with_words(client: Client, tiny: str) -> None:
    request = denied("repo:ada/engine")
    assert list(faults(get(client, request, "/appeal"))) == []
    for sent in (
        {},
        {"claim": "1"},
        {"words": "x"},
        {"claim": "1", "words": "a\0b"},
        {"claim": "1", "words": "x" * 5001},
    ):
        page = post(client, request, "/appeal", **sent)
        assert page.status == 400
        assert problems(page)
    page = post(client, request, "/appeal", claim="1", words="It is <b>code</b>.")
    assert page.one("h1") == "Another person is looking at the decision that you contest."
    assert "It is <b>code</b>." in page.text
    assert page.all("b") == []


def test_a_question_is_answered(client: Client, tiny: str) -> None:
    request = questioned("repo:ada/engine")
    assert list(faults(get(client, request, "/answer"))) == []
    assert problems(post(client, request, "/answer", claim="7", words="x")) == ["There is no claim 7 in this request."]
    page = post(client, request, "/answer", claim="1", words="The first one.")
    assert page.one("h1") == "It is hidden, and a person is looking at it."
    assert client.post(address(request, "/answer"), {"claim": "1", "words": "x"}).status_code == 409


@pytest.mark.parametrize("what", ["/prove", "/withdraw", "/appeal", "/answer"])
def test_looking_changes_nothing(client: Client, tiny: str, what: str) -> None:
    request = denied("repo:ada/engine")
    before = list(Claim.objects.values()), Mail.objects.count()
    for method in (client.get, client.head):
        assert method(address(request, what)).status_code == 200
    assert (list(Claim.objects.values()), Mail.objects.count()) == before


def test_forms_come_through_without_a_cookie(tiny: str) -> None:
    """The address is the key; browsers that send no referrer come from nowhere, as far as Django can tell."""
    strict = Client(enforce_csrf_checks=True)
    request = asking.ask("repo:ada/engine")
    response = strict.post(address(request, "/withdraw"), {"claim": "1"}, HTTP_ORIGIN="null")
    assert response.status_code == 302
    assert asking.states_of(request) == [State.WITHDRAWN]
