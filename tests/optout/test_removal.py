"""From a published list to the release where it is gone, every step twice, and hiding what comes back."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from governance.ledger.models import Entry
from governance.signing import SigningKey
from optout import exclusions, removal
from optout.models import ApplicationReceipt, Mail, RemovalReport
from optout.receipt import ENVELOPE, open_receipt
from optout.states import State
from search import ingest, lookup, masks, registering
from search.models import Release
from tests import corpus
from tests.conftest import build_release
from tests.optout.asking import proven, states_of
from tests.optout.removals import ADA, accepted, applied, build, cleaned, filtered, held, register_clean, replaced

pytestmark = pytest.mark.usefixtures("alone")


def test_from_the_list_to_the_release_where_it_is_gone(first: Release, tmp_path: Path, key: SigningKey) -> None:
    everything = held("account:ada") + held("account:bob")
    mine = proven("repo:ada/engine")
    assert held("repo:ada/engine") == 0, "hidden from the proof on"
    exclusions.publish()
    folder = filtered(tmp_path, key)
    assert accepted(folder, key)[1] == 1
    assert states_of(mine) == [State.APPLIED]
    clean = build(register_clean(folder))
    assert removal.report(clean).closed == 0, "the dirty release still answers"
    ingest.activate(clean)
    assert [release.name for release in lookup.active_releases()] == ["first-2"]
    outcome = removal.report(clean)
    assert (outcome.report.is_clean, outcome.closed) == (True, 1)
    assert states_of(mine) == [State.CLOSED]
    assert mine.claims.get().applied_in == "first-2"
    assert not masks.masked_keys()
    assert held("account:ada") + held("account:bob") == everything - 2
    assert Mail.objects.filter(key__startswith="gone:").count() == 1


def test_everything_can_be_run_twice(first: Release, tmp_path: Path, key: SigningKey) -> None:
    proven("repo:ada/engine")
    exclusions.publish()
    folder = filtered(tmp_path, key)
    assert accepted(folder, key) == (ApplicationReceipt.objects.get(), 1)
    assert accepted(folder, key) == (ApplicationReceipt.objects.get(), 0)
    clean = build(register_clean(folder))
    assert register_clean(folder) == clean
    ingest.activate(clean)
    assert removal.report(clean).closed == 1
    assert removal.report(clean).closed == 0
    assert RemovalReport.objects.count() == 1
    kinds = list(Entry.objects.values_list("kind", flat=True))
    assert [kinds.count(kind) for kind in ("list_published", "receipt_accepted", "removal_reported")] == [1, 1, 1]
    assert Mail.objects.filter(key__startswith="gone:").count() == 1


def test_the_filter_runs_beside_the_service_as_a_program_of_its_own(asked: Path, tmp_path: Path) -> None:
    arguments = ["--list", str(exclusions.folder_of(1)), "--trust", str(tmp_path / "lists.pub")]
    arguments += [
        "--in",
        str(tmp_path / "shards"),
        "--out",
        str(tmp_path / "again"),
        "--key",
        str(tmp_path / "pipeline"),
    ]
    script = [sys.executable, "-m", "optout.filter", *arguments, "--quiet"]
    subprocess.run(script, cwd=settings.BASE_DIR, check=True, capture_output=True)
    assert (tmp_path / "again" / ENVELOPE).read_bytes() == (asked / ENVELOPE).read_bytes()


def test_the_filter_and_what_is_told_to_be_gone_name_the_same_files(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    proven("path:ada/engine/src/io", "account:bob", login="ada")
    exclusions.publish()
    receipt = open_receipt((filtered(tmp_path, key) / ENVELOPE).read_bytes(), [key.public])
    assert receipt.dropped.documents == 1


def test_shards_that_are_registered_twice_are_one_release_as_far_as_receipts_go(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    shards = [Path(shard.url) for shard in first.shards.all()]
    registering.register("same-1", shards, dataset="tiny")
    mine = proven("repo:ada/engine")
    folder = applied(tmp_path, key)
    for parent in ("first-1", "same-1"):
        clean = build(register_clean(folder, name=f"{parent}-clean", parent=parent))
        assert removal.report(clean).report.is_clean
    ingest.activate(clean)
    ingest.deactivate(first)
    assert removal.report(clean).closed == 1
    assert states_of(mine) == [State.CLOSED]


def test_shards_of_which_nothing_is_left_do_not_stop_the_release(db: None, tmp_path: Path, key: SigningKey) -> None:
    for number in range(2):
        corpus.write_texts(tmp_path / f"{number}.parquet", [corpus.code(number)], repository=f"ada/number-{number}")
    shards = tmp_path / "shards"
    corpus.write_tiny(shards)
    for number in range(2):
        (tmp_path / f"{number}.parquet").rename(shards / f"{number}.parquet")
    build_release("first-1", registering.find_shards([str(shards)]))
    mine = proven("repo:ada/engine", "repo:ada/number-0", "repo:ada/number-1")
    clean, outcome = replaced(tmp_path, key)
    assert clean.shards.count() == 2
    assert outcome.closed == 3
    assert states_of(mine) == [State.CLOSED] * 3


# --- What comes back --------------------------------------------------------------------------------


def test_what_was_closed_is_hidden_again_before_a_build_that_holds_it_answers(asked: Path, first: Release) -> None:
    clean = build(register_clean(asked))
    ingest.activate(clean)
    removal.report(clean)
    assert not masks.masked_keys()
    ingest.activate(first)
    assert ADA.key in masks.masked_keys()
    assert held("repo:ada/engine") == 0
    ingest.deactivate(first)
    assert removal.report(clean).closed == 1


def test_what_a_resumed_build_gains_is_looked_at_before_it_is_shown(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    mine = proven("repo:ada/engine")
    clean = cleaned(tmp_path, key)
    (tmp_path / "other").mkdir()
    whole = corpus.write_tiny(tmp_path / "other")
    held_back = whole[0].read_bytes()
    ingest.activate(clean)
    other = registering.register("other-1", whole, dataset="other")
    whole[0].write_bytes(held_back[:-50])
    build(other)
    assert removal.report(clean).closed == 1
    ingest.activate(other)
    assert states_of(mine) == [State.CLOSED]
    whole[0].write_bytes(held_back)
    build(other)
    assert {release.name for release in lookup.active_releases()} == {"first-2", "other-1"}
    assert states_of(mine) == [State.APPLIED]
    assert held("repo:ada/engine") == 0
