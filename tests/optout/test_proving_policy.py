"""Proven claims that the policy leaves to people: disputes, contents that others hold too, what cannot be counted."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from optout import reviewing
from optout.models import Reason
from optout.states import State
from search.models import Mask
from search.swhid import of_content
from tests import corpus
from tests.optout.asking import ask, claim_of, listed, prove_as, proven, reviewer, states_of

pytestmark = pytest.mark.django_db

PARSER = f"swhid:{of_content(corpus.PARSER.encode()).core}"


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
