"""A small release, built in code: five repositories, copies, an edited copy, a secret, odd names."""

import random
from collections.abc import Sequence
from pathlib import Path

from tests.search.fixtures_shards import V2, V3, v2_row, v3_file, v3_row, write_shard

NOUNS = ("buffer", "cursor", "header", "packet", "socket", "ledger", "widget", "matrix", "branch", "signal")
VERBS = ("parse", "write", "merge", "split", "fetch", "count", "order", "close", "check", "build")


def code(seed: int, functions: int = 12) -> str:
    """Python that looks written: the same for the same seed, unlike for others."""
    rng = random.Random(seed)
    lines = [f'"""Module {seed}: {rng.choice(VERBS)} the {rng.choice(NOUNS)}."""', "", "import os", ""]
    for _ in range(functions):
        verb, noun, number = rng.choice(VERBS), rng.choice(NOUNS), rng.randrange(10_000)
        lines += [
            f"def {verb}_{noun}_{number}(self, {rng.choice(NOUNS)}={number}):",
            f"    {noun}_total = {rng.randrange(10**6)} + len(self.{rng.choice(NOUNS)}_{rng.randrange(100)})",
            f"    for index in range({rng.randrange(100)}, {noun}_total, {rng.randrange(1, 9)}):",
            f"        self.{rng.choice(VERBS)}{rng.choice(NOUNS).title()}(index, key={rng.random():.12f})",
            f"    return {noun}_total * {rng.randrange(10**5)}",
            "",
        ]
    return "\n".join(lines) + "\n"


LICENSE_HEADER = (
    "# Licensed under the Apache License, Version 2.0 (the License); you may not use this file except in\n"
    "# compliance with the License. You may obtain a copy of the License at the usual place of the Foundation.\n"
)

PARSER = code(1)
WRITER = code(2)
EDITED_WRITER = WRITER.replace("index", "position", 3) + "\n# one more line\n"
SECRET = 'password = "correct-horse-battery"\nowner = "grace.hopper@example.org"\n' + code(3, 3)
LATIN = "# Grüße aus Köln: Größe prüfen\n" + code(4, 4)

V3_ROWS = [
    v3_row(
        "ada/engine",
        [
            v3_file(PARSER, file_path="src/parser.py", detected_licenses=["MIT"]),
            v3_file(WRITER, file_path="src/io/writer.py", detected_licenses=["MIT"]),
            v3_file("", file_path="src/__init__.py"),
            v3_file("GIF89a\0\1", file_path="logo.gif", language=None),
        ],
        github_metadata={"stars": 900, "is_fork": False},
    ),
    v3_row("Grace/Compiler", [v3_file(SECRET, file_path="conf/settings.py", detected_licenses=[])]),
]
V2_ROWS = [
    v2_row(PARSER, repo_name="bob/engine-fork", path="/src/parser.py", star_events_count=1),
    v2_row(EDITED_WRITER, repo_name="bob/engine-fork", path="/src/io/writer.py", star_events_count=1),
    v2_row(LATIN, repo_name="émile/größe", path="/prüfung/maß.py", detected_licenses=["GPL-3.0-only", "MIT"]),
    v2_row(
        "int main(void) { return parseUrl(); }\n",
        repo_name="carol/tools",
        path="/main.c",
        language="C",
        is_vendor=True,
    ),
]


def write_tiny(folder: Path) -> list[Path]:
    """The release's two shards, one of each layout."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_shard(folder / "a.parquet", V3_ROWS, V3),
        write_shard(folder / "b.parquet", V2_ROWS, V2),
    ]


def write_texts(path: Path, texts: Sequence[str], repository: str = "many/files") -> Path:
    """One shard of one repository that holds `texts` as 0.py, 1.py, ..."""
    rows = [v2_row(text, repo_name=repository, path=f"/{number}.py") for number, text in enumerate(texts)]
    return write_shard(path, rows, V2)
