"""Builds that nobody goes back to, and how one goes back to those that stay."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from search import builds as builds_of
from search import ingest, lookup, pruning, registering
from search.engines.base import EVERYTHING, EngineError
from search.engines.elasticsearch import ElasticsearchEngine
from search.engines.tantivy import TantivyEngine
from search.models import Build, Release
from search.opened import engine_named, open_build, portraits
from search.portrait import PortraitWriter, size_for
from tests import corpus
from tests.search.engines.conformance import sixty_documents, write
from tests.search.engines.elastic import needs_server, server_of_its_own, sweep


@pytest.fixture(params=["tantivy", pytest.param("elasticsearch", marks=needs_server)])
def engine(request: pytest.FixtureRequest, settings: LazySettings, builds: Path) -> Iterator[str]:
    """The engine of the service, with an empty folder of builds or names of its own."""
    settings.ENGINE = request.param
    if request.param == "tantivy":
        yield request.param
        return
    settings.ELASTICSEARCH = server_of_its_own()
    yield request.param
    sweep(settings.ELASTICSEARCH)


@pytest.fixture
def release(engine: str, db: None, tmp_path: Path) -> Release:
    """Four builds, of which each holds one document more than the one before, and the fourth answers."""
    release = registering.register("first-1", corpus.write_tiny(tmp_path / "shards"), dataset="tiny")
    held = sixty_documents()
    for number in range(1, 5):
        build = builds_of.begin(release)
        write(engine_named(engine), [held[:number]], build=build.name)
        writer = PortraitWriter(size_for(1000, 0.01), spec=build.spec, profile=build.profile)
        portraits().store(build.name, writer, release=release.name)
        build.state, build.sealed_at = Build.State.COMPLETE, timezone.now()
        build.save()
    ingest.activate(release)
    return ingest.release_named("first-1")


def names(release: Release) -> list[str]:
    return list(release.builds.order_by("pk").values_list("name", flat=True))


def answering() -> tuple[str, int]:
    build = lookup.active_build("first-1")
    return build.name, open_build(build).index.count(EVERYTHING)


def test_the_one_that_answers_and_the_one_before_it_stay(release: Release, builds: Path) -> None:
    gone = list(release.builds.order_by("pk"))[:2]
    assert list(pruning.prune(release)) == ["first-1-1", "first-1-2"] == [build.name for build in gone]
    assert names(release) == ["first-1-3", "first-1-4"]
    assert answering() == ("first-1-4", 4)
    for build in gone:
        with pytest.raises(EngineError, match=build.name):
            engine_named(build.engine).open(build.name)
        assert not (builds / build.name).exists()
    assert list(pruning.prune(release)) == []


def test_one_can_go_back_to_what_stays_and_it_is_kept_then(release: Release) -> None:
    list(pruning.prune(release))
    call_command("activate", "first-1", build="first-1-3", stdout=io.StringIO())
    assert answering() == ("first-1-3", 3)
    assert list(pruning.prune(release, keep=1)) == []
    assert names(release) == ["first-1-3", "first-1-4"]
    with pytest.raises(CommandError, match="no finished build 'first-1-1'; there are: first-1-4, first-1-3"):
        call_command("activate", "first-1", build="first-1-1")


def test_a_name_that_was_given_once_is_never_given_again(release: Release) -> None:
    list(pruning.prune(release, keep=1))
    assert names(release) == ["first-1-4"]
    assert builds_of.begin(release).name == "first-1-5"


def test_what_is_being_made_stays_and_what_was_given_up_goes(release: Release) -> None:
    Build.objects.filter(name="first-1-2").update(sealed_at=None, state=Build.State.FAILED)
    builds_of.begin(release)
    assert list(pruning.prune(release)) == ["first-1-1", "first-1-2"]
    assert names(release) == ["first-1-3", "first-1-4", "first-1-5"]


def test_what_was_interrupted_is_finished_and_never_answers(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, build: str) -> None:
        raise EngineError("not now")

    for engine in (TantivyEngine, ElasticsearchEngine):
        monkeypatch.setattr(engine, "drop", fail)
    with pytest.raises(CommandError, match="not now"):
        call_command("prune_builds", "first-1")
    monkeypatch.undo()
    half = Build.objects.get(name="first-1-1")
    with pytest.raises(ingest.IngestError, match="no finished build"):
        ingest.activate(release, name=half.name)
    with pytest.raises(EngineError, match="analysed by spec"):
        open_build(half)
    assert list(pruning.prune(release)) == ["first-1-1", "first-1-2"]


def test_the_command_says_what_it_removed(release: Release) -> None:
    said = io.StringIO()
    call_command("prune_builds", "first-1", keep=3, stdout=said)
    call_command("prune_builds", "first-1", keep=3, stdout=said)
    assert said.getvalue() == "first-1-1 is removed.\nNo build of first-1 is older than those to be kept.\n"
    with pytest.raises(CommandError, match="at least one"):
        call_command("prune_builds", "first-1", keep=0)
