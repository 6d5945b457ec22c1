"""Storage: places named by URL, on this machine or on a server that speaks the protocol of S3. Pure.

A URL is a path, `file:///path` or `s3://bucket/key`. Keys are written as they are: a percent sign in them has no
meaning. The settings of servers come from the environment (governance/env_storage.py); docs/storage.md tells them.
"""

from pathlib import Path

from governance.env_storage import OWN
from governance.storage_base import Location, explained, path_of, spooled
from governance.storage_errors import StorageError, storage_failure
from governance.storage_files import File, path_in
from governance.storage_s3 import s3_object

__all__ = [
    "Location",
    "StorageError",
    "copy_of",
    "explained",
    "location",
    "path_of",
    "spooled",
    "storage_failure",
]


def location(url: str | Path, variables: str = OWN) -> Location:
    """What a URL names; StorageError where it names nothing that can be.

    `variables` are those of the S3 server that is asked (governance/env_storage.py). Nothing is asked yet.
    """
    if isinstance(url, Path):
        return File(str(url), url.absolute())
    text = url
    scheme, mark, rest = text.partition(":")
    if mark and scheme.lower() == "s3":
        return s3_object(text, variables)
    if mark and scheme.lower() == "file":
        return File(text, path_in(text))
    if mark and rest.startswith("//") and "/" not in scheme:
        raise StorageError(f"{scheme}://...", "is of a kind that is not known; known are paths, file:/// and s3://")
    if not text or "\0" in text:
        raise StorageError(repr(text), "names no file")
    return File(text, Path(text).absolute())


def copy_of(place: Location, path: Path) -> Location:
    """A file of this machine that stands for another one: what is wrong with it is said of the other."""
    return File(place.url, path)
