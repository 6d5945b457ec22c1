"""The command: what it says, what it leaves, and that being stopped leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from optout.filter import main
from optout.receipt import open_receipt
from tests.optout.filter_lists import PIPELINE, ROOT, Bench, clean_environment
from tests.processes import workers_of
from tests.search.fixtures_shards import V2, V3, v2_row, v3_file, v3_row, write_shard

SCOPES = ["account:bob", "path:ada/engine/gone.py"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Three shards: one with a covered file, one with a covered account, one without either."""
    bench = Bench.made(tmp_path, SCOPES)
    (bench.shards / "deep").mkdir()
    write_shard(bench.shards / "a.parquet", [v2_row(path="/kept.py"), v2_row(path="/gone.py")], V2)
    rows = [v3_row("Bob/x", [v3_file(), v3_file()]), v3_row("ada/engine", [v3_file()]), v3_row(None, [v3_file()])]
    write_shard(bench.shards / "deep" / "b.parquet", rows, V3)
    write_shard(bench.shards / "c.parquet", [v2_row(), v2_row(path=None)], V2)
    return bench


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_and_said(bench: Bench) -> None:
    before = bench.files()
    done = bench.run("--release", "clean-1")
    assert done.returncode == 0, done.stderr
    assert bench.files() == before
    shards = {"shards/a.parquet", "shards/deep/b.parquet", "shards/c.parquet"}
    assert set(files_of(bench.out)) == {*shards, "dropped.parquet", "receipt.json", "receipt.dsse.json"}
    assert (bench.out / "shards" / "c.parquet").read_bytes() == (bench.shards / "c.parquet").read_bytes()
    assert done.stdout.splitlines() == [
        f"{bench.out}: list 1 is applied to 3 shards, of which 1 were copied as they are.",
        "Dropped 3 of 8 documents, for 2 exclusions. Without a repository or a path: 2 documents.",
        f"The receipt to send back: {bench.out}/receipt.dsse.json",
    ]
    (line,) = done.stderr.splitlines()
    assert line.startswith("3 of 3 shards, ")
    assert line.endswith(" MB/s, 3 documents dropped")


def test_what_was_dropped_is_told_line_by_line(bench: Bench) -> None:
    assert main(bench.arguments("--quiet", "--jobs", "1")) == 0
    lines = pq.read_table(bench.out / "dropped.parquet").to_pylist()
    assert [
        (line["shard"], line["row"], line["file"], line["repository"], line["path"], line["scope"]) for line in lines
    ] == [
        ("a.parquet", 1, None, "ada/engine", "gone.py", "path:ada/engine/gone.py"),
        ("deep/b.parquet", 0, 0, "Bob/x", "src/a.py", "account:bob"),
        ("deep/b.parquet", 0, 1, "Bob/x", "src/a.py", "account:bob"),
    ]
    assert {line["swhid"] for line in lines} == {f"swh:1:cnt:{_id_of('x = 1' + chr(10))}"}


def _id_of(text: str) -> str:
    git = subprocess.run(["git", "hash-object", "--stdin"], input=text, capture_output=True, text=True, check=True)
    return git.stdout.strip()


def test_quiet_says_nothing(bench: Bench) -> None:
    done = bench.run("--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_same_input_gives_the_same_bytes_whatever_the_number_of_jobs(bench: Bench) -> None:
    outs = [bench.folder / name for name in ("out-1", "out-2", "out-3")]
    for jobs, out in zip(("1", "2", "3"), outs, strict=True):
        assert bench.run("--quiet", "--jobs", jobs, out=out).returncode == 0
    assert files_of(outs[0]) == files_of(outs[1]) == files_of(outs[2])


def test_shards_may_be_named_one_by_one_and_in_folders(bench: Bench) -> None:
    arguments = bench.arguments("--in", str(bench.shards / "a.parquet"), in_=bench.shards / "deep")
    assert main([*arguments, "--quiet", "--jobs", "1"]) == 0
    assert set(files_of(bench.out / "shards")) == {"a.parquet", "b.parquet"}


def test_what_was_filtered_holds_nothing_more_to_drop(bench: Bench) -> None:
    assert main(bench.arguments("--quiet", "--jobs", "1")) == 0
    again = bench.arguments("--quiet", "--jobs", "1", in_=bench.out / "shards", out=bench.folder / "again")
    assert main(again) == 0
    receipt = open_receipt((bench.folder / "again" / "receipt.dsse.json").read_bytes(), [PIPELINE.public])
    assert receipt.dropped.documents == 0
    assert all(shard.copied for shard in receipt.outputs)
    assert pq.read_table(bench.folder / "again" / "dropped.parquet").num_rows == 0


def test_the_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for part in ("example:\n  python -m optout.filter --list", "exit status: 0", "--trust FILE", "the exclusion list"):
        assert part in said


def test_progress_on_a_terminal_is_one_line(bench: Bench) -> None:
    leader, follower = os.openpty()
    done = subprocess.run(
        bench.command("--jobs", "1"),
        cwd=ROOT,
        env=clean_environment(),
        stderr=follower,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    os.close(follower)
    said = os.read(leader, 10_000).decode()
    os.close(leader)
    assert done.returncode == 0
    assert said.count("\r") - said.count("\r\n") == 3
    assert said.count("\n") == 1


# --- being stopped ----------------------------------------------------------------------------------


@pytest.fixture
def long_bench(tmp_path: Path) -> Bench:
    """Enough shards to be stopped among them."""
    bench = Bench.made(tmp_path, SCOPES)
    write_shard(bench.shards / "0.parquet", [v2_row(path="/kept.py"), v2_row(path="/gone.py")], V2)
    for number in range(1, 250):
        (bench.shards / f"{number}.parquet").hardlink_to(bench.shards / "0.parquet")
    return bench


class Begun:
    """The command in a process group of its own, standing still among its shards.

    It tells of every shard on a terminal that nobody reads, and waits where that is full; so however fast the machine
    is, it has written the first shards and cannot come to the last one.
    """

    def __init__(self, bench: Bench, jobs: str) -> None:
        self._screen, terminal = os.openpty()
        self.process = subprocess.Popen(
            # Whoever runs the tests in the background may have it ignored.
            ["env", "--default-signal=INT", *bench.command("--jobs", jobs)],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        drafts = f"{bench.out.name}.partial-*/shards/*.parquet"
        wait_for(lambda: len(list(bench.folder.glob(drafts))) >= 10)
        assert self.process.poll() is None

    def ended(self) -> str:
        """What it said, once it has ended."""
        said = b""
        # Where the last process that had it is gone, a terminal is an error to read.
        with suppress(OSError):
            while part := os.read(self._screen, 10_000):
                said += part
        os.close(self._screen)
        self.process.wait(timeout=30)
        return said.decode()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def has_ended(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_leaves_nothing(long_bench: Bench, jobs: str, number: signal.Signals) -> None:
    before = long_bench.files()
    begun = Begun(long_bench, jobs)
    begun.process.send_signal(number)
    said = begun.ended()
    assert begun.process.returncode == 128 + number
    assert "Traceback" not in said
    wait_for(lambda: has_ended(begun.process.pid))
    assert not list(long_bench.folder.glob("out*"))
    assert long_bench.files() == before


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_it_leaves_no_output_and_the_next_run_works(long_bench: Bench, jobs: str) -> None:
    before = long_bench.files()
    begun = Begun(long_bench, jobs)
    begun.process.kill()
    begun.ended()
    assert not long_bench.out.exists()
    left = list(long_bench.folder.glob("out.partial-*"))
    assert len(left) == 1
    wait_for(lambda: has_ended(begun.process.pid))
    done = long_bench.run("--quiet", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert len(list((long_bench.out / "shards").iterdir())) == 250
    assert [path.name for path in long_bench.folder.glob("out*")] == ["out"]
    assert {name: content for name, content in long_bench.files().items() if "partial" not in name} == before


def test_a_worker_that_is_killed_is_told_and_nothing_is_left(long_bench: Bench) -> None:
    process = subprocess.Popen(
        long_bench.command("--quiet", "--jobs", "2"),
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # While they still import: later, the other one might have done the rest.
    wait_for(lambda: len(workers_of(process.pid)) == 2)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said == "a worker died (killed, or out of memory): try fewer --jobs\n"
    assert not list(long_bench.folder.glob("out*"))


# --- what it needs ----------------------------------------------------------------------------------

ALONE = """
import sys
ALLOWED = {"pyarrow", "cryptography", "_cffi_backend", "cffi", "governance", "optout", *sys.stdlib_module_names}

class Nothing:
    "Finds no package but those that are there, and says so as a machine does that has no other."
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED and not name.startswith("_sysconfigdata"):
            asked.add(name)
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

asked = set()
sys.meta_path.insert(0, Nothing)
sys.path.insert(0, sys.argv.pop(1))
from optout.filter import main
status = main(sys.argv[1:])
ours = sorted(name for name in sys.modules if name.partition(".")[0] in {"governance", "optout", "search", "frontend"})
roots = {name.partition(".")[0] for name in sys.modules}
assert not roots & {"django", "numpy", "pandas", "search", "re2", "numba"}, roots
print(status, *ours)
"""


def test_it_needs_pyarrow_and_cryptography_and_nothing_else(bench: Bench) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(ROOT), *bench.arguments("--quiet", "--jobs", "1")],
        cwd="/",
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, *ours = done.stdout.split()
    assert status == "0"
    assert {"governance.signing", "governance.ledger.canonical", "optout.filter"} <= set(ours)
    assert {name for name in ours if name.startswith("governance")} == {
        "governance", *(f"governance.{name}" for name in (
            "env", "env_storage", "ledger", "ledger.canonical", "signing", "spooling", "storage", "storage_base",
            "storage_errors", "storage_files", "storage_s3",
        ))
    }  # fmt: skip
    assert {name for name in ours if not name.startswith("governance")} == {
        "optout", *(f"optout.{name}" for name in (
            "atomic", "clean_output", "column_map", "dropped", "emails", "exclusion_list", "filter", "filter_progress",
            "list_tables", "listed_scopes", "manifest", "matcher", "receipt", "rewriting", "shard_columns",
            "shard_files", "shard_output", "shard_texts", "statements",
        ))
    }  # fmt: skip
