"""What goes wrong with a real S3 server is told in clear words, without a secret, and passes where it can."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from governance import storage_objects, storage_s3
from governance.env_storage import s3_server
from governance.spooling import held
from governance.storage import Location, StorageError, location, storage_failure
from stack.s3 import S3
from tests import s3

MEGABYTE = 2**20
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with s3.bucket_of_its_own() as url:
        use(s3.SHARED, monkeypatch)
        yield url


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A server that a test may end."""
    with s3.another_server() as server:
        use(server, monkeypatch)
        yield server


def use(server: S3, monkeypatch: pytest.MonkeyPatch, **others: str) -> None:
    for name, value in {**s3.environment_of(server), **others}.items():
        monkeypatch.setenv(name, value)


def written(url: str, size: int = 3) -> Location:
    file = location(url)
    with file.write_atomically() as stream:
        stream.write(os.urandom(MEGABYTE) * (size // MEGABYTE) + b"x" * (size % MEGABYTE))
    return file


def asked_in_every_way(url: str, source: Path) -> Iterator[StorageError]:
    """What each request is answered with."""
    place = location(url)
    requests = (place.size, place.exists, place.below, place.open_input, lambda: place.read_bytes(9), place.delete)
    for ask in (*requests, lambda: place.send(source)):
        with pytest.raises(StorageError) as caught:
            ask()
        assert str(caught.value).startswith(f"{url}: ")
        yield caught.value


@s3.needs_server
def test_a_wrong_secret_is_told_and_not_shown(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_bytes(b"x")
    key = s3.SHARED.access_key
    use(s3.SHARED, monkeypatch, S3_SECRET_KEY=SECRET, S3_SECRET_KEY_FILE="")
    for error in asked_in_every_way(f"{bucket}/key", tmp_path / "source"):
        assert "permission is refused" in str(error) or "refuses the access key or the secret key" in str(error)
        assert not error.temporary
        for shown in (str(error), repr(error), repr(error.__cause__), str(error.__cause__)):
            assert SECRET not in shown
            assert key not in shown
    shown = repr(location(bucket)) + repr(s3_server())
    assert SECRET not in shown
    assert key not in shown


@s3.needs_server
def test_a_wrong_region_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(s3.SHARED, monkeypatch, S3_REGION="eu-south-9")
    for ask in (location(bucket).below, lambda: location(f"{bucket}/key").read_bytes(9)):
        with pytest.raises(StorageError, match="is the region right"):
            ask()


@s3.needs_server
def test_a_bucket_that_is_not_there(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x")
    there_is_none = location(f"{bucket}-other/key")
    with pytest.raises(StorageError, match="there is no such bucket"):
        there_is_none.send(tmp_path / "source")
    with pytest.raises(StorageError, match="is not there: no such bucket or key"):
        there_is_none.open_input()
    with pytest.raises(StorageError, match="there is no such bucket") as caught:
        there_is_none.read_bytes(9)
    assert not caught.value.is_missing, "contents would be counted as missing, and nobody would look at the URL"


@s3.needs_server
def test_an_access_key_that_nobody_has_is_not_taken_for_a_missing_object(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versitygw answers 404 to it."""
    use(s3.SHARED, monkeypatch, S3_ACCESS_KEY="somebody")
    with pytest.raises(StorageError) as caught:
        location(f"{bucket}/key").read_bytes(9)
    assert not caught.value.is_missing
    assert "XAdminUserNotFound" in str(caught.value)


@s3.needs_server
def test_what_the_environment_says_to_others_is_not_said_to_the_server(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(f"{bucket}/key")
    others = {"SESSION_TOKEN": "token", "ACCESS_KEY_ID": "other", "VIRTUAL_HOSTED_STYLE_REQUEST": "true"}
    for name, value in others.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    storage_objects._store.cache_clear()
    assert location(f"{bucket}/key").read_bytes(9) == b"xxx"


@s3.needs_server
def test_certificates_that_are_none_are_told(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    use(s3.SHARED, monkeypatch, S3_CA=str(tmp_path / "ca.pem"))
    with pytest.raises(StorageError, match="S3_CA: cannot be used"):
        location(f"{bucket}/key").read_bytes(9)


@s3.needs_server
def test_a_forked_process_is_told_instead_of_waiting_for_ever(bucket: str) -> None:
    file = written(f"{bucket}/key")
    script = (
        "import os; from governance.storage import StorageError, location\n"
        f"file = location({file.url!r}); file.read_bytes(9); child = os.fork()\n"
        "if child: raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "try: file.read_bytes(9)\n"
        "except StorageError as error: os._exit(0 if 'was forked' in str(error) else 2)\n"
        "os._exit(1)"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], cwd=settings.BASE_DIR, check=False, timeout=60).returncode == 0
    )


@s3.needs_server
def test_what_is_public_is_read_by_anybody_and_nothing_else(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written(f"{bucket}/key")
    use(s3.SHARED, monkeypatch, S3_ACCESS_KEY="", S3_SECRET_KEY_FILE="", S3_ANONYMOUS="yes")
    with pytest.raises(StorageError, match="permission is refused"):
        location(f"{bucket}/key").size()
    s3.make_public(s3.SHARED, bucket)
    assert location(f"{bucket}/key").read_bytes(10) == b"xxx"
    with pytest.raises(StorageError, match="permission is refused"):
        written(f"{bucket}/other")


@s3.needs_server
def test_the_archive_of_contents_may_be_another_server(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written(f"{bucket}/key")
    use(s3.SHARED, monkeypatch, CONTENTS_S3_ENDPOINT=s3.SHARED.url, CONTENTS_S3_ANONYMOUS="on")
    assert location(f"{bucket}/key").size() == 3
    with pytest.raises(StorageError, match="permission is refused"):
        location(f"{bucket}/key", "CONTENTS_S3").size()


def test_a_server_that_is_not_there_is_told_and_may_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_s3, "ATTEMPTS", 2)
    for name, value in {"ENDPOINT": "http://127.0.0.1:1", "ACCESS_KEY": "key", "SECRET_KEY": SECRET}.items():
        monkeypatch.setenv(f"S3_{name}", value)
    monkeypatch.setenv("S3_SECRET_KEY_FILE", "")
    (tmp_path / "source").write_bytes(b"x")
    for error in asked_in_every_way("s3://bucket/key", tmp_path / "source"):
        assert "the server cannot be reached" in str(error)
        assert error.temporary
        assert SECRET not in str(error)


@s3.needs_program
def test_a_server_that_restarts_in_mid_read_is_waited_for(own: S3) -> None:
    own.make_bucket("waiting")
    file = written("s3://waiting/key", 40 * MEGABYTE)
    with file.open_stream() as stream:
        first = stream.read(MEGABYTE)
        own.stop(signal.SIGKILL)
        back = threading.Timer(2, own.start)
        back.start()
        rest = stream.read()
        back.join()
    assert len(first) + len(rest) == file.size()


@s3.needs_program
def test_a_server_that_stays_away_in_mid_read_is_told(own: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_s3, "ATTEMPTS", 2)
    own.make_bucket("waiting")
    file = written("s3://waiting/key", 40 * MEGABYTE)
    with file.open_stream() as stream:
        stream.read(MEGABYTE)
        own.stop(signal.SIGKILL)
        with pytest.raises(OSError, match="NETWORK_CONNECTION") as caught:
            stream.read()
    failure = storage_failure(caught.value)
    assert failure is not None
    assert failure.temporary


def stop(process: int) -> None:
    """Until every thread of it has stopped, it may still answer."""
    os.kill(process, signal.SIGSTOP)
    threads = list(Path(f"/proc/{process}/task").iterdir())
    while any((thread / "stat").read_text().rpartition(")")[2].split()[0] != "T" for thread in threads):
        time.sleep(0.01)


@s3.needs_program
def test_a_server_that_hangs_is_not_waited_for_without_end(own: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_s3, "ATTEMPTS", 2)
    monkeypatch.setattr(storage_objects, "READ_SECONDS", 1)
    own.make_bucket("waiting")
    file = written("s3://waiting/key")
    stop(own.pid)
    try:
        for ask in (file.size, lambda: file.read_bytes(9)):
            with pytest.raises(StorageError) as caught:
                ask()
            assert caught.value.temporary
    finally:
        os.kill(own.pid, signal.SIGCONT)
    assert file.size() == 3
    assert file.read_bytes(9) == b"xxx"


@s3.needs_server
def test_a_file_that_shrinks_in_mid_read_is_not_taken_for_whole(bucket: str) -> None:
    file = written(f"{bucket}/key", 8 * MEGABYTE)
    with file.open_stream() as stream:
        stream.read(MEGABYTE)
        written(f"{bucket}/key", MEGABYTE)
        with pytest.raises(OSError, match=r"AWS Error|Unexpected") as caught:
            stream.read()
    failure = storage_failure(caught.value)
    assert failure is None or "was changed while it was read" in failure.reason


@s3.needs_program
def test_an_upload_that_is_killed_leaves_what_was_there(own: S3, tmp_path: Path) -> None:
    own.make_bucket("waiting")
    (tmp_path / "source").write_bytes(os.urandom(MEGABYTE) * 64)
    file = written("s3://waiting/key")
    script = (
        "import sys; from pathlib import Path; from governance.storage import location\n"
        "print('now', flush=True); location('s3://waiting/key').send(Path(sys.argv[1]))"
    )
    for seconds in (0, 0.05, 0.2):
        command = [sys.executable, "-c", script, str(tmp_path / "source")]
        with subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(seconds)
            child.kill()
        assert file.size() in {3, 64 * MEGABYTE}


@s3.needs_server
def test_a_copy_is_gone_with_its_process(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOOL_DIR", str(tmp_path))
    file = written(f"{bucket}/key", 5 * MEGABYTE)
    with held(file) as copy:
        assert copy.bytes == 5 * MEGABYTE
        assert list(tmp_path.iterdir()) == []
    assert copy.place.local is not None
    assert not copy.place.exists()


@s3.needs_server
def test_what_has_no_room_is_refused_before_it_is_fetched(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(f"{bucket}/key")
    monkeypatch.setattr("governance.spooling.RESERVE", 2**62)
    with pytest.raises(StorageError, match=r"has 3 bytes, and .* \(SPOOL_DIR\) .* left"), held(file):
        pass
