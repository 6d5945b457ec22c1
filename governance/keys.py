"""The service's own keys: one signs exclusion lists, the other the ledger's checkpoints.

Two keys, so that neither can be made to sign what the other stands for. Settings hold the text of an OpenSSH private
key file; it is read when it is first used. Development makes a key that is not set, once, into DATA_DIR, as
`ssh-keygen -t ed25519 -N ""` would.
"""

import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from governance.env import SettingError
from governance.signing import SignatureError, SigningKey


def list_key() -> SigningKey:
    """The key that signs exclusion lists: SIGNING_KEY. Raises SettingError where it cannot be used."""
    return _key("SIGNING_KEY")


def ledger_key() -> SigningKey:
    """The key that signs the ledger's checkpoints: LEDGER_KEY. Raises SettingError where it cannot be used."""
    return _key("LEDGER_KEY")


def _key(name: str) -> SigningKey:
    text: str = getattr(settings, name)
    return _read(name, text or _generated(name))


@lru_cache(maxsize=8)
def _read(name: str, text: str) -> SigningKey:
    try:
        return SigningKey.from_openssh(text.encode("utf-8", "surrogateescape"))
    except SignatureError as error:
        raise SettingError(name, str(error)) from None


def _generated(name: str) -> str:
    """The text of the key in DATA_DIR, made on the first call, with its public half beside it."""
    if settings.PRODUCTION:
        raise SettingError(name, f"must be set (or {name}_FILE) where ENVIRONMENT is production")
    path = Path(settings.DATA_DIR) / name.lower()
    comment = f"codesteward {path.name}"
    try:
        _make(path, lambda: SigningKey.generate().to_openssh(comment), 0o600)
        text = path.read_text("ascii")
        _make(path.with_name(f"{path.name}.pub"), lambda: _public(name, text, comment), 0o644)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("DATA_DIR", f"{path} cannot be kept ({error})") from None
    return text


def _public(name: str, text: str, comment: str) -> bytes:
    return f"{_read(name, text).public.to_openssh(comment)}\n".encode("ascii")


def _make(path: Path, content: Callable[[], bytes], mode: int) -> None:
    """The file appears whole or not at all, and the first of several that make it wins."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
