"""A place of storage behaves the same on this machine and on a real S3 server."""

import pickle
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance import storage_objects
from governance.env_storage import S3Server
from governance.spooling import held
from governance.storage import Location, StorageError, location, storage_failure
from tests import s3

KINDS = ["path", "file", pytest.param("s3", marks=s3.needs_server)]
MEGABYTE = 2**20


@pytest.fixture(scope="module", params=KINDS)
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a folder for the tests of this module."""
    if request.param != "s3":
        folder = tmp_path_factory.mktemp("storage")
        yield str(folder) if request.param == "path" else folder.as_uri()
        return
    with pytest.MonkeyPatch.context() as patch, s3.bucket_of_its_own() as bucket:
        for name, value in s3.environment_of(s3.SHARED).items():
            patch.setenv(name, value)
        yield bucket


@pytest.fixture
def place(root: str, request: pytest.FixtureRequest) -> Location:
    """A folder that no other test uses."""
    return location(root).child(request.node.originalname)


def write(place: Location, content: bytes) -> Location:
    with place.write_atomically() as file:
        file.write(content)
    return place


def read(place: Location) -> bytes:
    return place.read_bytes(2**30)


def test_what_was_written_is_read(place: Location) -> None:
    for content in (b"", b"x", b"some text\n" * 1000):
        file = write(place.child("a/b/c.bin"), content)
        assert (file.exists(), file.size(), read(file)) == (True, len(content), content)
        with file.open_input() as stream:
            assert stream.size() == len(content)


def test_what_is_written_again_takes_the_place_of_what_was_there(place: Location) -> None:
    write(place.child("a"), b"first, and longer")
    write(place.child("a"), b"second")
    assert read(place.child("a")) == b"second"


def test_a_large_file_arrives_whole_and_can_be_read_anywhere(place: Location) -> None:
    """S3 takes it in several parts."""
    content = bytes(range(256)) * (23 * MEGABYTE // 256) + b"end"
    file = write(place.child("large"), content)
    assert file.size() == len(content)
    with file.open_input() as stream:
        stream.seek(17 * MEGABYTE + 5)
        assert stream.read(300) == content[17 * MEGABYTE + 5 :][:300]
        stream.seek(-3, 2)
        assert stream.read() == b"end"
    with held(file) as copy:
        assert copy.bytes == len(content)
        assert read(copy.place) == content
        assert str(copy.place) == str(file)


def test_a_file_of_this_machine_is_sent(place: Location, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for content in (b"", b"x" * 11 * MEGABYTE):
        source.write_bytes(content)
        place.child("a").send(source)
        assert read(place.child("a")) == content
        assert source.read_bytes() == content


def test_a_write_that_fails_leaves_what_was_there(place: Location) -> None:
    write(place.child("a"), b"before")
    for size in (10, 12 * MEGABYTE):
        for name in ("a", "new"):
            with pytest.raises(ZeroDivisionError), place.child(name).write_atomically() as file:  # noqa: PT012
                file.write(b"x" * size)
                raise ZeroDivisionError
    assert [found.name for found in place.below()] == ["a"]
    assert read(place.child("a")) == b"before"


def test_a_file_that_is_not_there(place: Location) -> None:
    missing = place.child("nothing")
    assert not missing.exists()
    assert not missing.is_folder()
    missing.delete()
    asked: list[Callable[[], object]] = [missing.size, missing.open_input, missing.open_stream, lambda: read(missing)]
    for ask in asked:
        with pytest.raises(StorageError, match="nothing: is not there") as caught:
            ask()
        assert not caught.value.temporary


def test_a_folder_is_no_file(place: Location) -> None:
    write(place.child("folder/file"), b"x")
    folder = place.child("folder")
    assert (folder.exists(), folder.is_folder()) == (False, True)
    with pytest.raises(StorageError, match=r"folder: is (a folder, and no object|not there, or is no file)"):
        folder.size()


def test_what_was_deleted_is_gone(place: Location) -> None:
    file = write(place.child("a/b"), b"x")
    file.delete()
    file.delete()
    assert not file.exists()
    assert place.below() == []


def test_a_folder_is_listed_in_order_and_however_deep(place: Location) -> None:
    names = ["b/c/d.parquet", "a.parquet", "b/a.txt", "Z.parquet", "b.parquet"]
    for name in names:
        write(place.child(name), name.encode())
    found = place.below(".parquet")
    assert [file.name_below(place) for file in found] == ["Z.parquet", "a.parquet", "b/c/d.parquet", "b.parquet"]
    assert [read(file).decode() for file in found] == [file.name_below(place) for file in found]
    assert len(place.below()) == 5
    assert place.child("nowhere").below() == []
    assert all(str(file).startswith(f"{place}/") for file in found)


def test_more_files_than_a_page_of_a_listing_holds(place: Location) -> None:
    for number in range(1005):
        write(place.child(f"many/{number:05d}"), b"")
    found = place.child("many").below()
    assert [file.name for file in found] == [f"{number:05d}" for number in range(1005)]


ODD = [
    "with space", "plus+plus", "percent%20", "umlaut-äöü", "日本語", "emoji-🙂", "what?why#where", "and&is=",
    "quote'\"", "back\\slash", "star*", "(round)[square]{curly}", "at@colon:", "~tilde", "dot.", "..dots", "-dash",
    "$dollar;semicolon,", "!bang", "x" * 200,
]  # fmt: skip


def test_odd_names_are_taken_as_they_are(place: Location) -> None:
    for number, name in enumerate(ODD):
        write(place.child(f"{name}/{name}"), b"%d" % number)
    found = {file.name_below(place): file for file in place.below()}
    assert sorted(found) == sorted(f"{name}/{name}" for name in ODD)
    for number, name in enumerate(ODD):
        for file in (place.child(f"{name}/{name}"), found[f"{name}/{name}"]):
            assert read(file) == b"%d" % number
            assert file.name == name
            # What is written down is what is found again.
            assert read(location(str(file))) == b"%d" % number


NAMES = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/\0"), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES.filter(lambda name: name not in {".", ".."}), content=st.binary(max_size=2000))
def test_any_name_and_any_content_come_back(place: Location, name: str, content: bytes) -> None:
    file = write(place.child(name), content)
    assert read(location(str(file))) == content
    file.delete()


@pytest.mark.parametrize("name", ["..", "../x", "a/../b", "a/./b", "/a", "a/", "a//b", "", "a\nb", "a\0b", "\x1b[1m"])
def test_a_name_that_leads_elsewhere_is_refused(place: Location, name: str) -> None:
    with pytest.raises(StorageError, match=r"between its slashes|cannot be printed"):
        place.child(name)


def test_a_place_contains_what_is_below_it(place: Location) -> None:
    write(place.child("a/b"), b"")
    for outer, inner in pairwise([place, place.child("a"), place.child("a/b")]):
        assert outer.contains(inner)
        assert outer.contains(outer)
        assert not inner.contains(outer)
    assert not place.child("a").contains(place.child("ab"))


def test_it_can_be_handed_to_another_process(place: Location) -> None:
    write(place.child("a"), b"x")
    there = pickle.loads(pickle.dumps(place.child("a")))  # noqa: S301
    assert there == place.child("a")
    assert read(there) == b"x"


def test_the_digest_of_a_file_that_is_held_is_that_of_its_bytes(place: Location) -> None:
    file = write(place.child("a"), b"abc")
    with held(file) as copy:
        assert copy.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        # Whatever stands there by now: what is read is what was digested.
        write(file, b"other")
        assert read(copy.place) == b"abc"


# --- URLs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.org/a", r"http://\.\.\.: is of a kind that is not known"),
        ("https://user:secret@example.org/a", r"^https://\.\.\.: is of a kind that is not known"),
        ("hdfs://host/a", "is of a kind that is not known"),
        ("gs://bucket/a", "is of a kind that is not known"),
        ("s3:bucket/key", "must be s3://, the name of a bucket"),
        ("s3://", "must be s3://, the name of a bucket"),
        ("s3://UPPER/key", "must be s3://, the name of a bucket"),
        ("s3://ab/key", "must be s3://, the name of a bucket"),
        ("s3://bucket/../other/key", "between its slashes"),
        ("s3://bucket/a/./b", "between its slashes"),
        ("s3://bucket//a", "between its slashes"),
        ("s3://bucket/a\nb", "cannot be printed"),
        ("file:relative", "must be file:/// and an absolute path"),
        ("file://host/path", "must be file:/// and an absolute path"),
        ("file:///a?b", "must be file:/// and an absolute path"),
        ("file:///a%00b", "must be file:/// and an absolute path"),
        ("", "names no file"),
        ("a\0b", "names no file"),
    ],
)
def test_a_url_that_names_nothing_is_refused(url: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ACCESS_KEY", "key")
    monkeypatch.setenv("S3_SECRET_KEY", "secret")
    with pytest.raises(StorageError, match=reason) as caught:
        location(url)
    assert "secret" not in str(caught.value)


def test_keys_in_a_url_are_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="keys belong in S3_ACCESS_KEY") as caught:
        location("s3://AKIAEXAMPLE:wJalrXUtnFEMI@bucket/key")
    assert "AKIAEXAMPLE" not in str(caught.value)
    assert "wJalrXUtnFEMI" not in str(caught.value)


def test_without_keys_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in s3.environment_of(s3.SHARED) if s3.SHARED.pid else ("S3_ACCESS_KEY", "S3_ANONYMOUS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StorageError, match="set S3_ACCESS_KEY and S3_SECRET_KEY, or S3_ANONYMOUS"):
        location("s3://bucket/key")


def test_a_path_is_never_taken_for_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("s3:", "file:", "http:"):
        write(location(Path(name) / "bucket" / "x"), name.encode())
        assert (tmp_path / name / "bucket" / "x").read_bytes() == name.encode()


def test_what_the_disk_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="below: "):
        write(location(tmp_path / "file" / "below"), b"x")


def test_damage_is_not_taken_for_a_failure_of_storage() -> None:
    assert storage_failure(OSError("Couldn't deserialize thrift: TProtocolException: Invalid data")) is None
    assert storage_failure(ValueError("x")) is None


def test_a_spool_folder_without_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOOL_DIR", "/nowhere/at/all")
    if not s3.SHARED.pid:
        pytest.skip(s3.REASON)
    with s3.bucket_of_its_own() as bucket:
        for name, value in s3.environment_of(s3.SHARED).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(StorageError, match="SPOOL_DIR: /nowhere/at/all is not a folder that can be written"):
            write(location(bucket).child("a"), b"x")


def test_amazons_own_servers_are_asked_where_no_other_is_named() -> None:
    store = storage_objects._store(S3Server("S3", region="eu-north-1", anonymous=True), "softwareheritage", 1, 5.0)
    told = {"bucket": "softwareheritage", "region": "eu-north-1", "skip_signature": "true"}
    assert {name: store.config.get(name) for name in told} == told
    assert "endpoint" not in store.config
