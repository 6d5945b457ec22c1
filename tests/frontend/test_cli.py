"""The command line as people use it: a process of its own, its output and its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from search.swhid import of_content
from tests import corpus
from tests.environment import own_site
from tests.frontend.conftest import RELEASE


def ask(
    site: dict[str, str], *arguments: str, given: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**site, "PYTHONPATH": str(settings.BASE_DIR), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "frontend.cli", *arguments],
        env=environment,
        cwd=folder or settings.BASE_DIR,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    (folder / "copied.py").write_text(corpus.PARSER)
    (folder / "sub" / "quoting.py").write_text("x = 1\n" + corpus.WRITER[200:900])
    (folder / "own.py").write_text("print('nobody wrote this before me')\n")
    return folder


# --- check -----------------------------------------------------------------------------------------


def test_a_folder_is_answered_in_words_first(site: dict[str, str], mine: Path) -> None:
    done = ask(site, "check", str(mine))
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[0] == f"Yes. 1 of your 3 files is in {RELEASE}, and parts of 1 more."
    assert "ada/engine/src/parser.py (MIT)" in done.stdout
    assert "bob/engine-fork/src/parser.py" in done.stdout
    assert "own.py" not in done.stdout


def test_a_strangers_file_is_not_found(site: dict[str, str], mine: Path) -> None:
    done = ask(site, "check", str(mine / "own.py"))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"No. Nothing of your file was found in {RELEASE}.")


def test_json_is_the_report_of_the_api(site: dict[str, str], mine: Path) -> None:
    done = ask(site, "check", "--json", str(mine / "copied.py"))
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["release"] == RELEASE
    (file,) = report["files"]
    assert file["path"] == str(mine / "copied.py")
    assert file["swhid"] == of_content(corpus.PARSER.encode()).core
    assert {piece["grade"] for piece in file["evidence"]} == {"exact"}


def test_standard_input_is_a_file(site: dict[str, str]) -> None:
    done = ask(site, "check", "-", given=corpus.PARSER)
    assert done.returncode == 1
    assert "stdin" in done.stdout


def test_a_checkout_is_read_as_git_sees_it(site: dict[str, str], mine: Path) -> None:
    subprocess.run(["git", "init", "-q", str(mine)], check=True)
    (mine / ".gitignore").write_text("copied.py\nsub/\n")
    subprocess.run(["git", "-C", str(mine), "add", "."], check=True)
    report = json.loads(ask(site, "check", "--json", str(mine)).stdout)
    assert {Path(file["path"]).name for file in report["files"]} == {".gitignore", "own.py"}
    below = json.loads(ask(site, "check", "--json", ".", folder=mine).stdout)
    assert {file["path"] for file in below["files"]} == {".gitignore", "own.py"}


def test_what_is_no_text_is_left_out_and_told(site: dict[str, str], mine: Path) -> None:
    (mine / "picture.gif").write_bytes(b"GIF89a\0\1\2")
    (mine / "nothing.py").write_text("\n")
    (mine / "link.py").symlink_to(mine / "copied.py")
    done = ask(site, "check", str(mine))
    assert "Not checked: 1 binary, 1 empty, 1 symbolic link." in done.stdout
    assert "link.py" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "nowhere.py"], "nowhere.py: there is no such file or folder"),
        (["check", "--release", "other", "manage.py"], "release 'other' does not exist"),
        (["search", "/(/"], "/(/"),
        (["known", "swh:1:cnt:xyz"], "'x' at digit 1 is not a lower-case hexadecimal digit"),
        (["holdings", "torvalds"], "must begin with one of account:"),
        (["check", "--server", "http://127.0.0.1:9", "manage.py"], "cannot be asked"),
        (["portrait", "nowhere.portrait"], "nowhere.portrait"),
    ],
)
def test_what_cannot_be_answered_is_said_with_status_two(
    site: dict[str, str], arguments: list[str], message: str
) -> None:
    done = ask(site, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_any_build_the_way_on_is_told(tmp_path: Path, mine: Path) -> None:
    done = ask(own_site(tmp_path / "empty"), "check", str(mine))
    assert done.returncode == 2
    assert "make run" in done.stderr


def test_help_says_what_the_exit_status_means(site: dict[str, str]) -> None:
    assert "0 nothing was found, 1 something was found" in ask(site, "check", "--help").stdout
    assert "0 something was found, 1 nothing was found" in ask(site, "search", "--help").stdout


# --- the other questions ---------------------------------------------------------------------------


def test_search_exits_as_grep(site: dict[str, str]) -> None:
    found = ask(site, "search", "parseUrl")
    assert found.returncode == 0
    assert "carol/tools/main.c" in found.stdout
    assert ask(site, "search", "nowheretobefound").returncode == 1


def test_known_tells_each(site: dict[str, str]) -> None:
    known, unknown = of_content(corpus.PARSER.encode()).core, of_content(b"?").core
    done = ask(site, "known", known, unknown)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [f"{known}  known", f"{unknown}  not known"]
    assert ask(site, "known", "-", given=f"{unknown}\n").returncode == 0


def test_holdings_count_by_repository(site: dict[str, str]) -> None:
    done = ask(site, "holdings", "account:BOB")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith(f"{RELEASE} holds 2 documents of account:bob")
    assert ask(site, "holdings", "account:nobody").returncode == 0


# --- offline and remote ----------------------------------------------------------------------------


def test_a_portrait_answers_without_any_build(site: dict[str, str], mine: Path, tmp_path: Path) -> None:
    portrait = Path(site["DATA_DIR"]) / "builds" / f"{RELEASE}-1" / "portrait"
    elsewhere = {**site, "DATA_DIR": str(tmp_path / "empty")}
    described = ask(elsewhere, "portrait", str(portrait))
    assert described.returncode == 0
    assert f"Portrait of {RELEASE}: whole" in described.stdout
    done = ask(elsewhere, "portrait", str(portrait), str(mine))
    assert done.returncode == 1
    assert done.stdout.startswith(f"Probably. Parts of 2 of your 3 files seem to be in {RELEASE}.")
    assert "an accident one time in" in done.stdout
    assert ask(elsewhere, "portrait", str(portrait), str(mine / "own.py")).returncode == 0


def test_a_server_gives_the_same_answers(site: dict[str, str], server: str, mine: Path, tmp_path: Path) -> None:
    elsewhere = {**site, "DATA_DIR": str(tmp_path / "empty")}
    for arguments in (
        ["check", str(mine)],
        ["check", "--json", str(mine)],
        ["search", "parseUrl"],
        ["known", of_content(corpus.PARSER.encode()).core],
        ["holdings", "account:bob"],
    ):
        here, there = ask(site, *arguments), ask(elsewhere, *arguments, "--server", server)
        assert (there.returncode, there.stdout) == (here.returncode, here.stdout), there.stderr
    assert not (tmp_path / "empty").exists()


def test_a_servers_problem_is_passed_on(site: dict[str, str], server: str) -> None:
    done = ask(site, "search", "/(/", "--server", server)
    assert done.returncode == 2
    assert "q: /(/" in done.stderr


def test_an_ignored_folder_that_is_named_is_read(site: dict[str, str], mine: Path) -> None:
    subprocess.run(["git", "init", "-q", str(mine)], check=True)
    (mine / ".gitignore").write_text("sub/\n")
    report = json.loads(ask(site, "check", "--json", str(mine / "sub")).stdout)
    assert [Path(file["path"]).name for file in report["files"]] == ["quoting.py"]


def test_a_repository_inside_a_checkout_is_read(site: dict[str, str], mine: Path) -> None:
    for folder in (mine, mine / "sub"):
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    report = json.loads(ask(site, "check", "--json", str(mine)).stdout)
    assert {Path(file["path"]).name for file in report["files"]} == {"copied.py", "own.py", "quoting.py"}


def test_nothing_to_check_is_no_answer(site: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "picture.gif").write_bytes(b"GIF89a\0")
    done = ask(site, "check", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no file to check (left out: 1 binary)" in done.stderr


def test_a_nul_on_standard_input_is_an_error(site: dict[str, str]) -> None:
    done = ask(site, "check", "-", given="a\0b")
    assert done.returncode == 2
    assert "stdin: holds a NUL byte" in done.stderr


def test_a_name_that_is_no_utf8_is_shown_escaped(site: dict[str, str], server: str, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text(corpus.PARSER)
    for where in ([], ["--server", server]):
        done = ask(site, "check", "--json", str(tmp_path), *where)
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["files"][0]["path"].endswith(r"caf\xe9.py")
