"""What a service of the stack promises: a folder that is all of it, a port that stays, and nothing left on a stop."""

import os
from pathlib import Path
from typing import Protocol

FOLDER = Path(os.environ.get("CODESTEWARD_STACK", "/var/tmp/codesteward-stack"))  # noqa: S108  (kept over a reboot)
"""Each service has a folder of its own in here."""


class StackError(Exception):
    """A server cannot be had, started or stopped; the message says what to do."""


class Service(Protocol):
    """A server on this machine for development and tests. Two of one kind have two folders and share nothing."""

    @property
    def folder(self) -> Path:
        """All that the server writes is below; it is kept when the server stops."""
        ...

    @property
    def url(self) -> str:
        """Text of the file `url` in the folder: where it listens, on 127.0.0.1. OSError before the first start."""
        ...

    @property
    def pid(self) -> int:
        """Of the running server; 0 where none runs."""
        ...

    def start(self) -> str:
        """Start it where it does not run; returns `url` once it answers. Raises StackError, which says what to do."""
        ...

    def stop(self) -> None:
        """End it and wait until it is gone; harmless where it does not run."""
        ...
