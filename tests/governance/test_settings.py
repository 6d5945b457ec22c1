"""Settings come from the environment, and a wrong one stops the start with its name."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.environment import own_site

START = "import django; django.setup(); from django.conf import settings; print(settings.{0})"
PRODUCTION = {"ENVIRONMENT": "production", "SECRET_KEY": "x" * 60, "ALLOWED_HOSTS": "example.org"}


def start(folder: Path, shown: str = "DEBUG", **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "governance.settings",
        "DATA_DIR": str(folder / "data"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", START.format(shown)],
        env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ENVIRONMENT": "staging"}, "ENVIRONMENT: is 'staging', must be one of development, production"),
        ({"DEBUG": "maybe"}, "DEBUG: is 'maybe'"),
        ({**PRODUCTION, "DEBUG": "1"}, "DEBUG: cannot be on where ENVIRONMENT is production"),
        ({"ENVIRONMENT": "production", "ALLOWED_HOSTS": "a"}, "SECRET_KEY: must be set"),
        ({"ENVIRONMENT": "production", "SECRET_KEY": "x"}, "ALLOWED_HOSTS: must name the hosts"),
        ({"SECRET_KEY": "a", "SECRET_KEY_FILE": "/b"}, "SECRET_KEY: is set, and so is SECRET_KEY_FILE"),
        ({"SECRET_KEY_FILE": "/nowhere/key"}, "SECRET_KEY_FILE: cannot be read"),
        ({"DATABASE_URL": "mysql://a/b"}, "DATABASE_URL: must begin with postgresql:"),
        ({"DATABASE_URL": "postgresql://host"}, "DATABASE_URL: names no database"),
        ({"DATABASE_URL": "postgresql://host:port/name"}, "DATABASE_URL: is not a URL"),
        ({"DATABASE_URL": "postgresql://a/b", "DATABASE_POOL": "0"}, "DATABASE_POOL: is 0, must be from 1 to 200"),
        ({"ENGINE": "lucene"}, "ENGINE: is 'lucene'"),
        ({"PORTRAIT_ERROR_RATE": "2"}, "PORTRAIT_ERROR_RATE: is 2.0, must be between"),
        ({"PORTRAIT_ERROR_RATE": "few"}, "PORTRAIT_ERROR_RATE: is 'few', must be a number"),
        ({"DOCUMENT_MAX_BYTES": "ten"}, "DOCUMENT_MAX_BYTES: is 'ten', must be a whole number"),
        ({"CHECK_MAX_BYTES": "5"}, "CHECK_MAX_BYTES: is 5, must be from"),
        ({"CHECK_MAX_FILES": "-1"}, "CHECK_MAX_FILES: is -1, must be from"),
        ({"SECURE_SSL_REDIRECT": "x"}, "SECURE_SSL_REDIRECT: is 'x'"),
        ({"TRUST_PROXY_TLS": "x"}, "TRUST_PROXY_TLS: is 'x'"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL: is 'LOUD'"),
        ({"DATA_DIR": "/proc/nowhere"}, "DATA_DIR: /proc/nowhere cannot be made"),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(tmp_path: Path, variables: dict[str, str], message: str) -> None:
    done = start(tmp_path, **variables)
    assert done.returncode != 0
    assert message in done.stderr.splitlines()[-1]


def test_nothing_set_is_one_machine(tmp_path: Path) -> None:
    done = start(tmp_path, "DATABASES['default']['NAME']")
    assert done.stdout.strip() == str(tmp_path / "data" / "codesteward.sqlite3"), done.stderr


def test_sqlite_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=own_site(tmp_path), cwd=settings.BASE_DIR, check=True)
    connection = sqlite3.connect(tmp_path / "codesteward.sqlite3")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first, second = start(tmp_path, "SECRET_KEY"), start(tmp_path, "SECRET_KEY")
    assert len(first.stdout.strip()) > 50
    assert first.stdout == second.stdout
    file = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert start(tmp_path / "other", "SECRET_KEY").stdout != first.stdout


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from a file\n")
    assert start(tmp_path, "SECRET_KEY", SECRET_KEY_FILE=str(file)).stdout.strip() == "from a file"
    assert not (tmp_path / "data" / "secret_key").exists()


def test_postgresql_is_set_by_url(tmp_path: Path) -> None:
    done = start(
        tmp_path, "DATABASES['default']", DATABASE_URL="postgresql://ada@db:5433/steward", DATABASE_PASSWORD="s3cret"
    )
    for part in ("'USER': 'ada'", "'HOST': 'db'", "'PORT': '5433'", "'NAME': 'steward'", "'PASSWORD': 's3cret'"):
        assert part in done.stdout, done.stderr


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    source = (settings.BASE_DIR / "governance" / "settings.py").read_text("utf-8")
    readers = ("env_str", "env_choice", "env_bool", "env_int", "env_float", "env_list", "env_secret", "env_url")
    read = {
        piece.split('"')[1] for reader in readers for piece in source.split(f"{reader}(")[1:] if piece.startswith('"')
    }
    table = [
        line
        for line in (settings.BASE_DIR / "docs" / "operating.md").read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    documented = {name for line in table for name in line.split("|")[1].replace("`", "").replace(" ", "").split(",")}
    assert read <= documented
    assert {name.removesuffix("_FILE") for name in documented if name.isupper()} == read
