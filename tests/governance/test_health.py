"""/healthz tells that the process lives, /readyz whether it can answer; both to whoever asks by address."""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from governance.health import Finding, State
from governance.ledger import log
from governance.ledger.models import Entry
from governance.models import Work

MINE = "governance.health"


def broken() -> Finding:
    raise RuntimeError("postgresql://ada:s3cret@db")


def degraded() -> Finding:
    return Finding(State.DEGRADED, "something waits")


def failed() -> Finding:
    return Finding(State.FAILED, "cannot be asked")


def asked(client: Client, status: int = 200) -> Any:
    response = client.get("/readyz")
    assert response.status_code == status, response.content
    return json.loads(response.content)


@pytest.fixture
def probed(settings: LazySettings) -> Callable[[str], None]:
    """Sets the only probe there is."""

    def only(path: str) -> None:
        settings.PROBES = {"one": path}

    return only


def test_the_process_lives_whatever_the_rest_does(client: Client) -> None:
    with connection.execute_wrapper(lambda *anything: pytest.fail("the database was asked")):
        response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert response["Cache-Control"] == "no-store"


def test_who_probes_needs_no_host_and_no_tls(client: Client, settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["code.example.org"]
    settings.PROBES = {}
    for address in ("/healthz", "/readyz"):
        assert client.get(address, headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/", headers={"host": "10.0.0.7:8000"}, secure=True).status_code == 400


def test_only_reading_is_allowed(client: Client) -> None:
    response = client.post("/readyz", headers={"host": "localhost"})
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_addresses_beside_them_are_the_sites_own(client: Client) -> None:
    assert client.get("/healthz/").status_code == 404


@pytest.mark.django_db
def test_everything_well_is_ready(client: Client) -> None:
    told = asked(client)
    assert told["status"] == "ok"
    assert set(told["probes"]) == {"database", "engine", "ledger", "mail", "redis", "work"}
    assert {probe["state"] for probe in told["probes"].values()} == {"ok"}


@pytest.mark.parametrize(
    ("path", "status", "state"), [("degraded", 200, "degraded"), ("failed", 503, "failed"), ("broken", 503, "failed")]
)
def test_what_waits_is_told_and_what_cannot_answer_is_not_ready(
    client: Client, probed: Callable[[str], None], path: str, status: int, state: str
) -> None:
    probed(f"{__name__}.{path}")
    told = asked(client, status)
    assert told["status"] == told["probes"]["one"]["state"] == state


def test_the_worst_finding_counts(client: Client, settings: LazySettings) -> None:
    settings.PROBES = {name: f"{__name__}.{name}" for name in ("failed", "degraded")}
    assert asked(client, 503)["status"] == "failed"


def test_what_breaks_a_probe_is_not_told(
    client: Client, probed: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    probed(f"{__name__}.broken")
    assert asked(client, 503)["probes"]["one"]["detail"] == "the probe broke"
    assert "probe one broke" in caplog.text


@pytest.mark.django_db
def test_a_database_that_does_not_know_the_tables_is_not_ready(client: Client, probed: Callable[[str], None]) -> None:
    probed(f"{__name__}.without_tables")
    assert asked(client, 503)["probes"]["one"]["detail"] == "the database cannot be asked"


def without_tables() -> Finding:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM not_migrated")
    return Finding(State.OK, "")


@pytest.mark.django_db
def test_entries_that_nobody_signs_are_told_after_an_hour(client: Client, probed: Callable[[str], None]) -> None:
    probed(f"{MINE}.ledger")
    assert asked(client)["probes"]["one"]["detail"] == "every entry is signed"
    with transaction.atomic():
        log.append("claim_moved", {"number": 1})
    assert asked(client)["probes"]["one"] == {"state": "ok", "detail": "the oldest unsigned entry is 0 min old"}
    (told,) = Entry.objects.all()
    later = told.recorded_at + timedelta(minutes=61)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: later)
        late = asked(client)
    assert late["probes"]["one"] == {"state": "degraded", "detail": "the oldest unsigned entry is 61 min old"}
    log.sign_checkpoint()
    assert asked(client)["probes"]["one"]["detail"] == "every entry is signed"


def test_redis_that_is_away_keeps_nobody_from_answering(
    client: Client, probed: Callable[[str], None], settings: LazySettings
) -> None:
    probed(f"{MINE}.redis")
    assert settings.WORK.redis == ""
    assert asked(client)["probes"]["one"]["detail"] == "not used"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        settings.WORK = replace(settings.WORK, redis=f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        assert asked(client)["probes"]["one"] == {"state": "ok", "detail": "can be reached"}
    assert asked(client)["probes"]["one"] == {"state": "degraded", "detail": "cannot be reached; work waits"}


@pytest.mark.django_db
def test_work_that_redis_did_not_get_is_told_and_work_that_waits_for_a_worker_is_not(
    client: Client, probed: Callable[[str], None]
) -> None:
    probed(f"{MINE}.work")
    hour_ago = timezone.now() - timedelta(hours=1)
    Work.objects.create(key="sent", task="t", send_at=hour_ago, sent_at=hour_ago)
    Work.objects.create(key="held", task="t", send_at=hour_ago, held_until=timezone.now())
    Work.objects.create(key="later", task="t", send_at=timezone.now() + timedelta(hours=1))
    assert asked(client)["probes"]["one"] == {"state": "ok", "detail": "everything due was sent"}
    Work.objects.create(key="unsent", task="t", send_at=hour_ago)
    assert asked(client)["probes"]["one"] == {"state": "degraded", "detail": "the longest due task is 60 min old"}


@pytest.mark.django_db
def test_work_that_a_dead_worker_left_and_nobody_took_is_told(client: Client, probed: Callable[[str], None]) -> None:
    probed(f"{MINE}.work")
    ago = timezone.now() - timedelta(hours=1)
    Work.objects.create(key="left", task="t", send_at=ago, sent_at=ago, token="x", held_until=ago)
    assert asked(client)["probes"]["one"] == {"state": "degraded", "detail": "the longest abandoned task is 60 min old"}


@pytest.mark.parametrize(("strict", "path", "status"), [
    ("", "degraded", 0), ("--strict", "degraded", 1), ("", "failed", 1), ("--strict", "failed", 1),
])  # fmt: skip
def test_the_command_tells_the_same_to_a_shell(
    probed: Callable[[str], None], capsys: pytest.CaptureFixture[str], strict: str, path: str, status: int
) -> None:
    probed(f"{__name__}.{path}")
    words = ["ready", *([strict] if strict else [])]
    if status:
        with pytest.raises(CommandError, match="not ready" if path == "failed" else "something waits"):
            call_command(*words)
    else:
        call_command(*words)
    assert f"one        {path:<9} " in capsys.readouterr().out


def test_the_command_asks_those_that_are_named_and_knows_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ready", "redis")
    assert capsys.readouterr().out == "redis      ok        not used\n"
    with pytest.raises(CommandError, match="there is no probe mysql; there are database, engine"):
        call_command("ready", "mysql")
