"""A list of which anything is not as it was signed is refused, with the file at fault and the reason."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.ledger.canonical import canonical
from governance.signing import sshsig
from optout.exclusion_list import NAMESPACE, PREDICATE_TYPE, ExclusionListError, open_list
from optout.statements import Statement
from tests.governance.keygen import KEY, OTHER
from tests.optout.test_exclusion_list import EXCLUSIONS, write

TRUSTED = [KEY.public]
NAMES = (
    "manifest.json", "manifest.dsse.json", "manifest.json.sig", "exclusions.jsonl", "exclusions.parquet",
    "documents.jsonl", "documents.parquet",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "list-000002").folder


def refusal(folder: Path) -> str:
    with pytest.raises(ExclusionListError) as caught:
        open_list(folder, TRUSTED)
    return str(caught.value)


def signed_again(folder: Path, change: Callable[[dict[str, Any]], None] = lambda manifest: None) -> None:
    """Put a manifest of the files as they are, with a change, under good signatures."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name, facts in manifest["files"].items():
        content = (folder / name).read_bytes()
        facts.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    change(manifest)
    text = canonical(manifest) + b"\n"
    subjects = {name: facts["sha256"] for name, facts in manifest["files"].items()}
    subjects["manifest.json"] = hashlib.sha256(text).hexdigest()
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.dsse.json").write_bytes(Statement(PREDICATE_TYPE, subjects, manifest).signed([KEY]))
    (folder / "manifest.json.sig").write_text(sshsig(text, NAMESPACE, KEY))


# --- without the key --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", [0, 0.3, 0.6, 1])
def test_one_bit_of_any_file(folder: Path, name: str, place: float) -> None:
    content = bytearray((folder / name).read_bytes())
    content[min(int(place * len(content)), len(content) - 2)] ^= 1
    (folder / name).write_bytes(content)
    assert name in refusal(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_cut_off(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert name in refusal(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_goes_on(folder: Path, name: str) -> None:
    with (folder / name).open("ab") as stream:
        stream.write(b"\n{}")
    assert name in refusal(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refusal(folder) == f"{folder / name}: cannot be read: No such file or directory"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_list(folder: Path, tmp_path: Path, name: str) -> None:
    other = write(tmp_path / "other", EXCLUSIONS[:1], (), number=3).folder
    shutil.copy(other / name, folder / name)
    assert str(folder) in refusal(folder)


def test_another_key(folder: Path) -> None:
    with pytest.raises(ExclusionListError, match=r"manifest\.dsse\.json: signatures: none of 1 is by a trusted key"):
        open_list(folder, [OTHER.public])
    with pytest.raises(ExclusionListError, match="there is no trusted key"):
        open_list(folder, [])


def test_a_signature_for_another_purpose(folder: Path) -> None:
    text = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json.sig").write_text(sshsig(text, "file", KEY))
    assert "manifest.json.sig: the signature is for namespace 'file'" in refusal(folder)


def test_an_envelope_of_another_kind(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    statement = Statement("https://example.org/v1", {"manifest.json": "0" * 64}, manifest)
    (folder / "manifest.dsse.json").write_bytes(statement.signed([KEY]))
    assert "manifest.dsse.json: statement.predicateType: is 'https://example.org/v1'" in refusal(folder)


def test_a_manifest_as_large_as_memory_is_not_read(folder: Path) -> None:
    with (folder / "manifest.json").open("ab") as stream:
        stream.truncate(2**33)
    assert "manifest.json: is longer than" in refusal(folder)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    assert "manifest.json: cannot be read" in refusal(tmp_path / "nothing")


# --- by whoever has the key -------------------------------------------------------------------------


def test_signing_again_is_accepted_where_nothing_is_wrong(folder: Path) -> None:
    """Otherwise the tests below would show nothing."""
    signed_again(folder)
    open_list(folder, TRUSTED)


def test_a_format_of_the_future(folder: Path) -> None:
    signed_again(folder, lambda manifest: manifest.update(format=2))
    assert "manifest.json: manifest.format: is 2, only 1 is known here" in refusal(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"extra": 1}, "is not canonical JSON of the fields of format 1"),
        ({"number": "2"}, "manifest.number: is not a number"),
        ({"number": -1}, "manifest.number"),
        ({"releases": {}}, "manifest.releases: is not a list"),
        ({"releases": [{"release": 1}]}, "manifest.releases[0].release: is not a string"),
        ({"previous": None}, "previous: must be null for list 1"),
        ({"as_of": 5}, "manifest.as_of: is not a string"),
        ({"by_kind": {"account": 5}}, "by_kind: must count every kind"),
    ],
)
def test_a_field_that_is_wrong(folder: Path, change: dict[str, Any], reason: str) -> None:
    signed_again(folder, lambda manifest: manifest.update(change))
    assert f"manifest.json: {reason}" in refusal(folder).replace("manifest: ", "")


@pytest.mark.parametrize("name", ["format", "number", "previous", "as_of", "releases", "files", "by_kind", "documents"])
def test_a_field_that_is_missing(folder: Path, name: str) -> None:
    def drop(manifest: dict[str, Any]) -> None:
        (folder / "dropped").write_text(json.dumps(manifest.pop(name)))
        manifest.setdefault("files", {})

    signed_again(folder, drop)
    assert str(folder / "manifest.json") in refusal(folder)


def test_a_path_out_of_the_folder_is_no_file_of_a_list(folder: Path) -> None:
    def point_out(manifest: dict[str, Any]) -> None:
        manifest["files"]["../secret"] = manifest["files"].pop("documents.jsonl")

    signed_again(folder, point_out)
    assert "files: must name" in refusal(folder)


def test_a_manifest_in_another_spelling(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    text = json.dumps(manifest, indent=1).encode()
    subjects = {name: facts["sha256"] for name, facts in manifest["files"].items()}
    subjects["manifest.json"] = hashlib.sha256(text).hexdigest()
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.dsse.json").write_bytes(Statement(PREDICATE_TYPE, subjects, manifest).signed([KEY]))
    (folder / "manifest.json.sig").write_text(sshsig(text, NAMESPACE, KEY))
    assert "is not canonical JSON" in refusal(folder)


def test_a_statement_that_says_something_else(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    statement = Statement(PREDICATE_TYPE, {"manifest.json": digest}, manifest)
    (folder / "manifest.dsse.json").write_bytes(statement.signed([KEY]))
    assert "manifest.dsse.json: says something else than manifest.json" in refusal(folder)


def test_exclusions_out_of_order(folder: Path) -> None:
    rewritten(folder, "exclusions", lambda rows: rows[::-1])
    assert "exclusions.parquet: is not sorted: " in refusal(folder)


def test_documents_out_of_order(folder: Path) -> None:
    rewritten(folder, "documents", lambda rows: rows[::-1])
    assert "documents.parquet: is not sorted: " in refusal(folder)


def test_an_exclusion_twice(folder: Path) -> None:
    rewritten(folder, "exclusions", lambda rows: [rows[0], *rows])
    assert "exclusions.parquet: is not sorted: " in refusal(folder)


def test_other_numbers_than_the_manifest_says(folder: Path) -> None:
    rewritten(folder, "exclusions", lambda rows: rows[1:])
    assert "exclusions.parquet: holds other numbers of exclusions" in refusal(folder)


def test_another_number_of_documents_than_the_manifest_says(folder: Path) -> None:
    rewritten(folder, "documents", lambda rows: rows[1:])
    assert "documents.parquet: holds 2 documents, the manifest says 3" in refusal(folder)


def test_an_id_that_is_not_that_of_the_scope(folder: Path) -> None:
    rewritten(folder, "exclusions", lambda rows: [rows[0] | {"exclusion": "0" * 20}, *rows[1:]])
    assert f"exclusions.parquet: exclusion {'0' * 20} is not the id of account:ünal" in refusal(folder)


@pytest.mark.parametrize("change", [{"scope": "account:Ünal"}, {"since": 0}, {"names": ["repo:a/b"]}])
def test_an_exclusion_that_is_none(folder: Path, change: dict[str, Any]) -> None:
    rewritten(folder, "exclusions", lambda rows: [rows[0] | change, *rows[1:]])
    assert "exclusions.parquet: " in refusal(folder)


@pytest.mark.parametrize(
    ("name", "change"),
    [("exclusions", {"scope": None}), ("exclusions", {"names": [None]}), ("documents", {"path": None})],
)
def test_a_null(folder: Path, name: str, change: dict[str, Any]) -> None:
    rewritten(folder, name, lambda rows: [rows[0] | change, *rows[1:]])
    assert f"{name}.parquet: holds a null" in refusal(folder)


@pytest.mark.parametrize("name", ["exclusions", "documents"])
def test_both_forms_must_say_the_same(folder: Path, name: str) -> None:
    lines = (folder / f"{name}.jsonl").read_bytes().split(b"\n")
    for changed, reason in [
        ([*lines[:1], lines[1].replace(b'":"', b'":"x', 1), *lines[2:]], "differs from"),
        ([lines[1], lines[0], *lines[2:]], "differs from"),
        (lines[1:], "differs from"),
        ([*lines[:-2], b""], "ends after"),
        ([*lines[:-1], lines[-2], b""], "differs from"),
        ([*lines[:-1], b'{"what": 1}', b""], "cannot be read"),
        ([*lines[:-1], b"nonsense", b""], "cannot be read"),
        ([b""], "ends after 0 rows"),
    ]:
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(changed))
        signed_again(folder)
        assert f"{name}.jsonl: {reason}" in refusal(folder)


def test_other_columns(folder: Path) -> None:
    path = folder / "exclusions.parquet"
    pq.write_table(pq.read_table(path).append_column("more", pa.array([1] * 5)), path)
    signed_again(folder)
    assert "exclusions.parquet: has other columns than exclusion, scope, names, since" in refusal(folder)


def test_what_is_no_parquet(folder: Path) -> None:
    (folder / "exclusions.parquet").write_bytes(b"PAR1 nonsense")
    signed_again(folder)
    assert "exclusions.parquet: cannot be read: " in refusal(folder)


def rewritten(folder: Path, name: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Change both forms of a table, and sign the list again."""
    path = folder / f"{name}.parquet"
    table = pq.read_table(path)
    rows = change(table.to_pylist())
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    lines = [canonical(row) + b"\n" for row in rows]
    (folder / f"{name}.jsonl").write_bytes(b"".join(lines))
    signed_again(folder)
