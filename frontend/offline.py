"""The command line's questions, asked of a portrait file: no database, no network, no text."""

from pathlib import Path
from typing import Any

from frontend.asking import AskError, plain_report
from search.checking import AskedFile
from search.portrait import Portrait, PortraitError
from search.probable import check_offline


def describe(path: Path) -> dict[str, Any]:
    """What the portrait says of itself, after its bits were held against it."""
    try:
        portrait = Portrait.open(path)
        portrait.verify()
    except PortraitError as error:
        raise AskError(str(error)) from None
    header = portrait.header
    return {
        "release": header.release,
        "spec": header.spec,
        "profile": header.profile,
        "bytes": header.geometry.bits // 8,
        "hashes": header.geometry.hashes,
        "distinct_keys_estimate": header.distinct_keys_estimate,
        "error_rate": header.error_rate,
        "digest": header.digest,
        "missing_shards": header.gaps.missing_shards,
        "unread_files": header.gaps.unread_files,
    }


def check(path: Path, files: list[AskedFile]) -> dict[str, Any]:
    try:
        report = check_offline(Portrait.open(path), files)
    except PortraitError as error:
        raise AskError(str(error)) from None
    return plain_report(report)
