"""Builds as workers do them, without a broker: each task is done by who asks for it, in the order it is asked for."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client

from governance import work
from governance.env_work import WorkSettings
from governance.models import Work
from governance.storage import Location
from governance.work import Lease
from search import builds as records
from search import distributing, indexing, ingest, portrait_parts, registering
from search.engines.base import EngineUnavailable
from search.models import Build, Release, ShardBuild
from search.portrait import PortraitWriter
from tests import corpus
from tests.search.test_ingest import content_of_build

NOWHERE = "redis://127.0.0.1:9/0"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Enough for two groups, a text or two each."""
    return [
        corpus.write_texts(tmp_path / f"{n:02}.parquet", [corpus.code(n, 3), corpus.code(90 + n // 2, 3)], f"a/b{n}")
        for n in range(2 * portrait_parts.SHARDS_OF_A_GROUP + 1)
    ]


@pytest.fixture
def release(builds: Path, shards: Sequence[Path]) -> Release:
    return registering.register("r-1", shards, dataset="tests")


def in_one_process(release: Release) -> Build:
    return ingest.build(release, jobs=1, progress=lambda now: None, anew=True)


def test_groups_hold_every_shard_once() -> None:
    for shards in range(1, 400):
        groups = portrait_parts.groups_of(shards)
        assert len(groups) in {0, *range(2, portrait_parts.MOST_GROUPS + 1)}
        if groups:
            assert [number for group in groups for number in group] == list(range(shards))
            assert all(number in groups[portrait_parts.group_of(number, shards) or 0] for number in range(shards))


def test_portraits_merged_of_parts_are_the_same_bit_for_bit(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    merged: list[str] = []
    merge = portrait_parts._merge

    def noted(writer: PortraitWriter, part: Location) -> None:
        merged.append(part.name)
        merge(writer, part)

    monkeypatch.setattr(portrait_parts, "_merge", noted)
    made = distributing.request(release)
    made.refresh_from_db()
    assert made.state == Build.State.COMPLETE
    assert merged == ["000", "001"]
    assert content_of_build(made) == content_of_build(in_one_process(release))


def test_nothing_is_left_of_the_work(release: Release, builds: Path) -> None:
    made = distributing.request(release)
    assert not Work.objects.exists()
    assert {path.name for path in (builds / made.name).iterdir()} == {"index", "sealed-33", "portrait"}


def test_a_complete_build_is_not_built_again(release: Release) -> None:
    assert distributing.request(release) == distributing.request(release)
    assert release.builds.count() == 1


def test_a_build_that_answers_comes_back_when_it_is_sealed_again(release: Release, shards: Sequence[Path]) -> None:
    whole = shards[3].read_bytes()
    shards[3].write_bytes(whole[:200])
    made = distributing.request(release)
    ingest.activate(release)
    shards[3].write_bytes(whole)
    distributing.retry_shard(release, 3)
    release.refresh_from_db()
    made.refresh_from_db()
    assert (release.active_build, made.state, made.answers_again) == (made, Build.State.COMPLETE, False)
    assert content_of_build(made) == content_of_build(in_one_process(release))


def test_an_engine_that_is_away_for_a_moment_costs_no_shard(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    index, failures = indexing.index_shard, [EngineUnavailable("the engine is busy")]

    def busy_once(*arguments: object) -> object:
        if failures:
            raise failures.pop()
        return index(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(distributing, "index_shard", busy_once)
    made = distributing.request(release)
    made.refresh_from_db()
    assert made.state == Build.State.RUNNING
    (row,) = Work.objects.all()
    assert row.problem == "the engine is busy"
    work.run(row.pk)
    made.refresh_from_db()
    assert made.state == Build.State.COMPLETE


def test_a_shard_that_is_given_up_leaves_the_rest_usable(release: Release) -> None:
    made = builds_begun(release)
    row = made.shards.select_related("shard")[0]
    lease = taken(made, row)
    distributing.give_up_shard(lease, made.pk, row.shard_id, "a worker died at it")
    row.refresh_from_db()
    assert (row.state, row.reason) == (ShardBuild.State.FAILED, f"{row.shard.url}: a worker died at it")


def test_a_shard_of_a_build_that_was_removed_is_given_up_without_a_word(release: Release) -> None:
    made = builds_begun(release)
    row = made.shards.all()[0]
    lease, pk = taken(made, row), made.pk
    made.delete()
    distributing.give_up_shard(lease, pk, row.shard_id, "a worker died at it")
    assert not ShardBuild.objects.exists()


def builds_begun(release: Release) -> Build:
    made = records.begin(release)
    records.mark(made)
    return made


def taken(made: Build, row: ShardBuild) -> Lease:
    Work.objects.create(key="k", task=records.INDEX, ids=[made.pk, row.shard_id])
    lease = work._take(Work.objects.get().pk)
    assert lease
    return lease


def test_a_cancelled_build_is_left_alone_by_what_was_on_its_way(release: Release) -> None:
    made = builds_begun(release)
    distributing.cancel(release)
    row = made.shards.all()[0]
    distributing.do_shard(taken(made, row), made.pk, row.shard_id)
    row.refresh_from_db()
    assert row.state == ShardBuild.State.WAITING


def test_a_build_by_workers_is_not_built_in_process_at_once(release: Release) -> None:
    made = builds_begun(release)
    row = made.shards.select_related("shard", "build")[0]
    distributing._Teller(row).tell(10)
    with pytest.raises(ingest.IngestError, match="is being built by workers"):
        ingest.build(release, jobs=1, progress=lambda now: None)
    made.shards.update(seen_at=None)
    Work.objects.create(key=f"{records.SEAL}:{made.pk}", task=records.SEAL, ids=[made.pk])
    assert work._take(Work.objects.get().pk)
    with pytest.raises(ingest.IngestError, match="is being built by workers"):
        ingest.build(release, jobs=1, progress=lambda now: None)


def test_a_build_that_is_wanted_anew_ends_the_one_that_runs(release: Release) -> None:
    old = builds_begun(release)
    Build.objects.filter(pk=old.pk).update(answers_again=True)
    with pytest.raises(ingest.IngestError, match="is being sealed to answer again"):
        distributing.request(release, anew=True)
    Build.objects.filter(pk=old.pk).update(answers_again=False)
    new = distributing.request(release, anew=True)
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, new.state) == (Build.State.CANCELLED, Build.State.COMPLETE)
    assert not Work.objects.exists()


# --- the admin -------------------------------------------------------------------------------------


@pytest.fixture
def steward(client: Client) -> Client:
    user = User.objects.create_user("steward", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="steer_build"))
    client.force_login(user)
    return client


def test_a_steward_cancels_a_build(release: Release, steward: Client) -> None:
    made = builds_begun(release)
    page = steward.get("/admin/search/build/")
    assert b"r-1-1" in page.content
    steward.post("/admin/search/build/", {"action": "cancel_selected", "_selected_action": [made.pk]})
    made.refresh_from_db()
    assert made.state == Build.State.CANCELLED


def test_a_steward_has_a_failed_shard_tried_again(
    release: Release, steward: Client, shards: Sequence[Path], settings: LazySettings
) -> None:
    shards[0].write_bytes(shards[0].read_bytes()[:200])
    made = distributing.request(release)
    failed = made.shards.get(state=ShardBuild.State.FAILED)
    page = steward.get("/admin/search/shardbuild/?state__exact=failed")
    assert b"00.parquet" in page.content
    again = {"action": "retry_selected", "_selected_action": [failed.pk]}
    refused = steward.post("/admin/search/shardbuild/", again, follow=True)
    assert b"There are no workers" in refused.content
    here = settings.WORK
    settings.WORK = WorkSettings(NOWHERE, "", here.time_limit, here.lease, here.memory)
    steward.post("/admin/search/shardbuild/", again)
    failed.refresh_from_db()
    made.refresh_from_db()
    assert (failed.state, made.state) == (ShardBuild.State.WAITING, Build.State.RUNNING)
    assert Work.objects.get().task == records.INDEX


def test_staff_without_the_permission_sees_nothing_of_builds(release: Release, client: Client) -> None:
    made = builds_begun(release)
    client.force_login(User.objects.create_user("reviewer", is_staff=True))
    assert client.get("/admin/search/build/").status_code == 403
    asked = client.post("/admin/search/build/", {"action": "cancel_selected", "_selected_action": [made.pk]})
    assert asked.status_code == 403
    made.refresh_from_db()
    assert made.state == Build.State.RUNNING
