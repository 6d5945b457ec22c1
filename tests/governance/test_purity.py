"""What verifiers and the pipeline run must run where Django is not installed."""

import subprocess
import sys

from django.conf import settings

PURE = ("signing", "ledger.canonical", "ledger.entries", "ledger.merkle", "ledger.notes", "ledger.receipts",
        "storage", "spooling", "env_storage")  # fmt: skip


def test_pure_modules_of_the_ground_floor_import_no_django() -> None:
    names = [f"governance.{name}" for name in PURE]
    script = f"import sys, importlib; sys.modules['django'] = None; [importlib.import_module(n) for n in {names!r}]"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
