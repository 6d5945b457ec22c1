"""API v1 through its addresses: what is asked, and the exact shape of each answer."""

import hashlib
import json
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import FileResponse
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.api import decode_token, encode_token
from search import lookup, masks, searching
from search.opened import portrait_path
from search.portrait import Portrait
from search.redact import BLOT
from search.scope import parse_scope
from search.swhid import of_content, parse_swhid
from tests import corpus

PARSER_ID = of_content(corpus.PARSER.encode()).core
WRITER_ID = of_content(corpus.WRITER.encode()).core
SECRET_ID = of_content(corpus.SECRET.encode()).core
UNKNOWN_ID = of_content(b"nowhere").core
REVISION = "c" * 40


def get(client: Client, address: str, status: int = 200, **query: str) -> Any:
    response = client.get(address, query)
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    return response.json()


def post(client: Client, address: str, data: Any) -> Any:
    response = client.post(address, json.dumps(data), content_type="application/json")
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/json"
    return response.json()


def source(repository: str, path: str, text: str, licenses: list[str], lines: int | None = None) -> dict[str, Any]:
    """Where a whole file of the tiny release is, as every answer writes it."""
    core = of_content(text.encode()).core
    return {
        "swhid": f"{core};origin=https://github.com/{repository};anchor=swh:1:rev:{REVISION};path=/{path}",
        "repository": repository,
        "path": path,
        "language": "Python",
        "licenses": licenses,
        "revision": REVISION,
        "lines": {"start": 1, "end": lines} if lines else None,
        "bytes": {"start": 0, "end": len(text.encode())} if lines else None,
    }


# --- check -----------------------------------------------------------------------------------------

REPORT = {
    "release", "build", "spec", "portrait_error_rate", "guaranteed_length", "similarity_threshold", "missing_shards",
    "unread_files", "found", "files",
}  # fmt: skip


def assert_report_of_the_parser(report: dict[str, Any], path: str, tiny: str) -> None:
    assert set(report) == REPORT
    assert (report["release"], report["build"], report["spec"]) == (tiny, f"{tiny}-1", "1")
    assert (report["guaranteed_length"], report["similarity_threshold"], report["missing_shards"]) == (93, 0.7, 0)
    assert report["found"] is True
    lines = corpus.PARSER.count("\n")
    whole = {"lines": {"start": 1, "end": lines}, "bytes": {"start": 0, "end": len(corpus.PARSER)}}
    exact = {
        "grade": "exact", **whole, "length": None, "similarity": None, "odds": None, "holders": 2, "common": False,
    }  # fmt: skip
    (file,) = report["files"]
    assert file == {
        "path": path,
        "swhid": PARSER_ID,
        "size": len(corpus.PARSER),
        "coverage": 1.0,
        "evidence": [
            exact | {"source": source("ada/engine", "src/parser.py", corpus.PARSER, ["MIT"], lines)},
            exact | {"source": source("bob/engine-fork", "src/parser.py", corpus.PARSER, ["MIT"], lines)},
        ],
        "limits": [],
    }


def test_check_of_json_gives_a_report_with_places(client: Client, tiny: str) -> None:
    report = post(client, "/api/v1/check", {"files": [{"path": "my/parser.py", "content": corpus.PARSER}]})
    assert_report_of_the_parser(report, "my/parser.py", tiny)


def test_check_of_uploads_gives_the_same_report(client: Client, tiny: str) -> None:
    upload = SimpleUploadedFile("parser.py", corpus.PARSER.encode(), "text/x-python")
    response = client.post("/api/v1/check", {"files": upload})
    assert response.status_code == 200
    assert_report_of_the_parser(response.json(), "parser.py", tiny)


def test_uploads_of_any_field_name_are_checked_in_their_order(client: Client, tiny: str) -> None:
    uploads = [SimpleUploadedFile(f"{number}.py", b"x = 1\n") for number in range(3)]
    response = client.post("/api/v1/check", {"files": uploads[:2], "more": uploads[2]})
    assert [file["path"] for file in response.json()["files"]] == ["0.py", "1.py", "2.py"]


def test_verbatim_evidence_has_a_length_and_near_duplicates_a_similarity(client: Client, tiny: str) -> None:
    content = corpus.WRITER[:2000].replace("index", "place", 1)
    (file,) = post(client, "/api/v1/check", {"files": [{"path": "a", "content": content}]})["files"]
    assert 0 < file["coverage"] < 1
    for evidence in file["evidence"]:
        assert (evidence["length"] is not None) == (evidence["grade"] == "verbatim")
        assert (evidence["similarity"] is not None) == (evidence["grade"] == "near-duplicate")
        assert evidence["odds"] is None
        assert (";lines=" in evidence["source"]["swhid"]) == (evidence["grade"] == "verbatim")
    assert {"verbatim"} <= {evidence["grade"] for evidence in file["evidence"]} <= {"verbatim", "near-duplicate"}


def test_check_asks_the_release_that_is_named(client: Client, tiny: str) -> None:
    report = post(client, f"/api/v1/check?release={tiny}", {"files": [{"path": "a", "content": "nothing of it"}]})
    assert (report["release"], report["found"]) == (tiny, False)
    assert report["files"][0]["evidence"] == []


@pytest.mark.parametrize("path", [" spaces ", "a\n.py", "größe →.py", "../../etc/passwd", "x" * 4096])
def test_a_path_is_told_as_it_was_given(client: Client, tiny: str, path: str) -> None:
    report = post(client, "/api/v1/check", {"files": [{"path": path, "content": ""}]})
    assert report["files"][0] == {
        "path": path, "swhid": of_content(b"").core, "size": 0, "coverage": 0.0, "evidence": [], "limits": [],
    }  # fmt: skip


def test_white_space_around_code_is_part_of_it(client: Client, tiny: str) -> None:
    for content in (" ", "\n\n", f"\n{corpus.PARSER}\n "):
        report = post(client, "/api/v1/check", {"files": [{"path": "a", "content": content}]})
        assert report["files"][0]["swhid"] == of_content(content.encode()).core


# --- search ----------------------------------------------------------------------------------------


def test_search_gives_hits_with_lines_and_marks(client: Client, tiny: str) -> None:
    page = get(client, "/api/v1/search", q='"return parseurl"')
    text = "int main(void) { return parseUrl(); }"
    core = of_content(f"{text}\n".encode()).core
    assert page == {
        "release": tiny,
        "total": {"exact": 1},
        "hits": [
            {
                "path": "main.c",
                "repository": "carol/tools",
                "swhid": f"{core};origin=https://github.com/carol/tools;anchor=swh:1:rev:{REVISION};path=/main.c",
                "language": "C",
                "licenses": ["MIT"],
                "revision": REVISION,
                "size": len(text) + 1,
                "lines": [{"number": 1, "text": text, "matches": [{"start": 17, "end": 32}]}],
            }
        ],
        "missing_shards": 0,
        "unread_files": 0,
        "next": None,
    }


def test_a_total_that_was_not_counted_out_says_so(client: Client, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "COUNTED", 2)
    page = get(client, "/api/v1/search", q="/^import os/", limit="1")
    assert page["total"] == {"at_least": 2}


def test_the_next_pages_stay_with_the_question_and_the_release(client: Client, tiny: str) -> None:
    seen: list[str] = []
    address: str | None = "/api/v1/search?q=import&limit=2"
    while address:
        page = client.get(address).json()
        assert page["release"] == tiny
        seen += [hit["swhid"] for hit in page["hits"]]
        address = page["next"]
        if address:
            asked = dict(parse_qsl(urlsplit(address).query))
            assert urlsplit(address)[:3] == ("http", "testserver", "/api/v1/search")
            assert (asked["q"], asked["limit"], asked["release"]) == ("import", "2", tiny)
    whole = get(client, "/api/v1/search", q="import", limit="100")
    assert seen == [hit["swhid"] for hit in whole["hits"]]
    assert whole["total"] == {"exact": len(set(seen))} == {"exact": 6}


def test_secrets_are_blotted_out_of_search_and_of_documents(client: Client, tiny: str) -> None:
    (hit,) = get(client, "/api/v1/search", q="password")["hits"]
    text = get(client, f"/api/v1/documents/{SECRET_ID}")["text"]
    for shown in (json.dumps(hit, ensure_ascii=False), text):
        assert BLOT in shown
        assert "correct-horse" not in shown
        assert "grace.hopper" not in shown


# --- known -----------------------------------------------------------------------------------------


def test_known_tells_each_identifier_that_was_asked(client: Client, tiny: str) -> None:
    others = [f"swh:1:{kind}:{'a' * 40}" for kind in ("dir", "rev", "rel", "snp")]
    asked = [PARSER_ID, UNKNOWN_ID, PARSER_ID, *others]
    expected = {swhid: {"known": swhid == PARSER_ID} for swhid in asked}
    assert post(client, "/api/v1/known", asked) == expected
    assert post(client, f"/api/v1/known?release={tiny}", asked) == expected
    assert post(client, "/api/v1/known", []) == {}


def test_a_thousand_identifiers_are_not_too_many(client: Client, tiny: str) -> None:
    asked = [of_content(b"%d" % number).core for number in range(999)]
    answer = post(client, "/api/v1/known", [*asked, WRITER_ID])
    assert len(answer) == 1000
    assert [swhid for swhid, told in answer.items() if told["known"]] == [WRITER_ID]


# --- holdings, documents ---------------------------------------------------------------------------


def test_holdings_give_figures_and_places(client: Client, tiny: str) -> None:
    size = len(corpus.PARSER) + len(corpus.WRITER)
    both = {"documents": 2, "bytes": size}
    (holding,) = get(client, "/api/v1/holdings", scope="account:ADA")["holdings"]
    places = holding.pop("places")
    assert holding == {
        "release": tiny,
        "scope": "account:ada",
        **both,
        "by_name": 0,
        "repositories": [{"value": "ada/engine", **both}],
        "languages": [{"value": "Python", **both}],
        "licenses": [{"value": "MIT", **both}],
        "missing_shards": 0,
        "unread_files": 0,
        "next": None,
    }
    expected = [
        source("ada/engine", "src/parser.py", corpus.PARSER, ["MIT"]),
        source("ada/engine", "src/io/writer.py", corpus.WRITER, ["MIT"]),
    ]
    assert sorted(places, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("scope", "documents"),
    [
        ("account:nobody", 0),
        ("repo:ada/engine", 2),
        ("path:ada/engine/src/io", 1),
        (f"swhid:{PARSER_ID}", 2),
        ("email:grace.hopper@example.org", 1),
        ("account:émile", 1),
    ],
)
def test_holdings_of_every_kind_of_scope(client: Client, tiny: str, scope: str, documents: int) -> None:
    answer = get(client, "/api/v1/holdings", scope=scope)
    assert set(answer) == {"scope", "holdings"}
    assert answer["scope"] == scope
    (holding,) = answer["holdings"]
    assert (holding["documents"], len(holding["places"])) == (documents, documents)


def test_the_next_pages_of_holdings_meet_every_place_once(client: Client, tiny: str) -> None:
    seen: list[str] = []
    address: str | None = f"/api/v1/holdings?scope=swhid:{PARSER_ID}&limit=1"
    while address:
        (holding,) = client.get(address).json()["holdings"]
        assert (holding["release"], holding["documents"]) == (tiny, 2)
        seen += [place["repository"] for place in holding["places"]]
        address = holding["next"]
    assert sorted(seen) == ["ada/engine", "bob/engine-fork"]


def test_a_document_gives_its_text_and_every_place(client: Client, tiny: str) -> None:
    assert get(client, f"/api/v1/documents/{WRITER_ID}") == {
        "release": tiny,
        "swhid": WRITER_ID,
        "size": len(corpus.WRITER),
        "language": "Python",
        "text": corpus.WRITER,
        "holders": 1,
        "places": [source("ada/engine", "src/io/writer.py", corpus.WRITER, ["MIT"])],
    }
    assert get(client, f"/api/v1/documents/{PARSER_ID}", release=tiny)["holders"] == 2


# --- releases --------------------------------------------------------------------------------------


def test_releases_are_listed(client: Client, tiny: str) -> None:
    (release,) = get(client, "/api/v1/releases")
    assert set(release) == {"name", "dataset", "parent", "exclusion_list", "created_at", "activated_at"}
    assert (release["name"], release["dataset"], release["parent"]) == (tiny, "tiny", None)


def test_a_release_gives_its_figures_and_digests(client: Client, tiny: str) -> None:
    release = get(client, f"/api/v1/releases/{tiny}")
    (listed,) = get(client, "/api/v1/releases")
    assert {name: release[name] for name in listed} == listed
    assert set(release) - set(listed) == {
        "build", "engine", "spec", "documents", "bytes", "index_bytes", "missing_shards", "unread_files", "languages",
        "licenses", "repositories", "portrait", "shards",
    }  # fmt: skip
    assert (release["build"], release["engine"], release["documents"]) == (f"{tiny}-1", "tantivy", 7)
    assert (release["missing_shards"], release["unread_files"]) == (0, 0)
    assert [bucket["value"] for bucket in release["languages"]] == ["Python", "C"]
    assert sum(bucket["documents"] for bucket in release["repositories"]) == 7
    assert [shard["number"] for shard in release["shards"]] == [0, 1]
    assert all(set(shard) == {"number", "digest"} for shard in release["shards"])
    assert all(len(shard["digest"]) == 64 for shard in release["shards"])


def test_a_portrait_is_downloaded_whole_and_is_the_one_whose_digest_is_told(client: Client, tiny: str) -> None:
    response = client.get(f"/api/v1/releases/{tiny}/portrait")
    assert response.status_code == 200
    assert isinstance(response, FileResponse)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == f'attachment; filename="{tiny}-1.portrait"'
    content = BytesIO(b"".join(response)).getvalue()
    file = portrait_path(lookup.active_build(tiny))
    assert int(response["Content-Length"]) == len(content)
    assert hashlib.sha256(content).digest() == hashlib.sha256(file.read_bytes()).digest()
    told = get(client, f"/api/v1/releases/{tiny}")["portrait"]
    portrait = Portrait.open(file)
    assert told == {
        "bytes": portrait.header.geometry.bits // 8,
        "digest": portrait.header.digest,
        "error_rate": portrait.header.error_rate,
        "withheld": False,
    }


# --- masks, over the wire --------------------------------------------------------------------------


def test_what_is_masked_is_in_no_answer_over_the_wire(client: Client, tiny: str) -> None:
    for scope in ("account:ada", "account:bob", "email:grace.hopper@example.org"):
        masks.hide(parse_scope(scope))
    assert client.get(f"/api/v1/documents/{PARSER_ID}").status_code == 404
    assert client.get(f"/api/v1/documents/{SECRET_ID}").status_code == 404
    answers = [
        get(client, "/api/v1/search", q="import"),
        get(client, "/api/v1/holdings", scope="account:ada"),
        get(client, "/api/v1/holdings", scope="email:grace.hopper@example.org"),
        get(client, f"/api/v1/releases/{tiny}"),
        post(client, "/api/v1/check", {"files": [{"path": "p", "content": "#\n" + corpus.PARSER}]}),
        post(client, "/api/v1/known", [PARSER_ID, WRITER_ID, SECRET_ID]),
    ]
    told = json.dumps(answers)
    assert not any(name in told for name in ("ada/engine", "bob/engine-fork", "Grace", "parser.py", "settings.py"))
    assert '"known": true' not in told
    assert answers[0]["total"] == {"exact": 1}
    assert answers[3]["documents"] == 2


# --- page tokens -----------------------------------------------------------------------------------


@given(parts=st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=4))
def test_a_page_token_reads_back(parts: list[int]) -> None:
    assert decode_token(encode_token(*parts), (int,) * len(parts)) == tuple(parts)


@settings(max_examples=200)
@given(token=st.text(max_size=30))
def test_any_text_is_a_page_token_or_an_error(token: str) -> None:
    try:
        assert len(decode_token(token, (int, int))) == 2
    except ValueError as error:
        assert "page token" in str(error)  # noqa: PT017


def test_documents_are_named_by_core_identifiers_everywhere(client: Client, tiny: str) -> None:
    """What one answer gives can be asked of the next."""
    for hit in get(client, "/api/v1/search", q="path:src")["hits"]:
        core = parse_swhid(hit["swhid"]).core
        assert get(client, f"/api/v1/documents/{core}")["size"] == hit["size"]
        assert post(client, "/api/v1/known", [core]) == {core: {"known": True}}
