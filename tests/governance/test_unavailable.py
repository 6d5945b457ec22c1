"""A database that cannot be asked: whoever asks is told to come again, in the shape that he reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import own_site

ROOT = Path(__file__).resolve().parents[2]

ASK = """
import django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
for path in ("/api/v1/releases", "/"):
    answer = client.get(path)
    print(answer.status_code, answer["Retry-After"], answer["Content-Type"], "records cannot be asked" in answer.text)
"""


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("postgresql://nobody@127.0.0.1:1/none", id="a server that is not there"),
        pytest.param("", id="a file without tables"),
    ],
)
def test_without_its_database_the_site_says_so(tmp_path: Path, broken: str) -> None:
    site = own_site(tmp_path) | {"DATABASE_URL": broken, "ALLOWED_HOSTS": "testserver"}
    done = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=site, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "503 30 application/problem+json True",
        "503 30 text/html; charset=utf-8 True",
    ], done.stderr
    assert "Traceback" not in done.stdout
