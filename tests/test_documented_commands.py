"""The commands that the documents name are there."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "docker-compose.yml", *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"manage\.py,? ([a-z_]+)")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_that_it_names_are_there(path: Path) -> None:
    named = set(COMMAND.findall(path.read_text("utf-8")))
    assert named <= set(get_commands()), path


def test_the_targets_that_operating_names_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for path in (ROOT / "docs" / "operating.md", ROOT / "README.md"):
        for line in path.read_text("utf-8").splitlines():
            words = line.replace("`", "").split()
            if len(words) > 1 and words[0] == "make":
                assert f"\n{words[1]}:" in makefile, line
