"""The scopes that stand on a list: their kinds, and the form that each must have.

The forms are written down here once more, apart from `search.scope`: the filter and its verifier share no code.
"""

from collections.abc import Callable, Mapping

SWHID_PREFIX = "swh:1:cnt:"
SWHID_DIGITS = 40
HEX = frozenset("0123456789abcdef")


def split_scope(scope: str) -> tuple[str, str]:
    """Kind and value of a scope in its normal form; ValueError for anything else."""
    kind, _, value = scope.partition(":")
    check = FORMS.get(kind)
    if check is None:
        raise ValueError(f"scope {scope[:80]!r}: is of no known kind ({', '.join(FORMS)})")
    if not check(value):
        raise ValueError(f"scope {scope[:80]!r}: is not in its normal form")
    return kind, value


def _is_account(value: str) -> bool:
    return bool(value) and "/" not in value and value == value.lower()


def _is_repo(value: str) -> bool:
    owner, _, name = value.partition("/")
    return bool(owner and name) and "/" not in name and value == value.lower()


def _is_path(value: str) -> bool:
    owner, _, rest = value.partition("/")
    name, _, path = rest.partition("/")
    return bool(owner and name) and all(path.split("/")) and f"{owner}/{name}" == f"{owner}/{name}".lower()


def _is_swhid(value: str) -> bool:
    digits = value.removeprefix(SWHID_PREFIX)
    return len(value) == len(SWHID_PREFIX) + SWHID_DIGITS and len(digits) == SWHID_DIGITS and HEX.issuperset(digits)


def _is_email(value: str) -> bool:
    name, _, host = value.partition("@")
    return bool(name) and "." in host and "@" not in host and value.isascii() and value == value.lower()


FORMS: Mapping[str, Callable[[str], bool]] = {
    "account": _is_account,
    "email": _is_email,
    "path": _is_path,
    "repo": _is_repo,
    "swhid": _is_swhid,
}
KINDS = tuple(FORMS)
