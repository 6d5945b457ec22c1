"""A forge of one's own: an HTTP server on 127.0.0.1 that speaks the documented REST formats over real git repositories.

    with Forge() as forge:
        forge.account("ada", keys=[public_key])
        forge.repository("ada/engine", {"README.md": "hello"})
        parse_forges(forge.setting, allow_private=True)

By default it speaks as GitHub does: repositories that were renamed redirect to their number (301), accounts that were
renamed are gone (404), and commits of a fork can be read under the address of its parent. With kind="forgejo" it speaks
as Forgejo does to strangers: names redirect to names (307), keys are on a page, numbers are of no use.
"""

import argparse
import base64
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.optout.ownership.forge_records import LONG_AGO, Account, Records, Repo, git

PREFIXES = {"github": "", "forgejo": "/api/v1"}

Fault = Callable[["Handler"], None]


def status(code: int, **headers: str) -> Fault:
    """Answers with that status, whatever was asked."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.send(code, b'{"message": "fault"}', **named)


def body(content: bytes) -> Fault:
    """Answers 200 with these bytes."""
    return lambda handler: handler.send(200, content)


def slow(seconds: float) -> Fault:
    """Says nothing for so long."""
    return lambda handler: time.sleep(seconds)


class Forge(Records):
    def __init__(self, kind: str = "github", folder: Path | None = None, port: int = 0, name: str = "local") -> None:
        super().__init__(folder or Path(tempfile.mkdtemp(prefix="codesteward-forge-")))
        self.kind, self.name = kind, name
        self.asked: list[str] = []
        """Paths with their queries, in order."""
        self.tokens: list[str] = []
        self._faults: dict[str, Fault] = {}
        self._before: dict[str, Callable[[], object]] = {}
        self._own_folder = folder is None
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.forge = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._own_folder:
            shutil.rmtree(self.folder)

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return self.web + PREFIXES[self.kind]

    @property
    def setting(self) -> str:
        """The value of FORGES that names this forge and no other."""
        return f"{self.name}={self.kind}+{self.url}"

    def fails(self, prefix: str, fault: Fault) -> None:
        """Every path that begins so is answered by the fault from now on."""
        self._faults[prefix] = fault

    def recovers(self) -> None:
        self._faults.clear()

    def before(self, prefix: str, action: Callable[[], object]) -> None:
        """Do something once, when a path that begins so is asked for next, before it is answered."""
        self._before[prefix] = action

    def meet(self, path: str) -> Fault | None:
        """What happens before a path is answered; the fault that answers it instead, if there is one."""
        self.asked.append(path)
        for prefix in [prefix for prefix in self._before if path.startswith(prefix)]:
            self._before.pop(prefix)()
        return next((fault for prefix, fault in self._faults.items() if path.startswith(prefix)), None)


class Handler(BaseHTTPRequestHandler):
    """One request. Routes raise KeyError where there is no such thing, and _Moved where it has another name."""

    protocol_version = "HTTP/1.1"
    server_version = "Forge"

    @property
    def forge(self) -> Forge:
        forge: Forge = self.server.forge  # type: ignore[attr-defined]
        return forge

    def do_GET(self) -> None:
        prefix = PREFIXES[self.forge.kind]
        fault = self.forge.meet(self.path.removeprefix(prefix))
        self.forge.tokens.append(self.headers.get("Authorization", ""))
        if fault:
            fault(self)
            self.close_connection = True
            return
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        try:
            if self.forge.kind == "forgejo" and url.path.endswith(".keys"):
                self.send(200, self._listed_keys(url.path), Content_Type="text/plain")
                return
            steps = [unquote(step) for step in url.path.removeprefix(prefix).strip("/").split("/")]
            content = self._route(steps, query)
            if isinstance(content, bytes):
                self.send(200, content, Content_Type="application/vnd.github.raw+json; charset=utf-8")
            else:
                self.send(200, json.dumps(content).encode())
        except KeyError:
            self.send(404, b'{"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}')
        except _Moved as moved:
            self._redirect(str(moved), url.query)

    def send(self, code: int, content: bytes, **headers: str) -> None:
        self.send_response(code)
        sent = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(content))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()} | {"Connection": "close"}
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # who asked may have gone
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (named by http.server)
        pass

    def _route(self, steps: list[str], query: Mapping[str, str]) -> Any:
        github = self.forge.kind == "github"
        match steps:
            case ["users", login]:
                return self._user(login)
            case ["users", login, "keys"] if github:
                return _page([{"id": n, "key": key} for n, key in enumerate(self._account(login).keys, 1)], query)
            case ["users", login, "ssh_signing_keys"] if github:
                keys = self._account(login).signing_keys
                return _page(
                    [{"id": n, "key": key, "title": "", "created_at": LONG_AGO} for n, key in enumerate(keys, 1)], query
                )
            case ["orgs", login] if self._account(login).organisation:
                return {"id": self._account(login).id, "name": login, "username": login}
            case ["repos", owner, name]:
                return self._repository(self._named(f"{owner}/{name}"))
            case ["repos", owner, name, "contents", *path]:
                return self._contents(self._named(f"{owner}/{name}"), "/".join(path), query)
            case ["repositories", number] if github:
                return self._repository(self._numbered(number))
            case ["repositories", number, "contents", *path] if github:
                return self._contents(self._numbered(number), "/".join(path), query)
        raise KeyError(steps)

    def _redirect(self, path: str, query: str) -> None:
        location = self.forge.url + path + (f"?{query}" if query else "")
        told = {"message": "Moved Permanently", "url": location, "documentation_url": "https://docs.github.com/rest"}
        code = 301 if self.forge.kind == "github" else 307
        self.send(code, json.dumps(told).encode(), Location=location)

    def _account(self, login: str) -> Account:
        with suppress(KeyError):
            return self.forge.user(login)
        if self.forge.kind == "github":
            raise KeyError(login)
        raise _Moved(f"/users/{self.forge.accounts[self.forge.old_name(login)].login}")

    def _named(self, full_name: str) -> Repo:
        with suppress(KeyError):
            repo = self.forge.repo(full_name)
            return self._numbered(str(repo.id))
        repo = self._numbered(str(self.forge.old_name(full_name)))
        raise _Moved(f"/repositories/{repo.id}" if self.forge.kind == "github" else f"/repos/{repo.full_name}")

    def _numbered(self, number: str) -> Repo:
        repo = self.forge.repositories[int(number)]
        if repo.private or repo.owner.id not in self.forge.accounts:
            raise KeyError(number)
        return repo

    def _user(self, login: str) -> dict[str, Any]:
        account = self._account(login)
        common = {"login": account.login, "id": account.id, "avatar_url": "", "html_url": f"{self.forge.web}/{login}"}
        if self.forge.kind == "forgejo":
            return common | {"login_name": "", "full_name": "", "username": account.login, "created": account.since}
        return common | {"type": _type(account), "site_admin": False, "created_at": account.since}

    def _repository(self, repo: Repo) -> dict[str, Any]:
        owner: dict[str, Any] = {"login": repo.owner.login, "id": repo.owner.id}
        if self.forge.kind == "github":
            owner["type"] = _type(repo.owner)
        told = {
            "id": repo.id,
            "name": repo.name,
            "full_name": repo.full_name,
            "owner": owner,
            "private": repo.private,
            "fork": repo.parent is not None,
            "default_branch": repo.default_branch,
            "created_at": repo.since,
        }
        return told | ({"parent": self._repository(repo.parent)} if repo.parent else {})

    def _contents(self, repo: Repo, path: str, query: Mapping[str, str]) -> Any:
        try:
            listed = git("ls-tree", "-l", query.get("ref", repo.default_branch), "--", path, folder=repo.folder)
        except subprocess.CalledProcessError:
            raise KeyError(path) from None
        if not listed:
            raise KeyError(path)
        mode, kind, digest, size = listed.split(b"\t")[0].split()
        if kind != b"blob":
            return [{"type": "file", "name": "in-a-directory"}]
        content = git("cat-file", "blob", digest.decode(), folder=repo.folder)
        if "raw" in self.headers.get("Accept", ""):
            return content
        return {
            "type": "symlink" if mode == b"120000" else "file",
            "encoding": "base64",
            "size": int(size),
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": digest.decode(),
            "content": base64.encodebytes(content).decode("ascii"),
        }

    def _listed_keys(self, path: str) -> bytes:
        return "".join(f"{key}\n" for key in self._account(path.strip("/").removesuffix(".keys")).keys).encode()


class _Moved(Exception):
    """str() is the path to go to."""


def _type(account: Account) -> str:
    return "Organization" if account.organisation else "User"


def _page(entries: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    size = min(int(query.get("per_page", "30")), 100)
    start = (int(query.get("page", "1")) - 1) * size
    return entries[start : start + size]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.optout.ownership.forge", description=__doc__.split("\n")[0])
    parser.add_argument("accounts", type=Path, help="JSON: {login: {keys: [...], repositories: {name: {path: text}}}}")
    parser.add_argument(
        "--folder", type=Path, help="where its git repositories are made, to push to (default: temporary)"
    )
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--kind", choices=PREFIXES, default="github")
    asked = parser.parse_args(arguments)
    with Forge(asked.kind, asked.folder, asked.port) as forge:
        for login, told in json.loads(asked.accounts.read_text("utf-8")).items():
            forge.account(login, keys=told.get("keys", ()), organisation=told.get("organisation", False))
            for name, files in told.get("repositories", {}).items():
                repo = forge.repository(f"{login}/{name}", files)
                sys.stdout.write(f"{repo.full_name} {repo.folder}\n")
        sys.stdout.write(f"FORGES={forge.setting} FORGES_ALLOW_PRIVATE=on\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
