"""What others do to a build while it is sealed, and what of it is told afterwards."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client

from governance.models import Work
from search import builds as records
from search import distributing, ingest, lookup, registering, sealing
from search.gaps import Gaps
from search.models import Build, Release, ShardBuild
from tests import corpus

pytestmark = pytest.mark.django_db(transaction=True)

BROKEN = 2
"""The number of the shard that cannot be read at first."""


def write(folder: Path, count: int) -> list[Path]:
    return [
        corpus.write_texts(folder / f"{number:02}.parquet", [corpus.code(number, 3)], f"a/b{number}")
        for number in range(count)
    ]


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return write(tmp_path, 4)


@pytest.fixture
def release(builds: Path, shards: Sequence[Path]) -> Release:
    return registering.register("r-1", shards, dataset="tests")


@pytest.fixture
def mend(release: Release, shards: Sequence[Path]) -> Callable[[], object]:
    """Breaks a shard; what is returned makes it whole again."""
    whole = shards[BROKEN].read_bytes()
    shards[BROKEN].write_bytes(whole[:200])
    return lambda: shards[BROKEN].write_bytes(whole)


@pytest.fixture
def steward(client: Client) -> Client:
    user = User.objects.create_user("steward", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="steer_build"))
    client.force_login(user)
    return client


def once_before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[[], object]) -> None:
    """Somebody does `act` just before the function is called for the first time from now on."""
    real, left = getattr(owner, name), [act]

    def late(*arguments: Any) -> Any:
        if left:
            left.pop()()
        return real(*arguments)

    monkeypatch.setattr(owner, name, late)


def test_a_shard_that_is_mended_while_the_build_is_sealed_is_in_it_at_the_end(
    release: Release, mend: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mend_and_retry() -> None:
        mend()
        distributing.retry_shard(release, BROKEN)

    once_before(monkeypatch, sealing, "_write_portrait", mend_and_retry)
    made = distributing.request(release)
    made.refresh_from_db()
    assert (made.state, made.missing_shards, made.documents) == (Build.State.COMPLETE, 0, 4)
    assert not Work.objects.exists()
    ingest.activate(release)
    assert (lookup.figures("r-1").documents, lookup.figures("r-1").gaps) == (4, Gaps())


def test_what_is_missing_is_told_of_what_was_sealed_and_not_of_what_was_mended_since(
    release: Release, mend: Callable[[], object]
) -> None:
    made = distributing.request(release)
    ingest.activate(release)
    ShardBuild.objects.filter(build=made).update(state=ShardBuild.State.DONE)
    assert (lookup.figures("r-1").documents, lookup.figures("r-1").gaps) == (3, Gaps(1))


def test_a_build_that_is_being_sealed_again_cannot_be_activated(
    release: Release, mend: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    distributing.request(release)
    mend()
    refused: list[str] = []

    def activate() -> None:
        with pytest.raises(ingest.IngestError) as error:
            ingest.activate(release)
        refused.append(str(error.value))

    once_before(monkeypatch, sealing, "seal", activate)
    distributing.retry_shard(release, BROKEN)
    release.refresh_from_db()
    assert (len(refused), release.active_build) == (1, None)
    ingest.activate(release)
    assert lookup.figures("r-1").documents == 4


def test_a_release_that_is_taken_out_while_it_is_sealed_again_stays_out(
    release: Release, mend: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = distributing.request(release)
    ingest.activate(release)
    mend()
    told: list[bool] = []
    once_before(monkeypatch, sealing, "seal", lambda: told.append(ingest.deactivate(release)))
    distributing.retry_shard(release, BROKEN)
    release.refresh_from_db()
    made.refresh_from_db()
    assert (told, release.active_build, made.state) == ([True], None, Build.State.COMPLETE)


def test_a_part_of_another_error_rate_is_done_without(
    builds: Path, tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = registering.register("r-1", write(tmp_path, 33), dataset="tests")
    once_before(monkeypatch, distributing, "do_seal", lambda: setattr(settings, "PORTRAIT_ERROR_RATE", 1e-3))
    made = distributing.request(release)
    made.refresh_from_db()
    assert made.state == Build.State.COMPLETE
    assert not Work.objects.exists()


def test_the_build_that_was_selected_is_cancelled_and_no_other(release: Release, steward: Client) -> None:
    selected, other = records.begin(release), records.begin(release)
    steward.post("/admin/search/build/", {"action": "cancel_selected", "_selected_action": [selected.pk]})
    selected.refresh_from_db()
    other.refresh_from_db()
    assert (selected.state, other.state) == (Build.State.CANCELLED, Build.State.RUNNING)


def test_a_complete_build_that_was_selected_leaves_the_running_one_alone(release: Release, steward: Client) -> None:
    complete, running = distributing.request(release), records.begin(release)
    steward.post("/admin/search/build/", {"action": "cancel_selected", "_selected_action": [complete.pk]})
    complete.refresh_from_db()
    running.refresh_from_db()
    assert (complete.state, running.state) == (Build.State.COMPLETE, Build.State.RUNNING)


def test_what_a_worker_told_last_stays_when_its_shard_is_written_down(release: Release) -> None:
    made = records.begin(release)
    row = made.shards.select_related("shard", "build")[0]
    distributing._Teller(row).tell(10)
    records.write_down(row, "is damaged")
    row.refresh_from_db()
    assert row.seen_at is not None
