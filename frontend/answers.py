"""The answer of a check in one line of words, from what was found of each file; the same on every face.

Pure, and without the doors: the command line says it of a server's answer too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

ALL = 0.9995
"""From this share of a file on, "all of it" is said: what is shown as 100 %."""

BOILERPLATE = "boilerplate"
GRADES = ("exact", "verbatim", "near-duplicate", "probable")
"""The words of search.report.Grade, strongest first."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one file: its strongest grade, `boilerplate` where that is all, or nothing."""

    kind: str
    coverage: float


def strongest(pieces: Sequence[tuple[str, bool]]) -> str:
    """The kind of a file of whose findings each is (grade, whether it is common)."""
    grades = {grade for grade, common in pieces if not common}
    for grade in GRADES:
        if grade in grades:
            return grade
    return BOILERPLATE if pieces else ""


def number(count: int, one: str, many: str | None = None) -> str:
    """`1 file`, `1,234 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def unread(release: str, missing_shards: int, unread_files: int) -> str:
    """What an answer of that release is not about; empty where all of it was read."""
    shards = f"{missing_shards:,} of its shards" if missing_shards else ""
    files = f"the text{'' if unread_files == 1 else 's'} of {number(unread_files, 'file')} that it only points to"
    what = " and ".join(filter(None, (shards, files if unread_files else "")))
    if not what:
        return ""
    part = f"This is about the part of {release} that could be read"
    return f"{part}: {what} could not be, and what only they hold is not found."


def by_name(documents: int, count: int) -> str:
    """What is said of documents of which `count` are known by name alone; empty where none is."""
    if not count:
        return ""
    if count < documents:
        whose, them = f"The text{'' if count == 1 else 's'} of {count:,} of them", "it" if count == 1 else "them"
    else:
        whose, them = ("Its text", "it") if count == 1 else ("Their texts", "them")
    return f"{whose} {'is' if count == 1 else 'are'} not held here: the release only points to {them}."


def as_far_as_read(gaps: object) -> str:
    """What a no about a release that was not read wholly ends with."""
    return ", as far as it could be read" if gaps else ""


def in_words(release: str, files: Sequence[Found], *, incomplete: bool, what: str = "your file") -> str:
    """`what` names a single file; `incomplete` tells that the release could not be read whole."""
    if len(files) == 1:
        return _of_one(release, files[0], incomplete=incomplete, what=what)
    return _of_many(release, [file.kind for file in files], incomplete=incomplete)


def _of_one(release: str, file: Found, *, incomplete: bool, what: str) -> str:
    match file.kind:
        case "exact":
            return f"Yes. All of {what} is in {release}, byte for byte."
        case "verbatim" if file.coverage >= ALL:
            return f"Yes. All of {what} is in {release}, inside other files."
        case "verbatim":
            return f"Yes. Parts of {what} are in {release}."
        case "near-duplicate":
            return f"Yes. {release} holds files that are almost the same as {what}."
        case "probable":
            return f"Probably. Parts of {what} seem to be in {release}."
        case "boilerplate":
            return _boilerplate(release, what, incomplete=incomplete)
    return _nothing(release, what, incomplete=incomplete)


def _of_many(release: str, kinds: Sequence[str], *, incomplete: bool) -> str:
    total = len(kinds)
    exact, parts, alike, probable = (kinds.count(grade) for grade in GRADES)
    if not (exact or parts or alike or probable):
        if BOILERPLATE in kinds:
            return _boilerplate(release, f"your {total:,} files", incomplete=incomplete)
        return _nothing(release, f"your {total:,} files", incomplete=incomplete)
    found = [
        (exact, "{} {verb} in {release}", "{}"),
        (parts, "parts of {} are in {release}", "parts of {}"),
        (alike, "something almost the same as {} is in {release}", "something almost the same as {}"),
        (probable, "parts of {} seem to be in {release}", "perhaps parts of {}"),
    ]
    said: list[str] = []
    for count, first, further in found:
        if count and not said:
            verb = "is" if count == 1 else "are"
            files = f"all {total:,} of your files" if count == total else f"{count:,} of your {total:,} files"
            said.append(first.format(files, verb=verb, release=release))
        elif count:
            said.append(further.format(f"{count:,} more"))
    return f"{'Yes' if exact or parts or alike else 'Probably'}. {_list(said)}."


def _list(parts: Sequence[str]) -> str:
    text = ", and ".join(parts) if len(parts) == 2 else ", ".join([*parts[:-2], " and ".join(parts[-2:])])
    return text[0].upper() + text[1:]


def _boilerplate(release: str, what: str, *, incomplete: bool) -> str:
    no = f"No, as far as {release} could be read" if incomplete else "No"
    return f"{no}. Of {what}, only boilerplate is in {release}: text that very many files share."


def _nothing(release: str, what: str, *, incomplete: bool) -> str:
    if incomplete:
        return f"No, as far as {release} could be read: nothing of {what} was found."
    return f"No. Nothing of {what} was found in {release}."
