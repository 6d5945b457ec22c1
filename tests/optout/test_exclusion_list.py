"""A list that was written is the list that is opened, and anybody can check and read it with other tools."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from governance.ledger.canonical import canonical
from optout.exclusion_list import (
    NAMESPACE,
    Exclusion,
    ExclusionList,
    ExclusionListError,
    ListedDocument,
    check_follows,
    exclusion_id,
    open_list,
    write_list,
)
from optout.list_tables import ROW_GROUP
from optout.manifest import Manifest, ReleaseBuild
from tests.governance.keygen import KEY, OTHER, keygen
from tests.optout.filter_lists import STEWARD

SWHID = "swh:1:cnt:" + "ab" * 20
EXCLUSIONS = (
    Exclusion("account:ünal", (), 2),
    Exclusion("email:ada@example.org", (), 1),
    Exclusion('path:ada/engine/src/"a\\b".py', (), 2),
    Exclusion("repo:ada/engine", ("repo:ada/motor", "repo:old/engine"), 1),
    Exclusion(f"swhid:{SWHID}", (), 2),
)
RELEASES = (ReleaseBuild("stack-1", "stack-1-a"), ReleaseBuild("stack-2", "stack-2-b"))
DOCUMENTS = (
    *(
        ListedDocument("stack-1", "Ada/Engine", "src/a.py", SWHID, exclusion)
        for exclusion in sorted((EXCLUSIONS[3].id, EXCLUSIONS[4].id))
    ),
    ListedDocument("stack-2", "ÜNAL/x", "\N{OGHAM SPACE MARK}\x1f\x7f\u2028.py", SWHID, EXCLUSIONS[0].id),
)
FILES = {"exclusions.jsonl", "exclusions.parquet", "documents.jsonl", "documents.parquet"}


def write(
    folder: Path,
    exclusions: Sequence[Exclusion] = EXCLUSIONS,
    documents: Sequence[ListedDocument] = DOCUMENTS,
    **other: Any,
) -> ExclusionList:
    usual: dict[str, Any] = {
        "number": 2,
        "previous": "0" * 64,
        "as_of": "2026-11-21T11:00:00+00:00",
        "releases": RELEASES,
        "keys": [STEWARD],
    }
    return write_list(
        folder, exclusions=sorted(exclusions, key=lambda e: e.scope), documents=documents, **usual | other
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "list-000002").folder


def test_what_was_written_is_opened(folder: Path) -> None:
    opened = open_list(folder, [STEWARD.public])
    assert tuple(opened.exclusions()) == tuple(sorted(EXCLUSIONS, key=lambda e: e.scope))
    assert tuple(opened.documents()) == DOCUMENTS
    manifest = opened.manifest
    assert (manifest.number, manifest.previous, manifest.releases) == (2, "0" * 64, RELEASES)
    assert (manifest.exclusions, manifest.documents) == (5, 3)
    assert manifest.by_kind == {"account": 1, "email": 1, "path": 1, "repo": 1, "swhid": 1}
    assert manifest.sha256 == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def test_the_same_input_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again").folder
    files = sorted(path.name for path in folder.iterdir())
    assert files == sorted([*FILES, "manifest.json", "manifest.dsse.json", "manifest.json.sig"])
    for name in files:
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_manifest_is_canonical_json_and_names_every_file(folder: Path) -> None:
    text = (folder / "manifest.json").read_bytes()
    said = json.loads(text)
    assert text == canonical(said) + b"\n"
    assert said["format"] == 1
    assert said["releases"][0] == {"release": "stack-1", "build": "stack-1-a"}
    assert set(said["files"]) == FILES
    for name, facts in said["files"].items():
        content = (folder / name).read_bytes()
        assert facts == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_the_lines_are_canonical_json(folder: Path) -> None:
    for name in ("exclusions.jsonl", "documents.jsonl"):
        text = (folder / name).read_bytes()
        assert text.endswith(b"\n")
        for line in text.split(b"\n")[:-1]:
            assert line == canonical(json.loads(line))


def test_an_exclusion_is_written_as_documented(folder: Path) -> None:
    lines = (folder / "exclusions.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 5
    assert (
        lines[3]
        == (
            '{"exclusion":"%s","names":["repo:ada/motor","repo:old/engine"],"scope":"repo:ada/engine","since":1}'  # noqa: UP031
            % hashlib.sha256(b"codesteward exclusion\0repo:ada/engine").hexdigest()[:20]
        )
    )


def test_another_reader_finds_the_same_in_both_forms(folder: Path) -> None:
    with duckdb.connect() as database:
        for name, order in (("exclusions", "scope"), ("documents", "release, repository, path, swhid, exclusion")):
            parquet = database.execute(f"SELECT * FROM read_parquet('{folder}/{name}.parquet')").fetchall()
            columns = [column[0] for column in database.description or ()]
            lines = [json.loads(line) for line in (folder / f"{name}.jsonl").read_bytes().split(b"\n")[:-1]]
            assert [dict(zip(columns, row, strict=True)) for row in parquet] == lines
            ordered = f"SELECT * FROM read_parquet('{folder}/{name}.parquet') ORDER BY {order}"
            assert database.execute(ordered).fetchall() == parquet


def test_ssh_keygen_verifies_the_manifest(folder: Path, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(f"steward@example.org {STEWARD.public.to_openssh()}\n")
    verify: list[str | Path] = ["-Y", "verify", "-n", NAMESPACE, "-f", allowed, "-I", "steward@example.org"]
    signature = folder / "manifest.json.sig"
    manifest = (folder / "manifest.json").read_bytes()
    assert keygen(*verify, "-s", signature, message=manifest).returncode == 0
    assert keygen(*verify, "-s", signature, message=manifest + b" ").returncode != 0


def test_a_list_may_be_signed_by_several_and_trusted_by_either(tmp_path: Path) -> None:
    written = write(tmp_path / "both", keys=[KEY, OTHER])
    assert open_list(written.folder, [KEY.public, OTHER.public]).manifest == written.manifest
    with pytest.raises(ExclusionListError, match=r"manifest\.json\.sig"):
        open_list(written.folder, [OTHER.public])


def test_an_empty_list_is_a_list(tmp_path: Path) -> None:
    written = write(tmp_path / "empty", (), (), number=1, previous=None, as_of=None, releases=())
    opened = open_list(written.folder, [STEWARD.public])
    assert not [*opened.exclusions(), *opened.documents()]
    assert (written.folder / "exclusions.jsonl").read_bytes() == b""


def test_who_needs_no_documents_need_not_have_them(folder: Path) -> None:
    (folder / "documents.jsonl").unlink()
    (folder / "documents.parquet").unlink()
    assert len(list(open_list(folder, [STEWARD.public], documents=False).exclusions())) == 5
    with pytest.raises(ExclusionListError, match=r"documents\.jsonl: cannot be read"):
        open_list(folder, [STEWARD.public])


def test_documents_that_are_there_are_verified_even_where_they_are_not_needed(folder: Path) -> None:
    (folder / "documents.jsonl").unlink()
    damaged = bytearray((folder / "documents.parquet").read_bytes())
    damaged[100] ^= 1
    (folder / "documents.parquet").write_bytes(damaged)
    with pytest.raises(ExclusionListError, match=r"documents\.parquet: has SHA-256"):
        open_list(folder, [STEWARD.public], documents=False)


def test_a_list_of_more_than_one_row_group_is_compared_to_its_end(tmp_path: Path) -> None:
    many = [Exclusion(f"account:a{n:06}", (), 1) for n in range(ROW_GROUP + 10)]
    written = write(tmp_path / "many", many, ())
    assert sum(1 for _ in open_list(written.folder, [STEWARD.public]).exclusions()) == ROW_GROUP + 10


def test_the_id_is_made_from_the_scope_alone() -> None:
    assert exclusion_id("repo:ada/engine") == Exclusion("repo:ada/engine", ("repo:x/y",), 7).id
    assert len(exclusion_id("account:ünal")) == 20


@pytest.mark.parametrize(
    ("scope", "names", "since"),
    [
        ("team:ada", (), 1),
        ("repo:Ada/engine", (), 1),
        ("repo:ada/engine", ("account:ada",), 1),
        ("repo:ada/engine", ("repo:ada/engine",), 1),
        ("repo:ada/engine", ("repo:b/b", "repo:a/a"), 1),
        ("repo:ada/engine", ("repo:a/a", "repo:a/a"), 1),
        ("repo:ada/engine", (), 0),
    ],
)
def test_an_exclusion_cannot_be_wrong(scope: str, names: tuple[str, ...], since: int) -> None:
    with pytest.raises(ValueError, match=r"scope|exclusion"):
        Exclusion(scope, names, since)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"number": 0, "previous": None}, "number"),
        ({"number": 1}, "previous"),
        ({"previous": None}, "previous"),
        ({"previous": "0" * 63}, "previous"),
        ({"as_of": "2026-11-21"}, "as_of"),
        ({"as_of": "yesterday"}, "yesterday"),
        ({"by_kind": {}}, "by_kind"),
        ({"exclusions": 6}, "by_kind"),
        ({"files": {}}, "files"),
    ],
)
def test_a_manifest_cannot_be_wrong(folder: Path, change: dict[str, Any], reason: str) -> None:
    manifest = Manifest.from_bytes((folder / "manifest.json").read_bytes())
    values = {name: getattr(manifest, name) for name in Manifest.__slots__}
    with pytest.raises(ValueError, match=reason):
        Manifest(**values | change)


# --- one list after the other -----------------------------------------------------------------------


def test_a_list_follows_one_whose_every_exclusion_it_holds(folder: Path, tmp_path: Path) -> None:
    first = open_list(folder, [STEWARD.public])
    more = [*EXCLUSIONS, Exclusion("account:bob", (), 3)]
    third = write(tmp_path / "3", more, number=3, previous=first.manifest.sha256)
    check_follows(first, third)


@pytest.mark.parametrize(
    ("exclusions", "change", "reason"),
    [
        (EXCLUSIONS[:3], {}, "does not hold repo:ada/engine as list 2 held it"),
        (EXCLUSIONS[1:], {}, "does not hold account:ünal"),
        ((*EXCLUSIONS[:3], Exclusion("repo:ada/engine", ("repo:ada/motor",), 1), EXCLUSIONS[4]), {}, "repo:ada/engine"),
        ((*EXCLUSIONS[:4], Exclusion(f"swhid:{SWHID}", (), 3)), {}, "swhid:"),
        (EXCLUSIONS, {"previous": "1" * 64}, "names another list"),
        (EXCLUSIONS, {"number": 4}, "is list 4, after 2"),
    ],
)
def test_a_list_that_leaves_something_out_does_not_follow(
    folder: Path, tmp_path: Path, exclusions: tuple[Exclusion, ...], change: dict[str, Any], reason: str
) -> None:
    first = open_list(folder, [STEWARD.public])
    later = {"number": 3, "previous": first.manifest.sha256} | change
    third = write(tmp_path / "3", exclusions, (), **later)
    with pytest.raises(ExclusionListError, match=reason):
        check_follows(first, third)
