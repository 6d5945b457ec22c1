from pathlib import Path

import pytest

from tests.governance.keygen import made


@pytest.fixture
def ed25519(tmp_path: Path) -> Path:
    """An Ed25519 key file without a passphrase, as ssh-keygen makes it; `.pub` beside it."""
    return made(tmp_path / "key", "-t", "ed25519", "-N", "")
