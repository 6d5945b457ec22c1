"""What a forge of one's own holds: accounts with numbers and keys, real git repositories, names that change."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

LONG_AGO = "2015-06-01T12:00:00Z"
GIT_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}

T = TypeVar("T")


@dataclass
class Account:
    id: int
    login: str
    organisation: bool = False
    keys: list[str] = field(default_factory=list)
    signing_keys: list[str] = field(default_factory=list)
    since: str = LONG_AGO


@dataclass
class Repo:
    id: int
    owner: Account
    name: str
    folder: Path
    """A bare git repository."""
    default_branch: str = "main"
    parent: "Repo | None" = None
    private: bool = False
    since: str = LONG_AGO

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"


class Records:
    """Who and what there is. Names are compared without regard to case, as forges do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.accounts: dict[int, Account] = {}
        self.repositories: dict[int, Repo] = {}
        self._old_names: dict[str, int] = {}
        self._last_id = 1000

    def account(
        self,
        login: str,
        *,
        keys: Sequence[str] = (),
        signing_keys: Sequence[str] = (),
        organisation: bool = False,
        since: str = LONG_AGO,
    ) -> Account:
        """A new account with a number of its own, whoever had the name before."""
        account = Account(self._new_id(), login, organisation, list(keys), list(signing_keys), since)
        self.accounts[account.id] = account
        self._old_names.pop(login.lower(), None)
        return account

    def repository(
        self,
        full_name: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        branch: str = "main",
        private: bool = False,
        since: str = LONG_AGO,
    ) -> Repo:
        repo = self._add(full_name, branch, since)
        repo.private = private
        git("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", str(repo.folder))
        if files:
            self.commit(full_name, files)
        return repo

    def fork(self, parent: str, full_name: str) -> Repo:
        """A fork whose objects can be read through its parent as well, as GitHub has it."""
        above = self.repo(parent)
        repo = self._add(full_name, above.default_branch, LONG_AGO)
        repo.parent = above
        git("clone", "--quiet", "--bare", str(above.folder), str(repo.folder))
        alternates = above.folder / "objects/info/alternates"
        alternates.parent.mkdir(exist_ok=True)
        with alternates.open("a", encoding="utf-8") as file:
            file.write(f"{repo.folder / 'objects'}\n")
        return repo

    def commit(self, full_name: str, files: Mapping[str, str | bytes], branch: str = "") -> str:
        """A commit on top of the branch, which is the default one where none is named; returns its id."""
        folder, branch = self.repo(full_name).folder, branch or self.repo(full_name).default_branch
        stream = f"commit refs/heads/{branch}\ncommitter Test <test@example.org> 0 +0000\ndata 0\n".encode()
        with suppress(subprocess.CalledProcessError):
            git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", folder=folder)
            stream += f"from refs/heads/{branch}^0\n".encode()
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            stream += f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"
        git("fast-import", "--quiet", folder=folder, sent=stream)
        return git("rev-parse", f"refs/heads/{branch}", folder=folder).decode().strip()

    def pull_request(self, parent: str, fork: str, number: int = 1) -> str:
        """Offer the fork's default branch to its parent; returns the ref that the parent then has."""
        tip = git("rev-parse", f"refs/heads/{self.repo(fork).default_branch}", folder=self.repo(fork).folder)
        ref = f"refs/pull/{number}/head"
        git("update-ref", ref, tip.decode().strip(), folder=self.repo(parent).folder)
        return ref

    def rename(self, full_name: str, to: str) -> None:
        """Rename or transfer a repository; its old name leads to it until somebody takes that."""
        repo = self.repo(full_name)
        owner, _, name = to.partition("/")
        repo.owner, repo.name = self.user(owner), name
        self._old_names[full_name.lower()] = repo.id
        self._old_names.pop(to.lower(), None)

    def rename_account(self, login: str, to: str) -> None:
        account = self.user(login)
        for repo in self.repositories.values():
            if repo.owner is account:
                self._old_names[repo.full_name.lower()] = repo.id
        self._old_names[login.lower()] = account.id
        account.login = to

    def delete_account(self, login: str) -> None:
        del self.accounts[self.user(login).id]

    def delete_repository(self, full_name: str) -> None:
        del self.repositories[self.repo(full_name).id]

    def user(self, login: str) -> Account:
        """KeyError where there is none of that name now."""
        return _only(account for account in self.accounts.values() if account.login.lower() == login.lower())

    def repo(self, full_name: str) -> Repo:
        """KeyError where there is none of that name now."""
        return _only(repo for repo in self.repositories.values() if repo.full_name.lower() == full_name.lower())

    def old_name(self, name: str) -> int:
        """The number of what had the name before; KeyError where nothing had."""
        return self._old_names[name.lower()]

    def _add(self, full_name: str, branch: str, since: str) -> Repo:
        owner, _, name = full_name.partition("/")
        number = self._new_id()
        repo = Repo(number, self.user(owner), name, self.folder / f"{number}.git", branch, since=since)
        self.repositories[number] = repo
        self._old_names.pop(full_name.lower(), None)
        return repo

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id


def git(*arguments: str, folder: Path | None = None, sent: bytes = b"") -> bytes:
    """What git prints. Raises subprocess.CalledProcessError."""
    where = [f"--git-dir={folder}"] if folder else []
    command = ["git", *where, *arguments]
    return subprocess.run(command, input=sent, env=GIT_ENVIRONMENT, capture_output=True, check=True).stdout


def _only(found: Iterable[T]) -> T:
    for one in found:
        return one
    raise KeyError("there is none")
