"""What the story needs around it: a site of its own with its server, a forge, a mail server, a pipeline elsewhere.

Everything is a real process or a real socket; commands are run as an operator would type them.
"""

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from stack.processes import free_port
from tests.environment import own_site
from tests.journey.cluster import Cluster
from tests.optout.ownership.forge import Forge
from tests.optout.smtp import MailServer, mail_server

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("pyarrow", "cryptography", "cffi", "_cffi_backend", "pycparser")
"""What the filter may use, and what that is made of."""


def quiet(line: str) -> None:
    """Tells nobody."""


@dataclass
class World:
    """One machine for the service, one for the pipeline, and people with keys.

    `tell` hears every step and command. With `killing`, each command of the service is first run and killed after a
    moment of that generator's choice, and the server is killed between any two steps. With a `cluster`, records,
    work, documents and shards are on its servers.
    """

    folder: Path
    tell: Callable[[str], None] = quiet
    killing: random.Random | None = None
    cluster: Cluster | None = None
    mails: MailServer = field(init=False)
    forge: Forge = field(init=False)
    _open: ExitStack = field(default_factory=ExitStack, init=False)
    _served: list[subprocess.Popen[str]] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mails = self._open.enter_context(mail_server())
        self.forge = self._open.enter_context(Forge(folder=self.folder / "forge"))
        self.port = free_port()
        host, port = self.mails.address
        self.environment = own_site(self.folder / "data") | {
            "EMAIL_URL": f"smtp://{host}:{port}",
            "FORGES": self.forge.setting,
            "FORGES_ALLOW_PRIVATE": "on",
            "SITE_URL": self.site,
            **(self.cluster.environment if self.cluster else {}),
        }
        self.people = self.folder / "people"
        self.pipeline = self.folder / "pipeline"
        for place in (self.people, self.pipeline):
            place.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._open.close()

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def shards(self) -> Path:
        """As they were made."""
        return self.data / "sample"

    @property
    def dirty(self) -> str:
        """Where the service and the pipeline find them."""
        return self.cluster.place("dirty") if self.cluster else str(self.shards)

    @property
    def clean(self) -> str:
        """Where the pipeline puts what the filter writes."""
        return self.cluster.place("clean") if self.cluster else str(self.pipeline / "clean")

    def publish_shards(self) -> None:
        if self.cluster:
            self.cluster.send(self.shards, "dirty")

    def brought(self) -> Path:
        """The folder of what the filter wrote, for whoever reads files."""
        return self.cluster.bring("clean", self.folder / "brought") if self.cluster else Path(self.clean)

    def step(self, sentence: str) -> None:
        """The next step of the story begins."""
        self.tell(f"\n## {sentence}\n")
        if self.killing and self._served:
            self.stop()
            self.serve()

    # --- The service --------------------------------------------------------------------------------

    def manage(self, *arguments: str) -> str:
        """What a command of the service printed."""
        self.tell(f"$ python manage.py {shlex.join(arguments)}")
        command = [sys.executable, "manage.py", *arguments]
        if self.killing:
            self._run_and_kill(command, self.killing.uniform(0.2, 3))
        return self._run(command, self.environment)

    def reviewer(self, name: str, password: str) -> "Reviewer":
        """Somebody who may decide, signed in at the admin."""
        self.tell(f"$ DJANGO_SUPERUSER_PASSWORD=... python manage.py createsuperuser --noinput --username {name}")
        command = [
            sys.executable,
            "manage.py",
            "createsuperuser",
            "--noinput",
            "--username",
            name,
            "--email",
            "a@b.test",
        ]
        self._run(command, self.environment | {"DJANGO_SUPERUSER_PASSWORD": password})
        return Reviewer(self.site, name, password)

    def serve(self) -> None:
        """Start the site, with its workers where it has some, and wait until it answers."""
        server = ["-m", "gunicorn", "governance.wsgi", "--bind", f"127.0.0.1:{self.port}", "--workers", "1"]
        self._begin("server", server)
        if self.cluster:
            self.work()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.site}/robots.txt")
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError("the site does not answer")

    def work(self) -> None:
        """Start two workers, and what has the periodic work done."""
        self._begin("worker", ["-m", "celery", "-A", "governance", "worker", "--concurrency", "2"])
        self._begin("beat", ["-m", "celery", "-A", "governance", "beat"])

    def _begin(self, name: str, arguments: Sequence[str]) -> None:
        log = self._open.enter_context((self.folder / f"{name}.log").open("a"))
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        self._served.append(process)

    def stop(self) -> None:
        while self._served:
            process = self._served.pop()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def get(self, path: str, **query: str) -> Any:
        """The JSON that the API answers."""
        answer = httpx.get(f"{self.site}{path}", params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any, **headers: str) -> Any:
        self.tell(f"$ curl {self.site}{path} -H 'Content-Type: application/json' -d {_cut(json.dumps(body))}")
        answer = httpx.post(f"{self.site}{path}", json=body, headers=headers, timeout=60)
        if answer.is_error:
            raise Refusal(answer.status_code, answer.json())
        return answer.json()

    # --- The people ---------------------------------------------------------------------------------

    def ssh_key(self, name: str) -> Path:
        """A person's new key pair; returns the private half."""
        path = self.people / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
        return path

    def sign(self, key: Path, text: str, namespace: str) -> str:
        self.tell(f"$ ssh-keygen -Y sign -n {namespace} -f {key.name} challenge.txt")
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key)]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout

    def mail_to(self, address: str, about: str) -> str:
        """The text of the latest mail to somebody whose subject holds `about`; waits for it."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for mail in reversed(self.mails.received):
                if address in mail.recipients and about in str(mail.message["Subject"]):
                    return mail.text
            time.sleep(0.1)
        raise TimeoutError(f"no mail to {address} about {about!r}")

    # --- The pipeline, on another machine -----------------------------------------------------------

    def bare_python(self) -> Path:
        """The interpreter of a virtual environment that holds pyarrow and cryptography, and nothing else."""
        bare = self.pipeline / "venv"
        if not bare.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
            (packages,) = bare.glob("lib/python*/site-packages")
            for found in _installed(NEEDED):
                (packages / found.name).symlink_to(found)
        return bare / "bin" / "python"

    def filter(self, *arguments: str) -> str:
        """What the filter printed; it writes to `clean`, which it does not do twice."""
        arguments = ("--in", self.dirty, "--out", self.clean, *arguments)
        self.tell(f"$ python -m optout.filter {shlex.join(arguments)}")
        command = [str(self.bare_python()), "-m", "optout.filter", *arguments]
        storage = self.cluster.storage if self.cluster else {}
        environment = {"PATH": os.environ["PATH"], **storage}
        if self.killing:
            self._run_and_kill(command, self.killing.uniform(0.1, 1), environment)
            if self._is_filtered():
                return ""
        return self._run(command, environment)

    def _is_filtered(self) -> bool:
        return self.cluster.holds("clean/receipt.dsse.json") if self.cluster else Path(self.clean).exists()

    def run(self, *command: str, text: str = "") -> str:
        """A command of the machine's own."""
        self.tell(f"$ {shlex.join(command)}")
        return self._run(list(command), self.environment, text)

    def _run(self, command: Sequence[str], environment: dict[str, str], text: str = "") -> str:
        done = subprocess.run(
            command, env=environment, cwd=ROOT, input=text, capture_output=True, text=True, check=False
        )
        for line in done.stdout.splitlines():
            self.tell(f"  {line}")
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def _run_and_kill(self, command: Sequence[str], after: float, environment: dict[str, str] | None = None) -> None:
        process = subprocess.Popen(
            command,
            env=environment or self.environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Reviewer:
    """A person at the admin: opens pages, sends the forms that are on them."""

    def __init__(self, site: str, name: str, password: str) -> None:
        self._client = httpx.Client(base_url=site, follow_redirects=True, timeout=60)
        self._page = self._client.get("/admin/login/", params={"next": "/admin/optout/claim/"}).text
        self._send("/admin/login/", username=name, password=password, next="/admin/optout/claim/")

    def queue(self) -> list[str]:
        """The addresses of the claims that wait, as the page lists them."""
        self._page = self._client.get("/admin/optout/claim/").text
        return sorted(set(re.findall(r'href="(/admin/optout/claim/\d+/change/)[^"]*"', self._page)))

    def accept(self, claim: str, note: str) -> str:
        """Open the page of a claim and accept it; returns the page that follows."""
        self._page = self._client.get(claim).text
        return self._send("/admin/optout/claim/decide/", claim=self._hidden("claim"), decision="accept", note=note)

    def _send(self, path: str, **fields: str) -> str:
        headers = {"Referer": str(self._client.base_url)}
        fields["csrfmiddlewaretoken"] = self._hidden("csrfmiddlewaretoken")
        self._page = self._client.post(path, data=fields, headers=headers).raise_for_status().text
        return self._page

    def _hidden(self, name: str) -> str:
        (tag, *_) = re.findall(rf'<input type="hidden" name="{name}"[^>]*>', self._page)
        return str(re.search('value="([^"]*)"', tag)[1])  # type: ignore[index]


class Refusal(Exception):
    """The API refused, with a status and a problem."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem


def emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _installed(names: Sequence[str]) -> Iterator[Path]:
    site = Path(sysconfig.get_path("purelib"))
    for path in site.iterdir():
        if path.name.split(".")[0] in names and not path.name.endswith((".dist-info", ".pth")):
            yield path


def _cut(text: str) -> str:
    return shlex.quote(text if len(text) <= 200 else f"{text[:200]}...")
