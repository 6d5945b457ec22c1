"""What workers do for builds; ids in, nothing out, as what they did stands in the database. Safe to run twice."""

import logging

from governance.work import Lease
from search import distributing

logger = logging.getLogger(__name__)


def index_shard(lease: Lease, build: int, shard: int) -> None:
    distributing.do_shard(lease, build, shard)


def give_up_shard(lease: Lease, build: int, shard: int, problem: str) -> None:
    distributing.give_up_shard(lease, build, shard, problem)


def portray(lease: Lease, build: int, group: int) -> None:
    distributing.do_part(lease, build, group)


def seal(lease: Lease, build: int) -> None:
    distributing.do_seal(lease, build)


def give_up_seal(lease: Lease, build: int, problem: str) -> None:
    distributing.give_up_seal(lease, build, problem)


def tidy(lease: Lease, build: int) -> None:
    distributing.do_tidy(lease, build)


def give_up_part(lease: Lease, *ids: int, problem: str) -> None:
    """Sealing does without the part, and a build answers although something useless is left of it."""
    logger.warning("%s %s is left undone: %s", lease.task, ids, problem)
