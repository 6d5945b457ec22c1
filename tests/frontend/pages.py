"""Pages read as a browser reads them: enough of the markup to say what stands where."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from typing import Protocol

VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "rect", "path"})


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass(slots=True)
class Page:
    """The elements of a page in the order of their start tags, each with all text below it."""

    status: int
    elements: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def one(self, tag: str) -> str:
        """The text of the only element of its kind."""
        (element,) = self.all(tag)
        return " ".join(element.text.split())

    @property
    def links(self) -> list[str]:
        return [element.attributes.get("href") or "" for element in self.all("a")]

    @property
    def text(self) -> str:
        return " ".join(self.one("body").split())


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self._page.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._page.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data


class Answer(Protocol):
    """A response, as Django's test client has it."""

    status_code: int
    content: bytes


def read(response: Answer) -> Page:
    page = Page(response.status_code)
    _Reader(page).feed(response.content.decode())
    return page


def faults(page: Page) -> Iterator[str]:
    """What the content security policy would block, what would load from elsewhere, what a screen reader would miss."""
    yield from _blocked(page)
    yield from _foreign(page)
    yield from _unlabelled(page)
    levels = [int(element.tag[1]) for element in page.elements if element.tag in {"h1", "h2", "h3", "h4"}]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of level 1"
    if any(after > before + 1 for before, after in pairwise(levels)):
        yield f"headings skip a level: {levels}"
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    if len(ids) != len(set(ids)):
        yield f"ids are given twice: {sorted(i for i in ids if ids.count(i) > 1 and i)}"


def _blocked(page: Page) -> Iterator[str]:
    for element in page.elements:
        if element.tag == "style" or (element.tag == "script" and not element.attributes.get("src")):
            yield f"inline <{element.tag}>"
        for name in element.attributes:
            if name == "style" or name.startswith("on"):
                yield f"<{element.tag} {name}>"


def _foreign(page: Page) -> Iterator[str]:
    """Addresses that a browser fetches on its own must be ours."""
    for element in page.elements:
        for name in ("src", "action", "srcset", "data", *(("href",) if element.tag != "a" else ())):
            address = element.attributes.get(name) or "/"
            if not address.startswith("/") or address.startswith("//"):
                yield f"<{element.tag} {name}={address!r}>"
        address = element.attributes.get("href") or "/"
        if address.strip().lower().startswith(("javascript:", "data:")):
            yield f"link to {address!r}"


def _unlabelled(page: Page) -> Iterator[str]:
    labelled = {element.attributes.get("for") for element in page.all("label")}
    wrapped = {"uploads", "release"}
    for element in page.elements:
        kind = element.attributes.get("type")
        if element.tag in {"input", "textarea", "select"} and kind != "hidden":
            name, place = element.attributes.get("name"), element.attributes.get("id")
            if place not in labelled and name not in wrapped:
                yield f"<{element.tag} name={name!r}> has no label"
        picture = element.tag == "svg" and element.attributes.get("aria-hidden") != "true"
        if (picture or element.attributes.get("role") == "region") and not element.attributes.get("aria-label"):
            yield f"a <{element.tag}> has no name"
