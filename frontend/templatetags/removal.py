"""How the states of requests are written."""

from datetime import datetime

from django import template
from django.utils import timezone

from optout import wording
from optout.ownership import challenge_file, email_code, ssh_signature
from optout.states import Action, Role, State

register = template.Library()

_METHODS = {
    ssh_signature.METHOD: "By your SSH key",
    challenge_file.METHOD: "By a file in the repository",
    email_code.METHOD: "By a code",
}


@register.filter
def phase(state: str) -> str:
    """Name of the shape: yours, ours, gone, over."""
    return wording.phase_of(State(state)).value


@register.filter
def state_name(state: str) -> str:
    return wording.name_of(State(state))


@register.filter
def happened(action: str) -> str:
    return wording.happened(Action(action))


@register.filter
def by(role: str) -> str:
    return wording.by(Role(role))


@register.filter
def method_name(method: str) -> str:
    return _METHODS.get(method, method)


@register.filter
def moment(at: datetime) -> str:
    """`3 December 2026, 14:05 UTC`."""
    return timezone.localtime(at).strftime("%-d %B %Y, %H:%M UTC")
