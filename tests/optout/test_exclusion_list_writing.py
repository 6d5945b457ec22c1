"""A list is written whole or not at all, from iterators, in memory that its length does not bound."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optout.atomic import whole_folder
from optout.exclusion_list import ExclusionListError, ListedDocument, open_list
from tests.optout.filter_lists import ROOT, STEWARD, clean_environment
from tests.optout.test_exclusion_list import DOCUMENTS, EXCLUSIONS, SWHID, write

IDS = {exclusion.scope: exclusion.id for exclusion in EXCLUSIONS}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"documents": DOCUMENTS[::-1]}, "does not come after"),
        ({"documents": [DOCUMENTS[0], DOCUMENTS[0]]}, "does not come after"),
        ({"documents": [ListedDocument("stack-1", "a/b", "c", SWHID, "0" * 20)]}, "its exclusion is not on the list"),
        ({"documents": [ListedDocument("stack-9", "a/b", "c", SWHID, EXCLUSIONS[0].id)]}, "its release is not one"),
        ({"documents": [ListedDocument("stack-1", "a/b", "\ud800", SWHID, EXCLUSIONS[0].id)]}, "surrogates"),
        ({"documents": [ListedDocument("stack-1", "a/b", "x" * 2**20, SWHID, EXCLUSIONS[0].id)]}, "1048576 at most"),
        ({"exclusions": [EXCLUSIONS[0], EXCLUSIONS[0]], "documents": []}, "does not come after"),
        ({"number": 1, "previous": None}, "is of list 2, this is list 1"),
        ({"previous": None}, "previous"),
    ],
)  # fmt: skip
def test_what_is_no_list_leaves_nothing_behind(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ExclusionListError, match=reason):
        write(tmp_path / "list", **change)
    assert list(tmp_path.iterdir()) == []


def test_an_input_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def failing() -> Iterator[ListedDocument]:
        yield DOCUMENTS[0]
        raise RuntimeError("the database is gone")

    with pytest.raises(RuntimeError, match="the database is gone"):
        write(tmp_path / "list", documents=failing())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_is_there_is_never_written_again(tmp_path: Path) -> None:
    write(tmp_path / "list")
    before = {path.name: path.read_bytes() for path in (tmp_path / "list").iterdir()}
    with pytest.raises(ExclusionListError, match="is there already"):
        write(tmp_path / "list", documents=())
    assert {path.name: path.read_bytes() for path in (tmp_path / "list").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExclusionListError, match="nowhere/list"):
        write(tmp_path / "nowhere" / "list")


# --- folders that are there whole or not at all -----------------------------------------------------


def test_what_a_killed_process_left_is_taken_away_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "list"
    process = writing(folder)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 1
    assert left[0].startswith("list.partial-")
    write(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["list"]
    open_list(folder, [STEWARD.public])


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "list"
    process = writing(folder)
    try:
        write(folder)
        assert len(list(tmp_path.iterdir())) == 2
    finally:
        process.kill()
        process.wait()


def test_of_two_that_write_to_one_place_the_first_to_end_has_it(tmp_path: Path) -> None:
    def write_slowly() -> None:
        with whole_folder(tmp_path / "list") as slow:
            (slow / "a").write_text("slow")
            with whole_folder(tmp_path / "list") as quick:
                (quick / "a").write_text("quick")

    with pytest.raises(OSError, match="list"):
        write_slowly()
    assert (tmp_path / "list" / "a").read_text() == "quick"
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


@pytest.mark.parametrize("name", ["list.partial-mine", "list.partial-0123456789", "list1.partial-01234567"])
def test_what_only_looks_alike_is_left_alone(tmp_path: Path, name: str) -> None:
    other = tmp_path / name
    other.mkdir()
    with whole_folder(tmp_path / "list"):
        pass
    assert other.exists()


def writing(folder: Path) -> subprocess.Popen[str]:
    """A process that has begun to write to the folder, and goes on until it is killed."""
    script = (
        "import sys, time; from pathlib import Path; from optout.atomic import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])) as partial:\n"
        "    (partial / 'a').write_text('x'); print('begun', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        assert stdout.readline() == "begun\n"
    return process


# --- memory -----------------------------------------------------------------------------------------

MEASURE = """
import sys
from itertools import islice
from pathlib import Path
from governance.signing import SigningKey
from optout.exclusion_list import Exclusion, ListedDocument, open_list, write_list
from optout.manifest import ReleaseBuild

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024

key, count = SigningKey.generate(), int(sys.argv[2])
exclusion = Exclusion("account:ada", (), 1)
documents = (
    ListedDocument("r", f"ada/repository-{n:09}", "src/" + "x" * 100, "swh:1:cnt:" + "0" * 40, exclusion.id)
    for n in range(count)
)
folder = Path(sys.argv[1])
write_list(folder, number=1, previous=None, as_of=None, releases=[ReleaseBuild("r", "b")], exclusions=[exclusion],
           documents=documents, keys=[key])
assert open_list(folder, [key.public]).manifest.documents == count
print(peak())
"""


def test_more_documents_take_no_more_memory(tmp_path: Path) -> None:
    def measured(count: int) -> int:
        command = [sys.executable, "-c", MEASURE, str(tmp_path / str(count)), str(count)]
        done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True)
        return int(done.stdout)

    few, many = measured(60_000), measured(180_000)
    size = (tmp_path / "180000" / "documents.jsonl").stat().st_size // 2**20
    assert size > 40
    assert many - few < 20  # measured: under 5
