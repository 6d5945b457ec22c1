"""What builds hold, hidden or not; and releases that take the place of those they were filtered from."""

from pathlib import Path

import pytest
from django.core.management import call_command

from search import ingest, lookup, masks, registering, unmasked
from search.documents import key_of
from search.models import Build, Release
from search.scope import parse_scope
from search.shards import inspect_shard, read_places
from tests import corpus
from tests.conftest import TINY, build_release

ADA = parse_scope("repo:ada/engine")
NOBODY = parse_scope("repo:nobody/nothing")


@pytest.fixture
def build(tiny: str) -> Build:
    (build,) = unmasked.active_builds()
    return build


def test_masks_hide_nothing_from_the_steward(build: Build) -> None:
    masks.hide(ADA)
    assert unmasked.count(build, [ADA, NOBODY]) == 2
    assert {hit.path for hit in unmasked.documents(build, ADA)} == {"src/parser.py", "src/io/writer.py"}
    assert unmasked.held(build, [ADA, NOBODY]) == {ADA}
    (holding,) = lookup.holdings(ADA)
    assert holding.documents == 0


def test_documents_are_known_by_their_keys(build: Build) -> None:
    keys = {key_of(hit.repository, hit.path, hit.swhid, by_name=False) for hit in unmasked.documents(build, ADA)}
    assert unmasked.present(build, keys | {"0" * 32}) == keys
    assert unmasked.present(build, []) == frozenset()


def test_places_are_read_of_every_file_usable_or_not(tmp_path: Path) -> None:
    places = [place for shard in corpus.write_tiny(tmp_path) for place in read_places(shard)]
    assert ("ada/engine", "logo.gif") in {place[:2] for place in places}
    assert ("ada/engine", "src/__init__.py") in {place[:2] for place in places}
    assert len(places) == sum(inspect_shard(shard).documents for shard in tmp_path.glob("*.parquet"))


@pytest.fixture
def parent(builds: Path, db: None, tmp_path: Path) -> Release:
    return build_release("parent-1", corpus.write_tiny(tmp_path / "shards"))


def child(tmp_path: Path, parent: str | None = "parent-1", exclusion_list: int | None = 1) -> Release:
    shard = corpus.write_texts(tmp_path / "child.parquet", [corpus.code(7)])
    return registering.register("child-1", [shard], dataset="tiny", parent=parent, exclusion_list=exclusion_list)


def active() -> list[str]:
    return [release.name for release in lookup.active_releases() if release.name != TINY]


def test_a_filtered_release_takes_the_place_of_its_parent(parent: Release, tmp_path: Path) -> None:
    release = child(tmp_path)
    ingest.build(release, jobs=1, progress=lambda now: None)
    ingest.activate(release, keep_parent=True)
    assert active() == ["child-1", "parent-1"]
    ingest.activate(release)
    assert active() == ["child-1"]
    assert ingest.deactivate(release)
    assert not ingest.deactivate(release)
    assert active() == []


def test_a_release_with_a_parent_alone_stands_beside_it(parent: Release, tmp_path: Path) -> None:
    release = child(tmp_path, exclusion_list=None)
    ingest.build(release, jobs=1, progress=lambda now: None)
    ingest.activate(release)
    assert active() == ["child-1", "parent-1"]


def test_a_list_without_a_parent_is_refused(db: None, tmp_path: Path) -> None:
    with pytest.raises(ingest.IngestError, match="must name the parent"):
        child(tmp_path, parent=None)


def test_a_release_cannot_become_one_of_another_list(parent: Release, tmp_path: Path) -> None:
    child(tmp_path)
    with pytest.raises(ingest.IngestError, match="registered with parent parent-1 and exclusion list 1"):
        child(tmp_path, exclusion_list=2)


def test_shards_without_a_row_are_left_out_and_none_but_those_are_refused(db: None, tmp_path: Path) -> None:
    empty = [corpus.write_texts(tmp_path / f"empty-{number}.parquet", []) for number in range(2)]
    full = corpus.write_texts(tmp_path / "full.parquet", [corpus.code(1)])
    assert registering.register("r-1", [*empty, full], dataset="tiny").shards.count() == 1
    with pytest.raises(ingest.IngestError, match="no shard holds a row"):
        registering.register("r-2", empty, dataset="tiny")


def test_the_commands_say_who_answers(parent: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ingest.build(child(tmp_path), jobs=1, progress=lambda now: None)
    call_command("activate", "child-1")
    assert "parent-1 is not asked any more: child-1 was filtered from it." in capsys.readouterr().out
    call_command("deactivate", "child-1")
    assert "child-1 is not asked any more." in capsys.readouterr().out
