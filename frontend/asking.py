"""Who answers the command line's questions: this machine, a server or a portrait."""

from collections.abc import Sequence
from typing import Any, Protocol

from search.checking import AskedFile


class AskError(Exception):
    """A question that cannot be answered; the message is for the person at the terminal."""


class Asker(Protocol):
    """Who answers. Answers are those of the API, as JSON values."""

    most_files: int
    most_bytes: int

    def check(self, files: Sequence[AskedFile], release: str | None) -> dict[str, Any]: ...
    def search(self, query: str, limit: int, release: str | None) -> dict[str, Any]: ...
    def known(self, swhids: Sequence[str], release: str | None) -> dict[str, Any]: ...
    def holdings(self, scope: str, release: str | None) -> dict[str, Any]: ...
