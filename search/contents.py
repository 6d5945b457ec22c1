"""Contents: whether what a shard says of one file is a document, and why not where it is not."""

from dataclasses import dataclass
from enum import StrEnum

from search.documents import Document
from search.swhid import DIGITS, HEX, Kind, Swhid, of_content


class Skip(StrEnum):
    """Why a file of a shard is no document. A file with several reasons is counted under the first."""

    NO_REPOSITORY = "no repository"
    NO_PATH = "no path"
    BAD_ID = "bad id"
    """The declared identifier is neither null nor 40 hexadecimal digits."""
    NO_TEXT = "no text"
    """The content is null: the shard only says that the file exists."""
    EMPTY = "empty"
    TOO_LARGE = "too large"
    BINARY = "binary"
    """The content holds a NUL byte."""
    UNDECODABLE = "undecodable"
    """The content is not UTF-8."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """What a shard says of one file, with nothing checked; None is null, or a column that is not there.

    `content` is a view into the reader's memory and is only good until the next file is asked for.
    """

    repository: str | None = None
    path: str | None = None
    content_id: str | None = None
    content: memoryview | None = None
    language: str | None = None
    licenses: tuple[str, ...] = ()
    revision: str | None = None
    stars: int = 0
    vendored: bool = False
    generated: bool = False


def examine(file: RawFile, max_bytes: int) -> Document | Skip:
    """The document that `file` is, or why it is none.

    A declared identifier is kept as the dataset gives it, even where the text has another: texts may have
    been transcoded or redacted. A revision that is not 40 hexadecimal digits is left out.
    """
    if misplaced := _misplaced(file):
        return misplaced
    text = _text(file.content, max_bytes)
    if isinstance(text, Skip):
        return text
    return Document(
        swhid=_swhid(file.content_id, text),
        repository=file.repository or "",
        path=_path(file),
        content=text,
        language=file.language or "",
        licenses=file.licenses,
        revision=_digest(file.revision) or "",
        stars=file.stars,
        vendored=file.vendored,
        generated=file.generated,
    )


def place_of(file: RawFile) -> tuple[str, str, str]:
    """Repository, path and declared SWHID, as a document of the file would have them; "" for what is not told."""
    digest = _digest(file.content_id)
    return file.repository or "", _path(file), Swhid(Kind.CONTENT, digest).core if digest else ""


def _misplaced(file: RawFile) -> Skip | None:
    if not file.repository:
        return Skip.NO_REPOSITORY
    if not _path(file):
        return Skip.NO_PATH
    if file.content_id is not None and _digest(file.content_id) is None:
        return Skip.BAD_ID
    return None


def _text(content: memoryview | None, max_bytes: int) -> bytes | Skip:
    """A copy of the content where it is text; what is too large is not copied."""
    if content is None:
        return Skip.NO_TEXT
    if not content.nbytes:
        return Skip.EMPTY
    if content.nbytes > max_bytes:
        return Skip.TOO_LARGE
    text = content.tobytes()
    if b"\0" in text:
        return Skip.BINARY
    return text if text.isascii() or _is_utf8(text) else Skip.UNDECODABLE


def _path(file: RawFile) -> str:
    """The Stack v2 writes paths from the root of the repository, with a leading slash."""
    return (file.path or "").lstrip("/")


def _swhid(declared: str | None, text: bytes) -> str:
    digest = _digest(declared)
    swhid = of_content(text) if digest is None else Swhid(Kind.CONTENT, digest)
    return swhid.core


def _digest(text: str | None) -> str | None:
    """40 hexadecimal digits in lower case; None where `text` is anything else."""
    if text is None or len(text) != DIGITS:
        return None
    digest = text.lower()
    return digest if HEX.issuperset(digest) else None


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
