"""The settings of the workers together: work is done in the process that wants it, or by Celery on Redis."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote

from governance.env import SettingError

BEATS_A_LEASE = 6
"""How often a worker says that it lives before it would be believed dead."""


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """`redis` is the URL of the broker, password and all, or empty where there is none. Seconds and megabytes."""

    redis: str = field(repr=False)
    ca: str
    time_limit: int
    """A task that takes longer is stopped."""
    lease: int
    """A task whose worker was not heard of for so long is given to another one."""
    memory: int
    """A worker process that has grown beyond is replaced after its task."""

    @property
    def beat(self) -> float:
        return self.lease / BEATS_A_LEASE


def workers(
    url: SplitResult | None, *, password: str, ca: str, time_limit: int, lease: int, memory: int
) -> WorkSettings:
    """Raises SettingError where the values contradict each other."""
    if url is None:
        for name, value in (("REDIS_PASSWORD", password), ("REDIS_CA", ca)):
            if value:
                raise SettingError(name, "is set, and REDIS_URL is not")
    elif password and url.password:
        raise SettingError("REDIS_PASSWORD", "is set, and REDIS_URL holds a password too; set one of them")
    if ca and url and url.scheme != "rediss":
        raise SettingError("REDIS_CA", "is set, and REDIS_URL does not begin with rediss:")
    if ca and not Path(ca).is_file():
        raise SettingError("REDIS_CA", f"{ca} is not a file of certificates")
    if lease >= time_limit:
        raise SettingError("WORK_LEASE", f"is {lease}, must be less than WORK_TIME_LIMIT, which is {time_limit}")
    return WorkSettings(
        redis=_broker(url, password) if url else "", ca=ca, time_limit=time_limit, lease=lease, memory=memory
    )


def _broker(url: SplitResult, password: str) -> str:
    database = url.path.strip("/") or "0"
    if not url.hostname or url.query or url.fragment or not (database.isascii() and database.isdigit()):
        raise SettingError("REDIS_URL", "must be redis:// or rediss://, a host, a port and the number of a database")
    secret = quote(password, safe="") or url.password or ""
    login = f"{url.username or ''}:{secret}@" if secret or url.username else ""
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{url.scheme}://{login}{host}:{url.port or 6379}/{database}"
