"""The story, as it should go, and as it goes where everything is killed on the way."""

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.journey.cluster import cluster
from tests.journey.story import Story
from tests.journey.world import World


def test_the_journey(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Story(world).tell()
        assert not twice(world)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_journey_with_every_step_killed_and_run_again(tmp_path: Path, seed: int) -> None:
    with World(tmp_path, killing=random.Random(seed)) as world:
        Story(world, megabytes=3).tell()
        assert not twice(world)


def test_the_journey_on_a_cluster(tmp_path: Path) -> None:
    with cluster() as servers, World(tmp_path, cluster=servers) as world:
        Story(world).tell()
        assert not twice(world)


def twice(world: World) -> dict[str, int]:
    """The mails that arrived more than once, by Message-ID."""
    arrived = Counter(str(mail.message["Message-ID"]) for mail in world.mails.received)
    return {name: count for name, count in arrived.items() if count > 1}
