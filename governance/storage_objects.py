"""Small objects of a server that speaks the protocol of S3, one request for each: the only home of `obstore`. Pure.

Arrow asks how large an object is before it asks for its bytes. Of contents that are read by the million this is half
of all requests, and more than half of the time that they take (`python -m benchmarks fetching`).
"""

import os
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from governance.env import SettingError
from governance.env_storage import S3Server
from governance.storage_base import explained
from governance.storage_errors import StorageError, server_failure

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Credential

READ_SECONDS = 10
"""A server that sends nothing for so long has failed."""
LONGEST = timedelta(minutes=10)
FIRST_PAUSE = timedelta(milliseconds=500)
UNTRUSTED = "its certificate is not trusted"
UNSIZED = "the server does not say how long an object is"

_loaded_in = os.getpid()


def read(url: str, server: S3Server, path: str, most: int, *, attempts: int, connect_seconds: float) -> bytes | None:
    """The bytes of the object at `path` (bucket, slash, key); None where it has more than `most`.

    Raises StorageError, about `url`.
    """
    if os.getpid() != _loaded_in:
        # obstore's threads stay with the parent: it would wait for them for ever.
        raise StorageError(url, "cannot be read by a process that was forked after its parent had read such objects")
    bucket, _, key = path.partition("/")
    with explained(url):
        store = _store(server, bucket, attempts, connect_seconds)
    try:
        found = obstore.get(store, key)
        return bytes(found.bytes()) if found.meta["size"] <= most else None
    except (BaseError, OSError) as error:
        # Not as its cause: what the server said may repeat the access key.
        raise _explained(url, str(error)) from None


def _explained(url: str, text: str) -> StorageError:
    """Obstore says `... status code: 404 Not Found: <Error><Code>NoSuchKey</Code>...`, or why nobody answered."""
    status = text.partition("status code: ")[2][:3]
    if "redirect without LOCATION" in text:
        status = "301"
    if not status and "InvalidCertificate" in text:
        return StorageError(url, UNTRUSTED)
    if not status and "Content-Length" in text:
        return StorageError(url, UNSIZED)
    failure = server_failure(status, text.partition("<Code>")[2].partition("</Code>")[0])
    return StorageError(url, failure.reason, temporary=failure.temporary, is_missing=failure.is_missing)


@lru_cache(maxsize=16)
def _store(server: S3Server, bucket: str, attempts: int, connect_seconds: float) -> S3Store:
    """Raises OSError or SettingError for certificates that cannot be used."""
    client: ClientConfig = {
        "allow_http": server.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=connect_seconds),
        "read_timeout": timedelta(seconds=READ_SECONDS),
        "timeout": LONGEST,
    }
    if server.ca:
        client["root_certificate"] = Path(server.ca).read_bytes()
    retry: RetryConfig = {
        "max_retries": attempts - 1,
        "backoff": {"init_backoff": FIRST_PAUSE, "max_backoff": LONGEST, "base": 2},
        "retry_timeout": LONGEST,
    }
    # What is not said here obstore takes from variables of the environment that are meant for others.
    config: S3Config = {
        "region": server.region,
        "skip_signature": server.anonymous,
        "virtual_hosted_style_request": False,
    }
    if server.endpoint:
        config["endpoint"] = server.endpoint
    try:
        return S3Store(
            bucket, config=config, client_options=client, retry_config=retry, credential_provider=_Keys(server)
        )
    except (BaseError, ValueError) as error:
        name = f"{server.variables}_CA" if server.ca else server.variables
        raise SettingError(name, f"cannot be used: {str(error).splitlines()[0]}") from None


@dataclass(frozen=True, slots=True)
class _Keys:
    """Who asks. Told in this way no session of the environment's is told with it."""

    server: S3Server

    def __call__(self) -> "S3Credential":
        return {
            "access_key_id": self.server.access_key,
            "secret_access_key": self.server.secret_key,
            "token": None,
            "expires_at": None,
        }
