"""Loaded before the settings: everything that tests write goes to a folder of their own."""

import os
import tempfile
from pathlib import Path

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="codesteward-tests-")
for name in (
    "ENVIRONMENT",
    "DEBUG",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "ENGINE",
    "SIGNING_KEY",
    "LEDGER_KEY",
    "LEDGER_ORIGIN",
    "REDIS_URL",
    "REDIS_PASSWORD",
    "ELASTICSEARCH_URL",
    "PORTRAITS_URL",
    "CONTENTS_URL",
    # The servers of a shell that has sourced the stack's environment are not those of the tests.
    *(name for name in os.environ if name.startswith(("S3_", "CONTENTS_S3_"))),
):
    os.environ.pop(name, None)


def own_site(folder: Path) -> dict[str, str]:
    """The environment of processes with records and builds of their own, whatever database the tests run on."""
    site = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
    return {**site, "DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "governance.settings"}
