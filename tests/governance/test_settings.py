"""Settings come from the environment, and a wrong one stops the start with its name."""

import ast
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
PRODUCTION = {
    "ENVIRONMENT": "production", "SECRET_KEY": "x" * 60, "ALLOWED_HOSTS": "example.org", "SIGNING_KEY": "k",
    "LEDGER_KEY": "k", "LEDGER_ORIGIN": "example.org/codesteward", "SITE_URL": "https://example.org",
    "EMAIL_URL": "smtp://mail.example.org",
}  # fmt: skip


def start(folder: Path, shown: str = "DEBUG", **variables: str) -> subprocess.CompletedProcess[str]:
    return start_within(settings.BASE_DIR, shown, {"DATA_DIR": str(folder / "data"), **variables})


def start_within(within: Path, shown: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "governance.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", START.format(shown)],
        env=environment, cwd=within, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ENVIRONMENT": "staging"}, "ENVIRONMENT: is 'staging', must be one of development, production"),
        ({"DEBUG": "maybe"}, "DEBUG: is 'maybe'"),
        ({**PRODUCTION, "DEBUG": "1"}, "DEBUG: cannot be on where ENVIRONMENT is production"),
        ({"ENVIRONMENT": "production", "ALLOWED_HOSTS": "a"}, "SECRET_KEY: must be set"),
        ({"ENVIRONMENT": "production", "SECRET_KEY": "x"}, "ALLOWED_HOSTS: must name the hosts"),
        ({**PRODUCTION, "SIGNING_KEY": ""}, "SIGNING_KEY: must be set (or SIGNING_KEY_FILE)"),
        ({**PRODUCTION, "LEDGER_KEY": ""}, "LEDGER_KEY: must be set (or LEDGER_KEY_FILE)"),
        ({**PRODUCTION, "LEDGER_ORIGIN": ""}, "LEDGER_ORIGIN: must name the ledger"),
        ({"LEDGER_ORIGIN": "example.org/my ledger"}, "LEDGER_ORIGIN: must be a name such as"),
        ({"LEDGER_ORIGIN": "example.org/a+b"}, "LEDGER_ORIGIN: must be a name such as"),
        ({"LEDGER_ORIGIN": "example.org/" + "a" * 250}, "LEDGER_ORIGIN: must be a name such as"),
        ({"SIGNING_KEY_FILE": "/nowhere/key"}, "SIGNING_KEY_FILE: cannot be read"),
        ({"SECRET_KEY": "a", "SECRET_KEY_FILE": "/b"}, "SECRET_KEY: is set, and so is SECRET_KEY_FILE"),
        ({"SECRET_KEY_FILE": "/nowhere/key"}, "SECRET_KEY_FILE: cannot be read"),
        ({"DATABASE_URL": "mysql://a/b"}, "DATABASE_URL: must begin with postgresql:"),
        ({"DATABASE_URL": "postgresql://host"}, "DATABASE_URL: names no database"),
        ({"DATABASE_URL": "postgresql://host:port/name"}, "DATABASE_URL: is not a URL"),
        ({"DATABASE_URL": "sqlite://x.db"}, "DATABASE_URL: names no database"),
        ({"DATABASE_URL": "sqlite://host/x.db"}, "DATABASE_URL: must be sqlite:///"),
        ({"DATABASE_URL": "sqlite:////nowhere/x.db"}, "DATABASE_URL: must be sqlite:///"),
        ({"DATABASE_PASSWORD": "s3cret"}, "DATABASE_PASSWORD: is set, and DATABASE_URL names no PostgreSQL"),
        (
            {"DATABASE_URL": "postgresql://a:b@c/d", "DATABASE_PASSWORD": "s3cret"},
            "DATABASE_PASSWORD: is set, and DATABASE_URL holds a password too",
        ),
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
    assert "s3cret" not in done.stderr


def test_a_data_folder_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    assert "DATA_DIR: " in start(tmp_path).stderr.splitlines()[-1]
    (tmp_path / "other" / "data" / "secret_key").mkdir(parents=True)
    assert "secret_key cannot be kept" in start(tmp_path / "other").stderr.splitlines()[-1]


def test_variables_that_are_set_to_nothing_are_not_set(tmp_path: Path) -> None:
    """As `${NAME:-}` leaves them in a compose file."""
    source = (settings.BASE_DIR / "governance" / "settings.py").read_text("utf-8")
    blank = dict.fromkeys(variables_of(source), "") | {"SECRET_KEY_FILE": "", "DATABASE_PASSWORD_FILE": ""}
    shown = "DATABASES, settings.ALLOWED_HOSTS, settings.CHECK_MAX_BYTES, settings.DEBUG"
    del blank["DATA_DIR"]
    assert start(tmp_path, shown, **blank).stdout == start(tmp_path, shown).stdout != ""


def test_a_data_folder_set_to_nothing_is_not_the_working_directory(tmp_path: Path) -> None:
    done = start_within(tmp_path, "DATA_DIR", {"DATA_DIR": ""})
    assert done.stdout.strip() == str(tmp_path / "data"), done.stderr


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


def test_what_a_database_url_escapes_is_unescaped_and_its_parameters_reach_the_driver(tmp_path: Path) -> None:
    url = "postgresql://us%40er:p%2Fw%3A@db/my%20steward?sslmode=verify-full&connect_timeout=5"
    done = start(tmp_path, "DATABASES['default']", DATABASE_URL=url)
    for part in (
        "'USER': 'us@er'", "'PASSWORD': 'p/w:'", "'NAME': 'my steward'", "'sslmode': 'verify-full'",
        "'connect_timeout': '5'",
    ):  # fmt: skip
        assert part in done.stdout, done.stderr


def test_sqlite_is_set_by_url(tmp_path: Path) -> None:
    done = start(tmp_path, "DATABASES['default']['NAME']", DATABASE_URL=f"sqlite://{tmp_path}/my%20records.db")
    assert done.stdout.strip() == f"{tmp_path}/my records.db", done.stderr


def test_production_is_shut_tight(tmp_path: Path) -> None:
    for name, value in (
        ("SECURE_SSL_REDIRECT", "True"),
        ("SESSION_COOKIE_SECURE", "True"),
        ("CSRF_COOKIE_SECURE", "True"),
        ("SECURE_HSTS_SECONDS", "63072000"),
    ):
        assert start(tmp_path, name, **PRODUCTION).stdout.strip() == value, name


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    source = (settings.BASE_DIR / "governance" / "settings.py").read_text("utf-8")
    read = variables_of(source)
    table = [
        line
        for line in (settings.BASE_DIR / "docs" / "operating.md").read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    documented = {name for line in table for name in line.split("|")[1].replace("`", "").replace(" ", "").split(",")}
    assert read <= documented
    of_secrets = {name for name in documented if name.endswith("_FILE") and name.removesuffix("_FILE") in documented}
    assert {name for name in documented - of_secrets if name.isupper()} == read


def variables_of(source: str) -> set[str]:
    """The names that readers of the environment are called with."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    named = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id.startswith("env_"))
    return {ast.literal_eval(call.args[0]) for call in named}
