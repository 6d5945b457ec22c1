"""Every file of the default sample has the identifier that git gives it."""

import subprocess
from collections import Counter
from pathlib import Path

from search.sample import MEGABYTE, make_sample
from search.shards import read_documents


def test_swhids_equal_git_hash_object_for_every_file(tmp_path: Path) -> None:
    make_sample([], tmp_path / "sample", 50 * MEGABYTE, lambda done: None)
    declared = []
    paths: list[str] = []
    for shard in sorted((tmp_path / "sample").rglob("*.parquet")):
        tally: Counter[str] = Counter()
        for document in read_documents(shard, max_bytes=2**30, tally=tally):
            path = tmp_path / f"{len(paths)}.txt"
            path.write_bytes(document.content)
            paths.append(str(path))
            declared.append((document.swhid, document.text_swhid))
        assert not tally
    listed = "\n".join(paths)
    hashed = subprocess.run(
        ["git", "hash-object", "--no-filters", "--stdin-paths"],
        input=listed,
        capture_output=True,
        text=True,
        check=True,
    )
    by_git = [f"swh:1:cnt:{line}" for line in hashed.stdout.split()]
    assert len(by_git) > 1000
    assert declared == [(swhid, swhid) for swhid in by_git]
