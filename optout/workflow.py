"""Door of requests, for those who ask: send one, answer, take back, appeal; and what time does to it.

`optout.proving` is the door of challenges and proofs, `optout.reviewing` that of the people who decide.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from optout import facts, mail
from optout.deciding import restore_duplicates
from optout.models import Claim, Request
from optout.moving import AT_ONCE, SYSTEM, Actor, Words, alone, move_all
from optout.refusals import Refused, TooLate, TooMany
from optout.states import Action, Role, State, actions
from search.scope import Scope

MOST_SCOPES = 10_000
MOST_LOOKED_UP = 5_000
"""Scopes that are compared with the releases when they are sent; of more of them the receipt does not say."""
PROVE_WITHIN = timedelta(days=30)
APPEAL_WITHIN = timedelta(days=180)
WISH = Words(public="No release shows anything of it now. It is kept as a wish for the releases to come.")
MOST_WORDS = 5_000
MOST_REQUESTS = 20
"""A day, of one contact: each sends a receipt to an address that nobody has confirmed."""


def submit(
    scopes: Sequence[Scope],
    contact: str,
    *,
    forge: str = "",
    language: str = "en",
    source: Request.Source = Request.Source.PAGE,
    idempotency_key: str = "",
) -> Request:
    """Ask for all of the scopes, or none; a scope that is repeated is one claim. The receipt goes out by mail.

    The same again under the same key (a secret of the caller's) is the request that was made first. `forge` is taken as
    it is given: edges check that it is one of the settings. Raises Refused.
    """
    wanted = list(dict.fromkeys(scopes))
    if not 1 <= len(wanted) <= MOST_SCOPES:
        raise Refused("scopes", f"{len(wanted):,} scopes; a request has 1 to {MOST_SCOPES:,}")
    contact = checked_contact(contact)
    once = _digest(idempotency_key, contact, forge, wanted) if idempotency_key else None
    shown = facts.shown(wanted) if len(wanted) <= MOST_LOOKED_UP else {}
    with alone():
        if once and (made := Request.objects.filter(idempotency_key=once).first()):
            return made
        _check_rate(contact)
        request = Request.objects.create(
            contact=contact, forge=forge, language=language, source=source, idempotency_key=once
        )
        claims = _draft(request, wanted, shown)
        _submit(request, claims)
        wishes = [claim for claim in claims if claim.found is False]
        mail.queue(mail.Kind.RECEIVED, request, "", claims=mail.Shown.of(claims), wishes=len(wishes))
    return request


def checked_contact(contact: str) -> str:
    """An address that mail can be sent to; Refused where it is none."""
    contact = contact.strip()
    try:
        validate_email(contact)
    except ValidationError:
        raise Refused("contact", "must be an e-mail address, as name@example.org") from None
    # Quoted names may hold what servers and logs trip over, and nobody has one.
    name = contact.rpartition("@")[0]
    if len(contact) > 254 or '"' in name or not (name.isascii() and contact.isprintable()):
        raise Refused("contact", "must be an e-mail address of at most 254 characters, without quotes")
    return contact


def withdraw(request: Request, numbers: Collection[int] | None = None) -> list[Claim]:
    """Take back the claims of these numbers, or all that can still be taken back; what is listed cannot.

    What they stood for as duplicates is looked at again.
    """
    may = [state for state in State if Action.WITHDRAW in actions(state, Role.REQUESTER)]
    with alone():
        mine = request.claims.filter(state__in=may)
        chosen = mine if numbers is None else _claims_of(request, numbers)
        moved = move_all([claim.pk for claim in chosen], Action.WITHDRAW, requester(request))
        restore_duplicates(moved)
    return moved


def answer(request: Request, numbers: Collection[int], text: str) -> list[Claim]:
    """Answer a reviewer's question about these claims."""
    words = Words(public=_checked("answer", text))
    return move_all([claim.pk for claim in _claims_of(request, numbers)], Action.ANSWER, requester(request), words)


def appeal(request: Request, numbers: Collection[int], text: str) -> list[Claim]:
    """Contest the denial of these claims; another reviewer looks at them. TooLate after 180 days."""
    words = Words(public=_checked("reason", text))
    with alone():
        claims = _claims_of(request, numbers)
        now = timezone.now()
        late = [claim.number for claim in claims if claim.state == State.DENIED and now > appeal_until(claim)]
        if late:
            raise TooLate("claims", f"claim {late[0]} was denied more than {APPEAL_WITHIN.days} days ago")
        return move_all([claim.pk for claim in claims], Action.APPEAL, requester(request), words)


def appeal_until(claim: Claim) -> datetime:
    """Of a claim that is denied."""
    return claim.changed_at + APPEAL_WITHIN


def expire_claims(now: datetime | None = None) -> int:
    """Let what was not proven for 30 days expire; returns how many claims did. Safe to run at any time."""
    before = (now or timezone.now()) - PROVE_WITHIN
    waiting = [state for state in State if Action.EXPIRE in actions(state, Role.SYSTEM)]
    expired = 0
    for request in Request.objects.filter(created_at__lt=before, claims__state__in=waiting).distinct():
        with alone():
            claims = request.claims.filter(state__in=waiting).values_list("pk", flat=True)
            moved = move_all(claims, Action.EXPIRE, SYSTEM)
            mail.queue_about(mail.Kind.EXPIRED, moved)
        expired += len(moved)
    return expired


def requester(request: Request) -> Actor:
    return Actor(Role.REQUESTER, request.public_id)


def _check_rate(contact: str) -> None:
    since = timezone.now() - timedelta(days=1)
    if Request.objects.filter(contact__iexact=contact, created_at__gt=since).count() >= MOST_REQUESTS:
        raise TooMany("contact", f"{MOST_REQUESTS} requests were sent with it today; send the next one tomorrow")


def _draft(request: Request, scopes: Iterable[Scope], shown: Mapping[Scope, bool | None]) -> list[Claim]:
    return Claim.objects.bulk_create(
        (
            Claim(
                request=request,
                number=number,
                scope=str(scope),
                key=scope.key,
                found=shown.get(scope),
            )
            for number, scope in enumerate(scopes, start=1)
        ),
        batch_size=AT_ONCE,
    )


def _submit(request: Request, claims: Sequence[Claim]) -> None:
    wishes = [claim.pk for claim in claims if claim.found is False]
    others = [claim.pk for claim in claims if claim.found is not False]
    move_all(others, Action.SUBMIT, requester(request))
    move_all(wishes, Action.SUBMIT, requester(request), WISH)


def _claims_of(request: Request, numbers: Collection[int]) -> list[Claim]:
    claims = list(request.claims.filter(number__in=numbers))
    missing = set(numbers) - {claim.number for claim in claims}
    if missing or not claims:
        raise Refused("claims", f"there is no claim {min(missing, default=0)} in this request")
    return claims


def _checked(field: str, text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= MOST_WORDS:
        raise Refused(field, f"must have 1 to {MOST_WORDS:,} characters")
    return text


def _digest(key: str, *sent: object) -> str:
    """Of the key and what was sent: whoever knows the key alone learns nothing of the request."""
    said = json.dumps([key, *sent], default=str)
    return hashlib.sha256(said.encode()).hexdigest()
