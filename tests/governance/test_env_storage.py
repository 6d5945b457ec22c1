"""Settings of S3 that cannot be used stop the start with the variable's name, and no secret is shown."""

from pathlib import Path

import pytest
from django.conf import settings

from governance.env import SettingError
from governance.env_storage import CONTENTS, NAMES, S3Server, s3_server, spool_folder, storage_url

KEYS = {"S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "wJalrXUtnFEMI"}


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPOOL_DIR", *(f"{variables}_{name}" for variables in ("S3", "CONTENTS_S3") for name in NAMES)):
        monkeypatch.delenv(name, raising=False)


def setenv(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_nothing_set_is_nobody_who_is_asked() -> None:
    assert s3_server() == S3Server("S3")
    assert not s3_server().is_set


def test_what_is_set_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    setenv(monkeypatch, S3_ACCESS_KEY="key", S3_SECRET_KEY_FILE=str(tmp_path / "secret"), S3_REGION="eu-west-1")
    setenv(monkeypatch, S3_ENDPOINT="https://s3.example.org:9000/")
    assert s3_server() == S3Server("S3", "https://s3.example.org:9000", "eu-west-1", "key", "from a file")
    assert "from a file" not in repr(s3_server())


def test_the_archive_has_settings_of_its_own_or_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    setenv(monkeypatch, **KEYS)
    assert s3_server(CONTENTS) == s3_server()
    setenv(monkeypatch, CONTENTS_S3_ANONYMOUS="yes")
    assert s3_server(CONTENTS) == S3Server("CONTENTS_S3", anonymous=True)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"S3_ACCESS_KEY": "key"}, "^S3_SECRET_KEY: must be set"),
        ({"S3_SECRET_KEY": "x"}, "^S3_ACCESS_KEY: must be set"),
        ({**KEYS, "S3_ANONYMOUS": "1"}, "^S3_ANONYMOUS: is on, and S3_ACCESS_KEY is set"),
        ({**KEYS, "S3_SECRET_KEY_FILE": "/b"}, "^S3_SECRET_KEY: is set, and so is S3_SECRET_KEY_FILE"),
        ({"S3_ENDPOINT": "s3.example.org"}, "^S3_ENDPOINT: must begin with http: or https:"),
        ({"S3_ENDPOINT": "https://key:wJalrXUtnFEMI@example.org"}, "^S3_ENDPOINT: holds a name or a password"),
        ({"S3_ENDPOINT": "https://example.org/bucket"}, "^S3_ENDPOINT: must be a scheme and a host"),
        ({"S3_CA": "/nowhere"}, "^S3_CA: /nowhere is not a file of certificates"),
        ({"CONTENTS_S3_ACCESS_KEY": "key"}, "^CONTENTS_S3_SECRET_KEY: must be set"),
    ],
)
def test_what_cannot_be_used_is_told(variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    setenv(monkeypatch, **variables)
    with pytest.raises(SettingError, match=message) as caught:
        s3_server(CONTENTS if any(name.startswith("CONTENTS") for name in variables) else "S3")
    assert "wJalrXUtnFEMI" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "/data/portraits", "file:///data/portraits"])
def test_a_place_of_this_machine_needs_no_server(url: str) -> None:
    assert storage_url("PORTRAITS_URL", url) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("portraits", "^PORTRAITS_URL: must be an absolute path"),
        ("https://example.org/x", "^PORTRAITS_URL: must be an absolute path"),
        ("s3://", "^PORTRAITS_URL: must be an absolute path"),
        ("s3://key:wJalrXUtnFEMI@bucket/x", "^PORTRAITS_URL: holds a name or a password"),
        ("s3://bucket/x", "^PORTRAITS_URL: is on a server, and neither S3_ACCESS_KEY nor S3_ANONYMOUS is set"),
    ],
)
def test_a_place_that_nobody_can_be_asked_for_is_told(url: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        storage_url("PORTRAITS_URL", url)
    assert "wJalrXUtnFEMI" not in str(caught.value)


def test_a_place_on_a_server_that_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    setenv(monkeypatch, CONTENTS_S3_ANONYMOUS="yes")
    assert storage_url("CONTENTS_URL", "s3://bucket/x", CONTENTS) == "s3://bucket/x"


def test_the_folder_for_copies_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setenv(monkeypatch, SPOOL_DIR=str(tmp_path))
    assert spool_folder() == tmp_path
    setenv(monkeypatch, SPOOL_DIR=str(tmp_path / "nowhere"))
    with pytest.raises(SettingError, match=r"^SPOOL_DIR: .*nowhere is not a folder that can be written"):
        spool_folder()


def test_every_variable_is_in_the_chapter_on_storage() -> None:
    lines = (settings.BASE_DIR / "docs" / "storage.md").read_text("utf-8").splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith(("| `S3_", "| `SPOOL"))]
    documented = {name for cell in cells for name in cell.replace("`", "").replace(" ", "").split(",")}
    assert documented == {"SPOOL_DIR", *(f"S3_{name}" for name in NAMES)}
