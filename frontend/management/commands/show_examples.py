import shlex
import sysconfig
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from frontend import cli
from search import lookup
from search.swhid import of_content

OWN = (
    'def greet(name):\n    """Nobody else has written this line of {0} before."""\n    return f"{0} greets {{name}}"\n'
)
LEAST, MOST = 4_000, 60_000


class Command(BaseCommand):
    help = "Ask the latest release three questions on the command line, about files of this machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--keep", metavar="DIR", help="leave the asked files here")

    def handle(self, *args: Any, **options: Any) -> None:
        known = _known_files()
        try:
            whole, quoted = next(known), next(known)
        except StopIteration:
            raise CommandError("the active release holds no file of this machine's standard library") from None
        except lookup.NoRelease as error:
            raise CommandError(str(error)) from None
        with tempfile.TemporaryDirectory(prefix="codesteward-") as temporary:
            folder = Path(options["keep"] or temporary) / "mine"
            _write_mine(folder, whole, quoted)
            self._ask(["check", str(folder)])
            name = next(line.split()[1].split("(")[0] for line in _definitions(whole))
            self._ask(["search", f"def {name.rstrip(':')} lang:Python", "--limit", "3"])
            self._ask(["known", str(of_content(whole.read_bytes())), str(of_content(OWN.encode()))])

    def _ask(self, arguments: list[str]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(f"\n$ codesteward {shlex.join(arguments)}"))
        self.stdout.flush()
        status = cli.main(arguments)
        self.stdout.write(f"(exit status {status})")


def _known_files() -> Iterator[Path]:
    """Files of the standard library that the latest release holds, byte for byte."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        content = path.read_bytes()
        if not LEAST < len(content) < MOST or not _definitions(path):
            continue
        swhid = of_content(content)
        if lookup.known([swhid])[swhid.core].known:
            yield path


def _definitions(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line.startswith("def ")]


def _write_mine(folder: Path, whole: Path, quoted: Path) -> None:
    """A file that is in the release, one that quotes thirty lines of another, and one of one's own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "copied.py").write_bytes(whole.read_bytes())
    lines = quoted.read_text("utf-8").splitlines(keepends=True)
    middle = len(lines) // 2
    (folder / "quoting.py").write_text(OWN.format("quoting") + "".join(lines[middle : middle + 30]), "utf-8")
    (folder / "own.py").write_text(OWN.format("own"), "utf-8")
