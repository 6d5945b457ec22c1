"""Requests over the API: sent, followed, proven, contested, answered, taken back."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from optout import reviewing
from optout.models import Mail, Reason, Request
from optout.tokens import request_by_token, token_of
from search import lookup
from search.scope import parse_scope
from tests.optout import asking
from tests.optout.asking import CONTACT

REQUESTS = "/api/v1/requests"


def post(client: Client, address: str, data: Any, **headers: str) -> Any:
    return client.post(address, json.dumps(data), content_type="application/json", headers=headers)


def made(client: Client, *scopes: str) -> dict[str, Any]:
    response = post(client, REQUESTS, {"scopes": scopes, "contact": CONTACT})
    assert response.status_code == 201, response.content
    told: dict[str, Any] = response.json()
    return told


def address_of(told: dict[str, Any]) -> str:
    path: str = urlsplit(told["status_url"]).path
    return path


def asked(client: Client, told: dict[str, Any], what: str, data: Any) -> Any:
    return post(client, f"{address_of(told)}/{what}", data)


def proven(client: Client, *scopes: str) -> dict[str, Any]:
    told = made(client, *scopes)
    challenge = asked(client, told, "challenges", {"method": "spoken", "subject": "ada"}).json()["challenge"]
    response = asked(client, told, "proofs", {"challenge": challenge, "answer": "1 ada"})
    assert response.status_code == 200, response.content
    return told


def test_a_request_is_made_and_what_was_understood_is_told(client: Client, tiny: str) -> None:
    response = post(client, REQUESTS, {"scopes": ["https://github.com/Ada/Engine", "@nobody"], "contact": CONTACT})
    told = response.json()
    assert response.status_code == 201
    assert response["Location"] == told["status_url"]
    assert [(claim["scope"], claim["found"]) for claim in told["claims"]] == [
        ("repo:ada/engine", True),
        ("account:nobody", False),
    ]
    assert (told["state"], told["counts"]) == ("submitted", {"submitted": 2})
    assert told["answer"].startswith("Your request is received")
    assert told["actions"] == ["ask_proof", "withdraw"]
    assert told["url"].endswith(f"/requests/{told['token']}")
    assert Request.objects.get().source == Request.Source.API
    assert Mail.objects.get().to == CONTACT


def test_what_was_made_is_what_its_address_answers(client: Client, tiny: str) -> None:
    told = made(client, "repo:ada/engine")
    assert client.get(address_of(told)).json() == told


def test_lines_of_text_are_scopes_too(client: Client, tiny: str) -> None:
    response = post(client, REQUESTS, {"text": "# mine\nada/engine\n\n@ada\n", "contact": CONTACT})
    assert [claim["scope"] for claim in response.json()["claims"]] == ["repo:ada/engine", "account:ada"]


def test_the_same_under_the_same_key_is_one_request(client: Client, tiny: str) -> None:
    sent = {"scopes": ["repo:ada/engine"], "contact": CONTACT}
    first = post(client, REQUESTS, sent, **{"Idempotency-Key": '"k-1-and-nobody-guesses-it"'}).json()
    again = post(client, REQUESTS, sent, **{"Idempotency-Key": "k-1-and-nobody-guesses-it"})
    assert (again.status_code, again.json()) == (201, first)
    assert Request.objects.count() == Mail.objects.count() == 1
    other = post(client, REQUESTS, sent, **{"Idempotency-Key": "k-2-and-nobody-guesses-it"}).json()
    assert other["token"] != first["token"]


def test_what_would_be_asked_for_can_be_asked_without_a_request(client: Client, tiny: str) -> None:
    text = "ada/engine\nada\nhttps://github.com/ADA/engine\nrepo:bob/nothing"
    lines = post(client, f"{REQUESTS}/understand", {"text": text}).json()["lines"]
    assert [(line["number"], line["scope"], line["found"], line["repeats"]) for line in lines] == [
        (1, "repo:ada/engine", True, None),
        (2, None, None, None),
        (3, "repo:ada/engine", True, 1),
        (4, "repo:bob/nothing", False, None),
    ]
    assert "write @ada" in lines[1]["problem"]
    assert not Request.objects.exists()


def test_what_is_hidden_is_not_said_to_be_there(client: Client, tiny: str) -> None:
    proven(client, "repo:ada/engine")
    (line,) = post(client, f"{REQUESTS}/understand", {"scopes": ["ada/engine"]}).json()["lines"]
    assert line["found"] is False


def test_a_proof_hides_what_it_covers_and_says_what_it_does_not(client: Client, tiny: str) -> None:
    told = made(client, "repo:ada/engine", "repo:bob/engine-fork")
    challenge = asked(client, told, "challenges", {"method": "spoken", "subject": "ada"})
    assert challenge.status_code == 201
    outcome = asked(client, told, "proofs", {"challenge": challenge.json()["challenge"], "answer": "1 ada"}).json()
    assert [(claim["number"], claim["state"]) for claim in outcome["covered"]] == [(1, "accepted")]
    assert outcome["uncovered"] == [
        {"number": 2, "scope": "repo:bob/engine-fork", "problem": "bob/engine-fork is not in the account ada."}
    ]
    assert not lookup.holdings(parse_scope("repo:ada/engine"))[0].documents
    now = client.get(address_of(told)).json()
    assert (now["state"], now["counts"]) == ("awaiting_verification", {"accepted": 1, "awaiting_verification": 1})
    assert [moment["action"] for moment in now["timeline"]] == ["submit", "ask_proof", "verify", "accept"]
    assert now["timeline"][0]["claims"] == 2
    assert now["challenges"] == []


def test_an_open_challenge_is_listed_with_what_to_do(client: Client, tiny: str) -> None:
    told = made(client, "repo:ada/engine", "email:grace.hopper@example.org")
    for method, subject, field in (
        ("ssh-signature", "ada", "signature"),
        ("challenge-file", "ada", "repository"),
        ("email-code", "Grace.Hopper@example.org", "code"),
    ):
        challenge = asked(client, told, "challenges", {"method": method, "subject": subject})
        assert challenge.status_code == 201, challenge.content
        assert challenge.json()["answer"] == field
        assert f"`{field}`" in challenge.json()["instructions"]
    listed = client.get(address_of(told)).json()["challenges"]
    assert [one["method"] for one in listed] == ["email-code", "challenge-file", "ssh-signature"]


def test_a_code_by_mail_proves_an_address(client: Client, tiny: str) -> None:
    told = made(client, "email:grace.hopper@example.org")
    sent = {"method": "email-code", "subject": "grace.hopper@example.org"}
    challenge = asked(client, told, "challenges", sent).json()
    # The mail goes out when the transaction is committed; in a test it waits in the outbox.
    code = next(line.strip() for line in Mail.objects.get(secret=True).body.splitlines() if line.startswith("    "))
    wrong = asked(client, told, "proofs", {"challenge": challenge["challenge"], "code": "aaaa-bbbb-cccc-dddd"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "code")
    right = asked(client, told, "proofs", {"challenge": challenge["challenge"], "code": code.upper()})
    assert right.status_code == 200
    assert not lookup.holdings(parse_scope("email:grace.hopper@example.org"))[0].documents


def test_claims_are_taken_back_one_by_one_or_all(client: Client, tiny: str) -> None:
    told = proven(client, "repo:ada/engine", "repo:ada/other")
    one = asked(client, told, "withdraw", {"claims": [2]})
    assert [(claim["number"], claim["state"]) for claim in one.json()["claims"]] == [(2, "withdrawn")]
    assert not lookup.holdings(parse_scope("repo:ada/engine"))[0].documents
    rest = asked(client, told, "withdraw", {})
    assert [claim["number"] for claim in rest.json()["claims"]] == [1]
    assert lookup.holdings(parse_scope("repo:ada/engine"))[0].documents
    assert client.get(address_of(told)).json()["actions"] == []


def test_a_question_is_answered(client: Client, tiny: str) -> None:
    request = asking.in_review("repo:ada/engine")
    reviewing.ask_info(request.claims.all(), asking.reviewer(), "Which fork?", note="not for them")
    token = request_address(request)
    now = client.get(token).json()
    assert (now["state"], now["actions"]) == ("needs_info", ["answer", "withdraw"])
    assert now["timeline"][-1]["text"] == "Which fork?"
    assert "not for them" not in client.get(token).content.decode()
    moved = post(client, f"{token}/answer", {"claims": [1], "answer": "None."})
    assert moved.json()["claims"][0]["state"] == "in_review"


def test_a_denial_is_contested(client: Client, tiny: str) -> None:
    request = asking.in_review("repo:ada/engine")
    reviewing.deny(request.claims.all(), asking.reviewer(), Reason.NOT_COVERED, public="It is a list of words.")
    token = request_address(request)
    now = client.get(token).json()
    assert (now["claims"][0]["reason"], now["actions"]) == ("not_covered", ["appeal"])
    assert now["timeline"][-1]["reason"] == "removal does not extend to it"
    moved = post(client, f"{token}/appeal", {"claims": [1], "reason": "It is code."})
    assert moved.json()["claims"][0]["state"] == "appealed"


def request_address(request: Request) -> str:
    return f"{REQUESTS}/{token_of(request)}"


def test_claims_come_in_pages(client: Client, tiny: str) -> None:
    told = made(client, *(f"repo:many/r{number}" for number in range(7)))
    address, seen = f"{address_of(told)}?limit=3", []
    while address:
        page = client.get(address).json()
        seen += [claim["number"] for claim in page["claims"]]
        parts = urlsplit(page["next"] or "")
        address = f"{parts.path}?{parts.query}" if page["next"] else ""
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_a_token_is_all_that_is_needed_and_no_answer_with_one_is_kept(client: Client, tiny: str) -> None:
    told = made(client, "repo:ada/engine")
    assert request_by_token(told["token"]).claims.get().scope == "repo:ada/engine"
    for response in (
        client.get(address_of(told)),
        client.get(f"{REQUESTS}/nothing"),
        asked(client, told, "challenges", {}),
        asked(client, told, "withdraw", {}),
    ):
        assert response["Cache-Control"] == "private, no-store"
        assert response["Referrer-Policy"] == "no-referrer"


@pytest.mark.django_db
def test_nothing_is_made_by_asking_about_nothing(client: Client) -> None:
    assert post(client, REQUESTS, {"scopes": [], "contact": CONTACT}).status_code == 400
    assert not Request.objects.exists()
