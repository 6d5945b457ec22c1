"""The forge of the tests as a program: what the demonstration starts."""

import json
import subprocess
import sys
from pathlib import Path

from optout.ownership.base import SubjectKind
from optout.ownership.forge_api import forge_api
from optout.ownership.forges import parse_forges
from tests.optout.ownership.conftest import MakeKey
from tests.optout.ownership.ssh_keys import blob_of

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "tests.optout.ownership.forge"]


def test_help_says_what_is_served() -> None:
    done = subprocess.run([*COMMAND, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: python -m tests.optout.ownership.forge")
    assert "A forge of one's own" in done.stdout


def test_it_serves_the_accounts_of_a_file_until_it_is_stopped(tmp_path: Path, make: MakeKey) -> None:
    accounts = {
        "ada": {"keys": [make().public], "repositories": {"engine": {"README.md": "hello\n"}}},
        "lab": {"organisation": True},
    }
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))
    command = [*COMMAND, str(tmp_path / "accounts.json"), "--folder", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        try:
            name, folder = running.stdout.readline().split()
            setting = running.stdout.readline().split()[0].removeprefix("FORGES=")
            api = forge_api(parse_forges(setting, allow_private=True)["local"])
            assert api.user("lab").kind is SubjectKind.ORGANISATION
            assert list(api.keys("ada")) == [blob_of(make().public)]
            assert api.file(api.repository(name), "README.md", 100) == b"hello\n"
            _push(tmp_path, folder)
            assert api.file(api.repository(name), "README.md", 100) == b"pushed\n"
        finally:
            running.terminate()


def _push(tmp_path: Path, folder: str) -> None:
    """What a person would do, with plain git."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", folder, str(clone)], check=True, capture_output=True)
    (clone / "README.md").write_text("pushed\n")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *who, "commit", "-qam", "pushed"], cwd=clone, check=True, capture_output=True)
    subprocess.run(["git", "push", "-q"], cwd=clone, check=True, capture_output=True)
