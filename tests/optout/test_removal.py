"""From a published list to the release where it is gone: receipts, reports, closing, and hiding what comes back."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.core.management import call_command
from django.core.management.base import CommandError

from governance.keys import list_key
from governance.ledger.models import Entry
from governance.signing import SigningKey
from optout import exclusion_list, exclusions, remains, removal
from optout.filter import Order, apply_list
from optout.models import ApplicationReceipt, Mail, RemovalReport
from optout.receipt import ENVELOPE, Receipt, open_receipt
from optout.states import State
from search import ingest, lookup, masks, registering
from search.models import Build, Release, Shard
from search.scope import parse_scope
from search.shards import read_places
from search.swhid import of_content
from tests import corpus
from tests.conftest import build_release
from tests.optout.asking import proven, states_of
from tests.search.fixtures_shards import V3, v3_file, v3_row, write_shard

ADA = parse_scope("repo:ada/engine")


@pytest.fixture(autouse=True)
def _alone(db: None, tmp_path: Path, settings: LazySettings) -> None:
    """Lists and builds of one's own; what other tests have built lies elsewhere and answers nothing here."""
    settings.LISTS_DIR = tmp_path / "lists"
    settings.BUILDS_DIR = tmp_path / "builds"
    Release.objects.update(active_build=None)


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def first(db: None, tmp_path: Path) -> Release:
    return build_release("first-1", corpus.write_tiny(tmp_path / "shards"))


def filtered(tmp_path: Path, key: SigningKey, number: int = 1, out: str = "clean", shards: str = "shards") -> Path:
    """The folder that the pipeline writes."""
    (tmp_path / "pipeline").write_bytes(key.to_openssh("pipeline"))
    (tmp_path / "lists.pub").write_text(list_key().public.to_openssh("lists"))
    apply_list(
        Order(
            list=exclusions.folder_of(number),
            trust=tmp_path / "lists.pub",
            inputs=(tmp_path / shards,),
            out=tmp_path / out,
            key=tmp_path / "pipeline",
        )
    )
    return tmp_path / out


def accepted(folder: Path, key: SigningKey) -> tuple[ApplicationReceipt, int]:
    return removal.accept_receipt((folder / ENVELOPE).read_bytes(), [key.public])


def register_clean(folder: Path, name: str = "first-2", number: int = 1, parent: str = "first-1") -> Release:
    shards = registering.find_shards([str(folder / "shards")])
    return registering.register(name, shards, dataset="tiny", parent=parent, exclusion_list=number)


def build(release: Release) -> Release:
    ingest.build(release, jobs=1, progress=lambda now: None)
    return release


def held(scope: str) -> int:
    return sum(holding.documents for holding in lookup.holdings(parse_scope(scope)))


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


def test_shards_that_are_registered_twice_are_one_release_as_far_as_receipts_go(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    shards = [Path(shard.url) for shard in first.shards.all()]
    registering.register("same-1", shards, dataset="tiny")
    mine = proven("repo:ada/engine")
    exclusions.publish()
    folder = filtered(tmp_path, key)
    accepted(folder, key)
    for parent in ("first-1", "same-1"):
        clean = build(register_clean(folder, name=f"{parent}-clean", parent=parent))
        assert removal.report(clean).report.is_clean
    ingest.activate(clean)
    ingest.deactivate(first)
    assert removal.report(clean).closed == 1
    assert states_of(mine) == [State.CLOSED]


def test_the_filter_and_what_is_told_to_be_gone_name_the_same_files(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    proven("path:ada/engine/src/io", "account:bob", login="ada")
    exclusions.publish()
    receipt = open_receipt((filtered(tmp_path, key) / ENVELOPE).read_bytes(), [key.public])
    assert receipt.dropped.documents == 1


# --- Receipts ---------------------------------------------------------------------------------------


def altered(folder: Path, key: SigningKey, **changes: object) -> bytes:
    """A receipt that the pipeline's own key has signed, and that says something else."""
    said = json.loads((folder / "receipt.json").read_text()) | changes
    return Receipt.from_json(said).signed([key])


def test_a_receipt_of_another_key_is_refused(first: Release, tmp_path: Path, key: SigningKey) -> None:
    exclusions.publish()
    folder = filtered(tmp_path, key)
    with pytest.raises(removal.NotAccepted, match="receipt:"):
        removal.accept_receipt((folder / ENVELOPE).read_bytes(), [SigningKey.generate().public])


def test_a_receipt_that_was_tampered_with_is_refused(first: Release, tmp_path: Path, key: SigningKey) -> None:
    exclusions.publish()
    envelope = (filtered(tmp_path, key) / ENVELOPE).read_bytes()
    middle = len(envelope) // 2
    with pytest.raises(removal.NotAccepted, match="receipt:"):
        removal.accept_receipt(envelope[:middle] + b"A" + envelope[middle + 1 :], [key.public])
    assert not ApplicationReceipt.objects.exists()


def test_a_receipt_for_another_manifest_or_list_is_refused(first: Release, tmp_path: Path, key: SigningKey) -> None:
    exclusions.publish()
    folder = filtered(tmp_path, key)
    with pytest.raises(removal.NotAccepted, match=r"receipt\.manifest: is 0000"):
        removal.accept_receipt(altered(folder, key, manifest="0" * 64), [key.public])
    with pytest.raises(removal.NotAccepted, match=r"receipt\.list: there is no exclusion list 7"):
        removal.accept_receipt(altered(folder, key, list=7), [key.public])


def test_a_receipt_for_shards_of_nobody_is_refused(first: Release, tmp_path: Path, key: SigningKey) -> None:
    exclusions.publish()
    (tmp_path / "other").mkdir()
    corpus.write_texts(tmp_path / "other" / "x.parquet", [corpus.code(9)])
    with pytest.raises(removal.NotAccepted, match=r"receipt\.inputs: are no shards of a release"):
        accepted(filtered(tmp_path, key, shards="other"), key)


def test_a_receipt_for_a_part_of_the_shards_is_refused(first: Release, tmp_path: Path, key: SigningKey) -> None:
    exclusions.publish()
    shards = sorted((tmp_path / "shards").rglob("*.parquet"))
    (tmp_path / "some").mkdir()
    shutil.copy(shards[0], tmp_path / "some")
    with pytest.raises(removal.NotAccepted, match=r"receipt\.inputs: 1 shards of first-1 were not filtered"):
        accepted(filtered(tmp_path, key, shards="some"), key)


def test_a_receipt_that_dropped_too_little_is_refused(first: Release, tmp_path: Path, key: SigningKey) -> None:
    """As of a pipeline that applied the list to names in another case, say, and signed that in good faith."""
    proven("repo:ada/engine", "path:ada/engine/src")
    exclusions.publish()
    folder = filtered(tmp_path, key)
    dropped = json.loads((folder / "receipt.json").read_text())["dropped"]
    whole = exclusion_list.exclusion_id("repo:ada/engine")
    by_exclusion = {whole: dropped["by_exclusion"][whole]}
    with pytest.raises(removal.NotAccepted, match=r"0 documents were dropped, list 1 names \d in first-1"):
        removal.accept_receipt(altered(folder, key, dropped=dropped | {"by_exclusion": by_exclusion}), [key.public])


def test_keys_of_pipelines_are_read_from_a_file(tmp_path: Path, key: SigningKey) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# our own\n\n{key.public.to_openssh('pipeline')}\n")
    assert [known.key_id for known in removal.pipeline_keys(file)] == [key.public.key_id]
    file.write_text("ssh-ed25519 AAAA broken\n")
    with pytest.raises(removal.NotAccepted, match="line 1"):
        removal.pipeline_keys(file)
    file.write_text("# none\n")
    with pytest.raises(removal.NotAccepted, match="holds no key"):
        removal.pipeline_keys(file)
    with pytest.raises(removal.NotAccepted, match="PIPELINE_KEYS_FILE"):
        removal.pipeline_keys(tmp_path / "nowhere")


# --- Reports ----------------------------------------------------------------------------------------


@pytest.fixture
def asked(first: Release, tmp_path: Path, key: SigningKey) -> Path:
    """Two claims on list 1, and the folder of the shards that it was applied to."""
    proven("repo:ada/engine")
    exclusions.publish()
    folder = filtered(tmp_path, key)
    accepted(folder, key)
    return folder


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


def test_files_that_no_index_holds_must_be_gone_too(asked: Path, first: Release, tmp_path: Path) -> None:
    """A binary file of the repository that the pipeline forgot: the index never had it."""
    (logo,) = [
        path
        for path in (tmp_path / "shards").rglob("*.parquet")
        if any(place[1] == "logo.gif" for place in read_places(path))
    ]
    exclusion = exclusions.on_list(exclusions.list_numbered(1))
    left = remains._by_names(Shard(url=str(logo)), exclusion, {})
    assert sum(left.values()) == 4
    for path in (asked / "shards").rglob("*.parquet"):
        assert not remains._by_names(Shard(url=str(path)), exclusion, {})


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


def test_shards_of_which_nothing_is_left_do_not_stop_the_release(db: None, tmp_path: Path, key: SigningKey) -> None:
    for number in range(2):
        corpus.write_texts(tmp_path / f"{number}.parquet", [corpus.code(number)], repository=f"ada/number-{number}")
    shards = tmp_path / "shards"
    corpus.write_tiny(shards)
    for number in range(2):
        (tmp_path / f"{number}.parquet").rename(shards / f"{number}.parquet")
    build_release("first-1", registering.find_shards([str(shards)]))
    mine = proven("repo:ada/engine", "repo:ada/number-0", "repo:ada/number-1")
    exclusions.publish()
    folder = filtered(tmp_path, key)
    accepted(folder, key)
    clean = build(register_clean(folder))
    assert clean.shards.count() == 2
    ingest.activate(clean)
    assert removal.report(clean).closed == 3
    assert states_of(mine) == [State.CLOSED] * 3


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


# --- What was found by trying to break it -----------------------------------------------------------


def test_a_claim_stays_open_while_an_active_release_could_not_be_read_wholly(asked: Path, first: Release) -> None:
    """Its build may be resumed, and show what is in the shard that failed."""
    clean = build(register_clean(asked))
    ingest.activate(clean, keep_parent=True)
    ingest.deactivate(first)
    Build.objects.filter(release=first).update(state=Build.State.INCOMPLETE)
    Release.objects.filter(pk=first.pk).update(active_build=Build.objects.get(release=first))
    assert removal.report(clean).kept_open == {"first-1 is active, and could not be read wholly": 1}


def test_what_a_resumed_build_gains_is_looked_at_before_it_is_shown(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    mine = proven("repo:ada/engine")
    exclusions.publish()
    folder = filtered(tmp_path, key)
    accepted(folder, key)
    clean = build(register_clean(folder))
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


def test_texts_that_no_index_takes_must_be_gone_too(db: None, tmp_path: Path) -> None:
    texts = ["binary\0 of ada@people.test", "GIF\0", corpus.code(1)]
    files = [v3_file(text, file_path=f"{number}.bin") for number, text in enumerate(texts)]
    shard = Shard(url=str(write_shard(tmp_path / "a.parquet", [v3_row("bob/tools", files)], V3)))
    gif = of_content(b"GIF\0").core
    listed = [
        exclusion_list.Exclusion("email:ada@people.test", (), 1),
        exclusion_list.Exclusion(f"swhid:{gif}", (), 1),
        exclusion_list.Exclusion("email:bob@people.test", (), 1),
    ]
    assert remains.in_shard(shard, listed, {}) == {listed[0].id: 1, listed[1].id: 1}
    assert remains.in_shard(shard, listed, {listed[0].id: 3}) == {listed[1].id: 1}


def test_a_file_that_no_index_holds_keeps_a_claim_open_in_another_release(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    """The claim is of a picture alone: nothing of it was ever answered, and yet it is not gone."""
    mine = proven("path:ada/engine/logo.gif")
    exclusions.publish()
    folder = filtered(tmp_path, key)
    accepted(folder, key)
    clean = build(register_clean(folder))
    ingest.activate(clean, keep_parent=True)
    assert removal.report(clean).kept_open == {"first-1 is active, and holds what they name": 1}
    ingest.deactivate(first)
    assert removal.report(clean).closed == 1
    assert states_of(mine) == [State.CLOSED]
