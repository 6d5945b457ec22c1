"""S3, Elasticsearch and Redis by TLS, trusted by the certificate of one's own authority; others are not asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from governance import storage_s3
from governance.storage import StorageError, location
from search.engines.base import EngineError
from search.engines.elasticsearch import ElasticsearchEngine
from tests import corpus, s3, tls
from tests.search.engines import elastic
from tests.search.sites import Redis, Site
from tests.tls import Authority


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return tls.authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Of the same kind, and not who has signed."""
    return tls.authority(tmp_path_factory.mktemp("stranger"), "Strangers")


# --- S3 ----------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(storage_s3, "ATTEMPTS", 1)
    with s3.bucket_of_its_own() as url, tls.door(trusted, s3.SHARED.url) as endpoint:
        for name, value in s3.environment_of(s3.SHARED).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("S3_ENDPOINT", endpoint)
        yield url


@s3.needs_server
def test_objects_are_written_and_read(bucket: str, trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_CA", str(trusted.file))
    file = location(f"{bucket}/key")
    with file.write_atomically() as stream:
        stream.write(b"content")
    with file.open_input() as stream:
        assert stream.read() == b"content"
    assert file.read_bytes(9) == b"content"


@s3.needs_server
def test_a_server_whose_certificate_is_not_trusted_gets_nothing(
    bucket: str, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ca in (str(stranger.file), ""):
        monkeypatch.setenv("S3_CA", ca)
        file = location(f"{bucket}/key")
        with pytest.raises(StorageError, match=r"cannot be reached"):
            file.size()
        with pytest.raises(StorageError, match=r"its certificate is not trusted") as caught:
            file.read_bytes(9)
        assert not caught.value.temporary


# --- Elasticsearch -----------------------------------------------------------------------------------


@elastic.needs_server
def test_elasticsearch_is_asked(trusted: Authority, stranger: Authority) -> None:
    with tls.door(trusted, elastic.url()) as url:
        ElasticsearchEngine(elastic.server_of_its_own(urls=(url,), ca=str(trusted.file))).check()
        for ca in (str(stranger.file), ""):
            with pytest.raises(EngineError, match="certificate"):
                ElasticsearchEngine(elastic.server_of_its_own(urls=(url,), ca=ca)).check()


# --- Redis -------------------------------------------------------------------------------------------


def test_workers_build_over_it(redis: Redis, trusted: Authority, stranger: Authority, tmp_path: Path) -> None:
    shard = corpus.write_texts(tmp_path / "a.parquet", [corpus.code(1)])
    with tls.door(trusted, redis.url) as url:
        site = Site(tmp_path / "site", {"REDIS_URL": url, "REDIS_CA": str(trusted.file)})
        site.manage("migrate", "--verbosity", "0")
        site.manage("register", "r-1", "--shards", str(shard))
        with site.worker():
            site.manage("build", "r-1")
        assert site.value("Build.objects.get().state") == "complete"
        doubting = site.copy(tmp_path / "doubting", {"REDIS_URL": url, "REDIS_CA": str(stranger.file)})
        said = doubting.manage("build", "r-1", "--anew", "--detach")
        assert "certificate" in said
        assert doubting.value("Work.objects.get().sent_at") is None
