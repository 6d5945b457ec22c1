"""Receipts: that an entry is in the ledger, as one file that is checked offline (c2sp.org/tlog-proof). Pure.

The `extra` line holds the entry itself, so that the file says what it proves. It is not signed; it is believed because
its leaf hash is proven to be in the tree whose root the checkpoint signs.
"""

from dataclasses import dataclass
from typing import Self

from governance.ledger.merkle import ProofError, leaf_hash, verify_inclusion
from governance.ledger.notes import NoteError, NoteKey, TreeHead, from_base64, open_checkpoint, parse_number, to_base64

FIRST_LINE = "c2sp.org/tlog-proof@v1"
EXTRA = "extra "
INDEX = "index "
MOST_HASHES = 63


class ReceiptError(Exception):
    """A receipt that cannot be read or does not prove its entry; the message says why."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry, its place, its audit path, and the checkpoint (a signed note) it is proven against."""

    data: bytes
    index: int
    proof: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        lines = [FIRST_LINE, EXTRA + to_base64(self.data), f"{INDEX}{self.index}", *map(to_base64, self.proof), ""]
        return "\n".join(lines) + "\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ReceiptError; nothing is verified."""
        head, blank, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines[0] != FIRST_LINE:
            raise ReceiptError(f"the receipt does not begin with {FIRST_LINE}, or has no checkpoint")
        if len(lines) < 3 or not lines[1].startswith(EXTRA) or not lines[2].startswith(INDEX):
            raise ReceiptError("the receipt must go on with a line `extra`, which is its entry, and a line `index`")
        if len(lines) - 3 > MOST_HASHES:
            raise ReceiptError(f"the receipt has more than {MOST_HASHES} hashes")
        try:
            data = from_base64(lines[1].removeprefix(EXTRA), "the entry")
            index = parse_number(lines[2].removeprefix(INDEX), "the index")
            proof = tuple(from_base64(line, "a hash") for line in lines[3:])
        except NoteError as error:
            raise ReceiptError(str(error)) from None
        return cls(data, index, proof, checkpoint)

    def verify(self, log: NoteKey) -> TreeHead:
        """The head of the tree that the entry is proven to be in; ReceiptError where it is not, or not of `log`."""
        try:
            head = open_checkpoint(self.checkpoint, log)
            verify_inclusion(leaf_hash(self.data), self.index, head.size, self.proof, head.root)
        except (NoteError, ProofError) as error:
            raise ReceiptError(str(error)) from None
        return head
