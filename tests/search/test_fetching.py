"""Contents that shards only point to, from an archive like Software Heritage's, on disk and on a real S3 server."""

import gzip
import hashlib
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import storage_s3
from governance.storage import StorageError, location
from search import fetching
from search.contents import RawFile, Skip, examine
from search.fetching import Fetcher, unpacked, with_contents
from search.shards import read_documents
from tests import s3

MOST = 10_000


def sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@pytest.fixture(params=["disk", pytest.param("s3", marks=s3.needs_server)])
def archive(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an archive without contents; the one on a server is public, and asked by nobody in particular."""
    if request.param == "disk":
        yield str(tmp_path / "content")
        return
    with s3.bucket_of_its_own() as bucket:
        for name, value in s3.environment_of(s3.SHARED).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CONTENTS_S3_ENDPOINT", s3.SHARED.url)
        monkeypatch.setenv("CONTENTS_S3_ANONYMOUS", "yes")
        s3.make_public(s3.SHARED, bucket)
        yield f"{bucket}/content"


def keep(archive: str, content: bytes, packed: bytes | None = None, name: str | None = None) -> RawFile:
    """A file that points to a content which the archive holds."""
    name = name or sha1(content)
    with location(archive).child(name).write_atomically() as file:
        file.write(gzip.compress(content) if packed is None else packed)
    return pointer(name)


def pointer(blob_id: str) -> RawFile:
    return RawFile(repository="ada/engine", path="a.py", blob_id=blob_id)


def fetched(archive: str, *files: RawFile, **options: int) -> list[bytes | Skip | None]:
    fetcher = Fetcher(archive, MOST, pauses=(), **options)
    return [
        bytes(file.content) if file.content is not None else file.missing
        for file in with_contents(iter(files), fetcher)
    ]


def test_contents_come_in_the_order_of_the_files(archive: str) -> None:
    chance = random.Random(7)
    contents = [chance.randbytes(chance.randrange(3000)) for _ in range(300)]
    files = [keep(archive, content) for content in contents]
    assert fetched(archive, *files) == contents
    assert fetched(archive, *files, threads=1) == contents
    assert fetched(archive, *[files[3]] * 50) == [contents[3]] * 50
    assert fetched(archive) == []


def test_what_is_not_to_be_had_is_told_file_by_file(archive: str) -> None:
    good = keep(archive, b"good")
    packed = gzip.compress(b"good")
    files = [
        good,
        pointer(sha1(b"nowhere")),
        keep(archive, b"", packed, name=sha1(b"another")),
        keep(archive, b"", packed[:-3], name=sha1(b"cut off")),
        keep(archive, b"", b"plain", name=sha1(b"plain")),
        keep(archive, b"", b"", name=sha1(b"nothing at all")),
        keep(archive, b"x" * (MOST + 1)),
        keep(archive, b"y" * MOST),
        good,
    ]
    assert fetched(archive, *files) == [
        b"good", Skip.NOT_IN_ARCHIVE, Skip.DAMAGED, Skip.DAMAGED, Skip.DAMAGED, Skip.DAMAGED, Skip.TOO_LARGE,
        b"y" * MOST, b"good",
    ]  # fmt: skip


def test_a_bomb_is_cut_off(archive: str) -> None:
    zeros = gzip.compress(bytes(2**20))
    assert fetched(archive, keep(archive, b"", zeros * 2000, name="0" * 40)) == [Skip.TOO_LARGE]
    assert fetched(archive, keep(archive, b"", gzip.compress(bytes(2**28)), name="1" * 40)) == [Skip.TOO_LARGE]


def test_files_that_point_to_nothing_go_through_as_they_are(archive: str) -> None:
    with_text = RawFile(content=memoryview(b"text"), blob_id=sha1(b"text"))
    without = [RawFile(), pointer(""), pointer("no hash"), pointer("../" + "a" * 37), with_text]
    good = keep(archive, b"good")
    files = list(with_contents(iter([good, *without, good]), Fetcher(archive, MOST)))
    assert files[1:-1] == without
    assert [bytes(file.content or b"") for file in (files[0], files[-1])] == [b"good", b"good"]
    assert files[0].repository == "ada/engine"


def test_an_identifier_in_capitals_is_the_same(archive: str) -> None:
    good = keep(archive, b"good")
    assert fetched(archive, pointer((good.blob_id or "").upper())) == [b"good"]


def test_an_archive_that_holds_nothing_is_a_wrong_url(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "UNLIKELY", 30)
    some = [pointer(sha1(b"%d" % number)) for number in range(40)]
    with pytest.raises(StorageError, match=r"contents it holds none; is CONTENTS_URL right\?"):
        fetched(archive, *some)
    assert fetched(archive, *some[:20]) == [Skip.NOT_IN_ARCHIVE] * 20
    assert fetched(archive, keep(archive, b"one"), *some, threads=1)[1:] == [Skip.NOT_IN_ARCHIVE] * 40


def test_only_so_many_files_are_read_ahead(archive: str) -> None:
    good = keep(archive, b"x" * 5000)
    asked = 0

    def files() -> Iterator[RawFile]:
        nonlocal asked
        for _ in range(2000):
            asked += 1
            yield good

    stream = with_contents(files(), Fetcher(archive, MOST, threads=2))
    next(stream)
    assert asked <= fetching.WAITING + 2
    stream.close()  # type: ignore[attr-defined]


def test_only_so_many_bytes_are_held(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WAITING_BYTES", 20_000)
    good = keep(archive, b"x" * MOST)
    assert fetched(archive, *[good] * 300) == [b"x" * MOST] * 300


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_members_are_put_together(members: list[bytes]) -> None:
    content = b"".join(members)
    packed = b"".join(gzip.compress(member) for member in members)
    assert unpacked(packed, sha1(content), 5 * 300) == content
    assert unpacked(packed, sha1(content), max(len(content) - 1, 0)) == (Skip.TOO_LARGE if content else content)
    assert unpacked(packed, sha1(content + b"x"), 5 * 300) is Skip.DAMAGED
    assert unpacked(packed[:-1], sha1(content), 5 * 300) is Skip.DAMAGED
    assert unpacked(packed + b"rest", sha1(content), 5 * 300) is Skip.DAMAGED


def test_what_is_missing_is_counted_by_its_reason() -> None:
    for reason in (Skip.NOT_IN_ARCHIVE, Skip.DAMAGED, Skip.TOO_LARGE):
        assert examine(RawFile(repository="a/b", path="c", missing=reason), MOST) is reason
    assert examine(RawFile(path="c", missing=Skip.DAMAGED), MOST) is Skip.NO_REPOSITORY


# --- Shards ---------------------------------------------------------------------------------------------


def test_a_shard_that_only_points_is_read_with_its_texts(archive: str, tmp_path: Path) -> None:
    texts = {"a.py": ("print('Größe')", "UTF-8"), "b.py": ("# Größe", "ISO-8859-1"), "c.py": ("gone", "UTF-8")}
    blobs = {path: text.encode(encoding) for path, (text, encoding) in texts.items()}
    for path in ("a.py", "b.py"):
        keep(archive, blobs[path])
    rows = [
        {
            "blob_id": sha1(blobs[path]), "content_id": "0" * 40, "repo_name": "ada/engine", "path": f"/{path}",
            "src_encoding": encoding, "language": "Python", "length_bytes": len(blobs[path]),
        }
        for path, (_, encoding) in texts.items()
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "ids.parquet")
    tally: Counter[str] = Counter()
    fetcher = Fetcher(archive, MOST)
    found = list(read_documents(tmp_path / "ids.parquet", max_bytes=MOST, tally=tally, fetcher=fetcher))
    assert [document.content.decode() for document in found] == ["print('Größe')", "# Größe", ""]
    assert tally == {Skip.NOT_IN_ARCHIVE: 1}
    tally.clear()
    named = list(read_documents(tmp_path / "ids.parquet", max_bytes=MOST, tally=tally))
    assert [(document.path, document.content) for document in named] == [(path, b"") for path in texts]
    assert tally == {Skip.ELSEWHERE: 3}


# --- Servers that fail ----------------------------------------------------------------------------------


@s3.needs_program
def test_a_server_that_goes_away_ends_it_and_one_that_comes_back_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_s3, "ATTEMPTS", 1)
    with s3.another_server() as server:
        for name, value in s3.environment_of(server).items():
            monkeypatch.setenv(name, value)
        server.make_bucket("archive")
        contents = [b"content %d" % number for number in range(200)]
        files = [keep("s3://archive/content", content) for content in contents]
        stream = with_contents(iter(files), Fetcher("s3://archive/content", MOST, threads=4, pauses=(0.2,) * 200))
        first = next(stream)
        server.stop(signal.SIGKILL)
        server.start()
        rest = [bytes(file.content or b"") for file in stream]
        assert [bytes(first.content or b""), *rest] == contents
        stream = with_contents(iter(files), Fetcher("s3://archive/content", MOST, threads=4, pauses=(0.1,)))
        next(stream)
        server.stop(signal.SIGKILL)
        shutil.rmtree(server.data / "archive")
        with pytest.raises(StorageError, match="the server cannot be reached") as caught:
            list(stream)
        assert caught.value.temporary
