"""Where the guarded client may go: origins as they are configured, URLs below them, and public IP addresses."""

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from urllib.parse import SplitResult, quote, urlencode, urlsplit

DEFAULT_PORTS = {"https": 443, "http": 80}
LONGEST_HOST = 253

GLOBAL_V6 = ip_network("2000::/3")
NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; some of them are global to Python
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2002::/16",  # 6to4: carries an IPv4 address
        "64:ff9b::/96",  # NAT64: carries one as well
        "64:ff9b:1::/48",
        "3fff::/20",  # documentation, younger than Python's table
    )
)
"""What `is_global` lets through, or does not know yet (reference/trust.md 5.2)."""
PRIVATE = tuple(
    ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
"""This machine and its own network; not link-local, where clouds hand out credentials."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port; make one with `parse_origin`. str() leaves the usual port out, as browsers do."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_origin(text: str, *, allow_private: bool = False) -> Origin:
    """`https://host` or `https://host:port` and nothing else; raises ValueError that names the part at fault.

    With `allow_private` also http, IP addresses and hosts of one label.
    """
    url = split_url(text)
    schemes = ("https", "http") if allow_private else ("https",)
    if url.scheme not in schemes:
        raise ValueError(f"{text[:100]!r} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if url.path or "?" in text or "#" in text or "@" in text:
        raise ValueError(f"{text[:100]!r} must be a scheme and a host, without user, path or query")
    host = url.hostname or ""
    if not (_is_name(host, labels=1 if allow_private else 2) or (allow_private and _is_address(host))):
        raise ValueError(f"{host[:100]!r} is not a host name: ASCII letters, digits, '-' and '.'")
    return Origin(url.scheme, host, url.port or DEFAULT_PORTS[url.scheme])


def split_url(text: str) -> SplitResult:
    """The parts of a URL of printable ASCII whose port, if any, is one; raises ValueError."""
    if not text.isascii() or any(letter <= " " or letter in "\\\x7f" for letter in text):
        raise ValueError(f"{text[:100]!r} must hold printable ASCII only, and no backslash")
    url = urlsplit(text)
    if url.port == 0:
        raise ValueError(f"{text[:100]!r} names the port 0")
    return url


def url_of(base: str, *steps: str | int, **query: str | int) -> str:
    """A URL below `base`, each step percent-encoded whole: no value can reach another step, or the query.

    Raises ValueError for a step that is empty, '.' or '..'.
    """
    if any(str(step) in {"", ".", ".."} for step in steps):
        raise ValueError("a step of a path must not be empty, '.' or '..'")
    path = "".join(f"/{quote(str(step), safe='')}" for step in steps)
    return base + path + (f"?{urlencode(query)}" if query else "")


def is_public(address: str) -> bool:
    """Whether the IP address is one of the public internet; False for what is no IP address."""
    if not _is_address(address):
        return False
    ip = ip_address(address)
    if any(ip in network for network in NOT_PUBLIC):
        return False
    return ip.is_global and not ip.is_multicast and (isinstance(ip, IPv4Address) or ip in GLOBAL_V6)


def is_private(address: str) -> bool:
    """Whether the IP address is of this machine or its own network."""
    return _is_address(address) and any(ip_address(address) in network for network in PRIVATE)


def _is_name(host: str, labels: int) -> bool:
    """A host whose last label is of letters: nothing that some resolver would read as a number."""
    parts = host.split(".")
    if len(parts) < labels or len(host) > LONGEST_HOST:
        return False
    plain = all(part and all(letter.isalnum() or letter in "-_" for letter in part) for part in parts)
    return plain and (parts[-1].isalpha() or parts[-1].startswith("xn--"))


def _is_address(text: str) -> bool:
    """An IP address without a zone."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text
