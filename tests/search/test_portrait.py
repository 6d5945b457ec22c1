"""The portrait: what it promises of keys, what its file says, and what it refuses."""

import hashlib
import json
import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search import bloom
from search.portrait import (
    Geometry,
    Portrait,
    PortraitError,
    PortraitWriter,
    expected_keys,
)

Keys = NDArray[np.uint64]

UNIT = 524_288
SMALL = Geometry(bits=UNIT, hashes=16, wanted_error_rate=2e-5)
DOCUMENT = Path(__file__).parents[2] / "docs" / "formats" / "portrait.md"
WORD = (1 << 64) - 1
numbers = st.integers(0, WORD)


def keys_of(values: list[int]) -> Keys:
    return np.array(values, np.uint64)


def random_keys(count: int, seed: int) -> Keys:
    return np.random.default_rng(seed).integers(0, WORD, count, np.uint64, endpoint=True)


def writer_with(keys: Keys, geometry: Geometry = SMALL, spec: str = "1", profile: str = "standard") -> PortraitWriter:
    writer = PortraitWriter(geometry, spec=spec, profile=profile)
    writer.add(keys)
    return writer


def written(folder: Path, keys: Keys, name: str = "release.portrait") -> Path:
    writer_with(keys).write(folder / name, release="stack-sample 2026-11")
    return folder / name


def forge(path: Path, **changes: Any) -> None:
    """Rewrite the header with other fields and a checksum that fits: what a newer program might write."""
    data = path.read_bytes()
    begin = int.from_bytes(data[8:16], "little")
    text = json.dumps(json.loads(data[48:begin]) | changes).encode().ljust(begin - 48)
    path.write_bytes(data[:16] + hashlib.sha256(text).digest() + text + data[begin:])


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Stands for a full disk: the system refuses to write on."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_thousand_bytes_of_text_are_sixteen_keys() -> None:
    assert expected_keys(1_000) == 16
    assert expected_keys(10**12) == 16 * 10**9
    assert expected_keys(1_000, window=33) == 31


# The file


@settings(deadline=None, max_examples=20)
@given(st.lists(numbers, min_size=1, max_size=300), st.integers(0, 2**32), st.data())
def test_order_and_parts_leave_no_trace_in_the_file(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], seed: int, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    keys = keys_of(values)
    shuffled = np.random.default_rng(seed).permutation(keys)
    cut = data.draw(st.integers(0, len(values)))
    whole = written(folder, keys, "whole").read_bytes()
    merged = writer_with(shuffled[:cut])
    merged.merge(Portrait.open(written(folder, shuffled[cut:], "part")))
    merged.write(folder / "merged", release="stack-sample 2026-11")
    assert (folder / "merged").read_bytes() == whole


def test_an_opened_portrait_answers_as_the_filter_did(tmp_path: Path) -> None:
    keys = random_keys(20_000, seed=5)
    portrait = Portrait.open(written(tmp_path, keys))
    asked = np.concatenate([keys, random_keys(100_000, seed=6)])
    assert portrait.contains(keys).all()
    assert (portrait.contains(asked) == bloom.contains(writer_with(keys).bits, 16, asked)).all()
    assert portrait.contains(keys_of([])).size == 0


def test_the_header_tells_the_truth(tmp_path: Path) -> None:
    keys = random_keys(20_000, seed=7)
    path = tmp_path / "release.portrait"
    returned = writer_with(np.concatenate([keys, keys[:5_000]])).write(path, release="stäck")
    portrait = Portrait.open(path)
    header = portrait.header
    set_bits = int(np.unpackbits(np.frombuffer(path.read_bytes()[-UNIT // 8 :], np.uint8)).sum())
    assert header == returned
    assert (header.spec, header.profile, header.release) == ("1", "standard", "stäck")
    assert header.geometry == SMALL
    assert header.keys_inserted == 25_000
    assert header.distinct_keys_estimate == pytest.approx(20_000, rel=0.01)
    assert header.set_bits == set_bits
    assert portrait.error_rate == header.error_rate == (set_bits / UNIT) ** 16
    assert header.digest == hashlib.sha256(path.read_bytes()[-UNIT // 8 :]).hexdigest()
    portrait.verify()


def test_the_file_is_laid_out_as_the_document_says(tmp_path: Path) -> None:
    data = written(tmp_path, random_keys(10, seed=8)).read_bytes()
    begin = int.from_bytes(data[8:16], "little")
    assert data[:8] == b"PORTRAIT"
    assert begin == 4096
    assert data[16:48] == hashlib.sha256(data[48:begin]).digest()
    assert len(data) == begin + UNIT // 8
    fields = json.loads(data[48:begin])
    assert all(f"`{name}`" in DOCUMENT.read_text() for name in fields)


def test_a_long_header_moves_the_bits_to_a_later_page(tmp_path: Path) -> None:
    path = tmp_path / "release.portrait"
    writer_with(random_keys(10, seed=9)).write(path, release="r" * 5_000)
    Portrait.open(path).verify()
    assert path.stat().st_size == 8192 + UNIT // 8


def test_an_empty_and_a_full_filter_have_headers_too(tmp_path: Path) -> None:
    writer = writer_with(keys_of([]))
    empty = writer.write(tmp_path / "empty", release="r")
    writer.bits[:] = 255
    full = writer.write(tmp_path / "full", release="r")
    assert (empty.error_rate, empty.distinct_keys_estimate) == (0, 0)
    assert full.error_rate == 1
    Portrait.open(tmp_path / "full").verify()


@settings(deadline=None, max_examples=200)
@given(place=st.integers(0, 4096 + UNIT // 8 - 1), bit=st.integers(0, 7))
def test_a_single_flipped_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    path = written(folder, random_keys(100, seed=10))
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(PortraitError, match=r"portrait release\.portrait"):
        Portrait.open(path).verify()


@pytest.mark.parametrize("begin", [0, 8, 16, 48, 100, 4095, 4096, 4097, -1])
def test_a_truncated_portrait_is_refused(tmp_path: Path, begin: int) -> None:
    path = written(tmp_path, random_keys(100, seed=11))
    path.write_bytes(path.read_bytes()[:begin])
    with pytest.raises(PortraitError, match=r"not a portrait|truncated|bytes of bits"):
        Portrait.open(path)


@pytest.mark.parametrize("begin", [0, 47, 4095, 1 << 21, 1 << 60])
def test_a_header_of_impossible_length_is_not_read(tmp_path: Path, begin: int) -> None:
    path = written(tmp_path, random_keys(100, seed=21))
    data = path.read_bytes()
    path.write_bytes(data[:8] + begin.to_bytes(8, "little") + data[16:])
    with pytest.raises(PortraitError, match=f"its header cannot be {begin} bytes long"):
        Portrait.open(path)


def test_a_lengthened_portrait_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, random_keys(100, seed=12))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(PortraitError, match="holds 65537 bytes of bits instead of 65536"):
        Portrait.open(path)


def test_a_foreign_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "foreign").write_bytes(b"PAR1" * 5_000)
    with pytest.raises(PortraitError, match="portrait foreign is not a portrait"):
        Portrait.open(tmp_path / "foreign")
    with pytest.raises(PortraitError, match="portrait missing cannot be read: No such file"):
        Portrait.open(tmp_path / "missing")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": 2}, "is of format 2, only 1 is known"),
        ({"spec": 1}, "spec is 1 and not a text"),
        ({"release": None}, "release is None and not a text"),
        ({"bits": 1000}, "1000 bits are not a multiple of 524288"),
        ({"bits": 2 * UNIT}, "its set bits make"),
        ({"hashes": 0}, "0 hashes are not from 1 to 64"),
        ({"hashes": 1000}, "1000 hashes are not from 1 to 64"),
        ({"hashes": True}, "hashes is True and not a count"),
        ({"wanted_error_rate": 2}, "error rate 2 is not between 0 and 1"),
        ({"wanted_error_rate": "low"}, "wanted_error_rate is 'low' and not a number"),
        ({"keys_inserted": -1}, "keys_inserted is -1 and not a count"),
        ({"error_rate": 1e-9}, "says error_rate 1e-09, its set bits make"),
        ({"distinct_keys_estimate": 5}, "says distinct_keys_estimate 5, its set bits make 100"),
    ],
)
def test_a_header_that_does_not_hold_together_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    path = written(tmp_path, random_keys(100, seed=13))
    forge(path, **changes)
    with pytest.raises(PortraitError, match=f"portrait release.portrait .*{reason}"):
        Portrait.open(path)


@pytest.mark.parametrize("text", [b"[1]", b"{", b"\xff"])
def test_a_header_that_is_no_json_object_is_refused(tmp_path: Path, text: bytes) -> None:
    path = written(tmp_path, random_keys(100, seed=14))
    data = path.read_bytes()
    path.write_bytes(data[:16] + hashlib.sha256(text.ljust(4048)).digest() + text.ljust(4048) + data[4096:])
    with pytest.raises(PortraitError, match="has a header that is not"):
        Portrait.open(path)


def test_a_wrong_number_of_set_bits_is_found_by_verify(tmp_path: Path) -> None:
    path = tmp_path / "release.portrait"
    writer_with(random_keys(100, seed=15)).write(path, release="r")
    honest = Portrait.open(path).header
    share = (honest.set_bits - 1) / UNIT
    estimate = round(-UNIT / 16 * math.log(1 - share))
    forge(path, set_bits=honest.set_bits - 1, error_rate=share**16, distinct_keys_estimate=estimate)
    with pytest.raises(PortraitError, match=f"has {honest.set_bits} bits set, not {honest.set_bits - 1}"):
        Portrait.open(path).verify()


@pytest.mark.parametrize(
    ("writer", "reason"),
    [
        (
            PortraitWriter(Geometry(2 * UNIT, 16, 2e-5), spec="1", profile="standard"),
            "has 524288 bits and 16 hashes",
        ),
        (PortraitWriter(Geometry(UNIT, 10, 2e-5), spec="1", profile="standard"), "not 524288 and 10"),
        (PortraitWriter(SMALL, spec="2", profile="standard"), "made by spec '1'"),
        (PortraitWriter(SMALL, spec="1", profile="fine"), "not by '1', 'fine'"),
    ],
)
def test_a_part_that_means_something_else_is_refused(tmp_path: Path, writer: PortraitWriter, reason: str) -> None:
    part = Portrait.open(written(tmp_path, random_keys(100, seed=16)))
    with pytest.raises(PortraitError, match=reason):
        writer.merge(part)
    assert not writer.bits.any()
    assert writer.keys_inserted == 0


def test_a_full_disk_is_reported_and_leaves_the_old_portrait_alone(tmp_path: Path) -> None:
    path = written(tmp_path, random_keys(100, seed=17))
    before = path.read_bytes()
    with (
        no_file_longer_than(10_000),
        pytest.raises(PortraitError, match=r"portrait release\.portrait cannot be written"),
    ):
        writer_with(random_keys(200, seed=18)).write(path, release="r")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PortraitError, match="cannot be written: No such file or directory"):
        writer_with(keys_of([1])).write(tmp_path / "nowhere" / "release.portrait", release="r")


def test_an_open_portrait_outlives_its_replacement(tmp_path: Path) -> None:
    path = written(tmp_path, random_keys(100, seed=19))
    old = Portrait.open(path)
    written(tmp_path, random_keys(100, seed=20))
    assert old.contains(random_keys(100, seed=19)).all()
    assert not Portrait.open(path).contains(random_keys(100, seed=19)).any()
