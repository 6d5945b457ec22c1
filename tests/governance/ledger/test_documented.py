"""What docs/formats/ledger.md tells a stranger to do works, as it stands there, and fails where it must."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from governance.ledger import log
from governance.ledger.entries import Kind

pytestmark = pytest.mark.django_db


def document() -> str:
    return (settings.BASE_DIR / "docs" / "formats" / "ledger.md").read_text("utf-8")


def program() -> str:
    return document().partition("```python\n")[2].partition("```")[0]


def steps(beginning: str) -> list[str]:
    """The indented lines of the block that holds the given one."""
    (block,) = [part for part in document().split("\n\n") if beginning in part and part.startswith("    ")]
    return [line.removeprefix("    ") for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, client: Client) -> Path:
    """Receipts of 11 entries, the checkpoint and the key, as they are served."""
    with transaction.atomic():
        log.append_all([("claim_moved", {"n": number, "text": "größe\n"}) for number in range(11)])
    log.sign_checkpoint()
    for index in range(11):
        path = f"receipts/{index}.tlog-proof"
        (tmp_path / f"{index}.tlog-proof").write_bytes(client.get(f"/api/v1/ledger/{path}").content)
    for name in ("checkpoint", "key", "entries/0"):
        file = tmp_path / {"entries/0": "entry.json"}.get(name, name)
        file.write_bytes(client.get(f"/api/v1/ledger/{name}").content)
    (tmp_path / "check.py").write_text(program(), "utf-8")
    return tmp_path


def check(folder: Path, receipt: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "check.py", receipt, "key"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_program_accepts_receipts_and_shows_their_entries(folder: Path) -> None:
    for index in (0, 5, 10):
        done = check(folder, f"{index}.tlog-proof")
        assert done.returncode == 0, done.stderr
        assert done.stdout == bytes(log.entry(index).data).decode() + "\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n11\n", "\n10\n"),
        ("index 5", "index 4"),
        ("extra eyJib2R5Ijp7", "extra eyJib2R5Ijp8"),
        ("localhost/codesteward\n", "localhost/code\n"),
        ("— localhost", "— localhos"),
    ],
)
def test_the_program_refuses_a_receipt_that_was_changed(folder: Path, old: str, new: str) -> None:
    text = (folder / "5.tlog-proof").read_text("utf-8")
    assert old in text
    (folder / "changed").write_text(text.replace(old, new, 1), "utf-8")
    assert check(folder, "changed").returncode != 0


def test_the_program_refuses_a_signature_that_was_changed(folder: Path) -> None:
    text = (folder / "5.tlog-proof").read_text("utf-8")
    place = len(text) - 20
    (folder / "changed").write_text(text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :], "utf-8")
    assert check(folder, "changed").returncode != 0


def test_the_steps_with_openssl_verify_the_checkpoint(folder: Path) -> None:
    told = [line for line in steps("openssl pkeyutl") if not line.startswith("curl")]
    assert len(told) == 4
    shell = "set -e\n" + "\n".join(told)
    done = subprocess.run(["bash", "-c", shell], cwd=folder, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout, done.stderr
    (folder / "checkpoint").write_text((folder / "checkpoint").read_text("utf-8").replace("\n11\n", "\n12\n"), "utf-8")
    assert subprocess.run(["bash", "-c", shell], cwd=folder, capture_output=True, check=False).returncode != 0


def test_the_steps_with_sha256sum_make_the_leaf_hash(folder: Path) -> None:
    """`jq -j .entry` stands for the bytes of the entry; python does for where there is no jq."""
    (line,) = [line for line in steps("sha256sum") if "sha256sum" in line]
    python = f"""{sys.executable} -c "import json, sys; sys.stdout.write(json.load(open('entry.json'))['entry'])" """
    shell = line.replace("jq -j .entry entry.json", python.strip())
    assert shell != line
    done = subprocess.run(["sh", "-c", shell], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == bytes(log.entry(0).leaf_hash).hex()


def test_every_kind_and_every_address_is_documented(client: Client) -> None:
    for kind in Kind:
        assert f"| `{kind}` |" in document()
    for name in ("checkpoint", "key", "entries/{index}", "proofs/inclusion", "proofs/consistency"):
        assert f"| `/api/v1/ledger/{name}" in document()
