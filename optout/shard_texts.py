"""Texts that are not one column as it is: of issues, and of training sets with tags (docs/formats/layouts.md).

The filter's own, apart from the search's. Pure.
"""

from typing import Any

import pyarrow as pa

STARS = (b"<gh_stars>1000+", b"<gh_stars>100-1000", b"<gh_stars>10-100", b"<gh_stars>1-10", b"<gh_stars>0")


def octets_of(value: Any) -> memoryview | None:
    """The bytes of a string where they lie."""
    if isinstance(value, pa.DictionaryScalar):
        value = value.value
    return memoryview(value.as_buffer()) if value.is_valid else None


def text_of_events(value: Any) -> memoryview | None:
    """A title where it changes, and what was said below who said it, a blank line between; None for a null list."""
    events = value.values
    if events is None:
        return None
    titles, authors, texts = (_said(events, name) for name in ("title", "masked_author", "text"))
    pieces = []
    last = b""
    for title, author, text in zip(titles, authors, texts, strict=True):
        if title and title != last:
            pieces.append(title)
            last = title
        if text:
            pieces.append(author + b":\n" + text if author else text)
    return memoryview(b"\n\n".join(pieces))


def _said(events: Any, name: str) -> list[bytes]:
    """One column of the events, empty where it is null, or not there, or no text."""
    if events.type.get_field_index(name) < 0:
        return [b""] * len(events)
    column = events.field(name)
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    try:
        octets = column.cast(pa.large_binary())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return [b""] * len(events)
    return [text or b"" for text in octets.to_pylist()]


def without_tags(text: memoryview, repository: str | None, path: str | None) -> memoryview:
    """The text without `<reponame>..<filename>..<gh_stars>..` and a line feed before it, where they are of this row."""
    end = 0
    for alternatives in ((f"<reponame>{repository}".encode(),), (f"<filename>{path}".encode(),), STARS):
        for tag in alternatives:
            if text[end : end + len(tag)].tobytes() == tag:
                end += len(tag)
                break
    is_tagged = end and text[end : end + 1].tobytes() == b"\n"
    return text[end + 1 :] if is_tagged else text
