"""The table of states: what it allows, what it refuses and says, and that the documentation shows the same."""

from pathlib import Path

import pytest
from django.conf import settings

from optout.states import (
    FINAL,
    HIDDEN,
    LISTABLE,
    LIVE,
    ON_LIST,
    PROVEN,
    TRANSITIONS,
    Action,
    NotAllowed,
    Role,
    State,
    actions,
    after,
    markdown,
    summary,
)

ALLOWED = {(row.action, before, row.role): row.after for row in TRANSITIONS for before in row.before}


@pytest.mark.parametrize("action", Action)
def test_every_action_is_taken_where_the_table_has_it_and_refused_everywhere_else(action: Action) -> None:
    for state in State:
        for role in Role:
            if (action, state, role) in ALLOWED:
                assert after(state, action, role) is ALLOWED[action, state, role]
                continue
            with pytest.raises(NotAllowed):
                after(state, action, role)


@pytest.mark.parametrize(
    ("state", "action", "role", "sentence"),
    [
        (
            State.LISTED,
            Action.WITHDRAW,
            Role.REQUESTER,
            "withdraw: the claim is listed, and must be draft or submitted",
        ),
        (State.IN_REVIEW, Action.DENY, Role.REQUESTER, "deny: is for the reviewer, not for the requester"),
        (State.CLOSED, Action.CLOSE, Role.SYSTEM, "close: the claim is closed, and must be applied"),
        (State.CLOSED, Action.DENY, Role.PIPELINE, "deny: is not for the pipeline"),
        (State.SUBMITTED, Action.VERIFY, Role.SYSTEM, "the claim is submitted, and must be awaiting verification"),
    ],
)
def test_a_refusal_says_what_the_matter_is(state: State, action: Action, role: Role, sentence: str) -> None:
    with pytest.raises(NotAllowed, match=sentence):
        after(state, action, role)


def test_an_action_leads_to_one_state_wherever_it_is_taken() -> None:
    for action in Action:
        assert len({row.after for row in TRANSITIONS if row.action is action}) == 1


def test_no_two_rows_say_different_things_of_the_same() -> None:
    assert len(ALLOWED) == sum(len(row.before) for row in TRANSITIONS)


def test_every_state_can_be_reached_from_a_draft() -> None:
    reached = {State.DRAFT}
    for _ in State:
        reached |= {row.after for row in TRANSITIONS if reached & set(row.before)}
    assert reached == set(State)


def test_from_every_live_state_a_claim_can_come_to_an_end() -> None:
    ending = set(FINAL)
    for _ in State:
        ending |= {before for row in TRANSITIONS if row.after in ending for before in row.before}
    assert ending == set(State)


def test_only_an_appeal_a_dirty_build_and_a_fallen_stand_in_lead_out_of_what_is_over() -> None:
    out = {(before, row.action) for row in TRANSITIONS for before in row.before if before in FINAL}
    assert out == {
        (State.DENIED, Action.APPEAL), (State.CLOSED, Action.REOPEN), (State.DUPLICATE, Action.RESTORE)
    }  # fmt: skip


def test_what_is_on_a_list_never_leaves_it() -> None:
    assert {row.after for row in TRANSITIONS if set(row.before) & ON_LIST} == ON_LIST - {State.LISTED}
    assert {before for row in TRANSITIONS if row.after is State.LISTED for before in row.before} == LISTABLE


def test_nothing_gets_past_the_proof_without_one() -> None:
    """Every way into what is proven begins in what is proven, or is the verification itself."""
    for row in TRANSITIONS:
        if row.after in PROVEN and row.action is not Action.VERIFY:
            assert set(row.before) <= PROVEN, row


def test_live_and_final_share_nothing_and_leave_nothing_out() -> None:
    assert set(State) == LIVE | FINAL
    assert not LIVE & FINAL


def test_the_sets_are_those_of_the_design() -> None:
    assert {
        "verified", "in_review", "needs_info", "disputed", "accepted", "reversed", "listed", "applied"
    } == HIDDEN  # fmt: skip
    assert {"denied", "upheld", "closed", "withdrawn", "expired", "duplicate"} == FINAL


def test_what_a_role_may_do_is_what_the_table_says() -> None:
    assert actions(State.IN_REVIEW, Role.REVIEWER) == (
        Action.ASK_INFO, Action.ACCEPT, Action.DENY, Action.MARK_DUPLICATE
    )  # fmt: skip
    assert actions(State.LISTED, Role.REQUESTER) == ()
    assert actions(State.DENIED, Role.REQUESTER) == (Action.APPEAL,)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([State.SUBMITTED, State.ACCEPTED], State.SUBMITTED),
        ([State.ACCEPTED, State.NEEDS_INFO, State.IN_REVIEW], State.NEEDS_INFO),
        ([State.CLOSED, State.APPLIED], State.APPLIED),
        ([State.DENIED, State.LISTED], State.LISTED),
        ([State.CLOSED, State.DENIED, State.WITHDRAWN], State.CLOSED),
        ([State.WITHDRAWN, State.EXPIRED], State.EXPIRED),
        ([State.WITHDRAWN], State.WITHDRAWN),
        ([], State.DRAFT),
    ],
)
def test_a_request_is_in_the_state_of_its_slowest_live_claim(states: list[State], expected: State) -> None:
    assert summary(states) is expected
    assert summary(reversed(states)) is expected


def test_a_live_claim_always_counts_before_one_that_is_over() -> None:
    for live in LIVE:
        for final in FINAL:
            assert summary([final, live]) is live


def test_the_documentation_shows_the_table() -> None:
    page = Path(settings.BASE_DIR, "docs", "states.md").read_text("utf-8")
    assert markdown() in page
    prose = page.replace("needs info", "needs_info").replace("in review", "in_review")
    hidden = prose[prose.index("*Hidden*") :].partition(". ")[0]
    assert {state for state in State if state in hidden.replace(",", "").split()} == HIDDEN
