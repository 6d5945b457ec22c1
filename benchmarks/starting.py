"""What it costs to start: the command line and a web worker, with kernels compiled before and not."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rows import Row

SMALL = "def greet(name):\n    return f'hello {name}, this is a small file'\n" * 5
WORKER = """
import time; started = time.perf_counter()
from governance.wsgi import application
from search import lookup
from search.checking import AskedFile
lookup.check([AskedFile("a.py", open(__import__("sys").argv[1], "rb").read())])
print(time.perf_counter() - started)
"""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "small.py"
        file.write_text(SMALL)
        check = [sys.executable, "-m", "frontend.cli", "check", str(file)]
        worker = [sys.executable, "-c", WORKER, str(file)]
        return [
            Row("codesteward check of one small file", _warm(check), "< 1 s"),
            Row("the same, kernels not compiled yet", _cold(check, folder)),
            Row("web worker: start and first check", _warm(worker)),
            Row("the same, kernels not compiled yet", _cold(worker, folder)),
        ]


def _run(command: list[str], cache: Path | None = None) -> float:
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": str(cache)} if cache else {})}
    started = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def _warm(command: list[str]) -> str:
    _run(command)
    return f"{statistics.median(_run(command) for _ in range(7)):.2f} s"


def _cold(command: list[str], folder: Path) -> str:
    cache = folder / "kernels"
    shutil.rmtree(cache, ignore_errors=True)
    return f"{_run(command, cache):.1f} s"
