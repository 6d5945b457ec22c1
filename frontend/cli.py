"""`codesteward`: the questions, from a terminal, to the builds on this machine or to a server."""

import argparse
import json
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from frontend import printing
from frontend.asking import Asker, AskError
from frontend.tree import STDIN, PathError, find_files, read_files
from search.checking import AskedFile

MOST_BYTES = 10 * 2**20
"""A larger file is no document of any release."""

KNOWN_STEP = 1000

FOUND_IS_BAD = "Exit status: 0 nothing was found, 1 something was found, 2 something went wrong (grep's, turned round)."
FOUND_IS_GOOD = "Exit status: 0 something was found, 1 nothing was found, 2 something went wrong (as grep has it)."


def asker(server: str | None) -> Asker:
    """Imported on demand: a question to a server needs no database, one to this machine no network."""
    module = import_module("frontend.remote" if server else "frontend.local")
    made: Asker = module.Asker(server)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        found: bool = options.run(options, console)
    except (AskError, PathError) as error:
        print(f"codesteward: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 2
    except Exception:  # status 1 would say that something was found
        traceback.print_exc()
        return 2
    return int(found == options.found_is_bad)


def run_check(options: argparse.Namespace, console: Console) -> bool:
    left_out: Counter[str] = Counter()
    report = _check_all(options, _something(list(_asked_files(options.paths, left_out)), left_out))
    report["left_out"] = dict(left_out)
    _print(options, console, report, printing.print_report)
    return bool(report["found"])


def _asked_files(paths: Sequence[str], left_out: Counter[str]) -> Iterator[AskedFile]:
    if STDIN in paths:
        yield _given()
    files = find_files(path for path in paths if path != STDIN)
    yield from read_files(files, most=MOST_BYTES, left_out=left_out)


def _given() -> AskedFile:
    content = sys.stdin.buffer.read()
    if b"\0" in content:
        raise PathError("stdin: holds a NUL byte: only text can be checked")
    if len(content) > MOST_BYTES:
        raise PathError(f"stdin: holds {len(content):,} bytes, {MOST_BYTES:,} at most")
    return AskedFile("stdin", content)


def _something(files: list[AskedFile], left_out: Counter[str]) -> list[AskedFile]:
    """The files, or an error where there are none: nothing was looked at, so nothing can be said."""
    if files:
        return files
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(left_out.items()))
    raise PathError(f"there is no file to check{f' (left out: {reasons})' if reasons else ''}")


def _check_all(options: argparse.Namespace, files: list[AskedFile]) -> dict[str, Any]:
    """One report of all files, asked in steps."""
    who = asker(options.server)
    steps = list(_steps(files, who.most_files, who.most_bytes))
    quiet = options.json or len(steps) < 3
    shown = track(steps, "checking", console=Console(stderr=True), disable=quiet, transient=True)
    reports = [who.check(step, options.release) for step in shown]
    whole = reports[0]
    for report in reports[1:]:
        whole["files"] += report["files"]
        whole["found"] |= report["found"]
    return whole


def _steps(files: Iterable[AskedFile], most_files: int, most_bytes: int) -> Iterator[list[AskedFile]]:
    step: list[AskedFile] = []
    size = 0
    for file in files:
        if step and (len(step) == most_files or size + len(file.content) > most_bytes):
            yield step
            step, size = [], 0
        step.append(file)
        size += len(file.content)
    if step:
        yield step


def run_search(options: argparse.Namespace, console: Console) -> bool:
    page = asker(options.server).search(" ".join(options.query), options.limit, options.release)
    _print(options, console, page, printing.print_page)
    return bool(page["hits"])


def run_known(options: argparse.Namespace, console: Console) -> bool:
    swhids = [line for name in options.swhids for line in (_lines() if name == STDIN else [name])]
    who = asker(options.server)
    answer: dict[str, Any] = {}
    for start in range(0, len(swhids), KNOWN_STEP):
        answer |= who.known(swhids[start : start + KNOWN_STEP], options.release)
    _print(options, console, answer, printing.print_known)
    return any(value["known"] for value in answer.values())


def _lines() -> list[str]:
    return [line.strip() for line in sys.stdin if line.strip()]


def run_holdings(options: argparse.Namespace, console: Console) -> bool:
    answer = asker(options.server).holdings(options.scope, options.release)
    _print(options, console, answer, printing.print_holdings)
    return any(holding["documents"] for holding in answer["holdings"])


def run_portrait(options: argparse.Namespace, console: Console) -> bool:
    offline = import_module("frontend.offline")  # needs numba, which the other commands may do without
    left_out: Counter[str] = Counter()
    if not options.paths:
        _print(options, console, offline.describe(Path(options.file)), printing.print_portrait)
        return False
    files = _something(list(_asked_files(options.paths, left_out)), left_out)
    report = offline.check(Path(options.file), files)
    report["left_out"] = dict(left_out)
    _print(options, console, report, printing.print_report)
    return bool(report["found"])


def _print(options: argparse.Namespace, console: Console, answer: dict[str, Any], show: "printing.Printer") -> None:
    if options.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        show(console, answer)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codesteward", description="Is this code in the training set? Answers with places one can check."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = _command(
        commands, "check", run_check, "files and folders: exact copies, verbatim parts, near-duplicates", FOUND_IS_BAD
    )
    check.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a file, a folder (.gitignore is respected), or - for standard input",
    )
    search = _command(
        commands, "search", run_search, 'words, "phrases", /regular expressions/, repo: and more', FOUND_IS_GOOD
    )
    search.add_argument("query", nargs="+", metavar="QUERY")
    search.add_argument("--limit", type=int, default=20, choices=range(1, 101), metavar="N", help="hits, 20 by default")
    known = _command(commands, "known", run_known, "contents by their SWHIDs", FOUND_IS_BAD)
    known.add_argument(
        "swhids", nargs="+", metavar="SWHID", help="swh:1:cnt:..., or - for one a line on standard input"
    )
    holdings = _command(
        commands, "holdings", run_holdings, "what each release holds of an account, a repository ...", FOUND_IS_BAD
    )
    holdings.add_argument("scope", metavar="SCOPE", help="account:NAME, repo:OWNER/NAME, path:, swhid: or email:")
    portrait = _command(
        commands, "portrait", run_portrait, "ask a downloaded portrait, without any network", FOUND_IS_BAD
    )
    portrait.add_argument("file", metavar="FILE", help="as downloaded from /api/v1/releases/NAME/portrait")
    portrait.add_argument("paths", nargs="*", metavar="PATH", help="what to check; nothing: describe the portrait")
    return parser


def _command(commands: Any, name: str, run: Any, what: str, epilog: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=f"Ask about {what}." if name != "portrait" else what,
        epilog=epilog,
    )  # fmt: skip
    command.set_defaults(run=run, found_is_bad=epilog == FOUND_IS_BAD)
    command.add_argument("--json", action="store_true", help="the answer as the API gives it")
    if name != "portrait":
        command.add_argument("--server", metavar="URL", help="ask this server instead of the builds in DATA_DIR")
        command.add_argument("--release", metavar="NAME", help="an active release; the latest by default")
    return command


if __name__ == "__main__":
    sys.exit(main())
