"""Encodings: texts of an archive become UTF-8 by what the dataset says of them, and by nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.contents import RawFile, Skip, examine
from search.documents import Document
from search.encodings import CODECS, as_utf_8, codec_named
from search.swhid import of_content


def raw(content: bytes, encoding: str | None) -> RawFile:
    return RawFile("ada/engine", "a.py", content=memoryview(content), encoding=encoding)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF-8", "utf_8"), ("utf8", "utf_8"), (None, "utf_8"), ("", "utf_8"), ("ISO-8859-1", "iso8859_1"),
        ("WINDOWS-1252", "cp1252"), ("SHIFT_JIS", "shift_jis"), ("GB18030", "gb18030"), ("EUC-KR", "euc_kr"),
        ("UHC", "cp949"), ("KOI8-R", "koi8_r"), ("UTF-16LE", "utf_16_le"), ("MAC-CYRILLIC", "mac_cyrillic"),
        ("TIS-620", "tis_620"), ("EUC-TW", None), ("hex", None), ("idna", None), ("punycode", None),
        ("unicode_escape", None), ("rot13", None), ("zlib", None), ("../x", None), ("é" * 10_000, None),
    ],
)  # fmt: skip
def test_names_are_those_of_character_sets(name: str | None, codec: str | None) -> None:
    assert codec_named(name) == codec


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_every_codec_of_the_table_decodes(codec: str) -> None:
    assert as_utf_8("plain, text 1".encode(codec), codec) == b"plain, text 1"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf_8_stays_what_it_is(text: str) -> None:
    assert as_utf_8(text.encode(), "utf_8") == text.encode()


@given(st.text(st.characters(codec="cp1251"), min_size=1))
def test_what_was_encoded_comes_back_unless_it_happens_to_be_utf_8(text: str) -> None:
    octets = text.encode("cp1251")
    found = as_utf_8(octets, "cp1251")
    assert found in {text.encode(), octets}
    if found != text.encode():
        octets.decode()


def test_a_text_is_decoded_and_keeps_the_identifier_of_its_own_bytes() -> None:
    octets = "Größe = 1\n".encode("latin-1")
    document = examine(raw(octets, "ISO-8859-1"), 100)
    assert isinstance(document, Document)
    assert document.content == "Größe = 1\n".encode()
    assert document.swhid == of_content(octets).core != document.text_swhid


@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (b"caf\xe9", "EUC-TW", Skip.UNKNOWN_ENCODING),
        (b"caf\xe9", "hex", Skip.UNKNOWN_ENCODING),
        (b"caf\xe9", "UTF-8", Skip.UNDECODABLE),
        (b"\xff\xff\xff", "EUC-JP", Skip.UNDECODABLE),
        (b"\xff\0", "EUC-JP", Skip.BINARY),
        (b"a\0b", "ISO-8859-1", Skip.BINARY),
        ("a\0b".encode("utf-16"), "UTF-16", Skip.BINARY),
        ("é".encode("latin-1") * 60, "ISO-8859-1", Skip.TOO_LARGE),
        (b"\xff\xfe", "UTF-16", Skip.EMPTY),
        (b"", "EUC-TW", Skip.EMPTY),
    ],
)
def test_what_cannot_be_decoded_has_its_reason(content: bytes, encoding: str, reason: Skip) -> None:
    assert examine(raw(content, encoding), 100) is reason


def test_utf_16_is_decoded_though_it_is_full_of_nul() -> None:
    document = examine(raw("naïve".encode("utf-16-le"), "UTF-16LE"), 100)
    assert isinstance(document, Document)
    assert document.content == "naïve".encode()
