"""Whether people are told in time; part of /readyz (governance/health.py)."""

from datetime import timedelta

from django.utils import timezone

from governance.health import Finding, State, late_after
from optout.models import Mail, MailState

UNSENT_TOO_LONG = timedelta(minutes=15)
"""Mails that are due are sent every minute where the periodic work runs."""


def mail() -> Finding:
    """How long the mail that is due the longest has been so. One that is tried again later is not due yet."""
    now = timezone.now()
    waiting = Mail.objects.filter(state__in=[MailState.WAITING, MailState.SENDING], next_try_at__lte=now)
    due = waiting.order_by("next_try_at").first()
    if due is None:
        return Finding(State.OK, "no mail is due")
    return late_after(UNSENT_TOO_LONG, now - due.next_try_at, "the longest due mail")
