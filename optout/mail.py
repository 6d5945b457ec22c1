"""Door of the outbox: a mail is a row, written with what it tells, and sent once that is committed.

A row is taken by one conditional UPDATE, so no two processes send the same. One that was killed while it sent cannot
know whether the server took the mail: it is sent again after `STUCK`, under the same Message-ID, by which the
recipient's server knows it.
"""

import hashlib
import logging
import smtplib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Case, F, Q, TextField, Value, When
from django.template.loader import render_to_string
from django.utils import timezone

from governance import work
from optout.models import Claim, Mail, MailState, Request
from optout.tokens import link_to

SCHEDULE = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 30, 2 * 60, 5 * 60, 10 * 60, 14 * 60, 20 * 60, 24 * 60)
)
"""How long after each failed try the next one follows: ten tries over 75 hours."""

STUCK = timedelta(minutes=15)
"""A mail that is still being sent after this long was left by a process that died."""

ROUND_SECONDS = 50.0
"""After these a round leaves what is due to the next: a server that does not answer costs each mail its time-out."""

SHOWN = 20
"""Scopes that a mail names; it says how many more there are."""

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """What a mail tells; each is a template, whose first line is the subject."""

    RECEIVED = "received"
    CODE = "code"
    VERIFIED = "verified"
    QUESTION = "question"
    DECIDED = "decided"
    LISTED = "listed"
    GONE = "gone"
    EXPIRED = "expired"


def queue(kind: Kind, request: Request, once: str, *, to: str = "", **context: Any) -> Mail:
    """Write a mail down in the caller's transaction; it is sent when that is committed.

    `once` names, with kind and request, what is told: the same again is the same mail. It goes to the request's contact
    where `to` names no other address. `context` is for the template.
    """
    subject, body = render(kind, request, **context)
    key = f"{kind}:{request.public_id}:{once}"
    mail, new = Mail.objects.get_or_create(
        key=key,
        defaults={
            "to": to or request.contact,
            "subject": subject,
            "body": body,
            "secret": kind is Kind.CODE,
            "message_id": message_id(key),
        },
    )
    if new:
        work.nudge("optout.tasks.deliver_one", mail.pk)
    return mail


def queue_about(kind: Kind, claims: Iterable[Claim], **context: Any) -> list[Mail]:
    """One mail to each request about those of its claims that have just moved."""
    by_request: dict[Request, list[Claim]] = {}
    for claim in claims:
        by_request.setdefault(claim.request, []).append(claim)
    return [
        queue(kind, request, once_of(moved), claims=Shown.of(moved), **context) for request, moved in by_request.items()
    ]


def once_of(claims: Sequence[Claim]) -> str:
    """Names the events that the claims have just been through, which happen once."""
    return f"{claims[0].pk}.{claims[0].moves}"


@dataclass(frozen=True, slots=True)
class Shown:
    """Scopes as a mail shows them: the first few, and how many there are."""

    scopes: tuple[str, ...]
    count: int

    @classmethod
    def of(cls, claims: Sequence[Claim]) -> "Shown":
        return cls(tuple(claim.scope for claim in claims[:SHOWN]), len(claims))

    @property
    def more(self) -> int:
        return self.count - len(self.scopes)


def render(kind: Kind, request: Request, **context: Any) -> tuple[str, str]:
    """Subject and body; plain text."""
    text = render_to_string(f"optout/mail/{kind}.txt", {"request": request, "link": link_to(request), **context})
    subject, _, body = text.partition("\n")
    return subject.strip(), body.strip() + "\n"


def message_id(key: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()[:40]
    return f"<{digest}@{urlsplit(settings.SITE_URL).hostname}>"


def deliver(limit: int = 1000) -> dict[MailState, int]:
    """Send what is due, for ROUND_SECONDS at most; returns how many mails got into which state."""
    until = time.monotonic() + ROUND_SECONDS
    Mail.objects.filter(_due(timezone.now()), tries__gt=len(SCHEDULE)).update(
        state=MailState.FAILED,
        problem="cut off while it was sent, too often",
        body=Case(When(secret=True, then=Value("")), default=F("body"), output_field=TextField()),
    )
    due = Mail.objects.filter(_due(timezone.now())).order_by("next_try_at", "pk").values_list("pk", flat=True)
    told: dict[MailState, int] = {}
    for pk in list(due[:limit]):
        if time.monotonic() > until:
            break
        state = deliver_one(pk)
        if state is not None:
            told[state] = told.get(state, 0) + 1
    return told


def deliver_one(pk: int) -> MailState | None:
    """Try to send one mail, if it is due and nobody else is at it (None)."""
    now = timezone.now()
    taken = Mail.objects.filter(_due(now), pk=pk).update(
        state=MailState.SENDING, tries=F("tries") + 1, next_try_at=now + STUCK
    )
    if not taken:
        return None
    mail = Mail.objects.get(pk=pk)
    try:
        _send(mail)
    except (OSError, ValueError) as error:  # smtplib's errors are OSErrors
        return _put_off(mail, error)
    return _settle(mail, state=MailState.SENT, sent_at=timezone.now(), body="", problem="")


def _due(now: datetime) -> Q:
    return Q(state__in=[MailState.WAITING, MailState.SENDING], next_try_at__lte=now)


def _send(mail: Mail) -> None:
    EmailMessage(
        mail.subject,
        mail.body,
        to=[mail.to],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
    ).send()


def _put_off(mail: Mail, error: Exception) -> MailState:
    problem = f"{type(error).__name__} {_code(error) or ''}".strip()
    # The key names the request by its pseudonym; what the server said may hold the address.
    logger.warning("mail %s was not sent at try %d: %s", mail.key, mail.tries, problem)
    if _refused_for_good(error) or mail.tries > len(SCHEDULE):
        body = "" if mail.secret else mail.body
        return _settle(mail, state=MailState.FAILED, problem=problem, body=body)
    again = timezone.now() + SCHEDULE[mail.tries - 1]
    return _settle(mail, state=MailState.WAITING, problem=problem, next_try_at=again)


def _settle(mail: Mail, *, state: MailState, **fields: Any) -> MailState:
    Mail.objects.filter(pk=mail.pk, state=MailState.SENDING, tries=mail.tries).update(state=state, **fields)
    return state


def _refused_for_good(error: Exception) -> bool:
    """The server says that this mail to this address will never do. Anything else may be our own fault, and mended."""
    return isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) and _code(error) >= 500


def _code(error: Exception) -> int:
    """The SMTP reply code; 0 where there is none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min((code for code, _ in error.recipients.values()), default=0)
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
