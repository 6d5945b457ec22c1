"""Who sees a request: a matrix over every address of the application, made from the URL configuration.

Ada has asked for removal. Nobody but her, by her token, and reviewers with the permission may find any trace of it: not
her address, not her scope, not her token, not what it is called.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from governance.ledger import log
from optout import reviewing
from optout.models import Challenge, Claim, Event, Mail, Proof, Request
from optout.ownership import METHODS
from optout.tokens import token_of
from tests.optout import asking, spoken

SCOPE = "repo:zebedee/secret-engine"
CONTACT = "zebedee@private.test"
QUESTION = "Is it the quokka one?"
NOTE = "a wombat told me"
METHODS_OF_HTTP = ("get", "head", "post", "put", "patch", "delete", "options")


@pytest.fixture(autouse=True)
def _spoken_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, spoken.METHOD, spoken.DOTTED)


@dataclass(frozen=True)
class World:
    """What Ada has, and what Bob has."""

    ada: Request
    bob: Request
    challenge: Challenge

    @property
    def secrets(self) -> list[str]:
        """What must not be seen: her own words and names, and what stands for her."""
        proof = Proof.objects.get(request=self.ada)
        return [
            *("zebedee", "secret-engine", CONTACT, QUESTION, NOTE),
            *(self.ada.public_id, token_of(self.ada), self.challenge.nonce, proof.evidence_digest),
            *Event.objects.filter(claim__request=self.ada).values_list("salt", flat=True),
        ]

    @property
    def state(self) -> list[Any]:
        """All that is recorded of the two; whoever asks for something makes a request of their own."""
        both = [self.ada, self.bob]
        records = [
            Request.objects.filter(pk__in=[request.pk for request in both]),
            *(table.objects.filter(request__in=both) for table in (Claim, Challenge, Proof)),
            Event.objects.filter(claim__request__in=both),
            *(Mail.objects.filter(key__contains=request.public_id) for request in both),
        ]
        return [list(found.order_by("pk").values()) for found in records]


@pytest.fixture
def world(tiny: str) -> World:
    ada = asking.ask(SCOPE, contact=CONTACT)
    asking.prove_as(ada, "zebedee")
    reviewer = asking.reviewer("grace")
    reviewing.reconsider(ada.claims.all(), reviewer, NOTE)
    reviewing.ask_info(ada.claims.all(), reviewer, QUESTION, note=NOTE)
    log.sign_checkpoint()
    bob = asking.ask("repo:bob/engine-fork", contact="bob@people.test")
    return World(ada, bob, Challenge.objects.get(request=ada))


def addresses(world: World, token: str) -> Iterator[tuple[str, str]]:
    """Name and address of every pattern, filled in with what would lead to Ada's request."""
    values = {
        "token": token,
        "nonce": world.challenge.nonce,
        "swhid": f"swh:1:cnt:{'0' * 40}",
        "object_id": str(world.ada.claims.get().pk),
        "content_type_id": "1",
        "app_label": "optout",
        "url": "optout",
        "name": "tiny-2026-11",
        "index": "0",
    }
    yield from _filled(get_resolver().url_patterns, "/", values)


def _filled(patterns: Any, before: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _filled(pattern.url_patterns, before + _text(pattern, values), values)
        elif isinstance(pattern, URLPattern):
            yield pattern.name or "", before + _text(pattern, values)


def _text(pattern: Any, values: dict[str, str]) -> str:
    """The address of a pattern; a regular expression of the admin's is `^(?P<url>.*)$` or `^(?P<app_label>a|b)/$`."""
    text = str(pattern.pattern)
    for name in pattern.pattern.converters:
        for kind in ("str:", "path:", "int:", "slug:", ""):
            text = text.replace(f"<{kind}{name}>", values.get(name, "1"))
    for name in pattern.pattern.regex.groupindex:
        if f"(?P<{name}>" in text:
            start = text.index(f"(?P<{name}>")
            text = text[:start] + values[name] + text[text.index(")", start) + 1 :]
    return text.replace("^", "").replace("$", "").replace("\\", "")


def test_the_matrix_has_every_address(world: World) -> None:
    named = dict(addresses(world, "T"))
    assert named["request"] in {"/requests/T", "/api/v1/requests/T"}
    assert named["challenge_text"] == f"/requests/T/challenges/{world.challenge.nonce}/text"
    assert named["optout_claim_change"].startswith("/admin/optout/claim/")
    assert named["optout_claim_decide"] == "/admin/optout/claim/decide/"
    assert len(list(addresses(world, "T"))) > 50
    assert not [address for address in named.values() if set(address) & set("<>()")]


def read(response: HttpResponseBase) -> str:
    body = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
    headers = "\n".join(f"{name}: {value}" for name, value in response.items())
    request_finished.disconnect(close_old_connections)  # as the client does where it closes one itself
    response.close()
    request_finished.connect(close_old_connections)
    return f"{headers}\n{body.decode('utf-8', 'replace')}"


def anonymous() -> Client:
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def clerk() -> Client:
    """Somebody of the staff, who may not decide claims but may do everything else."""
    user, _ = User.objects.get_or_create(username="clerk")
    user.user_permissions.set(Permission.objects.exclude(codename="decide_claim"))
    return signed_in("clerk")


def signed_in(name: str) -> Client:
    """One of the staff."""
    User.objects.filter(username=name).update(is_staff=True)
    client = anonymous()
    client.force_login(User.objects.get(username=name))
    return client


def everything(client: Client, world: World, token: str) -> Iterator[tuple[str, str, str]]:
    """Every address by every method: its name, how it was asked, what it answered."""
    for name, address in addresses(world, token):
        for method in METHODS_OF_HTTP:
            for query in ("", "?scope=repo:nobody/nothing&q=nothing"):
                response = getattr(client, method)(f"{address}{query}")
                assert response.status_code < 500, (method, address)
                # What was asked is said again in errors and redirects: what is looked for is what was not asked.
                told = read(response).replace(address, "").replace(token, "").replace(world.challenge.nonce, "")
                yield name, f"{method} {address}{query}", told


STRANGERS: dict[str, tuple[Callable[[], Client], Callable[[World], str]]] = {
    "nobody": (anonymous, lambda world: "nothing"),
    "nobody who guesses": (anonymous, lambda world: f"{world.ada.public_id}.{'a' * 43}"),
    "Bob with his token": (anonymous, lambda world: token_of(world.bob)),
    "a clerk": (clerk, lambda world: "nothing"),
    "a clerk with Bob's token": (clerk, lambda world: token_of(world.bob)),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_no_address_tells_a_stranger_anything_of_a_request(world: World, stranger: str) -> None:
    make, token = STRANGERS[stranger]
    secrets = world.secrets
    if "guesses" in stranger:
        secrets.remove(world.ada.public_id)
    for _, asked, told in everything(make(), world, token(world)):
        leaked = [secret for secret in secrets if secret in told]
        assert not leaked, (asked, leaked)


def test_ada_and_a_reviewer_see_it(world: World) -> None:
    """So that the test above cannot pass because nothing is shown to anybody."""
    mine = "\n".join(told for *_, told in everything(anonymous(), world, token_of(world.ada)))
    for seen in (SCOPE, QUESTION):
        assert seen in mine
    for hidden in (NOTE, CONTACT):
        assert hidden not in mine
    grace = signed_in("grace")
    theirs = "\n".join(told for *_, told in everything(grace, world, "nothing"))
    for seen in (SCOPE, QUESTION, NOTE, CONTACT):
        assert seen in theirs
    assert token_of(world.ada) not in theirs


def test_lists_of_the_admin_hold_neither_contact_nor_token(world: World) -> None:
    grace = signed_in("grace")
    answer = grace.get("/admin/optout/claim/?queue=all").content.decode()
    assert SCOPE in answer
    assert CONTACT not in answer
    assert token_of(world.ada) not in answer


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_nothing_is_changed_by_looking(world: World, method: str) -> None:
    for client, token in ((anonymous(), token_of(world.ada)), (clerk(), "nothing")):
        before = world.state
        for _, address in addresses(world, token):
            read(getattr(client, method)(address))
        assert world.state == before


def test_what_changes_something_wants_the_token_of_the_request_or_of_the_form(world: World) -> None:
    """Everything that may be sent is sent everywhere, without either."""
    sent = {
        "method": spoken.METHOD, "subject": "zebedee", "challenge": world.challenge.nonce, "answer": "1 zebedee",
        "words": "x", "claim": ["1", f"{world.ada.claims.get().pk}:{world.ada.claims.get().moves}"], "all": "1",
        "decision": "accept", "note": "x", "chosen": SCOPE, "contact": CONTACT, "scope": SCOPE, "text": SCOPE,
    }  # fmt: skip
    before = world.state
    for client in (anonymous(), clerk()):
        for token in ("nothing", world.ada.public_id, f"{world.ada.public_id}.{'a' * 43}"):
            for name, address in addresses(world, token):
                response = client.post(address, sent)
                assert response.status_code in {302, 400, 403, 404, 405, 415}, (name, address)
                assert client.post(address, sent, content_type="application/json").status_code < 500, address
    assert world.state == before


def test_another_requests_token_does_nothing_to_this_one(world: World) -> None:
    client, token = anonymous(), token_of(world.bob)
    before = list(Claim.objects.filter(request=world.ada).values())
    for what, sent in (
        ("proofs", {"challenge": world.challenge.nonce, "answer": "1 bob"}),
        ("withdraw", {"claims": [world.ada.claims.get().pk]}),
        ("answer", {"claims": [1], "answer": "x"}),
        ("withdraw", {}),
    ):
        client.post(f"/api/v1/requests/{token}/{what}", sent, content_type="application/json")
    assert list(Claim.objects.filter(request=world.ada).values()) == before
    assert asking.states_of(world.bob) == ["withdrawn"]
