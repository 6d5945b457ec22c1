"""Asking, answering, taking back, appealing; and what time does to a request."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.management import call_command
from django.core.signing import Signer
from django.utils import timezone

from governance.ledger.models import Entry
from optout import reviewing, workflow
from optout.models import Claim, Event, Mail, Reason, Request
from optout.refusals import Refused, TooLate, TooMany
from optout.states import NotAllowed, State
from optout.tokens import NoSuchRequest, link_to, request_by_token, token_of
from search import masks
from search.scope import parse_scope
from tests.optout.asking import CONTACT, ask, claim_of, in_review, listed, proven, reviewer, states_of

pytestmark = pytest.mark.django_db


def test_what_is_asked_becomes_claims_in_order_and_a_repeated_scope_is_one() -> None:
    request = ask("repo:Ada/Engine", "account:ada", "repo:ada/engine", "email:Ada@People.test")
    assert [(claim.number, claim.scope) for claim in request.claims.all()] == [
        (1, "repo:ada/engine"), (2, "account:ada"), (3, "email:ada@people.test")
    ]  # fmt: skip
    assert states_of(request) == ["submitted"] * 3
    assert request.due_at - request.created_at == pytest.approx(timedelta(days=30), abs=timedelta(seconds=1))
    assert request.target_at - request.created_at == timedelta(days=14)


@pytest.mark.parametrize("scopes", [0, workflow.MOST_SCOPES + 1])
def test_none_and_too_many_scopes_are_refused(scopes: int) -> None:
    with pytest.raises(Refused, match="a request has 1 to 10,000") as refused:
        workflow.submit([parse_scope(f"repo:a/{n}") for n in range(scopes)], CONTACT)
    assert refused.value.field == "scopes"
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    "contact",
    ["", "ada", "a@b", "ada@people.test\nBcc: eve@people.test", "ada@people.test, eve@people.test", '"a b"@people.test',
     "Ada <ada@people.test>", "ädä@people.test", f"{'a' * 250}@people.test", "a\x00@people.test"],
)  # fmt: skip
def test_a_contact_that_mail_cannot_go_to_is_refused(contact: str) -> None:
    with pytest.raises(Refused, match="must be an e-mail address") as refused:
        ask("repo:ada/engine", contact=contact)
    assert refused.value.field == "contact"


def test_the_receipt_names_the_scopes_and_holds_the_link() -> None:
    request = ask("repo:ada/engine", *(f"repo:ada/r{n}" for n in range(30)))
    receipt = Mail.objects.get()
    assert receipt.to == CONTACT
    assert link_to(request) in receipt.body
    assert "  repo:ada/engine\n" in receipt.body
    assert "and 11 more" in receipt.body


def test_a_scope_that_matches_nothing_is_kept_as_a_wish_and_said_so(tiny: str) -> None:
    request = ask("repo:ada/engine", "repo:ada/not-there")
    assert list(request.claims.values_list("found", flat=True)) == [True, False]
    assert states_of(request) == ["submitted", "submitted"]
    assert claim_of(request, 2).events.get().public == workflow.WISH.public
    assert "1 of these matches nothing" in Mail.objects.get().body


def test_what_is_masked_looks_like_what_is_not_there(tiny: str) -> None:
    """Else asking would tell that somebody else has asked."""
    masks.hide(parse_scope("account:ada"))
    assert claim_of(ask("repo:ada/engine")).found is False


def test_five_thousand_scopes_are_one_request_with_few_statements(django_assert_max_num_queries: Any) -> None:
    scopes = [parse_scope(f"repo:ada/r{n}") for n in range(5_000)]
    with django_assert_max_num_queries(300):
        request = workflow.submit(scopes, CONTACT)
    assert request.claims.count() == Event.objects.count() == Entry.objects.count() == 5_000


def test_the_same_key_with_the_same_request_is_the_same_request() -> None:
    first = ask("repo:ada/engine", idempotency_key="k1")
    assert ask("repo:ada/engine", idempotency_key="k1") == first
    assert Claim.objects.count() == Mail.objects.count() == 1


def test_a_key_alone_does_not_lead_to_a_request_of_another() -> None:
    first = ask("repo:ada/engine", idempotency_key="k1")
    assert ask("repo:ada/engine", contact="eve@people.test", idempotency_key="k1") != first
    assert ask("repo:ada/compiler", idempotency_key="k1") != first
    assert "k1" not in (first.idempotency_key or "")


# --- The link -------------------------------------------------------------------------------------------


def test_a_token_leads_to_its_request_also_after_the_key_was_changed(settings: Any) -> None:
    request = ask("repo:ada/engine")
    token = token_of(request)
    assert request_by_token(token) == request
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of this site, which is quite long enough"
    assert request_by_token(token) == request


def test_every_wrong_token_gets_the_same_answer() -> None:
    request, other = ask("repo:ada/engine"), ask("repo:bob/compiler")
    token = token_of(request)
    forged = Signer(key="guessed", salt="optout.request", sep=".").sign(request.public_id)
    elsewhere = Signer(salt="another", sep=".").sign(request.public_id)
    nobody = Signer(salt="optout.request", sep=".").sign("0" * 32)
    mixed = f"{other.public_id}.{token.partition('.')[2]}"
    for wrong in ("", ".", request.public_id, token[:-1], token + "x", forged, elsewhere, nobody, mixed, "ü.ü"):
        with pytest.raises(NoSuchRequest, match=r"^there is no such request$"):
            request_by_token(wrong)


# --- Taking back ----------------------------------------------------------------------------------------


def test_one_claim_or_all_can_be_taken_back() -> None:
    request = ask("repo:ada/engine", "repo:ada/compiler", "repo:ada/x")
    workflow.withdraw(request, [2])
    assert states_of(request) == ["submitted", "withdrawn", "submitted"]
    workflow.withdraw(request)
    assert states_of(request) == ["withdrawn"] * 3
    assert Event.objects.filter(action="withdraw", role="requester", actor=request.public_id).count() == 3


def test_what_is_listed_stays_and_the_rest_is_taken_back() -> None:
    request = listed("repo:ada/engine", "repo:bob/compiler")
    with pytest.raises(NotAllowed, match="the claim is listed"):
        workflow.withdraw(request, [1])
    workflow.withdraw(request)
    assert states_of(request) == ["listed", "withdrawn"]


@pytest.mark.parametrize("numbers", [[7], [1, 7], []])
def test_a_claim_that_is_not_in_the_request_cannot_be_named(numbers: list[int]) -> None:
    request = ask("repo:ada/engine")
    with pytest.raises(Refused, match="there is no claim"):
        workflow.withdraw(request, numbers)
    assert states_of(request) == ["submitted"]


# --- Answers and appeals --------------------------------------------------------------------------------


def test_a_question_is_answered_and_the_claim_looked_at_again() -> None:
    request = in_review("repo:ada/engine")
    reviewing.ask_info(request.claims.all(), reviewer(), "Which one is yours?")
    assert states_of(request) == ["needs_info"]
    workflow.answer(request, [1], " The first. ")
    assert states_of(request) == ["in_review"]
    assert claim_of(request).events.latest("number").public == "The first."


@pytest.mark.parametrize("text", ["", "  ", "x" * 5001])
def test_an_answer_has_some_words_and_not_too_many(text: str) -> None:
    request = in_review("repo:ada/engine")
    reviewing.ask_info(request.claims.all(), reviewer(), "Which one is yours?")
    with pytest.raises(Refused, match="must have 1 to 5,000 characters"):
        workflow.answer(request, [1], text)


def denied() -> Request:
    request = in_review("repo:ada/engine")
    reviewing.deny(request.claims.all(), reviewer(), Reason.NO_MATCH)
    return request


def test_a_denial_can_be_appealed_within_180_days() -> None:
    request = denied()
    workflow.appeal(request, [1], "It is mine.")
    assert states_of(request) == ["appealed"]


def test_after_180_days_it_cannot() -> None:
    request = denied()
    request.claims.update(changed_at=timezone.now() - timedelta(days=180, seconds=1))
    with pytest.raises(TooLate, match="more than 180 days ago"):
        workflow.appeal(request, [1], "It is mine.")
    assert states_of(request) == ["denied"]


# --- Time -----------------------------------------------------------------------------------------------


def test_what_is_not_proven_for_30_days_expires_and_the_requester_is_told_once() -> None:
    old, new = proven("repo:ada/engine", "repo:bob/compiler"), ask("repo:eve/x")
    Request.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=30, minutes=1))
    call_command("expire_claims")
    call_command("expire_claims")
    assert states_of(old) == ["accepted", "expired"]
    assert states_of(new) == ["submitted"]
    told = Mail.objects.get(key__startswith="expired")
    assert "repo:bob/compiler" in told.body
    assert "repo:ada/engine" not in told.body


def test_nothing_leaves_before_the_commit(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ask("repo:ada/engine")
        assert not outgoing.outbox
    assert [mail.to for mail in outgoing.outbox] == [[CONTACT]]


def test_a_draft_is_never_left_behind() -> None:
    ask("repo:ada/engine")
    assert not Claim.objects.filter(state=State.DRAFT).exists()


def test_one_contact_sends_twenty_requests_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(workflow.MOST_REQUESTS):
        ask(f"repo:ada/{number}")
    with pytest.raises(TooMany, match="tomorrow"):
        ask("repo:ada/one-more", contact=CONTACT.upper())
    ask("repo:ada/one-more", contact="other@people.test")
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(days=1, seconds=1))
    ask("repo:ada/one-more")


def test_the_same_again_under_its_key_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "MOST_REQUESTS", 1)
    assert ask("repo:ada/engine", idempotency_key="k") == ask("repo:ada/engine", idempotency_key="k")
