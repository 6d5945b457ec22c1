"""Receipts of the filter: only what a known key signed of our shards, our list and all that it names is believed."""

import json
import shutil
from pathlib import Path

import pytest

from governance.signing import SigningKey
from optout import exclusion_list, exclusions, removal
from optout.models import ApplicationReceipt
from optout.receipt import ENVELOPE, Receipt
from search import registering
from search.layouts import ColumnMap
from search.models import Release
from tests import corpus
from tests.optout.asking import proven
from tests.optout.removals import accepted, filtered

pytestmark = pytest.mark.usefixtures("alone")


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


def test_a_receipt_by_another_column_map_is_refused(first: Release, tmp_path: Path, key: SigningKey) -> None:
    exclusions.publish()
    folder = filtered(tmp_path, key)
    by_another = {"repository": "path", "path": "repo_name", "content": "content"}
    with pytest.raises(removal.NotAccepted, match=r"receipt\.columns: .* is registered with another column map"):
        removal.accept_receipt(altered(folder, key, columns=by_another), [key.public])


def test_shards_that_were_registered_twice_need_one_map_that_agrees(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    """The first was registered with a map that was wrong, and a release never changes."""
    swapped = ColumnMap.of({"repository": "path", "path": "repo_name", "content": "content"})
    v2 = [shard.url for shard in first.shards.all() if shard.layout == "stack-v2"]
    (tmp_path / "one").mkdir()
    shutil.copy(v2[0], tmp_path / "one")
    shards = registering.find_shards([str(tmp_path / "one")])
    registering.register("wrong-1", shards, dataset="tiny", columns=swapped)
    registering.register("right-1", shards, dataset="tiny")
    exclusions.publish()
    receipt, _ = accepted(filtered(tmp_path, key, shards="one"), key)
    assert receipt.release == "right-1"


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
