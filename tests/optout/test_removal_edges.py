"""Where list, filter and report could each be right and still not agree: pointers, redacted copies, equal shards."""

import gzip
import hashlib
import json
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import LazySettings

from governance.signing import SigningKey
from optout import exclusions, remains, removal
from optout.exclusion_list import ListedDocument
from optout.states import State
from search import ingest, registering
from search.layouts import ColumnMap
from search.swhid import of_content
from tests import corpus
from tests.conftest import build_release
from tests.optout.asking import proven
from tests.optout.removals import accepted, all_accepted, build, filtered, held, replaced
from tests.search.fixtures_shards import write_shard

pytestmark = pytest.mark.usefixtures("alone")

RAW = b"def f(x):\n    return x\n# ada@people.test\n"
REDACTED = RAW.replace(b"ada@people.test", b"<EMAIL>")
OTHER = b"print('hello world again')\n"
OWNERS = ("ada/engine", "bob/tools", "eve/tools")


def write(path: Path, text: bytes) -> str:
    """A shard of two files; the first declares the identifier of RAW, whatever its text is."""
    path.parent.mkdir(exist_ok=True)
    columns = {
        "repo_name": ["bob/tools", "ada/engine"],
        "path": ["/a.py", "/b.py"],
        "content_id": [of_content(RAW).core.removeprefix("swh:1:cnt:"), None],
        "content": [text.decode(), OTHER.decode()],
    }
    pq.write_table(pa.table(columns), path)
    return str(path)


def point(path: Path, archive: Path) -> str:
    """A shard that points to its texts, and the archive that has them."""
    archive.mkdir()
    path.parent.mkdir()
    texts = {"bob/tools": RAW, "ada/engine": OTHER, "bob/other": OTHER + OTHER}
    blobs = {repository: hashlib.sha1(text, usedforsecurity=False).hexdigest() for repository, text in texts.items()}
    for repository, text in texts.items():
        (archive / blobs[repository]).write_bytes(gzip.compress(text))
    columns = {
        "repo_name": list(texts),
        "path": ["/a.py"] * len(texts),
        "content_id": [of_content(text).core.removeprefix("swh:1:cnt:") for text in texts.values()],
        "blob_id": list(blobs.values()),
    }
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_a_column_map_is_one_from_the_first_release_to_the_clean_one(tmp_path: Path, key: SigningKey) -> None:
    names = {"repository": "project", "path": "name", "content": "code"}
    rows = [{"project": owner, "name": "a.py", "code": corpus.code(number, 2)} for number, owner in enumerate(OWNERS)]
    (tmp_path / "shards").mkdir()
    schema = pa.schema([(name, pa.string()) for name in names.values()])
    shard = write_shard(tmp_path / "shards" / "a.parquet", rows, schema)
    columns = ColumnMap.of(names)
    first = build(registering.register("first-1", [shard], dataset="odd", columns=columns))
    ingest.activate(first)
    (tmp_path / "columns.json").write_text(json.dumps(names))
    mine = proven("repo:ada/engine")
    exclusions.publish()
    folder = filtered(tmp_path, key, columns=tmp_path / "columns.json")
    accepted(folder, key)
    shards = registering.find_shards([str(folder / "shards")])
    child = partial(registering.register, shards=shards, dataset="odd", parent="first-1", exclusion_list=1)
    swapped = ColumnMap.of({**names, "repository": "name", "path": "project"})
    other = build(child("first-2", columns=swapped))
    with pytest.raises(removal.NotAccepted, match="first-2: was registered with another column map than first-1"):
        removal.report(other)
    clean = build(child("first-3", columns=columns))
    ingest.activate(clean)
    assert removal.report(clean).report.is_clean
    assert set(mine.claims.values_list("state", flat=True)) == {State.CLOSED}


def test_a_text_that_is_redacted_here_is_not_what_another_release_holds(tmp_path: Path, key: SigningKey) -> None:
    build_release("raw-1", [write(tmp_path / "raw" / "a.parquet", RAW)])
    build_release("first-1", [write(tmp_path / "shards" / "a.parquet", REDACTED)])
    all_accepted("email:ada@people.test")
    _, outcome = replaced(tmp_path, key)
    assert outcome.report.left == {}


def test_a_pointer_to_a_text_with_an_address_goes_and_its_neighbours_stay(
    tmp_path: Path, key: SigningKey, settings: LazySettings
) -> None:
    settings.CONTENTS_URL = str(tmp_path / "archive")
    build_release("first-1", [point(tmp_path / "shards" / "a.parquet", tmp_path / "archive")])
    request = all_accepted("email:ada@people.test")
    _, outcome = replaced(tmp_path, key)
    (shard,) = (tmp_path / "clean" / "shards").rglob("*.parquet")
    assert pq.read_table(shard).column("repo_name").to_pylist() == ["bob/other"]
    assert outcome.report.is_clean
    assert {claim.state for claim in request.claims.all()} == {State.CLOSED}


def test_nobody_is_told_that_an_address_is_gone_where_texts_were_not_read(
    tmp_path: Path, key: SigningKey, settings: LazySettings
) -> None:
    settings.CONTENTS_URL = ""
    build_release("first-1", [point(tmp_path / "shards" / "a.parquet", tmp_path / "archive"), also_texts(tmp_path)])
    request = all_accepted("email:ada@people.test")
    _, outcome = replaced(tmp_path, key)
    states = {claim.scope: claim.state for claim in request.claims.all()}
    assert states == {"repo:ada/engine": State.CLOSED, "email:ada@people.test": State.APPLIED}
    assert "texts that were not read" in " ".join(outcome.kept_open)


def test_files_that_are_known_by_name_alone_are_taken_out(
    tmp_path: Path, key: SigningKey, settings: LazySettings
) -> None:
    settings.CONTENTS_URL = ""
    build_release("first-1", [point(tmp_path / "shards" / "a.parquet", tmp_path / "archive")])
    assert (held("repo:ada/engine"), held("account:bob")) == (1, 2)
    request = proven("repo:ada/engine")
    assert held("repo:ada/engine") == 0, "it is masked from the proof on"
    _, outcome = replaced(tmp_path, key)
    (shard,) = (tmp_path / "clean" / "shards").rglob("*.parquet")
    assert pq.read_table(shard).column("repo_name").to_pylist() == ["bob/tools", "bob/other"]
    assert outcome.report.is_clean
    assert {claim.state for claim in request.claims.all()} == {State.CLOSED}
    assert (held("repo:ada/engine"), held("account:bob")) == (0, 2)


def test_a_document_whose_text_came_later_is_no_other_to_the_report(
    tmp_path: Path, key: SigningKey, settings: LazySettings
) -> None:
    """The list names what is known by name alone; in the release that should be clean the archive has its text."""
    settings.CONTENTS_URL = ""
    shard = point(tmp_path / "shards" / "a.parquet", tmp_path / "archive")
    named = build_release("first-1", [shard])
    settings.CONTENTS_URL = str(tmp_path / "archive")
    read = build_release("second-1", [shard])
    proven("repo:ada/engine")
    swhid = of_content(OTHER).core
    listed = ListedDocument("first-1", "ada/engine", "a.py", swhid, "1")
    for release in (named, read):
        assert remains.by_name(release.builds.get(), [listed]) == {"1": 1}
    clean, outcome = replaced(tmp_path, key)
    assert clean.builds.get().unread_files == 0
    assert outcome.report.is_clean
    assert remains.by_name(clean.builds.get(), [listed]) == {}


def test_a_content_is_told_to_be_gone_where_it_was_known_by_name_and_not_where_nobody_can_say(
    tmp_path: Path, key: SigningKey, settings: LazySettings
) -> None:
    settings.CONTENTS_URL = ""
    build_release("first-1", [point(tmp_path / "shards" / "a.parquet", tmp_path / "archive")])
    declared, decoded = (f"swhid:{of_content(text).core}" for text in (RAW, "Größe".encode()))
    request = all_accepted(declared, decoded)
    _, outcome = replaced(tmp_path, key)
    assert outcome.report.is_clean
    states = {claim.scope: claim.state for claim in request.claims.all()}
    assert states == {"repo:ada/engine": State.CLOSED, declared: State.CLOSED, decoded: State.APPLIED}
    assert "texts that were not read" in " ".join(outcome.kept_open)


def also_texts(folder: Path) -> str:
    """Without it there would be nothing to build."""
    path = folder / "shards" / "b.parquet"
    pq.write_table(pa.table({"repo_name": ["bob/kept"], "path": ["k.py"], "content": ["kept = 1\n"]}), path)
    return str(path)


def test_shards_that_are_the_same_once_they_are_filtered_are_registered_once(tmp_path: Path, key: SigningKey) -> None:
    (tmp_path / "shards").mkdir()
    for number in (1, 2):
        columns = {
            "repo_name": ["bob/k", "ada/engine"],
            "path": ["k.py", f"p{number}"],
            "content": ["keep = 1\n", f"gone = {number}\n"],
        }
        pq.write_table(pa.table(columns), tmp_path / "shards" / f"{number}.parquet")
    build_release("first-1", sorted(map(str, (tmp_path / "shards").iterdir())))
    all_accepted()
    made, outcome = replaced(tmp_path, key)
    assert made.shards.count() == 1
    assert outcome.report.is_clean
