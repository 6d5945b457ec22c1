"""Whether this process lives (/healthz) and whether it can answer (/readyz), for those who watch it.

    GET /healthz    200 "ok" as long as the process answers at all; nothing else is asked
    GET /readyz     JSON: {"status": STATE, "probes": {NAME: {"state": STATE, "detail": TEXT}}}

States: `ok`; `degraded`, answers are right and something waits; `failed`, questions cannot be answered: 503, and a
balancer sends them elsewhere. PROBES (settings) says who is asked. Details name no address and no person.
"""

import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.module_loading import import_string

from governance.ledger.models import Checkpoint, Entry
from governance.models import Work

logger = logging.getLogger(__name__)

UNSIGNED_TOO_LONG = timedelta(hours=1)
"""Entries of the ledger are signed every few minutes where the periodic work runs."""
UNSENT_TOO_LONG = timedelta(minutes=10)
"""Tasks that Redis did not get are sent again every minute where the periodic work runs."""
CONNECT_SECONDS = 2


class State(IntEnum):
    """The worst of several is the largest."""

    OK = 0
    DEGRADED = 1
    FAILED = 2


@dataclass(frozen=True, slots=True)
class Finding:
    state: State
    detail: str


Probe = Callable[[], Finding]


class HealthMiddleware:
    """Answers before anything else looks at the request: who probes asks by address, and knows no host and no TLS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = ANSWERS.get(request.path_info)
        if answer is None:
            return self._get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        response = answer()
        response["Cache-Control"] = "no-store"
        return response


def living() -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def ready() -> HttpResponse:
    findings = ask(settings.PROBES)
    worst = worst_of(findings)
    return JsonResponse(
        {"status": worst.name.lower(), "probes": {name: _told(finding) for name, finding in findings.items()}},
        status=503 if worst is State.FAILED else 200,
    )


def ask(names: Iterable[str]) -> dict[str, Finding]:
    """What those of PROBES find that are named."""
    return {name: _asked(name, settings.PROBES[name]) for name in names}


def worst_of(findings: Mapping[str, Finding]) -> State:
    return max((finding.state for finding in findings.values()), default=State.OK)


ANSWERS: Mapping[str, Callable[[], HttpResponse]] = {"/healthz": living, "/readyz": ready}


def _asked(name: str, path: str) -> Finding:
    """A probe that breaks is a finding, too; what went wrong stands in the log alone."""
    probe: Probe = import_string(path)
    try:
        return probe()
    except Error:
        return Finding(State.FAILED, "the database cannot be asked")
    except Exception:
        logger.exception("probe %s broke", name)
        return Finding(State.FAILED, "the probe broke")


def _told(finding: Finding) -> dict[str, str]:
    return {"state": finding.state.name.lower(), "detail": finding.detail}


def database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Finding(State.OK, "answers")


def redis() -> Finding:
    """Work waits in the database while Redis is away, so that no answer depends on it."""
    if not settings.WORK.redis:
        return Finding(State.OK, "not used")
    parts = urlsplit(settings.WORK.redis)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 6379), timeout=CONNECT_SECONDS).close()
    except OSError:
        return Finding(State.DEGRADED, "cannot be reached; work waits")
    return Finding(State.OK, "can be reached")


def ledger() -> Finding:
    """The age of the oldest entry that no checkpoint is over."""
    last = Checkpoint.objects.last()
    unsigned = Entry.objects.filter(index__gte=last.size if last else 0).order_by("index").first()
    if unsigned is None:
        return Finding(State.OK, "every entry is signed")
    age = timezone.now() - unsigned.recorded_at
    return late_after(UNSIGNED_TOO_LONG, age, "the oldest unsigned entry")


def work() -> Finding:
    """The age of the oldest task that is due and was handed to nobody, or was left by a worker that died.

    Those that wait for a worker are not late.
    """
    now = timezone.now()
    left = Work.objects.filter(held_until__lt=now - UNSENT_TOO_LONG).order_by("held_until").first()
    if left is not None and left.held_until is not None:
        return late_after(UNSENT_TOO_LONG, now - left.held_until, "the longest abandoned task")
    unsent = Work.objects.filter(sent_at=None, held_until=None, send_at__lte=now).order_by("send_at").first()
    if unsent is None:
        return Finding(State.OK, "everything due was sent")
    return late_after(UNSENT_TOO_LONG, now - unsent.send_at, "the longest due task")


def late_after(limit: timedelta, age: timedelta, what: str) -> Finding:
    """Degraded where `what` has waited for longer than `limit`."""
    minutes = int(age / timedelta(minutes=1))
    return Finding(State.DEGRADED if age > limit else State.OK, f"{what} is {minutes} min old")
