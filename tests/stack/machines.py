"""Machines of the tests' own: nothing of them is shared, so that they may be stopped and killed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack.machine import Machine
from stack.packages import NEEDS

ROOT = Path(__file__).resolve().parent.parent.parent
LIGHT = ("postgresql", "redis")
"""Those that start in a second. Elasticsearch has tests of its own kind (tests/search/engines)."""

_missing = [need.program for name in LIGHT for need in NEEDS[name] if not need.is_here()]
needs_servers = pytest.mark.skipif(
    bool(_missing) and "CODESTEWARD_CI" not in os.environ,
    reason=f"{', '.join(_missing)} missing; `make stack` installs them",
)


@contextmanager
def machine() -> Iterator[Machine]:
    """The folder is not pytest's: the servers run as another user, who must be able to enter it."""
    folder = Path(tempfile.mkdtemp(prefix="codesteward-stack-"))
    folder.chmod(0o755)
    made = Machine(folder)
    try:
        yield made
    finally:
        made.stop(LIGHT)
        shutil.rmtree(folder)


def left_behind(folder: Path) -> list[str]:
    """Command lines of the processes that know the folder, whoever started them."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


def stack(folder: Path, *arguments: str, **others: str) -> subprocess.CompletedProcess[str]:
    """`python -m stack`, as a shell would call it."""
    return subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        env={"PATH": os.environ["PATH"], "CODESTEWARD_STACK": str(folder), **others},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
