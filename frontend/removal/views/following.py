"""The pages of one request. Whoever has the token in the address may see it and act for it, and nobody else.

They need no further token against forged forms: who could forge one has the address, and may do the same. And as these
addresses must never be told to another site, browsers are told to send no referrer, with which Django would refuse the
forms (they come from the origin `null`).
"""

from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from frontend.removal import forms, sentences
from frontend.removal.forms import WordsForm
from governance.api import error_answer
from optout import following, proving, wording, workflow
from optout.models import Challenge, Claim, Request
from optout.ownership import challenge_file, email_code, ssh_signature
from optout.ownership.base import EMAIL, NotProven
from optout.refusals import Refused, TooLate, TooMany
from optout.states import Action, NotAllowed, State
from optout.tokens import NoSuchRequest, request_by_token, token_of
from search.scope import ScopeKind

NOTHING_HERE = "There is nothing at this address."
TEMPLATES = {
    ssh_signature.METHOD: "frontend/removal/prove_ssh.html",
    challenge_file.METHOD: "frontend/removal/prove_file.html",
    email_code.METHOD: "frontend/removal/prove_code.html",
}
FILES = {ssh_signature.METHOD: "challenge.txt", challenge_file.METHOD: "codesteward-challenge"}
"""Names under which the text of a challenge is downloaded."""

View = Callable[..., HttpResponse]


def private(view: View) -> View:
    """Turns the token into its request. No answer may be kept, and none tells where it came from."""

    @csrf_exempt
    @sensitive_post_parameters()
    @cache_control(private=True, no_store=True)
    @wraps(view)
    def opened(request: HttpRequest, token: str, **named: str) -> HttpResponse:
        try:
            response = view(request, request_by_token(token), **named)
        except NoSuchRequest:
            response = error_answer(request, 404, NOTHING_HERE)
        response["Referrer-Policy"] = "no-referrer"
        return response

    return opened


@require_safe
@private
def status(request: HttpRequest, mine: Request) -> HttpResponse:
    cursor = request.GET.get("after", "")
    after = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 7 else 0
    return _status(request, mine, after=after)


def _status(
    request: HttpRequest, mine: Request, *, after: int = 0, problem: str = "", code: int = HTTPStatus.OK
) -> HttpResponse:
    standing = following.standing(mine)
    claims, more = following.claims(mine, after=after)
    now = timezone.now()
    page = {
        "standing": standing,
        "answer": wording.answer(standing.counts),
        "next": wording.following(standing.counts),
        "breakdown": wording.breakdown(standing.counts),
        "actions": wording.possible(standing.counts),
        "claims": claims,
        "more": more,
        "after": after,
        "timeline": following.timeline(mine),
        "questions": following.questions(mine),
        "challenges": following.open_challenges(mine),
        "clock": sentences.of_clock(mine.created_at, mine.due_at, now),
        "elapsed": (min(now, mine.due_at) - mine.created_at).days + 1,
        "days": (mine.due_at - mine.created_at).days,
        "decided": not set(standing.counts) & UNDECIDED,
        "problem": problem,
    }
    return render(request, "frontend/removal/status.html", page, status=code)


UNDECIDED = frozenset(
    {
        State.SUBMITTED,
        State.AWAITING_VERIFICATION,
        State.VERIFIED,
        State.IN_REVIEW,
        State.NEEDS_INFO,
        State.DISPUTED,
        State.APPEALED,
    }
)
"""As long as one claim is in one of these, the clock runs."""


@require_http_methods(["GET", "HEAD", "POST"])
@private
def prove(request: HttpRequest, mine: Request) -> HttpResponse:
    """Choose how to prove it; the challenge that is made has a page of its own."""
    if request.method != "POST":
        return _methods(request, mine)
    sent = {name: request.POST.get(name, "") for name in ("method", "subject", "forge")}
    field = {email_code.METHOD: "address", challenge_file.METHOD: "owner"}.get(sent["method"], "login")
    if "\0" in sent["subject"]:
        return _methods(request, mine, field, "There is a NUL byte in it.", code=HTTPStatus.BAD_REQUEST)
    try:
        made = proving.challenge(mine, sent["method"], sent["subject"], sent["forge"])
    except TooMany as error:
        return _methods(request, mine, field, _said(error), code=HTTPStatus.TOO_MANY_REQUESTS)
    except Refused as error:
        return _methods(request, mine, field, _said(error), code=HTTPStatus.BAD_REQUEST)
    return redirect("frontend:challenge", token=token_of(mine), nonce=made.nonce)


def _methods(
    request: HttpRequest, mine: Request, field: str = "", problem: str = "", code: int = HTTPStatus.OK
) -> HttpResponse:
    scopes = following.unproven(mine)
    if not scopes:
        return _status(request, mine, problem=problem or "Nothing in this request waits for a proof.", code=code)
    owners = following.owners_of(scopes)
    page = {
        "token": token_of(mine),
        "addresses": following.addresses_of(scopes),
        "owners": owners,
        "by_account": any(scope.kind is not ScopeKind.EMAIL for scope in scopes),
        "subject": request.POST.get("subject", owners[0] if len(owners) == 1 else "").replace("\0", ""),
        "forge": request.POST.get("forge") or mine.forge,
        "forges": list(proving.forges()),
        "problems": [(field, problem)] if problem else [],
    }
    return render(request, "frontend/removal/prove.html", page, status=code)


@require_http_methods(["GET", "HEAD", "POST"])
@private
def challenge(request: HttpRequest, mine: Request, nonce: str) -> HttpResponse:
    """What to do for one challenge, and the form for its answer."""
    try:
        found = following.challenge_of(mine, nonce)
    except Refused:
        return error_answer(request, 404, NOTHING_HERE)
    if request.method != "POST":
        return _challenge(request, mine, found)
    given = request.POST.get("answer", "").replace("\r\n", "\n")
    if not given.strip() or "\0" in given:
        problem = "There is a NUL byte in it." if given.strip() else "Nothing was given."
        return _challenge(request, mine, found, given, problem, code=HTTPStatus.BAD_REQUEST)
    try:
        outcome = proving.prove(mine, found, given)
    except NotProven as error:
        code = HTTPStatus.SERVICE_UNAVAILABLE if error.temporary else HTTPStatus.UNPROCESSABLE_ENTITY
        return _challenge(request, mine, found, given, str(error), code=code)
    except Refused as error:
        return _challenge(request, mine, found, given, _said(error), code=HTTPStatus.CONFLICT)
    if not outcome.uncovered:
        return redirect("frontend:request", token=token_of(mine))
    page = {
        "token": token_of(mine),
        "answer": sentences.of_outcome(len(outcome.covered), len(outcome.uncovered)),
        "outcome": outcome,
    }
    return render(request, "frontend/removal/outcome.html", page)


def _challenge(
    request: HttpRequest,
    mine: Request,
    found: Challenge,
    given: str = "",
    problem: str = "",
    code: int = HTTPStatus.OK,
) -> HttpResponse:
    repositories = following.repositories_of(following.unproven(mine))
    page = {
        "token": token_of(mine),
        "challenge": found,
        "open": found.used_at is None and found.expires_at > timezone.now(),
        "given": given.replace("\0", ""),
        "namespace": ssh_signature.NAMESPACE,
        "path": challenge_file.PATH,
        "repository": repositories[0] if len(repositories) == 1 else "",
        "file": FILES.get(found.method, ""),
        "problems": [("answer", problem)] if problem else [],
    }
    template = TEMPLATES.get(found.method, "frontend/removal/prove_code.html")
    return render(request, template, page, status=code)


@require_safe
@private
def text(request: HttpRequest, mine: Request, nonce: str) -> HttpResponse:
    """What is to be signed or put into the file, as a download."""
    try:
        found = following.challenge_of(mine, nonce)
    except Refused:
        return error_answer(request, 404, NOTHING_HERE)
    if found.forge == EMAIL:
        return error_answer(request, 404, NOTHING_HERE)
    name = FILES.get(found.method, "challenge.txt")
    return HttpResponse(
        found.text,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@private
def withdraw(request: HttpRequest, mine: Request) -> HttpResponse:
    if request.method != "POST":
        return _about_claims(request, mine, Action.WITHDRAW)
    chosen = forms.numbers(request.POST)
    everything = "all" in request.POST
    if not chosen and not everything:
        return _about_claims(request, mine, Action.WITHDRAW, [("claims", "Tick what you want to take back.")])
    return _moved(request, mine, Action.WITHDRAW, lambda: workflow.withdraw(mine, None if everything else chosen))


@require_http_methods(["GET", "HEAD", "POST"])
@private
def appeal(request: HttpRequest, mine: Request) -> HttpResponse:
    return _with_words(request, mine, Action.APPEAL, workflow.appeal)


@require_http_methods(["GET", "HEAD", "POST"])
@private
def answer(request: HttpRequest, mine: Request) -> HttpResponse:
    return _with_words(request, mine, Action.ANSWER, workflow.answer)


def _with_words(
    request: HttpRequest, mine: Request, action: Action, door: Callable[[Request, list[int], str], list[Claim]]
) -> HttpResponse:
    if request.method != "POST":
        return _about_claims(request, mine, action)
    form, chosen = WordsForm(request.POST), forms.numbers(request.POST)
    problems = [] if chosen else [("claims", "Tick what it is about.")]
    if not form.is_valid():
        problems += [("words", str(error)) for error in form.errors["words"]]
    if problems:
        return _about_claims(request, mine, action, problems)
    return _moved(request, mine, action, lambda: door(mine, chosen, form.cleaned_data["words"]))


def _moved(request: HttpRequest, mine: Request, action: Action, move: Callable[[], object]) -> HttpResponse:
    try:
        move()
    except (NotAllowed, TooLate) as error:
        return _about_claims(request, mine, action, [("claims", _said(error))], HTTPStatus.CONFLICT)
    except Refused as error:
        return _about_claims(request, mine, action, [("claims", _said(error))])
    return redirect("frontend:request", token=token_of(mine))


def _about_claims(
    request: HttpRequest,
    mine: Request,
    action: Action,
    problems: Sequence[tuple[str, str]] = (),
    code: int = HTTPStatus.BAD_REQUEST,
) -> HttpResponse:
    claims = following.claims_for(mine, action)
    code = code if problems else HTTPStatus.OK
    if not claims:
        said = problems[0][1] if problems else NOTHING_TO_DO[action]
        return _status(request, mine, problem=said, code=code)
    sent = set(forms.numbers(request.POST))
    page: dict[str, Any] = {
        "token": token_of(mine),
        "claims": [(claim, claim.number in sent if problems else True) for claim in claims],
        "questions": following.questions(mine),
        "words": request.POST.get("words", "").replace("\0", ""),
        "problems": problems,
    }
    return render(request, f"frontend/removal/{action}.html", page, status=code)


NOTHING_TO_DO = {
    Action.WITHDRAW: "Nothing of this request can be taken back: what is on a list stays there.",
    Action.APPEAL: "Nothing of this request was denied.",
    Action.ANSWER: "There is no open question.",
}


def _said(error: Exception) -> str:
    """What a door said, as a sentence."""
    words = str(error)
    if isinstance(error, Refused) and words.startswith(("must ", "is ")):
        words = f"{_FIELDS.get(error.field, f'The {error.field}')} {words}"
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"


_FIELDS = {"subject": "The name", "method": "The way of proof"}
