"""The policy, one line of the table at a time."""

from dataclasses import replace

import pytest

from optout.ownership.base import SubjectKind
from optout.policy import MOST_REPOSITORIES, RULES, Decision, Facts, Verdict, decide, shared_address
from search.scope import parse_scope

PLAIN = Facts(
    scope=parse_scope("repo:ada/engine"),
    owned=True,
    subject=SubjectKind.USER,
    young=False,
    confirmed=True,
    repositories=1,
    of_others=0,
    rivals=0,
)
CONTENT = parse_scope(f"swhid:swh:1:cnt:{'0' * 40}")
ADDRESS = parse_scope("email:ada@people.test")


@pytest.mark.parametrize(
    "facts",
    [
        PLAIN,
        replace(PLAIN, scope=parse_scope("account:ada"), repositories=MOST_REPOSITORIES),
        replace(PLAIN, scope=parse_scope("account:ada"), repositories=0),
        replace(PLAIN, scope=parse_scope("path:ada/engine/src"), subject=SubjectKind.REPOSITORY),
        replace(PLAIN, scope=CONTENT),
        replace(PLAIN, confirmed=False),
        replace(PLAIN, scope=ADDRESS, subject=SubjectKind.ADDRESS, confirmed=False, repositories=30, of_others=30),
    ],
)
def test_what_is_proven_and_owned_is_accepted(facts: Facts) -> None:
    assert decide(facts) == Decision(Verdict.ACCEPT, "proven", "proven and owned")


WAITING = {
    "not_owned": replace(PLAIN, owned=False),
    "other_claimant": replace(PLAIN, rivals=1),
    "organisation": replace(PLAIN, subject=SubjectKind.ORGANISATION),
    "young_subject": replace(PLAIN, young=True),
    "not_counted": replace(PLAIN, repositories=None, of_others=None),
    "unconfirmed_account": replace(PLAIN, scope=parse_scope("account:ada"), confirmed=False),
    "many_repositories": replace(PLAIN, repositories=MOST_REPOSITORIES + 1),
    "held_by_others": replace(PLAIN, scope=CONTENT, repositories=2, of_others=1),
    "shared_address": replace(PLAIN, scope=parse_scope("email:security@people.test"), subject=SubjectKind.ADDRESS),
}


@pytest.mark.parametrize(("code", "facts"), WAITING.items(), ids=WAITING)
def test_everything_else_waits_for_a_person_and_says_why(code: str, facts: Facts) -> None:
    decision = decide(facts)
    assert (decision.verdict, decision.code) == (Verdict.REVIEW, code)
    assert decision.sentence


def test_every_rule_has_its_line_here() -> None:
    assert [rule.code for rule in RULES] == list(WAITING)


def test_the_first_rule_that_applies_decides() -> None:
    assert decide(replace(PLAIN, owned=False, rivals=3, young=True)).code == "not_owned"
    assert decide(replace(PLAIN, rivals=3, young=True)).code == "other_claimant"


def test_a_content_that_could_not_be_tied_to_the_account_waits_as_well() -> None:
    assert decide(replace(PLAIN, scope=CONTENT, confirmed=False)).code == "unconfirmed_account"


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("ada@people.test", False),
        ("ada.information@people.test", False),
        ("noreply@people.test", True),
        ("NoReply+x@people.test", True),
        ("info+newsletter@people.test", True),
        ("1234+ada@users.noreply.github.com", True),
        ("ada@example.org", True),
        ("ada@my-example.org", False),
        ("root@localhost.localdomain", True),
    ],
)
def test_addresses_of_functions_and_machines_are_known(address: str, shared: bool) -> None:
    assert shared_address(address) is shared
