"""The filter beside a plain rewrite of the same shards: read a batch, write a batch."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from benchmarks import corpus
from benchmarks.rows import Row
from governance.signing import SigningKey
from governance.storage import location
from optout.exclusion_list import Exclusion, open_list, write_list
from optout.matcher import Matcher
from optout.receipt import SHARDS
from optout.rewriting import ShardOutcome, ShardTask, filter_shard
from search.scope import ScopeKind, parse_scope
from search.shards import read_documents

EXCLUSIONS = 1_000_000
SHARE = 200
"""One document in so many is covered by name, at least one in each shard."""
ROUNDS = 5
NAMES = ("account", "repo", "path")
KINDS = tuple(ScopeKind)


def rows() -> list[Row]:
    folder = corpus.folder() / "filtering"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shards = sorted(corpus.shards().rglob("*.parquet"))
    covered, size = _chosen(shards)
    key = SigningKey.generate()
    names, seconds = _loaded(_written(folder / "names", {*covered, *_strangers(NAMES)}, key), key)
    texts, _ = _loaded(_written(folder / "texts", {*covered, *_strangers(KINDS)}, key), key)
    nothing, _ = _loaded(_written(folder / "nothing", set(_strangers(NAMES)), key), key)

    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: _rewrite_plainly(shards, folder / "plain.parquet"),
        "names": lambda: _filter(shards, names, folder / "out", copied=False),
        "texts": lambda: _filter(shards, texts, folder / "out", copied=False),
        "nothing": lambda: _filter(shards, nothing, folder / "out", copied=True),
    }
    rates = {name: size / 1e6 / spent for name, spent in _spent(ways).items()}
    shutil.rmtree(folder)

    def beside(name: str) -> str:
        return f"{rates[name]:.0f} MB/s, {rates[name] / rates['plain']:.2f} of a plain rewrite"

    return [
        Row("text", f"{size / 1e6:.0f} MB, {len(shards)} shards, {len(covered):,} documents covered in all of them"),
        Row("verify and load a list of 1,000,000 exclusions", f"{seconds:.1f} s"),
        Row("plain rewrite (same columns, compression, dictionaries)", f"{rates['plain']:.0f} MB/s"),
        Row("filter, every shard rewritten, accounts, repositories, paths", beside("names"), ">= 0.6"),
        Row("filter, every shard rewritten, contents and e-mail as well", beside("texts"), ">= 0.6"),
        Row("filter, nothing covered, every shard copied", beside("nothing")),
    ]


def _chosen(shards: list[Path]) -> tuple[set[str], int]:
    """Paths of some documents of each shard, and the bytes of text in all."""
    chance, scopes, size = Random(7), set(), 0
    for shard in shards:
        places = []
        for document in read_documents(shard, max_bytes=10**9, tally=Counter()):
            places.append(f"path:{document.repository}/{document.path}")
            size += len(document.content)
        scopes |= {str(parse_scope(place)) for place in chance.sample(places, 1 + len(places) // SHARE)}
    return scopes, size


def _strangers(kinds: tuple[str, ...]) -> Iterator[str]:
    """A million scopes of things that are in no shard."""
    made: dict[str, Callable[[int], str]] = {
        "account": lambda n: f"account:nobody-{n:07}",
        "repo": lambda n: f"repo:nobody-{n:07}/project-{n % 97}",
        "path": lambda n: f"path:nobody-{n:07}/project-{n % 97}/src/module-{n % 1009}",
        "swhid": lambda n: f"swhid:swh:1:cnt:{n:040x}",
        "email": lambda n: f"email:nobody.{n:07}@nowhere.example",
    }
    return (made[kinds[n % len(kinds)]](n) for n in range(EXCLUSIONS))


def _written(folder: Path, scopes: set[str], key: SigningKey) -> Path:
    exclusions = (Exclusion(scope, (), 1) for scope in sorted(scopes))
    write_list(
        folder, number=1, previous=None, as_of=None, releases=[], exclusions=exclusions, documents=[], keys=[key]
    )
    return folder


def _loaded(folder: Path, key: SigningKey) -> tuple[Matcher, float]:
    started = time.process_time()
    matcher = Matcher.of(open_list(folder, [key.public], documents=False).scopes())
    return matcher, time.process_time() - started


def _spent(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of processor time of each way, all its threads; they take turns, so that all meet the same machine."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            started = time.process_time()
            work()
            spent[name].append(time.process_time() - started)
    return {name: median(seconds) for name, seconds in spent.items()}


def _rewrite_plainly(shards: list[Path], out: Path) -> None:
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            group = file.metadata.row_group(0)
            columns = [group.column(index) for index in range(group.num_columns)]
            options: dict[str, Any] = {
                "compression": columns[0].compression.lower(),
                "use_dictionary": [column.path_in_schema for column in columns if column.has_dictionary_page],
            }
            with pq.ParquetWriter(out, file.schema_arrow, **options) as writer:
                for batch in file.iter_batches():
                    writer.write_batch(batch)


def _filter(shards: list[Path], matcher: Matcher, out: Path, *, copied: bool) -> list[ShardOutcome]:
    shutil.rmtree(out, ignore_errors=True)
    (out / SHARDS).mkdir(parents=True)
    tasks = [ShardTask(location(path), f"{number}.parquet", number, out) for number, path in enumerate(shards)]
    outcomes = [filter_shard(task, matcher) for task in tasks]
    if any(outcome.made.copied != copied for outcome in outcomes):
        raise RuntimeError("a shard was copied that should be rewritten, or rewritten that should be copied")
    return outcomes
