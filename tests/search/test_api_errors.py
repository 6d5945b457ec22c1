"""Errors of the API: one shape (RFC 9457), with the part at fault by name."""

import json
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from governance.api import encode_token
from search.models import Release
from tests.search.problems import CHECK, HOLDINGS, ID, KNOWN, SEARCH, A, Fields, files, problem_of, send


@pytest.fixture
def client() -> Client:
    """One that shows a failure as the world would see it."""
    return Client(raise_request_exception=False)


# --- check -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('{"files": [', ["body"]),
        ("", ["files"]),
        ("null", ["body"]),
        ("[]", ["body"]),
        ('"x"', ["body"]),
        ("NaN", ["body"]),
        ("9" * 5000, ["body"]),
        (b'{"files": [{"path": "a", "content": "\xff"}]}', ["body"]),
        ("[" * 100_000, ["body"]),
        ('{"a":' * 100_000, ["body"]),
        ('{"files": ' + "[" * 200 + "]" * 200 + "}", ["files[0]"]),
        ("{}", ["files"]),
        ('{"file": []}', ["files"]),
        ('{"files": null}', ["files"]),
        ('{"files": []}', ["files"]),
        ('{"files": "x"}', ["files"]),
        ('{"files": {"a": 1}}', ["files"]),
        ('{"files": ["x"]}', ["files[0]"]),
        ('{"files": [null]}', ["files[0]"]),
        ('{"files": [{}]}', ["files[0].path", "files[0].content"]),
        ('{"files": [{"path": "a", "content": "x"}, {"path": "a"}]}', ["files[1].content"]),
        ('{"files": [{"path": "", "content": "x"}]}', ["files[0].path"]),
        ('{"files": [{"path": "a", "content": null}]}', ["files[0].content"]),
        ('{"files": [{"path": "a", "content": ["x"]}]}', ["files[0].content"]),
        (files("x", "a\0b"), ["files[1].content"]),
        (files("x", path="a\0b"), ["files[0].path"]),
        (files("x", path="a" * 4097), ["files[0].path"]),
        ('{"files": [{"path": "a", "content": "\\ud800"}]}', ["files[0].content"]),
        ('{"files": [{"path": "\\ud800", "content": "a"}]}', ["files[0].path"]),
    ],
    ids=lambda value: ascii(value[:40]) if isinstance(value, str | bytes) else "",
)
def test_a_wrong_body_is_refused_with_its_part_at_fault(
    client: Client, tiny: str, body: str | bytes, fields: Fields
) -> None:
    problem_of(send(client, CHECK, body), 400, fields)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "", ";;//", "application/jsonx"]
)
def test_a_body_of_another_kind_is_refused(client: Client, tiny: str, kind: str) -> None:
    problem_of(send(client, CHECK, files("x"), kind), 415)
    problem_of(send(client, KNOWN, "[]", kind), 415)


def test_known_takes_no_forms(client: Client, tiny: str) -> None:
    problem_of(client.post(KNOWN, {"a": "b"}), 415)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({}, ["files"]),
        ({"other": "text"}, ["files"]),
        ({"files": SimpleUploadedFile("a.py", b"a\0b")}, ["files[0].content"]),
    ],
)
def test_wrong_uploads_are_refused(client: Client, tiny: str, data: dict[str, Any], fields: Fields) -> None:
    problem_of(client.post(CHECK, data), 400, fields)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
def test_uploads_that_cannot_be_taken_apart_are_refused(client: Client, tiny: str, kind: str) -> None:
    problem_of(send(client, CHECK, b"--x\r\n", kind), 400, ["body"])


@pytest.mark.parametrize("path", [CHECK, "/check"])
def test_a_form_that_was_cut_off_is_refused(client: Client, tiny: str, path: str) -> None:
    start = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.py"\r\n\r\ndef parse_'
    response = send(client, path, start, "multipart/form-data; boundary=x")
    assert response.status_code == 400
    assert "closing boundary" in response.content.decode()


def test_too_many_files_are_too_large_a_question(client: Client, tiny: str, settings: LazySettings) -> None:
    settings.CHECK_MAX_FILES = 3
    problem_of(send(client, CHECK, files(*"abcd")), 413, ["files"])
    uploads = [SimpleUploadedFile(f"{number}.py", b"x") for number in range(4)]
    problem_of(client.post(CHECK, {"files": uploads}), 413, ["files"])
    assert send(client, CHECK, files(*"abc")).status_code == 200


def test_more_files_than_a_form_may_hold_are_too_large_a_question(
    client: Client, tiny: str, settings: LazySettings
) -> None:
    uploads = [SimpleUploadedFile(f"{number}.py", b"x") for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FILES + 1)]
    problem_of(client.post(CHECK, {"files": uploads}), 413, ["files"])


def test_too_much_code_is_too_large_a_question(client: Client, tiny: str, settings: LazySettings) -> None:
    settings.CHECK_MAX_BYTES = 1000
    problem_of(send(client, CHECK, files("x" * 500, "é" * 251)), 413, ["files"])
    problem_of(client.post(CHECK, {"files": SimpleUploadedFile("a.py", b"x" * 1001)}), 413, ["files"])
    assert send(client, CHECK, files("x" * 500, "é" * 250)).status_code == 200


def test_a_large_body_is_refused_before_it_is_read(client: Client, tiny: str) -> None:
    body = problem_of(send(client, CHECK, b"x" * 30_000_000), 413, ["body"])
    assert "30,000,000 bytes" in body["detail"]
    problem_of(send(client, CHECK, b"x" * 30_000_000, "multipart/form-data; boundary=x"), 413, ["body"])
    problem_of(send(client, "/api/v1/nothing", b"x" * 30_000_000), 413, ["body"])


def test_a_body_of_unknown_length_is_refused(client: Client, tiny: str) -> None:
    problem_of(send(client, CHECK, files("x"), **{"Transfer-Encoding": "chunked"}), 411)


@pytest.mark.parametrize("length", ["-1", "x", "²", "1 000", "0x10"])
def test_a_length_that_is_no_number_is_refused(client: Client, tiny: str, length: str) -> None:
    problem_of(client.generic("POST", CHECK, b"{}", "application/json", CONTENT_LENGTH=length), 400)


# --- known -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("{}", ["body"]),
        ("null", ["body"]),
        ('"swh"', ["body"]),
        ("[5]", ["[0]"]),
        ('[{"a": 1}]', ["[0]"]),
        ("[" * 200 + "]" * 200, ["[0]"]),
        (json.dumps([ID, "x"]), ["[1]"]),
        (json.dumps([ID, ID, ID, f"swh:1:cnt:{A[:7]}G{A[:32]}"]), ["[3]"]),
        (json.dumps([f"{ID};lines=1"]), ["[0]"]),
        (json.dumps(["swh:1:cnt:\ud800"]), ["[0]"]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_wrong_identifiers_are_refused_by_their_place(client: Client, tiny: str, body: str, fields: Fields) -> None:
    problem_of(send(client, KNOWN, body), 400, fields)


def test_a_wrong_letter_of_an_identifier_is_named_with_its_place(client: Client, tiny: str) -> None:
    body = problem_of(send(client, KNOWN, json.dumps([ID, f"swh:1:cnt:{A[:7]}G{A[:32]}"])), 400, ["[1]"])
    assert "'G' at digit 8" in body["detail"]


def test_too_many_identifiers_are_too_large_a_question(client: Client, tiny: str) -> None:
    problem_of(send(client, KNOWN, json.dumps([ID] * 1001)), 413, ["body"])


# --- questions in the address ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "query", "field"),
    [
        (SEARCH, {}, "q"),
        (SEARCH, {"q": " "}, "q"),
        (SEARCH, {"q": "/(/"}, "q"),
        (SEARCH, {"q": "a\0b"}, "q"),
        (SEARCH, {"q": "a" * 1001}, "q"),
        (SEARCH, {"q": "a." * 490}, "q"),
        (SEARCH, {"q": "repo:bad"}, "q"),
        (SEARCH, {"q": "x", "limit": "0"}, "limit"),
        (SEARCH, {"q": "x", "limit": "101"}, "limit"),
        (SEARCH, {"q": "x", "limit": ""}, "limit"),
        (SEARCH, {"q": "x", "limit": "-1"}, "limit"),
        (SEARCH, {"q": "x", "limit": "1.5"}, "limit"),
        (SEARCH, {"q": "x", "limit": "١"}, "limit"),
        (SEARCH, {"q": "x", "limit": "9" * 5000}, "limit"),
        (SEARCH, {"q": "x", "cursor": "%%%"}, "cursor"),
        (SEARCH, {"q": "x", "cursor": "é\0"}, "cursor"),
        (SEARCH, {"q": "x", "cursor": encode_token(1)}, "cursor"),
        (SEARCH, {"q": "x", "cursor": encode_token(-1, 5)}, "cursor"),
        (SEARCH, {"q": "x", "cursor": encode_token(0, -2)}, "cursor"),
        (SEARCH, {"q": "x", "cursor": encode_token(0, 2**63)}, "cursor"),
        (SEARCH, {"q": "x", "cursor": encode_token("a", "b")}, "cursor"),
        (SEARCH, {"q": "x", "sort": "new"}, "sort"),
        (SEARCH, {"q": "x", "format": "xml"}, "format"),
        (HOLDINGS, {}, "scope"),
        (HOLDINGS, {"scope": "ada"}, "scope"),
        (HOLDINGS, {"scope": "account:a/b"}, "scope"),
        (HOLDINGS, {"scope": "repo:ada"}, "scope"),
        (HOLDINGS, {"scope": "path:ada/engine"}, "scope"),
        (HOLDINGS, {"scope": "swhid:x"}, "scope"),
        (HOLDINGS, {"scope": "email:ada"}, "scope"),
        (HOLDINGS, {"scope": "account:\0"}, "scope"),
        (HOLDINGS, {"scope": "account:ada", "limit": "0"}, "limit"),
        (HOLDINGS, {"scope": "account:ada", "cursor": encode_token(-1)}, "cursor"),
        (HOLDINGS, {"scope": "account:ada", "cursor": encode_token(2**63)}, "cursor"),
        (HOLDINGS, {"scope": "account:ada", "cursor": encode_token(0, 1)}, "cursor"),
        (HOLDINGS, {"scope": "account:ada", "q": "x"}, "q"),
        ("/api/v1/releases", {"limit": "5"}, "limit"),
        ("/api/v1/releases/tiny-2026-11", {"x": "1"}, "x"),
        ("/api/v1/releases/tiny-2026-11/portrait", {"x": "1"}, "x"),
        (f"/api/v1/documents/{ID}", {"lines": "1"}, "lines"),
        ("/api/v1/documents/x", {}, "swhid"),
        ("/api/v1/documents/x/y", {}, "swhid"),
        (f"/api/v1/documents/{ID};origin=https://example.org/x", {}, "swhid"),
        (f"/api/v1/documents/swh:1:dir:{A}", {}, "swhid"),
        (f"/api/v1/documents/{ID[:-1]}G", {}, "swhid"),
    ],
    ids=lambda value: ascii(str(value))[:50],
)
def test_a_wrong_question_is_refused_with_its_part_at_fault(
    client: Client, tiny: str, address: str, query: dict[str, str], field: str
) -> None:
    problem_of(client.get(address, query), 400, [field])


@pytest.mark.parametrize("address", [CHECK, KNOWN])
def test_unknown_parameters_of_a_post_are_refused_too(client: Client, tiny: str, address: str) -> None:
    problem_of(send(client, f"{address}?releese=x", "[]"), 400, ["releese"])


def test_an_address_that_is_too_long_is_refused(client: Client, tiny: str) -> None:
    problem_of(client.get(SEARCH, {"q": "x" * 20_001}), 414)


# --- what is not there -----------------------------------------------------------------------------


def test_an_unknown_release_is_not_found_wherever_it_is_named(client: Client, tiny: str) -> None:
    answers = [
        send(client, f"{CHECK}?release=nope", files("x")),
        send(client, f"{KNOWN}?release=nope", json.dumps([ID])),
        client.get(SEARCH, {"q": "import", "release": "nope"}),
        client.get(HOLDINGS, {"scope": "account:ada", "release": "nope"}),
        client.get(f"/api/v1/documents/{ID}", {"release": "nope"}),
    ]
    for answer in answers:
        assert "'nope'" in problem_of(answer, 404, ["release"])["detail"]
    for address in ("/api/v1/releases/nope", "/api/v1/releases/nope/portrait"):
        assert tiny in problem_of(client.get(address), 404, ["name"])["detail"]


def test_a_content_that_no_release_holds_is_not_found(client: Client, tiny: str) -> None:
    assert "no active release" in problem_of(client.get(f"/api/v1/documents/{ID}"), 404, ["swhid"])["detail"]
    one = client.get(f"/api/v1/documents/{ID}", {"release": tiny})
    assert f"release {tiny} does not hold" in problem_of(one, 404, ["swhid"])["detail"]


def test_before_a_release_is_active_questions_say_so_and_name_no_field(client: Client, tiny: str) -> None:
    Release.objects.update(active_build=None)
    assert client.get("/api/v1/releases").json() == []
    for answer in (
        client.get(SEARCH, {"q": "import"}),
        send(client, CHECK, files("x")),
        send(client, KNOWN, f'["{ID}"]'),
    ):
        assert "no release is active" in problem_of(answer, 404)["detail"]


@pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/check/", "/api/v2/check"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_is_not_found_in_the_same_shape(client: Client, path: str, method: str) -> None:
    problem_of(client.generic(method, path), 404)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (CHECK, "POST"), (KNOWN, "POST"), (SEARCH, "GET"), (HOLDINGS, "GET"), (f"/api/v1/documents/{ID}", "GET"),
        ("/api/v1/releases", "GET"), ("/api/v1/releases/x", "GET"), ("/api/v1/releases/x/portrait", "GET"),
        ("/api/v1/schema", "GET"), ("/api/v1/docs", "GET"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_other_methods_are_refused(client: Client, tiny: str, path: str, allowed: str, method: str) -> None:
    if method == allowed:
        return
    response = client.generic(method, path)
    problem_of(response, 405)
    assert allowed in response["Allow"]


@pytest.mark.parametrize("accept", ["text/html", "image/png", "garbage"])
def test_what_cannot_be_had_is_refused_in_the_same_shape(client: Client, tiny: str, accept: str) -> None:
    problem_of(client.get(SEARCH, {"q": "import"}, headers={"Accept": accept}), 406)
    assert client.get(SEARCH, {"q": "import"}, headers={"Accept": "text/html,*/*;q=0.8"}).status_code == 200


def test_a_host_that_is_not_ours_is_refused_in_the_same_shape(client: Client, tiny: str) -> None:
    problem_of(client.get("/api/v1/releases", headers={"Host": "evil.example"}), 400)
