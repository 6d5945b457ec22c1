"""What must not stand in a log: the token in the address of a request, with which anybody could act for it."""

import logging
import re

BEFORE = "/requests/"
BLOT = "***"
SHAPE = re.compile(r"[0-9a-fA-F]{32}\.[\w-]{20,}")
"""A token, wherever it stands."""
NAMES = ("understand", BLOT)
"""What follows the same beginning and is no token."""


class WithoutTokens(logging.Filter):
    """Blots tokens out of the messages of a handler; every message is passed on."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if BEFORE in message:
            record.msg, record.args = without_tokens(message), ()
        return True


def without_tokens(message: str) -> str:
    first, *others = SHAPE.sub(BLOT, message).split(BEFORE)
    return BEFORE.join([first, *(_blotted(other) for other in others)])


def _blotted(text: str) -> str:
    """The text without its beginning, up to what cannot be part of a token."""
    token = next((text[:at] for at, letter in enumerate(text) if letter in "/?#&'\" \n\t,;)]>"), text)
    return text if token in NAMES else BLOT + text[len(token) :]
