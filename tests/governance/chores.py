"""Tasks for tests of the outbox: they note that they were done, and fail as they are told."""

from governance import work
from governance.work import Lease

done: list[tuple[int, ...]] = []
given_up: list[str] = []
during: list[object] = []
"""Called, one each time a chore is done, while it is."""


def chore(lease: Lease, *ids: int) -> None:
    done.append(ids)
    if during:
        act = during.pop(0)
        assert callable(act)
        act()


def settled(lease: Lease, *ids: int) -> None:
    """Writes down what it did, after something has happened."""
    if during:
        act = during.pop(0)
        assert callable(act)
        act()
    with work.settling(lease):
        done.append(ids)


def give_up(lease: Lease, *ids: int, problem: str) -> None:
    given_up.append(problem)
