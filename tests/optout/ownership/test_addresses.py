"""Where the guarded client may go: a corpus of addresses, origins and URLs that have opened doors elsewhere."""

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout.ownership.addresses import GLOBAL_V6, Origin, is_private, is_public, parse_origin, split_url, url_of

PUBLIC = (
    *(
        "1.1.1.1",
        "8.8.8.8",
        "140.82.121.6",
        "217.197.84.140",
        "223.255.255.254",
        "11.0.0.1",
        "172.32.0.1",
        "100.128.0.1",
    ),
    *("2606:4700:4700::1111", "2001:4860:4860::8888", "2a0a:4580:103f:c0de::1", "2400::1", "3ffe::1"),
)

NOT_PUBLIC = (
    # this machine, and nothing at all
    *("127.0.0.1", "127.0.0.53", "127.255.255.255", "0.0.0.0", "0.1.2.3", "::1", "::"),  # noqa: S104
    # networks of one's own
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255"),
    *("fc00::1", "fd00:ec2::254", "fec0::1", "198.18.0.1", "198.19.255.255"),
    # link-local: where clouds hand out credentials
    *("169.254.169.254", "169.254.170.2", "169.254.0.1", "fe80::1", "febf::1"),
    # to many
    *("224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "ff0e::1"),
    # reserved, documentation
    *("240.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1", "3fff:fff::1", "100::1"),
    # assignments of protocols: some of them global to Python
    *("192.0.0.1", "192.0.0.8", "192.0.0.170", "192.88.99.1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1::1"),
    # IPv6 that carries an IPv4 address
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8"),
    *(
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:808:808::1",
    ),
    *("2001:0:53aa:64c::1", "2001::1", "::ffff:0:127.0.0.1"),
    # outside of what is given out
    *("4000::1", "5f00::1", "e000::1", "1fff::1"),
    # no addresses: other spellings, zones, names
    *("", "localhost", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "127.1", "0127.0.0.1", "127.0.0.1:80"),
    *("1.1.1.1%eth0", "fe80::1%eth0", "2606:4700:4700::1111%1", "[::1]", "::1/128", " 1.1.1.1", "1.1.1.1 ", "１.1.1.1"),
)


def test_the_corpus_is_as_large_as_the_bar_asks() -> None:
    assert len(set(NOT_PUBLIC)) >= 60


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)
    assert not is_private(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_outside_of_those_given_out_is_public(address: IPv6Address) -> None:
    if is_public(str(address)):
        assert address in GLOBAL_V6
        assert address.ipv4_mapped is None
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.ip_addresses())
def test_an_address_is_public_or_private_or_neither_and_never_both(address: object) -> None:
    text = str(address)
    assert not (is_public(text) and is_private(text))
    if is_private(text):
        assert ip_address(text).is_private


def test_private_is_this_machine_and_its_network_but_not_where_clouds_keep_secrets() -> None:
    assert all(map(is_private, ("127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "fd00::1")))
    others = ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1", "100.64.0.1", "x")  # noqa: S104
    assert not any(map(is_private, others))


ORIGINS = {
    "https://api.github.com": Origin("https", "api.github.com", 443),
    "https://API.GitHub.com": Origin("https", "api.github.com", 443),
    "https://api.github.com:443": Origin("https", "api.github.com", 443),
    "https://codeberg.org:8443": Origin("https", "codeberg.org", 8443),
    "https://xn--bcher-kva.example": Origin("https", "xn--bcher-kva.example", 443),
}
PRIVATE_ORIGINS = {
    "http://127.0.0.1:8000": Origin("http", "127.0.0.1", 8000),
    "http://localhost": Origin("http", "localhost", 80),
    "https://[::1]:8443": Origin("https", "::1", 8443),
}
NO_ORIGINS = (
    *(
        "",
        "api.github.com",
        "//api.github.com",
        "https:",
        "https://",
        "https:///x",
        "ftp://api.github.com",
        "file:///etc/passwd",
    ),
    *("https://api.github.com/", "https://api.github.com/x", "https://api.github.com?x", "https://api.github.com?"),
    *(
        "https://api.github.com#",
        "https://user@api.github.com",
        "https://user:pass@api.github.com",
        "https://@api.github.com",
    ),
    *(
        "https://api.github.com:0",
        "https://api.github.com:65536",
        "https://api.github.com:x",
        "https://api.github.com:-1",
    ),
    *(
        "https://api.github.com\\@evil.example",
        "https://api.github.com\n",
        " https://api.github.com",
        "https://api github.com",
    ),
    *("https://gıthub.com", "https://bücher.example", "https://api.github.com。", "https://%61pi.github.com"),
    *(
        "https://api..github.com",
        "https://.github.com",
        "https://api.github.com.",
        "https://a*b.example",
        "https://[::1",
    ),
    *(
        "https://2130706433.1",
        "https://0x7f.0x1",
        "https://1.1",
        "https://github.com.1",
        "https://" + "a." * 127 + "org",
    ),
)


@pytest.mark.parametrize(("text", "origin"), (ORIGINS | PRIVATE_ORIGINS).items())
def test_an_origin_is_a_scheme_and_a_host(text: str, origin: Origin) -> None:
    assert parse_origin(text, allow_private=True) == origin
    assert parse_origin(str(origin), allow_private=True) == origin


@pytest.mark.parametrize(
    "text", [*NO_ORIGINS, *PRIVATE_ORIGINS, "https://intranet", "https://1.1.1.1", "http://github.com"]
)
def test_nothing_else_is_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_origin(text)


@pytest.mark.parametrize("text", [*NO_ORIGINS, "http://[fe80::1%25eth0]", "http://[fe80::1%eth0]"])
def test_nor_where_private_ones_are_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_origin(text, allow_private=True)


@given(st.lists(st.text(min_size=1).filter(lambda step: step not in {".", ".."}), min_size=1), st.text())
def test_no_value_reaches_another_step_of_a_path(steps: list[str], value: str) -> None:
    encodable = all(not any("\ud800" <= letter <= "\udfff" for letter in text) for text in [*steps, value])
    if not encodable:
        return
    url = split_url(url_of("https://api.example.org", *steps, ref=value))
    assert url.netloc == "api.example.org"
    assert url.path.count("/") == len(steps)
    assert not set(url.path + url.query) & set("?#\\\r\n \t")
    assert url.query.count("&") == 0


@pytest.mark.parametrize("step", ["", ".", ".."])
def test_a_step_that_would_leave_the_path_is_refused(step: str) -> None:
    with pytest.raises(ValueError, match="step"):
        url_of("https://api.example.org", "repos", step)
