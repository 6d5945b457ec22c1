"""The sample: real, the same every time, and with the copies in it that it says it has."""

import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from search.documents import Document
from search.sample import GROUP_BYTES, MEGABYTE, is_text, make_sample
from search.sample_edits import LEAST_SIMILAR, MOST_SIMILAR, draw, edit
from search.sample_sources import SampleError, standard_library
from search.shards import inspect_shard
from tests.search.fixtures_shards import read_shard

SIZE = 3 * MEGABYTE
Place = tuple[str, str]


def quietly(done: int) -> None:
    assert done > 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample")
    make_sample([], out, SIZE, quietly)
    return out


@pytest.fixture(scope="module")
def documents(folder: Path) -> dict[Place, Document]:
    found: dict[Place, Document] = {}
    for shard in shards_in(folder):
        read, skipped = read_shard(shard)
        assert not skipped
        found |= {(document.repository, document.path): document for document in read}
    return found


def shards_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def described(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "sample.json").read_text(encoding="utf-8"))
    return said


def place(copy: dict[str, str]) -> Place:
    return copy["repository"], copy["path"]


def jaccard(one: bytes, other: bytes) -> float:
    """Of word 5-grams, spelled out."""
    grams = []
    for text in (one, other):
        words = re.findall(rb"[a-z0-9_\x80-\xff]+", text.lower())
        grams.append({tuple(words[start : start + 5]) for start in range(len(words) - 4)})
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


# --- The whole --------------------------------------------------------------------------------------


def test_the_same_sources_and_size_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from search.sample import make_sample;"
        f"make_sample([], Path(sys.argv[1]), {SIZE}, lambda done: None)"
    )
    environment = os.environ | {
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Tokyo",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment, cwd="/")
    assert digests(tmp_path) == digests(folder)


def test_it_is_about_as_large_as_was_asked_for(folder: Path, documents: dict[Place, Document]) -> None:
    size = sum(len(document.content) for document in documents.values())
    assert 0.95 * SIZE < size < 1.05 * SIZE
    assert described(folder)["bytes"] == size
    assert described(folder)["documents"] == len(documents)
    assert described(folder)["repositories"] == len({repository for repository, _ in documents})


def test_each_layout_has_half_of_the_repositories_in_two_shards_or_more(folder: Path) -> None:
    layouts = described(folder)["layouts"]
    assert list(layouts) == ["stack-v3", "stack-v2"]
    assert abs(layouts["stack-v3"]["repositories"] - layouts["stack-v2"]["repositories"]) <= 1
    for name, facts in layouts.items():
        names = sorted(path.name for path in (folder / name).iterdir())
        assert names == [f"part-{number:05}.zstd.parquet" for number in range(facts["shards"])]
        assert facts["shards"] >= 2


def test_what_is_said_of_a_shard_is_what_is_in_it(folder: Path) -> None:
    for said in described(folder)["shards"]:
        facts = inspect_shard(folder / said["path"])
        assert (facts.layout, facts.documents, facts.text_bytes) == (
            said["layout"],
            said["documents"],
            said["bytes"],
        )


def test_identifiers_and_sizes_are_true(folder: Path, documents: dict[Place, Document]) -> None:
    assert all(document.swhid == document.text_swhid for document in documents.values())
    with duckdb.connect() as database:
        query = "SELECT count(*) FROM read_parquet($shards) WHERE sha1(content) <> blob_id"
        wrong = database.execute(query, {"shards": str(folder / "stack-v2/*.parquet")}).fetchone()
        query = "SELECT count(*) FROM read_parquet($shards) WHERE num_files <> len(files)"
        uncounted = database.execute(query, {"shards": str(folder / "stack-v3/*.parquet")}).fetchone()
    assert wrong == uncounted == (0,)


def test_repositories_are_sorted_and_row_groups_bounded(folder: Path) -> None:
    names: list[str] = []
    for shard in shards_in(folder / "stack-v3"):
        names += map(str, pq.read_table(shard, columns=["repo_path"]).column("repo_path").to_pylist())
    assert names == sorted(names)
    for shard in shards_in(folder):
        file = pq.read_metadata(shard)
        sizes = [file.row_group(number).total_byte_size for number in range(file.num_row_groups)]
        assert max(sizes) < 1.2 * GROUP_BYTES


def test_the_standard_library_and_its_licence_are_in_it(documents: dict[Place, Document]) -> None:
    found = [document for (repository, _), document in documents.items() if repository == "python/cpython"]
    assert found
    library = [document for document in found if document.path.startswith("Lib/")]
    assert all(document.licenses == ("PSF-2.0",) for document in library)
    source = standard_library()
    original = {file.path: file.place for file in source.files}
    assert all(original[document.path].read_bytes() == document.content for document in library)


def test_popularity_is_skewed_and_every_repository_has_one_revision(documents: dict[Place, Document]) -> None:
    stars = {repository: document.stars for (repository, _), document in documents.items()}
    ordered = sorted(stars.values())
    assert ordered[-1] > 5 * ordered[len(ordered) // 2]
    revisions = {(document.repository, document.revision) for document in documents.values()}
    assert len(revisions) == len(stars)
    assert all(re.fullmatch("[0-9a-f]{40}", revision) for _, revision in revisions)


def test_names_are_not_only_plain_ones(documents: dict[Place, Document]) -> None:
    assert any(not path.isascii() for _, path in documents)
    owners = {repository.partition("/")[0] for repository, _ in documents}
    assert any(owner != owner.lower() for owner in owners)
    assert all(owner.isascii() for owner in owners)


# --- Copies -----------------------------------------------------------------------------------------


def test_a_whole_fork_holds_what_its_upstream_holds(folder: Path, documents: dict[Place, Document]) -> None:
    whole = [fork for fork in described(folder)["forks"] if fork["whole"]]
    assert whole
    for fork in whole:
        copied, upstream = (
            {path: document.swhid for (repository, path), document in documents.items() if repository == name}
            for name in (fork["repository"], fork["forked_from"])
        )
        assert copied
        assert copied == upstream
        assert fork["repository"].split("/")[0] != fork["forked_from"].split("/")[0]


def test_forks_say_so_in_the_layout_that_can(folder: Path) -> None:
    forks = {fork["repository"]: fork["forked_from"] for fork in described(folder)["forks"]}
    seen = 0
    for shard in shards_in(folder / "stack-v3"):
        for row in pq.read_table(shard, columns=["repo_path", "github_metadata"]).to_pylist():
            metadata = row["github_metadata"]
            assert metadata["forked_from"] == forks.get(row["repo_path"])
            assert metadata["is_fork"] == (row["repo_path"] in forks)
            seen += metadata["is_fork"]
    assert seen


def test_a_vendored_copy_is_the_same_file_elsewhere(folder: Path, documents: dict[Place, Document]) -> None:
    vendored = described(folder)["vendored"]
    assert vendored
    for pair in vendored:
        source, copy = documents[place(pair["source"])], documents[place(pair["copy"])]
        assert (copy.content, copy.licenses) == (source.content, source.licenses)
        assert copy.repository != source.repository
        assert copy.vendored


def test_an_edited_copy_is_near_its_source_but_not_the_same(folder: Path, documents: dict[Place, Document]) -> None:
    edited = described(folder)["edited"]
    assert len(edited) >= 3
    for pair in edited:
        source, copy = documents[place(pair["source"])], documents[place(pair["copy"])]
        similarity = jaccard(source.content, copy.content)
        assert 0.7 < similarity < 0.95
        assert similarity == pytest.approx(pair["similarity"], abs=1e-9)
        assert copy.swhid != source.swhid


@given(st.text(), st.text(max_size=5))
def test_an_edit_is_within_its_bounds_or_refused(text: str, key: str) -> None:
    content = " ".join(f"{text} {word} = call_{word}({key})\n" for word in ("alpha", "beta", "gamma")).encode()
    made = edit(content, key)
    assert made == edit(content, key)
    if made:
        assert LEAST_SIMILAR < jaccard(content, made.content) < MOST_SIMILAR
        assert is_text(made.content) == is_text(content)


def test_other_keys_give_other_edits() -> None:
    content = Path(re.__file__).read_bytes()
    made = {edit(content, str(key)) for key in range(5)}
    assert None not in made
    assert len(made) == 5


# --- More sources ----------------------------------------------------------------------------------


def test_more_sources_are_added_and_what_is_no_text_is_left_out(tmp_path: Path) -> None:
    name = min((f"zeta{n}" for n in range(3000)), key=lambda name: draw("repository", f"{name}/{name}"))
    repository = tmp_path / "more" / f"{name}-2.0"
    repository.mkdir(parents=True)
    (repository / "good.rs").write_text("fn main() {}\n")
    (repository / "latin.c").write_bytes(b"// caf\xe9\n")
    (repository / "nul.js").write_bytes(b"var a = '\0';\n")
    make_sample([tmp_path / "more"], tmp_path / "out", MEGABYTE, quietly)
    found = [d for shard in shards_in(tmp_path / "out") for d in read_shard(shard)[0]]
    paths = {document.path for document in found if document.repository == f"{name}/{name}"}
    assert "good.rs" in paths
    assert paths.isdisjoint({"latin.c", "nul.js"})


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="nowhere: No such file or directory"):
        make_sample([tmp_path / "nowhere"], tmp_path / "out", MEGABYTE, quietly)
    (tmp_path / "flat").mkdir()
    with pytest.raises(SampleError, match="flat: holds no folders"):
        make_sample([tmp_path / "flat"], tmp_path / "out", MEGABYTE, quietly)


# --- The command ------------------------------------------------------------------------------------


def test_the_command_says_what_it_made_and_what_comes_next(tmp_path: Path) -> None:
    out = StringIO()
    call_command("make_sample", "--out", str(tmp_path / "s"), "--megabytes", "1", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line.split()[-1] for line in lines[: len(shards_in(tmp_path))]] == [
        str(path) for layout in ("stack-v3", "stack-v2") for path in shards_in(tmp_path / "s" / layout)
    ]
    # Whole files of whatever is installed: not to the byte.
    made = float(lines[-2].removeprefix("Made ").partition(" MB of text: ")[0])
    assert 0.7 <= made <= 1.3
    assert lines[-1] == f"Next: manage.py register stack-sample-2026-11 --shards {tmp_path / 's'}"


def test_a_smaller_sample_takes_the_place_of_a_larger_one(tmp_path: Path) -> None:
    stale = tmp_path / "stack-v2" / "part-00099.zstd.parquet"
    stale.parent.mkdir()
    stale.write_bytes(b"left by a larger sample")
    foreign = tmp_path / "stack-v2" / "mine.parquet"
    foreign.write_bytes(b"somebody else's")
    call_command("make_sample", "--out", str(tmp_path), "--megabytes", "1", stdout=StringIO())
    assert not stale.exists()
    assert foreign.exists()


@pytest.mark.parametrize("size", ["0", "-5", "1.5", "many", "100001"])
def test_the_command_refuses_a_size_that_is_none(size: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="must be a whole number from 1 to 100000"):
        call_command("make_sample", "--out", str(tmp_path), f"--megabytes={size}")


def test_the_command_names_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nowhere: No such file"):
        call_command("make_sample", "--out", str(tmp_path), "--source", str(tmp_path / "nowhere"))


def test_a_full_disk_is_said_and_leaves_no_shard(tmp_path: Path) -> None:
    """A limit on the size of files is what a test can have of a full disk: writes fail half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(SampleError, match=str(tmp_path)):
            make_sample([], tmp_path / "sample", SIZE, quietly)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list((tmp_path / "sample").rglob("*.parquet")) == []
