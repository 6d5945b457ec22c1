"""The e-mail addresses in a text, found around each "@" in one pass; the filter's own, apart from the search's.

An address is `local@domain` in ASCII:

- local: letters, digits and ._%+-, begun by a letter, a digit or _, as long as it goes, 64 characters at most;
- domain: one or more labels, each ended by a dot, and a last name, as many labels as there are before a last name,
  253 characters at most. A label is letters, digits and -, begun and ended by no -. A last name is 2 to 63 letters,
  or xn-- and letters, digits and -, ended by no -; whatever follows it is no part of the address.

Addresses do not overlap: the earlier one has the letters. Pure.
"""

import re
from collections.abc import Iterator

MOST_LOCAL, MOST_DOMAIN, MOST_LAST = 64, 253, 63
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ALPHANUMERIC = LETTERS + b"0123456789"
NEVER_FIRST = b".%+-"
LOCAL = ALPHANUMERIC + b"_" + NEVER_FIRST
_BEFORE, _AFTER = frozenset(LOCAL), frozenset(ALPHANUMERIC)
_DOMAIN_LIKE = re.compile(rb"[A-Za-z0-9.-]*")


def addresses_in(text: bytes) -> Iterator[str]:
    """Each address in lower case, in the order of the text. Takes time in proportion to the text."""
    free = 0
    at = text.find(b"@")
    while at >= 0:
        if at > free and text[at - 1] in _BEFORE and at + 1 < len(text) and text[at + 1] in _AFTER:
            before = text[free:at]
            local = before[len(before.rstrip(LOCAL)) :].lstrip(NEVER_FIRST)
            domain = _domain(text, at + 1) if local else b""
            if domain and len(local) <= MOST_LOCAL and len(domain) <= MOST_DOMAIN:
                yield f"{local.decode('ascii')}@{domain.decode('ascii')}".lower()
            free = at + 1 + len(domain)
        else:
            free = at + 1
        at = text.find(b"@", at + 1)


def _domain(text: bytes, start: int) -> bytes:
    """The domain that begins at `start`; nothing where there is none."""
    like = _DOMAIN_LIKE.match(text, start)
    parts = like.group().split(b".") if like else []
    for count in range(_labels(parts), 0, -1):
        if last := _last_name(parts[count]):
            return b".".join([*parts[:count], last])
    return b""


def _labels(parts: list[bytes]) -> int:
    """How many parts from the first on are labels with a dot behind them."""
    for count, part in enumerate(parts[:-1]):
        if not part or part.startswith(b"-") or part.endswith(b"-"):
            return count
    return max(len(parts) - 1, 0)


def _last_name(part: bytes) -> bytes:
    """The last name with which `part` begins; nothing where there is none."""
    if part[:4].lower() == b"xn--" and (name := part.rstrip(b"-"))[4:]:
        return name
    length = min(len(part) - len(part.lstrip(LETTERS)), MOST_LAST)
    return part[:length] if length >= 2 else b""
