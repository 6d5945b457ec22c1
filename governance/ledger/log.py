"""Door of the ledger: the append-only public log of what was done (docs/formats/ledger.md).

Entries are appended in the transaction of what they tell of, one writer at a time, so that indexes have no gaps: a
writer holds the ledger from its first append to the end of its transaction. Append late, and short of anything slow.
Entries are public from the commit on; a checkpoint, signed apart, commits the service to them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from governance.keys import ledger_key
from governance.ledger import merkle
from governance.ledger.entries import Statement, statement
from governance.ledger.merkle import EMPTY_ROOT, Frontier, Place, ProofError, leaf_hash, verify_consistency
from governance.ledger.models import Checkpoint, Entry, Node
from governance.ledger.notes import NoteError, NoteKey, TreeHead, open_checkpoint
from governance.ledger.notes import sign_checkpoint as signed
from governance.ledger.receipts import Receipt

LOCK = int.from_bytes(b"ledger", "big")
BATCH = 1000


class LedgerError(ValueError):
    """A question that the ledger cannot answer, and the argument that is at fault."""

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument
        self.problem = problem


class NotThere(LedgerError):
    """What is asked for is not in the ledger, or not yet."""


class LedgerDamaged(Exception):
    """What is stored contradicts itself or what was signed; the message says where."""


# --- Appending --------------------------------------------------------------------------------------


def append(kind: str, body: Mapping[str, Any]) -> int:
    """Record one entry; returns its index. See `append_all`."""
    return _record([statement(kind, body)]).start


def append_all(items: Iterable[tuple[str, Mapping[str, Any]]]) -> range:
    """Record entries (kind and body) in order; returns their indexes.

    `kind` is one of `entries.Kind`; a body has at most 4096 bytes of canonical JSON. Nothing personal belongs in it:
    an entry is public for good. Raises EntryError, which names the part at fault (`items[3].body.list`), before
    anything is written, and RuntimeError outside of a transaction.
    """
    return _record([statement(kind, body, f"items[{place}].") for place, (kind, body) in enumerate(items)])


def _record(statements: Sequence[Statement]) -> range:
    if not connection.in_atomic_block:
        raise RuntimeError("the ledger is written within transaction.atomic() alone, with what the entry tells of")
    _wait_for_turn()
    # After the turn has come, so that times follow the order of the entries.
    now = timezone.now().replace(microsecond=0)
    tree = _tree(size())
    first, entries, nodes = tree.size, [], []
    for told in statements:
        data = told.data(now)
        leaf = leaf_hash(data)
        entries.append(Entry(index=tree.size, kind=told.kind, data=data, leaf_hash=leaf, recorded_at=now))
        tree, made = tree.with_leaf(leaf)
        nodes += [Node(level=level, index=index, hash=digest) for (level, index), digest in made]
    Entry.objects.bulk_create(entries, batch_size=BATCH)
    Node.objects.bulk_create(nodes, batch_size=BATCH)
    return range(first, tree.size)


def _wait_for_turn() -> None:
    """Until the end of the transaction nobody else appends or signs. SQLite's transactions are IMMEDIATE as it is."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


# --- Reading ----------------------------------------------------------------------------------------


def size() -> int:
    """How many entries there are."""
    last: int | None = Entry.objects.aggregate(last=Max("index"))["last"]
    return 0 if last is None else last + 1


def entry(index: int) -> Entry:
    """Raises NotThere for an index beyond the last."""
    found = Entry.objects.filter(index=index).first()
    if found is None:
        raise NotThere("index", f"there is no entry {index}, the ledger has {size():,}")
    return found


def inclusion(index: int, size: int) -> list[bytes]:
    """The audit path of entry `index` in the tree of the first `size` entries, from the leaf up.

    Raises LedgerError where `size` is more than there are (NotThere), or not more than `index`.
    """
    _refuse_more_than_there_are("size", size)
    if not 0 <= index < size:
        raise LedgerError("index", f"is {index}, a tree of {size} entries has 0 to {size - 1}")
    return merkle.inclusion(index, size, _stored)


def consistency(old: int, new: int) -> list[bytes]:
    """The proof that the first `old` entries are the beginning of the first `new`; LedgerError as for `inclusion`."""
    _refuse_more_than_there_are("new", new)
    if not 0 <= old <= new:
        raise LedgerError("old", f"is {old}, must be from 0 to `new`, which is {new}")
    return merkle.consistency(old, new, _stored)


def _refuse_more_than_there_are(argument: str, asked: int) -> None:
    if asked > (there := size()):
        raise NotThere(argument, f"is {asked}, the ledger has {there} entries")


def _tree(size: int) -> Frontier:
    return merkle.frontier(size, _stored)


def _stored(places: Sequence[Place]) -> list[bytes]:
    """Hashes of complete subtrees: a `merkle.Reader`."""
    leaves = [index for level, index in places if level == 0]
    nodes = [place for place in places if place[0] > 0]
    found = {
        (0, index): bytes(digest)
        for index, digest in Entry.objects.filter(index__in=leaves).values_list("index", "leaf_hash")
    }
    for level, index, digest in Node.objects.filter(pk__in=nodes).values_list("level", "index", "hash"):
        found[level, index] = bytes(digest)
    if missing := [place for place in places if place not in found]:
        raise LedgerDamaged("the hash of subtree {}/{} (level/index) is missing".format(*missing[0]))
    return [found[place] for place in places]


# --- Checkpoints and receipts -----------------------------------------------------------------------


def note_key() -> NoteKey:
    """Who signs the checkpoints: the ledger's origin and public key."""
    return NoteKey(settings.LEDGER_ORIGIN, ledger_key().public)


def latest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("size").last()


def sign_checkpoint() -> Checkpoint:
    """Sign what the ledger holds now; the last checkpoint itself where nothing was added since.

    Nothing is signed before it is proven to continue the last checkpoint, and made of the entries as they are stored.
    Raises LedgerDamaged where it is not, or where the last checkpoint is not by this key under this origin, and
    RuntimeError inside a transaction, which could still be taken back.
    """
    with _outliving_a_power_cut(), transaction.atomic(durable=True):
        _wait_for_turn()
        last, now = latest_checkpoint(), size()
        root = _proven_root(head_of(last) if last else _head(0, EMPTY_ROOT), now)
        if last and last.size == now:
            return last
        note = signed(_head(now, root), ledger_key())
        return Checkpoint.objects.create(size=now, root=root, note=note, signed_at=timezone.now())


def receipt(index: int) -> str:
    """That entry `index` is in the ledger, checked offline (c2sp.org/tlog-proof; the `extra` line is the entry).

    Against the latest checkpoint; NotThere where there is no such entry, or no checkpoint over it yet.
    """
    found, last = entry(index), latest_checkpoint()
    if last is None or last.size <= index:
        raise NotThere("index", f"entry {index} is under no checkpoint yet")
    proof = merkle.inclusion(index, last.size, _stored)
    return str(Receipt(bytes(found.data), index, tuple(proof), last.note))


def _head(size: int, root: bytes) -> TreeHead:
    return TreeHead(settings.LEDGER_ORIGIN, size, root)


def head_of(checkpoint: Checkpoint) -> TreeHead:
    """What its note says, where that is signed by us and is what stands beside it."""
    try:
        head = open_checkpoint(checkpoint.note, note_key())
    except NoteError as error:
        raise LedgerDamaged(
            f"{checkpoint} is not one of LEDGER_ORIGIN {settings.LEDGER_ORIGIN} by LEDGER_KEY ({error})"
        ) from None
    if head != _head(checkpoint.size, bytes(checkpoint.root)):
        raise LedgerDamaged(f"{checkpoint} does not say what its signed note says")
    return head


def _proven_root(last: TreeHead, now: int) -> bytes:
    """The root of all entries, once it is shown to continue `last`, by the hashes and by the entries themselves."""
    if now < last.size:
        raise LedgerDamaged(f"there are {now} entries, and a checkpoint over {last.size}")
    root = _tree(now).root
    try:
        verify_consistency(last.size, now, last.root, root, merkle.consistency(last.size, now, _stored))
    except ProofError as error:
        raise LedgerDamaged(f"what is stored does not continue the checkpoint over {last.size}: {error}") from None
    tree = _tree(last.size)
    for data in Entry.objects.filter(index__gte=last.size).order_by("index").values_list("data", flat=True).iterator():
        tree, _ = tree.with_leaf(leaf_hash(bytes(data)))
    if (tree.size, tree.root) != (now, root):
        raise LedgerDamaged(f"the entries from {last.size} on are not those that their hashes were made of")
    return root


@contextmanager
def _outliving_a_power_cut() -> Iterator[None]:
    """With synchronous=NORMAL a power cut takes back SQLite's last commits; a checkpoint that was shown must stay."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=FULL")
        try:
            yield
        finally:
            cursor.execute("PRAGMA synchronous=NORMAL")
