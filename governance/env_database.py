"""The settings of the database together: SQLite in a file, or PostgreSQL behind a pool of connections."""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

from governance.env import SettingError

WAIT_SECONDS = 10
"""For a connection of the pool, or to be made: then who asks is told to come again."""


def database(url: SplitResult | None, *, password: str, most_connections: int, default: Path) -> dict[str, Any]:
    """Django's entry for the database of `url`, or of the SQLite file `default` where there is none."""
    if password and (url is None or url.scheme == "sqlite"):
        raise SettingError("DATABASE_PASSWORD", "is set, and DATABASE_URL names no PostgreSQL")
    if url is None:
        return _sqlite(default)
    if not url.path.strip("/"):
        raise SettingError("DATABASE_URL", "names no database")
    return _sqlite(_file(url)) if url.scheme == "sqlite" else _postgresql(url, password, most_connections)


def _sqlite(path: Path) -> dict[str, Any]:
    """SQLite in WAL mode: readers never wait for a writer, and a writer waits for the other up to 20 s."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _file(url: SplitResult) -> Path:
    path = Path(unquote(url.path))
    if url.netloc or url.query or not path.parent.is_dir():
        raise SettingError("DATABASE_URL", "must be sqlite:/// and the path of a file in a folder that is there")
    return path


def _postgresql(url: SplitResult, password: str, most_connections: int) -> dict[str, Any]:
    """What follows a `?` goes to the driver: `?sslmode=verify-full`."""
    if password and url.password:
        raise SettingError("DATABASE_PASSWORD", "is set, and DATABASE_URL holds a password too; set one of them")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": password or unquote(url.password or ""),
        "HOST": unquote(url.hostname or ""),
        "PORT": str(url.port or ""),
        # A connection that a restarted server has cut is found out before it is handed out.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": str(WAIT_SECONDS),
            **dict(parse_qsl(url.query)),
            "pool": {"min_size": 1, "max_size": most_connections, "timeout": WAIT_SECONDS},
        },
    }
