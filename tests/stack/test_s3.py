"""The S3 server of the stack: built from what the public log of checksums has, with keys that only its user reads."""

from pathlib import Path

import pytest

from governance.storage import location
from stack import s3 as stack_s3
from stack.s3 import BUCKET, S3, program
from stack.services import StackError
from tests import s3


@s3.needs_program
def test_it_starts_stops_and_keeps_what_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3.another_server() as server:
        url, pid = server.url, server.pid
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with location(f"s3://{BUCKET}/kept").write_atomically() as file:
            file.write(b"x")
        assert server.start() == url
        assert server.pid == pid, "it runs already"
        server.stop()
        server.stop()
        assert server.pid == 0
        server.start()
        assert server.url == url
        assert location(f"s3://{BUCKET}/kept").read_bytes(10) == b"x"


@s3.needs_program
def test_its_keys_are_shown_to_nobody_else() -> None:
    with s3.another_server() as server:
        secret = server.secret_key_file.read_text().strip()
        for file in (server.folder / "access_key", server.secret_key_file):
            assert file.stat().st_mode & 0o077 == 0
        command = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert secret.encode() not in command
        assert secret not in repr(server)
        assert secret not in (server.folder / "log").read_text()


@s3.needs_program
def test_a_program_of_another_checksum_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_s3, "SUM", "h1:another=")
    with pytest.raises(StackError, match=r"was built as v[0-9.]+ h1:.*, must be v[0-9.]+ h1:another="):
        stack_s3._check(program())


def test_what_is_not_here_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stack_s3, "FOLDER", tmp_path)
    with pytest.raises(StackError, match="is not here; `make stack` builds it"):
        program(build=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="Go is needed"):
        S3(tmp_path / "s3").start()
    assert list(tmp_path.iterdir()) == []
