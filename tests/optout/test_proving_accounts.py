"""Whose the code was that the releases hold under a login: who has the name today may not be who had it then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from optout import proving
from optout.models import Mail, Request
from optout.ownership.challenge_file import METHOD as CHALLENGE_FILE
from optout.ownership.challenge_file import PATH
from optout.ownership.forge_api import forge_api
from optout.ownership.ssh_signature import METHOD as SSH_SIGNATURE
from optout.proving import Outcome
from search.models import Mask
from search.swhid import of_content
from tests import corpus
from tests.optout.asking import ask, claim_of, states_of
from tests.optout.ownership.forge import Forge, status
from tests.optout.ownership.ssh_keys import Key, make_key

pytestmark = pytest.mark.django_db

WRITER = f"swhid:{of_content(corpus.WRITER.encode()).core}"


@dataclass(frozen=True)
class Home:
    """A forge whose names the releases use, and a key."""

    forge: Forge
    key: Key

    def account(self, login: str) -> None:
        self.forge.account(login, keys=[self.key.public])

    def prove(self, request: Request, login: str = "ada") -> Outcome:
        made = proving.challenge(request, SSH_SIGNATURE, login)
        return proving.prove(request, made, self.key.sign(made.text))


@pytest.fixture
def home(tiny: str, settings: LazySettings, tmp_path: Path) -> Iterator[Home]:
    with Forge() as forge:
        settings.FORGES, settings.FORGES_ALLOW_PRIVATE = forge.setting, True
        yield Home(forge, make_key(tmp_path))


def review_code(request: Request) -> str:
    return claim_of(request).events.get(action="review").note.partition(":")[0]


def test_an_account_whose_repository_of_the_releases_is_its_own_is_accepted(home: Home) -> None:
    home.account("ada")
    home.forge.repository("ada/engine")
    request = ask("account:ada", WRITER)
    home.prove(request)
    assert states_of(request) == ["accepted", "accepted"]


def test_a_login_that_was_given_up_does_not_prove_what_its_first_holder_left_in_the_releases(home: Home) -> None:
    home.forge.account("ada")
    home.forge.repository("ada/engine")
    home.forge.rename_account("ada", "ada-2")
    home.account("mallory")
    home.forge.rename_account("mallory", "ada")
    request = ask("account:ada", WRITER)
    outcome = home.prove(request)
    assert states_of(request) == ["awaiting_verification", "awaiting_verification"]
    assert outcome.uncovered[0][1].startswith("The releases hold ada/engine under this name, which belongs to another")
    assert not Mask.objects.exists()
    assert outcome.proof.names == {}


def gone(forge: Forge) -> None:
    """There is no such repository any more."""


def made_lately(forge: Forge) -> None:
    forge.repository("ada/engine", since=f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}")


def busy(forge: Forge) -> None:
    forge.repository("ada/engine")
    forge.fails("/repos/", status(503))


@pytest.mark.parametrize("there", [gone, made_lately, busy])
def test_an_account_that_nothing_ties_to_the_releases_waits_for_a_person(
    home: Home, there: Callable[[Forge], None]
) -> None:
    home.account("ada")
    there(home.forge)
    request = ask("account:ada", WRITER)
    home.prove(request)
    assert states_of(request) == ["in_review", "in_review"]
    assert review_code(request) == "unconfirmed_account"


def test_an_account_of_which_the_releases_hold_nothing_is_accepted_and_nobody_is_asked(home: Home) -> None:
    home.account("zoe")
    request = ask("account:zoe")
    home.prove(request, "zoe")
    assert states_of(request) == ["accepted"]
    assert not [path for path in home.forge.asked if path.startswith("/repos/")]


def test_a_login_taken_with_a_profile_repository_is_no_better(home: Home) -> None:
    home.forge.account("ada")
    home.forge.repository("ada/engine")
    home.forge.rename_account("ada", "ada-2")
    home.forge.account("ada")
    request = ask("account:ada")
    made = proving.challenge(request, CHALLENGE_FILE, "ada")
    home.forge.repository("ada/ada", {PATH: made.text})
    proving.prove(request, made, "ada/ada")
    assert states_of(request) == ["awaiting_verification"]


def test_a_profile_repository_in_the_account_that_the_releases_hold_will_do(home: Home) -> None:
    home.forge.account("ada")
    home.forge.repository("ada/engine")
    request = ask("account:ada")
    made = proving.challenge(request, CHALLENGE_FILE, "ada")
    home.forge.repository("ada/ada", {PATH: made.text})
    proving.prove(request, made, "ada/ada")
    assert states_of(request) == ["accepted"]


def test_five_repositories_of_a_name_are_asked_about_and_each_once(home: Home) -> None:
    home.account("ada")
    for number in range(7):
        home.forge.repository(f"ada/r{number}")
    api = forge_api(proving.forges()["local"])
    owners = proving.Owners(api, home.forge.user("ada").id)
    names = [f"ada/r{number}" for number in range(7)]
    assert owners.tie(names) == owners.tie(names) == proving.Tie(confirmed=True)
    assert home.forge.asked == [f"/repos/ada/r{number}" for number in range(5)]
    assert owners.tie(["ada/größe", "ada"]) == proving.Tie(confirmed=False)


def test_an_account_with_too_many_repositories_waits(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optout.policy.MOST_REPOSITORIES", 0)
    home.account("ada")
    home.forge.repository("ada/engine")
    request = ask("account:ada")
    home.prove(request)
    assert states_of(request) == ["in_review"]
    assert review_code(request) == "many_repositories"
    assert "Waiting for a person to look at: 1" in Mail.objects.get(key__startswith="verified").body
