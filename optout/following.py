"""Door of requests, for reading: what the requester's page and the API show; nothing that only reviewers may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from optout import facts, paste, proving
from optout.models import Challenge, Claim, Event, Reason, Request
from optout.refusals import Refused
from optout.states import Action, Role, State, actions, summary
from optout.tokens import token_of
from search.scope import Scope, ScopeKind, parse_scope

PAGE = 100
PAGE_MOST = 1000
MOST_MOMENTS = 500
MOST_OWNERS = 20


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to claims of a request at once. `claim` is the number of the first of them."""

    at: datetime
    action: Action
    after: State
    role: Role
    reason: str
    """In words; empty where none was given."""
    public: str
    claims: int
    claim: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a request stands: how many of its claims are in which state."""

    request: Request
    token: str
    counts: Mapping[State, int]

    @property
    def state(self) -> State:
        return summary(self.counts)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def page(self) -> str:
        """Address of the page for the requester."""
        return f"{settings.SITE_URL}/requests/{self.token}"

    @property
    def address(self) -> str:
        """Address of the same for programs."""
        return f"{settings.SITE_URL}/api/v1/requests/{self.token}"


@dataclass(frozen=True, slots=True)
class Understood:
    """A line that was asked about, what was understood, and whether a release shows any of it (None: not known)."""

    line: paste.Line
    found: bool | None


def standing(request: Request) -> Standing:
    rows = request.claims.order_by().values_list("state").annotate(Count("pk"))
    return Standing(request, token_of(request), {State(state): count for state, count in rows})


def claims(request: Request, *, after: int = 0, limit: int = PAGE) -> tuple[list[Claim], int | None]:
    """The claims that follow number `after`, and the number after which the next page begins, if there is one."""
    found = list(request.claims.filter(number__gt=after).select_related("listed_in").order_by("number")[: limit + 1])
    return found[:limit], found[limit - 1].number if len(found) > limit else None


def claims_for(request: Request, action: Action) -> list[Claim]:
    """Those with which the requester may do that now, at most `PAGE_MOST`."""
    states = [state for state in State if action in actions(state, Role.REQUESTER)]
    return list(request.claims.filter(state__in=states).order_by("number")[:PAGE_MOST])


def timeline(request: Request) -> list[Moment]:
    """What happened, the latest last; claims that moved together are told together."""
    moved = Event.objects.filter(claim__request=request).order_by()
    together = moved.values("at", "action", "after", "role", "reason", "public")
    rows = together.annotate(claims=Count("pk"), claim=Min("claim__number"), last=Min("pk")).order_by("-at", "-last")
    return [_moment(**row) for row in rows[:MOST_MOMENTS]][::-1]


def record(request: Request, *, after: int = -1, limit: int = PAGE) -> tuple[list[Event], int | None]:
    """A page of the events of the request behind ledger index `after`, and the index that the next one begins after.

    With its statement and salt each shows to whoever is given them what the ledger's entry commits to.
    """
    events = Event.objects.filter(claim__request=request, ledger_index__gt=after).order_by("ledger_index")
    found = list(events.select_related("claim")[: limit + 1])
    return found[:limit], found[limit - 1].ledger_index if len(found) > limit else None


def _moment(action: str, after: str, role: str, reason: str, last: int, **same: object) -> Moment:
    words = Reason(reason).label if reason else ""
    return Moment(action=Action(action), after=State(after), role=Role(role), reason=words, **same)  # type: ignore[arg-type]


def questions(request: Request) -> list[Moment]:
    """What reviewers ask that is not answered yet."""
    asked = Event.objects.filter(claim__request=request, claim__state=State.NEEDS_INFO, action=Action.ASK_INFO)
    latest: dict[int, Event] = {event.claim.number: event for event in asked.order_by("pk").select_related("claim")}
    by_text: dict[str, list[int]] = {}
    for number, event in latest.items():
        by_text.setdefault(event.public, []).append(number)
    found = [(latest[min(numbers)], numbers) for numbers in by_text.values()]
    return [
        Moment(event.at, Action.ASK_INFO, State.NEEDS_INFO, Role.REVIEWER, "", event.public, len(numbers), min(numbers))
        for event, numbers in found
    ]


def open_challenges(request: Request) -> list[Challenge]:
    """Those that can still be answered, the newest first."""
    return list(request.challenges.filter(used_at=None, expires_at__gt=timezone.now()).order_by("-created_at", "-pk"))


def challenge_of(request: Request, nonce: str) -> Challenge:
    """A challenge of this request, named by its nonce, whether it can still be answered or not; Refused otherwise."""
    found = request.challenges.filter(nonce=nonce).first()
    if found is None:
        raise Refused("challenge", "there is no such challenge in this request")
    return found


def unproven(request: Request) -> list[Scope]:
    """What waits for a proof."""
    waiting = request.claims.filter(state__in=proving.WAITING).order_by("number")
    return [parse_scope(scope) for scope in waiting.values_list("scope", flat=True)]


def addresses_of(scopes: Sequence[Scope]) -> list[str]:
    return [scope.value for scope in scopes if scope.kind is ScopeKind.EMAIL]


def owners_of(scopes: Sequence[Scope]) -> list[str]:
    """The accounts that what is not an address or a content lies in, at most `MOST_OWNERS`."""
    named = (scope for scope in scopes if scope.kind not in {ScopeKind.EMAIL, ScopeKind.SWHID})
    return list(dict.fromkeys(scope.value.partition("/")[0] for scope in named))[:MOST_OWNERS]


def repositories_of(scopes: Sequence[Scope]) -> list[str]:
    """owner/name of what lies within one repository, at most `MOST_OWNERS`."""
    named = (scope for scope in scopes if scope.kind in {ScopeKind.REPO, ScopeKind.PATH})
    return list(dict.fromkeys(facts.repository_of(scope) for scope in named))[:MOST_OWNERS]


def checked_forge(name: str) -> str:
    """The name of a forge of the settings, or nothing where nothing is asked for; Refused otherwise."""
    if name and name not in proving.forges():
        raise Refused("forge", f"must be one of {', '.join(proving.forges())}")
    return name


def forge_hosts() -> frozenset[str]:
    """Whose addresses are read as accounts, repositories and files."""
    return paste.HOSTS | {urlsplit(forge.web).hostname or "" for forge in proving.forges().values()}


def understood(lines: Sequence[paste.Line]) -> list[Understood]:
    """Each line with whether a release shows any of it; masks are honoured, so what is hidden is not shown."""
    scopes = list({line.scope for line in lines if line.scope is not None})
    shown = facts.shown(scopes)
    return [Understood(line, shown.get(line.scope) if line.scope else None) for line in lines]
