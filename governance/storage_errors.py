"""What goes wrong with storage, in clear words: said by the system, or by an S3 server through Arrow. Pure."""

import errno
from dataclasses import dataclass
from typing import Self

REASON_LENGTH = 300

HIDDEN_OR_MISSING = "is not there: no such bucket or key, or none that may be seen with these keys"
REFUSED = "the server refuses the access key or the secret key"
NOT_PERMITTED = "permission is refused: wrong keys, or a right that they do not have"
BUSY = "the server is too busy"
AWAY = "the server cannot be reached"

NAMED = {
    "ACCESS_DENIED": (NOT_PERMITTED, False),
    "INVALID_ACCESS_KEY_ID": (REFUSED, False),
    "INVALID_CLIENT_TOKEN_ID": (REFUSED, False),
    "MISSING_AUTHENTICATION_TOKEN": (REFUSED, False),
    "SIGNATURE_DOES_NOT_MATCH": (REFUSED, False),
    "REQUEST_TIME_TOO_SKEWED": ("the clocks of this machine and of the server differ too much", False),
    "REQUEST_EXPIRED": ("the clocks of this machine and of the server differ too much", False),
    "NO_SUCH_BUCKET": ("there is no such bucket", False),
    "NO_SUCH_KEY": (HIDDEN_OR_MISSING, False),
    "RESOURCE_NOT_FOUND": (HIDDEN_OR_MISSING, False),
    "NETWORK_CONNECTION": (AWAY, True),
    "INTERNAL_FAILURE": ("the server failed", True),
    "REQUEST_TIMEOUT": ("the server was too slow", True),
    "SERVICE_UNAVAILABLE": (BUSY, True),
    "SLOW_DOWN": (BUSY, True),
    "THROTTLING": (BUSY, True),
}
"""What Arrow calls an error -> what it means, and whether it may pass."""

STATUSES = {
    "301": ("the bucket is in another region, or on another server", False),
    "307": ("the bucket is in another region, or on another server", False),
    "400": ("the server does not take the request; is the region right?", False),
    "401": (REFUSED, False),
    "408": ("the server was too slow", True),
    "403": (NOT_PERMITTED, False),
    "404": (HIDDEN_OR_MISSING, False),
    "416": ("is shorter than it was a moment ago: it was changed while it was read", False),
    "429": (BUSY, True),
    "500": ("the server failed", True),
    "502": (AWAY, True),
    "503": (BUSY, True),
    "504": (AWAY, True),
}
"""Of errors that Arrow calls unknown."""

PASSING = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.ENOSPC, errno.EMFILE, errno.ENFILE})
"""What the system says of a file that it may say no more in a while."""


class StorageError(Exception):
    """A file that cannot be read or written; the message begins with its URL and holds no secret.

    `temporary`: the same may succeed in a while. `is_missing`: nothing is there.
    """

    def __init__(self, url: str, reason: str, *, temporary: bool = False, is_missing: bool = False) -> None:
        super().__init__(f"{url if url.isprintable() else ascii(url)}: {reason}")
        self.url = url
        self.reason = reason
        self.temporary = temporary
        self.is_missing = is_missing

    @classmethod
    def of(cls, url: str, error: Exception) -> Self:
        """What Arrow, the system or a setting says, of the file at `url`."""
        known = storage_failure(error) or Failure(" ".join(str(error).split())[:REASON_LENGTH], temporary=False)
        return cls(url, known.reason, temporary=known.temporary, is_missing=known.is_missing)

    def __reduce__(self) -> tuple[object, ...]:
        # Workers hand it to another process.
        return _again, (self.url, self.reason, {"temporary": self.temporary, "is_missing": self.is_missing})


def _again(url: str, reason: str, marks: dict[str, bool]) -> StorageError:
    return StorageError(url, reason, **marks)


@dataclass(frozen=True, slots=True)
class Failure:
    reason: str
    temporary: bool
    is_missing: bool = False


def storage_failure(error: BaseException) -> Failure | None:
    """What the storage has against it; None where an error is not of the storage but of what a file holds.

    Arrow tells of a damaged file by an OSError, too, but gives none of the system's numbers then.
    """
    if isinstance(error, StorageError):
        return Failure(error.reason, error.temporary, error.is_missing)
    if not isinstance(error, OSError):
        return None
    text = " ".join(str(error).split())
    if "AWS Error " in text:
        return _said_by_server(text)
    if error.errno is None:
        return None
    if isinstance(error, FileNotFoundError):
        # Arrow words it for S3 as it does for files.
        missing = HIDDEN_OR_MISSING if "Path does not exist" in text else "is not there"
        return Failure(missing, temporary=False, is_missing=True)
    return Failure((error.strerror or text)[:REASON_LENGTH], error.errno in PASSING)


def server_failure(status: str, code: str) -> Failure:
    """What an HTTP status (digits, or nothing where nobody answered) and a code of S3 (NoSuchKey) mean."""
    if not status:
        return Failure(AWAY, temporary=True)
    name = "".join(f"_{letter}" if letter.isupper() else letter for letter in code).lstrip("_").upper()
    reason, temporary = NAMED.get(name) or STATUSES.get(status) or (f"the server answers {status}", status[0] == "5")
    # A 404 may also be about who asks.
    if reason == HIDDEN_OR_MISSING and name not in {"", "NO_SUCH_KEY"}:
        return Failure(f"the server answers {status} {code}"[:REASON_LENGTH], temporary=False)
    return Failure(reason, temporary, is_missing=reason == HIDDEN_OR_MISSING)


def _said_by_server(text: str) -> Failure:
    """Arrow says: `AWS Error NAME during Operation operation: details`; NAME may be `UNKNOWN (HTTP status 400)`."""
    _, _, said = text.partition("AWS Error ")
    name, _, rest = said.partition(" during ")
    details = rest.partition(" operation: ")[2].removeprefix("Unable to parse ExceptionName: ")
    status = name.partition("HTTP status ")[2].rstrip(")")
    reason, temporary = NAMED.get(name) or STATUSES.get(status) or (f"the server answers {name}", False)
    told = "" if not details or details.startswith("No response body") else f" ({details})"
    return Failure(f"{reason}{told}"[:REASON_LENGTH], temporary, is_missing=reason == HIDDEN_OR_MISSING)
