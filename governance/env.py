"""Readers of environment variables: a wrong value stops the start and names the variable.

Every reader takes the variable's name and a default. `NAME_FILE` may stand for any secret `NAME` and
holds the path of a file whose text is the value.
"""

import os
import secrets
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


class SettingError(Exception):
    """A setting that cannot be used; the message begins with the variable's name."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


def env_str(name: str, default: str = "") -> str:
    """Set to nothing counts as not set, as it does for every other reader."""
    return os.environ.get(name, "").strip() or default


def env_choice(name: str, choices: tuple[str, ...], default: str) -> str:
    value = env_str(name, default)
    if value not in choices:
        raise SettingError(name, f"is {value!r}, must be one of {', '.join(choices)}")
    return value


def env_bool(name: str, *, default: bool) -> bool:
    value = env_str(name).lower()
    if not value:
        return default
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise SettingError(name, f"is {value!r}, must be one of {', '.join(sorted(TRUE | FALSE))}")


def env_int(name: str, default: int, *, least: int, most: int) -> int:
    value = env_str(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise SettingError(name, f"is {value!r}, must be a whole number") from None
    if not least <= number <= most:
        raise SettingError(name, f"is {number}, must be from {least} to {most}")
    return number


def env_float(name: str, default: float, *, above: float, below: float) -> float:
    value = env_str(name)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        raise SettingError(name, f"is {value!r}, must be a number") from None
    if not above < number < below:
        raise SettingError(name, f"is {number}, must be between {above} and {below}")
    return number


def env_list(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Comma-separated values; blanks around and empty items are dropped."""
    items = [item.strip() for item in env_str(name).split(",")]
    return [item for item in items if item] or list(default)


def env_url(name: str, schemes: tuple[str, ...]) -> SplitResult | None:
    """A URL of one of `schemes`, or None where the variable is not set."""
    value = env_str(name)
    if not value:
        return None
    try:
        url = urlsplit(value)
        url.port  # noqa: B018  (a wrong port is only found when it is asked for)
    except ValueError:
        # What Python says of it may hold the password.
        raise SettingError(name, "is not a URL with a valid host and port") from None
    if url.scheme not in schemes:
        raise SettingError(name, f"must begin with {' or '.join(f'{scheme}:' for scheme in schemes)}")
    return url


def env_secret(name: str) -> str:
    """The value of `NAME`, or the text of the file named by `NAME_FILE`; empty where neither is set."""
    file_name = f"{name}_FILE"
    value, path = env_str(name), env_str(file_name)
    if value and path:
        raise SettingError(name, f"is set, and so is {file_name}; set one of them")
    if not path:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(file_name, f"cannot be read ({error})") from None


def generated_secret(path: Path) -> str:
    """The secret in `path`, made on the first call; readable by its owner alone.

    Two processes that start at once agree: the file appears whole (link of a finished file) or not at all.
    Raises OSError where it cannot be made or read.
    """
    if not path.exists():
        _write_secret(path)
    return path.read_text(encoding="ascii").strip()


def _write_secret(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
