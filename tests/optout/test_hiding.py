"""Masks follow claims: hidden from the proof on, shown again when no hidden claim covers the scope."""

import pytest

from optout import reviewing, workflow
from optout.models import Claim, Reason
from optout.moving import Actor, move_all
from optout.states import Action, Role
from search import lookup, masks
from search.models import Mask
from search.scope import parse_scope
from tests.optout.asking import ask, claim_of, in_review, listed, prove_as, proven, reviewer

pytestmark = pytest.mark.django_db


def masked() -> set[str]:
    return set(Mask.objects.filter(lifted_at=None).values_list("scope", flat=True))


def test_a_scope_is_hidden_by_its_proof_and_not_before(tiny: str) -> None:
    request = ask("account:ada")
    assert masked() == set()
    assert lookup.holdings(parse_scope("account:ada"))[0].documents
    prove_as(request)
    assert masked() == {"account:ada"}
    assert not lookup.holdings(parse_scope("account:ada"))[0].documents
    assert not lookup.search("repo:ada/engine").hits


def test_it_stays_hidden_until_it_is_closed() -> None:
    request = listed("repo:ada/engine")
    keys = [claim.pk for claim in request.claims.all()]
    assert masked() == {"repo:ada/engine"}
    move_all(keys, Action.APPLY, Actor(Role.PIPELINE), applied_in="tiny")
    assert masked() == {"repo:ada/engine"}
    move_all(keys, Action.CLOSE, Actor(Role.SYSTEM))
    assert masked() == set()
    move_all(keys, Action.REOPEN, Actor(Role.SYSTEM))
    assert masked() == {"repo:ada/engine"}


def test_a_denial_shows_it_and_a_reversal_hides_it_again() -> None:
    request = in_review("repo:ada/engine")
    reviewing.deny(request.claims.all(), reviewer("grace"), Reason.NO_MATCH)
    assert masked() == set()
    workflow.appeal(request, [1], "It is mine.")
    assert masked() == set()
    reviewing.reverse(claim_of(request), reviewer("joan"))
    assert masked() == {"repo:ada/engine"}


def test_what_another_claim_covers_stays_hidden() -> None:
    first, second = proven("repo:ada/engine", "repo:ada/compiler"), proven("repo:ada/engine")
    workflow.withdraw(first)
    assert masked() == {"repo:ada/engine"}
    workflow.withdraw(second)
    assert masked() == set()


def test_the_other_names_of_a_thing_are_hidden_with_it() -> None:
    old, new = proven("repo:old-ada/engine"), proven("repo:ada/engine")
    assert masked() == {"repo:old-ada/engine", "repo:ada/engine"}
    workflow.withdraw(new)
    assert masked() == {"repo:old-ada/engine", "repo:ada/engine"}, "the old name's claim covers the new one too"
    workflow.withdraw(old)
    assert masked() == set()


def test_a_mask_that_a_steward_set_by_hand_is_left_alone() -> None:
    masks.hide(parse_scope("repo:ada/engine"), "ticket 12")
    request = proven("repo:ada/engine")
    workflow.withdraw(request)
    assert masked() == {"repo:ada/engine"}


def test_what_a_steward_hides_as_well_stays_hidden_when_the_claim_is_over() -> None:
    request = proven("repo:ada/engine")
    masks.hide(parse_scope("repo:ada/engine"), "court order")
    workflow.withdraw(request)
    assert masked() == {"repo:ada/engine"}


def test_a_steward_lifts_their_own_mask_and_not_that_of_a_claim() -> None:
    masks.hide(parse_scope("repo:ada/engine"))
    proven("repo:ada/engine")
    assert masks.lift(parse_scope("repo:ada/engine"))
    assert masked() == {"repo:ada/engine"}
    assert not masks.lift(parse_scope("repo:ada/engine"))


def test_hiding_thousands_takes_few_statements(django_assert_max_num_queries: object) -> None:
    request = proven(*(f"repo:ada/r{n}" for n in range(1_200)))
    assert len(masked()) == Claim.objects.filter(request=request).count() == 1_200
    with django_assert_max_num_queries(120):  # type: ignore[operator]
        workflow.withdraw(request)
    assert masked() == set()
