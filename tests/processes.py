"""Processes that a test has started, and those that they have started."""

from contextlib import suppress
from pathlib import Path


def children_of(pid: int) -> list[int]:
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, thread.read_text().split())
    return children


def command_of(pid: int) -> bytes:
    """What a process was started with; nothing where it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def workers_of(pid: int) -> list[int]:
    """Those of a pool of processes that it keeps."""
    return [child for child in children_of(pid) if b"spawn_main" in command_of(child)]
