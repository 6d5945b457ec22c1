"""Loaded before the settings: everything that tests write goes to a folder of their own."""

import os
import tempfile

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="codesteward-tests-")
for name in ("ENVIRONMENT", "DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "ENGINE"):
    os.environ.pop(name, None)
