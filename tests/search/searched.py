"""A few hundred documents that look like code, and an oracle that shares nothing with the engine: DuckDB.

It reads the rows of the shards themselves, tells words apart by RE2's Unicode classes, and knows no index.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from search.documents import Document
from search.swhid import of_content
from tests.search.analysis import reference
from tests.search.fixtures_shards import V2, V3, v2_row, v3_file, v3_row, write_shard

NAME = "searched-2026-11"
DOCUMENTS = 320

NAMES = (
    "parseUrl", "parse_url", "parseurl", "URLParser", "HTTPServer", "x86_64", "utf8", "größe", "Größe", "naïve_bayes",
    "load", "loader", "load_all", "if", "int", "x", "maß", "данные", "数据", "id",
)  # fmt: skip
LINES = (
    "{a} = {b}[{n}] + 1",
    "{a}[{n}] += 1;",
    "if ({a} != {b}) return {a}->{b};",
    "    {a}.{b}.join({n}, '{a} {b}')",
    "# not found: {a}",
    "raise NotFound('{a} not found')  // not  found",
    "std::vector<{a}> {b}({n});",
    "{a}::{b}(\t\"{n}\")",
    "print(f\"{{{a}}} → {b} 😀\")",
    "\\\\{a}\\{b}/c:{n}",
    '"{a}\\/{b}"',
)  # fmt: skip


def text(rng: random.Random) -> str:
    lines = [
        rng.choice(LINES).format(a=rng.choice(NAMES), b=rng.choice(NAMES), n=rng.randrange(40))
        for _ in range(rng.randrange(1, 9))
    ]
    return rng.choice(("\n", "\r\n")).join(lines) + "\n"


def v2_rows(rng: random.Random, number: int) -> list[dict[str, Any]]:
    rows = [
        v2_row(
            text(rng),
            repo_name=rng.choice(("Ada/Engine", "ada/tools", "bob/engine", "émile/größe")),
            path=f"/{rng.choice(('src', 'src/Lib', 'lib', 'my docs'))}/{place}.{rng.choice(('py', 'c'))}",
            language=rng.choice(("Python", "C++", "Jupyter Notebook", None)),
            detected_licenses=rng.choice(([], ["MIT"], ["Apache-2.0", "MIT"])),
            star_events_count=rng.choice((0, 1, 5, 1000)),
            is_vendor=rng.random() < 0.2,
            is_generated=rng.random() < 0.1,
        )
        for place in range(number)
    ]
    return [*rows, rows[0], rows[0] | {"repo_name": "bob/copy"}]


def v3_rows(rng: random.Random, number: int) -> list[dict[str, Any]]:
    return [
        v3_row(
            f"carol/repo{place % 3}",
            [
                v3_file(text(rng), file_path=f"lib/v3_{place}_{i}.py", language=rng.choice(("Python", "C")))
                for i in (0, 1)
            ],
            github_metadata={"stars": rng.choice((0, 40)), "is_fork": False},
        )
        for place in range(number)
    ]


def write_corpus(folder: Path) -> tuple[Path, Path]:
    rng = random.Random(20261101)
    return (
        write_shard(folder / "a.parquet", v2_rows(rng, DOCUMENTS - 100), V2),
        write_shard(folder / "b.parquet", v3_rows(rng, 50), V3),
    )


TABLE = """
create table rows as
select distinct repo_name as repository, ltrim(path, '/') as path, content, coalesce(language, '') as language,
       detected_licenses as licenses, star_events_count as stars, is_vendor or is_generated as behind
from read_parquet('{0}')
union
select repo_path, f.file_path, f.content, f.language, f.detected_licenses, github_metadata.stars, f.is_vendor
from (select repo_path, github_metadata, unnest(files) as f from read_parquet('{1}'))
"""


Place = tuple[str, str, str]
"""Repository, path, core SWHID: what makes a document one document."""


@dataclass(frozen=True)
class Oracle:
    """The rows of the shards, asked in SQL."""

    connection: "duckdb.DuckDBPyConnection"
    orders: dict[Place, int]

    def places(self, where: str) -> set[Place]:
        rows = self.connection.sql(f"select repository, path, content from documents where {where}").fetchall()
        return {place_of(*row) for row in rows}

    def in_order(self, places: set[Place]) -> list[Place]:
        return sorted(places, key=lambda place: self.orders[place])

    @property
    def texts(self) -> list[str]:
        return [row[0] for row in self.connection.sql("select distinct content from documents order by 1").fetchall()]


def place_of(repository: str, path: str, content: str) -> Place:
    return repository, path, of_content(content.encode()).core


def make_oracle(shards: Sequence[Path]) -> Oracle:
    connection = duckdb.connect()
    connection.execute(TABLE.format(*shards))
    texts = [row[0] for row in connection.sql("select distinct content from rows").fetchall()]
    connection.execute("create table taken_apart (content varchar, parts varchar[])")
    taken_apart = [[text, sorted(reference.parts(text))] for text in texts]
    connection.executemany("insert into taken_apart values (?, ?)", taken_apart)
    connection.execute("create table documents as select * from rows join taken_apart using (content)")
    orders = {}
    for row in connection.sql("select repository, path, content, stars, behind from documents").fetchall():
        place = place_of(*row[:3])
        orders[place] = Document(place[2], row[0], row[1], b"x", stars=row[3], vendored=row[4]).order
    return Oracle(connection, orders)
