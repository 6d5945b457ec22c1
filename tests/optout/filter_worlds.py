"""Random shards and lists that have to do with one another, for the filter's oracle."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.search.fixtures_shards import V2, V3, v2_row, v3_file, v3_row

REPOSITORIES = (
    "ada/engine", "Ada/Notes", "ADA/engine-old", "bob/engine", "bob/engine2", "lovelace/engine", "Grace/COBOL",
    "ünal/Straße", "ÜNAL/yol", "ПРОЕКТ/Ядро", "日本/語", "solo", "Solo2", "group/sub/project", "trailing/", None, "",
)  # fmt: skip
PATHS = (
    "src/a", "src/ab", "src/a/b.c", "src/a/B.c", "SRC/a/b.c", "src/a.py", "README", "src/naïve/ü.rs", "src/naïve",
    "a b/c d", "x", "", "/", None,
)  # fmt: skip
ADDRESSES = ("ada@example.org", "bob_b@mail.example.co.uk", "x+y@a.io")
AROUND = (
    "", "no address", "<{}>", "mail {}.", "{}\n", "author='{}'", "+{}", "é{}", "{}2", "x{}", "{}x", "{}.uk", "_{}",
    "@{}", "{},{}", "{}@",
)  # fmt: skip
"""What stands around an address; in some it becomes another."""
SHARED = ("x = 1\n", "def f(): pass\n", "shared by forks\n", "ünïcode\n", "", "bin\0ary", "long" * 2000)


def blob(text: str) -> str:
    content = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class World:
    """Rows of both layouts, and the scopes of a list with their other names."""

    v3: list[dict[str, Any]]
    v2: list[dict[str, Any]]
    scopes: dict[str, list[str]]


def world(chance: Random) -> World:
    v3 = [
        v3_row(
            repository,
            chance.choice([None, [], *[_v3_files(chance)] * 12]),
            repo_id=number,
        )
        for number, repository in enumerate(chance.sample(REPOSITORIES, chance.randint(1, 12)))
    ]
    for row in v3:
        row["num_files"] = chance.choice([None, 99, *[len(row["files"] or ())] * 8])
    v2 = [_v2_row(chance) for _ in range(chance.randint(1, 40))]
    wanted = chance.choice([0, 1, 2, 3, 5, 12])
    scopes: dict[str, list[str]] = {}
    for _ in range(wanted):
        kind = chance.choice(["account", "repo", "path", "path", "swhid", "email"])
        scope, *names = sorted({_scope(chance, kind) for _ in range(chance.choice([1, 1, 1, 3]))})
        scopes[scope] = names
    return World(v3, v2, scopes)


def write_world(chance: Random, made: World, folder: Path) -> None:
    """Two shards of each layout, written in all the ways that writers have."""
    for name, schema, rows in (("v3", V3, made.v3), ("deep/v2", V2, made.v2)):
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.Table.from_pylist(rows, _varied(chance, schema)),
            str(path),
            row_group_size=chance.choice([1, 3, 1000]),
            compression=chance.choice(["snappy", "zstd", "gzip", "none"]),
            use_dictionary=chance.random() < 0.5,
            store_schema=chance.random() < 0.5,
            use_compliant_nested_type=chance.random() < 0.5,
        )


def _varied(chance: Random, schema: pa.Schema) -> pa.Schema:
    """The schema with large types in place of some."""
    if chance.random() < 0.5:
        return schema
    return pa.schema([field.with_type(_large(field.type)) for field in schema])


def _large(kind: Any) -> Any:
    if pa.types.is_string(kind):
        return pa.large_string()
    if pa.types.is_list(kind):
        return pa.large_list(_large(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([kind.field(n).with_type(_large(kind.field(n).type)) for n in range(kind.num_fields)])
    return kind


def _v3_files(chance: Random) -> list[Any]:
    return [chance.choice([None, *[_file(chance, v3_file, "file_path")] * 30]) for _ in range(chance.randint(1, 8))]


def _v2_row(chance: Random) -> dict[str, Any]:
    row = _file(chance, v2_row, "path")
    if row["path"] and chance.random() < 0.8:
        row["path"] = f"/{row['path']}"
    return row | {"repo_name": chance.choice(REPOSITORIES)}


def _file(chance: Random, made: Any, path: str) -> dict[str, Any]:
    text = _text(chance)
    declared = blob(text or "")
    if chance.random() < 0.3:
        declared = chance.choice([blob(chance.choice(SHARED)), declared.upper(), "f" * 40, "nonsense", ""])
    file: dict[str, Any] = made(text, **{path: chance.choice(PATHS)})
    return file | {"content_id": chance.choice([None, declared, declared])}


def _text(chance: Random) -> str | None:
    if chance.random() < 0.05:
        return None
    if chance.random() < 0.6:
        return chance.choice(SHARED)
    address = chance.choice(ADDRESSES)
    address = chance.choice([address, address.upper(), address.title()])
    return chance.choice(AROUND).format(address, "eve@example.com") + chance.choice(["", "\n", " end"])


def _scope(chance: Random, kind: str) -> str:
    """A scope of that kind which may well cover something."""
    repository = (chance.choice(REPOSITORIES) or "ada/engine").lower()
    named = repository if repository.count("/") == 1 and not repository.endswith("/") else "lovelace/engine"
    values = {
        "account": repository.partition("/")[0],
        "repo": named,
        "path": f"{named}/{(chance.choice(PATHS) or 'src').strip('/') or 'src'}",
        "swhid": f"swh:1:cnt:{blob(chance.choice(SHARED))}",
        "email": chance.choice([*ADDRESSES, "eve@example.com", "nobody@example.net"]),
    }
    return f"{kind}:{values[kind]}"
