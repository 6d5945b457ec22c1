"""From a list to the release where it is gone, over shards of every layout at once."""

from pathlib import Path

import pytest

from governance.signing import SigningKey
from optout import exclusions, remains
from optout.states import State
from search import lookup
from search.models import Release
from search.scope import parse_scope
from search.shards import read_places
from tests.conftest import build_release
from tests.optout.removals import all_accepted, applied, replaced
from tests.search.fixtures_layouts import PUBLISHED, Given, Published
from tests.search.fixtures_shards import write_shard

pytestmark = pytest.mark.usefixtures("alone")

CODE = "def evaluate(graph):\n    return [node.weight for node in graph.nodes]\n"
ADDRESS = "email:ada@example.org"


def files(published: Published) -> list[Given]:
    mark = f"# {published.name}\n"
    return [
        Given("ada/engine", "a.py", CODE + mark + "1", number=1),
        Given("ada/engine", "logo.gif", "GIF\0" + mark, number=2),
        Given("bob/engine", "b.py", CODE + mark + "2", number=3),
        Given("bob/engine", "mail.py", CODE + mark + "mail ada@example.org", number=4),
        Given("bob/engine", "mail.gif", f"GIF\0{mark} ada@example.org", number=5),
    ]


@pytest.fixture
def first(alone: None, tmp_path: Path) -> Release:
    folder = tmp_path / "shards"
    folder.mkdir()
    for published in PUBLISHED:
        write_shard(folder / f"{published.name}.parquet", published.rows(files(published)), published.schema)
    return build_release("first-1", sorted(folder.iterdir()))


def places(release: Release) -> list[tuple[str, str]]:
    return [(shard.layout, place[0]) for shard in release.shards.all() for place in read_places(shard.url)]


def test_what_is_listed_is_gone_from_every_layout_and_the_claims_close(
    first: Release, tmp_path: Path, key: SigningKey
) -> None:
    mine = all_accepted(ADDRESS)
    clean, outcome = replaced(tmp_path, key)
    assert [shard.layout for shard in clean.shards.all()] == [shard.layout for shard in first.shards.all()]
    assert outcome.report.is_clean, outcome.report.left
    by_address = {claim.scope: claim.state for claim in mine.claims.filter(scope__startswith="email:")}
    assert {claim.state for claim in mine.claims.exclude(scope__in=by_address)} == {State.CLOSED}
    # Two of the shards only point to texts, which nobody has read here.
    assert set(by_address.values()) == {State.APPLIED}
    assert "texts that were not read" in " ".join(outcome.kept_open)
    left = places(clean)
    assert {repository for _, repository in left} == {"bob/engine", ""}
    for published in PUBLISHED:
        count = sum(layout == published.name for layout, _ in left)
        # Where there is a text, two are gone by what they say; where there is a repository, two with it.
        expected = 5 - 2 * published.has_texts - 2 * published.has_repositories
        assert count == expected, published.name
    for scope in ("repo:ada/engine", ADDRESS):
        assert [held.documents for held in lookup.holdings(parse_scope(scope))] == [0]


def test_what_a_broken_pipeline_leaves_in_any_layout_is_found(first: Release, tmp_path: Path, key: SigningKey) -> None:
    all_accepted(ADDRESS)
    applied(tmp_path, key)
    exclusion = exclusions.on_list(exclusions.list_numbered(1))
    of_repository = {each.id for each in exclusion if each.scope == "repo:ada/engine"}
    of_address = {each.id for each in exclusion} - of_repository
    for shard in first.shards.all():
        published = next(each for each in PUBLISHED if each.name == shard.layout)
        by_name = dict.fromkeys(of_repository, 2) if published.has_repositories else {}
        # The binary file alone: what an index holds is asked of the index.
        in_texts = dict.fromkeys(of_address, 1) if published.has_texts else {}
        assert remains.in_shard(shard, exclusion, {}) == by_name | in_texts, shard.layout
