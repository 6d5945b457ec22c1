"""A backup is worth what can be restored of it: records and keys come back elsewhere, and the ledger verifies."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from governance.settings import BASE_DIR
from stack.postgresql import program
from tests.environment import own_site
from tests.stack.machines import machine, needs_servers

KEYS = ("secret_key", "signing_key", "signing_key.pub", "ledger_key", "ledger_key.pub")

LIVED_IN = """
import django; django.setup()
from django.core.management import call_command
from django.db import transaction
from governance import keys
from governance.ledger import log
from search import masks
from search.scope import parse_scope

call_command("migrate", verbosity=0)
masks.hide(parse_scope("repo:ada/engine"), "ticket 12")
keys.list_key()
for first in range(0, 30, 10):
    with transaction.atomic():
        log.append_all([("claim_moved", {"number": number}) for number in range(first, first + 10)])
    log.sign_checkpoint()
with transaction.atomic():
    log.append("claim_moved", {"number": 30})
"""

GOES_ON = """
import django; django.setup()
from django.core.management import call_command
from django.db import DatabaseError
from governance.ledger.models import Entry
from search.models import Mask

call_command("migrate")
print("holds", Entry.objects.count(), *Mask.objects.values_list("scope", flat=True))
try:
    Entry.objects.filter(index=7).update(kind="list_published")
except DatabaseError:
    print("refuses a change")
call_command("verify_ledger")
call_command("sign_checkpoint")
call_command("verify_ledger")
call_command("ready", "database", "ledger", "--strict")
"""


@dataclass(frozen=True, slots=True)
class Site:
    """An installation: a folder of data, and a database."""

    folder: Path
    database: str

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = own_site(self.folder) | {"DATABASE_URL": self.database}
        return subprocess.run(
            [sys.executable, *words], cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False
        )

    def must(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout


Restore = Callable[[], None]


@pytest.fixture
def on_postgresql(tmp_path: Path) -> Iterator[tuple[Site, Site, Restore]]:
    """A site, an empty one on another database, and what brings the records from the one to the other."""
    with machine() as made:
        made.start(["postgresql"])
        url = made.environment()["DATABASE_URL"]
        other = url.removesuffix("steward") + "restored"
        dump = tmp_path / "codesteward.dump"

        def restore() -> None:
            tool("pg_dump", "--format", "custom", "--file", str(dump), url)
            tool("createdb", "--maintenance-db", url, "restored")
            tool("pg_restore", "--dbname", other, "--no-owner", "--exit-on-error", str(dump))

        yield Site(tmp_path / "lived in", url), Site(tmp_path / "restored", other), restore


@pytest.fixture
def on_sqlite(tmp_path: Path) -> tuple[Site, Site, Restore]:
    """The same on SQLite, by its own online backup, which `sqlite3 .backup` is, too."""
    files = [tmp_path / f"{name}.sqlite3" for name in ("records", "copy")]

    def restore() -> None:
        with closing(sqlite3.connect(files[0])) as source, closing(sqlite3.connect(files[1])) as target:
            source.backup(target)

    first, second = (Site(tmp_path / file.stem, f"sqlite://{file}") for file in files)
    return first, second, restore


def tool(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [program(name), *arguments], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("database", [pytest.param("on_postgresql", marks=needs_servers), "on_sqlite"])
def test_what_is_restored_is_whole_with_its_keys_and_found_out_without(
    request: pytest.FixtureRequest, database: str
) -> None:
    lived_in, restored, restore = request.getfixturevalue(database)
    for site in (lived_in, restored):
        site.folder.mkdir()
    lived_in.must("-c", LIVED_IN)
    restore()

    with_another_key = restored.run("manage.py", "verify_ledger")
    assert with_another_key.returncode != 0
    assert "checkpoint" in with_another_key.stderr

    for name in KEYS:
        shutil.copy(lived_in.folder / name, restored.folder / name)
    told = restored.must("-c", GOES_ON)
    for line in (
        "No migrations to apply",
        "holds 31 repo:ada/engine",
        "refuses a change",
        "ledger     ok        every entry is signed",
    ):
        assert line in told
