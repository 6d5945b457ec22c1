"""How tests ask for removal: through the doors, in one line each."""

from django.contrib.auth.models import Permission, User

from optout import proving, workflow
from optout.models import Challenge, Claim, ExclusionList, Request
from optout.moving import Actor, move_all
from optout.proving import Outcome
from optout.states import Action, Role, State
from search.scope import parse_scope
from tests.optout import spoken

CONTACT = "contact@people.test"


def ask(*scopes: str, contact: str = CONTACT, idempotency_key: str = "") -> Request:
    return workflow.submit([parse_scope(scope) for scope in scopes], contact, idempotency_key=idempotency_key)


def challenged(request: Request, login: str = "ada") -> Challenge:
    return proving.challenge(request, spoken.METHOD, login)


def prove_as(request: Request, login: str = "ada", number: int = 1) -> Outcome:
    return proving.prove(request, challenged(request, login), f"{number} {login}")


def proven(*scopes: str, login: str = "ada", number: int = 1) -> Request:
    """A request whose claims are proven and decided by the policy."""
    request = ask(*scopes)
    prove_as(request, login, number)
    return request


def in_review(*scopes: str) -> Request:
    """A request whose claims were accepted and are looked at again."""
    request = proven(*scopes)
    keys = request.claims.filter(state=State.ACCEPTED).values_list("pk", flat=True)
    move_all(keys, Action.RECONSIDER, Actor(Role.REVIEWER), reason="")
    return request


def claim_of(request: Request, number: int = 1) -> Claim:
    return request.claims.get(number=number)


def states_of(request: Request) -> list[str]:
    return list(request.claims.order_by("number").values_list("state", flat=True))


def reviewer(name: str = "grace") -> User:
    user, _ = User.objects.get_or_create(username=name)
    user.user_permissions.add(Permission.objects.get(codename="decide_claim"))
    return User.objects.get(pk=user.pk)


def published() -> ExclusionList:
    """The next list, with no files: as far as claims are concerned, the number is what counts."""
    last = ExclusionList.objects.order_by("-number").first()
    number = last.number + 1 if last else 1
    return ExclusionList.objects.create(number=number, previous=last, manifest_digest=f"{number:064x}")


def listed(*scopes: str) -> Request:
    request = proven(*scopes)
    keys = request.claims.filter(state=State.ACCEPTED).values_list("pk", flat=True)
    move_all(keys, Action.LIST, Actor(Role.STEWARD), listed_in=published())
    return request
