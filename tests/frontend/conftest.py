"""A site of its own for tests that ask from outside: records, builds, and a server over them."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings

from tests import corpus
from tests.environment import own_site

RELEASE = "cli-2026-11"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with a release of its own, built by the commands."""
    folder = tmp_path_factory.mktemp("site")
    environment = own_site(folder / "data")
    corpus.write_tiny(folder / "shards")
    for command in (
        ["migrate", "--verbosity", "0"],
        ["register", RELEASE, "--shards", str(folder / "shards")],
        ["build", RELEASE, "--jobs", "1"],
        ["activate", RELEASE],
    ):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            env=environment,
            cwd=settings.BASE_DIR,
            check=True,
            capture_output=True,
        )
    return environment


@pytest.fixture(scope="session")
def server(site: dict[str, str]) -> Iterator[str]:
    """Gunicorn over the release, on a port of the system's choice."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "governance.wsgi", "--bind", "127.0.0.1:0", "--workers", "1"],
        env=site, cwd=settings.BASE_DIR, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "Listening at: " in line:
                yield line.split("Listening at: ")[1].split()[0]
                break
    finally:
        process.terminate()
        process.communicate()
