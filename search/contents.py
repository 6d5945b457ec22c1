"""Contents: whether what a shard says of one file is a document, and why not where it is not, or not with its text."""

from dataclasses import dataclass
from enum import StrEnum

from search.documents import Document, DocumentKind
from search.encodings import as_utf_8, codec_named
from search.swhid import DIGITS, HEX, Kind, Swhid, of_content


class Skip(StrEnum):
    """Why a file of a shard is no document. A file with several reasons is counted under the first."""

    NO_REPOSITORY = "no repository"
    NO_PATH = "no path"
    BAD_ID = "bad id"
    """The declared identifier is neither null nor 40 hexadecimal digits."""
    NO_TEXT = "no text"
    """The content is null: the shard only says that the file exists."""
    ELSEWHERE = "text elsewhere"
    """The content is null, and the shard says where it is to be had; no archive was asked."""
    NOT_IN_ARCHIVE = "not in the archive"
    """The content is null, and the archive does not hold it."""
    DAMAGED = "damaged content"
    """What the archive holds is not the content that the shard names."""
    EMPTY = "empty"
    TOO_LARGE = "too large"
    BINARY = "binary"
    """The content holds a NUL byte."""
    UNKNOWN_ENCODING = "unknown encoding"
    """The shard names an encoding that nobody here knows."""
    UNDECODABLE = "undecodable"
    """The content is not UTF-8, nor of the encoding that the shard names."""


MISPLACED = frozenset({Skip.NO_REPOSITORY, Skip.NO_PATH, Skip.BAD_ID})
"""Why a row names no file at all."""
UNREAD = frozenset({Skip.ELSEWHERE, Skip.NOT_IN_ARCHIVE, Skip.DAMAGED, Skip.UNKNOWN_ENCODING, Skip.UNDECODABLE})
"""Why nobody knows what is in a file that a shard points to."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """What a shard says of one file, with nothing checked; None is null, or a column that is not there.

    `content` is a view into the reader's memory and is only good until the next file is asked for. Where it is None,
    `blob_id` (the SHA-1 of the original bytes, as an archive names them) tells where to get it, and `encoding` how
    those bytes are to be decoded; of a text that the shard holds itself it is None.
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
    blob_id: str | None = None
    encoding: str | None = None
    kind: DocumentKind = DocumentKind.FILE
    missing: Skip | None = None
    """Why it has no content, where an archive was asked for it."""


def examine(file: RawFile, max_bytes: int) -> Document | Skip:
    """The document that `file` is, or why it is none.

    A declared identifier is kept as the dataset gives it, even where the text has another: texts may have
    been transcoded or redacted. One that is not declared is that of the bytes before they were decoded. A revision
    that is not 40 hexadecimal digits is left out.
    """
    if misplaced := _misplaced(file):
        return misplaced
    original = file.missing or _original(file, max_bytes)
    if isinstance(original, Skip):
        return original
    text = _text(original, file.encoding, max_bytes)
    if isinstance(text, Skip):
        return text
    return _document(file, _swhid(file.content_id, original), text)


def is_pointer(file: RawFile, why: Skip) -> bool:
    """Whether the shard only points to the content of a file of which there is no text, and that is `why`."""
    return bool(file.blob_id) and why not in MISPLACED


def by_name(file: RawFile, why: Skip) -> Document | None:
    """The document of a file that is pointed to and of which there is no text; None where it declares no identifier."""
    digest = _digest(file.content_id)
    return _document(file, Swhid(Kind.CONTENT, digest).core, b"", unread=why in UNREAD) if digest else None


def _document(file: RawFile, swhid: str, text: bytes, *, unread: bool = False) -> Document:
    return Document(
        swhid=swhid,
        repository=file.repository or "",
        path=_path(file) or swhid,
        content=text,
        language=file.language or "",
        licenses=file.licenses,
        revision=_digest(file.revision) or "",
        stars=file.stars,
        vendored=file.vendored,
        generated=file.generated,
        kind=file.kind,
        unread=unread,
    )


def place_of(file: RawFile) -> tuple[str, str, str]:
    """Repository, path and declared SWHID, as a document of the file would have them; "" for what is not told."""
    digest = _digest(file.content_id)
    return file.repository or "", _path(file), Swhid(Kind.CONTENT, digest).core if digest else ""


def _misplaced(file: RawFile) -> Skip | None:
    """Only a file must have a repository and a path in it."""
    if file.kind is DocumentKind.FILE:
        if not file.repository:
            return Skip.NO_REPOSITORY
        if not _path(file):
            return Skip.NO_PATH
    if file.content_id is not None and _digest(file.content_id) is None:
        return Skip.BAD_ID
    return None


def _original(file: RawFile, max_bytes: int) -> bytes | Skip:
    """A copy of the content as it is; what is too large is not copied."""
    content = file.content
    if content is None:
        return Skip.ELSEWHERE if file.blob_id else Skip.NO_TEXT
    if not content.nbytes:
        return Skip.EMPTY
    return content.tobytes() if content.nbytes <= max_bytes else Skip.TOO_LARGE


def _text(original: bytes, encoding: str | None, max_bytes: int) -> bytes | Skip:
    """The content as UTF-8 where it is text."""
    if encoding is None and b"\0" in original:
        return Skip.BINARY
    codec = codec_named(encoding)
    if codec is None:
        return Skip.UNKNOWN_ENCODING
    text = as_utf_8(original, codec)
    if text is None:
        return Skip.BINARY if b"\0" in original else Skip.UNDECODABLE
    if not text:
        return Skip.EMPTY
    if len(text) > max_bytes:
        return Skip.TOO_LARGE
    return Skip.BINARY if b"\0" in text else text


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
