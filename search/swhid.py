"""Software Hash Identifiers (ISO/IEC 18670:2025, SWHID 1.2): parse, print and compute.

Core identifiers are strict (lower-case hexadecimal, 40 digits). Qualifiers follow clause 6: each at most
once, in the canonical order when printed; unknown keys and fragment qualifiers on anything but contents
are refused rather than ignored, because an identifier that somebody mistyped must not find something else.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

HEX = frozenset("0123456789abcdef")
DIGITS = 40
QUALIFIERS = ("origin", "visit", "anchor", "path", "lines", "bytes")
"""The known qualifiers, in the canonical order of clause 6.5."""


class Kind(StrEnum):
    CONTENT = "cnt"
    DIRECTORY = "dir"
    REVISION = "rev"
    RELEASE = "rel"
    SNAPSHOT = "snp"


@dataclass(frozen=True, slots=True)
class Swhid:
    """One identifier. `qualifiers` holds decoded values, keyed and ordered as QUALIFIERS."""

    kind: Kind
    digest: str
    qualifiers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.core + "".join(f";{key}={_escape(value)}" for key, value in self.qualifiers)

    @property
    def core(self) -> str:
        return f"swh:1:{self.kind}:{self.digest}"

    def qualified(self, **values: str | None) -> "Swhid":
        """The same object in a context; keys of QUALIFIERS, None leaves one out."""
        given = {key: value for key, value in values.items() if value is not None}
        return Swhid(self.kind, self.digest, _ordered(dict(self.qualifiers) | given))


def of_content(content: bytes) -> Swhid:
    """The identifier of a content: SHA-1 of git's blob header and the bytes."""
    header = b"blob %d\0" % len(content)
    digest = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
    return Swhid(Kind.CONTENT, digest)


def parse_swhid(text: str) -> Swhid:
    """Inverse of str(); raises ValueError that says which part of `text` is wrong."""
    core, *pairs = text.split(";")
    swhid = _parse_core(core)
    if not pairs:
        return swhid
    return Swhid(swhid.kind, swhid.digest, _ordered(_parse_qualifiers(swhid.kind, pairs)))


def _parse_core(core: str) -> Swhid:
    parts = core.split(":")
    if len(parts) != 4 or parts[0] != "swh":
        raise ValueError(f"{core[:60]!r} is not a SWHID: it must look like swh:1:cnt:<{DIGITS} hexadecimal digits>")
    _, version, kind, digest = parts
    if version != "1":
        raise ValueError(f"{core[:60]!r}: scheme version {version[:8]!r} is not known, only 1 is")
    if kind not in set(Kind):
        raise ValueError(f"{core[:60]!r}: object type {kind[:8]!r} is not one of {', '.join(Kind)}")
    for place, letter in enumerate(digest):
        if letter not in HEX:
            raise ValueError(f"{core[:60]!r}: {letter!r} at digit {place + 1} is not a lower-case hexadecimal digit")
    if len(digest) != DIGITS:
        raise ValueError(f"{core[:60]!r}: has {len(digest)} hexadecimal digits instead of {DIGITS}")
    return Swhid(Kind(kind), digest)


def _parse_qualifiers(kind: Kind, pairs: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not value or key not in QUALIFIERS:
            raise ValueError(f"qualifier {pair[:60]!r} is not one of {', '.join(QUALIFIERS)} with a value")
        if key in found:
            raise ValueError(f"qualifier {key!r} is given twice")
        found[key] = _checked(kind, key, _unescape(value))
    return found


def _checked(kind: Kind, key: str, value: str) -> str:
    if key in {"lines", "bytes"}:
        if kind is not Kind.CONTENT:
            raise ValueError(f"qualifier {key!r} is for contents only")
        _check_range(key, value, least=1 if key == "lines" else 0)
    elif key == "visit" and parse_swhid(value).kind is not Kind.SNAPSHOT:
        raise ValueError("qualifier 'visit' must be a snapshot")
    elif key == "anchor" and parse_swhid(value).kind is Kind.CONTENT:
        raise ValueError("qualifier 'anchor' must not be a content")
    elif key == "path" and not value.startswith("/"):
        raise ValueError("qualifier 'path' must begin with '/'")
    return value


def _check_range(key: str, value: str, least: int) -> None:
    first, dash, last = value.partition("-")
    numbers = [first, last] if dash else [first]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise ValueError(f"qualifier {key}={value[:40]!r} is not a number or a range of two")
    start, end = int(first), int(last or first)
    if start < least or end < start:
        raise ValueError(f"qualifier {key}={value[:40]!r} must run upwards from {least} or more")


def _ordered(values: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((key, values[key]) for key in QUALIFIERS if key in values)


def _escape(value: str) -> str:
    return value.replace("%", "%25").replace(";", "%3B")


def _unescape(value: str) -> str:
    return value.replace("%3B", ";").replace("%3b", ";").replace("%25", "%")
