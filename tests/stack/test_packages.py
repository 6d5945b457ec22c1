"""What is missing on the machine is named, with the line that brings it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack import packages
from stack.packages import LEAST_GO, NEEDS, Need, version_of
from stack.services import StackError
from tests.stack.machines import ROOT

NOBODY = 65534 if os.geteuid() == 0 else os.geteuid()


@pytest.mark.parametrize(
    ("text", "version"),
    [("2:1.19~1", (1, 19)), ("2:1.24~2+b1", (1, 24)), ("5:7.0.15-1~deb12u10", (7, 0)), ("15+248", ()), ("(none)", ())],
)
def test_the_first_two_numbers_of_a_debian_version(text: str, version: tuple[int, ...]) -> None:
    assert version_of(text) == version


def test_an_old_go_and_none_at_all_are_both_too_old() -> None:
    assert version_of("2:1.19~1") < LEAST_GO <= version_of("2:1.24~2+b1")
    assert version_of("(none)") < LEAST_GO


def test_what_is_here_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEEDS, "redis", (Need("sh", "dash", lambda: True),))
    monkeypatch.setenv("PATH", "")
    packages.provide(["redis"])


def test_who_is_not_root_is_told_what_to_install(tmp_path: Path) -> None:
    # Root gives its rights up once it has read the module, which nobody else may be able to read.
    script = f"import os; from stack.packages import provide; os.seteuid({NOBODY}); provide(['redis', 's3'])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "redis-server, go missing; as root: apt-get install redis-server golang" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is expected to install packages")
def test_root_without_apt_is_told_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StackError, match="redis-server missing; as root: apt-get install redis-server"):
        packages.provide(["redis"])
