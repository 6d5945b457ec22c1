"""Pages for people: parse, ask the door, render. The same doors answer the API and the command line."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from frontend import present, sentences
from frontend.answers import as_far_as_read
from frontend.forms import PASTED, TOO_LARGE, AskForm
from frontend.highlight import show
from frontend.intent import Intent, Kind, classify
from governance.api import decode_token, encode_token, error_answer
from search import checking, lookup, progress
from search.analysis.fingerprints import STANDARD
from search.engines.base import EngineError
from search.querying import QueryError
from search.redact import BLOT
from search.report import Range
from search.scope import parse_scope
from search.searching import Cursor
from search.swhid import Kind as ObjectKind
from search.swhid import Swhid, parse_swhid

View = Callable[..., HttpResponse]

logger = logging.getLogger(__name__)

fresh = cache_control(private=True, no_cache=True)
"""For answers about what is held: a mask counts from now on, so no cache may give an older answer."""

forgotten = cache_control(private=True, no_store=True)
"""For answers that show submitted code."""


def answering(view: View) -> View:
    """Turns what the doors raise into pages."""

    @wraps(view)
    def answered(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except lookup.NoRelease as error:
            page = {"problem": str(error), "releases": lookup.active_releases()}
            return render(request, "frontend/no_release.html", page, status=404)
        except EngineError:
            logger.exception("the engine failed")
            return error_answer(request, 503, "The index cannot be asked now. Please try again in a few minutes.")

    return answered


@require_safe
@fresh
@answering
def home(request: HttpRequest) -> HttpResponse:
    return _home(request, AskForm())


def _home(request: HttpRequest, form: AskForm, status: int = 200) -> HttpResponse:
    page = {
        "form": form,
        "figures": [lookup.figures(release.name) for release in lookup.active_releases()],
        "most_bytes": settings.CHECK_MAX_BYTES,
        "most_files": settings.CHECK_MAX_FILES,
    }
    return render(request, "frontend/home.html", page, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@forgotten
@answering
def check(request: HttpRequest) -> HttpResponse:
    """The box is sent here, whatever is in it: code must never come to stand in an address."""
    if request.method != "POST":
        return redirect("frontend:home")
    form = AskForm(request.POST, request.FILES)
    if not form.is_valid():
        return _home(request, form, status=413 if form.has_error("__all__", TOO_LARGE) else 400)
    intent = form.intent()
    release = form.cleaned_data["release"]
    if intent.kind is not Kind.CHECK:
        return redirect(_address(intent, release))
    asked = form.asked()
    report = lookup.check(asked, release or None)
    pasted = len(asked) == 1 and asked[0].path == PASTED
    view = present.view_of(report, asked, pasted=pasted)
    page = {"view": view, "basis": report.basis, "pasted": pasted, "others": _others(report.basis.release)}
    return render(request, "frontend/report.html", page)


def _others(release: str) -> list[str]:
    """The active releases that were not asked."""
    return [other.name for other in lookup.active_releases() if other.name != release]


def _address(intent: Intent, release: str) -> str:
    """Where an intent other than a check is answered."""
    if intent.kind is Kind.DOCUMENT:
        return reverse("frontend:document", args=[intent.target], query={"release": release} if release else None)
    name, field = ("search", "q") if intent.kind is Kind.SEARCH else ("holdings", "scope")
    query = {field: intent.target} | ({"release": release} if release else {})
    return reverse(f"frontend:{name}", query=query)


@require_safe
@fresh
@answering
def search(request: HttpRequest) -> HttpResponse:
    query, release = request.GET.get("q", ""), request.GET.get("release", "")
    page: dict[str, Any] = {"query": query, "release": release, "releases": lookup.active_releases()}
    if not query.strip():
        return render(request, "frontend/search.html", page)
    try:
        found = lookup.search(query, cursor=_search_cursor(request), release=release or None)
    except QueryError as error:
        return render(request, "frontend/search.html", page | {"problem": str(error)}, status=400)
    other = classify(query)
    following = found.next and encode_token(found.next.tier, -1 if found.next.after is None else found.next.after)
    page |= {
        "page": found,
        "answer": sentences.of_search(found),
        "following": following and _following("search", following, q=query, release=release),
        "continued": "cursor" in request.GET,
        "scope": other.target if other.kind is Kind.HOLDINGS else "",
    }
    return render(request, "frontend/search.html", page)


def _search_cursor(request: HttpRequest) -> Cursor | None:
    parts = _cursor(request, 2)
    return Cursor(parts[0], None if parts[1] < 0 else parts[1]) if parts else None


def _cursor(request: HttpRequest, size: int) -> tuple[int, ...]:
    """The parts of the page token; QueryError where it is none of ours."""
    token = request.GET.get("cursor", "")
    try:
        parts = decode_token(token, (int,) * size) if token else ()
    except ValueError as error:
        raise QueryError(str(error)) from None
    if any(not -1 <= part < 2**63 for part in parts):
        raise QueryError(f"{token[:40]!r} is not a page token of this service")
    return parts


def _following(name: str, token: str, **values: str) -> str:
    """Address of the next page."""
    query = {key: value for key, value in values.items() if value}
    return reverse(f"frontend:{name}", query=query | {"cursor": token})


@require_safe
@fresh
@answering
def holdings(request: HttpRequest) -> HttpResponse:
    text, release = request.GET.get("scope", ""), request.GET.get("release", "")
    if not text.strip():
        return render(request, "frontend/holdings.html", {"text": text})
    try:
        scope = parse_scope(text)
        parts = _cursor(request, 1)
    except ValueError as error:
        meant = classify(text)
        if meant.kind is Kind.HOLDINGS and meant.target != text:
            return redirect(_address(meant, release))
        return render(request, "frontend/holdings.html", {"text": text, "problem": str(error)}, status=400)
    found = lookup.holdings(scope, release=release or None, after=parts[0] if parts else None)
    page = {
        "text": str(scope),
        "scope": scope,
        "answer": sentences.of_holdings(found, scope, lookup.gaps(release or None).about(scope.kind)),
        "holdings": [present.holding_view(holding, scope, _next_places(holding, text)) for holding in found],
        "continued": bool(parts),
    }
    return render(request, "frontend/holdings.html", page)


def _next_places(holding: lookup.Holding, scope: str) -> str:
    if holding.next is None:
        return ""
    return _following("holdings", encode_token(holding.next), scope=scope, release=holding.release)


@require_safe
@fresh
@answering
def document(request: HttpRequest, swhid: str) -> HttpResponse:
    release, lines = request.GET.get("release", ""), request.GET.get("lines", "")
    try:
        wanted = parse_swhid(swhid)
        if wanted.kind is not ObjectKind.CONTENT:
            raise ValueError(f"{wanted.core} is not a content: only swh:1:cnt: can be shown")
        marked = _marked(lines)
    except ValueError as error:
        return error_answer(request, 400, f"{error}.", title="This content cannot be looked up")
    if wanted.qualifiers:
        return redirect(_without_qualifiers(wanted, release))
    content = lookup.document(wanted, release or None)
    if content is None:
        gaps = lookup.gaps(release or None)
        where = f"{release or 'any active release'}{as_far_as_read(gaps)}"
        title = "No, as far as could be read" if gaps else "No. This content is not held"
        return error_answer(request, 404, f"{wanted.core} is not in {where}.", title=title)
    first = content.places[0]
    page = {
        "content": content,
        "first": first,
        "answer": sentences.of_document(content),
        "shown": show(content.text or "", first.path, content.language, marked),
        "lines": lines,
        "marked": marked,
        "blotted": BLOT in (content.text or ""),
    }
    return render(request, "frontend/document.html", page)


def _marked(lines: str) -> Range | None:
    """`3-9` or `3`; nothing where nothing is asked for."""
    if not lines:
        return None
    first, dash, last = lines.partition("-")
    numbers = (first, last) if dash else (first, first)
    if not all(number.isascii() and number.isdigit() and len(number) < 10 for number in numbers):
        raise ValueError(f"lines {lines[:20]!r} must be written as 3 or 3-9")
    start, end = map(int, numbers)
    if not 1 <= start <= end:
        raise ValueError(f"lines {lines[:20]!r} must run upwards from 1 or more")
    return Range(start, end)


def _without_qualifiers(swhid: Swhid, release: str) -> str:
    lines = dict(swhid.qualifiers).get("lines", "")
    query = {key: value for key, value in (("release", release), ("lines", lines)) if value}
    fragment = f"L{lines.partition('-')[0]}" if lines else None
    return reverse("frontend:document", args=[swhid.core], query=query or None, fragment=fragment)


@require_safe
@fresh
@answering
def releases(request: HttpRequest) -> HttpResponse:
    figures = [lookup.figures(release.name) for release in lookup.active_releases()]
    return render(request, "frontend/releases.html", {"figures": figures})


@require_safe
@fresh
@answering
def release(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "frontend/release.html", {"figures": lookup.figures(name)})


@require_safe
@fresh
@answering
def build(request: HttpRequest, name: str) -> HttpResponse:
    """What the latest build of a release does; whoever polls gets the part that changes."""
    steward = progress.is_steward(request.user)
    status = progress.latest_build(name, steward=steward)
    page = {"status": status, "steward": steward, "sentence": sentences.of_build(status)}
    polled = "HX-Request" in request.headers
    return render(request, "frontend/_build.html" if polled else "frontend/build.html", page)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    page = {
        "guarantee": STANDARD.guarantee,
        "threshold": checking.SIMILARITY_THRESHOLD,
        "common": checking.COMMON_HOLDERS,
        "most_bytes": settings.CHECK_MAX_BYTES,
    }
    return render(request, "frontend/about.html", page)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What people ask to be taken out must not live on in the caches of search engines."""
    return render(request, "frontend/robots.txt", content_type="text/plain")
