"""A forge, keys of ssh-keygen, and statements to prove at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from optout.ownership.base import Proven, Statement, new_nonce
from optout.ownership.forges import Forge as ConfiguredForge
from optout.ownership.forges import parse_forges
from optout.ownership.ssh_signature import prove as prove_signature
from tests.optout.ownership.forge import Forge
from tests.optout.ownership.ssh_keys import Key, make_key

MakeKey = Callable[..., Key]
SERVICE = "https://code.example.org"


@dataclass(frozen=True)
class Signer:
    """Somebody with an account and a key, who signs what they are asked to."""

    forge: Forge
    login: str
    key: Key

    def state(self, *scopes: str, subject: str = "") -> Statement:
        return statement(*(scopes or (f"account:{self.login}",)), subject=subject or self.login)

    def prove(self, *scopes: str) -> Proven:
        stated = self.state(*scopes)
        return prove_signature(stated, self.key.sign(stated.text), configured(self.forge))


def statement(
    *scopes: str, subject: str = "ada", forge: str = "local", expires_at: datetime | None = None, nonce: str = ""
) -> Statement:
    expires_at = expires_at or datetime.now(UTC) + timedelta(hours=1)
    return Statement(
        SERVICE, "r-42", nonce or new_nonce(), expires_at, forge, subject, scopes or (f"account:{subject}",)
    )


def configured(forge: Forge) -> ConfiguredForge:
    """The forge as the settings would name it."""
    return parse_forges(forge.setting, allow_private=True)[forge.name]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> MakeKey:
    """Keys by kind, size and number; each is made once."""
    folder: Path = tmp_path_factory.mktemp("keys")

    @cache
    def key(kind: str = "ed25519", bits: int = 0, number: int = 0) -> Key:
        return make_key(folder, kind, bits)

    return key


@pytest.fixture
def forge() -> Iterator[Forge]:
    with Forge() as running:
        yield running


@pytest.fixture
def ada(forge: Forge, make: MakeKey) -> Signer:
    forge.account("ada", keys=[make().public])
    return Signer(forge, "ada", make())


@pytest.fixture
def mallory(forge: Forge, make: MakeKey) -> Signer:
    forge.account("mallory", keys=[make(number=1).public])
    return Signer(forge, "mallory", make(number=1))
