"""Register, build, activate: whole or not at all, resumable at any point, the same twice."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from search import builds as records
from search import ingest, lookup, registering
from search.checking import AskedFile
from search.engines.base import EVERYTHING
from search.gaps import Gaps
from search.models import Build, Release, Shard, ShardBuild
from search.opened import engine_named, open_build
from search.report import Grade
from search.workers import index_shards
from tests import corpus, environment
from tests.conftest import build_release
from tests.processes import workers_of
from tests.search.fixtures_shards import V3, v3_file, v3_row, write_shard

pytestmark = pytest.mark.django_db


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Six shards of ten documents."""
    return [
        corpus.write_texts(
            tmp_path / f"{number}.parquet",
            [corpus.code(100 * number + n, 4) for n in range(10)],
            f"many/files-{number}",
        )
        for number in range(6)
    ]


def register(name: str, shards: list[Path]) -> Release:
    return registering.register(name, shards, dataset="tests")


def build(release: Release, jobs: int = 1) -> Build:
    return ingest.build(release, jobs=jobs, progress=lambda now: None)


def content_of_build(made: Build) -> tuple[list[str], str]:
    """All that two builds of the same shards must agree in: the documents in order, and the portrait's bits."""
    opened = open_build(made)
    hits = opened.index.page(EVERYTHING, after=None, limit=10_000, texts=False)
    return [hit.key for hit in hits], opened.portrait.header.digest


# --- register --------------------------------------------------------------------------------------


def test_registering_writes_down_what_the_shards_are(shards: list[Path]) -> None:
    release = register("r-1", shards)
    assert [Path(shard.url) for shard in release.shards.all()] == shards
    total = (
        duckdb.connect()
        .execute(f"SELECT sum(length_bytes), count(*) FROM read_parquet({[str(path) for path in shards]})")
        .fetchall()
    )
    assert [(sum(s.text_bytes for s in release.shards.all()), sum(s.documents for s in release.shards.all()))] == total


def test_a_cut_shard_is_named_and_nothing_is_registered(shards: list[Path]) -> None:
    cut = shards[2]
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with pytest.raises(ingest.IngestError, match=r"2\.parquet.*(?s:.)*Nothing was registered"):
        register("r-1", shards)
    assert not Release.objects.filter(name="r-1").exists()
    assert not Shard.objects.filter(release__name="r-1").exists()


def test_the_same_shards_again_are_the_same_release(shards: list[Path]) -> None:
    assert register("r-1", shards) == register("r-1", shards)
    assert Release.objects.filter(name="r-1").count() == 1


def test_a_release_does_not_change(shards: list[Path]) -> None:
    register("r-1", shards[:3])
    with pytest.raises(ingest.IngestError, match="never changes"):
        register("r-1", shards)


def test_one_file_twice_is_refused(shards: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(shards[0].read_bytes())
    with pytest.raises(ingest.IngestError, match=r"copy\.parquet: is the same file as .*0\.parquet"):
        register("r-1", [*shards, copy])


@pytest.mark.parametrize("name", ["", "x y", "../../evil", "/evil", "a/b", "a\nb", "<b>", "x" * 101, ".hidden"])
def test_a_name_that_is_no_name_is_refused(shards: list[Path], name: str) -> None:
    with pytest.raises(ingest.IngestError, match="a name has 1 to 100 letters"):
        register(name, shards)


def test_a_folder_means_every_shard_below_it(shards: list[Path], tmp_path: Path) -> None:
    assert registering.find_shards([str(tmp_path)]) == [str(shard) for shard in shards]
    assert registering.find_shards([f"file://{shards[0]}", str(shards[0])]) == [str(shards[0])]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ingest.IngestError, match=r"holds no \.parquet file"):
        registering.find_shards([str(tmp_path)])


@pytest.mark.parametrize("command", ["build", "activate"])
def test_an_unknown_release_is_named(command: str) -> None:
    with pytest.raises(CommandError, match="release 'nowhere' does not exist"):
        call_command(command, "nowhere")


@pytest.mark.parametrize(
    ("release", "dataset"),
    [("stack-sample-2026-11", "stack-sample"), ("the-stack-v3", "the-stack"), ("plain", "plain"), ("2026", "2026")],
)
def test_the_dataset_is_read_from_the_release(release: str, dataset: str) -> None:
    assert registering.dataset_of(release) == dataset


# --- build -----------------------------------------------------------------------------------------


def test_a_build_holds_every_document_and_skips_by_reason(builds: Path, tmp_path: Path) -> None:
    release = register("r-1", corpus.write_tiny(tmp_path / "shards"))
    made = build(release)
    assert made.state == Build.State.COMPLETE
    assert made.documents == 7
    assert dict(records.tally(made)) == {"documents": 7, "empty": 1, "binary": 1}


def test_nothing_but_the_index_and_the_portrait_is_left(builds: Path, shards: list[Path]) -> None:
    made = build(register("r-1", shards))
    left = {path.name for path in (builds / made.name).iterdir()}
    assert left == {"index", "sealed-6", "portrait"}


def test_jobs_change_nothing(builds: Path, shards: list[Path]) -> None:
    release = register("r-1", shards)
    one = build(release, jobs=1)
    two = ingest.build(release, jobs=2, progress=lambda now: None, anew=True)
    assert one != two
    assert content_of_build(one) == content_of_build(two)


def test_building_twice_is_building_once(builds: Path, shards: list[Path]) -> None:
    release = register("r-1", shards)
    assert build(release) == build(release)
    assert release.builds.count() == 1


def test_progress_ends_at_the_whole(builds: Path, shards: list[Path]) -> None:
    told: list[records.BuildProgress] = []
    ingest.build(register("r-1", shards), jobs=1, progress=told.append)
    assert told[-1].done_bytes == told[-1].total_bytes > 0
    assert told[-1].total_shards == 6


def test_progress_ends_at_the_whole_where_files_are_skipped(builds: Path, tmp_path: Path) -> None:
    told: list[records.BuildProgress] = []
    texts = [corpus.code(1), "binary\0" * 5000, corpus.code(2)]
    files = [v3_file(text, file_path=f"{number}.py") for number, text in enumerate(texts)]
    shard = write_shard(tmp_path / "skipped.parquet", [v3_row("ada/engine", files)], V3)
    ingest.build(register("r-1", [shard]), jobs=1, progress=told.append)
    assert told[-1].done_bytes == told[-1].total_bytes > 30_000


def test_a_damaged_shard_leaves_the_rest_usable_and_resumable(builds: Path, shards: list[Path]) -> None:
    release = register("r-1", shards)
    whole = shards[3].read_bytes()
    shards[3].write_bytes(whole[: len(whole) // 2])
    made = build(release)
    assert made.state == Build.State.INCOMPLETE
    (reason,) = records.failures(made)
    assert "3.parquet" in reason
    ingest.activate(release)
    report = lookup.check([AskedFile("a.py", corpus.code(100, 4).encode())], "r-1")
    assert report.count(Grade.EXACT) == 1
    assert report.basis.gaps == Gaps(missing_shards=1)

    shards[3].write_bytes(whole)
    again = build(release)
    assert (again, again.state) == (made, Build.State.COMPLETE)
    ingest.activate(release)
    report = lookup.check([AskedFile("a.py", corpus.code(300, 4).encode())], "r-1")
    assert report.count(Grade.EXACT) == 1
    assert report.basis.gaps == Gaps()
    fresh = ingest.build(release, jobs=1, progress=lambda now: None, anew=True)
    assert content_of_build(again) == content_of_build(fresh)


def test_a_shard_that_was_exchanged_is_refused(builds: Path, shards: list[Path]) -> None:
    release = register("r-1", shards)
    corpus.write_texts(shards[1], ["other = 1\n"])
    (reason,) = records.failures(build(release))
    assert "1.parquet: is not the file that was registered" in reason


def test_a_release_whose_shards_all_fail_has_no_build_to_activate(builds: Path, shards: list[Path]) -> None:
    release = register("r-1", shards[:1])
    shards[0].unlink()
    with pytest.raises(ingest.IngestError, match=r"no shard of 'r-1' could be read(?s:.*)0\.parquet"):
        build(release)
    with pytest.raises(ingest.IngestError, match="has no finished build"):
        ingest.activate(release)


def test_the_command_says_what_failed_and_fails(builds: Path, shards: list[Path]) -> None:
    register("r-1", shards)
    shards[0].write_bytes(b"PAR1 and nothing more")
    out = StringIO()
    with pytest.raises(CommandError, match=r"0\.parquet") as failed:
        call_command("build", "r-1", jobs=1, stdout=out)
    assert failed.value.returncode == 1
    assert "incomplete: 50 documents" in out.getvalue()


def test_only_one_process_builds_a_release(builds: Path, shards: list[Path]) -> None:
    release = register("r-1", shards)
    with ingest._alone(release), pytest.raises(ingest.IngestError, match="another process"):
        build(release)


# --- activate --------------------------------------------------------------------------------------


def test_answers_change_with_the_activation_and_not_before(builds: Path, shards: list[Path]) -> None:
    build_release("r-1", shards[:2])
    release = build_release("r-2", shards[2:])
    found = [AskedFile("a.py", corpus.code(300, 4).encode())]
    assert lookup.check(found).basis.release == "r-2"
    anew = ingest.build(release, jobs=1, progress=lambda now: None, anew=True)
    assert lookup.check(found).basis.build == "r-2-1"
    ingest.activate(release)
    assert lookup.check(found).basis.build == anew.name == "r-2-2"


def test_activating_twice_changes_nothing(builds: Path, shards: list[Path]) -> None:
    release = build_release("r-1", shards)
    assert ingest.activate(release) == ingest.activate(release)


# --- pulled plugs ----------------------------------------------------------------------------------

BUILD = """
import django; django.setup()
from django.core.management import call_command
if __name__ == "__main__":
    call_command("build", "r-1", "--jobs", "2", skip_checks=True)
"""


@pytest.fixture
def own_site(tmp_path: Path) -> dict[str, str]:
    """An environment of its own: records, builds and all."""
    return environment.own_site(tmp_path / "site")


def manage(site: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, env=site, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pulled(site: dict[str, str], script: Path, moments: list[float]) -> Iterator[int]:
    """Start the build once for each moment and kill its process, not its workers, then."""
    script.write_text(BUILD)
    for moment in moments:
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env={**site, "PYTHONPATH": str(settings.BASE_DIR)},
            cwd=settings.BASE_DIR,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        yield process.wait()


DESCRIBE = """
import django; django.setup()
from search.models import Build
from search.opened import engine_named, open_build
from search.engines.base import EVERYTHING
build = Build.objects.order_by("-pk").first()
opened = open_build(build)
keys = [hit.key for hit in opened.index.page(EVERYTHING, after=None, limit=10**6, texts=False)]
print(build.state, len(keys), hash(tuple(keys)), opened.portrait.header.digest)
"""


def describe(site: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE], env={**site, "PYTHONHASHSEED": "0"}, cwd=settings.BASE_DIR,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_a_build_killed_at_any_point_ends_as_an_undisturbed_one(own_site: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in range(8):
        texts = [corpus.code(1000 * number + n, 30) for n in range(150)]
        corpus.write_texts(folder / f"{number}.parquet", texts, f"many/files-{number}")
    undisturbed = {**own_site, "DATA_DIR": str(tmp_path / "undisturbed")}
    for site in (undisturbed, own_site):
        manage(site, "migrate", "--verbosity", "0")
        manage(site, "register", "r-1", "--shards", str(folder))
    manage(undisturbed, "build", "r-1", "--jobs", "2")
    moments = [1.2, 1.9, 2.3, 2.6, 2.9, 3.3]
    for status in pulled(own_site, tmp_path / "build.py", moments):
        assert status in {0, -signal.SIGKILL}
    manage(own_site, "build", "r-1", "--jobs", "2")
    assert describe(own_site) == describe(undisturbed)
    assert describe(own_site).startswith("complete 1200 ")


def test_a_worker_that_dies_costs_its_shard_and_nothing_else(
    builds: Path, shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = register("r-1", shards)
    killed: list[int] = []

    def kill_one(now: records.BuildProgress) -> None:
        workers = workers_of(os.getpid())
        if workers and not killed:
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])

    made = ingest.build(release, jobs=1, progress=kill_one)
    assert killed
    assert made.state == Build.State.INCOMPLETE
    (reason,) = records.failures(made)
    assert "a worker died" in reason
    assert build(release).state == Build.State.COMPLETE


def test_a_full_disk_is_said_and_leaves_no_trace(builds: Path, shards: list[Path]) -> None:
    """A limit on the size of files is what a test can have of a full disk: writes fail half-way."""
    release = register("r-1", shards)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        tasks = [records.shard_task(records.begin(release), shard) for shard in release.shards.all()]
        outcomes = [
            outcome for _, outcome in index_shards(tasks, engine_named("tantivy"), jobs=1, progress=lambda n: None)
        ]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert all(isinstance(outcome, str) and "File too large" in outcome for outcome in outcomes), outcomes
    assert list((builds / "r-1-1" / "parts").iterdir()) == []
    assert build(release).state == Build.State.COMPLETE


def test_every_shard_is_done_once_a_build(builds: Path, shards: list[Path]) -> None:
    made = build(register("r-1", shards))
    assert set(made.shards.values_list("state", flat=True)) == {ShardBuild.State.DONE}
    assert made.shards.count() == 6
