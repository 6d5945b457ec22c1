"""Asking for removal, a thing a page: what, who to write to, a summary, send. What was said is carried in the forms."""

import secrets
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from frontend.forms import TextField
from frontend.removal import forms, offers, sentences
from frontend.removal.forms import BoxForm, ContactForm
from frontend.views import View, answering, fresh
from optout import proving, workflow
from optout.refusals import Refused
from optout.tokens import token_of
from search.scope import Scope

SHOWN = 50
"""Scopes that a summary names at once."""


def step(view: View) -> View:
    """A page of the form: where nothing is sent, one begins anew."""

    def stepped(request: HttpRequest) -> HttpResponse:
        return view(request) if request.method == "POST" else redirect("frontend:removal")

    guarded = require_http_methods(["GET", "HEAD", "POST"])(sensitive_post_parameters()(fresh(answering(stepped))))
    guarded.__name__ = view.__name__
    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@fresh
@answering
def what(request: HttpRequest) -> HttpResponse:
    """The box; and once it holds something, what can be ticked."""
    if request.method != "POST" or "again" in request.POST:
        sent = request.POST if request.method == "POST" else request.GET
        return _box(request, BoxForm(initial={}), TextField().to_python(sent.get("text") or sent.get("scope")))
    form = BoxForm(request.POST)
    if not form.is_valid():
        return _box(request, form, form.kept, status=400)
    return _choose(request, form, _chosen(request))


def _box(request: HttpRequest, form: BoxForm, kept: str, status: int = 200) -> HttpResponse:
    page = {"form": form, "kept": kept, "problems": _problems(form), "most": offers.MOST_LINES}
    return render(request, "frontend/removal/box.html", page, status=status)


def _choose(
    request: HttpRequest, form: BoxForm, chosen: Sequence[Scope] | None, problem: str = "", status: int = 200
) -> HttpResponse:
    choice = offers.choice(form.lines, chosen)
    problems = [("scopes", problem)] if problem else []
    page = {"choice": choice, "text": form.kept, "problems": problems}
    return render(request, "frontend/removal/choose.html", page, status=status)


def _chosen(request: HttpRequest) -> tuple[Scope, ...] | None:
    """What was ticked before, where somebody comes back to the ticks."""
    try:
        return forms.ticked(request.POST) or None
    except ValueError:
        return None


@step
def contact(request: HttpRequest) -> HttpResponse:
    """Where to write to, about what is ticked."""
    try:
        scopes = forms.ticked(request.POST)
    except ValueError as error:
        return _back(request, f"What was ticked cannot be read: {error}.")
    if not scopes:
        return _back(request, forms.NOTHING_TICKED)
    return _contact(request, scopes, ContactForm(initial=request.POST.dict()))


def _back(request: HttpRequest, problem: str) -> HttpResponse:
    """To the ticks, or to the box where it is not known what they were about."""
    form = BoxForm(request.POST)
    if not form.is_valid():
        return _box(request, form, form.kept, status=400)
    return _choose(request, form, (), problem, status=400)


def _contact(request: HttpRequest, scopes: Sequence[Scope], form: ContactForm, status: int = 200) -> HttpResponse:
    page = {
        **_carried(request, scopes),
        "contact": request.POST.get("contact", "")[:1000].replace("\0", ""),
        "forge": request.POST.get("forge", ""),
        "forges": list(proving.forges()) if forms.needs_forge(scopes) else [],
        "problems": _problems(form),
        "wrong": frozenset(form.errors) if form.is_bound else frozenset(),
    }
    return render(request, "frontend/removal/contact.html", page, status=status)


def _carried(request: HttpRequest, scopes: Sequence[Scope]) -> dict[str, Any]:
    text = TextField().to_python(request.POST.get("text", "")).replace("\0", "")
    return {"chosen": forms.carried(scopes), "text": text, "scopes": scopes, "count": sentences.of_selection(scopes)}


@step
def summary(request: HttpRequest) -> HttpResponse:
    """All of it once more, before it is sent."""
    return _checked(request, send=False)


@step
def send(request: HttpRequest) -> HttpResponse:
    """Send it; sent twice, it is one request."""
    return _checked(request, send=True)


def _checked(request: HttpRequest, *, send: bool) -> HttpResponse:
    try:
        scopes = forms.ticked(request.POST)
    except ValueError as error:
        return _back(request, f"What was ticked cannot be read: {error}.")
    if not scopes:
        return _back(request, forms.NOTHING_TICKED)
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _contact(request, scopes, form, status=400)
    return _sent(request, scopes, form) if send else _summary(request, scopes, form)


def _summary(request: HttpRequest, scopes: Sequence[Scope], form: ContactForm) -> HttpResponse:
    page = {
        **_carried(request, scopes),
        **form.cleaned_data,
        "first": [sentences.of_offer(scope) for scope in scopes[:SHOWN]],
        "others": [sentences.of_offer(scope) for scope in scopes[SHOWN:]],
        "once": SimpleLazyObject(lambda: secrets.token_urlsafe(24)),
        "days": workflow.PROVE_WITHIN.days,
    }
    return render(request, "frontend/removal/summary.html", page)


def _sent(request: HttpRequest, scopes: Sequence[Scope], form: ContactForm) -> HttpResponse:
    try:
        made = workflow.submit(
            scopes,
            form.cleaned_data["contact"],
            forge=form.cleaned_data["forge"],
            idempotency_key=request.POST.get("once", "")[:100],
        )
    except Refused as error:
        form.add_error(None, f"{error.field}: {error}.")
        return _contact(request, scopes, form, status=400)
    return redirect("frontend:request", token=token_of(made))


def _problems(form: Any) -> list[tuple[str, str]]:
    """Each problem with the id of the field that it is about."""
    if not form.is_bound:
        return []
    return [
        (field if field in form.fields else "main", str(error))
        for field, errors in form.errors.items()
        for error in errors
    ]
