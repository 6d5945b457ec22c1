"""A mail server on a socket that speaks RFC 5321 as far as smtplib does, keeps what it gets, and can be told to refuse.

with mail_server() as server:
    ... EMAIL_HOST, EMAIL_PORT = server.address
    server.received[0].message["Subject"]
"""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(frozen=True, slots=True)
class Received:
    """One accepted mail: its envelope, and what stood in it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def text(self) -> str:
        return str(self.message.get_content())


@dataclass
class MailServer:
    """What the tests see. `refusals` are replies for the next commands of a name: `{"RCPT": ["451 later"]}`."""

    address: tuple[str, int] = ("", 0)
    received: list[Received] = field(default_factory=list)
    refusals: dict[str, list[str]] = field(default_factory=dict)
    drop_after_data: int = 0
    """How many mails are kept and then, instead of a reply, the line is cut: the client cannot know."""

    def refusal(self, command: str) -> str | None:
        waiting = self.refusals.get(command)
        return waiting.pop(0) if waiting else None


class _Session(socketserver.StreamRequestHandler):
    """One connection: commands in lines, a reply to each."""

    def handle(self) -> None:
        self.mails: MailServer = self.server.mails  # type: ignore[attr-defined]
        self.reply(self.mails.refusal("CONNECT") or "220 mail.test ESMTP")
        self.begin()
        while line := self.rfile.readline(2000):
            command, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
            answer = getattr(self, f"do_{command.lower()}", None)
            refusal = self.mails.refusal(command.upper())
            if refusal or answer is None:
                self.reply(refusal or "502 not here")
            elif answer(argument) is False:
                return

    def begin(self) -> None:
        self.sender = ""
        self.recipients: list[str] = []

    def reply(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def do_ehlo(self, _: str) -> None:
        self.wfile.write(b"250-mail.test\r\n250-8BITMIME\r\n250 SIZE 1000000\r\n")

    def do_helo(self, _: str) -> None:
        self.reply("250 mail.test")

    def do_mail(self, argument: str) -> None:
        self.sender = _address(argument)
        self.reply("250 ok")

    def do_rcpt(self, argument: str) -> None:
        self.recipients.append(_address(argument))
        self.reply("250 ok")

    def do_data(self, _: str) -> bool:
        self.reply("354 go on")
        content = b"".join(self.lines())
        if refusal := self.mails.refusal("CONTENT"):
            self.reply(refusal)
            return True
        self.mails.received.append(Received(self.sender, tuple(self.recipients), content))
        if self.mails.drop_after_data:
            self.mails.drop_after_data -= 1
            return False
        self.reply("250 kept")
        return True

    def lines(self) -> Iterator[bytes]:
        """Until the lone full stop; one that begins a line was doubled by the client."""
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            yield line[1:] if line.startswith(b".") else line

    def do_rset(self, _: str) -> None:
        self.begin()
        self.reply("250 ok")

    def do_noop(self, _: str) -> None:
        self.reply("250 ok")

    def do_quit(self, _: str) -> bool:
        self.reply("221 bye")
        return False


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, mails: MailServer) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails = mails


@contextmanager
def mail_server() -> Iterator[MailServer]:
    mails = MailServer()
    with _Server(mails) as server:
        mails.address = ("127.0.0.1", server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield mails
        server.shutdown()
        thread.join()


def _address(argument: str) -> str:
    """What stands between < and > in `FROM:<a@b> SIZE=3`."""
    return argument.partition("<")[2].partition(">")[0]
