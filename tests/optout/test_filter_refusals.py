"""Whatever is wrong is refused with its reason, one line each; then nothing was written and the input is as it was."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.signing import SigningKey
from optout.filter import main
from tests.governance.keygen import made
from tests.optout.filter_lists import ROOT, STEWARD, Bench, clean_environment, publish
from tests.search.fixtures_shards import V2, V3, v2_row, v3_file, v3_row, write_shard

GONE = "path:ada/engine/gone.py"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Two shards, of which one holds something that is covered."""
    bench = Bench.made(tmp_path, [GONE])
    write_shard(bench.shards / "a.parquet", [v2_row(path="/kept.py"), v2_row(path="/gone.py")], V2)
    write_shard(bench.shards / "b.parquet", [v3_row("bob/x", [v3_file()])], V3)
    return bench


Refusal = Callable[..., list[str]]


@pytest.fixture
def refusal(bench: Bench, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Runs the command, which must refuse; returns what it says, line by line."""

    def run(*more: str, **instead: Path | str) -> list[str]:
        before = bench.files()
        names = sorted(path.name for path in bench.folder.iterdir())
        assert main(bench.arguments("--jobs", "1", *more, **instead)) == 2
        assert bench.files() == before
        assert sorted(path.name for path in bench.folder.iterdir()) == names
        said = capsys.readouterr()
        assert said.out == ""
        return said.err.splitlines()

    return run


def test_nothing_is_refused_where_nothing_is_wrong(bench: Bench) -> None:
    """Otherwise the tests below would show nothing."""
    assert main(bench.arguments("--jobs", "1", "--quiet")) == 0


# --- the list and the keys --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.json", "manifest.dsse.json", "manifest.json.sig", "exclusions.jsonl",
                                  "exclusions.parquet", "documents.jsonl", "documents.parquet"])  # fmt: skip
def test_a_list_of_which_one_bit_was_changed(bench: Bench, refusal: Refusal, name: str) -> None:
    content = bytearray((bench.listed / name).read_bytes() or b"\0")
    content[len(content) // 2] ^= 1
    (bench.listed / name).write_bytes(content)
    (line,) = refusal()
    assert name in line


def test_a_list_that_another_has_signed(bench: Bench, refusal: Refusal) -> None:
    bench.trust.write_text(SigningKey.generate().public.to_openssh())
    (line,) = refusal()
    assert "manifest.dsse.json: signatures: none of 1 is by a trusted key" in line


def test_a_list_that_is_not_there(bench: Bench, refusal: Refusal) -> None:
    assert refusal(list=bench.folder / "nothing") == [
        f"{bench.folder}/nothing/manifest.json: cannot be read: No such file or directory"
    ]


def test_a_list_may_be_trusted_by_one_of_several_keys(bench: Bench) -> None:
    other = SigningKey.generate().public.to_openssh("other")
    bench.trust.write_text(f"# who may publish lists\n\n{other}\n{STEWARD.public.to_openssh('steward')}\n")
    assert main(bench.arguments("--jobs", "1", "--quiet")) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no public key"),
        ("# none\n", "holds no public key"),
        ("nonsense", "public key"),
        ("ssh-rsa AAAA x", "ssh-rsa"),
    ],
)
def test_a_trusted_key_that_is_none(bench: Bench, refusal: Refusal, text: str, reason: str) -> None:
    bench.trust.write_text(text)
    (line,) = refusal()
    assert line.startswith(f"{bench.trust}: ")
    assert reason in line


def test_a_private_key_with_a_passphrase(bench: Bench, refusal: Refusal) -> None:
    locked = made(bench.folder / "locked", "-t", "ed25519", "-N", "secret")
    (line,) = refusal(key=locked)
    assert line.startswith(f"{locked}: the private key has a passphrase")


def test_keys_that_are_not_there(bench: Bench, refusal: Refusal) -> None:
    nothing = bench.folder / "nothing"
    assert refusal(key=nothing) == refusal(trust=nothing) == [f"{nothing}: cannot be read: No such file or directory"]


def test_a_public_key_in_place_of_the_private_one(bench: Bench, refusal: Refusal) -> None:
    (line,) = refusal(key=bench.trust)
    assert line.startswith(f"{bench.trust}: the private key cannot be read")


# --- where to write ---------------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["folder", "file", "link", "empty"])
def test_an_output_that_is_there_already(bench: Bench, refusal: Refusal, there: str) -> None:
    if there == "link":
        bench.out.symlink_to(bench.folder / "nowhere")
    elif there == "file":
        bench.out.write_text("mine")
    else:
        bench.out.mkdir()
        if there == "folder":
            (bench.out / "mine").write_text("mine")
    assert refusal() == [f"{bench.out}: is there already"]
    assert there != "folder" or (bench.out / "mine").read_text() == "mine"


@pytest.mark.parametrize("place", ["in/out", "in", "in/../in/deep/out", "list-000001/out"])
def test_an_output_inside_the_input(bench: Bench, refusal: Refusal, place: str) -> None:
    (line,) = refusal(out=bench.folder / place)
    assert line.startswith(f"{bench.folder / place}: is inside {bench.folder}")
    assert line.endswith(", which must not be changed")


def test_an_output_inside_the_input_by_way_of_a_link(bench: Bench, refusal: Refusal) -> None:
    (bench.folder / "other").symlink_to(bench.shards)
    (line,) = refusal(out=bench.folder / "other" / "out")
    assert "is inside" in line


def test_an_input_inside_the_output(bench: Bench, refusal: Refusal) -> None:
    (line,) = refusal(out=bench.folder)
    assert line.startswith(f"{bench.folder}: holds {bench.folder}/")


def test_an_output_in_a_folder_that_is_not_there(bench: Bench, refusal: Refusal) -> None:
    (line,) = refusal(out=bench.folder / "no" / "out")
    assert line == f"{bench.folder}/no/out: cannot be written: there is no folder {bench.folder}/no"


def test_an_output_where_nothing_may_be_written(bench: Bench, refusal: Refusal) -> None:
    (line,) = refusal(out="/proc/out")
    assert line.startswith("/proc/out: cannot be written: ")


def test_a_full_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No file may grow over 200 kB: while a shard is copied, and while one is written anew."""
    noise = Random(1).randbytes(300_000).hex()
    for number, path in enumerate(("/kept.py", "/gone.py")):
        bench = Bench.made(tmp_path / str(number), [GONE])
        write_shard(bench.shards / "a.parquet", [v2_row(noise, path="/x.py"), v2_row(path=path)], V2)
        before = bench.files()
        done = subprocess.run(
            bench.command("--jobs", "1"),
            cwd=ROOT,
            env=clean_environment(),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"{bench.out}: cannot be written: ")
        assert "File too large" in line
        assert bench.files() == before
        assert not list(bench.folder.glob("out*"))


# --- the shards -------------------------------------------------------------------------------------


def test_shards_that_are_not_there(bench: Bench, refusal: Refusal) -> None:
    nothing = bench.folder / "nothing.parquet"
    (line,) = refusal(in_=nothing)
    assert line.startswith(f"{nothing}: is not a readable Parquet file: ")


def test_a_folder_without_shards(bench: Bench, refusal: Refusal) -> None:
    empty = bench.folder / "empty"
    empty.mkdir()
    assert refusal(in_=empty) == [f"{empty}: holds no .parquet file"]


def test_a_shard_that_is_cut_off(bench: Bench, refusal: Refusal) -> None:
    shard = bench.shards / "b.parquet"
    shard.write_bytes(shard.read_bytes()[:-100])
    (line,) = refusal()
    assert line.startswith(f"{shard}: is not a readable Parquet file: ")


def test_all_that_is_wrong_with_shards_is_told_before_anything_is_written(bench: Bench, refusal: Refusal) -> None:
    (bench.shards / "c.parquet").write_bytes(b"PAR1")
    pq.write_table(pa.table({"repo_name": ["a/b"], "text": ["x"]}), bench.shards / "d.parquet")
    pq.write_table(pa.table({"repo_path": ["a/b"], "files": [[{"path": "x"}]]}), bench.shards / "e.parquet")
    lines = refusal()
    assert [line.partition(":")[0] for line in lines] == [str(bench.shards / f"{name}.parquet") for name in "cde"]
    assert lines[1].partition("d.parquet: ")[2] == (
        "is of no known layout: stack-v2 needs path. Where they have other names, write a column map (--columns)"
    )
    assert "is of no known layout: stack-v3 needs files.file_path, files.content; " in lines[2]


@pytest.mark.parametrize("column", ["repo_name", "path", "content"])
def test_a_column_of_a_type_that_cannot_hold_it_is_as_good_as_missing(
    bench: Bench, refusal: Refusal, column: str
) -> None:
    row = {name: [5] if name == column else ["x"] for name in ("repo_name", "path", "content")}
    pq.write_table(pa.table(row), bench.shards / "c.parquet")
    (line,) = refusal()
    assert column in line.partition("stack-v2 needs")[2]


def test_files_in_lists_of_fixed_size_are_of_no_known_layout(bench: Bench, refusal: Refusal) -> None:
    files = pa.list_(pa.struct([("file_path", pa.string()), ("content", pa.string())]), 1)
    table = pa.table({"repo_path": ["ada/engine"], "files": pa.array([[{"file_path": "a", "content": "x"}]], files)})
    pq.write_table(table, bench.shards / "c.parquet")
    (line,) = refusal()
    assert "stack-v3 needs files.file_path, files.content" in line


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_shard_that_is_damaged_within(bench: Bench, jobs: str) -> None:
    """Found only when its rows are written anew: what was written until then is taken away."""
    shard = bench.shards / "c.parquet"
    rows = [v2_row(f"number {n}" * 50, path="/gone.py" if n == 0 else f"/{n}.py") for n in range(200)]
    write_shard(shard, rows, V2, row_group_size=50, compression="none", use_dictionary=False, write_page_checksum=True)
    content = shard.read_bytes()
    at = content.index(b"number 120number 120")
    shard.write_bytes(content[:at] + b"x" + content[at + 1 :])
    before = bench.files()
    done = bench.run("--jobs", jobs, "--quiet")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{shard}: is damaged in row group 2, at row ")
    assert "CRC" in line
    assert bench.files() == before
    assert not list(bench.folder.glob("out*"))


def test_two_shards_of_one_relative_name(bench: Bench, refusal: Refusal) -> None:
    other = bench.folder / "other"
    other.mkdir()
    (other / "b.parquet").write_bytes((bench.shards / "b.parquet").read_bytes())
    (other / "c.parquet").write_bytes((bench.shards / "b.parquet").read_bytes())
    (line,) = refusal("--in", str(other))
    assert line == f"{other}/b.parquet: has the relative name b.parquet, as {bench.shards}/b.parquet has"


def test_a_name_that_no_receipt_could_hold(bench: Bench, refusal: Refusal) -> None:
    os.link(bench.shards / "a.parquet", os.fsencode(bench.shards) + b"/caf\xe9.parquet")
    assert refusal() == [r"'caf\udce9.parquet': is no UTF-8, so that no receipt could name it"]
    (bench.shards / "caf\udce9.parquet").unlink()
    assert refusal("--release", "caf\udce9") == [r"'caf\udce9': is no UTF-8, so that no receipt could name it"]


def test_a_shard_that_changes_while_it_is_read(bench: Bench) -> None:
    """Another process appends to it: the receipt must not speak of a file that nobody read."""
    script = (
        "import sys; from optout import rewriting; from optout.filter import main; from pathlib import Path\n"
        "copy = rewriting._copy\n"
        "def slowly(place, target):\n"
        "    copy(place, target)\n"
        "    with place.local.open('ab') as stream: stream.write(b'x')\n"
        "rewriting._copy = slowly\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *bench.arguments("--jobs", "1")],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"{bench.shards}/b.parquet: was changed while it was read"
    assert not bench.out.exists()


# --- the command line -------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "²", ""])
def test_a_number_of_jobs_that_is_none(bench: Bench, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(bench.arguments(f"--jobs={jobs}"))
    assert caught.value.code == 2
    assert "must be a number of processes, at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--list", "--trust", "--in", "--out", "--key"])
def test_every_part_must_be_given(bench: Bench, capsys: pytest.CaptureFixture[str], option: str) -> None:
    arguments = bench.arguments()
    at = arguments.index(option)
    with pytest.raises(SystemExit) as caught:
        main(arguments[:at] + arguments[at + 2 :])
    assert caught.value.code == 2
    assert option in capsys.readouterr().err


def test_a_list_that_changes_after_it_was_verified(bench: Bench, tmp_path: Path) -> None:
    """Its bytes are compared once more when they are used."""
    script = (
        "import shutil, sys; from optout import filter\n"
        "opened = filter.open_list\n"
        "def swapped(folder, *more, **other):\n"
        "    found = opened(folder, *more, **other)\n"
        f"    shutil.copy({str(tmp_path / 'evil' / 'exclusions.parquet')!r}, folder)\n"
        "    return found\n"
        "filter.open_list = swapped\n"
        "sys.exit(filter.main(sys.argv[1:]))"
    )
    publish(tmp_path / "evil", ["account:nobody"])
    done = subprocess.run(
        [sys.executable, "-c", script, *bench.arguments("--jobs", "1", "--quiet")],
        cwd=ROOT,
        env=clean_environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "exclusions.parquet: was changed since it was verified" in done.stderr
    assert not list(tmp_path.glob("out*"))
    assert json.loads((bench.listed / "manifest.json").read_bytes())["number"] == 1
    assert os.path.lexists(bench.shards / "a.parquet")
