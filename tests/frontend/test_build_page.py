"""The page of a build: what it does now, in words, with and without a script, and nothing that is the steward's."""

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from search import builds, registering
from search.indexing import ShardResult
from search.models import Build, Release
from tests import corpus
from tests.frontend.pages import read

pytestmark = pytest.mark.django_db
ADDRESS = "/releases/r-1/build"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    shards = [corpus.write_texts(tmp_path / f"{n}.parquet", [corpus.code(n)], f"many/files-{n}") for n in range(4)]
    return registering.register("r-1", shards, dataset="tests")


@pytest.fixture
def running(release: Release) -> Build:
    """A build of a release that another one answers for: one of four shards is done, one has failed."""
    release.active_build = builds.begin(release)
    release.save()
    current = builds.begin(release)
    done, failed, *_ = current.shards.select_related("shard")
    builds.write_down(done, ShardResult({"documents": 1}, 100, 0.1))
    builds.write_down(failed, "/secret/place/1.parquet: is damaged")
    return current


def test_a_build_that_runs_says_how_far_it_is(client: Client, running: Build) -> None:
    page = read(client.get(ADDRESS))
    assert page.one("h1") == "r-1 is being built."
    assert "Shards2 of 4" in page.text
    assert "1 shard: 1" in page.text


def log_in_as_steward(client: Client) -> None:
    user = User.objects.create_user("steward")
    user.user_permissions.add(Permission.objects.get(codename="steer_build"))
    client.force_login(user)


def test_how_large_a_release_is_stands_there_for_stewards_alone(client: Client, running: Build) -> None:
    assert text_done(client) == "50\N{NO-BREAK SPACE}%"
    log_in_as_steward(client)
    assert " of " in text_done(client)


def text_done(client: Client) -> str:
    return read(client.get(ADDRESS)).all("dd")[0].text


def test_a_release_that_is_being_prepared_is_told_of_to_stewards_alone(client: Client, running: Build) -> None:
    Release.objects.update(active_build=None)
    assert client.get(ADDRESS).status_code == 404
    log_in_as_steward(client)
    assert client.get(ADDRESS).status_code == 200


def test_a_release_that_left_the_answers_to_be_sealed_again_is_still_told_of(client: Client, running: Build) -> None:
    Release.objects.update(active_build=None)
    Build.objects.filter(pk=running.pk).update(answers_again=True)
    assert client.get(ADDRESS).status_code == 200


def test_the_reasons_of_failures_are_not_for_everybody(client: Client, running: Build) -> None:
    assert b"secret" not in client.get(ADDRESS).content


def test_without_scripts_the_page_reloads(client: Client, running: Build) -> None:
    answer = client.get(ADDRESS).content.decode()
    assert '<noscript><meta http-equiv="refresh"' in answer
    assert ADDRESS in read(client.get(ADDRESS)).links


def test_whoever_polls_gets_the_part_that_changes(client: Client, running: Build) -> None:
    answer = client.get(ADDRESS, headers={"HX-Request": "true"}).content.decode()
    assert answer.startswith("<section")
    assert "<html" not in answer
    assert f'hx-get="{ADDRESS}"' in answer


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (Build.State.COMPLETE, "The build of r-1 is complete."),
        (Build.State.INCOMPLETE, "The build of r-1 is sealed without 1 shard."),
        (Build.State.CANCELLED, "The build of r-1 was cancelled; it can be resumed."),
        (Build.State.FAILED, "The build of r-1 could not be sealed."),
    ],
)
def test_what_has_ended_says_how_and_is_not_asked_again(
    client: Client, running: Build, state: Build.State, sentence: str
) -> None:
    Build.objects.update(state=state)
    response = client.get(ADDRESS)
    assert read(response).one("h1") == sentence
    assert b"hx-get" not in response.content
    assert b"refresh" not in response.content


def test_when_all_shards_are_read_it_is_being_sealed(client: Client, running: Build) -> None:
    running.shards.update(state="done")
    assert read(client.get(ADDRESS)).one("h1") == "All shards of r-1 are read; its build is being sealed."


@pytest.mark.parametrize("name", ["r-1", "nowhere"])
def test_what_was_never_built_is_not_found(client: Client, release: Release, name: str) -> None:
    assert client.get(f"/releases/{name}/build").status_code == 404


def test_the_page_may_run_nothing_but_its_own_script(client: Client, running: Build) -> None:
    response = client.get(ADDRESS)
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert b"<style" not in response.content
    assert b'includeIndicatorStyles": false' in response.content
