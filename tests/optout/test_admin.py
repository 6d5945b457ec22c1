"""The reviewers' tool: the queue, the evidence beside a claim, decisions that go through the door and nowhere else."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from optout import reviewing, workflow
from optout.models import Claim, Request
from optout.states import State
from optout.tokens import token_of
from tests.frontend.pages import read
from tests.optout import asking

QUEUE = reverse("admin:optout_claim_changelist")
DECIDE = reverse("admin:optout_claim_decide")
PASSWORD = "a long enough password"


def staff(name: str, *, decides: bool) -> Client:
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    if decides:
        user.user_permissions.add(Permission.objects.get(codename="decide_claim"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def grace(tiny: str) -> Client:
    return staff("grace", decides=True)


def waiting(*scopes: str) -> Claim:
    return asking.in_review(*(scopes or ("repo:ada/engine",))).claims.get(number=1)


def page_of(claim: Claim) -> str:
    return reverse("admin:optout_claim_change", args=[claim.pk])


def said(*claims: Claim, **fields: Any) -> dict[str, Any]:
    return {"claim": [f"{claim.pk}:{claim.moves}" for claim in claims], "note": "looked at it", **fields}


def state_of(claim: Claim) -> str:
    return Claim.objects.get(pk=claim.pk).state


def test_the_queue_shows_what_waits_the_first_due_first(grace: Client) -> None:
    later, sooner = waiting("repo:ada/engine"), waiting("repo:ada/other")
    Request.objects.filter(pk=sooner.request_id).update(due_at=timezone.now() + timedelta(days=1))
    asking.ask("repo:ada/not-proven")
    text = read(grace.get(QUEUE)).text
    assert text.index("repo:ada/other") < text.index("repo:ada/engine")
    assert "not-proven" not in text
    assert "not-proven" in read(grace.get(QUEUE, {"queue": "all"})).text
    assert "repo:ada/engine" not in read(grace.get(QUEUE, {"queue": "soon"})).text
    assert state_of(later) == State.IN_REVIEW


def test_what_is_late_is_marked(grace: Client) -> None:
    claim = waiting()
    now = timezone.now()
    Request.objects.filter(pk=claim.request_id).update(
        created_at=now - timedelta(days=40), due_at=now - timedelta(days=1)
    )
    assert "(late)" in read(grace.get(QUEUE, {"queue": "late"})).text


@pytest.mark.parametrize("query", [{}, {"queue": "all"}, {"kind": "repo"}, {"q": "engine"}, {"queue": "in_review"}])
def test_no_list_holds_the_token_or_the_contact(grace: Client, query: dict[str, str]) -> None:
    claim = waiting()
    answer = grace.get(QUEUE, query).content.decode()
    assert "repo:ada/engine" in answer
    assert token_of(claim.request) not in answer
    assert asking.CONTACT not in answer


def test_contacts_cannot_be_searched_for(grace: Client) -> None:
    waiting()
    assert "repo:ada/engine" not in read(grace.get(QUEUE, {"q": asking.CONTACT})).text


def test_the_evidence_stands_beside_the_claim(grace: Client) -> None:
    claim = waiting()
    asking.ask("repo:ada/engine")
    text = read(grace.get(page_of(claim))).text
    for expected in (
        "spoken",  # the method
        "ada: user 1 at",  # the subject
        "src/parser.py",  # what the release holds, though it is hidden
        "submitted",  # another claim to the same scope
        "reconsider: accepted to in_review",  # the timeline
        asking.CONTACT,
    ):
        assert expected in text
    assert token_of(claim.request) not in text


def test_the_policy_of_the_site_holds_for_the_admin(grace: Client) -> None:
    for address in (QUEUE, page_of(waiting())):
        response = grace.get(address)
        assert "unsafe" not in response["Content-Security-Policy"]
        page = read(response)
        assert [element for element in page.all("script") if not element.attributes.get("src")] == []
        assert page.all("style") == []


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"decision": "accept"}, State.ACCEPTED),
        ({"decision": "deny", "reason": "not_covered"}, State.DENIED),
        ({"decision": "ask_info", "public": "Which one?"}, State.NEEDS_INFO),
    ],
)
def test_a_decision_goes_through_the_door(grace: Client, fields: dict[str, str], state: State) -> None:
    claim = waiting()
    assert grace.post(DECIDE, said(claim, **fields)).status_code == 302
    assert state_of(claim) == state
    event = Claim.objects.get(pk=claim.pk).events.last()
    assert event is not None
    assert (event.actor, event.note) == ("grace", "looked at it")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"decision": "accept", "note": " "}, "note"),
        ({"decision": "deny"}, "reason"),
        ({"decision": "deny", "reason": "proven"}, "reason"),
        ({"decision": "deny", "reason": "other"}, ""),
        ({"decision": "ask_info"}, "public"),
        ({"decision": "uphold"}, "decision"),
        ({"decision": "list"}, "decision"),
        ({}, "decision"),
        ({"decision": "accept", "public": "\0"}, "public"),
    ],
)
def test_a_decision_that_is_not_whole_changes_nothing(grace: Client, fields: dict[str, str], wrong: str) -> None:
    claim = waiting()
    response = grace.post(DECIDE, said(claim, **fields))
    assert response.status_code in {400, 409}
    assert state_of(claim) == State.IN_REVIEW
    errors = response.context["form"].errors
    assert wrong in errors if wrong else "__all__" in errors
    assert "Not decided" in read(response).text


def test_a_decision_about_what_has_moved_meanwhile_is_not_carried_out(grace: Client) -> None:
    claim = waiting()
    stale = said(claim, decision="accept")
    reviewing.ask_info([claim], asking.reviewer("other"), "Which one?")
    response = grace.post(DECIDE, stale)
    assert response.status_code == 409
    assert "look again" in read(response).text
    assert state_of(claim) == State.NEEDS_INFO


def test_several_are_decided_at_once_or_none(grace: Client) -> None:
    one, two = waiting("repo:ada/engine"), waiting("repo:ada/other")
    chosen = {"action": "decide_selected", "_selected_action": [one.pk, two.pk]}
    assert "2 claims" in read(grace.post(QUEUE, chosen)).text
    assert grace.post(DECIDE, said(one, two, decision="accept")).status_code == 302
    assert (state_of(one), state_of(two)) == (State.ACCEPTED, State.ACCEPTED)


def test_who_denied_does_not_hear_the_appeal(grace: Client) -> None:
    claim = waiting()
    grace.post(DECIDE, said(claim, decision="deny", reason="not_covered"))
    workflow.appeal(claim.request, [1], "It is code.")
    claim.refresh_from_db()
    again = grace.post(DECIDE, said(claim, decision="reverse"))
    assert again.status_code == 409
    assert "another reviewer" in read(again).text
    hopper = staff("hopper", decides=True)
    assert hopper.post(DECIDE, said(claim, decision="reverse")).status_code == 302
    assert state_of(claim) == State.REVERSED


def test_a_duplicate_names_the_claim_that_stands_for_it(grace: Client) -> None:
    standing = asking.proven("repo:ada/engine").claims.get()
    claim = waiting()
    assert grace.post(DECIDE, said(claim, decision="mark_duplicate")).status_code == 400
    assert grace.post(DECIDE, said(claim, decision="mark_duplicate", of=10**9)).status_code == 409
    assert grace.post(DECIDE, said(claim, decision="mark_duplicate", of=standing.pk)).status_code == 302
    assert state_of(claim) == State.DUPLICATE


def test_who_may_not_decide_sees_nothing_and_changes_nothing(tiny: str) -> None:
    clerk, claim = staff("clerk", decides=False), waiting()
    assert "Claims" not in read(clerk.get(reverse("admin:index"))).text
    for response in (
        clerk.get(QUEUE),
        clerk.get(page_of(claim)),
        clerk.get(DECIDE),
        clerk.post(DECIDE, said(claim, decision="accept")),
        clerk.post(QUEUE, {"action": "decide_selected", "_selected_action": [claim.pk]}),
    ):
        assert response.status_code == 403
        assert b"ada/engine" not in response.content
    assert state_of(claim) == State.IN_REVIEW


def test_nothing_is_added_changed_or_deleted_by_hand(grace: Client) -> None:
    claim = waiting()
    User.objects.filter(username="grace").update(is_superuser=True)
    assert grace.get(reverse("admin:optout_claim_add")).status_code == 403
    assert grace.post(page_of(claim), {"state": "accepted"}).status_code == 403
    delete = reverse("admin:optout_claim_delete", args=[claim.pk])
    assert grace.post(delete, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [claim.pk], "post": "yes"}
    grace.post(QUEUE, chosen)
    assert state_of(claim) == State.IN_REVIEW


@pytest.mark.parametrize("claim", ["", "x:y", "1", "0:0", "-1:2", "9" * 30 + ":1"])
def test_a_decision_about_no_claim_is_refused(grace: Client, claim: str) -> None:
    response = grace.post(DECIDE, {"claim": claim, "decision": "accept", "note": "x"}, follow=True)
    assert "do not exist" in read(response).text
    assert not Claim.objects.exists()
