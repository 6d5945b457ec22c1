"""The setting FORGES: which forges are asked, and how."""

import pytest

from optout.ownership.forges import DEFAULT_FORGES, Forge, parse_forges

GITHUB = "github=github+https://api.github.com"


def test_by_default_there_are_github_whose_names_datasets_use_and_codeberg() -> None:
    assert list(parse_forges(DEFAULT_FORGES).values()) == [
        Forge("github", "github", "https://api.github.com", "https://github.com", home=True),
        Forge("codeberg", "forgejo", "https://codeberg.org/api/v1", "https://codeberg.org", home=False),
    ]


def test_a_forge_of_ones_own_has_its_pages_beside_its_api() -> None:
    forges = parse_forges(
        "lab=github+https://git.lab.example/api/v3/ ,, tea=forgejo+https://tea.example:8443/git/api/v1"
    )
    assert forges["lab"].web == "https://git.lab.example"
    assert forges["lab"].origin == "https://git.lab.example"
    assert forges["tea"].web == "https://tea.example:8443/git"
    assert forges["tea"].origin == "https://tea.example:8443"


def test_private_forges_are_for_development() -> None:
    setting = "local=github+http://127.0.0.1:8008"
    assert parse_forges(setting, allow_private=True)["local"].private
    with pytest.raises(ValueError, match=r"local: .*https"):
        parse_forges(setting)


def test_tokens_go_to_the_forge_they_are_for_and_are_never_shown() -> None:
    forge = parse_forges(GITHUB, tokens="github=ghp_secret=x")["github"]
    assert forge.token == "ghp_secret=x"
    assert "secret" not in repr(forge)


WRONG = {
    "": "no forge",
    " , ": "no forge",
    "github": "name=kind",
    "github=https://api.github.com": "name=kind",
    "github=github": "name=kind",
    "GitHub=github+https://api.github.com": "lower-case",
    "a b=github+https://api.github.com": "lower-case",
    "=github+https://api.github.com": "lower-case",
    "email=github+https://api.github.com": "not email",
    "lab=gitlab+https://gitlab.com/api/v4": "kind 'gitlab' must be one of github, forgejo",
    "lab=github+http://api.github.com": "lab: .*https",
    "lab=github+https://": "lab: ",
    "lab=github+https://127.0.0.1": "lab: .*host name",
    "lab=github+https://user:hunter2@git.example": "lab: ",
    "lab=github+https://git.example/a b": "lab: ",
    "lab=github+https://git.example/api?x=y": "lab: ",
    "lab=github+https://git.example/api#x": "lab: ",
    "lab=github+https://git.example/../api": "lab: ",
    "lab=github+https://git.example/%2e/api": "lab: ",
    "lab=github+https://git.example:99999": "lab: ",
    f"{GITHUB},{GITHUB}": "'github' is named twice",
}


@pytest.mark.parametrize(("text", "problem"), WRONG.items())
def test_a_setting_that_is_wrong_names_the_part_at_fault(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_forges(text)


@pytest.mark.parametrize("tokens", ["github", "github=", "github=a b", "github=é", "lab=secret", "=secret", "secret"])
def test_a_token_that_is_wrong_is_refused_and_not_repeated(tokens: str) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        parse_forges(GITHUB, tokens=tokens)
    assert "secret" not in str(caught.value) or tokens == "secret"
