"""Lists: numbered, immutable, supersets, resolved to documents, and the same bytes of the same records."""

import shutil
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError

from governance.keys import list_key
from governance.ledger.models import Entry
from optout import exclusions, workflow
from optout.exclusion_list import ExclusionList, check_follows, open_list
from optout.models import ExclusionList as Record
from optout.models import Mail
from optout.states import State
from search import unmasked
from tests import corpus
from tests.conftest import TINY, build_release
from tests.optout.asking import ask, proven, states_of


@pytest.fixture(autouse=True)
def _lists(tmp_path: Path, settings: LazySettings) -> None:
    settings.LISTS_DIR = tmp_path / "lists"


def opened(number: int) -> ExclusionList:
    return open_list(exclusions.folder_of(number), [list_key().public])


def scopes(number: int) -> list[str]:
    return [exclusion.scope for exclusion in opened(number).exclusions()]


def test_what_is_accepted_is_listed_and_what_is_not_is_not(tiny: str) -> None:
    mine, waiting = proven("repo:ada/engine", "path:ada/engine/src"), ask("repo:grace/compiler")
    published = exclusions.publish()
    assert (published.record.number, published.new) == (1, 2)
    assert scopes(1) == ["path:ada/engine/src", "repo:ada/engine"]
    assert states_of(mine) == [State.LISTED, State.LISTED]
    assert states_of(waiting) == [State.SUBMITTED]
    assert {claim.listed_in for claim in mine.claims.all()} == {published.record}


def test_a_list_names_the_documents_that_are_held_though_they_are_hidden(tiny: str) -> None:
    proven("repo:ada/engine")
    exclusions.publish()
    listed = list(opened(1).documents())
    assert {document.path for document in listed} == {"src/parser.py", "src/io/writer.py"}
    assert {(document.release, document.repository) for document in listed} == {(TINY, "ada/engine")}


def test_what_is_held_by_nobody_is_listed_all_the_same(tiny: str) -> None:
    proven("repo:ada/not-there-yet")
    exclusions.publish()
    assert scopes(1) == ["repo:ada/not-there-yet"]
    assert list(opened(1).documents()) == []


def test_every_list_holds_all_that_the_list_before_held(tiny: str) -> None:
    for number, name in enumerate(("engine", "other", "third"), start=1):
        proven(f"repo:ada/{name}")
        exclusions.publish()
        assert len(scopes(number)) == number
    check_follows(opened(1), opened(2))
    check_follows(opened(2), opened(3))
    assert [exclusion.since for exclusion in opened(3).exclusions()] == [1, 2, 3]


def test_a_list_without_news_is_the_latest_again(tiny: str) -> None:
    proven("repo:ada/engine")
    first, again = exclusions.publish(), exclusions.publish()
    assert (again.record, again.is_new) == (first.record, False)
    assert Record.objects.count() == 1


def test_the_first_list_may_be_empty_and_is_signed_as_any(tiny: str) -> None:
    assert exclusions.publish().record.number == 1
    assert scopes(1) == []


def test_the_same_records_give_the_same_bytes(tiny: str) -> None:
    proven("path:ada/engine/src", "repo:ada/engine")
    folder = exclusions.publish().folder
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    exclusions.publish()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_a_folder_that_was_never_recorded_is_made_anew(tiny: str) -> None:
    """What a run leaves that was killed after it wrote the folder and before it recorded the list."""
    stale = exclusions.folder_of(1)
    stale.mkdir(parents=True)
    (stale / "manifest.json").write_text("{}")
    proven("repo:ada/engine")
    exclusions.publish()
    assert scopes(1) == ["repo:ada/engine"]


def test_other_builds_cannot_be_passed_off_as_a_published_list(tiny: str) -> None:
    proven("repo:ada/engine")
    published = exclusions.publish()
    shutil.rmtree(published.folder)
    Record.objects.filter(pk=published.record.pk).update(manifest_digest="0" * 64)
    with pytest.raises(exclusions.NotPublished, match="restore its folder from a backup"):
        exclusions.write_out(Record.objects.get())
    assert not published.folder.exists()


def test_a_claim_that_moves_meanwhile_stops_the_list(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = proven("repo:ada/engine")
    monkeypatch.setattr(unmasked, "documents", lambda build, scope: workflow.withdraw(mine) and iter(()))
    with pytest.raises(exclusions.NotPublished, match="run it again"):
        exclusions.publish()
    monkeypatch.undo()
    assert Record.objects.count() == 0
    exclusions.publish()
    assert scopes(1) == []


def test_names_of_a_renamed_repository_are_covered(tiny: str) -> None:
    proven("repo:old-ada/engine")
    exclusions.publish()
    (exclusion,) = opened(1).exclusions()
    assert (exclusion.scope, exclusion.names) == ("repo:old-ada/engine", ("repo:ada/engine",))
    assert len(list(opened(1).documents())) == 2


def test_a_name_that_is_learned_later_becomes_a_line_of_its_own(tiny: str) -> None:
    mine = proven("repo:old-ada/engine")
    exclusions.publish()
    other = proven("repo:old-ada/engine")
    other.claims.update(names=["repo:ada/engine", "repo:even-older/engine"])
    exclusions.publish()
    assert scopes(2) == ["repo:even-older/engine", "repo:old-ada/engine"]
    check_follows(opened(1), opened(2))
    assert states_of(mine) == states_of(other) == [State.LISTED]


def test_documents_of_every_active_release_are_named(tiny: str, tmp_path: Path) -> None:
    build_release("second-1", [corpus.write_texts(tmp_path / "b.parquet", [corpus.code(5)])])
    proven("repo:ada/engine")
    exclusions.publish()
    assert [release.release for release in opened(1).manifest.releases] == ["second-1", TINY]


def test_those_who_asked_are_told_and_the_ledger_knows(tiny: str) -> None:
    mine = proven("repo:ada/engine")
    record = exclusions.publish().record
    (mail,) = Mail.objects.filter(key__startswith="listed:")
    assert mail.to == mine.contact
    entry = Entry.objects.filter(kind="list_published").get()
    assert record.manifest_digest.encode() in bytes(entry.data)
    assert b"ada" not in bytes(entry.data)


def test_the_command_says_what_it_did(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    proven("repo:ada/engine")
    call_command("publish_exclusions")
    call_command("publish_exclusions")
    said = capsys.readouterr().out
    assert "Published list 1: 1 exclusions, 1 of them new, 2 documents" in said
    assert "Nothing was accepted since list 1" in said


def test_the_command_fails_in_words(tiny: str, settings: LazySettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.LISTS_DIR = tmp_path / "file" / "lists"
    with pytest.raises(CommandError, match="Not a directory"):
        call_command("publish_exclusions")


def test_a_folder_that_holds_another_list_is_not_taken_for_the_published_one(tiny: str) -> None:
    proven("repo:ada/engine")
    folder = exclusions.publish().folder
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(exclusions.NotPublished, match="holds another list than number 1"):
        exclusions.publish()
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(exclusions.NotPublished, match="is not list 1"):
        exclusions.publish()
