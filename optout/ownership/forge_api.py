"""Questions to a forge, and its answers with types. Whatever else it answers is NotProven, never a crash."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from optout.ownership.addresses import url_of
from optout.ownership.base import NotProven, Problem, SubjectKind, is_plain_name
from optout.ownership.client import MOST_REDIRECTS, REDIRECTS, Answer, AnswerTooLarge, ClientError, GuardedClient
from optout.ownership.forges import Forge, Repository, User
from optout.ownership.sshsig import parse_public_key

GONE = frozenset({404, 410, 451})
LIMITED = frozenset({403, 429})
KEYS_A_PAGE = 100
MOST_PAGES = 5
MOST_BRANCH = 255
FIRST_YEAR = 2000
"""Forges write years before this where they know none."""

T = TypeVar("T")


class _Odd(Exception):
    """An answer that is not of the documented form."""


class ForgeApi:
    """GitHub's REST API; what others do otherwise is in the subclasses. Open one with `forge_api`."""

    accept = "application/vnd.github+json"

    def __init__(self, forge: Forge, client: GuardedClient) -> None:
        self.forge = forge
        self._client = client

    def user(self, login: str) -> User:
        """The account of that name now, or of that old name where the forge redirects."""
        return self._read(self._user, self._get(self._api("users", login), self._no_account(login)))

    def keys(self, login: str) -> Iterator[bytes]:
        """The blobs of the keys that the account publishes."""
        for endpoint in ("keys", "ssh_signing_keys"):
            for page in range(1, MOST_PAGES + 1):
                url = self._api("users", login, endpoint, per_page=KEYS_A_PAGE, page=page)
                found = self._read(_keys, self._get(url, self._no_account(login), redirects=0))
                yield from filter(None, map(_key, found))
                if len(found) < KEYS_A_PAGE:
                    break

    def repository(self, name: str) -> Repository:
        """The repository of that name now, or of that old name where the forge redirects."""
        return self._repository_at(self._api("repos", *name.split("/")), name, MOST_REDIRECTS)

    def same_repository(self, repository: Repository) -> Repository:
        """The same repository again, not by a name that could have been given to another."""
        return self._repository_at(self._address(repository), repository.full_name, redirects=0)

    def file(self, repository: Repository, path: str, most: int) -> bytes:
        """A file of the default branch. Raises NotProven where there is none, or one of more than `most` bytes."""
        missing = NotProven(
            Problem.FILE_MISSING, path=path, branch=repository.default_branch, name=repository.full_name
        )
        too_large = NotProven(Problem.TOO_LARGE, what=f"The file {path} of {repository.full_name}", limit=most)
        contents = url_of(f"{self._address(repository)}/contents", *path.split("/"), ref=repository.default_branch)
        entry = self._get(contents, missing, redirects=0, too_large=too_large)
        if not isinstance(entry, dict) or entry.get("type") != "file":
            raise missing
        content = self._read(_content, entry)
        if len(content) > most:
            raise too_large
        return content

    def _address(self, repository: Repository) -> str:
        return self._api("repositories", repository.id)

    def _api(self, *steps: str | int, **query: str | int) -> str:
        return url_of(self.forge.api, *steps, **query)

    def _no_account(self, login: str) -> NotProven:
        return NotProven(Problem.NO_SUCH_ACCOUNT, forge=self.forge.name, login=login)

    def _repository_at(self, url: str, name: str, redirects: int) -> Repository:
        missing = NotProven(Problem.NO_SUCH_REPOSITORY, forge=self.forge.name, name=name)
        return self._read(_repository, self._get(url, missing, redirects=redirects))

    def _user(self, data: Any) -> User:
        kind = SubjectKind.ORGANISATION if _of(data, "type", str) == "Organization" else SubjectKind.USER
        return User(_id(data), _plain(data, "login"), kind, _since(data, "created_at"))

    def _get(
        self, url: str, missing: NotProven, redirects: int = MOST_REDIRECTS, too_large: NotProven | None = None
    ) -> Any:
        """JSON of any kind. Raises `missing` where the forge says that there is no such thing."""
        answer = self._answer(url, missing, redirects, too_large)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._unavailable("its answer is not JSON") from error

    def _answer(self, url: str, missing: NotProven, redirects: int, too_large: NotProven | None = None) -> Answer:
        try:
            answer = self._client.get(url, headers=self._headers(), redirects=redirects)
        except AnswerTooLarge as error:
            raise too_large or self._unavailable("its answer is too large") from error
        except ClientError as error:
            raise self._unavailable("it cannot be reached") from error
        if answer.status in GONE:
            raise missing
        if answer.status in LIMITED:
            raise self._unavailable("it wants to be asked less often")
        if answer.status in REDIRECTS:
            raise self._unavailable("a name was changed just now")
        if answer.status != 200:
            raise self._unavailable(f"it answers with status {answer.status}")
        return answer

    def _headers(self) -> Mapping[str, str]:
        asked = {"Accept": self.accept, "X-GitHub-Api-Version": "2022-11-28"}
        return asked | ({"Authorization": f"Bearer {self.forge.token}"} if self.forge.token else {})

    def _unavailable(self, why: str) -> NotProven:
        return NotProven(Problem.FORGE_UNAVAILABLE, forge=self.forge.name, why=why)

    def _read(self, reader: Callable[[Any], T], data: Any) -> T:
        try:
            return reader(data)
        except _Odd as error:
            raise self._unavailable(f"its answer has {error}") from error


class ForgejoApi(ForgeApi):
    """Forgejo's API, asked without signing in: lists of keys and repositories by number are not open to strangers.

    So keys come from the page that lists them, and a repository is asked for again by the name that the forge gave,
    which must still lead to the same number.
    """

    accept = "application/json"

    def user(self, login: str) -> User:
        user = super().user(login)
        try:
            organisation = self._get(self._api("orgs", user.login), self._no_account(login), redirects=0)
        except NotProven as error:
            if error.code is not Problem.NO_SUCH_ACCOUNT:
                raise
            return user
        same = self._read(_id, organisation) == user.id
        return replace(user, kind=SubjectKind.ORGANISATION) if same else user

    def keys(self, login: str) -> Iterator[bytes]:
        answer = self._answer(url_of(self.forge.web, f"{login}.keys"), self._no_account(login), redirects=0)
        yield from self._read(_listed_keys, answer.body)

    def _address(self, repository: Repository) -> str:
        return self._api("repos", *repository.full_name.split("/"))

    def _user(self, data: Any) -> User:
        return User(_id(data), _plain(data, "login"), SubjectKind.USER, _since(data, "created"))


APIS = {"github": ForgeApi, "forgejo": ForgejoApi}


def forge_api(forge: Forge, client: GuardedClient | None = None) -> ForgeApi:
    return APIS[forge.kind](forge, client or GuardedClient([forge.origin], allow_private=forge.private))


def _of(data: Any, name: str, kind: type[T]) -> T:
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not kind:  # a bool is an int to isinstance
        raise _Odd(f"no {name!r} as documented")
    return value


def _id(data: Any) -> int:
    number = _of(data, "id", int)
    if not 0 < number < 2**63:
        raise _Odd("an 'id' that is none")
    return number


def _plain(data: Any, name: str) -> str:
    text = _of(data, name, str)
    if not is_plain_name(text):
        raise _Odd(f"a {name!r} that is no name")
    return text


def _since(data: Any, name: str) -> datetime | None:
    try:
        since = datetime.fromisoformat(str(data.get(name)))
    except ValueError:
        return None
    return since if since.tzinfo and since.year >= FIRST_YEAR else None


def _repository(data: Any) -> Repository:
    full_name, owner = _of(data, "full_name", str), _of(data, "owner", dict)
    login, branch = _plain(owner, "login"), _of(data, "default_branch", str)
    first, _, name = full_name.partition("/")
    if first != login or not is_plain_name(name):
        raise _Odd("a 'full_name' that is not owner/name")
    if len(branch) > MOST_BRANCH or not branch.isprintable():
        raise _Odd("a 'default_branch' that is no name of a branch")
    parent = data.get("parent")
    above = parent.get("full_name") if isinstance(parent, dict) else None
    fork = _of(data, "fork", bool)
    parent_name = above if fork and isinstance(above, str) else ""
    since = _since(data, "created_at")
    return Repository(_id(data), full_name, _id(owner), login, branch, fork, parent_name, since)


def _content(data: Any) -> bytes:
    if _of(data, "encoding", str) != "base64":
        raise _Odd("an 'encoding' other than base64")
    try:
        return base64.b64decode("".join(_of(data, "content", str).split()), validate=True)
    except (binascii.Error, ValueError):
        raise _Odd("a 'content' that is not base64") from None


def _keys(data: Any) -> list[str]:
    if not isinstance(data, list):
        raise _Odd("no list of keys")
    return [_of(entry, "key", str) for entry in data]


def _listed_keys(body: bytes) -> list[bytes]:
    lines = [line for line in body.decode("utf-8", "replace").splitlines() if line.strip()]
    keys = [key for key in map(_key, lines) if key]
    if lines and not keys:
        raise _Odd("a page instead of a list of keys")
    return keys


def _key(line: str) -> bytes | None:
    """None for what OpenSSH would not read either."""
    try:
        return parse_public_key(line)
    except ValueError:
        return None
