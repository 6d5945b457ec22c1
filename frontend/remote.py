"""The command line's questions, asked of a server through its API."""

from collections.abc import Sequence
from typing import Any

import httpx

from frontend.asking import AskError
from search.checking import AskedFile

TIMEOUT = httpx.Timeout(60, connect=10)


class Asker:
    """Answers of a server's API, unchanged."""

    most_files = 200
    most_bytes = 2**21

    def __init__(self, server: str | None) -> None:
        try:
            self._client = httpx.Client(base_url=f"{(server or '').rstrip('/')}/api/v1/", timeout=TIMEOUT)
        except (httpx.InvalidURL, ValueError) as error:
            raise AskError(f"--server {server}: {error}") from None

    def check(self, files: Sequence[AskedFile], release: str | None) -> dict[str, Any]:
        uploads = [("files", (file.path, file.content, "text/plain")) for file in files]
        answer = self._ask("POST", "check", release, files=uploads)
        # A server sees the last step of a name only; the caller knows all of it.
        for told, file in zip(answer["files"], files, strict=True):
            told["path"] = file.path
        return answer

    def search(self, query: str, limit: int, release: str | None) -> dict[str, Any]:
        return self._ask("GET", "search", release, params={"q": query, "limit": str(limit)})

    def known(self, swhids: Sequence[str], release: str | None) -> dict[str, Any]:
        return self._ask("POST", "known", release, json=list(swhids))

    def holdings(self, scope: str, release: str | None) -> dict[str, Any]:
        return self._ask("GET", "holdings", release, params={"scope": scope})

    def _ask(
        self,
        method: str,
        address: str,
        release: str | None,
        *,
        params: dict[str, str] | None = None,
        **body: Any,
    ) -> dict[str, Any]:  # whatever httpx takes as a body
        params = (params or {}) | ({"release": release} if release else {})
        try:
            response = self._client.request(method, address, params=params, **body)
        except httpx.HTTPError as error:
            raise AskError(f"{self._client.base_url} cannot be asked ({error})") from None
        if response.is_success:
            return _read(response)
        raise AskError(_problem(response))


def _read(response: httpx.Response) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = response.json()
    except ValueError:
        raise AskError(f"{response.url} does not answer as a codesteward server does") from None
    return answer


def _problem(response: httpx.Response) -> str:
    try:
        return f"{response.json()['detail']} (status {response.status_code})"
    except (ValueError, KeyError, TypeError):
        return f"{response.url} answered with status {response.status_code}"
