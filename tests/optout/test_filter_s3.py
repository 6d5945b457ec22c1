"""The filter from and to a real S3 server: the same bytes as on this machine, and never half of them for whole."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance.storage import Location, location
from optout.filter import Order, Refused, apply_list
from optout.receipt import ENVELOPE
from tests import s3
from tests.optout.filter_lists import ROOT, Bench, clean_environment
from tests.search.fixtures_shards import V2, V3, v2_row, v3_file, v3_row, write_shard

pytestmark = s3.needs_server

SCOPES = ["account:bob", "path:ada/engine/gone.py"]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with s3.bucket_of_its_own() as url:
        for name, value in s3.environment_of(s3.SHARED).items():
            monkeypatch.setenv(name, value)
        yield url


@pytest.fixture
def bench(tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Four shards, here and in the bucket, below `in`: with covered files, with nothing covered, with nothing left."""
    bench = Bench.made(tmp_path, SCOPES)
    (tmp_path / "spool").mkdir()
    monkeypatch.setenv("SPOOL_DIR", str(tmp_path / "spool"))
    write_shard(bench.shards / "a.parquet", [v2_row(path="/kept.py"), v2_row(path="/gone.py")], V2)
    (bench.shards / "tief ü").mkdir()
    rows = [v3_row("Bob/x", [v3_file(), v3_file()]), v3_row("ada/engine", [v3_file()]), v3_row(None, [v3_file()])]
    write_shard(bench.shards / "tief ü" / "b.parquet", rows, V3)
    write_shard(bench.shards / "c.parquet", [v2_row(), v2_row(path=None)], V2)
    write_shard(bench.shards / "d.parquet", [v2_row(repo_name="bob/y")], V2)
    send(bench.shards, f"{bucket}/in")
    return bench


def send(folder: Path, url: str) -> None:
    for path in folder.rglob("*.parquet"):
        location(url).child(path.relative_to(folder).as_posix()).send(path)


def files_of(url: str | Path) -> dict[str, bytes]:
    place = location(url)
    return {file.name_below(place): file.read_bytes(2**30) for file in place.below()}


def order(bench: Bench, out: str | Path, *inputs: str | Path, jobs: int = 1) -> Order:
    return Order(bench.listed, bench.trust, inputs, out, bench.key, "clean-1", jobs=jobs)


def refusal(asked: Order) -> str:
    with pytest.raises(Refused) as caught:
        apply_list(asked)
    return "\n".join(caught.value.args)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_from_prefix_to_prefix_it_is_the_same_as_from_folder_to_folder(bench: Bench, bucket: str, jobs: str) -> None:
    before = files_of(f"{bucket}/in")
    bench.filtered("clean-1")
    done = bench.run("--release", "clean-1", "--jobs", jobs, **{"in": f"{bucket}/in", "out": f"{bucket}/clean/1"})
    assert done.returncode == 0, done.stderr
    assert files_of(f"{bucket}/clean/1") == files_of(bench.out)
    assert files_of(f"{bucket}/in") == before
    assert done.stdout.splitlines()[0].startswith(f"{bucket}/clean/1: list 1 is applied to 4 shards")
    assert done.stdout.splitlines()[-1] == f"The receipt to send back: {bucket}/clean/1/{ENVELOPE}"
    assert list((bench.folder / "spool").iterdir()) == []


def test_one_side_may_be_on_a_server(bench: Bench, bucket: str) -> None:
    bench.filtered("clean-1")
    apply_list(order(bench, f"{bucket}/up", bench.shards))
    apply_list(order(bench, bench.folder / "down", f"{bucket}/in/"))
    assert files_of(f"{bucket}/up") == files_of(bench.folder / "down") == files_of(bench.out)


def test_shards_may_be_named_one_by_one(bench: Bench, bucket: str) -> None:
    receipt = apply_list(order(bench, f"{bucket}/clean", f"{bucket}/in/a.parquet", bench.shards / "c.parquet"))
    assert [shard.name for shard in receipt.outputs] == ["a.parquet", "c.parquet"]
    assert {f"shards/{name}" for name in ("a.parquet", "c.parquet")} <= files_of(f"{bucket}/clean").keys()


def test_a_prefix_that_holds_something_is_refused(bench: Bench, bucket: str) -> None:
    write(location(f"{bucket}/notes/readme.txt"))
    assert refusal(order(bench, f"{bucket}/notes", bench.shards)) == (
        f"{bucket}/notes: is not empty: it holds readme.txt"
    )
    assert "is there already" in refusal(order(bench, f"{bucket}/notes/readme.txt", bench.shards))
    apply_list(order(bench, f"{bucket}/clean", bench.shards))
    before = files_of(f"{bucket}/clean")
    assert refusal(order(bench, f"{bucket}/clean", bench.shards)) == f"{bucket}/clean: is there already"
    assert files_of(f"{bucket}/clean") == before


def write(place: Location) -> None:
    with place.write_atomically() as file:
        file.write(b"x")


@pytest.mark.parametrize("out", ["in", "in/clean", "", "in/a.parquet/x"])
def test_an_output_among_the_input_is_refused(bench: Bench, bucket: str, out: str) -> None:
    said = refusal(order(bench, f"{bucket}/{out}".rstrip("/"), f"{bucket}/in"))
    assert "which must not be changed" in said


def test_what_is_not_there_is_told_for_every_input(bench: Bench, bucket: str) -> None:
    write(location(f"{bucket}/empty/readme.txt"))
    said = refusal(order(bench, f"{bucket}/clean", f"{bucket}/empty", "ftp://host/x", f"{bucket}/../x"))
    assert said.splitlines() == [
        f"{bucket}/empty: holds no .parquet file",
        "ftp://...: is of a kind that is not known; known are paths, file:/// and s3://",
        f"{bucket}/../x: '../x' has an empty part, '.' or '..' between its slashes",
    ]
    said = refusal(order(bench, f"{bucket}/clean", f"{bucket}/nothing.parquet"))
    assert said.startswith(f"{bucket}/nothing.parquet: is not a readable Parquet file: is not there")


def test_wrong_keys_are_told(bench: Bench, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_KEY_FILE", "")
    monkeypatch.setenv("S3_SECRET_KEY", "wJalrXUtnFEMI")
    done = bench.run(**{"in": f"{bucket}/in", "out": str(bench.out)})
    assert done.returncode == 2
    assert "permission is refused" in done.stderr
    assert "wJalrXUtnFEMI" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_shard_leaves_nothing(bench: Bench, bucket: str) -> None:
    path = bench.shards / "c.parquet"
    octets = bytearray(path.read_bytes())
    octets[8:200] = random.Random(1).randbytes(192)
    path.write_bytes(octets)
    location(f"{bucket}/in/c.parquet").send(path)
    said = refusal(order(bench, f"{bucket}/clean", f"{bucket}/in"))
    assert said.startswith(f"{bucket}/in/c.parquet: is damaged in row group 0")
    assert files_of(f"{bucket}/clean") == {}
    assert list((bench.folder / "spool").iterdir()) == []


# --- Stopped and killed -------------------------------------------------------------------------------


@pytest.fixture
def long_bench(bench: Bench, bucket: str) -> Bench:
    for number in range(30):
        rows = [v2_row(f"text {number} {row} " * 500, path=f"/{row}.py") for row in range(50)]
        write_shard(bench.shards / f"long-{number:02}.parquet", rows, V2)
    send(bench.shards, f"{bucket}/in")
    return bench


def started(bench: Bench, bucket: str) -> "subprocess.Popen[bytes]":
    """The command, when it has put its first shards there."""
    command = bench.command("--jobs", "1", **{"in": f"{bucket}/in", "out": f"{bucket}/clean"})
    running = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stderr=subprocess.DEVNULL)
    late = time.monotonic() + 60
    while not location(f"{bucket}/clean/shards").below() and running.poll() is None and time.monotonic() < late:
        time.sleep(0.02)
    return running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_leaves_nothing(long_bench: Bench, bucket: str, number: signal.Signals) -> None:
    with started(long_bench, bucket) as running:
        running.send_signal(number)
        status = running.wait(60)
    assert status in {0, 128 + number}
    assert bool(files_of(f"{bucket}/clean")) == (status == 0)
    assert list((long_bench.folder / "spool").iterdir()) == []


def test_killed_it_leaves_no_receipt_and_nobody_writes_beside_what_it_left(long_bench: Bench, bucket: str) -> None:
    with started(long_bench, bucket) as running:
        running.kill()
        running.wait(60)
    left = files_of(f"{bucket}/clean")
    if ENVELOPE in left:
        assert len(left) == 37  # it was quicker: 34 shards and three files
        return
    assert "another run is at it, or was killed" in refusal(order(long_bench, f"{bucket}/clean", f"{bucket}/in"))
    assert files_of(f"{bucket}/clean") == left
    apply_list(order(long_bench, f"{bucket}/other", f"{bucket}/in"))
    assert ENVELOPE in files_of(f"{bucket}/other")
    assert list((long_bench.folder / "spool").iterdir()) == []


def test_of_two_runs_to_one_prefix_one_at_most_is_done(bench: Bench, bucket: str) -> None:
    command = bench.command("--jobs", "1", **{"in": f"{bucket}/in", "out": f"{bucket}/clean"})
    options = {"cwd": ROOT, "env": clean_environment(), "stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    runs = [subprocess.Popen(command, **options) for _ in range(3)]  # type: ignore[call-overload]
    statuses = sorted(run.wait(120) for run in runs)
    assert statuses in ([0, 2, 2], [2, 2, 2])
    assert (ENVELOPE in files_of(f"{bucket}/clean")) == (statuses[0] == 0)
