"""From claims to the release where they are gone, one line for each part of the way."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from governance.keys import list_key
from governance.signing import SigningKey
from optout import exclusions, removal
from optout.filter import Order, apply_list
from optout.models import ApplicationReceipt, Request
from optout.receipt import ENVELOPE
from optout.states import State
from search import ingest, lookup, registering
from search.models import Release
from search.scope import parse_scope
from tests import corpus
from tests.conftest import build_release
from tests.optout.asking import proven

ADA = parse_scope("repo:ada/engine")


@pytest.fixture
def alone(db: None, tmp_path: Path, settings: LazySettings) -> None:
    """Lists and builds of one's own; what other tests have built lies elsewhere and answers nothing here."""
    settings.LISTS_DIR = tmp_path / "lists"
    settings.BUILDS_DIR = tmp_path / "builds"
    Release.objects.update(active_build=None)


@pytest.fixture
def key() -> SigningKey:
    """The pipeline's."""
    return SigningKey.generate()


@pytest.fixture
def first(alone: None, tmp_path: Path) -> Release:
    """The release that the pipeline filters: first-1, of the shards below `shards`."""
    return build_release("first-1", corpus.write_tiny(tmp_path / "shards"))


@pytest.fixture
def asked(first: Release, tmp_path: Path, key: SigningKey) -> Path:
    """A claim on list 1, and the folder of what the pipeline wrote when it applied that."""
    proven("repo:ada/engine")
    return applied(tmp_path, key)


def all_accepted(*scopes: str) -> Request:
    """A request for a repository and more; how the others would be proven is another test's business."""
    request = proven("repo:ada/engine", *scopes)
    one = request.claims.get(state=State.ACCEPTED)
    request.claims.exclude(state=State.ACCEPTED).update(state=State.ACCEPTED, proof=one.proof, reason=one.reason)
    return request


def filtered(
    tmp_path: Path,
    key: SigningKey,
    number: int = 1,
    out: str = "clean",
    shards: str = "shards",
    columns: Path | None = None,
) -> Path:
    """The folder that the pipeline writes."""
    (tmp_path / "pipeline").write_bytes(key.to_openssh("pipeline"))
    (tmp_path / "lists.pub").write_text(list_key().public.to_openssh("lists"))
    apply_list(
        Order(
            list=exclusions.folder_of(number),
            trust=tmp_path / "lists.pub",
            inputs=(tmp_path / shards,),
            out=tmp_path / out,
            key=tmp_path / "pipeline",
            columns=columns,
        )
    )
    return tmp_path / out


def accepted(folder: Path, key: SigningKey) -> tuple[ApplicationReceipt, int]:
    return removal.accept_receipt((folder / ENVELOPE).read_bytes(), [key.public])


def applied(tmp_path: Path, key: SigningKey) -> Path:
    """Publish a list, have the pipeline apply it and accept its receipt; returns the folder that it wrote."""
    exclusions.publish()
    folder = filtered(tmp_path, key)
    accepted(folder, key)
    return folder


def register_clean(folder: Path, name: str = "first-2", number: int = 1, parent: str = "first-1") -> Release:
    shards = registering.find_shards([str(folder / "shards")])
    return registering.register(name, shards, dataset="tiny", parent=parent, exclusion_list=number)


def build(release: Release) -> Release:
    ingest.build(release, jobs=1, progress=lambda now: None)
    return release


def cleaned(tmp_path: Path, key: SigningKey) -> Release:
    """The release first-2 of what is left once a list was applied; built, and not active yet."""
    return build(register_clean(applied(tmp_path, key)))


def replaced(tmp_path: Path, key: SigningKey) -> tuple[Release, removal.Outcome]:
    """The same, active in place of first-1, and what is reported of it."""
    clean = cleaned(tmp_path, key)
    ingest.activate(clean)
    return clean, removal.report(clean)


def held(scope: str) -> int:
    return sum(holding.documents for holding in lookup.holdings(parse_scope(scope)))
