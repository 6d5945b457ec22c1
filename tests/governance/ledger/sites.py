"""Processes of their own that share one database: on PostgreSQL the test's, on SQLite a file of its own."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from tests.environment import own_site


def site(folder: Path) -> dict[str, str]:
    """The environment of such a process. The test must be one with real transactions, or it would not be seen."""
    environment = own_site(folder)
    if connection.vendor == "postgresql":
        given = connection.settings_dict
        login = quote(given["USER"], safe="") + (f":{quote(given['PASSWORD'], safe='')}" if given["PASSWORD"] else "")
        host = f"{given['HOST']}:{given['PORT']}" if given["PORT"] else given["HOST"]
        return {**environment, "DATABASE_URL": f"postgresql://{login}@{host}/{given['NAME']}"}
    command = [sys.executable, "manage.py", "migrate", "ledger", "--verbosity", "0"]
    subprocess.run(command, env=environment, cwd=settings.BASE_DIR, check=True)
    return environment


def started(environment: dict[str, str], script: str) -> subprocess.Popen[str]:
    """A process that runs the script with Django set up."""
    return subprocess.Popen(
        [sys.executable, "-c", f"import django; django.setup()\n{script}"],
        env=environment, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
