"""Files that a shard only points to, and whose texts nobody has: what is told of them is what their names tell."""

import gzip
import hashlib
import io
from pathlib import Path

import pyarrow as pa
import pytest
from django.conf import LazySettings
from django.test import Client
from rich.console import Console

from frontend import answers, sentences
from frontend.printing import print_holdings
from optout import facts
from search import builds, ingest, lookup, masks, registering, searching
from search.checking import AskedFile
from search.documents import Document, key_of
from search.gaps import Gaps
from search.layouts import ColumnMap
from search.models import Build, Release
from search.report import Grade
from search.scope import parse_scope
from search.swhid import of_content
from tests import corpus
from tests.conftest import build_release
from tests.search.fixtures_layouts import PUBLISHED, Given
from tests.search.fixtures_shards import V2, v2_row, write_shard

HELD, OTHER, ABSENT = (corpus.code(number, 4) for number in (100, 200, 900))
POINTING = [published for published in PUBLISHED if not published.has_texts]
ADA, NOBODY = parse_scope("account:ada"), parse_scope("account:nobody")
ADDRESS = parse_scope("email:nobody@example.org")
UNREAD = Gaps(unread_files=2)
NONE = Gaps()


@pytest.fixture(autouse=True)
def _alone(builds: Path, db: None) -> None:
    Release.objects.update(active_build=None)


def digits(text: str) -> str:
    return of_content(text.encode()).core.rpartition(":")[2]


def pointing(folder: Path, name: str = POINTING[0].name) -> Path:
    (published,) = (one for one in POINTING if one.name == name)
    files = [
        Given("ada/engine", "src/a.py", HELD, digits(HELD), number=1),
        Given("ada/engine", "src/b.py", OTHER, digits(OTHER), number=2),
    ]
    return write_shard(folder / f"{name}.parquet", published.rows(files), published.schema)


@pytest.mark.parametrize("name", [published.name for published in POINTING])
def test_names_and_identifiers_are_answered_plainly(tmp_path: Path, name: str) -> None:
    release = build_release("pointing-1", [pointing(tmp_path, name)]).name
    (holding,) = lookup.holdings(ADA, release=release)
    assert (holding.documents, holding.by_name, holding.bytes, holding.gaps) == (2, 2, 0, NONE)
    assert {place.path for place in holding.places} == {"src/a.py", "src/b.py"}
    (nothing,) = lookup.holdings(NOBODY, release=release)
    assert sentences.of_holding(nothing, NOBODY) == "pointing-1 holds nothing of nobody."
    asked = [of_content(text.encode()) for text in (HELD, ABSENT)]
    held, absent = (lookup.known(asked, release)[swhid.core] for swhid in asked)
    assert held == lookup.Known(known=True, incomplete=False)
    assert absent == lookup.Known(known=False, incomplete=True), "it may be that of a text once it is decoded"
    assert facts.shown([ADA, NOBODY, ADDRESS]) == {ADA: True, NOBODY: False, ADDRESS: None}


def test_questions_for_texts_tell_what_nobody_has_read(tmp_path: Path) -> None:
    release = build_release("pointing-1", [pointing(tmp_path)]).name
    report = lookup.check([AskedFile("a.py", ABSENT.encode())], release)
    (addresses,) = lookup.holdings(ADDRESS, release=release)
    (contents,) = lookup.holdings(parse_scope(f"swhid:{of_content(ABSENT.encode()).core}"), release=release)
    search = lookup.search("nothing", release=release)
    doors = [report.basis.gaps, search.gaps, addresses.gaps, contents.gaps, lookup.gaps(release)]
    assert doors == [UNREAD] * 5
    assert sentences.of_report(report, pasted=False).startswith("No, as far as pointing-1 could be read")


def test_a_whole_copy_is_found_by_its_identifier(tmp_path: Path) -> None:
    release = build_release("pointing-1", [pointing(tmp_path)]).name
    (file,) = lookup.check([AskedFile("mine.py", HELD.encode())], release).files
    (found,) = file.evidence
    assert (found.grade, file.coverage) == (Grade.EXACT, 1.0)
    assert found.source is not None
    assert (found.source.repository, found.source.path) == ("ada/engine", "src/a.py")


def test_a_search_for_names_shows_them_without_lines(tmp_path: Path) -> None:
    release = build_release("pointing-1", [pointing(tmp_path)]).name
    page = lookup.search("path:b.py repo:ada/engine", release=release)
    (hit,) = page.hits
    assert (hit.source.path, hit.size, hit.lines, page.gaps) == ("src/b.py", None, (), NONE)
    assert lookup.search("def", release=release).hits == ()


def test_an_expression_is_not_held_up_by_what_nobody_can_read(tmp_path: Path) -> None:
    named = [
        v2_row(None, path=f"/{n}.py", blob_id=f"{n:040x}", content_id=f"{n:040x}") for n in range(searching.SCANNED + 9)
    ]
    rows = [*named, v2_row("no way = 1\n", path="/last.py", is_vendor=True)]
    release = build_release("mixed-1", [write_shard(tmp_path / "a.parquet", rows, V2)])
    page = lookup.search(r"owner:ada /\w\w /", release=release.name)
    assert ([hit.source.path for hit in page.hits], page.total, page.exact) == (["last.py"], 1, True)


def test_masks_hide_them(tmp_path: Path) -> None:
    release = build_release("pointing-1", [pointing(tmp_path)]).name
    masks.hide(ADA)
    (holding,) = lookup.holdings(ADA, release=release)
    swhid = of_content(HELD.encode())
    assert (holding.documents, holding.by_name) == (0, 0)
    assert lookup.document(swhid, release) is None
    assert not lookup.known([swhid], release)[swhid.core].known
    assert lookup.figures(release).gaps == NONE, "less what is shown it would be what is masked"
    assert not lookup.figures(release).portrait_withheld, "it holds nothing of them"


def test_texts_that_the_archive_lacks_or_has_damaged_are_known_by_name(tmp_path: Path, settings: LazySettings) -> None:
    settings.CONTENTS_URL = str(tmp_path / "content")
    texts = {"a.py": HELD, "b.py": OTHER, "c.py": ABSENT}
    blobs = {path: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for path, text in texts.items()}
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / blobs["a.py"]).write_bytes(gzip.compress(HELD.encode()))
    (tmp_path / "content" / blobs["b.py"]).write_bytes(gzip.compress(b"something else"))
    rows = [v2_row(None, path=f"/{path}", blob_id=blobs[path], content_id=digits(text)) for path, text in texts.items()]
    release = build_release("mixed-1", [write_shard(tmp_path / "a.parquet", rows, V2)])
    (holding,) = lookup.holdings(ADA, release=release.name)
    assert (holding.documents, holding.by_name, holding.bytes) == (3, 2, len(HELD))
    assert release.builds.get().gaps == Gaps(unread_files=2)


@pytest.mark.parametrize(
    ("content", "encoding", "unread"),
    [(b"a\0b", None, 0), (b"", None, 0), (b"x" * 101, None, 0), (b"\xff\xfe\xfd", None, 1), (b"x", "klingon", 1)],
    ids=["binary", "empty", "too large", "undecodable", "unknown encoding"],
)
def test_a_content_that_is_no_text_is_known_by_name_with_an_archive_and_without(
    tmp_path: Path, settings: LazySettings, content: bytes, encoding: str | None, unread: int
) -> None:
    settings.DOCUMENT_MAX_BYTES = 100
    blob = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / blob).write_bytes(gzip.compress(content))
    swhid = of_content(content)
    row = v2_row(None, blob_id=blob, content_id=swhid.core.rpartition(":")[2], src_encoding=encoding)
    shard = write_shard(tmp_path / "a.parquet", [row], V2)
    for name, url, unread_files in (("here-1", str(tmp_path / "content"), unread), ("away-1", "", 1)):
        settings.CONTENTS_URL = url
        release = build_release(name, [shard])
        (holding,) = lookup.holdings(ADA, release=name)
        assert (holding.documents, holding.by_name, holding.gaps) == (1, 1, NONE)
        assert lookup.known([swhid], name)[swhid.core].known
        assert lookup.figures(name).gaps == Gaps(unread_files=unread_files)
        assert release.builds.get().unlisted_files == 0


def test_files_that_declare_no_identifier_are_not_known_by_name_either(tmp_path: Path) -> None:
    rows = [{"name": "ada/engine", "where": "a.py", "sha": "a" * 40}]
    shard = write_shard(tmp_path / "a.parquet", rows, pa.schema([(name, pa.string()) for name in rows[0]]))
    columns = ColumnMap.of({"repository": "name", "path": "where", "blob_id": "sha"})
    release = registering.register("mapped-1", [shard], dataset="mapped", columns=columns)
    ingest.build(release, jobs=1, progress=lambda now: None)
    ingest.activate(release)
    (holding,) = lookup.holdings(ADA)
    assert (holding.documents, bool(holding.gaps)) == (0, True)
    assert sentences.of_holding(holding, ADA) == "mapped-1 holds nothing of ada, as far as it could be read."


def test_builds_of_an_older_version_know_no_names(tmp_path: Path) -> None:
    release = build_release("pointing-1", [pointing(tmp_path)])
    Build.objects.update(unlisted_files=2)
    (holding,) = lookup.holdings(NOBODY, release=release.name)
    assert holding.gaps.unread_files == 2


def test_only_pointing_needs_no_room_for_fingerprints(tmp_path: Path, settings: LazySettings) -> None:
    """The Stack v2 claims 67 TB of texts in its lists of identifiers."""
    settings.CONTENTS_URL = ""
    rows = [v2_row(None, blob_id="b" * 40, content_id=digits(HELD), length_bytes=10**12)]
    ids = pa.schema([field for field in V2 if field.name != "content"])
    rows = [{name: value for name, value in row.items() if name != "content"} for row in rows]
    shard = write_shard(tmp_path / "a.parquet", rows, ids)
    release = registering.register("wide-1", [shard], dataset="wide")
    waiting = builds.begin(release)
    assert release.shards.get().text_bytes == 10**12
    assert (builds.text_bytes_of(waiting), builds.size_of(release.shards.all())) == (0, builds.BYTES_OF_A_NAME)
    settings.CONTENTS_URL = str(tmp_path)
    assert (builds.text_bytes_of(waiting), builds.size_of(release.shards.all())) == (10**12, 10**12)
    made = ingest.build(release, jobs=1, progress=lambda now: None)
    assert builds.text_bytes_of(made) == 0, "it was looked for, and is not there"
    assert made.documents == 1


# --- The text of one, and the name of another ---------------------------------------------------------


def test_a_text_is_preferred_to_a_name_in_one_release_and_among_several(tmp_path: Path) -> None:
    both = [v2_row(None, blob_id="b" * 40, content_id=digits(HELD)), v2_row(HELD, content_id=digits(HELD))]
    swhid = of_content(HELD.encode())
    for name, rows in (("both-1", both), ("turned-1", both[::-1])):
        build_release(name, [write_shard(tmp_path / f"{name}.parquet", rows, V2)])
        found = lookup.document(swhid, name)
        assert found is not None
        assert (found.text, found.holders) == (HELD, 2)
    build_release("pointing-1", [pointing(tmp_path)])
    assert lookup.active_releases()[0].name == "pointing-1"
    found = lookup.document(swhid)
    assert found is not None
    assert (found.release, found.text) == ("turned-1", HELD)
    alone = lookup.document(of_content(OTHER.encode()))
    assert alone is not None
    assert (alone.release, alone.text, alone.size) == ("pointing-1", None, None)


def test_the_key_tells_a_text_from_a_name() -> None:
    place = ("swh:1:cnt:" + "a" * 40, "ada/engine", "a.py")
    named, read = Document(*place, b""), Document(*place, b"x = 1")
    assert named.key == key_of("ada/engine", "a.py", place[0], by_name=True)
    assert read.key == key_of("ada/engine", "a.py", place[0], by_name=False)
    assert named.key != read.key
    assert named.text_swhid == named.swhid, "the empty content is another one"


# --- What people and machines are told ----------------------------------------------------------------


def test_it_is_said_in_words() -> None:
    assert answers.by_name(3, 0) == ""
    assert answers.by_name(1, 1) == "Its text is not held here: the release only points to it."
    assert answers.by_name(2, 2) == "Their texts are not held here: the release only points to them."
    assert answers.by_name(3, 1) == "The text of 1 of them is not held here: the release only points to it."
    assert answers.by_name(3, 2) == "The texts of 2 of them are not held here: the release only points to them."


def test_pages_say_so(client: Client, tmp_path: Path) -> None:
    build_release("pointing-1", [pointing(tmp_path)])
    holdings = client.get("/holdings?scope=account:ada").content.decode()
    assert "pointing-1</span> holds 2 files of ada in 1 repository." in holdings
    assert "Their texts are not held here: the release only points to them." in holdings
    assert "Together" not in holdings
    assert "known by name alone" in client.get("/search?q=path:a.py").content.decode()
    swhid = of_content(HELD.encode()).core
    document = client.get(f"/documents/{swhid}").content.decode()
    assert "only points to this content, and its text is not held here" in document
    assert "empty file" not in document
    missing = client.get(f"/documents/{of_content(ABSENT.encode()).core}")
    assert (missing.status_code, b"as far as" in missing.content) == (404, True)


def test_the_api_says_so(client: Client, tmp_path: Path) -> None:
    build_release("pointing-1", [pointing(tmp_path)])
    (holding,) = client.get("/api/v1/holdings?scope=repo:ada/engine").json()["holdings"]
    figures = {"documents": 2, "by_name": 2, "bytes": 0, "unread_files": 0}
    assert holding.items() >= figures.items()
    swhids = [of_content(text.encode()).core for text in (HELD, ABSENT)]
    known = client.post("/api/v1/known", swhids, content_type="application/json").json()
    assert known == {swhids[0]: {"known": True}, swhids[1]: {"known": False, "incomplete": True}}
    document = client.get(f"/api/v1/documents/{swhids[0]}").json()
    assert (document["text"], document["size"], document["holders"]) == (None, None, 1)
    (hit,) = client.get("/api/v1/search?q=path:a.py").json()["hits"]
    assert (hit["size"], hit["lines"]) == (None, [])


def test_the_command_line_says_so(client: Client, tmp_path: Path) -> None:
    build_release("pointing-1", [pointing(tmp_path)])
    said = io.StringIO()
    console = Console(file=said, width=200)
    print_holdings(console, client.get("/api/v1/holdings?scope=account:ada").json())
    print_holdings(console, client.get("/api/v1/holdings?scope=account:nobody").json())
    assert said.getvalue().splitlines() == [
        "pointing-1 holds 2 documents of account:ada (0 bytes).",
        "Their texts are not held here: the release only points to them.",
        "         2  ada/engine",
        "pointing-1 holds nothing of account:nobody.",
    ]
