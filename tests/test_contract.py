"""The API does what its OpenAPI document says: every address, every documented answer, and a docs page that is safe."""

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from governance.ledger import log
from optout import workflow
from optout.ownership import METHODS
from search import masks
from search.models import Build
from search.scope import parse_scope
from search.swhid import of_content
from tests import corpus
from tests.optout import contract, spoken

PARSER = of_content(corpus.PARSER.encode()).core
NOWHERE = of_content(b"nowhere").core
FILES = {"files": [{"path": "a.py", "content": f"# changed\n{corpus.WRITER}"}, {"path": "b.py", "content": "x"}]}
ABOUT_ITSELF = {"/api/v1/schema", "/api/v1/docs"}


# --- the document ----------------------------------------------------------------------------------


@pytest.fixture
def served(client: Client) -> dict[str, Any]:
    response = client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert response["Content-Type"].startswith("application/vnd.oai.openapi+json")
    document: dict[str, Any] = json.loads(response.content)
    return document


def test_the_document_is_valid_and_made_without_a_warning() -> None:
    said = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=said)
    assert json.loads(said.getvalue())["openapi"] == "3.1.0"


def test_what_is_served_is_that_document(served: dict[str, Any], client: Client) -> None:
    said = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=said)
    assert served == json.loads(said.getvalue())
    assert client.get("/api/v1/schema").content.startswith(b"openapi: 3.1.0")


def test_every_address_is_documented_and_no_other(served: dict[str, Any]) -> None:
    assert set(served["paths"]) == set(addresses()) - ABOUT_ITSELF
    assert set(addresses()) >= ABOUT_ITSELF


def addresses() -> Iterator[str]:
    """Those under /api/v1/, from the URL conf, with parameters as OpenAPI writes them."""
    for resolver in get_resolver().url_patterns:
        if isinstance(resolver, URLResolver) and str(resolver.pattern).startswith("api/v1/"):
            for pattern in resolver.url_patterns:
                assert isinstance(pattern, URLPattern)
                parts = f"{resolver.pattern}{pattern.pattern}".replace("<", "{").replace(">", "}").split("/")
                yield "/" + "/".join(part.replace("str:", "").replace("path:", "") for part in parts)


def test_every_operation_says_what_it_is_for_and_how_it_fails(served: dict[str, Any]) -> None:
    names = set()
    for path, operations in served["paths"].items():
        for operation in operations.values():
            names.add(operation["operationId"])
            assert operation["summary"], path
            assert "400" in operation["responses"], path
            for status, answer in operation["responses"].items():
                (kind,) = answer["content"]
                assert (kind == "application/problem+json") == (status not in {"200", "201"}), path
    questions = {"check", "search", "known", "holdings", "document", "releases", "release", "portrait"}
    ledger = {"checkpoint", "key", "entry", "inclusion", "consistency", "receipt"}
    assert names == questions | {f"ledger_{name}" for name in ledger} | contract.OPERATIONS


def test_limits_are_documented(served: dict[str, Any]) -> None:
    assert served["components"]["schemas"]["CheckRequest"]["properties"]["files"]["maxItems"] == 1000
    known = served["paths"]["/api/v1/known"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "at most 1000" in known["description"]


# --- every documented answer -----------------------------------------------------------------------

Ask = Callable[[Client], Any]


def get(address: str, **query: str) -> Ask:
    return lambda client: client.get(address, query)


def post(address: str, data: Any, kind: str = "application/json") -> Ask:
    body = data if isinstance(data, str) else json.dumps(data)
    return lambda client: client.post(address, body, content_type=kind)


def upload(address: str) -> Ask:
    return lambda client: client.post(address, {"files": SimpleUploadedFile("a.py", corpus.PARSER.encode())})


def hidden_portrait(client: Client) -> Any:
    scope = parse_scope("account:ada")
    masks.hide(scope)
    response = client.get("/api/v1/releases/tiny-2026-11/portrait")
    masks.lift(scope)
    return response


ANSWERS: dict[tuple[str, str], list[Ask]] = {
    ("/api/v1/check", "200"): [post("/api/v1/check", FILES), upload("/api/v1/check")],
    ("/api/v1/check", "400"): [post("/api/v1/check", {}), post("/api/v1/check", "{"), post("/api/v1/check", "[]")],
    ("/api/v1/check", "404"): [post("/api/v1/check?release=nope", FILES)],
    ("/api/v1/check", "413"): [
        post("/api/v1/check", {"files": [{"path": "a", "content": "x"}] * 1001}),
        post("/api/v1/check", "x" * 10_000_000),
    ],
    ("/api/v1/check", "415"): [post("/api/v1/check", "x", "text/plain")],
    ("/api/v1/known", "200"): [post("/api/v1/known", [PARSER, NOWHERE]), post("/api/v1/known", [])],
    ("/api/v1/known", "400"): [post("/api/v1/known", ["x"]), post("/api/v1/known", {})],
    ("/api/v1/known", "404"): [post("/api/v1/known?release=nope", [PARSER])],
    ("/api/v1/known", "413"): [post("/api/v1/known", [PARSER] * 1001)],
    ("/api/v1/known", "415"): [post("/api/v1/known", "x", "text/plain")],
    ("/api/v1/search", "200"): [
        get("/api/v1/search", q="parseUrl"),
        get("/api/v1/search", q="lang:python", limit="1"),
        get("/api/v1/search", q="nowhere"),
    ],
    ("/api/v1/search", "400"): [get("/api/v1/search"), get("/api/v1/search", q="/(/"), get("/api/v1/search", x="y")],
    ("/api/v1/search", "404"): [get("/api/v1/search", q="x", release="nope")],
    ("/api/v1/holdings", "200"): [
        get("/api/v1/holdings", scope="account:ada", limit="1"),
        get("/api/v1/holdings", scope="account:nobody"),
    ],
    ("/api/v1/holdings", "400"): [get("/api/v1/holdings"), get("/api/v1/holdings", scope="ada")],
    ("/api/v1/holdings", "404"): [get("/api/v1/holdings", scope="account:ada", release="nope")],
    ("/api/v1/documents/{swhid}", "200"): [get(f"/api/v1/documents/{PARSER}")],
    ("/api/v1/documents/{swhid}", "400"): [get("/api/v1/documents/x"), get(f"/api/v1/documents/{PARSER}", x="y")],
    ("/api/v1/documents/{swhid}", "404"): [get(f"/api/v1/documents/{NOWHERE}")],
    ("/api/v1/releases", "200"): [get("/api/v1/releases")],
    ("/api/v1/releases", "400"): [get("/api/v1/releases", x="y")],
    ("/api/v1/releases/{name}", "200"): [get("/api/v1/releases/tiny-2026-11")],
    ("/api/v1/releases/{name}", "400"): [get("/api/v1/releases/tiny-2026-11", x="y")],
    ("/api/v1/releases/{name}", "404"): [get("/api/v1/releases/nope")],
    ("/api/v1/releases/{name}/portrait", "200"): [get("/api/v1/releases/tiny-2026-11/portrait")],
    ("/api/v1/releases/{name}/portrait", "400"): [get("/api/v1/releases/tiny-2026-11/portrait", x="y")],
    ("/api/v1/releases/{name}/portrait", "403"): [hidden_portrait],
    ("/api/v1/releases/{name}/portrait", "404"): [get("/api/v1/releases/nope/portrait")],
    ("/api/v1/ledger/checkpoint", "200"): [get("/api/v1/ledger/checkpoint")],
    ("/api/v1/ledger/checkpoint", "400"): [get("/api/v1/ledger/checkpoint", x="y")],
    ("/api/v1/ledger/key", "200"): [get("/api/v1/ledger/key")],
    ("/api/v1/ledger/key", "400"): [get("/api/v1/ledger/key", x="y")],
    ("/api/v1/ledger/entries/{index}", "200"): [get("/api/v1/ledger/entries/0")],
    ("/api/v1/ledger/entries/{index}", "400"): [get("/api/v1/ledger/entries/x")],
    ("/api/v1/ledger/entries/{index}", "404"): [get("/api/v1/ledger/entries/99")],
    ("/api/v1/ledger/proofs/inclusion", "200"): [get("/api/v1/ledger/proofs/inclusion", index="0", size="2")],
    ("/api/v1/ledger/proofs/inclusion", "400"): [
        get("/api/v1/ledger/proofs/inclusion", index="0"), get("/api/v1/ledger/proofs/inclusion", index="2", size="2"),
    ],
    ("/api/v1/ledger/proofs/inclusion", "404"): [get("/api/v1/ledger/proofs/inclusion", index="0", size="99")],
    ("/api/v1/ledger/proofs/consistency", "200"): [get("/api/v1/ledger/proofs/consistency", old="1", new="2")],
    ("/api/v1/ledger/proofs/consistency", "400"): [get("/api/v1/ledger/proofs/consistency", old="2", new="1")],
    ("/api/v1/ledger/proofs/consistency", "404"): [get("/api/v1/ledger/proofs/consistency", old="1", new="99")],
    ("/api/v1/ledger/receipts/{index}.tlog-proof", "200"): [get("/api/v1/ledger/receipts/0.tlog-proof")],
    ("/api/v1/ledger/receipts/{index}.tlog-proof", "400"): [get("/api/v1/ledger/receipts/x.tlog-proof")],
    ("/api/v1/ledger/receipts/{index}.tlog-proof", "404"): [get("/api/v1/ledger/receipts/99.tlog-proof")],
    **contract.ANSWERS,
}  # fmt: skip


@pytest.fixture
def ledger(db: None) -> None:
    """Two entries under a checkpoint."""
    log.append_all([("claim_moved", {}), ("list_published", {"number": 1})])
    log.sign_checkpoint()


@pytest.fixture
def spoken_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, spoken.METHOD, spoken.DOTTED)


@pytest.mark.usefixtures("ledger", "spoken_method")
def test_every_documented_answer_is_given_and_is_as_documented(
    served: dict[str, Any], client: Client, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "MOST_REQUESTS", 10_000)
    for (path, status), questions in ANSWERS.items():
        for ask in questions:
            assert_as_documented(served, path, status, ask(client))


def test_a_ledger_without_a_checkpoint_says_so_as_documented(served: dict[str, Any], client: Client, db: None) -> None:
    assert_as_documented(served, "/api/v1/ledger/checkpoint", "404", client.get("/api/v1/ledger/checkpoint"))


def test_an_index_that_cannot_be_asked_is_told_as_documented(served: dict[str, Any], client: Client, tiny: str) -> None:
    Build.objects.filter(release__name=tiny).update(spec="0", sealed_at=None)
    for path, operations in served["paths"].items():
        (operation,) = operations.values()
        if "503" in operation["responses"] and path not in contract.ASK_A_FORGE:
            assert_as_documented(served, path, "503", ANSWERS[path, "200"][0](client))


@pytest.mark.usefixtures("spoken_method")
def test_a_forge_that_does_not_answer_is_told_as_documented(served: dict[str, Any], client: Client, tiny: str) -> None:
    (path,) = contract.ASK_A_FORGE
    assert_as_documented(served, path, "503", contract.BUSY(client))


def test_the_tests_above_leave_no_documented_answer_out(served: dict[str, Any]) -> None:
    documented = {
        (path, status)
        for path, operations in served["paths"].items()
        for operation in operations.values()
        for status in operation["responses"]
    }
    unsigned = ("/api/v1/ledger/checkpoint", "404")
    assert {pair for pair in documented if pair[1] != "503"} == {*ANSWERS, unsigned}
    asks_no_index = {path for path, _ in ANSWERS if path == "/api/v1/releases" or path.startswith("/api/v1/ledger/")}
    asks_no_index |= {path for path, _ in contract.ANSWERS if path not in contract.ASK_A_FORGE}
    assert {path for path, status in documented if status == "503"} == {path for path, _ in ANSWERS} - asks_no_index


def assert_as_documented(served: dict[str, Any], path: str, status: str, response: Any) -> None:
    assert response.status_code == int(status), (path, response.content)
    (method,) = served["paths"][path]
    ((kind, media),) = served["paths"][path][method]["responses"][status]["content"].items()
    assert response["Content-Type"].partition(";")[0] == kind
    if kind == "text/plain":
        assert response.content.decode("utf-8").endswith("\n")
        assert media["schema"] == {"type": "string"}
        return
    if kind == "application/octet-stream":
        assert b"".join(response)
        assert media["schema"] == {"type": "string", "format": "binary"}
        return
    faults = list(validator(served, media["schema"]).iter_errors(response.json()))
    assert not faults, (path, status, faults[0])


def validator(served: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Of a schema in the document, where what is not documented is an error as well."""
    whole = closed({**served, "x-asked": schema})
    registry: Registry[Any] = Registry().with_resource("urn:api", DRAFT202012.create_resource(whole))
    return Draft202012Validator(
        {"$ref": "urn:api#/x-asked"}, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    is_object = schema.get("type") == "object" and isinstance(schema.get("properties"), dict)
    return {"additionalProperties": False, **inner} if is_object else inner


def test_what_is_not_documented_is_noticed(served: dict[str, Any], client: Client, tiny: str) -> None:
    """So that the tests above cannot pass on schemas that allow everything."""
    schema = {"$ref": "urn:api#/components/schemas/SearchPage"}
    page = client.get("/api/v1/search", {"q": "parseUrl"}).json()
    assert validator(served, schema).is_valid(page)
    hit = page["hits"][0]
    for wrong in (
        {**page, "more": 1},
        {**page, "total": {"about": 3}},
        {**page, "total": 3},
        {**page, "hits": [{**hit, "size": "7"}]},
        {**page, "hits": [{**hit, "score": 1.0}]},
        {**page, "hits": [{name: value for name, value in hit.items() if name != "lines"}]},
        {name: value for name, value in page.items() if name != "next"},
    ):
        assert not validator(served, schema).is_valid(wrong), wrong


# --- the docs page ---------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would load, run or obey of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._inside = tag if tag in {"script", "style"} and not values.get("src") else ""
        self.loaded += [values[name] or "" for name in ("src", "href", "action") if name in values]
        self.inline += [name for name in values if name == "style" or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.inline.append(f"<{self._inside}>")


def test_the_docs_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(client: Client) -> None:
    response = client.get("/api/v1/docs")
    page = Page(response.content.decode())
    assert page.inline == []
    assert len(page.loaded) >= 5
    for address in page.loaded:
        assert address.startswith("/"), address
        assert not address.startswith("//"), address
        loaded = client.get(address)
        assert loaded.status_code == 200, address
        assert b"".join(loaded) if loaded.streaming else loaded.content, address


def test_the_page_reader_sees_what_it_looks_for() -> None:
    page = Page('<style>a{}</style><p onclick="x" style="y"><script>z</script><script src="//evil.example/x"></script>')
    assert page.inline == ["<style>", "onclick", "style", "<script>"]
    assert page.loaded == ["//evil.example/x"]


@pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/docs?script=", "/api/v1/schema", "/api/v1/releases"])
def test_the_policy_of_every_page_allows_scripts_and_styles_of_ours_alone(client: Client, path: str, tiny: str) -> None:
    policy = dict(rule.strip().partition(" ")[::2] for rule in client.get(path)["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)


def test_the_docs_page_asks_no_validator_elsewhere(client: Client) -> None:
    script = client.get("/api/v1/docs", {"script": ""})
    assert script["Content-Type"].startswith("application/javascript")
    assert '"validatorUrl": null' in script.content.decode()
    assert 'url: "/api/v1/schema"' in script.content.decode().replace("\\u002D", "-")


def test_what_stands_in_the_address_of_the_docs_does_not_run(client: Client) -> None:
    evil = '"></script><script>alert(1)</script>'
    page = client.get("/api/v1/docs", {"version": evil, "lang": evil})
    assert Page(page.content.decode()).inline == []
    script = client.get("/api/v1/docs", {"script": "", "version": evil + "\n;alert(1)//"})
    assert "alert(1)" not in script.content.decode()
