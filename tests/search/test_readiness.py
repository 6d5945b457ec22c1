"""The engine's part of /readyz: the builds that answer are asked."""

import shutil
from pathlib import Path

import pytest
from django.conf import LazySettings

from governance.health import Finding, State
from search import ingest
from search.models import Build, Release
from search.readiness import engine
from tests import corpus
from tests.conftest import build_release

pytestmark = pytest.mark.django_db


def test_nothing_active_is_ready() -> None:
    Release.objects.update(active_build=None)
    assert engine() == Finding(State.OK, "active releases that answer: 0")


def test_an_active_release_is_asked(tiny: str) -> None:
    assert engine() == Finding(State.OK, "active releases that answer: 1")


def test_a_release_that_is_sealed_again_is_named(builds: Path, tmp_path: Path) -> None:
    Release.objects.update(active_build=None)
    build_release("whole-1", corpus.write_tiny(tmp_path))
    build = build_release("other-1", corpus.write_tiny(tmp_path)).builds.get()
    Build.objects.filter(pk=build.pk).update(answers_again=True)
    ingest.deactivate(build.release)
    assert engine() == Finding(State.OK, "active releases that answer: 1"), "whoever takes it out means it"
    Build.objects.filter(pk=build.pk).update(answers_again=True)
    told = "sealed again, and in no answer until that is done: other-1"
    assert engine() == Finding(State.DEGRADED, told)
    Release.objects.update(active_build=None)
    assert engine() == Finding(State.DEGRADED, told), "the rest of the site does without"


def test_a_release_whose_index_is_gone_is_named_and_fails_where_no_other_answers(
    tiny: str, builds: Path, tmp_path: Path, settings: LazySettings
) -> None:
    before = Release.objects.get(name=tiny).active_build
    Release.objects.update(active_build=None)
    shards = corpus.write_tiny(tmp_path)
    build_release("damaged", shards)
    shutil.rmtree(builds)
    assert engine() == Finding(State.FAILED, "cannot be asked: damaged")
    whole = Release.objects.get(name=tiny)
    whole.active_build = before
    whole.save()
    settings.BUILDS_DIR = settings.DATA_DIR / "builds"
    assert engine() == Finding(State.DEGRADED, "cannot be asked: damaged")
