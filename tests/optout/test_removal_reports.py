"""Reports on a release: what is left is named, in the index or not, and a claim is closed only where it is gone."""

import hashlib
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from governance.signing import SigningKey
from optout import exclusion_list, exclusions, remains, removal
from optout.models import ApplicationReceipt, RemovalReport
from optout.states import State
from search import ingest, masks, registering
from search.models import Build, Release, Shard
from search.shards import read_places
from search.swhid import of_content
from tests import corpus
from tests.optout.asking import proven, states_of
from tests.optout.removals import ADA, build, cleaned, held, register_clean
from tests.search.fixtures_shards import V3, v3_file, v3_row, write_shard

pytestmark = pytest.mark.usefixtures("alone")


def test_a_release_that_names_no_list_is_not_reported_on(asked: Path, first: Release) -> None:
    with pytest.raises(removal.NotAccepted, match="names no exclusion list"):
        removal.report(first)


def test_a_release_of_other_shards_than_the_receipt_says_is_not_reported_on(asked: Path, tmp_path: Path) -> None:
    other = corpus.write_texts(tmp_path / "x.parquet", [corpus.code(9)])
    release = registering.register("first-2", [other], dataset="tiny", parent="first-1", exclusion_list=1)
    with pytest.raises(removal.NotAccepted, match="its shards are not those of any receipt for list 1"):
        removal.report(release)


def test_a_release_without_a_complete_build_is_not_reported_on(asked: Path) -> None:
    with pytest.raises(removal.NotAccepted, match="no complete build"):
        removal.report(register_clean(asked))


@pytest.fixture
def dirty(asked: Path, first: Release) -> Release:
    """The unfiltered shards under a receipt that says they were filtered: what a broken pipeline hands in."""
    receipt = ApplicationReceipt.objects.get()
    receipt.outputs = [{"name": s.url, "sha256": s.digest, "rows": s.rows} for s in first.shards.all()]
    receipt.save()
    shards = [Path(shard.url) for shard in first.shards.all()]
    return build(registering.register("first-2", shards, dataset="tiny", parent="first-1", exclusion_list=1))


def test_what_is_left_is_named_and_closes_nothing(dirty: Release) -> None:
    ingest.activate(dirty)
    outcome = removal.report(dirty)
    assert not outcome.report.is_clean
    assert outcome.report.left_count == 2
    assert list(outcome.report.left) == [exclusion.id for exclusion in exclusions.on_list(exclusions.list_numbered(1))]
    assert outcome.closed == 0
    assert held("repo:ada/engine") == 0, "still hidden"


def test_the_command_fails_on_what_is_left(dirty: Release, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="2 documents are left; nothing was closed"):
        call_command("report_removal", "first-2")
    assert "2 documents left of exclusion" in capsys.readouterr().out


def test_claims_stay_open_while_another_release_holds_what_they_name(
    asked: Path, tmp_path: Path, first: Release
) -> None:
    clean = build(register_clean(asked))
    ingest.activate(clean, keep_parent=True)
    outcome = removal.report(clean)
    assert outcome.closed == 0
    assert outcome.kept_open == {"first-1 is active, and holds what they name": 1}
    assert ADA.key in masks.masked_keys()
    ingest.deactivate(first)
    assert removal.report(clean).closed == 1


def test_a_claim_stays_open_while_an_active_release_could_not_be_read_wholly(asked: Path, first: Release) -> None:
    """Its build may be resumed, and show what is in the shard that failed."""
    clean = build(register_clean(asked))
    ingest.activate(clean, keep_parent=True)
    ingest.deactivate(first)
    Build.objects.filter(release=first).update(state=Build.State.INCOMPLETE)
    Release.objects.filter(pk=first.pk).update(active_build=Build.objects.get(release=first))
    assert removal.report(clean).kept_open == {"first-1 is active, and could not be read wholly": 1}


# --- What no index holds ----------------------------------------------------------------------------


def as_it_is(path: Path) -> Shard:
    return Shard(url=str(path), digest=hashlib.sha256(path.read_bytes()).hexdigest())


def test_files_that_no_index_holds_must_be_gone_too(asked: Path, first: Release, tmp_path: Path) -> None:
    """A binary file of the repository that the pipeline forgot: the index never had it."""
    (logo,) = [
        path
        for path in (tmp_path / "shards").rglob("*.parquet")
        if any(place[1] == "logo.gif" for place in read_places(path))
    ]
    exclusion = exclusions.on_list(exclusions.list_numbered(1))
    left = remains.in_shard(as_it_is(logo), exclusion, {})
    assert sum(left.values()) == 4
    for path in (asked / "shards").rglob("*.parquet"):
        assert not remains.in_shard(as_it_is(path), exclusion, {})


def test_texts_that_no_index_takes_must_be_gone_too(db: None, tmp_path: Path) -> None:
    texts = ["binary\0 of ada@people.test", "GIF\0", corpus.code(1)]
    files = [v3_file(text, file_path=f"{number}.bin") for number, text in enumerate(texts)]
    shard = as_it_is(write_shard(tmp_path / "a.parquet", [v3_row("bob/tools", files)], V3))
    gif = of_content(b"GIF\0").core
    listed = [
        exclusion_list.Exclusion("email:ada@people.test", (), 1),
        exclusion_list.Exclusion(f"swhid:{gif}", (), 1),
        exclusion_list.Exclusion("email:bob@people.test", (), 1),
    ]
    assert remains.in_shard(shard, listed, {}) == {listed[0].id: 1, listed[1].id: 1}
    assert remains.in_shard(shard, listed, {listed[0].id: 3}) == {listed[1].id: 1}


def test_a_shard_that_is_another_one_by_now_is_no_evidence(first: Release, tmp_path: Path, key: SigningKey) -> None:
    proven("repo:ada/engine")
    clean = cleaned(tmp_path, key)
    path = Path(clean.shards.get(number=0).url)
    write_shard(path, [v3_row("nobody/here", [v3_file()])], V3)
    with pytest.raises(removal.NotAccepted, match="is not the file that was registered"):
        removal.report(clean)
    assert not RemovalReport.objects.exists()


def test_a_file_that_no_index_holds_keeps_a_claim_open_in_another_release(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    """The claim is of a picture alone: nothing of it was ever answered, and yet it is not gone."""
    mine = proven("path:ada/engine/logo.gif")
    clean = cleaned(tmp_path, key)
    ingest.activate(clean, keep_parent=True)
    assert removal.report(clean).kept_open == {"first-1 is active, and holds what they name": 1}
    ingest.deactivate(first)
    assert removal.report(clean).closed == 1
    assert states_of(mine) == [State.CLOSED]
