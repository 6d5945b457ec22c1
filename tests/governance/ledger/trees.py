"""Trees in memory: what the database is for the door, a dictionary is for these tests."""

from collections.abc import Sequence

from governance.ledger.merkle import Frontier, Place, leaf_hash


class Tree:
    """Leaves that were appended one by one, their nodes as they became complete, and how many were read."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.stored: dict[Place, bytes] = {}
        self.reads: list[int] = []
        tree = Frontier()
        for data in leaves:
            self.stored[0, tree.size] = leaf_hash(data)
            tree, made = tree.with_leaf(leaf_hash(data))
            self.stored.update(made)
        self.frontier = tree

    def read(self, places: Sequence[Place]) -> list[bytes]:
        self.reads.append(len(places))
        return [self.stored[place] for place in places]
