"""What is wrong with what was sent to the addresses of requests is said by field, and changes nothing."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.logs import without_tokens
from optout.models import Challenge, Mail, Request
from optout.tokens import token_of
from optout.workflow import MOST_SCOPES
from tests.optout import asking, spoken
from tests.optout.asking import CONTACT
from tests.optout.test_api import REQUESTS, address_of, asked, made, post

GOOD = {"scopes": ["repo:ada/engine"], "contact": CONTACT}


def fields(response: Any) -> list[str]:
    assert response["Content-Type"] == "application/problem+json"
    return [error["field"] for error in response.json().get("errors", [])]


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({}, ["contact"]),
        ({**GOOD, "contact": ""}, ["contact"]),
        ({**GOOD, "contact": "nobody"}, ["contact"]),
        ({**GOOD, "contact": f"{'a' * 10_000}@people.test"}, ["contact"]),
        ({**GOOD, "contact": "a\0b@people.test"}, ["contact"]),
        ({**GOOD, "contact": "a@people.test\nBcc: b@people.test"}, ["contact"]),
        ({**GOOD, "contact": 7}, ["contact"]),
        ({**GOOD, "forge": "nowhere"}, ["forge"]),
        ({**GOOD, "text": "ada/engine"}, ["scopes"]),
        ({"contact": CONTACT}, ["scopes"]),
        ({**GOOD, "scopes": []}, ["scopes"]),
        ({**GOOD, "scopes": "ada/engine"}, ["scopes"]),
        ({**GOOD, "scopes": [{}]}, ["scopes[0]"]),
        ({**GOOD, "scopes": ["ada/engine", "x\0y/z"]}, ["scopes[1]"]),
        ({**GOOD, "scopes": ["path:ada/engine/\ud800"]}, ["scopes[0]"]),
        ({**GOOD, "scopes": ["ada/engine", "rubbish", "repo:x", "@ada"]}, ["scopes[1]", "scopes[2]"]),
        ({**GOOD, "scopes": ["a/b\nc/d"]}, ["scopes[0]"]),
        ({"text": "ada/engine\n\nrubbish\n", "contact": CONTACT}, ["text[2]"]),
        ({"text": "\n# nothing\n", "contact": CONTACT}, ["scopes"]),
    ],
)
def test_a_request_that_cannot_be_understood_names_the_field(
    client: Client, tiny: str, sent: dict[str, Any], wrong: list[str]
) -> None:
    response = post(client, REQUESTS, sent)
    assert response.status_code == 400, response.content
    assert fields(response) == wrong
    assert not Request.objects.exists()
    assert not Mail.objects.exists()


@pytest.mark.django_db
def test_too_many_scopes_are_refused_before_any_is_looked_at(client: Client) -> None:
    response = post(client, REQUESTS, {"scopes": ["a/b"] * (MOST_SCOPES + 1), "contact": CONTACT})
    assert (response.status_code, fields(response)) == (413, ["scopes"])
    response = post(client, f"{REQUESTS}/understand", {"text": "a/b\n" * (MOST_SCOPES + 1)})
    assert (response.status_code, fields(response)) == (413, ["text"])


def test_a_paste_of_5000_lines_with_errors_is_answered_line_by_line(client: Client, tiny: str) -> None:
    text = "\n".join("rubbish here" if number % 10 == 3 else f"many/r{number}" for number in range(1, 5001))
    lines = post(client, f"{REQUESTS}/understand", {"text": text}).json()["lines"]
    assert len(lines) == 5000
    assert [line["number"] for line in lines if not line["scope"]] == list(range(3, 5001, 10))
    response = post(client, REQUESTS, {"text": text, "contact": CONTACT})
    assert (response.status_code, len(fields(response))) == (400, 100)


@pytest.mark.parametrize("key", ["x" * 256, "schlüssel"])
def test_an_odd_idempotency_key_is_refused(client: Client, tiny: str, key: str) -> None:
    response = client.post(REQUESTS, GOOD, content_type="application/json", HTTP_IDEMPOTENCY_KEY=key)
    assert (response.status_code, fields(response)) == (400, ["Idempotency-Key"])


@pytest.mark.parametrize("what", ["", "/challenges", "/proofs", "/withdraw", "/appeal", "/answer"])
@pytest.mark.parametrize("change", ["", "0", "cut", "other"])
def test_a_token_that_is_none_of_ours_is_answered_as_any_other(
    client: Client, tiny: str, what: str, change: str
) -> None:
    token = token_of(asking.ask("repo:ada/engine"))
    tokens = {"": "nothing", "0": f"{token}0", "cut": token[:-1], "other": "0" * 32 + token[32:]}
    address = f"{REQUESTS}/{tokens[change]}{what}"
    response = post(client, address, {}) if what else client.get(address)
    assert response.status_code == 404
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
    }


@pytest.mark.parametrize("what", ["challenges", "proofs", "withdraw", "appeal", "answer"])
def test_nothing_is_changed_by_a_get(client: Client, tiny: str, what: str) -> None:
    assert client.get(f"{address_of(made(client, 'repo:ada/engine'))}/{what}").status_code == 405


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({}, {"method", "subject"}),
        ({"method": "magic", "subject": "ada"}, {"method"}),
        ({"method": "ssh-signature", "subject": "a b"}, {"subject"}),
        ({"method": "ssh-signature", "subject": "../x"}, {"subject"}),
        ({"method": "ssh-signature", "subject": "ada\0"}, {"subject"}),
        ({"method": "ssh-signature", "subject": "x" * 301}, {"subject"}),
        ({"method": "ssh-signature", "subject": "ada", "forge": "nowhere"}, {"forge"}),
        ({"method": "email-code", "subject": "someone@people.test"}, {"subject"}),
        ({"method": "email-code", "subject": "ada"}, {"subject"}),
    ],
)
def test_a_challenge_that_cannot_be_made_names_the_field(
    client: Client, tiny: str, sent: dict[str, Any], wrong: set[str]
) -> None:
    response = asked(client, made(client, "repo:ada/engine"), "challenges", sent)
    assert (response.status_code, set(fields(response))) == (400, wrong)
    assert not Challenge.objects.exists()


def test_challenges_are_limited(client: Client, tiny: str) -> None:
    told = made(client, "repo:ada/engine")
    sent = {"method": spoken.METHOD, "subject": "ada"}
    answers = [asked(client, told, "challenges", sent).status_code for _ in range(21)]
    assert answers == [201] * 20 + [429]


def proof(client: Client, told: dict[str, Any], challenge: str, **answer: str) -> Any:
    return asked(client, told, "proofs", {"challenge": challenge, **answer})


def test_a_proof_is_refused_for_what_is_the_matter(client: Client, tiny: str) -> None:
    told, foreign = made(client, "repo:ada/engine"), made(client, "repo:ada/engine", "repo:ada/other")
    sent = {"method": spoken.METHOD, "subject": "ada"}
    mine = asked(client, told, "challenges", sent).json()["challenge"]
    theirs = asked(client, foreign, "challenges", sent).json()["challenge"]
    for challenge, status in (("nothing", 400), (theirs, 400), ("", 400), ("x" * 200, 400)):
        response = proof(client, told, challenge, answer="1 ada")
        assert (response.status_code, fields(response)) == (status, ["challenge"])
    assert fields(proof(client, told, mine)) == ["answer"]
    assert fields(proof(client, told, mine, signature="1 ada")) == ["answer"]
    assert proof(client, told, mine, answer="1 grace").status_code == 422
    assert proof(client, told, mine, answer=spoken.BUSY).status_code == 503
    assert proof(client, told, mine, answer="1 ada").status_code == 200
    again = proof(client, told, mine, answer="1 ada")
    assert (again.status_code, fields(again)) == (409, ["challenge"])


def test_a_challenge_that_is_over_is_no_longer_answered(client: Client, tiny: str) -> None:
    told = made(client, "repo:ada/engine")
    challenge = asked(client, told, "challenges", {"method": spoken.METHOD, "subject": "ada"}).json()["challenge"]
    past = timezone.now() - timedelta(days=2)
    Challenge.objects.update(created_at=past, expires_at=past + timedelta(days=1))
    response = proof(client, told, challenge, answer="1 ada")
    assert response.status_code == 422
    assert "expired" in response.json()["detail"]
    assert client.get(address_of(told)).json()["challenges"] == []


def test_an_answer_is_not_tried_without_end(client: Client, tiny: str) -> None:
    told = made(client, "repo:ada/engine")
    challenge = asked(client, told, "challenges", {"method": spoken.METHOD, "subject": "ada"}).json()["challenge"]
    answers = [proof(client, told, challenge, answer="2 eve").status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]


@pytest.mark.parametrize(
    ("what", "sent", "status", "wrong"),
    [
        ("withdraw", {"claims": [2]}, 400, "claims"),
        ("withdraw", {"claims": []}, 400, "claims"),
        ("withdraw", {"claims": [0]}, 400, "claims[0]"),
        ("withdraw", {"claims": ["x"]}, 400, "claims[0]"),
        ("withdraw", {"claims": [10**9]}, 400, "claims[0]"),
        ("appeal", {"claims": [1], "reason": "no"}, 409, "claims"),
        ("appeal", {"claims": [1], "reason": " "}, 400, "reason"),
        ("appeal", {"claims": [1], "reason": "a\0b"}, 400, "reason"),
        ("answer", {"claims": [1], "answer": "no"}, 409, "claims"),
        ("answer", {"claims": [1], "answer": "x" * 5001}, 400, "answer"),
        ("answer", [], 400, "body"),
    ],
)
def test_a_move_that_cannot_be_made_says_why(
    client: Client, tiny: str, what: str, sent: Any, status: int, wrong: str
) -> None:
    told = made(client, "repo:ada/engine")
    response = asked(client, told, what, sent)
    assert (response.status_code, fields(response)) == (status, [wrong])
    assert client.get(address_of(told)).json()["counts"] == {"submitted": 1}


@pytest.mark.parametrize("query", ["?x=1", "?limit=0", "?limit=1001", "?cursor=x", "?cursor=-1"])
def test_odd_parameters_are_refused(client: Client, tiny: str, query: str) -> None:
    assert client.get(f"{address_of(made(client, 'repo:ada/engine'))}{query}").status_code == 400


def test_no_token_stands_in_the_log(client: Client, tiny: str, caplog: pytest.LogCaptureFixture) -> None:
    """Django writes the address of what failed."""
    told = made(client, "repo:ada/engine")
    with caplog.at_level(logging.WARNING):
        asked(client, told, "withdraw", {"claims": [7]})
    (record,) = [record for record in caplog.records if record.name == "django.request"]
    handler = next(handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler)
    assert handler.filter(record)
    assert record.getMessage() == "Bad Request: /api/v1/requests/***/withdraw"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Not Found: /requests/abc.DEF-_9", "Not Found: /requests/***"),
        ("GET /api/v1/requests/abc?x=1 and /requests/d/e", "GET /api/v1/requests/***?x=1 and /requests/***/e"),
        ("'/requests/abc' \"/requests/d\"", "'/requests/***' \"/requests/***\""),
        ("/api/v1/requests/understand", "/api/v1/requests/understand"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_tokens_are_blotted_out_of_messages(message: str, shown: str) -> None:
    assert without_tokens(message) == shown
