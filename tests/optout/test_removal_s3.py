"""The whole chain on a real S3 server: shards, clean shards, receipt and portraits are in a bucket and nowhere else."""

import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError

from governance.keys import list_key
from governance.signing import SigningKey
from governance.storage import location
from optout import exclusions, removal
from optout.filter import Order, apply_list
from optout.states import State
from search import builds, ingest, lookup, opened, registering
from search.engines.base import EngineError
from search.models import Release
from search.portrait import Portrait
from search.scope import parse_scope
from tests import corpus, s3
from tests.optout.asking import proven, states_of

pytestmark = s3.needs_server


@pytest.fixture
def bucket(db: None, tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with the shards of `tests.corpus` below `shards`, and a machine that has nothing else."""
    settings.DATA_DIR = tmp_path / "data"
    settings.LISTS_DIR = tmp_path / "lists"
    settings.BUILDS_DIR = tmp_path / "builds"
    Release.objects.update(active_build=None)
    with s3.bucket_of_its_own() as url:
        for name, value in s3.environment_of(s3.SHARED).items():
            monkeypatch.setenv(name, value)
        settings.PORTRAITS_URL = f"{url}/portraits"
        for path in corpus.write_tiny(tmp_path / "shards"):
            location(f"{url}/shards").child(path.name).send(path)
        shutil.rmtree(tmp_path / "shards")
        yield url


def command(*words: str) -> str:
    said = StringIO()
    call_command(*words, stdout=said, stderr=said)
    return said.getvalue()


def held(scope: str) -> int:
    return sum(holding.documents for holding in lookup.holdings(parse_scope(scope)))


def filtered(bucket: str, folder: Path, key: SigningKey, jobs: int = 1) -> None:
    (folder / "pipeline").write_bytes(key.to_openssh("pipeline"))
    (folder / "lists.pub").write_text(list_key().public.to_openssh("lists"))
    trust, signing = folder / "lists.pub", folder / "pipeline"
    apply_list(Order(exclusions.folder_of(1), trust, (f"{bucket}/shards",), f"{bucket}/clean", signing, jobs=jobs))


def test_from_shards_in_a_bucket_to_the_release_where_it_is_gone(bucket: str, tmp_path: Path) -> None:
    said = command("register", "first-1", "--shards", f"{bucket}/shards")
    assert f"{bucket}/shards/a.parquet" in said
    command("build", "first-1", "--jobs", "2")
    command("activate", "first-1")
    everything = held("account:ada") + held("account:bob")
    assert everything
    mine = proven("repo:ada/engine")
    exclusions.publish()

    key = SigningKey.generate()
    filtered(bucket, tmp_path, key)
    (tmp_path / "pipelines").write_text(key.public.to_openssh("pipeline"))
    assert "1 claims moved on" in command("accept_receipt", f"{bucket}/clean", "--trust", str(tmp_path / "pipelines"))
    assert states_of(mine) == [State.APPLIED]

    clean = f"{bucket}/clean/shards"
    command("register", "first-2", "--shards", clean, "--parent", "first-1", "--exclusion-list", "1")
    command("build", "first-2", "--jobs", "1")
    assert removal.report(ingest.release_named("first-2")).report.is_clean
    command("activate", "first-2")
    assert removal.report(ingest.release_named("first-2")).closed == 1
    assert states_of(mine) == [State.CLOSED]
    assert held("repo:ada/engine") == 0
    assert held("account:bob") > 0


def test_a_shard_in_a_bucket_that_was_changed_is_not_indexed(bucket: str, tmp_path: Path) -> None:
    release = registering.register("first-1", registering.find_shards([f"{bucket}/shards"]), dataset="tiny")
    other = corpus.write_texts(tmp_path / "other.parquet", [corpus.code(7)])
    location(f"{bucket}/shards/b.parquet").send(other)
    build = ingest.build(release, jobs=1, progress=lambda now: None)
    (reason,) = builds.failures(build)
    assert reason.startswith(f"{bucket}/shards/b.parquet: is not the file that was registered")


def test_a_report_on_shards_that_cannot_be_read_is_none(bucket: str, tmp_path: Path) -> None:
    registering.register("first-1", registering.find_shards([f"{bucket}/shards"]), dataset="tiny")
    ingest.build(ingest.release_named("first-1"), jobs=1, progress=lambda now: None)
    ingest.activate(ingest.release_named("first-1"))
    proven("repo:ada/engine")
    exclusions.publish()
    key = SigningKey.generate()
    filtered(bucket, tmp_path, key)
    envelope = location(f"{bucket}/clean/receipt.dsse.json").read_bytes(2**20)
    removal.accept_receipt(envelope, [key.public])
    shards = registering.find_shards([f"{bucket}/clean/shards"])
    clean = registering.register("first-2", shards, dataset="tiny", parent="first-1", exclusion_list=1)
    ingest.build(clean, jobs=1, progress=lambda now: None)
    location(shards[0]).delete()
    with pytest.raises(removal.NotAccepted, match=r"clean/shards/a\.parquet: is not there"):
        removal.report(clean)


def test_what_cannot_be_registered_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    location(f"{bucket}/empty/readme.txt").send(Path(__file__))
    for place, reason in (
        (f"{bucket}/empty", r"empty: holds no \.parquet file"),
        (f"{bucket}/nothing", "nothing: is not there: no such bucket or key"),
        (f"{bucket}/../x", "between its slashes"),
        ("https://user:secret@example.org/x", "is of a kind that is not known"),
        ("s3://key:secret@bucket/x", "holds a name or a password"),
    ):
        with pytest.raises(CommandError, match=reason) as caught:
            command("register", "first-1", "--shards", place)
        assert "secret" not in str(caught.value)
    monkeypatch.setenv("S3_SECRET_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("S3_SECRET_KEY_FILE", "")
    with pytest.raises(CommandError, match="permission is refused"):
        command("register", "first-1", "--shards", f"{bucket}/shards")
    assert not Release.objects.filter(name="first-1").exists()


# --- Portraits ------------------------------------------------------------------------------------------


def build_in(bucket: str) -> Release:
    registering.register("first-1", registering.find_shards([f"{bucket}/shards"]), dataset="tiny")
    ingest.build(ingest.release_named("first-1"), jobs=1, progress=lambda now: None)
    ingest.activate(ingest.release_named("first-1"))
    return ingest.release_named("first-1")


def fetched(settings: LazySettings) -> list[Path]:
    return sorted((settings.DATA_DIR / "portraits").glob("*@*"))


def test_a_portrait_is_stored_there_and_fetched_once_by_who_answers(bucket: str, settings: LazySettings) -> None:
    build = build_in(bucket).active_build
    assert build is not None
    stored = location(f"{bucket}/portraits/{build.name}/portrait")
    assert not (settings.BUILDS_DIR / build.name / "portrait").exists()
    assert fetched(settings) == []
    copy = opened.portrait_path(build)
    assert fetched(settings) == [copy]
    assert copy.read_bytes() == stored.read_bytes(2**30)
    Portrait.open(copy).verify()
    stored.delete()
    assert opened.portrait_path(build) == copy, "it is not asked for again"


def test_what_was_fetched_may_be_deleted_at_any_time(bucket: str, settings: LazySettings) -> None:
    build = build_in(bucket).active_build
    assert build is not None
    before = opened.portrait_path(build).read_bytes()
    shutil.rmtree(settings.DATA_DIR / "portraits")
    assert opened.portrait_path(build).read_bytes() == before


def test_a_damaged_portrait_is_not_believed(bucket: str, settings: LazySettings, tmp_path: Path) -> None:
    build = build_in(bucket).active_build
    assert build is not None
    octets = bytearray(opened.portrait_path(build).read_bytes())
    octets[-1] ^= 1
    (tmp_path / "damaged").write_bytes(octets)
    location(f"{bucket}/portraits/{build.name}/portrait").send(tmp_path / "damaged")
    shutil.rmtree(settings.DATA_DIR / "portraits")
    with pytest.raises(EngineError, match="is damaged"):
        opened.portrait_path(build)
    assert fetched(settings) == []


def test_a_build_that_is_sealed_again_has_another_portrait(bucket: str, settings: LazySettings, tmp_path: Path) -> None:
    """A shard could not be read at first."""
    shard = location(f"{bucket}/shards/b.parquet")
    (tmp_path / "b").write_bytes(shard.read_bytes(2**30))
    release = registering.register("first-1", registering.find_shards([f"{bucket}/shards"]), dataset="tiny")
    shard.delete()
    ingest.build(release, jobs=1, progress=lambda now: None)
    incomplete = ingest.activate(release)
    before = opened.portrait_path(incomplete).read_bytes()
    shard.send(tmp_path / "b")
    complete = ingest.build(release, jobs=1, progress=lambda now: None)
    assert complete.pk == incomplete.pk
    assert opened.portrait_path(complete).read_bytes() != before
    assert len(fetched(settings)) == 1, "the earlier one is forgotten"
