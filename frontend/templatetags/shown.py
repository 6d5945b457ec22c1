"""How figures and places are written, and the addresses of the pages that tell more of them."""

from datetime import datetime

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from frontend.answers import by_name, unread
from search.documents import DocumentKind
from search.excerpts import Line
from search.gaps import Gaps
from search.report import Range, Source
from search.scope import parse_scope

register = template.Library()

KINDS = {
    DocumentKind.ISSUE: "an issue",
    DocumentKind.PULL_REQUEST: "a pull request",
    DocumentKind.COMMIT: "a commit",
    DocumentKind.NOTEBOOK: "a notebook",
    DocumentKind.DOCUMENTATION: "a page of documentation",
    DocumentKind.TEXT: "a text",
}
SHORT_NAME = 24
NEVER = 1e-9
GLUE = "\N{NO-BREAK SPACE}"
UNITS = ("kB", "MB", "GB", "TB", "PB")


@register.filter
def count(value: int) -> str:
    return f"{value:,}"


@register.filter
def size(value: int) -> str:
    """`512 bytes`, `1.2 kB`, `340 MB`: decimal units, two digits at least."""
    if value < 1000:
        return f"{value}{GLUE}byte{'' if value == 1 else 's'}"
    power = 1
    while power < len(UNITS) and value / 1000**power >= 999.5:
        power += 1
    amount = value / 1000**power
    figure = f"{amount:.1f}" if amount < 9.95 else f"{amount:,.0f}"
    return f"{figure}{GLUE}{UNITS[power - 1]}"


@register.filter
def share(part: float) -> str:
    """A share of 0 to 1 in percent; never a 0 or a 100 that is not one."""
    percent = part * 100
    if 0 < percent < 1:
        return f"<1{GLUE}%"
    if 99 < percent < 100:
        return f"{min(percent, 99.9):.1f}{GLUE}%"
    return f"{percent:.0f}{GLUE}%"


@register.filter
def of(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@register.filter
def width(part: int, whole: int) -> int:
    """Of a bar that is 1000 wide; what is there can be seen."""
    return max(round(1000 * part / whole), 4) if whole and part else 0


@register.filter
def odds(rate: float) -> str:
    """`1 in 50,000`."""
    return f"1 in {round(1 / rate):,}" if rate >= NEVER else f"fewer than 1 in {round(1 / NEVER):,}"


@register.filter
def lines(place: Range) -> str:
    return f"{place.start:,}" if place.start == place.end else f"{place.start:,}\N{EN DASH}{place.end:,}"


@register.filter
def day(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%-d %B %Y")


@register.filter
def moment(at: datetime) -> str:
    return timezone.localtime(at).strftime("%-d %B %Y, %H:%M:%S %Z")


@register.filter
def unbroken(sentence: str, name: str) -> SafeString:
    """The sentence with `name`, which may hold hyphens, kept on one line."""
    before, found, after = sentence.partition(name) if 0 < len(name) <= SHORT_NAME else (sentence, "", "")
    return format_html('{}<span class="unbroken">{}</span>{}', before, found, after)


@register.simple_tag
def unread_notice(release: str, gaps: Gaps) -> SafeString | str:
    """What an answer of that release is not about; nothing where all of it was read."""
    told = unread(release, gaps.missing_shards, gaps.unread_files)
    return told and format_html('<p class="notice">{}</p>', told)


@register.simple_tag
def by_name_note(documents: int, count: int) -> str:
    return by_name(documents, count)


@register.simple_tag
def holdings_url(kind: str, value: str) -> str:
    return reverse("frontend:holdings", query={"scope": f"{kind}:{value}"})


@register.simple_tag
def repository_link(name: str, *, apart: bool = False) -> SafeString:
    """The name, leading to what is held of the repository, or of its account where no scope can name it."""
    scopes = (f"repo:{name}", f"account:{name.partition('/')[0]}")
    scope = next((scope for scope in scopes if _is_scope(scope)), None)
    if scope is None:
        return format_html("{}", name)
    link = '<a href="{}" target="_blank">{}</a>' if apart else '<a href="{}">{}</a>'
    return format_html(link, reverse("frontend:holdings", query={"scope": scope}), name)


@register.simple_tag
def belongs(source: Source, *, apart: bool = False) -> SafeString:
    """What stands behind a path: `in ada/engine`; of what is no file, `an issue of ada/engine` or `a notebook`."""
    if source.kind is DocumentKind.FILE:
        return format_html("in {}", repository_link(source.repository, apart=apart))
    if source.repository:
        return format_html("{} of {}", KINDS[source.kind], repository_link(source.repository, apart=apart))
    return format_html("{}", KINDS[source.kind])


def _is_scope(text: str) -> bool:
    try:
        return str(parse_scope(text)) == text.lower()
    except ValueError:
        return False


@register.simple_tag
def search_url(*words: str, release: str = "") -> str:
    """A search for all of `words`; one that ends in a colon is a filter of the word that follows."""
    parts: list[str] = []
    for word in words:
        if parts and parts[-1].endswith(":"):
            parts[-1] += _quoted(word)
        else:
            parts.append(word)
    query = {"q": " ".join(parts)}
    return reverse("frontend:search", query=query | ({"release": release} if release else {}))


@register.simple_tag
def document_url(source: Source, release: str) -> str:
    """The document, at the lines of the source where it names some."""
    core = source.swhid.partition(";")[0]
    query = {"release": release}
    if source.lines is None or "lines=" not in source.swhid:
        return reverse("frontend:document", args=[core], query=query)
    query["lines"] = f"{source.lines.start}-{source.lines.end}"
    return reverse("frontend:document", args=[core], query=query, fragment=f"L{source.lines.start}")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if any(letter.isspace() or letter in '"\\' for letter in value) else value


@register.filter
def marked(line: Line) -> SafeString:
    """The text of a line of a hit, with what matched in <mark>."""
    pieces: list[str] = []
    at = 0
    for mark in line.marks:
        pieces.append(format_html("{}<mark>{}</mark>", line.text[at : mark.start], line.text[mark.start : mark.end]))
        at = mark.end
    return format_html("{}{}", SafeString("".join(pieces)), line.text[at:])
