"""What people send on the pages of "Take it out"."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from frontend.forms import NUL_SHOWN, TextField
from frontend.removal import offers
from optout import proving, workflow
from optout.refusals import Refused
from optout.workflow import MOST_WORDS
from search.scope import Scope, ScopeKind, parse_scope

EMPTY = "Say what shall go: an account, a repository, a path, an e-mail address, or a list of them."
NOTHING_TICKED = "Tick at least one thing that shall go."


class BoxForm(forms.Form):
    """The one box."""

    text = TextField(required=False)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise ValidationError(f"There is a NUL byte in line {line}. Only text can be read.")
        return text

    def clean(self) -> None:
        if self.errors:
            return
        try:
            self.lines = offers.lines_of(self.cleaned_data["text"])
        except ValueError as error:
            raise ValidationError({"text": str(error)}) from None
        if not self.lines:
            raise ValidationError({"text": EMPTY})
        if not any(line.scope for line in self.lines):
            problems = [f"Line {line.number}: {line.problem}." for line in self.lines[: offers.MOST_LINES]]
            raise ValidationError({"text": problems[:10] if len(problems) > 1 else _sentence(self.lines[0].problem)})

    @property
    def kept(self) -> str:
        return TextField().to_python(self.data.get("text", "")).replace("\0", NUL_SHOWN)


class ContactForm(forms.Form):
    """Where we write to, and where the account is."""

    contact = forms.CharField(max_length=1000, required=False)
    forge = forms.CharField(max_length=100, required=False)

    def clean_contact(self) -> str:
        try:
            return workflow.checked_contact(self.cleaned_data["contact"])
        except Refused as error:
            raise ValidationError(f"The contact address {error}.") from None

    def clean_forge(self) -> str:
        forge: str = self.cleaned_data["forge"]
        if forge and forge not in proving.forges():
            raise ValidationError("Choose one of the forges.")
        return forge


class WordsForm(forms.Form):
    """Words about some claims: an answer, or why a decision is contested."""

    words = TextField(required=False)

    def clean_words(self) -> str:
        words: str = self.cleaned_data["words"].strip()
        if "\0" in words:
            raise ValidationError("There is a NUL byte in the text. Only text can be sent.")
        if not words:
            raise ValidationError("Write something.")
        if len(words) > MOST_WORDS:
            raise ValidationError(f"That are {len(words):,} characters; {MOST_WORDS:,} can be sent.")
        return words


def ticked(post: QueryDict) -> tuple[Scope, ...]:
    """What was ticked on this page (`scope`), or on one before (`chosen`, one a line); ValueError where it is odd."""
    texts = post.getlist("scope") or post.get("chosen", "").split("\n")
    found = dict.fromkeys(parse_scope(text) for text in texts if text.strip())
    if len(found) > offers.MOST_LINES:
        raise ValueError(f"that are {len(found):,} scopes; {offers.MOST_LINES:,} can be asked for at a time")
    return tuple(found)


def carried(scopes: Iterable[Scope]) -> str:
    """What is ticked, for the next page."""
    return "\n".join(map(str, scopes))


def needs_forge(scopes: Iterable[Scope]) -> bool:
    """Whether an account somewhere has to be shown, so that it matters where."""
    return len(proving.forges()) > 1 and any(scope.kind is not ScopeKind.EMAIL for scope in scopes)


def numbers(post: QueryDict) -> list[int]:
    """The numbers of the claims that are ticked; what is no number is left out."""
    texts: list[Any] = post.getlist("claim")
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 7]


def _sentence(problem: str) -> str:
    return f"{problem[:1].upper()}{problem[1:]}."
