"""What fails on our side: the world learns that it did, operators learn why."""

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from search.models import Build, Release
from search.swhid import of_content
from tests import corpus
from tests.conftest import build_release
from tests.search.problems import CHECK, HOLDINGS, ID, KNOWN, SEARCH, files, problem_of, send


@pytest.fixture
def client() -> Client:
    """One that shows a failure as the world would see it."""
    return Client(raise_request_exception=False)


@pytest.fixture
def own(builds: Path, tmp_path: Path, db: None) -> Release:
    return build_release("own-1", [corpus.write_texts(tmp_path / "own.parquet", [corpus.PARSER])])


def every_answer(client: Client) -> Iterator[Any]:
    yield send(client, CHECK, files("x"))
    yield send(client, KNOWN, json.dumps([ID]))
    yield client.get(SEARCH, {"q": "import"})
    yield client.get(HOLDINGS, {"scope": "account:many"})
    yield client.get(f"/api/v1/documents/{of_content(corpus.PARSER.encode()).core}")
    yield client.get("/api/v1/releases/own-1")
    yield client.get("/api/v1/releases/own-1/portrait")


def test_an_index_that_is_gone_is_unavailable_and_operators_are_told_why(
    client: Client, own: Release, builds: Path, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    shutil.rmtree(builds / "own-1-1")
    Release.objects.exclude(pk=own.pk).update(active_build=None)
    for answer in every_answer(client):
        body = problem_of(answer, 503)
        assert str(builds) not in json.dumps(body)
        assert answer["Retry-After"] == "30"
        assert any(record.name == "search.api" and record.levelno == logging.ERROR for record in caplog.records)
        caplog.clear()


def test_the_log_says_what_the_answer_does_not(
    client: Client, own: Release, builds: Path, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    shutil.rmtree(builds / "own-1-1")
    problem_of(client.get(SEARCH, {"q": "import", "release": "own-1"}), 503)
    assert "search.api" in caplog.text
    assert "portrait cannot be read: No such file" in caplog.text


def test_a_portrait_that_went_while_the_index_is_open_is_unavailable(
    client: Client, own: Release, builds: Path
) -> None:
    assert client.get(SEARCH, {"q": "import", "release": "own-1"}).status_code == 200
    (builds / "own-1-1" / "portrait").unlink()
    problem_of(client.get("/api/v1/releases/own-1/portrait"), 503)


def test_a_build_of_another_spec_is_unavailable(client: Client, own: Release) -> None:
    Build.objects.filter(release=own).update(spec="0")
    for answer in every_answer(client):
        problem_of(answer, 503)


def test_what_nobody_expected_has_a_reference_and_nothing_else(
    client: Client, own: Release, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    Build.objects.filter(release=own).update(engine="unheard-of-engine")
    for answer in every_answer(client):
        body = problem_of(answer, 500)
        assert body["detail"] == "Something failed on our side."
        assert "unheard-of" not in answer.content.decode()
        assert f"reference {body['reference']}" in caplog.text
