"""Challenges and proofs: what they cover, how often they can be tried, and what they lead to."""

import base64
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from optout import proving, workflow
from optout.models import Challenge, Mail, Proof, Reason
from optout.ownership.base import NotProven
from optout.ownership.email_code import METHOD as EMAIL_CODE
from optout.refusals import AlreadyUsed, Refused, TooMany
from search.models import Mask
from tests.optout import spoken
from tests.optout.asking import ask, challenged, claim_of, prove_as, proven, states_of

pytestmark = pytest.mark.django_db


def test_a_challenge_is_random_and_good_for_24_hours_and_says_what_it_is_for() -> None:
    request = ask("repo:ada/engine")
    made = challenged(request)
    assert len(base64.b32decode(made.nonce.upper())) * 8 >= 128
    assert timedelta(hours=23) < made.expires_at - timezone.now() <= timedelta(hours=24)
    assert made.text == proving.statement_of(made).text
    assert made.nonce in made.text
    assert states_of(request) == ["awaiting_verification"]


def test_a_new_challenge_makes_the_earlier_ones_of_its_method_void() -> None:
    request = ask("repo:ada/engine", "email:ada@people.test")
    by_code = proving.challenge(request, EMAIL_CODE, "ada@people.test")
    first, second = challenged(request), challenged(request)
    with pytest.raises(AlreadyUsed):
        proving.prove(request, first, "1 ada")
    by_code.refresh_from_db()
    assert by_code.used_at is None
    assert states_of(request)[0] == "awaiting_verification"
    proving.prove(request, second, "1 ada")
    assert states_of(request)[0] == "accepted"


def test_an_answer_counts_once() -> None:
    request = ask("repo:ada/engine", "repo:bob/compiler")
    made = challenged(request)
    proving.prove(request, made, "1 ada")
    with pytest.raises(AlreadyUsed):
        proving.prove(request, made, "1 ada")
    assert Proof.objects.count() == 1


def test_an_expired_challenge_is_refused_and_says_when_it_expired() -> None:
    request = ask("repo:ada/engine")
    made = challenged(request)
    Challenge.objects.filter(pk=made.pk).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now() - timedelta(seconds=1)
    )
    made.refresh_from_db()
    with pytest.raises(NotProven, match="This challenge expired at"):
        proving.prove(request, made, "1 ada")
    assert states_of(request) == ["awaiting_verification"]


def test_a_wrong_answer_costs_a_try_and_the_tenth_is_the_last() -> None:
    request = ask("repo:ada/engine")
    made = challenged(request)
    for _ in range(proving.MOST_TRIES):
        with pytest.raises(NotProven):
            proving.prove(request, made, "2 eve")
    with pytest.raises(TooMany, match="tried 10 times"):
        proving.prove(request, made, "1 ada")
    assert not Proof.objects.exists()


def test_a_forge_that_does_not_answer_costs_no_try() -> None:
    request = ask("repo:ada/engine")
    made = challenged(request)
    for _ in range(proving.MOST_TRIES + 1):
        with pytest.raises(NotProven, match="try again later"):
            proving.prove(request, made, spoken.BUSY)
    assert proving.prove(request, made, "1 ada").covered


def test_twenty_challenges_a_day_are_enough() -> None:
    request = ask("repo:ada/engine")
    for _ in range(proving.MOST_CHALLENGES):
        challenged(request)
    with pytest.raises(TooMany, match="ask again tomorrow"):
        challenged(request)
    request.challenges.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    challenged(request)


def test_a_challenge_of_another_request_is_not_there() -> None:
    mine, other = ask("repo:ada/engine"), ask("repo:ada/engine")
    with pytest.raises(Refused, match="no such challenge in this request"):
        proving.prove(mine, challenged(other), "1 ada")


@pytest.mark.parametrize(
    ("method", "subject", "forge", "field"),
    [
        ("magic", "ada", "", "method"),
        (spoken.METHOD, "a da", "", "subject"),
        (spoken.METHOD, "", "", "subject"),
        (spoken.METHOD, "ada", "nowhere", "forge"),
        (EMAIL_CODE, "eve@people.test", "", "subject"),
    ],
)
def test_a_challenge_that_makes_no_sense_is_refused(method: str, subject: str, forge: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        proving.challenge(ask("repo:ada/engine", "email:ada@people.test"), method, subject, forge)
    assert refused.value.field == field
    assert not Challenge.objects.exists()


def test_where_nothing_waits_there_is_nothing_to_prove() -> None:
    with pytest.raises(Refused, match="nothing in this request waits"):
        challenged(proven("repo:ada/engine"))


# --- What a proof covers --------------------------------------------------------------------------------


def test_covered_claims_are_verified_hidden_and_accepted_at_once_and_the_others_say_why_not() -> None:
    request = ask("path:ada/engine/src", "repo:ada/engine", "repo:bob/compiler")
    outcome = prove_as(request)
    assert states_of(request) == ["accepted", "accepted", "awaiting_verification"]
    assert [claim.number for claim in outcome.covered] == [1, 2]
    assert [(claim.number, why) for claim, why in outcome.uncovered] == [(3, "bob/compiler is not in the account ada.")]
    assert [event.action for event in claim_of(request).events.all()] == ["submit", "ask_proof", "verify", "accept"]
    assert claim_of(request).reason == Reason.PROVEN
    assert set(Mask.objects.values_list("scope", flat=True)) == {"path:ada/engine/src", "repo:ada/engine"}


def test_a_proof_is_recorded_with_its_evidence() -> None:
    outcome = prove_as(ask("repo:ada/engine"))
    proof = outcome.proof
    assert (proof.provider, proof.kind, proof.subject_id, proof.subject_name) == ("github", "user", "1", "ada")
    assert proof.evidence["said"] == "1 ada"
    assert len(proof.evidence_digest) == 64
    assert claim_of(proof.request).proof == proof


def test_the_rest_can_be_proven_by_another_challenge() -> None:
    request = proven("repo:ada/engine", "repo:bob/compiler")
    prove_as(request, "bob", 3)
    assert states_of(request) == ["accepted", "accepted"]
    assert {claim.proof.subject_name for claim in request.claims.all() if claim.proof} == {"ada", "bob"}


def test_a_proof_that_covers_nothing_changes_no_claim() -> None:
    request = ask("repo:bob/compiler")
    outcome = prove_as(request)
    assert (outcome.covered, len(outcome.uncovered)) == ((), 1)
    assert states_of(request) == ["awaiting_verification"]
    assert not Mail.objects.filter(key__startswith="verified").exists()


def test_the_requester_is_told_once_what_was_proven() -> None:
    request = proven("repo:ada/engine", "path:ada/engine/src")
    told = Mail.objects.get(key__startswith="verified")
    assert "Accepted for removal: 2." in told.body
    assert "Waiting" not in told.body
    assert told.to == request.contact


def test_what_was_withdrawn_meanwhile_stays_withdrawn() -> None:
    request = ask("repo:ada/engine", "repo:ada/compiler")
    made = challenged(request)
    workflow.withdraw(request, [2])
    proving.prove(request, made, "1 ada")
    assert states_of(request) == ["accepted", "withdrawn"]


def test_other_names_of_the_same_thing_are_kept_with_the_claim() -> None:
    request = proven("repo:old-ada/engine", "account:old-ada", "repo:ada/x")
    assert [claim.names for claim in request.claims.all()] == [["repo:ada/engine"], ["account:ada"], []]


# --- Codes by e-mail ------------------------------------------------------------------------------------


def test_a_code_goes_to_the_address_itself_and_proves_that_address_alone() -> None:
    request = ask("email:ada@people.test", "email:bob@people.test", "repo:ada/engine")
    made = proving.challenge(request, EMAIL_CODE, "Ada@People.test")
    letter = Mail.objects.get(key__startswith="code")
    assert letter.to == "ada@people.test"
    code = re.findall(r"^ {4}(\S+)$", letter.body, re.MULTILINE)[0]
    assert code not in made.text
    assert code not in made.code_digest
    proving.prove(request, made, code.upper().replace("-", " "))
    assert states_of(request) == ["accepted", "awaiting_verification", "awaiting_verification"]


def test_a_code_is_tried_five_times() -> None:
    request = ask("email:ada@people.test")
    made = proving.challenge(request, EMAIL_CODE, "ada@people.test")
    for _ in range(5):
        with pytest.raises(NotProven):
            proving.prove(request, made, "abcd-efgh-ijkl-mnop")
    with pytest.raises(TooMany, match="tried 5 times"):
        proving.prove(request, made, "abcd-efgh-ijkl-mnop")


def test_one_address_gets_twenty_codes_a_day_whoever_asks() -> None:
    for number in range(proving.MOST_CHALLENGES):
        request = ask("email:ada@people.test", contact=f"{number}@people.test")
        proving.challenge(request, EMAIL_CODE, "ada@people.test")
    with pytest.raises(TooMany) as refused:
        proving.challenge(ask("email:ada@people.test"), EMAIL_CODE, "ada@people.test")
    assert refused.value.field == "subject"
