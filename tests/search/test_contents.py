"""Contents: what is a document, what is not, and why."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.contents import RawFile, Skip, examine
from search.documents import Document
from search.swhid import of_content

ID = "0123456789abcdef0123456789abcdef01234567"


def raw(content: bytes | None = b"x = 1\n", **changes: Any) -> RawFile:
    view = None if content is None else memoryview(content)
    return replace(RawFile(repository="ada/engine", path="a.py", content=view), **changes)


def accepted(file: RawFile) -> Document:
    document = examine(file, 100)
    assert isinstance(document, Document)
    return document


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (raw(b""), Skip.EMPTY),
        (raw(None), Skip.NO_TEXT),
        (raw(None, blob_id=ID), Skip.ELSEWHERE),
        (raw(b"MZ\0\0"), Skip.BINARY),
        (raw(b"\0"), Skip.BINARY),
        (raw(b"x" * 101), Skip.TOO_LARGE),
        (raw(b"caf\xe9"), Skip.UNDECODABLE),
        (raw(b"\xed\xa0\x80"), Skip.UNDECODABLE),  # half of a surrogate pair
        (raw(b"\xc0\x80"), Skip.UNDECODABLE),  # NUL as Java writes it
        (raw(path=None), Skip.NO_PATH),
        (raw(path=""), Skip.NO_PATH),
        (raw(path="//"), Skip.NO_PATH),
        (raw(repository=None), Skip.NO_REPOSITORY),
        (raw(repository=""), Skip.NO_REPOSITORY),
        (raw(content_id=""), Skip.BAD_ID),
        (raw(content_id=ID[:-1]), Skip.BAD_ID),
        (raw(content_id=ID[:-1] + "g"), Skip.BAD_ID),
        (raw(content_id="swh:1:cnt:" + ID), Skip.BAD_ID),
    ],
)
def test_what_is_no_document_has_its_reason(file: RawFile, reason: Skip) -> None:
    assert examine(file, 100) is reason


def test_a_file_with_several_flaws_is_counted_under_the_first() -> None:
    assert examine(RawFile(content_id="?"), 100) is Skip.NO_REPOSITORY
    assert examine(raw(b"", path=None, content_id="?"), 100) is Skip.NO_PATH
    assert examine(raw(b"", content_id="?"), 100) is Skip.BAD_ID
    assert examine(raw(b"\0" * 101), 100) is Skip.TOO_LARGE
    assert examine(raw(b"\0\xff"), 100) is Skip.BINARY


def test_the_limit_itself_is_not_too_large() -> None:
    assert len(accepted(raw(b"x" * 100)).content) == 100


def test_a_leading_slash_is_not_part_of_the_path() -> None:
    assert accepted(raw(path="/src/a.py")).path == "src/a.py"


def test_the_declared_identifier_is_kept_where_the_text_has_another() -> None:
    document = accepted(raw(content_id=ID))
    assert document.swhid == f"swh:1:cnt:{ID}"
    assert document.text_swhid == of_content(b"x = 1\n").core


def test_an_identifier_in_capitals_is_the_same() -> None:
    assert accepted(raw(content_id=ID.upper())).swhid == f"swh:1:cnt:{ID}"


@pytest.mark.parametrize(("given_revision", "kept"), [(ID.upper(), ID), ("HEAD", ""), (None, ""), ("", "")])
def test_a_revision_is_forty_digits_or_nothing(given_revision: str | None, kept: str) -> None:
    assert accepted(raw(revision=given_revision)).revision == kept


def test_the_rest_is_taken_over() -> None:
    document = accepted(raw(language="Python", licenses=("MIT", "0BSD"), stars=9, vendored=True, generated=True))
    assert (document.repository, document.language, document.licenses) == (
        "ada/engine",
        "Python",
        ("MIT", "0BSD"),
    )
    assert (document.stars, document.vendored, document.generated) == (9, True, True)


def test_the_text_outlives_the_memory_it_was_read_from() -> None:
    memory = bytearray(b"x = 1\n")
    document = accepted(RawFile(repository="ada/engine", path="a.py", content=memoryview(memory)))
    memory[:] = b"------"
    assert document.content == b"x = 1\n"


@given(st.binary(max_size=60))
def test_a_content_is_a_document_just_if_it_is_short_utf8_text(content: bytes) -> None:
    def is_text() -> bool:
        try:
            return "\0" not in content.decode("utf-8")
        except UnicodeDecodeError:
            return False

    found = examine(raw(content), 40)
    assert isinstance(found, Document) == (0 < len(content) <= 40 and is_text())


def test_identifiers_are_those_of_git(tmp_path: Path) -> None:
    contents = [b"x", b"x = 1\n", b"a\r\nb\r\n", "naïve 🐍\n".encode(), b"\xef\xbb\xbfBOM", b"y" * 100]
    names = []
    for number, content in enumerate(contents):
        names.append(f"{number}.txt")
        (tmp_path / names[-1]).write_bytes(content)
    command = ["git", "hash-object", "--no-filters", "--", *names]
    digests = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()
    assert [accepted(raw(content)).swhid for content in contents] == [f"swh:1:cnt:{d}" for d in digests]
