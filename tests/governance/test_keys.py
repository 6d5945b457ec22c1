"""The service's keys: made once in development, demanded in production, read when they are used."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks

from governance.env import SettingError
from governance.keys import ledger_key, list_key
from governance.signing import PublicKey, SigningKey, sshsig, sshsig_verify
from tests.environment import own_site
from tests.governance.keygen import KEY, OTHER, made

NAMES = {"SIGNING_KEY": list_key, "LEDGER_KEY": ledger_key}
names = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def folder(settings: LazySettings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    settings.SIGNING_KEY = settings.LEDGER_KEY = ""
    return tmp_path / "data"


@names
def test_development_makes_a_key_once_for_its_owner_alone(folder: Path, name: str) -> None:
    first = NAMES[name]()
    file, public = folder / name.lower(), folder / f"{name.lower()}.pub"
    assert sorted(folder.iterdir()) == [file, public]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SigningKey.from_openssh(file.read_bytes()).public == first.public
    assert PublicKey.from_openssh(public.read_text()) == first.public
    assert NAMES[name]().public == first.public


def test_the_two_keys_are_two() -> None:
    assert list_key().public != ledger_key().public


@names
def test_many_that_start_at_once_agree_on_one_key(settings: LazySettings, folder: Path, name: str) -> None:
    for attempt in range(10):
        settings.DATA_DIR = folder / str(attempt)
        settings.DATA_DIR.mkdir()
        with ThreadPoolExecutor(8) as pool:
            keys = [future.result().public for future in [pool.submit(NAMES[name]) for _ in range(8)]]
        assert len(set(keys)) == 1
        assert len(list(settings.DATA_DIR.iterdir())) == 2


def test_a_public_half_that_was_lost_is_written_again(folder: Path) -> None:
    list_key()
    (folder / "signing_key.pub").unlink()
    assert PublicKey.from_openssh(list_key().public.to_openssh()) == list_key().public
    assert (folder / "signing_key.pub").exists()


@names
def test_ssh_keygen_uses_a_key_that_was_made(folder: Path, name: str) -> None:
    key = NAMES[name]()
    signed = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", folder / name.lower(), "-n", "file"],
        input=b"message", capture_output=True, check=True,
    )  # fmt: skip
    assert signed.stdout.decode() == sshsig(b"message", "file", key)
    assert sshsig_verify(b"message", signed.stdout.decode(), "file", [key.public]) == key.public


@names
def test_a_key_that_is_set_is_the_one_and_nothing_is_made(settings: LazySettings, folder: Path, name: str) -> None:
    for key in (KEY, OTHER):
        setattr(settings, name, key.to_openssh("comment").decode().strip())
        assert NAMES[name]().public == key.public
    assert list(folder.iterdir()) == []


@names
def test_production_makes_no_key(settings: LazySettings, folder: Path, name: str) -> None:
    settings.PRODUCTION = True
    with pytest.raises(SettingError, match=rf"^{name}: must be set \(or {name}_FILE\)"):
        NAMES[name]()
    assert list(folder.iterdir()) == []


@names
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("-t", "ed25519", "-N", "passphrase"), "the private key has a passphrase"),
        (("-t", "rsa", "-b", "2048", "-N", ""), "the private key is of type RSA"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_by_its_variable(
    settings: LazySettings, tmp_path: Path, name: str, options: tuple[str, ...], problem: str
) -> None:
    setattr(settings, name, made(tmp_path / "key", *options).read_text())
    with pytest.raises(SettingError, match=f"^{name}: {problem}"):
        NAMES[name]()


@names
def test_a_file_that_is_no_key_is_refused_and_kept(folder: Path, name: str) -> None:
    file = folder / name.lower()
    file.write_text("mine\n")
    with pytest.raises(SettingError, match=f"^{name}: the private key cannot be read"):
        NAMES[name]()
    file.write_bytes(b"\xff")
    with pytest.raises(SettingError, match=rf"^DATA_DIR: .*/{name.lower()} cannot be kept"):
        NAMES[name]()
    assert file.read_bytes() == b"\xff"


def test_a_folder_that_cannot_be_written_is_named(settings: LazySettings, folder: Path) -> None:
    settings.DATA_DIR = folder / "nowhere"
    with pytest.raises(SettingError, match=r"^DATA_DIR: .*/nowhere/signing_key cannot be kept"):
        list_key()


def test_the_key_comes_from_a_file_or_from_the_variable_itself(tmp_path: Path) -> None:
    key = made(tmp_path / "key", "-t", "ed25519", "-N", "")
    script = "import django; django.setup(); from governance.keys import *; print(list_key().public.key_id)"
    for given in ({"SIGNING_KEY": key.read_text()}, {"SIGNING_KEY_FILE": str(key)}):
        environment = {**own_site(tmp_path / "site"), **given}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == SigningKey.from_openssh(key.read_bytes()).public.key_id
    assert not (tmp_path / "site" / "signing_key").exists()


def test_a_start_makes_no_key(tmp_path: Path) -> None:
    script = "import django; django.setup()"
    subprocess.run([sys.executable, "-c", script], env=own_site(tmp_path / "site"), check=True)
    assert {path.name for path in (tmp_path / "site").iterdir()} == {"secret_key", "static"}


# --- the check before deployment --------------------------------------------------------------------


def found(settings: LazySettings, **given: str) -> list[str]:
    for name, value in given.items():
        setattr(settings, name, value)
    messages = run_checks(include_deployment_checks=True)
    return [str(message.msg) for message in messages if message.id and message.id.startswith("governance.")]


def test_the_deployment_check_tries_the_keys(settings: LazySettings) -> None:
    good, other = KEY.to_openssh().decode(), OTHER.to_openssh().decode()
    assert found(settings, SIGNING_KEY=good, LEDGER_KEY=other) == []
    (problem,) = found(settings, SIGNING_KEY="x")
    assert problem.startswith("SIGNING_KEY: the private key cannot be read")
    problems = found(settings, LEDGER_KEY="y")
    assert [problem.partition(":")[0] for problem in problems] == ["SIGNING_KEY", "LEDGER_KEY"]
    assert found(settings, SIGNING_KEY=good, LEDGER_KEY=good) == ["SIGNING_KEY and LEDGER_KEY are one key, must be two"]
