"""Who answers the command line's questions: this machine, a server or a portrait."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

from search.checking import AskedFile
from search.report import Report


def plain_report(report: Report) -> dict[str, Any]:
    """The report as the API gives it, without the API's framework."""
    basis = asdict(report.basis)
    gaps = basis.pop("gaps")
    told = {name: gaps[name] for name in ("missing_shards", "unread_files")}
    answer: dict[str, Any] = {**basis, **told, "found": report.found}
    answer["files"] = [asdict(file) for file in report.files]
    for file in answer["files"]:
        for piece in file["evidence"]:
            piece["source"] = _source(piece.pop("source"))
    return answer


def _source(source: dict[str, Any] | None) -> dict[str, Any] | None:
    """The kind is told of what is no file, and comes where the API has it."""
    if source is None:
        return None
    named = {name: source[name] for name in ("swhid", "repository", "path", "kind")} | source
    return {name: value for name, value in named.items() if (name, value) != ("kind", "file")}


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
