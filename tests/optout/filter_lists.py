"""Lists to be filtered with, and the filter run on shards."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from optout.exclusion_list import Exclusion, ExclusionList, write_list
from optout.filter import Order, apply_list
from optout.manifest import ReleaseBuild
from optout.receipt import Receipt
from tests.governance.keygen import KEY, OTHER

STEWARD, PIPELINE = KEY, OTHER
"""Who publishes lists, and who applies them."""

ROOT = Path(__file__).resolve().parents[2]


def publish(folder: Path, scopes: Iterable[str] | Mapping[str, Sequence[str]], number: int = 1) -> ExclusionList:
    """List `number` of the scopes, each with its other names where it is a mapping."""
    named = scopes if isinstance(scopes, Mapping) else dict.fromkeys(scopes, ())
    return write_list(
        folder,
        number=number,
        previous=None if number == 1 else "0" * 64,
        as_of="2026-11-21T11:00:00Z",
        releases=[ReleaseBuild("tiny-1", "tiny-1-a")],
        exclusions=[Exclusion(scope, tuple(sorted(named[scope])), 1) for scope in sorted(named)],
        documents=[],
        keys=[STEWARD],
    )


@dataclass(frozen=True)
class Bench:
    """A folder with shards, a list, keys, and a place for what comes out."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, scopes: Iterable[str] | Mapping[str, Sequence[str]]) -> "Bench":
        bench = cls(folder)
        bench.shards.mkdir(parents=True)
        publish(bench.listed, scopes)
        bench.trust.write_text(STEWARD.public.to_openssh("steward") + "\n", encoding="utf-8")
        bench.key.write_bytes(PIPELINE.to_openssh("pipeline"))
        return bench

    @property
    def shards(self) -> Path:
        return self.folder / "in"

    @property
    def listed(self) -> Path:
        return self.folder / "list-000001"

    @property
    def trust(self) -> Path:
        return self.folder / "steward.pub"

    @property
    def key(self) -> Path:
        return self.folder / "pipeline"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def filtered(self, release: str | None = None) -> Receipt:
        """Run the filter in this process."""
        return apply_list(Order(self.listed, self.trust, (self.shards,), self.out, self.key, release))

    def arguments(self, *more: str, **instead: Path | str) -> list[str]:
        """The arguments of the command; `instead` of these, by the name of the option."""
        usual = {"list": self.listed, "trust": self.trust, "in": self.shards, "out": self.out, "key": self.key}
        given = usual | {name.rstrip("_"): value for name, value in instead.items()}
        return [word for name, value in given.items() for word in (f"--{name}", str(value))] + list(more)

    def run(self, *more: str, **instead: Path | str) -> subprocess.CompletedProcess[str]:
        """Run the command in a process of its own."""
        return subprocess.run(
            self.command(*more, **instead),
            cwd=ROOT,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def command(self, *more: str, **instead: Path | str) -> list[str]:
        return [sys.executable, "-m", "optout.filter", *self.arguments(*more, **instead)]

    def files(self) -> dict[str, bytes]:
        """What is in the folder, but for what comes out."""
        paths = [path for path in self.folder.rglob("*") if path.is_file() and self.out not in path.parents]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "DATABASE"))}
