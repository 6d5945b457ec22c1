"""Signed notes and checkpoints: c2sp.org/signed-note and c2sp.org/tlog-checkpoint, with Ed25519 keys. Pure.

A note is text, an empty line, and one line a signature. Signatures by keys one does not know are passed over; one by
a known key that does not hold makes the whole note worthless.
"""

import base64
import binascii
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from governance.ledger.merkle import HASH_BYTES
from governance.signing import PublicKey, SignatureError, SigningKey

ED25519 = b"\x01"
"""The signature type byte of plain Ed25519 signatures."""
ID_BYTES = 4
MOST_NOTE = 1_000_000
MOST_SIGNATURES = 100
DASH = "\N{EM DASH} "


class NoteError(Exception):
    """A note, a key or a checkpoint that cannot be used; the message says which part is at fault."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A name and its Ed25519 key: who signs notes, as verifiers know it."""

    name: str
    public: PublicKey

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable() or set(self.name) & set(" +"):
            raise NoteError(f"key name {self.name[:60]!r} must be printable, without blanks and '+'")

    @property
    def key_id(self) -> bytes:
        """4 bytes: SHA-256 of name, line break, type and key, cut."""
        return hashlib.sha256(self.name.encode("utf-8") + b"\n" + ED25519 + self.public.raw).digest()[:ID_BYTES]

    def __str__(self) -> str:
        """The vkey text `name+id+key`, which `parse` reads."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(ED25519 + self.public.raw)}"

    @classmethod
    def parse(cls, vkey: str) -> Self:
        name, *rest = vkey.split("+", 2)  # base64 holds '+' as well
        if len(rest) != 2:
            raise NoteError("the key must be written name+id+base64")
        data = from_base64(rest[1], "the key")
        if data[:1] != ED25519 or len(data) != 1 + HASH_BYTES:
            raise NoteError("the key is not an Ed25519 key for notes (type 1, 32 bytes)")
        key = cls(name, PublicKey(data[1:]))
        if key.key_id.hex() != rest[0]:
            raise NoteError(f"the key has the id {rest[0][:20]!r}, its name and key make {key.key_id.hex()}")
        return key


def sign_note(text: str, name: str, key: SigningKey) -> str:
    """The note of a text that ends in a line break, with one signature; the same each time."""
    if not text.endswith("\n"):
        raise NoteError("the text must end in a line break")
    _refuse_odd_characters(text)
    signer = NoteKey(name, key.public)
    return f"{text}\n{DASH}{name} {to_base64(signer.key_id + key.sign(text.encode('utf-8')))}\n"


def open_note(note: str, trusted: Collection[NoteKey]) -> str:
    """The text of a note that at least one trusted key signed.

    Raises NoteError where none did, or where a signature that names a trusted key does not hold.
    """
    text, lines = _parted(note)
    known = {(key.name, key.key_id): key.public for key in trusted}
    signed = False
    for place, line in enumerate(lines):
        name, key_id, signature = _signature(line, place)
        if (public := known.get((name, key_id))) is None:
            continue
        try:
            public.verify(text.encode("utf-8"), signature)
        except SignatureError:
            raise NoteError(f"signature {place + 1}, by {name}, does not hold for this text") from None
        signed = True
    if not signed:
        names = ", ".join(sorted(key.name for key in trusted)) or "nobody"
        raise NoteError(f"none of {len(lines)} signatures is by a trusted key ({names})")
    return text


def _parted(note: str) -> tuple[str, list[str]]:
    if len(note) > MOST_NOTE:
        raise NoteError(f"the note has more than {MOST_NOTE:,} characters")
    _refuse_odd_characters(note)
    text, blank, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not blank or lines[-1] or len(lines) < 2:
        raise NoteError("the note must be text, an empty line, and lines of signatures, each ending in a line break")
    if len(lines) - 1 > MOST_SIGNATURES:
        raise NoteError(f"the note has more than {MOST_SIGNATURES} signatures")
    return text + "\n", lines[:-1]


def _signature(line: str, place: int) -> tuple[str, bytes, bytes]:
    words = line.removeprefix(DASH).split(" ")
    if not line.startswith(DASH) or len(words) != 2 or not words[0]:
        raise NoteError(f"signature {place + 1} is not written as a dash, a name and base64")
    data = from_base64(words[1], f"signature {place + 1}")
    if len(data) <= ID_BYTES:
        raise NoteError(f"signature {place + 1} is too short")
    return words[0], data[:ID_BYTES], data[ID_BYTES:]


def _refuse_odd_characters(text: str) -> None:
    if any(letter < " " and letter != "\n" for letter in text):
        raise NoteError("the note holds a control character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NoteError("the note is not UTF-8") from None


# --- Checkpoints ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says: the log's name, how many leaves there are, and their root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin:
            raise NoteError("the origin must be one line")
        if self.size < 0:
            raise NoteError(f"the size is {self.size}")
        if len(self.root) != HASH_BYTES:
            raise NoteError(f"the root hash has {len(self.root)} bytes, not {HASH_BYTES}")

    def __str__(self) -> str:
        """The text of the note: three lines."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Lines beyond the third are extensions and not looked at."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise NoteError("a checkpoint has at least three lines, none empty: origin, size, root hash")
        return cls(lines[0], parse_number(lines[1], "the size"), from_base64(lines[2], "the root hash"))


def parse_number(text: str, what: str) -> int:
    """A decimal as these formats write it: ASCII digits without leading zeroes, below 2^63."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 19
    if not is_number or str(int(text)) != text or int(text) >= 2**63:
        raise NoteError(f"{what} {text[:30]!r} is not a decimal number without leading zeroes")
    return int(text)


def sign_checkpoint(head: TreeHead, key: SigningKey) -> str:
    """The note of a tree head; the key's name is the origin."""
    return sign_note(str(head), head.origin, key)


def open_checkpoint(note: str, trusted: NoteKey) -> TreeHead:
    """The head that the log of this name signed; NoteError where it did not, or where the head is another log's."""
    head = TreeHead.parse(open_note(note, [trusted]))
    if head.origin != trusted.name:
        raise NoteError(f"the checkpoint is of {head.origin[:60]!r}, not of {trusted.name!r}")
    return head


def to_base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def from_base64(text: str, what: str) -> bytes:
    """Standard alphabet, padded, and the one spelling that encoding gives; NoteError says that `what` is none."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError(f"{what} is not base64") from None
    if to_base64(value) != text:
        raise NoteError(f"{what} is not canonical base64")
    return value
