"""Proof by a challenge file: who may write to a repository's default branch.

The forge is asked for the repository, for the file on its default branch, and for the repository again, by number
where the forge allows that. A commit or a pull request is never asked for: forges show commits that were pushed to a
fork under the address of the parent, so those show nothing about who may write to it.
"""

import hashlib
from datetime import datetime
from pathlib import PurePosixPath

from optout.ownership.base import NotProven, Problem, Proven, Statement, SubjectKind, is_plain_name
from optout.ownership.coverage import covered_by_repository
from optout.ownership.forge_api import ForgeApi, forge_api
from optout.ownership.forges import Forge, Repository, User

METHOD = "challenge-file"
PATH = str(PurePosixPath(".well-known", "codesteward-challenge"))
MOST_BYTES = 4096
NONCE = "nonce: "
COMMIT_DIGITS = 40
ODD_BRANCHES = ("refs/", "pull/")


def prove(statement: Statement, answer: str, against: Forge, *, at: datetime | None = None) -> Proven:
    """`answer` is the repository that holds the file, owner/name. Raises NotProven."""
    if statement.forge != against.name:
        raise ValueError(f"the statement is for {statement.forge}, not {against.name}")
    statement.check_current(at)
    claimed = _name(answer, against)
    api = forge_api(against)
    repository, content = _challenge(claimed, api)
    _compare(statement, content, repository)
    owner = _owner(repository, api)
    return Proven(
        method=METHOD,
        provider=against.name,
        kind=SubjectKind.REPOSITORY,
        subject_id=str(repository.id),
        subject=repository.full_name,
        covers=covered_by_repository(statement.scopes, repository, claimed, owner, against),
        evidence=_evidence(statement, content, repository, owner, against),
        of_organisation=owner.kind is SubjectKind.ORGANISATION,
        since=repository.since,
        notes=_notes(repository),
    )


def _name(text: str, forge: Forge) -> str:
    name = text.strip()
    owner, slash, rest = name.partition("/")
    if not slash or not is_plain_name(owner) or not is_plain_name(rest):
        raise NotProven(Problem.BAD_NAME, name=name[:100], forge=forge.name, form="owner/name")
    return name


def _challenge(claimed: str, api: ForgeApi) -> tuple[Repository, bytes]:
    """The repository, and the file on its default branch, while nobody renamed, moved or re-created anything."""
    repository = api.repository(claimed)
    branch = repository.default_branch
    if branch.startswith(ODD_BRANCHES) or _could_be_commit(branch):
        raise NotProven(Problem.ODD_BRANCH, name=repository.full_name, branch=branch)
    if not branch:
        raise NotProven(Problem.FILE_MISSING, path=PATH, branch=branch, name=repository.full_name)
    content = api.file(repository, PATH, MOST_BYTES)
    again = api.same_repository(repository)
    if (again.id, again.full_name, again.default_branch) != (repository.id, repository.full_name, branch):
        raise _moved(repository, api)
    return repository, content


def _owner(repository: Repository, api: ForgeApi) -> User:
    owner = api.user(repository.owner_login)
    if owner.id != repository.owner_id:
        raise _moved(repository, api)
    return owner


def _moved(repository: Repository, api: ForgeApi) -> NotProven:
    now = "another repository, or somebody else's, since just now"
    return NotProven(Problem.MOVED, name=repository.full_name, forge=api.forge.name, now=now)


def _could_be_commit(branch: str) -> bool:
    return len(branch) >= COMMIT_DIGITS and all(letter in "0123456789abcdefABCDEF" for letter in branch)


def _compare(statement: Statement, content: bytes, repository: Repository) -> None:
    place = {"path": PATH, "name": repository.full_name}
    found = _lines(content.decode("utf-8", "replace"))
    expected = _lines(statement.text)
    if found == expected:
        return
    if found[:1] == expected[:1] and f"{NONCE}{statement.nonce}" not in found:
        raise NotProven(Problem.OTHER_NONCE, **place)
    raise NotProven(Problem.FILE_DIFFERS, branch=repository.default_branch, **place)


def _lines(text: str) -> list[str]:
    """The lines without white space at their ends, which editors and git change, and without empty last lines."""
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _notes(repository: Repository) -> tuple[str, ...]:
    of = f" of {repository.parent}" if repository.parent else ""
    return (f"{repository.full_name} is a fork{of}.",) if repository.fork else ()


def _evidence(
    statement: Statement, content: bytes, repository: Repository, owner: User, forge: Forge
) -> dict[str, object]:
    return {
        "method": METHOD,
        "statement": statement.text,
        "file": {"path": PATH, "branch": repository.default_branch, "sha256": hashlib.sha256(content).hexdigest()},
        "forge": {"name": forge.name, "kind": forge.kind, "api": forge.api},
        "repository": {"id": repository.id, "full_name": repository.full_name, "fork": repository.fork},
        "owner": {"id": owner.id, "login": owner.login, "kind": owner.kind},
    }
