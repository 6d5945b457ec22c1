"""Submitted code is compared and forgotten: it is in no log, in no record, in no file, not even for a moment."""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests import corpus
from tests.search.problems import CHECK

MARKER = "marker_f3a1c0de_of_submitted_code"
LARGE = f"{MARKER}(" + "x = y + 1; " * 150_000 + f"){MARKER}\n"
"""1.6 MB."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_opened: list[str] = []
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
        _opened.append(str(arguments[0]))


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """The names of the files that Python opens to write."""
    global _watching  # noqa: PLW0603  (an audit hook cannot be taken away, only told to rest)
    _opened.clear()
    _watching = True
    try:
        yield _opened
    finally:
        _watching = False


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def as_json(client: Client, text: str, address: str = CHECK) -> Any:
    body = json.dumps({"files": [{"path": f"{MARKER}.py", "content": text}]})
    return client.post(address, body, content_type="application/json")


def as_upload(client: Client, text: str, address: str = CHECK) -> Any:
    return client.post(address, {"files": SimpleUploadedFile(f"{MARKER}.py", text.encode())})


def too_large(client: Client, text: str) -> Any:
    return as_upload(client, text * 3)


def beyond_all_bounds(client: Client, text: str) -> Any:
    return as_upload(client, text * 8)


def cut_off(client: Client, text: str) -> Any:
    return client.post(CHECK, f'{{"files": [{{"path": "a", "content": "{text[:1000]}', content_type="application/json")


def to_no_release(client: Client, text: str) -> Any:
    return as_json(client, text, f"{CHECK}?release=nope")


def of_another_kind(client: Client, text: str) -> Any:
    return client.post(CHECK, text, content_type="text/plain")


def with_a_nul(client: Client, text: str) -> Any:
    return as_json(client, f"{text}\0")


def as_search(client: Client, text: str) -> Any:
    return client.get("/api/v1/search", {"q": f'"{text[:200]}"'})


WAYS = {
    as_json: 200, as_upload: 200, too_large: 413, beyond_all_bounds: 413, cut_off: 400, to_no_release: 404,
    of_another_kind: 415, with_a_nul: 400, as_search: 200,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_submitted_code_is_in_no_log(tiny: str, caplog: pytest.LogCaptureFixture, capfd: Any, way: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        assert way(Client(), LARGE).status_code == WAYS[way]
    told = [record.getMessage() + str(record.args) + (record.exc_text or "") for record in caplog.records]
    assert MARKER not in "".join(told)
    assert MARKER not in "".join(capfd.readouterr())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_submitted_code_is_in_no_record(tiny: str, way: Any) -> None:
    way(Client(), LARGE)
    rows = [serializers.serialize("json", model._default_manager.all()) for model in apps.get_models()]
    assert tiny in "".join(rows)
    assert MARKER not in "".join(rows)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_file_is_written_while_code_is_checked(tiny: str, temporary: Path, way: Any) -> None:
    way(Client(), corpus.PARSER)  # what is compiled or read once is then done
    with watched() as opened:
        assert way(Client(), LARGE).status_code == WAYS[way]
    assert opened == []
    for folder in (temporary, Path(settings.DATA_DIR)):
        for path in folder.rglob("*"):
            assert not path.is_file() or MARKER.encode() not in path.read_bytes(), path


def test_the_watch_sees_a_temporary_file(temporary: Path) -> None:
    """So that the test above cannot pass by looking away."""
    with watched() as opened, tempfile.TemporaryFile() as file:
        file.write(b"x")
    assert opened


def test_a_failure_in_the_midst_of_a_check_tells_nothing_of_the_code(
    tiny: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The log of a 500 has a traceback, which holds lines of ours and no values."""
    monkeypatch.delattr("search.checking.AskedFile.path")
    client = Client(raise_request_exception=False)
    with caplog.at_level(logging.DEBUG):
        response = as_json(client, LARGE)
    assert response.status_code == 500
    assert MARKER not in caplog.text
    assert MARKER not in response.content.decode()
    assert "Traceback" in caplog.text
