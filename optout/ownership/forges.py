"""Forges: where accounts and repositories are, as the setting FORGES names them and as their APIs describe them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from optout.ownership.addresses import parse_origin, split_url
from optout.ownership.base import EMAIL, SubjectKind, is_plain_name

DEFAULT_FORGES = "github=github+https://api.github.com, codeberg=forgejo+https://codeberg.org/api/v1"
GITHUB_API = "https://api.github.com"
GITHUB_WEB = "https://github.com"
BASES = {"github": "/api/v3", "forgejo": "/api/v1"}
"""Kind -> the path that its API stands under, where it shares a host with the pages."""


@dataclass(frozen=True, slots=True)
class Forge:
    """One forge. Make them with `parse_forges`."""

    name: str
    kind: str
    """`github` or `forgejo`: whose formats its API speaks."""
    api: str
    """Base URL of the API, without a slash at its end."""
    web: str
    """Base URL of its pages."""
    home: bool
    """Whether the owner/name of datasets are names at this forge. A proof of an account at another forge shows
    nothing about them: anybody may have taken the same name there."""
    private: bool = False
    token: str = field(default="", repr=False)
    """Sent to the API where it is set: GitHub answers 60 requests an hour without one, 5,000 with it."""

    @property
    def origin(self) -> str:
        """Scheme and host of the API: all that is asked. The pages of a Forgejo are at the same."""
        url = split_url(self.api)
        return f"{url.scheme}://{url.netloc}"


@dataclass(frozen=True, slots=True)
class User:
    """An account, of a person or an organisation."""

    id: int
    login: str
    kind: SubjectKind
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Repository:
    id: int
    full_name: str
    """owner/name."""
    owner_id: int
    owner_login: str
    default_branch: str
    fork: bool
    parent: str
    """owner/name of what it is a fork of; empty where it is none, or the forge does not say."""
    since: datetime | None


def parse_forges(text: str, *, allow_private: bool = False, tokens: str = "") -> dict[str, Forge]:
    """The setting: `name=kind+https://api.host/base`, comma-separated. The first is the home of datasets' names.

    `tokens` is `name=token`, comma-separated. Raises ValueError that names the part at fault and tells no token.
    """
    known_tokens = dict(_token(item) for item in _items(tokens))
    forges: dict[str, Forge] = {}
    for item in _items(text):
        forge = _forge(item, home=not forges, private=allow_private, tokens=known_tokens)
        if forge.name in forges:
            raise ValueError(f"the forge {forge.name!r} is named twice")
        forges[forge.name] = forge
    if not forges:
        raise ValueError("no forge is named")
    for name in known_tokens:
        if name not in forges:
            raise ValueError(f"there is a token for {name[:40]!r}, which is no forge")
    return forges


def _items(text: str) -> Iterator[str]:
    return (item.strip() for item in text.split(",") if item.strip())


def _token(item: str) -> tuple[str, str]:
    name, _, token = item.partition("=")
    if not token or not all("!" <= letter <= "~" for letter in token):
        raise ValueError("a token must be written name=token, in printable ASCII")
    return name.strip(), token


def _forge(item: str, *, home: bool, private: bool, tokens: Mapping[str, str]) -> Forge:
    name, equals, rest = item.partition("=")
    kind, plus, api = rest.partition("+")
    if not equals or not plus:
        raise ValueError(f"{item[:100]!r} must be written name=kind+https://api.host/base")
    if not is_plain_name(name) or name != name.lower() or name == EMAIL:
        raise ValueError(f"the name {name[:40]!r} must be lower-case letters, digits, '-', '_' or '.', and not email")
    if kind not in BASES:
        raise ValueError(f"{name}: the kind {kind[:40]!r} must be one of {', '.join(BASES)}")
    try:
        api = _base_url(api, allow_private=private)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    web = GITHUB_WEB if api == GITHUB_API else api.removesuffix(BASES[kind])
    return Forge(name, kind, api, web, home, private, tokens.get(name, ""))


def _base_url(text: str, *, allow_private: bool) -> str:
    url = split_url(text)
    origin = parse_origin(f"{url.scheme}://{url.netloc}", allow_private=allow_private)
    steps = url.path.strip("/").split("/") if url.path.strip("/") else []
    if url.query or url.fragment or not all(is_plain_name(step) for step in steps):
        raise ValueError(f"the base {text[:100]!r} must be a scheme, a host and a plain path")
    return "/".join([str(origin), *steps])
