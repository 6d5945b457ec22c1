"""What people send: the one box, with files and a release to ask."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from frontend.intent import Intent, Kind, classify
from search.checking import AskedFile

PASTED = "pasted code"
NUL_SHOWN = "\N{SYMBOL FOR NULL}"
TOO_LARGE = "too_large"


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True

    # `data` and `files` are MultiValueDicts; Django's stubs do not say so either.
    def value_from_datadict(self, data: Any, files: Any, name: str) -> "list[UploadedFile[Any]]":
        return list(files.getlist(name)) if hasattr(files, "getlist") else []


class ManyFilesField(forms.Field):
    """Any number of files, read; a file is text, so one with a NUL byte is refused by name."""

    widget = ManyFiles

    def clean(self, value: Any) -> list[AskedFile]:
        uploads = cast("list[UploadedFile[Any]]", value or [])
        files = [AskedFile(upload.name or f"file {place}", upload.read()) for place, upload in enumerate(uploads, 1)]
        for file in files:
            if b"\0" in file.content:
                raise ValidationError(f"{file.path} holds a NUL byte: only text can be checked.")
        return files


class TextField(forms.Field):
    """Text as it stood where it was copied: blanks are kept, and line ends, which browsers send as CR LF, are LF."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return str(value or "").replace("\r\n", "\n")


class AskForm(forms.Form):
    """The box. `how` is the button: by the rules of `frontend.intent`, or forced."""

    text = TextField(required=False)
    uploads = ManyFilesField(required=False)
    how = forms.ChoiceField(required=False, choices=[("", ""), ("check", ""), ("search", "")])
    release = forms.CharField(required=False)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise ValidationError(f"There is a NUL byte in line {line}: only text can be checked.")
        return text

    def clean(self) -> None:
        if self.errors:
            return
        text, files = self.cleaned_data["text"], self.cleaned_data["uploads"]
        if not text.strip() and not files:
            raise ValidationError("The box is empty: paste code, name a repository, or choose files.")
        if files and self.cleaned_data["how"] == "search":
            raise ValidationError("Files can be checked, not searched for.")
        if not files and self.cleaned_data["how"] == "search" and "\n" in text.strip():
            raise ValidationError("A search is one line. To look for code of several lines, check it.")
        total = sum(len(file.content) for file in self.asked())
        if total > settings.CHECK_MAX_BYTES:
            raise ValidationError(
                f"That is {total:,} bytes of code; {settings.CHECK_MAX_BYTES:,} can be checked at a time.", TOO_LARGE
            )

    def asked(self) -> list[AskedFile]:
        """What is to be checked: the pasted text, where there is some, and the files."""
        text = self.cleaned_data["text"]
        pasted = [AskedFile(PASTED, text.encode("utf-8", "replace"))] if text.strip() else []
        return [*pasted, *self.cleaned_data["uploads"]]

    def intent(self) -> Intent:
        text, how = self.cleaned_data["text"], self.cleaned_data["how"]
        if how == "check" or self.cleaned_data["uploads"]:
            return Intent(Kind.CHECK, text)
        return Intent(Kind.SEARCH, text.strip()) if how == "search" else classify(text)

    @property
    def kept(self) -> str:
        """What was typed, to be shown again; NUL bytes, which no page can hold, are made visible."""
        return TextField().to_python(self.data.get("text", "")).replace("\0", NUL_SHOWN)
