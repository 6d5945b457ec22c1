"""The outbox: what is written is sent once, to a real server on a socket, also one that refuses for a while."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from optout import mail, proving
from optout.models import Mail, MailState, Request
from optout.ownership.email_code import METHOD as EMAIL_CODE
from optout.tokens import link_to
from tests.optout.asking import CONTACT, ask
from tests.optout.smtp import MailServer, mail_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: LazySettings) -> Iterator[MailServer]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mail_server() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = running.address
        yield running


def waiting() -> Mail:
    """The receipt of a request, which is not sent yet."""
    ask("repo:ada/engine")
    return Mail.objects.latest("pk")


def later(letter: Mail, after: timedelta = timedelta(0)) -> None:
    """Let time pass until the next try is due, and `after` that."""
    Mail.objects.filter(pk=letter.pk).update(next_try_at=timezone.now() - after)


def test_a_mail_is_sent_with_what_it_says(server: MailServer) -> None:
    letter = waiting()
    assert mail.deliver() == {MailState.SENT: 1}
    (received,) = server.received
    assert received.recipients == (CONTACT,)
    message = received.message
    assert (message["Subject"], message["To"]) == ("Your request for removal was received", CONTACT)
    assert message["Message-ID"] == letter.message_id
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert link_to(Request.objects.get()) in received.text


def test_what_was_sent_is_not_sent_again_and_keeps_no_link(server: MailServer) -> None:
    letter = waiting()
    mail.deliver()
    assert mail.deliver() == {}
    assert mail.deliver_one(letter.pk) is None
    assert len(server.received) == 1
    letter.refresh_from_db()
    assert (letter.state, letter.body, letter.tries) == (MailState.SENT, "", 1)
    assert letter.sent_at is not None


def test_the_same_told_twice_is_one_mail(server: MailServer) -> None:
    request = ask("repo:ada/engine")
    for _ in range(2):
        mail.queue(mail.Kind.EXPIRED, request, "once", claims=mail.Shown((), 0))
    assert Mail.objects.filter(key__startswith="expired").count() == 1


def test_nothing_is_told_of_what_was_taken_back(server: MailServer) -> None:
    with transaction.atomic():
        ask("repo:ada/engine")
        transaction.set_rollback(True)
    assert mail.deliver() == {}


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("CONNECT", "421 busy"),
        ("MAIL", "451 later"),
        ("RCPT", "450 mailbox busy"),
        ("CONTENT", "452 full"),
        ("MAIL", "550 you may not"),
    ],
)
def test_a_server_that_refuses_for_a_while_gets_it_later(server: MailServer, command: str, reply: str) -> None:
    letter = waiting()
    server.refusals[command] = [reply]
    assert mail.deliver() == {MailState.WAITING: 1}
    letter.refresh_from_db()
    assert letter.problem.startswith("SMTP")
    assert CONTACT not in letter.problem
    assert letter.next_try_at > timezone.now()
    assert mail.deliver() == {}, "it is not due yet"
    later(letter)
    assert mail.deliver() == {MailState.SENT: 1}
    assert len(server.received) == 1


def test_a_server_that_is_not_there_gets_it_later_and_less_and_less_often(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mail_server() as gone:
        settings.EMAIL_HOST, settings.EMAIL_PORT = gone.address
    letter = waiting()
    pauses = []
    for _ in mail.SCHEDULE:
        assert mail.deliver() == {MailState.WAITING: 1}
        letter.refresh_from_db()
        pauses.append(letter.next_try_at - timezone.now())
        later(letter)
    assert pauses == sorted(pauses)
    assert pauses[-1] > timedelta(hours=23)
    assert mail.deliver() == {MailState.FAILED: 1}
    assert mail.deliver() == {}
    letter.refresh_from_db()
    assert link_to(Request.objects.get()) in letter.body, "a steward may still want to send it"


@pytest.mark.parametrize(("command", "reply"), [("RCPT", "550 no such user"), ("CONTENT", "554 spam")])
def test_what_is_refused_for_good_is_not_tried_again(server: MailServer, command: str, reply: str) -> None:
    letter = waiting()
    server.refusals[command] = [reply]
    assert mail.deliver() == {MailState.FAILED: 1}
    later(letter)
    assert mail.deliver() == {}


def test_one_bad_mail_does_not_hold_up_the_others(server: MailServer) -> None:
    first = waiting()
    Mail.objects.filter(pk=first.pk).update(subject="two\nlines")
    waiting()
    assert mail.deliver() == {MailState.WAITING: 1, MailState.SENT: 1}
    assert "two" not in server.received[0].content.decode()


def test_killed_while_it_sent_it_is_sent_again_under_the_same_id(server: MailServer) -> None:
    """The server took it, the line was cut before it said so: nobody can know, so the recipient must be able to."""
    letter = waiting()
    server.drop_after_data = 1
    assert mail.deliver() == {MailState.WAITING: 1}
    later(letter)
    assert mail.deliver() == {MailState.SENT: 1}
    first, second = server.received
    assert first.message["Message-ID"] == second.message["Message-ID"] == letter.message_id


def test_a_mail_whose_process_died_is_taken_up_after_a_quarter_of_an_hour(server: MailServer) -> None:
    letter = waiting()
    Mail.objects.filter(pk=letter.pk).update(state=MailState.SENDING, tries=1, next_try_at=timezone.now() + mail.STUCK)
    assert mail.deliver() == {}
    later(letter)
    assert mail.deliver() == {MailState.SENT: 1}
    assert len(server.received) == 1


def test_a_mail_that_kills_every_process_is_given_up(server: MailServer) -> None:
    letter = waiting()
    Mail.objects.filter(pk=letter.pk).update(state=MailState.SENDING, tries=len(mail.SCHEDULE) + 1)
    later(letter)
    assert mail.deliver() == {}
    letter.refresh_from_db()
    assert letter.state == MailState.FAILED
    assert letter.body, "whoever mends it can send it again"


def test_a_server_that_does_not_answer_holds_a_round_up_for_a_while_only(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that takes connections and says nothing costs each mail its time-out."""
    monkeypatch.setattr(mail, "ROUND_SECONDS", 0.3)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 0.2
    for _ in range(6):
        waiting()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        assert mail.deliver()[MailState.WAITING] < 6
    assert Mail.objects.filter(state=MailState.WAITING).count() == 6


@pytest.mark.usefixtures("committed")
def test_many_processes_at_once_send_each_mail_once(server: MailServer) -> None:
    Mail.objects.bulk_create(
        Mail(key=f"k{n}", to=CONTACT, subject=f"mail {n}", body="x", message_id=f"<{n}@here.test>") for n in range(20)
    )
    begin = threading.Barrier(8)

    def deliver(_: int) -> None:
        begin.wait()
        try:
            mail.deliver()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, range(8)))
    assert sorted(received.message["Subject"] for received in server.received) == sorted(f"mail {n}" for n in range(20))


@pytest.mark.usefixtures("committed")
def test_it_is_sent_when_it_is_committed_and_a_dead_server_hurts_nobody(
    server: MailServer, settings: LazySettings
) -> None:
    ask("repo:ada/engine")
    assert len(server.received) == 1
    settings.EMAIL_PORT = 1
    ask("repo:ada/compiler")
    assert Mail.objects.latest("pk").state == MailState.WAITING


# --- What mails hold ------------------------------------------------------------------------------------


def test_a_code_is_gone_from_the_records_once_it_is_sent(server: MailServer) -> None:
    proving.challenge(ask("email:ada@people.test"), EMAIL_CODE, "ada@people.test")
    mail.deliver()
    letter = Mail.objects.get(secret=True)
    assert (letter.state, letter.body) == (MailState.SENT, "")
    (received,) = (received for received in server.received if received.recipients == ("ada@people.test",))
    assert received.message["Subject"] == "Your code"
    assert "/requests/" not in received.text, "whoever reads that mailbox need not be who asked"


def test_a_code_is_gone_also_where_it_cannot_be_sent(server: MailServer) -> None:
    proving.challenge(ask("email:ada@people.test"), EMAIL_CODE, "ada@people.test")
    Mail.objects.filter(secret=False).delete()
    server.refusals["RCPT"] = ["550 no such user"]
    mail.deliver()
    letter = Mail.objects.get()
    assert (letter.state, letter.body) == (MailState.FAILED, "")


def test_a_code_is_gone_also_where_every_process_that_sent_it_died(server: MailServer) -> None:
    proving.challenge(ask("email:ada@people.test"), EMAIL_CODE, "ada@people.test")
    letter = Mail.objects.get(secret=True)
    Mail.objects.filter(pk=letter.pk).update(state=MailState.SENDING, tries=len(mail.SCHEDULE) + 1)
    later(letter)
    mail.deliver()
    letter.refresh_from_db()
    assert (letter.state, letter.body) == (MailState.FAILED, "")


def test_scopes_are_written_as_they_are_and_never_as_markup_or_headers(server: MailServer) -> None:
    ask("path:ada/engine/<b>&amp;'\"", "path:ada/engine/ä€😀")
    mail.deliver()
    text = server.received[0].text
    assert "path:ada/engine/<b>&amp;'\"" in text
    assert "path:ada/engine/ä€😀" in text


@pytest.mark.parametrize("kind", mail.Kind)
def test_every_mail_has_a_subject_of_one_line_and_says_when_and_what(kind: mail.Kind) -> None:
    request = ask("repo:ada/engine")
    now = timezone.now()
    subject, body = mail.render(
        kind, request, claims=mail.Shown(("repo:ada/engine",), 3), accepted=1, waiting=2, wishes=1, code="abcd",
        expires_at=now, public="So it is.", reason="it is so", appeal_until=now, number=3, release="tiny",
        digest="0" * 64,
    )  # fmt: skip
    assert subject
    assert "\n" not in subject
    assert "None" not in body
    assert "{" not in body
    assert (kind is mail.Kind.CODE) != ("repo:ada/engine\n  and 2 more" in body)
    assert all(len(line) <= 200 for line in body.splitlines())


def test_the_log_names_no_address(server: MailServer, caplog: pytest.LogCaptureFixture) -> None:
    waiting()
    server.refusals["RCPT"] = [f"550 <{CONTACT}> no such user"]
    mail.deliver()
    assert "was not sent" in caplog.text
    assert CONTACT not in caplog.text


def test_a_mail_that_is_sent_has_its_time_in_the_records() -> None:
    letter = waiting()
    with pytest.raises(IntegrityError), transaction.atomic():
        Mail.objects.filter(pk=letter.pk).update(state=MailState.SENT)


def test_without_a_server_mails_are_files(settings: LazySettings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    waiting()
    mail.deliver()
    (file,) = (tmp_path / "mail").iterdir()
    assert f"To: {CONTACT}" in file.read_text("utf-8")


def test_the_command_sends_what_is_due_and_says_how_many(
    server: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting()
    waiting()
    call_command("deliver_mail")
    call_command("deliver_mail")
    assert capsys.readouterr().out == "2 sent\n"
