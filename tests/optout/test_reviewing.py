"""What people decide: who may, with which reason, what the requester is told, and who hears an appeal."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optout import reviewing, workflow
from optout.models import DENYING, Claim, Mail, Reason, Request
from optout.refusals import NotPermitted, Refused
from optout.states import NotAllowed
from search.models import Mask
from tests.optout.asking import claim_of, in_review, listed, proven, reviewer, states_of

pytestmark = pytest.mark.django_db


def claims(request: Request) -> list[Claim]:
    return list(request.claims.all())


@pytest.mark.parametrize(
    "act",
    [
        lambda request, who: reviewing.accept(claims(request), who),
        lambda request, who: reviewing.deny(claims(request), who, Reason.NO_MATCH),
        lambda request, who: reviewing.ask_info(claims(request), who, "Which?"),
        lambda request, who: reviewing.reconsider(claims(request), who, "again"),
        lambda request, who: reviewing.uphold(claim_of(request), who),
        lambda request, who: reviewing.reverse(claim_of(request), who),
        lambda request, who: reviewing.mark_duplicate(claim_of(request), who, claim_of(request)),
    ],
)
def test_without_the_permission_nobody_decides_anything(act: Callable[[Request, User], Any]) -> None:
    request = in_review("repo:ada/engine")
    stranger = User.objects.create(username="stranger", is_staff=True)
    dismissed = reviewer("dismissed")
    dismissed.is_active = False
    for who in (stranger, dismissed):
        with pytest.raises(NotPermitted, match="no permission"):
            act(request, who)
    assert states_of(request) == ["in_review"]


def test_accepting_tells_the_requester_once_for_all_claims() -> None:
    request = in_review("repo:ada/engine", "account:ada")
    reviewing.accept(claims(request), reviewer(), public="Thank you.")
    assert states_of(request) == ["accepted", "accepted"]
    assert {claim.reason for claim in claims(request)} == {Reason.REVIEWED}
    told = Mail.objects.get(key__startswith="decided")
    assert "Accepted for removal" in told.body
    assert "Thank you." in told.body
    assert "repo:ada/engine" in told.body
    assert "account:ada" in told.body


def test_decisions_over_several_requests_tell_each_requester_their_own() -> None:
    first, second = in_review("repo:ada/engine"), in_review("repo:ada/compiler")
    reviewing.accept([*claims(first), *claims(second)], reviewer())
    bodies = Mail.objects.filter(key__startswith="decided").values_list("body", flat=True)
    assert sorted(("engine" in body, "compiler" in body) for body in bodies) == [(False, True), (True, False)]


@pytest.mark.parametrize("reason", sorted(DENYING))
def test_a_denial_says_why_and_how_to_contest_it(reason: Reason) -> None:
    request = in_review("repo:ada/engine")
    reviewing.deny(claims(request), reviewer(), reason, note="for us alone", public="Only this.")
    assert states_of(request) == ["denied"]
    told = Mail.objects.get(key__startswith="decided")
    assert Reason(reason).label in told.body
    assert "Only this." in told.body
    assert "for us alone" not in told.body
    assert "You can contest this until" in told.body
    event = claim_of(request).events.latest("number")
    assert (event.reason, event.note, event.user, event.actor) == (reason, "for us alone", reviewer(), "grace")


def test_a_denial_needs_a_reason_and_another_reason_needs_words() -> None:
    request = in_review("repo:ada/engine")
    with pytest.raises(Refused, match="must be one of"):
        reviewing.deny(claims(request), reviewer(), Reason.PROVEN)
    with pytest.raises(Refused, match="must say what the other reason is"):
        reviewing.deny(claims(request), reviewer(), Reason.OTHER, public=" ")
    assert states_of(request) == ["in_review"]


def test_what_is_listed_cannot_be_denied_or_taken_back() -> None:
    request = listed("repo:ada/engine")
    with pytest.raises(NotAllowed):
        reviewing.deny(claims(request), reviewer(), Reason.NO_MATCH)
    with pytest.raises(NotAllowed):
        reviewing.reconsider(claims(request), reviewer(), "again")


def test_an_acceptance_can_be_taken_back_with_a_note() -> None:
    request = proven("repo:ada/engine")
    with pytest.raises(Refused, match="must say why"):
        reviewing.reconsider(claims(request), reviewer(), "")
    reviewing.reconsider(claims(request), reviewer(), "the account changed hands")
    assert (states_of(request), claim_of(request).reason) == (["in_review"], "")


def test_a_question_reaches_the_requester_and_needs_words() -> None:
    request = in_review("repo:ada/engine")
    with pytest.raises(Refused):
        reviewing.ask_info(claims(request), reviewer(), " ")
    reviewing.ask_info(claims(request), reviewer(), "Which one is yours?")
    assert "Which one is yours?" in Mail.objects.get(key__startswith="question").body


def appealed(request: Request) -> Claim:
    reviewing.deny(claims(request), reviewer("grace"), Reason.NO_MATCH)
    workflow.appeal(request, [1], "It is mine.")
    return claim_of(request)


@pytest.mark.parametrize("hear", [reviewing.uphold, reviewing.reverse])
def test_an_appeal_is_not_heard_by_who_denied_even_under_another_name(hear: Callable[..., Claim]) -> None:
    claim = appealed(in_review("repo:ada/engine"))
    User.objects.filter(username="grace").update(username="grace-2")
    with pytest.raises(NotPermitted, match="another reviewer"):
        hear(claim, User.objects.get(username="grace-2"))
    assert claim_of(claim.request).state == "appealed"


def test_another_reviewer_confirms_the_denial_for_good() -> None:
    claim = reviewing.uphold(appealed(in_review("repo:ada/engine")), reviewer("joan"), public="We looked again.")
    assert (claim.state, claim.reason) == ("upheld", Reason.NO_MATCH)
    told = Mail.objects.filter(key__startswith="decided").latest("pk")
    assert "We looked again." in told.body
    assert "This was the second decision" in told.body
    assert "contest this until" not in told.body


def test_another_reviewer_accepts_after_all() -> None:
    claim = reviewing.reverse(appealed(in_review("repo:ada/engine")), reviewer("joan"))
    assert (claim.state, claim.reason) == ("reversed", Reason.REVIEWED)
    assert "Accepted for removal" in Mail.objects.filter(key__startswith="decided").latest("pk").body


def test_one_claim_stands_for_another_of_the_same_subject_to_the_same_scope() -> None:
    first, second = claim_of(proven("repo:ada/engine")), claim_of(in_review("repo:ada/engine"))
    moved = reviewing.mark_duplicate(second, reviewer(), first)
    assert (moved.state, moved.duplicate_of) == ("duplicate", first)


@pytest.mark.parametrize(
    "fall",
    [
        workflow.withdraw,
        lambda request: reviewing.deny(claims(request), reviewer(), Reason.NO_MATCH),
    ],
)
def test_a_duplicate_comes_back_hidden_when_the_claim_that_stands_for_it_falls(fall: Callable[[Request], Any]) -> None:
    standing, second, third = (in_review("repo:ada/engine") for _ in range(3))
    for request in (second, third):
        reviewing.mark_duplicate(claim_of(request), reviewer(), claim_of(standing))
    fall(standing)
    for request in (second, third):
        claim = claim_of(request)
        assert (claim.state, claim.duplicate_of) == ("in_review", None)
        event = claim.events.latest("number")
        assert (event.action, event.role) == ("restore", "system")
        assert event.public.startswith("The claim that stood for this one does not stand any more.")
    assert Mask.objects.filter(scope="repo:ada/engine", lifted_at=None).count() == 1


def test_a_duplicate_of_an_earlier_time_comes_back_when_a_denial_is_confirmed() -> None:
    """Before duplicates came back with the denial itself, there could be some of a claim that is appealed."""
    standing, second = appealed(in_review("repo:ada/engine")), claim_of(in_review("repo:ada/engine"))
    Claim.objects.filter(pk=second.pk).update(state="duplicate", duplicate_of=standing)
    reviewing.uphold(standing, reviewer("joan"))
    assert claim_of(second.request).state == "in_review"


def test_what_a_claim_does_not_stand_for_stays_when_it_falls() -> None:
    standing, other, second = (in_review("repo:ada/engine") for _ in range(3))
    reviewing.mark_duplicate(claim_of(second), reviewer(), claim_of(standing))
    workflow.withdraw(other)
    assert states_of(second) == ["duplicate"]


def test_a_claim_of_another_scope_or_subject_or_one_that_is_over_cannot_stand_for_it() -> None:
    claim = claim_of(in_review("repo:ada/engine"))
    other_scope = claim_of(proven("repo:ada/compiler"))
    over = proven("repo:ada/engine")
    workflow.withdraw(over)
    other_subject = claim_of(proven("repo:ada/engine", number=2))
    for wrong in (claim, other_scope, claim_of(over), other_subject):
        with pytest.raises(Refused, match="must be a live claim of the same subject"):
            reviewing.mark_duplicate(claim, reviewer(), wrong)
