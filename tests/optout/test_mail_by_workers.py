"""Mails where workers send them: each exactly once, by beat where the nudge was lost, whoever is killed."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.optout.smtp import MailServer, mail_server
from tests.search.sites import (
    Redis,
    Site,
    drop_databases,
    on_postgresql,
    own_database,
    wait_until,
)

ASK = """
from optout import workflow
from search.scope import parse_scope
workflow.submit([parse_scope("repo:ada/engine")], "contact@people.test")
print(0)
"""
MAILS = """
from optout.models import Mail
print(json.dumps(list(Mail.objects.values_list("state", flat=True))))
"""
DUE = """
from django.utils import timezone
from optout.models import Mail
print(Mail.objects.update(next_try_at=timezone.now()))
"""


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, redis: Redis, server: MailServer) -> Iterator[Site]:
    database = {"DATABASE_URL": own_database(f"mail_{os.getpid()}")} if on_postgresql() else {}
    host, port = server.address
    quick = {"DJANGO_SETTINGS_MODULE": "tests.quick_settings", "REDIS_URL": redis.url}
    made = Site(tmp_path / "site", {**database, **quick, "EMAIL_URL": f"smtp://{host}:{port}"})
    made.manage("migrate", "--verbosity", "0")
    yield made
    if database:
        drop_databases(f"mail_{os.getpid()}")


def is_sent(site: Site) -> bool:
    return bool(site.ask(MAILS) == ["sent"])


def test_a_mail_follows_what_it_tells_at_once_and_once(site: Site, server: MailServer) -> None:
    with site.worker():
        site.ask(ASK)
        wait_until("the mail is sent", lambda: is_sent(site))
    assert len(server.received) == 1


def test_a_request_is_accepted_while_redis_is_away_and_its_mail_follows(
    site: Site, redis: Redis, server: MailServer
) -> None:
    redis.kill()
    site.ask(ASK)
    redis.start()
    with site.worker(), site.beat():
        wait_until("the mail is sent", lambda: is_sent(site))
    assert len(server.received) == 1


def test_a_worker_killed_while_it_sends_costs_no_mail_and_sends_none_twice(site: Site, server: MailServer) -> None:
    site.ask(ASK)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        here = site.environment["EMAIL_URL"]
        site.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        with site.worker() as worker:
            wait_until("the mail is being sent", lambda: site.ask(MAILS) == ["sending"])
            worker.kill()
    site.environment["EMAIL_URL"] = here
    with site.worker(), site.beat():
        assert site.ask(MAILS) == ["sending"]
        site.ask(DUE)
        wait_until("the mail is sent", lambda: is_sent(site))
    assert len(server.received) == 1
