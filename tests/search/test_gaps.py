"""What a build could not read: no answer is a plain no where the text may have been in it."""

import gzip
import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from frontend import answers, sentences
from optout import facts
from search import ingest, lookup, registering
from search.checking import AskedFile
from search.gaps import Gaps
from search.layouts import ColumnMap
from search.models import Release
from search.opened import portraits
from search.portrait import Portrait
from search.probable import check_offline
from search.scope import parse_scope
from search.swhid import of_content, parse_swhid
from tests import corpus
from tests.conftest import build_release
from tests.search.fixtures_layouts import PUBLISHED, Given
from tests.search.fixtures_shards import V2, v2_row, write_shard

ABSENT = corpus.code(900, 4)
HELD = corpus.code(100, 4)
POINTING = [published for published in PUBLISHED if not published.has_texts]
NONE = Gaps()
UNREAD = Gaps(unread_files=2, unlisted_files=2)
"""Of shards that declare no identifiers: tests/search/test_by_name.py has those that do."""
SCOPE = parse_scope("account:nobody")
ADA = parse_scope("account:ada")


@pytest.fixture(autouse=True)
def _alone(builds: Path, db: None) -> None:
    Release.objects.update(active_build=None)


def pointing(folder: Path, name: str = POINTING[0].name) -> Path:
    (published,) = (one for one in POINTING if one.name == name)
    files = [Given("ada/engine", "a.py", HELD, number=1), Given("ada/engine", "b.py", corpus.code(200, 4), number=2)]
    return write_shard(folder / f"{name}.parquet", published.rows(files), published.schema)


def told(release: str) -> list[Gaps]:
    """What each door says."""
    (holding,) = lookup.holdings(SCOPE, release=release)
    report = lookup.check([AskedFile("a.py", ABSENT.encode())], release)
    doors = (lookup.search("nothing", release=release).gaps, holding.gaps, report.basis.gaps)
    return [*doors, lookup.figures(release).gaps, lookup.gaps(release)]


def known(release: str) -> lookup.Known:
    swhid = of_content(ABSENT.encode())
    return lookup.known([swhid], release)[swhid.core]


@pytest.mark.parametrize("name", [published.name for published in POINTING])
def test_every_door_tells_of_texts_that_nobody_has_read(tmp_path: Path, name: str) -> None:
    release = build_release("pointing-1", [pointing(tmp_path, name)])
    assert told(release.name) == [UNREAD] * 5
    assert known(release.name) == lookup.Known(known=False, incomplete=True)


def test_whoever_builds_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registering.register("pointing-1", [pointing(tmp_path)], dataset="tiny")
    call_command("build", "pointing-1", jobs=1)
    assert "2 files it only points to have not been read" in capsys.readouterr().out


def test_texts_that_the_archive_holds_are_read(tmp_path: Path, settings: LazySettings) -> None:
    settings.CONTENTS_URL = str(tmp_path / "content")
    text = HELD.encode()
    archived = tmp_path / "content" / hashlib.sha1(text, usedforsecurity=False).hexdigest()
    archived.parent.mkdir()
    archived.write_bytes(gzip.compress(text))
    release = build_release("pointing-1", [pointing(tmp_path)])
    assert told(release.name) == [Gaps(unread_files=1, unlisted_files=1)] * 5
    held = parse_swhid(lookup.search("path:a.py", release=release.name).hits[0].source.swhid.partition(";")[0])
    assert lookup.known([held], release.name)[held.core] == lookup.Known(known=True, incomplete=False)


def test_a_column_map_may_point_as_well(tmp_path: Path) -> None:
    rows = [{"name": "ada/engine", "where": "a.py", "sha": "a" * 40}]
    shard = write_shard(tmp_path / "a.parquet", rows, pa.schema([(name, pa.string()) for name in rows[0]]))
    columns = ColumnMap.of({"repository": "name", "path": "where", "blob_id": "sha"})
    release = registering.register("mapped-1", [shard], dataset="mapped", columns=columns)
    assert ingest.build(release, jobs=1, progress=lambda now: None).unread_files == 1


def test_texts_that_are_missing_among_others_are_told_too(tmp_path: Path) -> None:
    rows = [v2_row(HELD), v2_row(None, path="/b.py", blob_id="b" * 40)]
    release = build_release("mixed-1", [write_shard(tmp_path / "a.parquet", rows, V2)])
    assert told(release.name) == [Gaps(unread_files=1, unlisted_files=1)] * 5


def test_a_release_that_is_sealed_again_is_missed_in_what_all_are_asked(tmp_path: Path) -> None:
    build_release("whole-1", [corpus.write_texts(tmp_path / "a.parquet", [HELD])])
    other = build_release("other-1", [corpus.write_texts(tmp_path / "b.parquet", [ABSENT])])
    swhid = of_content(ABSENT.encode())
    assert lookup.known([swhid])[swhid.core].known
    ingest.deactivate(other)
    assert lookup.known([swhid])[swhid.core] == lookup.Known(known=False, incomplete=False)
    other.builds.update(answers_again=True)
    assert lookup.known([swhid])[swhid.core] == lookup.Known(known=False, incomplete=True)
    assert lookup.known([swhid], "whole-1")[swhid.core] == lookup.Known(known=False, incomplete=False)
    words = sentences.of_holdings(lookup.holdings(SCOPE), SCOPE, lookup.gaps())
    assert words == "whole-1 holds nothing of nobody, as far as it could be read."


def test_a_request_is_no_wish_where_nobody_can_say(tmp_path: Path) -> None:
    build_release("whole-1", [corpus.write_texts(tmp_path / "a.parquet", [HELD], "ada/engine")])
    assert facts.shown([ADA, SCOPE]) == {ADA: True, SCOPE: False}
    build_release("pointing-1", [pointing(tmp_path)])
    assert facts.shown([ADA, SCOPE]) == {ADA: True, SCOPE: None}
    assert facts.shown([]) == {}


def test_boilerplate_is_no_plain_no_either() -> None:
    one = answers.in_words("r-1", [answers.Found(answers.BOILERPLATE, 0.5)], incomplete=True)
    many = answers.in_words("r-1", [answers.Found(answers.BOILERPLATE, 0.5)] * 2, incomplete=True)
    for words in (one, many):
        assert words.startswith("No, as far as r-1 could be read. Of your ")


def test_a_release_that_was_read_wholly_says_no(tiny: str, tmp_path: Path) -> None:
    release = build_release("whole-1", [corpus.write_texts(tmp_path / "a.parquet", [HELD])])
    assert told(release.name) == [NONE] * 5
    assert known(release.name) == lookup.Known(known=False, incomplete=False)


def test_one_of_several_that_was_not_read_is_enough(tmp_path: Path) -> None:
    whole = build_release("whole-1", [corpus.write_texts(tmp_path / "a.parquet", [HELD])])
    pointed = build_release("pointing-1", [pointing(tmp_path)])
    swhid = of_content(ABSENT.encode())
    assert lookup.known([swhid])[swhid.core].incomplete
    assert lookup.gaps() == UNREAD
    assert [holding.gaps for holding in lookup.holdings(SCOPE)] == [UNREAD, NONE]
    assert (lookup.gaps(whole.name), lookup.gaps(pointed.name)) == (NONE, UNREAD)
    words = sentences.of_holdings(lookup.holdings(SCOPE), SCOPE, lookup.gaps())
    assert words == "None of the 2 releases holds anything of nobody, as far as they could be read."


def test_the_portrait_takes_it_along(tmp_path: Path) -> None:
    release = build_release("pointing-1", [pointing(tmp_path)])
    build = lookup.portrait(release.name)
    portrait = Portrait.open(portraits().file(build.name, build.sealed_at))
    report = check_offline(portrait, [AskedFile("a.py", ABSENT.encode())])
    assert report.basis.gaps == Gaps(unread_files=2)
    assert sentences.of_report(report, pasted=False).startswith("No, as far as pointing-1 could be read")


def test_the_api_says_so(client: Client, tmp_path: Path) -> None:
    name = build_release("pointing-1", [pointing(tmp_path)]).name
    swhid = of_content(ABSENT.encode()).core
    figures = {"missing_shards": 0, "unread_files": 2}
    (holding,) = client.get("/api/v1/holdings?scope=account:nobody").json()["holdings"]
    check = {"files": [{"path": "a.py", "content": ABSENT}]}
    for answer in (
        holding,
        client.get("/api/v1/search?q=nothing").json(),
        client.get(f"/api/v1/releases/{name}").json(),
        client.post("/api/v1/check", check, content_type="application/json").json(),
    ):
        assert answer.items() >= figures.items()
    known = client.post("/api/v1/known", [swhid], content_type="application/json").json()
    assert known == {swhid: {"known": False, "incomplete": True}}
    missing = client.get(f"/api/v1/documents/{swhid}")
    assert missing.status_code == 404
    assert "as far as could be read" in missing.json()["errors"][0]["detail"]
