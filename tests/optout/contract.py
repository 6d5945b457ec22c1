"""Questions for every documented answer of the addresses of requests, for tests/test_contract.py."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from django.test import Client

from optout import proving, reviewing, workflow
from optout.models import Reason, Request
from optout.tokens import token_of
from optout.workflow import MOST_SCOPES
from tests.optout import asking, spoken

Ask = Callable[[Client], Any]

REQUESTS = "/api/v1/requests"
ONE = f"{REQUESTS}/{{token}}"
OPERATIONS = {
    "request_removal", "understand_scopes", "request_status", "ask_for_challenge", "give_proof", "withdraw", "appeal",
    "answer", "request_record", "exclusion_lists", "exclusion_list",
}  # fmt: skip
ASK_A_FORGE = {f"{ONE}/proofs"}
"""Where a 503 is about a forge, and not about the index."""

GOOD = {"scopes": ["repo:ada/engine", "@nobody"], "contact": asking.CONTACT}
MANY = {"scopes": ["a/b"] * (MOST_SCOPES + 1), "contact": asking.CONTACT}
SPOKEN = {"method": spoken.METHOD, "subject": "ada"}


def post(address: str, data: Any, kind: str = "application/json") -> Ask:
    return lambda client: client.post(address, json.dumps(data), content_type=kind)


def asked() -> Request:
    return asking.ask("repo:ada/engine", "repo:bob/engine-fork")


def denied() -> Request:
    request = asking.in_review("repo:ada/engine")
    reviewing.deny(request.claims.all(), asking.reviewer(), Reason.NOT_COVERED)
    return request


def questioned() -> Request:
    request = asking.in_review("repo:ada/engine")
    reviewing.ask_info(request.claims.all(), asking.reviewer(), "Which one?")
    return request


def listed() -> Request:
    return asking.listed("repo:ada/engine")


def about(
    what: str, data: Any = None, request: Callable[[], Request] = asked, kind: str = "application/json", query: str = ""
) -> Ask:
    """A question about a request that is made for it; a GET where nothing is sent."""

    def ask(client: Client) -> Any:
        address = f"{REQUESTS}/{token_of(request())}{what}{query}"
        return client.get(address) if data is None else client.post(address, json.dumps(data), content_type=kind)

    return ask


def proves(*answers: str) -> Ask:
    """The last of so many answers to one challenge."""

    def ask(client: Client) -> Any:
        request = asked()
        challenge = proving.challenge(request, spoken.METHOD, "ada")
        address = f"{REQUESTS}/{token_of(request)}/proofs"
        for answer in answers:
            sent = {"challenge": challenge.nonce, "answer": answer}
            response = client.post(address, json.dumps(sent), content_type="application/json")
        return response

    return ask


def challenged_too_often(client: Client) -> Any:
    request = asked()
    for _ in range(proving.MOST_CHALLENGES):
        asking.challenged(request)
    address = f"{REQUESTS}/{token_of(request)}/challenges"
    return client.post(address, json.dumps(SPOKEN), content_type="application/json")


def unknown(what: str) -> Ask:
    return post(f"{REQUESTS}/nothing{what}", {}) if what else lambda client: client.get(f"{REQUESTS}/nothing")


def after_too_many_requests(client: Client) -> Any:
    with patch.object(workflow, "MOST_REQUESTS", 0):
        return post(REQUESTS, GOOD)(client)


LISTS = "/api/v1/exclusion-lists"


def of_lists(what: str) -> Ask:
    """A question about lists, of which there is one that was applied and found clean."""

    def ask(client: Client) -> Any:
        record = asking.listed("repo:ada/engine").claims.get().listed_in
        assert record is not None
        digest = f"{record.pk:064x}"
        record.receipts.create(release="r-1", envelope="{}", digest=digest, key_id="SHA256:x")
        record.reports.create(release="r-2", build="r-2-1", is_clean=True, digest=digest)
        return client.get(f"{LISTS}{what}".replace("{number}", str(record.number)))

    return ask


ANSWERS: dict[tuple[str, str], list[Ask]] = {
    (LISTS, "200"): [lambda client: client.get(LISTS), of_lists("")],
    (LISTS, "400"): [of_lists("?x=1")],
    (f"{LISTS}/{{number}}", "200"): [of_lists("/{number}")],
    (f"{LISTS}/{{number}}", "400"): [of_lists("/x"), of_lists("/0")],
    (f"{LISTS}/{{number}}", "404"): [of_lists("/999999")],
    (REQUESTS, "201"): [post(REQUESTS, GOOD), post(REQUESTS, {"text": "ada/engine\n", "contact": asking.CONTACT})],
    (REQUESTS, "400"): [post(REQUESTS, {}), post(REQUESTS, {**GOOD, "scopes": ["x"]}), post(f"{REQUESTS}?x=1", GOOD)],
    (REQUESTS, "413"): [post(REQUESTS, MANY)],
    (REQUESTS, "429"): [after_too_many_requests],
    (REQUESTS, "415"): [post(REQUESTS, GOOD, "text/plain")],
    (f"{REQUESTS}/understand", "200"): [post(f"{REQUESTS}/understand", {"text": "ada/engine\nrubbish\n@ada\n@ada"})],
    (f"{REQUESTS}/understand", "400"): [post(f"{REQUESTS}/understand", {})],
    (f"{REQUESTS}/understand", "413"): [post(f"{REQUESTS}/understand", MANY)],
    (f"{REQUESTS}/understand", "415"): [post(f"{REQUESTS}/understand", GOOD, "text/plain")],
    (f"{ONE}/record", "200"): [about("/record"), about("/record", request=denied, query="?limit=1")],
    (f"{ONE}/record", "400"): [about("/record", query="?cursor=x"), about("/record", query="?limit=0")],
    (f"{ONE}/record", "404"): [lambda client: client.get(f"{REQUESTS}/nothing/record")],
    (ONE, "200"): [
        about(""), about("", request=denied), about("", request=questioned), about("", request=listed),
        about("", query="?limit=1"),
    ],
    (ONE, "400"): [about("", query="?x=1")],
    (ONE, "404"): [unknown("")],
    (f"{ONE}/challenges", "201"): [
        about("/challenges", SPOKEN),
        about("/challenges", {"method": "ssh-signature", "subject": "ada", "forge": "github"}),
        about("/challenges", {"method": "challenge-file", "subject": "ada"}),
        about(
            "/challenges",
            {"method": "email-code", "subject": "ada@people.test"},
            lambda: asking.ask("email:ada@people.test"),
        ),
    ],
    (f"{ONE}/challenges", "400"): [about("/challenges", {})],
    (f"{ONE}/challenges", "404"): [unknown("/challenges")],
    (f"{ONE}/challenges", "415"): [about("/challenges", SPOKEN, kind="text/plain")],
    (f"{ONE}/challenges", "429"): [challenged_too_often],
    (f"{ONE}/proofs", "200"): [proves("1 ada")],
    (f"{ONE}/proofs", "400"): [about("/proofs", {}), about("/proofs", {"challenge": "nothing", "answer": "x"})],
    (f"{ONE}/proofs", "404"): [unknown("/proofs")],
    (f"{ONE}/proofs", "409"): [proves("1 ada", "1 ada")],
    (f"{ONE}/proofs", "415"): [about("/proofs", {}, kind="text/plain")],
    (f"{ONE}/proofs", "422"): [proves("1 eve")],
    (f"{ONE}/proofs", "429"): [proves(*["1 eve"] * 11)],
    (f"{ONE}/withdraw", "200"): [about("/withdraw", {}), about("/withdraw", {"claims": [2]})],
    (f"{ONE}/withdraw", "400"): [about("/withdraw", {"claims": [9]})],
    (f"{ONE}/withdraw", "404"): [unknown("/withdraw")],
    (f"{ONE}/withdraw", "409"): [about("/withdraw", {"claims": [1]}, listed)],
    (f"{ONE}/withdraw", "415"): [about("/withdraw", {}, kind="text/plain")],
    (f"{ONE}/appeal", "200"): [about("/appeal", {"claims": [1], "reason": "It is code."}, denied)],
    (f"{ONE}/appeal", "400"): [about("/appeal", {})],
    (f"{ONE}/appeal", "404"): [unknown("/appeal")],
    (f"{ONE}/appeal", "409"): [about("/appeal", {"claims": [1], "reason": "It is code."})],
    (f"{ONE}/appeal", "415"): [about("/appeal", {}, kind="text/plain")],
    (f"{ONE}/answer", "200"): [about("/answer", {"claims": [1], "answer": "That one."}, questioned)],
    (f"{ONE}/answer", "400"): [about("/answer", {})],
    (f"{ONE}/answer", "404"): [unknown("/answer")],
    (f"{ONE}/answer", "409"): [about("/answer", {"claims": [1], "answer": "That one."})],
    (f"{ONE}/answer", "415"): [about("/answer", {}, kind="text/plain")],
}  # fmt: skip

BUSY: Ask = proves(spoken.BUSY)
