"""Portrait: the fingerprints of a release in a Bloom filter, as one file (docs/formats/portrait.md).

A portrait answers "perhaps" or "certainly not". Its error rate is `(set bits / bits) ^ hashes`, computed from
the filter itself, so it is true whatever was put in; the header says it.

A filter is built in memory. Each key touches as many far-apart pages as there are hashes, so one that did not
fit would run at the speed of a disk's random writes, and a mapped file would give up the huge pages that make
it fast. Parts made elsewhere, and the work of an interrupted build, come back with `merge`. A finished
portrait is memory-mapped: it opens at once and several processes share it.
"""

import hashlib
import json
import math
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from search.bloom import ERROR_RATE, Geometry, contains, insert, size_for
from search.gaps import NONE, Gaps

__all__ = [
    "ERROR_RATE",
    "Geometry",
    "Portrait",
    "PortraitError",
    "PortraitHeader",
    "PortraitWriter",
    "expected_keys",
    "size_for",
]

DISTINCT_SHARE = 0.52
"""Fingerprints that differ, of all that winnowing would select if every byte of the text counted. Measured
on deduplicated code: 15.04 (window 64) and 29.02 (window 33) in a thousand bytes, a share of 0.49; the rest
is reserve."""

FORMAT = 1
MAGIC = b"PORTRAIT"
ALIGNMENT = 4096
PREFIX = struct.Struct("<8sQ32s")
"""Magic, where the bits begin, SHA-256 of the header between this prefix and the bits."""
MOST_HEADER = 1 << 20
BLOCK = 1 << 24


class PortraitError(Exception):
    """A portrait that cannot be made, read or merged; the message says why."""


def expected_keys(text_bytes: int, window: int = 64) -> int:
    """Fingerprints that differ in a release of `text_bytes` bytes of raw text, winnowed with `window`.

    Winnowing selects 2 / (window + 1) of all grams (Schleimer, Wilkerson, Aiken 2003): with window 64 this
    reserves 16 keys per thousand bytes.
    """
    return round(text_bytes * 2 / (window + 1) * DISTINCT_SHARE)


@dataclass(frozen=True, slots=True)
class PortraitHeader:
    """What a portrait says of itself. `keys_inserted` counts adds, repeated keys included."""

    spec: str
    profile: str
    release: str
    geometry: Geometry
    keys_inserted: int
    set_bits: int
    digest: str
    gaps: Gaps = NONE

    @property
    def error_rate(self) -> float:
        """The share of absent keys that are answered "perhaps"."""
        return (self.set_bits / self.geometry.bits) ** self.geometry.hashes

    @property
    def distinct_keys_estimate(self) -> int:
        """-m/k ln(1 - X/m) for X set bits of m; in a full filter one bit counts as unset."""
        bits = self.geometry.bits
        unset = max(1, bits - self.set_bits)
        return round(bits / self.geometry.hashes * math.log(bits / unset))

    def to_bytes(self) -> bytes:
        """The file up to the bits: prefix and JSON, padded with blanks."""
        text = json.dumps(self._fields(), ensure_ascii=False, indent=1).encode("utf-8")
        begin = -(-(PREFIX.size + len(text) + 1) // ALIGNMENT) * ALIGNMENT
        text = text.ljust(begin - PREFIX.size - 1) + b"\n"
        return PREFIX.pack(MAGIC, begin, hashlib.sha256(text).digest()) + text

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Raises PortraitError that names the field at fault; derived fields must agree with the others."""
        fields = _json_object(text)
        if fields.get("format") != FORMAT:
            raise PortraitError(f"is of format {fields.get('format')!r}, only {FORMAT} is known")
        header = cls(
            spec=_text(fields, "spec"),
            profile=_text(fields, "profile"),
            release=_text(fields, "release"),
            geometry=_geometry(fields),
            keys_inserted=_count(fields, "keys_inserted"),
            set_bits=_count(fields, "set_bits"),
            digest=_text(fields, "digest"),
            gaps=_gaps(fields),
        )
        for name in ("error_rate", "distinct_keys_estimate"):
            if not math.isclose(getattr(header, name), _number(fields, name), rel_tol=1e-9):
                raise PortraitError(f"says {name} {fields[name]}, its set bits make {getattr(header, name)}")
        return header

    def _fields(self) -> dict[str, str | int | float]:
        return {
            "format": FORMAT,
            "spec": self.spec,
            "profile": self.profile,
            "release": self.release,
            "bits": self.geometry.bits,
            "hashes": self.geometry.hashes,
            "wanted_error_rate": self.geometry.wanted_error_rate,
            "error_rate": self.error_rate,
            "keys_inserted": self.keys_inserted,
            "distinct_keys_estimate": self.distinct_keys_estimate,
            "set_bits": self.set_bits,
            "digest": self.digest,
            "missing_shards": self.gaps.missing_shards,
            "unread_files": self.gaps.unread_files,
        }


class Portrait:
    """A finished portrait, mapped read-only. `open` checks the header and the size, `verify` every bit."""

    def __init__(self, name: str, header: PortraitHeader, bits: NDArray[np.uint8]) -> None:
        self.name = name
        self.header = header
        self.bits = bits

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises PortraitError where the file is missing, foreign, truncated or its header damaged."""
        try:
            header, begin = _read_header(path)
            size = path.stat().st_size - begin
            if size * 8 != header.geometry.bits:
                raise PortraitError(f"holds {size} bytes of bits instead of {header.geometry.bits // 8}")
            bits = np.memmap(path, np.uint8, "r", offset=begin, shape=(size,)).view(np.ndarray)
        except OSError as error:
            raise PortraitError(f"portrait {path.name} cannot be read: {error.strerror or error}") from error
        except PortraitError as error:
            raise PortraitError(f"portrait {path.name} {error}") from error
        return cls(path.name, header, bits)

    @property
    def error_rate(self) -> float:
        return self.header.error_rate

    def contains(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """For each key, False: certainly absent, True: present, or absent with odds of `error_rate`."""
        return contains(self.bits, self.header.geometry.hashes, keys)

    def verify(self) -> None:
        """Read the whole file; raises PortraitError where a bit is not as it was written."""
        digest, set_bits = _survey(self.bits)
        if digest != self.header.digest:
            raise PortraitError(
                f"portrait {self.name} is damaged: SHA-256 of its bits is {digest}, not {self.header.digest}"
            )
        if set_bits != self.header.set_bits:
            raise PortraitError(f"portrait {self.name} has {set_bits} bits set, not {self.header.set_bits}")


class PortraitWriter:
    """A portrait in the making. The same keys in any order and any division into parts make the same file."""

    def __init__(self, geometry: Geometry, *, spec: str, profile: str) -> None:
        self.geometry = geometry
        self.spec = spec
        self.profile = profile
        self.keys_inserted = 0
        try:
            self.bits = np.zeros(geometry.bits // 8, np.uint8)
        except MemoryError as error:
            raise PortraitError(f"a portrait of {geometry.bits // 8} bytes does not fit in memory") from error

    def add(self, keys: NDArray[np.uint64]) -> None:
        insert(self.bits, self.geometry.hashes, keys)
        self.keys_inserted += keys.size

    def merge(self, part: Portrait) -> None:
        """Take in all keys of `part`; raises PortraitError where the two do not mean the same by a bit."""
        header = part.header
        if not self.geometry.merges_with(header.geometry):
            raise PortraitError(
                f"portrait {part.name} has {header.geometry.bits} bits and {header.geometry.hashes} hashes, "
                f"not {self.geometry.bits} and {self.geometry.hashes}"
            )
        if (header.spec, header.profile) != (self.spec, self.profile):
            raise PortraitError(
                f"portrait {part.name} was made by spec {header.spec!r}, profile {header.profile!r}, "
                f"not by {self.spec!r}, {self.profile!r}"
            )
        np.bitwise_or(self.bits, part.bits, out=self.bits)
        self.keys_inserted += header.keys_inserted

    def write(self, path: Path, *, release: str, gaps: Gaps = NONE) -> PortraitHeader:
        """`path` appears whole or not at all; raises PortraitError where the disk refuses."""
        header = self._header(release, gaps)
        _write_whole(path, self._pieces(header))
        return header

    def write_into(self, file: BinaryIO, *, release: str, gaps: Gaps = NONE) -> PortraitHeader:
        """The same bytes to an open file; raises PortraitError where the disk refuses."""
        header = self._header(release, gaps)
        try:
            for piece in self._pieces(header):
                file.write(piece)
        except OSError as error:
            raise PortraitError(f"a portrait cannot be written: {error.strerror or error}") from error
        return header

    def _header(self, release: str, gaps: Gaps) -> PortraitHeader:
        digest, set_bits = _survey(self.bits)
        return PortraitHeader(
            spec=self.spec,
            profile=self.profile,
            release=release,
            geometry=self.geometry,
            keys_inserted=self.keys_inserted,
            set_bits=set_bits,
            digest=digest,
            gaps=gaps,
        )

    def _pieces(self, header: PortraitHeader) -> Iterator[bytes | memoryview]:
        return chain([header.to_bytes()], (block.data for block in _blocks(self.bits)))


def _blocks(bits: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    return (bits[start : start + BLOCK] for start in range(0, bits.size, BLOCK))


def _survey(bits: NDArray[np.uint8]) -> tuple[str, int]:
    """SHA-256 in hexadecimal digits, and the number of set bits."""
    digest, set_bits = hashlib.sha256(), 0
    for block in _blocks(bits):
        digest.update(block.data)
        set_bits += int(np.bitwise_count(block.view(np.uint64)).sum(dtype=np.int64))
    return digest.hexdigest(), set_bits


def _write_whole(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise PortraitError(f"portrait {path.name} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_header(path: Path) -> tuple[PortraitHeader, int]:
    """The header, and where the bits begin."""
    with path.open("rb") as file:
        prefix = file.read(PREFIX.size)
        if len(prefix) < PREFIX.size or not prefix.startswith(MAGIC):
            raise PortraitError("is not a portrait: it does not begin like one")
        _, begin, digest = PREFIX.unpack(prefix)
        if begin % ALIGNMENT or not PREFIX.size < begin <= MOST_HEADER:
            raise PortraitError(f"is damaged: its header cannot be {begin} bytes long")
        text = file.read(begin - PREFIX.size)
    if len(text) < begin - PREFIX.size:
        raise PortraitError("is truncated inside its header")
    if hashlib.sha256(text).digest() != digest:
        raise PortraitError("is damaged: the SHA-256 of its header is another one")
    return PortraitHeader.from_json(text), begin


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise PortraitError(f"has a header that is not JSON ({error})") from error
    if not isinstance(fields, dict):
        raise PortraitError("has a header that is not a JSON object")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise PortraitError(f"has a header whose {name} is {value!r} and not a text")
    return value


def _number(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PortraitError(f"has a header whose {name} is {value!r} and not a number")
    return value


def _count(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise PortraitError(f"has a header whose {name} is {value!r} and not a count")
    return value


def _gaps(fields: dict[str, Any]) -> Gaps:
    """None where the portrait was made before they were told."""
    told = {"missing_shards": 0, "unread_files": 0} | fields
    return Gaps(_count(told, "missing_shards"), _count(told, "unread_files"))


def _geometry(fields: dict[str, Any]) -> Geometry:
    try:
        return Geometry(
            bits=_count(fields, "bits"),
            hashes=_count(fields, "hashes"),
            wanted_error_rate=_number(fields, "wanted_error_rate"),
        )
    except ValueError as error:
        raise PortraitError(f"has a geometry that cannot be: {error}") from error
