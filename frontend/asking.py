"""Who answers the command line's questions: this machine, a server or a portrait."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

from search.checking import AskedFile
from search.report import Report


def plain_report(report: Report) -> dict[str, Any]:
    """The report as the API gives it, without the API's framework."""
    answer: dict[str, Any] = {**asdict(report.basis), "found": report.found}
    answer["files"] = [asdict(file) for file in report.files]
    for file in answer["files"]:
        for piece in file["evidence"]:
            piece["source"] = piece.pop("source")
    return answer


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
