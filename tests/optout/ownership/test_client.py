"""The guarded client: what it asks, where it goes, and how far it is led."""

import threading
from socket import socket

import pytest

from optout.ownership.client import Answer, ClientError, GuardedClient, NotAllowed, Unreachable, resolve
from tests.optout.ownership.servers import HOST, Resolver, Talk, answered, client, get, local, says, server
from tests.optout.ownership.test_addresses import NOT_PUBLIC

# --- What is asked, and how ---------------------------------------------------------------------------


def test_a_request_says_what_it_wants_and_nothing_more() -> None:
    with server(says(answered(b"hello", b"Content-Length: 5"))) as (port, requests):
        url = f"{local(port)}/a%2Fb?ref=main"
        answer = client(port).get(url, headers={"Accept": "application/json"})
        assert answer == Answer(200, url, b"hello")
    lines = requests[0].decode().split("\r\n")
    assert lines[0] == "GET /a%2Fb?ref=main HTTP/1.1"
    assert set(lines[1:]) == {
        "Accept: application/json", f"Host: 127.0.0.1:{port}", "User-Agent: codesteward",
        "Accept-Encoding: identity", "Connection: close", "",
    }  # fmt: skip


def test_the_callers_headers_cannot_undo_ours_nor_smuggle_others() -> None:
    with server(says(answered(b""))) as (port, requests):
        client(port).get(local(port), headers={"Host": "evil.example", "Accept-Encoding": "gzip"})
        assert b"evil" not in requests[0]
        assert b"gzip" not in requests[0]
        with pytest.raises(ClientError):
            client(port).get(local(port), headers={"Accept": "x\r\nX-Injected: y"})
        assert b"X-Injected" not in b"".join(requests)


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(says(answered(b"x", b"Content-Length: 1"))).body == b"x"


@pytest.mark.parametrize(
    "status", [b"200 OK", b"404 Not Found", b"429 Too Many", b"500 Oops", b"303 See Other", b"204 No Content"]
)
def test_any_status_is_an_answer(status: bytes) -> None:
    assert get(says(answered(b"", status=status))).status == int(status[:3])


def test_chunks_and_answers_that_end_with_the_connection_are_read() -> None:
    chunked = answered(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"Transfer-Encoding: chunked")
    assert get(says(chunked)).body == b"hello"
    assert get(says(answered(b"hello"))).body == b"hello"


# --- Where it goes ------------------------------------------------------------------------------------

NOT_ASKED = (
    *(
        "",
        "/",
        "x",
        "//",
        "http:",
        "http://",
        "https://",
        "file:///etc/passwd",
        "ftp://{host}/",
        "gopher://{host}/",
        "data:,x",
    ),
    *("https://{host}/", "http://{host}:80/", "http://{name}/", "http://{name}:1/", "http:/{host}/"),
    *("http://user@{host}/", "http://user:password@{host}/", "http://@{host}/", "http://{host}@evil.example/"),
    *(
        "http://evil.example#@{host}/",
        "http://evil.example?@{host}/",
        "http://evil.example\\@{host}/",
        "http://{host}#x",
    ),
    *(
        "http://{host}\\x",
        "http://{host}/\\x",
        "http://{host}/ x",
        "http://{host}/\tx",
        "http://{host}/\r\nHost: x",
        "http://{host}/é",
    ),
    *(
        " http://{host}/",
        "http://{host}/\x00",
        "http://{host}.evil.example/",
        "http://evil.example/{host}",
        "http://{host}0/",
    ),
    *(
        "http://0x7f000001:{port}/",
        "http://2130706433:{port}/",
        "http://127.1:{port}/",
        "http://0:{port}/",
        "http://localhost:{port}/",
    ),
    *(
        "http://0177.0.0.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::1]:{port}/",
        "http://[fe80::1%25lo]:{port}/",
    ),
    *(
        "http://127.0.0.1.:{port}/",
        "http://127.0.0.1%00:{port}/",
        "http://①②⑦.0.0.1:{port}/",
        "http://127。0。0。1:{port}/",
    ),
    *(
        "http://{host}/" + "x" * 3000,
        "http://169.254.169.254/latest/meta-data/",
        "http://[::]:{port}/",
        "http://[::1",
        "http://{host}:/",
    ),
)


@pytest.mark.parametrize("url", NOT_ASKED)
def test_a_url_of_another_spelling_is_not_asked_for(url: str) -> None:
    resolver = Resolver(["127.0.0.1"])
    with server(says(answered(b"reached"))) as (port, requests):
        guarded = GuardedClient([local(port)], allow_private=True, resolve=resolver)
        text = url.replace("{host}", f"127.0.0.1:{port}").replace("{name}", "127.0.0.1").replace("{port}", str(port))
        with pytest.raises(NotAllowed):
            guarded.get(text)
        assert requests == []
    assert resolver.asked == 0


@pytest.mark.parametrize("address", [address for address in NOT_PUBLIC if address])
def test_a_name_that_leads_to_an_address_that_is_not_public_is_not_connected_to(address: str) -> None:
    guarded = GuardedClient([f"https://{HOST}"], resolve=Resolver([address]))
    with pytest.raises(NotAllowed, match="not public"):
        guarded.get(f"https://{HOST}/")


def test_one_address_that_is_not_public_among_others_is_enough() -> None:
    for answer in (["140.82.121.6", "127.0.0.1"], ["127.0.0.1", "140.82.121.6"], ["2606:50c0::1", "::1"]):
        with pytest.raises(NotAllowed, match="not public"):
            GuardedClient([f"https://{HOST}"], resolve=Resolver(answer)).get(f"https://{HOST}/")


def test_private_addresses_are_allowed_only_where_that_was_said_and_link_local_ones_never() -> None:
    for address in ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"):  # noqa: S104
        guarded = GuardedClient([f"http://{HOST}"], allow_private=True, resolve=Resolver([address]))
        with pytest.raises(NotAllowed, match="not public"):
            guarded.get(f"http://{HOST}/")


def test_a_resolver_that_changes_its_mind_is_asked_once_and_checked_each_time() -> None:
    """DNS rebinding: what is connected to is what was checked, for redirects as well."""
    redirect = answered(b"", b"Location: /y", b"Content-Length: 0", status=b"302 Found")
    answers = [redirect, answered(b"there")]
    with server(lambda connection: connection.sendall(answers.pop(0))) as (port, requests):
        resolver = Resolver(["127.0.0.1"], ["169.254.169.254"])
        guarded = GuardedClient([f"http://{HOST}:{port}"], allow_private=True, resolve=resolver)
        assert guarded.get(f"http://{HOST}:{port}/x").body == b"there"
        assert resolver.asked == 1
        with pytest.raises(NotAllowed, match=r"169\.254"):
            guarded.get(f"http://{HOST}:{port}/x")
        assert len(requests) == 2
    assert f"Host: {HOST}:{port}".encode() in requests[0]


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    # Bound, and not listening: nobody answers there, and nobody else's test can.
    with socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with server(says(answered(b"there")), "127.0.0.2", port):
            resolver = Resolver(["127.0.0.1", "127.0.0.2"])
            guarded = GuardedClient([f"http://{HOST}:{port}"], allow_private=True, resolve=resolver)
            assert guarded.get(f"http://{HOST}:{port}/").body == b"there"


def test_a_name_without_an_address_is_unreachable() -> None:
    def fails(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    for resolver in (fails, Resolver([])):
        with pytest.raises(Unreachable):
            GuardedClient([f"https://{HOST}"], resolve=resolver).get(f"https://{HOST}/")


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    hanging = threading.Event()

    def hangs(host: str, port: int) -> list[str]:
        hanging.wait(30)
        return ["127.0.0.1"]

    with pytest.raises(Unreachable, match="in time"):
        GuardedClient([f"https://{HOST}"], resolve=hangs, total_seconds=0.1).get(f"https://{HOST}/")
    hanging.set()


def test_the_systems_resolver_knows_this_machine() -> None:
    assert set(resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
    assert resolve("127.0.0.1", 80) == ["127.0.0.1"]


@pytest.mark.parametrize(
    "origins", [["http://github.com"], ["https://127.0.0.1"], ["https://github.com/"], ["github.com"], [""]]
)
def test_a_client_for_what_is_no_public_origin_cannot_be_made(origins: list[str]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        GuardedClient(origins)


# --- Redirects ----------------------------------------------------------------------------------------


def redirecting(*locations: str, status: bytes = b"301 Moved Permanently") -> Talk:
    left = list(locations)

    def talk(connection: socket) -> None:
        location = left.pop(0).encode() if left else b""
        connection.sendall(answered(b"", b"Location: " + location, status=status) if location else answered(b"end"))

    return talk


@pytest.mark.parametrize("status", [b"301 x", b"302 x", b"307 x", b"308 x"])
def test_redirects_within_the_origin_are_followed(status: bytes) -> None:
    with server(redirecting("/repositories/7?a=b", "c", status=status)) as (port, requests):
        answer = client(port).get(f"{local(port)}/repos/x/y")
        assert (answer.body, answer.url) == (b"end", f"{local(port)}/repositories/c")
    assert [request.split()[1] for request in requests] == [b"/repos/x/y", b"/repositories/7?a=b", b"/repositories/c"]


def test_three_redirects_are_followed_and_no_fourth() -> None:
    assert get(redirecting("/1", "/2", "/3")).body == b"end"
    with pytest.raises(NotAllowed, match="redirects more than 3 times"):
        get(redirecting("/1", "/2", "/3", "/4"))


def test_a_redirect_is_an_answer_where_none_is_to_be_followed() -> None:
    with server(redirecting("/1")) as (port, requests):
        assert client(port).get(f"{local(port)}/x", redirects=0).status == 301
        assert len(requests) == 1


ELSEWHERE = (
    *("http://127.0.0.1:{other}/", "https://127.0.0.1:{port}/", "http://localhost:{port}/", "//localhost:{port}/"),
    *("//evil.example/", "http://169.254.169.254/latest/meta-data/", "http://user@127.0.0.1:{port}/", "http://["),
    *("file:///etc/passwd", "http://[::1]:{port}/", "http://127.0.0.1:{port}@evil.example/", "/\\evil.example"),
    *("javascript:alert(1)", "http://127.0.0.1:{port}/#x", "http://127.0.0.1:{port}/é", "//127.0.0.1:{other}/"),
)


@pytest.mark.parametrize("location", ELSEWHERE)
def test_a_redirect_to_anywhere_else_is_not_followed(location: str) -> None:
    def talk(connection: socket) -> None:
        target = location.replace("{port}", str(port)).replace("{other}", str(other))
        connection.sendall(answered(b"", b"Location: " + target.encode(), status=b"301 Moved"))

    with server(says(answered(b"reached"))) as (other, reached), server(talk) as (port, requests):
        # The other one may be asked as well, but a redirect must not lead from one to the other.
        guarded = GuardedClient([local(port), local(other)], allow_private=True)
        with pytest.raises(ClientError):
            guarded.get(f"{local(port)}/x")
        assert len(requests) == 1
        assert reached == []


def test_a_redirect_to_nowhere_is_refused() -> None:
    with pytest.raises(ClientError):
        get(says(answered(b"", status=b"301 Moved")))
