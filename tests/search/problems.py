"""The API as a client that gets everything wrong, and the one shape that every error has."""

import json
from http import HTTPStatus
from typing import Any

from django.test import Client

A = "a" * 40
ID = f"swh:1:cnt:{A}"
CHECK, KNOWN, SEARCH, HOLDINGS = "/api/v1/check", "/api/v1/known", "/api/v1/search", "/api/v1/holdings"
Fields = list[str]


def problem_of(response: Any, status: int, fields: Fields | None = None) -> dict[str, Any]:
    """The body, of which every promise of the one shape was checked."""
    assert response.status_code == status, response.content[:300]
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert set(body) <= {"type", "title", "status", "detail", "errors", "reference"}
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert body["title"] == HTTPStatus(status).phrase
    assert body["detail"]
    for error in body.get("errors", ()):
        assert set(error) == {"field", "detail"}
        assert error["detail"]
    assert [error["field"] for error in body.get("errors", ())] == (fields or [])
    assert ("reference" in body) == (status == 500)
    assert not any(word in response.content.decode() for word in ("Traceback", "File \\", "/search/", "site-packages"))
    return body


def send(client: Client, address: str, body: bytes | str, kind: str = "application/json", **headers: str) -> Any:
    data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return client.generic("POST", address, data, content_type=kind, headers=headers)


def files(*contents: str, path: str = "a") -> str:
    return json.dumps({"files": [{"path": path, "content": content} for content in contents]})
