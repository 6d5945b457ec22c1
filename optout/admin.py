"""The reviewers' tool: claims by the date they are due, the evidence beside each, decisions through `optout.reviewing`.

Everything else is read only. Whoever may not decide claims sees nothing of them here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import truncatechars
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from optout import reviewing, wording
from optout.evidence import evidence_of
from optout.models import DENYING, Claim, Reason
from optout.moving import alone
from optout.refusals import NotPermitted, Refused
from optout.states import Action, NotAllowed, Role, State, actions
from search.scope import ScopeKind

WAITING = tuple(state for state in State if {Action.ACCEPT, Action.UPHOLD} & set(actions(state, Role.REVIEWER)))
MOST_AT_ONCE = 200
SOON = timedelta(days=7)

DECISIONS = {
    Action.ACCEPT: "Accept",
    Action.DENY: "Deny",
    Action.ASK_INFO: "Ask the requester",
    Action.RECONSIDER: "Take the acceptance back",
    Action.MARK_DUPLICATE: "Another claim stands for it",
    Action.UPHOLD: "Confirm the denial",
    Action.REVERSE: "Accept after all",
}


class DecisionForm(forms.Form):
    """What is decided, and why."""

    decision = forms.ChoiceField(widget=forms.RadioSelect)
    reason = forms.ChoiceField(
        required=False, choices=[("", "---------"), *((code.value, code.label) for code in Reason if code in DENYING)]
    )
    of = forms.IntegerField(required=False, min_value=1)
    note = forms.CharField(max_length=5000, widget=forms.Textarea(attrs={"rows": 3}))
    public = forms.CharField(required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, claims: Sequence[Claim], data: Any = None) -> None:
        super().__init__(data, auto_id="decision_%s")
        may = set.intersection(*(set(actions(State(claim.state), Role.REVIEWER)) for claim in claims))
        if len(claims) > 1:
            may.discard(Action.MARK_DUPLICATE)
        choices = [(action.value, words) for action, words in DECISIONS.items() if action in may]
        self.fields["decision"].choices = choices  # type: ignore[attr-defined]
        self.possible = bool(choices)

    def clean(self) -> None:
        decision, given = self.cleaned_data.get("decision"), self.cleaned_data
        if decision == Action.DENY and not given.get("reason"):
            self.add_error("reason", "A denial has a reason code.")
        if decision == Action.ASK_INFO and not given.get("public", "").strip():
            self.add_error("public", "Write the question here.")
        if decision == Action.MARK_DUPLICATE and not given.get("of"):
            self.add_error("of", "Name the claim that stands for it by its number in the table of other claims.")


def decide(claims: Sequence[Claim], reviewer: User, said: Mapping[str, Any]) -> None:
    """Carry a decision out on all of the claims, or on none."""
    note, public = said["note"], said["public"]
    doors: dict[str, Callable[[], object]] = {
        Action.ACCEPT: lambda: reviewing.accept(claims, reviewer, note=note, public=public),
        Action.DENY: lambda: reviewing.deny(claims, reviewer, Reason(said["reason"]), note=note, public=public),
        Action.ASK_INFO: lambda: reviewing.ask_info(claims, reviewer, public, note=note),
        Action.RECONSIDER: lambda: reviewing.reconsider(claims, reviewer, note),
        Action.MARK_DUPLICATE: lambda: reviewing.mark_duplicate(claims[0], reviewer, _claim(said["of"]), note),
        Action.UPHOLD: lambda: [reviewing.uphold(claim, reviewer, note=note, public=public) for claim in claims],
        Action.REVERSE: lambda: [reviewing.reverse(claim, reviewer, note=note, public=public) for claim in claims],
    }
    with alone():
        doors[said["decision"]]()


def _claim(pk: int) -> Claim:
    found = Claim.objects.filter(pk=pk).first()
    if found is None:
        raise Refused("of", f"there is no claim {pk}")
    return found


class Queue(admin.SimpleListFilter):
    """What waits for a person is where a reviewer begins."""

    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        first = [("soon", f"To be decided within {SOON.days} days"), ("late", "Late"), ("all", "All claims")]
        return [*first, *((state.value, wording.name_of(state).capitalize()) for state in State)]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Claim]") -> "QuerySet[Claim]":
        asked, now = self.value(), timezone.now()
        if asked == "all":
            return queryset
        if asked in set(State):
            return queryset.filter(state=asked)
        waiting = queryset.filter(state__in=WAITING)
        before = {"soon": now + SOON, "late": now}.get(asked or "")
        return waiting.filter(request__due_at__lt=before) if before else waiting

    def choices(self, changelist: Any) -> Iterator[Any]:
        """As any filter's, where no choice means what waits."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "To be decided"}
        yield from others


class Kind(admin.SimpleListFilter):
    title = "kind of scope"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.value, kind.value) for kind in ScopeKind]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Claim]") -> "QuerySet[Claim]":
        return queryset.filter(scope__startswith=f"{self.value()}:") if self.value() else queryset


if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Claim]
else:
    _ModelAdmin = admin.ModelAdmin


@admin.register(Claim)
class ClaimAdmin(_ModelAdmin):
    list_display = ["what", "stands", "due", "method", "subject", "number"]
    list_display_links = ["what"]
    list_filter = [Queue, Kind, "reason", "proof__method", "request__source"]
    list_select_related = ["request", "proof"]
    list_per_page = 50
    search_fields = ["scope", "proof__subject_name"]
    search_help_text = "Part of a scope or of the name of who proved"
    ordering = ["request__due_at", "pk"]
    actions = ["decide_selected"]

    class Media:
        css: ClassVar = {"all": ["optout/admin.css"]}

    # --- who may what ---

    def has_view_permission(self, request: HttpRequest, obj: Claim | None = None) -> bool:
        return request.user.has_perm(reviewing.PERMISSION)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Claim | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Claim | None = None) -> bool:
        return False

    # --- the list: neither the token nor the contact address ---

    @admin.display(description="scope", ordering="scope")
    def what(self, claim: Claim) -> str:
        return truncatechars(claim.scope, 80)

    @admin.display(description="state", ordering="state")
    def stands(self, claim: Claim) -> str:
        return wording.name_of(State(claim.state))

    @admin.display(description="due", ordering="request__due_at")
    def due(self, claim: Claim) -> str:
        late = " (late)" if claim.state in WAITING and claim.request.due_at < timezone.now() else ""
        return f"{claim.request.due_at:%Y-%m-%d}{late}"

    @admin.display(description="proven by", ordering="proof__method")
    def method(self, claim: Claim) -> str:
        return claim.proof.method if claim.proof else "-"

    @admin.display(description="as", ordering="proof__subject_name")
    def subject(self, claim: Claim) -> str:
        return f"{claim.proof.subject_name} ({claim.proof.provider})" if claim.proof else "-"

    @admin.action(description="Decide about the selected claims", permissions=["decide"])
    def decide_selected(self, request: HttpRequest, queryset: "QuerySet[Claim]") -> HttpResponse | None:
        claims = list(queryset[: MOST_AT_ONCE + 1])
        if len(claims) > MOST_AT_ONCE:
            self.message_user(request, f"At most {MOST_AT_ONCE} claims at a time.", messages.ERROR)
            return None
        return self._page(request, claims, DecisionForm(claims))

    # --- one claim, or several ---

    def get_urls(self) -> list[URLPattern]:
        mine = path("decide/", self.admin_site.admin_view(self.decide_view), name="optout_claim_decide")
        return [mine, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request) or request.method == "POST":
            raise PermissionDenied
        claim = self.get_object(request, unquote(object_id))
        if claim is None:
            raise Http404
        return self._page(request, [claim], DecisionForm([claim]))

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        """Takes a decision about the claims that are named with the number of the event that was seen last."""
        if not self.has_view_permission(request) or not isinstance(request.user, User):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseRedirect(self._queue())
        seen = dict(_seen(text) for text in request.POST.getlist("claim")[:MOST_AT_ONCE])
        claims = list(self.get_queryset(request).filter(pk__in=seen).order_by("pk"))
        if not claims or len(claims) != len(seen):
            self.message_user(request, "Those claims do not exist.", messages.ERROR)
            return HttpResponseRedirect(self._queue())
        form = DecisionForm(claims, request.POST)
        if any(claim.moves != seen[claim.pk] for claim in claims):
            self.message_user(request, "Something has happened since you looked: look again.", messages.ERROR)
            return self._page(request, claims, DecisionForm(claims), status=409)
        if not form.is_valid():
            return self._page(request, claims, form, status=400)
        try:
            decide(claims, request.user, form.cleaned_data)
        except (Refused, NotAllowed, NotPermitted) as error:
            form.add_error(None, str(error))
            return self._page(request, claims, form, status=409)
        words = DECISIONS[Action(form.cleaned_data["decision"])]
        self.message_user(request, f"{words}: {len(claims):,} claim{'' if len(claims) == 1 else 's'}.")
        return HttpResponseRedirect(self._queue())

    def _page(
        self, request: HttpRequest, claims: Sequence[Claim], form: DecisionForm, status: int = 200
    ) -> TemplateResponse:
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": claims[0].scope if len(claims) == 1 else f"{len(claims):,} claims",
            "claims": claims,
            "evidence": evidence_of(claims[0]) if len(claims) == 1 else None,
            "form": form,
        }
        return TemplateResponse(request, "admin/optout/claim/decide.html", page, status=status)

    def _queue(self) -> str:
        return reverse("admin:optout_claim_changelist")


def _seen(text: str) -> tuple[int, int]:
    """A claim and its latest event, as the page names them: `12:3`; of what is odd, none that exists."""
    pk, _, moves = text.partition(":")
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in (pk, moves)):
        return 0, 0
    return int(pk), int(moves)
