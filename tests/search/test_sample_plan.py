"""The sample's plan and sources: what is taken, what it is called, and whose it is."""

from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.sample import MEGABYTE, Sample, SampleShard
from search.sample_plan import REPOSITORY_BYTES, PlannedRepository, plan
from search.sample_sources import SourceFile, SourceRepository, of_folder
from search.sample_tables import is_generated, is_vendored, language_of, licenses_of, repository_of


def source(name: str, sizes: list[int], suffix: str = ".py") -> SourceRepository:
    files = [SourceFile(f"src/{n:04}{suffix}", Path(f"{n}{suffix}"), size) for n, size in enumerate(sizes)]
    return SourceRepository(name, "1.0", ("MIT",), tuple(files))


def size_of(repositories: list[PlannedRepository]) -> int:
    return sum(repository.size for repository in repositories)


sources = st.lists(st.lists(st.integers(1, 50_000), min_size=1, max_size=30), min_size=1, max_size=12).map(
    lambda sizes: [source(f"owner{n}/repo{n}", part) for n, part in enumerate(sizes)]
)


@given(sources, st.integers(100_000, 3_000_000))
def test_a_plan_is_well_formed(repositories: list[SourceRepository], size: int) -> None:
    planned = plan(repositories, size)
    assert planned == plan(repositories, size)
    names = [repository.name for repository in planned]
    assert names == sorted(set(names))
    originals = {(r.name, file.path): file.size for r in repositories for file in r.files}
    for repository in planned:
        paths = [file.path for file in repository.files]
        assert paths == sorted(set(paths))
        for file in repository.files:
            origin = (file.origin.repository, file.origin.path) if file.origin else None
            home = repository.fork_of or repository.name
            assert originals[origin or (home, file.path)] == file.source.size


@given(sources)
def test_where_sources_end_copies_fill_up_to_their_share(repositories: list[SourceRepository]) -> None:
    there = sum(repository.size for repository in repositories)
    planned = plan(repositories, 100 * there)
    copies = sum(file.source.size for r in planned for file in r.files if r.fork_of or file.origin is not None)
    assert size_of(planned) - copies == there
    smallest = sorted(repository.size for repository in repositories)[:2]
    files = sorted((file.size for repository in repositories for file in repository.files), reverse=True)
    # Two forks and eight files are copied whatever their size; a copied file may be in a fork again.
    assert copies <= max(there * 0.3 / 0.7, sum(smallest)) + 2 * sum(files[:8])


def test_copies_are_three_tenths_where_there_is_nothing_else() -> None:
    repositories = [source(f"owner{n}/repo{n}", [40_000] * (n + 1)) for n in range(20)]
    there = sum(repository.size for repository in repositories)
    planned = plan(repositories, 10 * there)
    assert 0.27 < 1 - there / size_of(planned) < 0.31


def test_a_large_repository_does_not_crowd_out_the_others() -> None:
    repositories = [
        source("a/large", [30_000] * 1000),
        *(source(f"b/small{n}", [30_000] * 9) for n in range(9)),
    ]
    planned = {repository.name: repository for repository in plan(repositories, 4 * MEGABYTE)}
    assert all(planned[f"b/small{n}"].size >= 270_000 for n in range(9))
    assert 900_000 < planned["a/large"].size < 1_500_000


def test_a_small_sample_leaves_repositories_out_but_the_first() -> None:
    repositories = [source(f"o/r{n}", [20_000] * 100) for n in range(60)]
    names = {r.name for r in plan(repositories, 8 * REPOSITORY_BYTES) if not r.fork_of}
    assert len(names) == 8
    assert "o/r0" in names
    assert names != {f"o/r{n}" for n in range(8)}


def test_a_sample_of_less_than_nine_tenths_is_short() -> None:
    shard = SampleShard("a.parquet", "stack-v2", 1, 1, 899)
    assert Sample(1000, (shard,), (), (), ()).is_short
    assert not Sample(998, (shard,), (), (), ()).is_short


# --- Sources ----------------------------------------------------------------------------------------


def package(**fields: str | list[str]) -> Message:
    message = Message()
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        (package(Home_page="https://github.com/Ada/Engine"), "Ada/Engine"),
        (package(Home_page="https://github.com/ada/engine.git/"), "ada/engine"),
        (
            package(Project_URL=["Issues, https://github.com/ada/bugs/issues", "Source, https://gitlab.com/a/b"]),
            "a/b",
        ),
        (
            package(Project_URL="Funding, https://github.com/sponsors/ada", Author="Ada Lovelace"),
            "ada-lovelace/x",
        ),
        (package(Home_page="https://github.com/ada"), "x/x"),
        (package(Home_page="https://evil.example/github.com/a/b", Author="Łukasz B., C"), "ukasz-b/x"),
        (package(Author_email='"Ada L." <ada@example.org>'), "ada-l/x"),
        (package(Author_email="ada@example.org"), "ada/x"),
        (package(Home_page="http://[broken"), "x/x"),
        (package(), "x/x"),
    ],
)
def test_a_repository_is_called_by_its_forge_or_its_author(metadata: Message, name: str) -> None:
    assert repository_of(metadata, "x") == name


@pytest.mark.parametrize(
    ("metadata", "licenses"),
    [
        (package(License_Expression="MIT OR (Apache-2.0 AND 0BSD)"), ("MIT", "Apache-2.0", "0BSD")),
        (package(License_Expression="Apache-2.0 WITH LLVM-exception"), ("Apache-2.0 WITH LLVM-exception",)),
        (package(Classifier="License :: OSI Approved :: MIT License", License="ignored"), ("MIT",)),
        (package(Classifier=["License :: OSI Approved", "Topic :: BSD"], License="BSD"), ("BSD-3-Clause",)),
        (package(License="BSD 3-Clause OR Apache-2.0"), ("BSD-3-Clause", "Apache-2.0")),
        (package(License="mpl-2.0"), ("MPL-2.0",)),
        (package(License="Copyright (c) 2001 Ada and others. Redistribution and use ..."), ()),
        (package(License_Expression="MIT AND MIT"), ("MIT",)),
        (package(), ()),
    ],
)
def test_licences_are_read_from_what_packages_say(metadata: Message, licenses: tuple[str, ...]) -> None:
    assert licenses_of(metadata) == licenses


def test_an_unpacked_sdist_is_read_by_its_description(tmp_path: Path) -> None:
    folder = tmp_path / "engine-1.2"
    for path, content in {
        "PKG-INFO": "License-Expression: MIT\nHome-page: https://github.com/ada/engine\n\nText: no",
        "src/engine.c": "int main;",
        "LICENSE": "MIT",
        ".git/config.py": "hidden",
        "src/__pycache__/engine.py": "cached",
        "empty.py": "",
        "logo.png": "binary",
        "docs/été.md": "# Été",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    (folder / "link.py").symlink_to(folder / "src/engine.c")
    found = of_folder(folder)
    assert (found.name, found.version, found.licenses) == ("ada/engine", "1.2", ("MIT",))
    assert [file.path for file in found.files] == ["LICENSE", "docs/été.md", "src/engine.c"]
    assert of_folder(tmp_path / "some-tools").name == "some-tools/some-tools"


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/B.PY", "Python"),
        ("LICENSE", "Text"),
        ("COPYING.LESSER", ""),
        ("x.png", ""),
        ("a.h", "C"),
        ("Makefile", ""),
    ],
)
def test_a_language_is_told_by_the_name(path: str, language: str) -> None:
    assert language_of(path) == language


def test_vendored_and_generated_files_are_told() -> None:
    assert is_vendored("pip/_vendor/rich/text.py")
    assert is_vendored("Vendor/a.c")
    assert not is_vendored("src/vendor.py")
    assert is_generated("static/app.min.js", b"")
    assert is_generated("a.c", b"/* Generated by Cython 3.0 */")
    assert not is_generated("a.py", b"x" * 600 + b"do not edit")
