"""A receipt says what was done, agrees with the files, and is opened only where it is signed and agrees with itself."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from governance.ledger.canonical import canonical
from governance.signing import SigningKey
from optout.exclusion_list import exclusion_id, open_list
from optout.filter import TOOL
from optout.receipt import PREDICATE_TYPE, Dropped, Receipt, ReceiptError, open_receipt
from optout.statements import Statement
from tests.optout.filter_lists import PIPELINE, STEWARD, Bench
from tests.search.fixtures_shards import V2, V3, v2_row, v3_file, v3_row, write_shard

TRUSTED = [PIPELINE.public]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Filtered: of 6 documents 2 went, one of them for two exclusions."""
    bench = Bench.made(tmp_path, ["account:bob", "path:bob/x/src/b.py", "repo:no/body"])
    rows = [v3_row("Bob/x", [v3_file(), v3_file(file_path="src/b.py")]), v3_row("bob", []), v3_row(None, [v3_file()])]
    write_shard(bench.shards / "a.parquet", rows, V3)
    write_shard(bench.shards / "b.parquet", [v2_row(), v2_row(path="/"), v2_row(repo_name="")], V2)
    bench.filtered("clean-1")
    return bench


def opened(bench: Bench) -> Receipt:
    return open_receipt((bench.out / "receipt.dsse.json").read_bytes(), TRUSTED)


def test_it_says_what_was_done(bench: Bench) -> None:
    receipt = opened(bench)
    listed = open_list(bench.listed, [STEWARD.public])
    assert (receipt.list, receipt.manifest) == (1, listed.manifest.sha256)
    assert (receipt.release, receipt.tool) == ("clean-1", TOOL)
    assert receipt.columns is None
    assert "columns" not in receipt.to_json()
    assert [(s.name, s.rows, s.documents, s.unnamed) for s in receipt.inputs] == [
        ("a.parquet", 3, 3, 1),
        ("b.parquet", 3, 3, 2),
    ]
    assert [(s.name, s.rows, s.documents, s.dropped, s.copied) for s in receipt.outputs] == [
        ("a.parquet", 1, 1, 2, False),
        ("b.parquet", 3, 3, 0, True),
    ]
    assert receipt.dropped.documents == 2
    assert receipt.dropped.by_exclusion == {exclusion_id("account:bob"): 2, exclusion_id("path:bob/x/src/b.py"): 1}


def test_its_digests_are_those_of_the_files(bench: Bench) -> None:
    receipt = opened(bench)
    for folder, shards in ((bench.shards, receipt.inputs), (bench.out / "shards", receipt.outputs)):
        for shard in shards:
            content = (folder / shard.name).read_bytes()
            assert (shard.sha256, shard.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    dropped = (bench.out / "dropped.parquet").read_bytes()
    assert receipt.dropped.sha256 == hashlib.sha256(dropped).hexdigest()


def test_its_counts_are_those_of_the_lines(bench: Bench) -> None:
    lines = pq.read_table(bench.out / "dropped.parquet").to_pylist()
    assert (
        Counter(line["exclusion"] for line in lines if line["file"] is not None) == opened(bench).dropped.by_exclusion
    )
    assert [line for line in lines if line["file"] is None] == [
        {
            "shard": "a.parquet",
            "row": 1,
            "file": None,
            "repository": "bob",
            "path": None,
            "swhid": None,
            "exclusion": exclusion_id("account:bob"),
            "scope": "account:bob",
        }
    ]


def test_the_plain_form_is_canonical_and_says_the_same(bench: Bench) -> None:
    text = (bench.out / "receipt.json").read_bytes()
    assert text == canonical(json.loads(text)) + b"\n"
    assert Receipt.from_json(json.loads(text)) == opened(bench)


def test_the_statement_is_about_what_was_written(bench: Bench) -> None:
    envelope = json.loads((bench.out / "receipt.dsse.json").read_bytes())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    receipt = opened(bench)
    assert set(receipt.subjects) == {"dropped.parquet", "shards/a.parquet", "shards/b.parquet"}


# --- refused ----------------------------------------------------------------------------------------


def refusal(envelope: bytes) -> str:
    with pytest.raises(ReceiptError) as caught:
        open_receipt(envelope, TRUSTED)
    return str(caught.value)


def forged(bench: Bench, change: Callable[[dict[str, Any]], None], subjects: dict[str, str] | None = None) -> str:
    """What is said of a receipt that the pipeline itself has signed with a change."""
    receipt = opened(bench)
    value = receipt.to_json()
    change(value)
    statement = Statement(PREDICATE_TYPE, subjects or receipt.subjects, value)
    return refusal(statement.signed([PIPELINE]))


def test_another_key(bench: Bench) -> None:
    envelope = (bench.out / "receipt.dsse.json").read_bytes()
    with pytest.raises(ReceiptError, match="signatures: none of 1 is by a trusted key"):
        open_receipt(envelope, [STEWARD.public])


@pytest.mark.parametrize("place", [0, 0.2, 0.5, 0.8, 0.99])
def test_one_bit(bench: Bench, place: float) -> None:
    envelope = bytearray((bench.out / "receipt.dsse.json").read_bytes())
    envelope[int(place * len(envelope))] ^= 1
    assert refusal(bytes(envelope))


@pytest.mark.parametrize("envelope", [b"", b"{}", b"[]", b"nonsense", b"[" * 100_000, b"\xff"])
def test_what_is_no_envelope(envelope: bytes) -> None:
    assert refusal(envelope)


def test_an_envelope_of_a_list(bench: Bench) -> None:
    envelope = (bench.listed / "manifest.dsse.json").read_bytes()
    with pytest.raises(ReceiptError, match=r"predicateType: is 'https://codesteward\.dev/exclusion-list/v1'"):
        open_receipt(envelope, [STEWARD.public])


def test_a_format_of_the_future(bench: Bench) -> None:
    assert forged(bench, lambda value: value.update(format=2)) == "receipt.format: is 2, only 1 is known here"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(list=0), "receipt.list"),
        (lambda r: r.update(list=True), "receipt.list"),
        (lambda r: r.update(manifest="0"), "receipt.manifest"),
        (lambda r: r.update(more=1), "fields that format 1 does not know"),
        (lambda r: r.pop("tool"), "receipt.tool: is missing"),
        (lambda r: r.update(release=5), "receipt.release: is not a string"),
        (lambda r: r.update(columns=[]), "receipt.columns: is not a JSON object"),
        (lambda r: r.update(columns={"path": 1}), "receipt.columns.path: is not a string"),
        (lambda r: r.update(columns={}), "fields that format 1 does not know"),
        (lambda r: r.update(inputs=[], outputs=[]), "receipt.inputs: must be one shard at least"),
        (lambda r: r["inputs"].reverse(), "receipt.inputs: must be one shard at least, sorted by name"),
        (lambda r: r["outputs"].pop(), "receipt.outputs: must have the names of the inputs"),
        (lambda r: r["inputs"].append(5), "receipt.inputs[2]: is not a JSON object"),
        (lambda r: r["outputs"][0].update(documents=2), "shard a.parquet: 2 documents and 2 dropped are not 3"),
        (lambda r: r["outputs"][0].update(rows=4), "shard a.parquet: has more rows than were read"),
        (lambda r: r["inputs"][1].update(unnamed=4), "shard b.parquet: has more rows than were read"),
        (lambda r: r["outputs"][1].update(rows=2), "shard b.parquet: is said to be copied and is not what was read"),
        (lambda r: r["outputs"][1].update(copied=1), "receipt.outputs[1].copied: is neither true nor false"),
        (lambda r: r["dropped"].update(documents=3), "receipt.dropped.documents: is 3, of the shards 2"),
        (lambda r: r["dropped"].update(by_exclusion={}), "tells of fewer documents than were dropped"),
        (lambda r: r["dropped"].update(by_exclusion={"x": 2}), "receipt.dropped.by_exclusion.x: is no exclusion"),
        (lambda r: r["dropped"].update(by_exclusion={"0" * 20: 3}), "or 3 no count"),
        (lambda r: r["dropped"].update(sha256="A" * 64), "receipt.dropped.sha256"),
    ],
)  # fmt: skip
def test_what_contradicts_itself(bench: Bench, change: Callable[[dict[str, Any]], None], reason: str) -> None:
    assert reason in forged(bench, change)


def test_a_statement_about_other_files(bench: Bench) -> None:
    assert forged(bench, lambda value: None, {"dropped.parquet": "0" * 64}) == (
        "statement.subject: names other files than the receipt"
    )


def test_a_receipt_cannot_be_made_wrong(bench: Bench) -> None:
    receipt = opened(bench)
    with pytest.raises(ValueError, match=r"receipt\.dropped\.documents"):
        replace(receipt, dropped=Dropped(3, receipt.dropped.by_exclusion, "0" * 64))


def test_it_is_signed_by_whom_the_key_says(bench: Bench) -> None:
    receipt, key = opened(bench), SigningKey.generate()
    assert open_receipt(receipt.signed([key, PIPELINE]), [key.public]) == receipt
    assert open_receipt(receipt.signed([key, PIPELINE]), TRUSTED) == receipt
