"""The settings of Elasticsearch together: what contradicts itself stops the start and names the variable."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from governance.env import SettingError


def elasticsearch(urls: Sequence[str], *, user: str, password: str, ca: str, prefix: str) -> dict[str, Any]:
    """Fields of `search.engines.elastic_client.Server`: the nodes, who asks, whom to trust, the names to use."""
    for url in urls:
        _check_node(url)
    for name, value in (("ELASTICSEARCH_USER", user), ("ELASTICSEARCH_PASSWORD", password), ("ELASTICSEARCH_CA", ca)):
        if value and not urls:
            raise SettingError(name, "is set, and ELASTICSEARCH_URL is not")
    if user and not password:
        raise SettingError("ELASTICSEARCH_PASSWORD", "must be set (or ELASTICSEARCH_PASSWORD_FILE): there is a user")
    if password and not user:
        raise SettingError("ELASTICSEARCH_USER", "must be set: there is a password")
    if ca and not Path(ca).is_file():
        raise SettingError("ELASTICSEARCH_CA", f"{ca} is not a file of certificates")
    if ca and not all(url.startswith("https:") for url in urls):
        raise SettingError("ELASTICSEARCH_CA", "is set, and ELASTICSEARCH_URL does not begin with https:")
    if not prefix[0].isalnum() or not all(_is_plain(letter) for letter in prefix):
        raise SettingError("ELASTICSEARCH_PREFIX", "must be of lower-case letters, digits and '-'")
    return {"urls": tuple(urls), "user": user, "password": password, "ca": ca, "prefix": prefix}


def _is_plain(letter: str) -> bool:
    return letter.isascii() and (letter.islower() or letter.isdigit() or letter == "-")


def _check_node(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What Python says of it may hold the password.
        raise SettingError("ELASTICSEARCH_URL", "is not a URL with a valid host and port") from None
    if parts.username or parts.password:
        raise SettingError(
            "ELASTICSEARCH_URL", "holds a name or a password; set ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD_FILE"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port or parts.query:
        raise SettingError("ELASTICSEARCH_URL", "must be http:// or https://, a host and a port; several by commas")
