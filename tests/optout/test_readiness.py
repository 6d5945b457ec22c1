"""The mails' part of /readyz: what is due and not sent is told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.health import Finding, State
from optout.models import Mail, MailState
from optout.readiness import mail

pytestmark = pytest.mark.django_db


def waiting(minutes: int, state: str = MailState.WAITING) -> Mail:
    """A mail that is due since so many minutes."""
    return Mail.objects.create(
        key=f"{state} {minutes}",
        to="ada@example.org",
        subject="s",
        body="b",
        state=state,
        next_try_at=timezone.now() - timedelta(minutes=minutes),
        message_id=f"<{state}{minutes}@example.org>",
    )


def test_mails_that_are_tried_again_later_are_not_late() -> None:
    waiting(-60)
    assert mail() == Finding(State.OK, "no mail is due")


def test_a_mail_that_is_due_for_a_moment_is_told_and_fine() -> None:
    waiting(3)
    assert mail() == Finding(State.OK, "the longest due mail is 3 min old")


@pytest.mark.parametrize("state", [MailState.WAITING, MailState.SENDING])
def test_mails_that_nobody_sends_are_told(state: str) -> None:
    waiting(16, state)
    waiting(1)
    assert mail() == Finding(State.DEGRADED, "the longest due mail is 16 min old")


def test_what_was_given_up_is_not_waiting() -> None:
    waiting(600, MailState.FAILED)
    assert mail().state is State.OK
