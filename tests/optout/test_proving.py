"""Challenges and proofs: what they cover, how often they can be tried, and what they lead to."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from optout import proving, reviewing, workflow
from optout.models import Challenge, Mail, Proof, Reason, Request
from optout.ownership.base import NotProven
from optout.ownership.challenge_file import METHOD as CHALLENGE_FILE
from optout.ownership.challenge_file import PATH
from optout.ownership.email_code import METHOD as EMAIL_CODE
from optout.ownership.forge_api import forge_api
from optout.ownership.ssh_signature import METHOD as SSH_SIGNATURE
from optout.proving import Outcome
from optout.refusals import AlreadyUsed, Refused, TooMany
from optout.states import State
from search.models import Mask
from search.swhid import of_content
from tests import corpus
from tests.optout import spoken
from tests.optout.asking import ask, challenged, claim_of, listed, prove_as, proven, reviewer, states_of
from tests.optout.ownership.forge import Forge, status
from tests.optout.ownership.ssh_keys import Key, make_key

pytestmark = pytest.mark.django_db

WRITER = f"swhid:{of_content(corpus.WRITER.encode()).core}"
PARSER = f"swhid:{of_content(corpus.PARSER.encode()).core}"


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


# --- What the policy leaves to people -------------------------------------------------------------------


def test_the_same_scope_proven_by_another_is_disputed_on_both_sides() -> None:
    first, second = proven("repo:ada/engine"), proven("repo:ada/engine", "repo:ada/other", number=2)
    assert states_of(first) == ["disputed"]
    assert states_of(second) == ["disputed", "accepted"]
    third = proven("repo:ada/engine", number=5)
    assert states_of(third) == ["disputed"]
    assert Mask.objects.filter(lifted_at=None, scope="repo:ada/engine").count() == 1


def test_the_same_scope_proven_by_the_same_account_twice_is_no_dispute() -> None:
    first, second = proven("repo:ada/engine"), proven("repo:ada/engine")
    assert states_of(first) == states_of(second) == ["accepted"]


def test_what_is_listed_for_another_is_not_disturbed_and_a_person_looks_at_the_new_claim() -> None:
    first = listed("repo:ada/engine")
    second = proven("repo:ada/engine", number=2)
    assert (states_of(first), states_of(second)) == (["listed"], ["in_review"])
    event = claim_of(second).events.latest("number")
    assert event.note.startswith("other_claimant:")
    assert "another" not in event.public


def test_a_denied_claim_is_no_rival() -> None:
    first = proven("repo:ada/engine")
    reviewing.reconsider(first.claims.all(), reviewer(), "seen again")
    reviewing.deny(first.claims.all(), reviewer(), Reason.SUSPECTED_FRAUD)
    assert states_of(proven("repo:ada/engine", number=2)) == ["accepted"]


def test_a_content_that_others_hold_as_well_is_not_covered_and_so_not_hidden_for_them(tiny: str) -> None:
    """Bob holds a fork of ada's parser."""
    request = ask(PARSER)
    outcome = prove_as(request)
    assert states_of(request) == ["awaiting_verification"]
    assert outcome.uncovered[0][1] == "Others hold it as well as ada. Ask for your own copies by repo: or path:."
    assert not Mask.objects.exists()


def test_a_content_that_no_release_shows_with_the_subject_is_not_covered(tiny: str) -> None:
    request = ask(PARSER)
    outcome = prove_as(request, "grace", 4)
    assert states_of(request) == ["awaiting_verification"]
    assert outcome.uncovered[0][1] == "No release holds it in a repository of grace."


@pytest.fixture
def damaged(tiny: str, settings: LazySettings, tmp_path: Path) -> None:
    """The release that answers is not on the disk any more."""
    settings.BUILDS_DIR = tmp_path


def test_where_the_index_cannot_be_asked_a_person_looks_and_nobody_is_turned_away(damaged: None) -> None:
    request = proven("account:ada", "repo:ada/engine")
    assert claim_of(request).found is None
    assert states_of(request) == ["in_review", "in_review"]
    assert claim_of(request).events.latest("number").note.startswith("not_counted:")


def test_masks_are_looked_through_when_claims_are_decided(tiny: str) -> None:
    """The first claim hides what the second is counted by."""
    proven("account:bob", login="bob", number=3)
    assert states_of(proven(PARSER)) == ["awaiting_verification"]


def test_every_covered_claim_is_decided_when_the_door_returns() -> None:
    request = proven("account:ada", "repo:ada/engine", "path:ada/engine/src")
    assert not request.claims.filter(state=State.VERIFIED).exists()


def test_what_belongs_to_an_organisation_waits_for_a_person(tiny: str) -> None:
    request = ask("repo:big-org/engine")
    prove_as(request, "big-org")
    claim = claim_of(request)
    assert claim.state == State.IN_REVIEW
    assert claim.events.get(action="review").note.startswith("organisation:")


# --- Whose the code was that the releases hold under a login ----------------------------------------------


@dataclass(frozen=True)
class Home:
    """A forge whose names the releases use, and a key."""

    forge: Forge
    key: Key

    def account(self, login: str) -> None:
        self.forge.account(login, keys=[self.key.public])

    def prove(self, request: Request, login: str = "ada") -> Outcome:
        made = proving.challenge(request, SSH_SIGNATURE, login)
        return proving.prove(request, made, self.key.sign(made.text))


@pytest.fixture
def home(tiny: str, settings: LazySettings, tmp_path: Path) -> Iterator[Home]:
    with Forge() as forge:
        settings.FORGES, settings.FORGES_ALLOW_PRIVATE = forge.setting, True
        yield Home(forge, make_key(tmp_path))


def review_code(request: Request) -> str:
    return claim_of(request).events.get(action="review").note.partition(":")[0]


def test_an_account_whose_repository_of_the_releases_is_its_own_is_accepted(home: Home) -> None:
    home.account("ada")
    home.forge.repository("ada/engine")
    request = ask("account:ada", WRITER)
    home.prove(request)
    assert states_of(request) == ["accepted", "accepted"]


def test_a_login_that_was_given_up_does_not_prove_what_its_first_holder_left_in_the_releases(home: Home) -> None:
    home.forge.account("ada")
    home.forge.repository("ada/engine")
    home.forge.rename_account("ada", "ada-2")
    home.account("mallory")
    home.forge.rename_account("mallory", "ada")
    request = ask("account:ada", WRITER)
    outcome = home.prove(request)
    assert states_of(request) == ["awaiting_verification", "awaiting_verification"]
    assert outcome.uncovered[0][1].startswith("The releases hold ada/engine under this name, which belongs to another")
    assert not Mask.objects.exists()
    assert outcome.proof.names == {}


def gone(forge: Forge) -> None:
    """There is no such repository any more."""


def made_lately(forge: Forge) -> None:
    forge.repository("ada/engine", since=f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}")


def busy(forge: Forge) -> None:
    forge.repository("ada/engine")
    forge.fails("/repos/", status(503))


@pytest.mark.parametrize("there", [gone, made_lately, busy])
def test_an_account_that_nothing_ties_to_the_releases_waits_for_a_person(
    home: Home, there: Callable[[Forge], None]
) -> None:
    home.account("ada")
    there(home.forge)
    request = ask("account:ada", WRITER)
    home.prove(request)
    assert states_of(request) == ["in_review", "in_review"]
    assert review_code(request) == "unconfirmed_account"


def test_an_account_of_which_the_releases_hold_nothing_is_accepted_and_nobody_is_asked(home: Home) -> None:
    home.account("zoe")
    request = ask("account:zoe")
    home.prove(request, "zoe")
    assert states_of(request) == ["accepted"]
    assert not [path for path in home.forge.asked if path.startswith("/repos/")]


def test_a_login_taken_with_a_profile_repository_is_no_better(home: Home) -> None:
    home.forge.account("ada")
    home.forge.repository("ada/engine")
    home.forge.rename_account("ada", "ada-2")
    home.forge.account("ada")
    request = ask("account:ada")
    made = proving.challenge(request, CHALLENGE_FILE, "ada")
    home.forge.repository("ada/ada", {PATH: made.text})
    proving.prove(request, made, "ada/ada")
    assert states_of(request) == ["awaiting_verification"]


def test_a_profile_repository_in_the_account_that_the_releases_hold_will_do(home: Home) -> None:
    home.forge.account("ada")
    home.forge.repository("ada/engine")
    request = ask("account:ada")
    made = proving.challenge(request, CHALLENGE_FILE, "ada")
    home.forge.repository("ada/ada", {PATH: made.text})
    proving.prove(request, made, "ada/ada")
    assert states_of(request) == ["accepted"]


def test_five_repositories_of_a_name_are_asked_about_and_each_once(home: Home) -> None:
    home.account("ada")
    for number in range(7):
        home.forge.repository(f"ada/r{number}")
    api = forge_api(proving.forges()["local"])
    owners = proving.Owners(api, home.forge.user("ada").id)
    names = [f"ada/r{number}" for number in range(7)]
    assert owners.tie(names) == owners.tie(names) == proving.Tie(confirmed=True)
    assert home.forge.asked == [f"/repos/ada/r{number}" for number in range(5)]
    assert owners.tie(["ada/größe", "ada"]) == proving.Tie(confirmed=False)


def test_an_account_with_too_many_repositories_waits(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optout.policy.MOST_REPOSITORIES", 0)
    home.account("ada")
    home.forge.repository("ada/engine")
    request = ask("account:ada")
    home.prove(request)
    assert states_of(request) == ["in_review"]
    assert review_code(request) == "many_repositories"
    assert "Waiting for a person to look at: 1" in Mail.objects.get(key__startswith="verified").body
