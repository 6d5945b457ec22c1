"""Document: one file of one repository as a release holds it, or an issue, a notebook or another text."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from search.swhid import of_content

HASH_BITS = 57


class DocumentKind(StrEnum):
    """What a document is: a file of a repository, or one of the other things that models are trained on."""

    FILE = "file"
    ISSUE = "issue"
    PULL_REQUEST = "pull-request"
    COMMIT = "commit"
    NOTEBOOK = "notebook"
    DOCUMENTATION = "documentation"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Document:
    """What a shard says of one file, and its text.

    `content` is UTF-8 without NUL; `swhid` is the core identifier that the dataset declares, which may differ
    from `text_swhid` where the text was transcoded or redacted after the fact. `repository` is `owner/name` as
    the dataset writes it, `path` has no leading slash, `revision` is 40 hexadecimal digits or "".

    What is no file may have no repository (""); its path is the id that the dataset gives it, or else its SWHID.

    A document whose `content` is empty is known by name alone: the dataset points to it, and here is no text of it.
    `unread` tells that nobody has looked.
    """

    swhid: str
    repository: str
    path: str
    content: bytes
    language: str = ""
    licenses: tuple[str, ...] = ()
    revision: str = ""
    stars: int = 0
    vendored: bool = False
    generated: bool = False
    kind: DocumentKind = DocumentKind.FILE
    unread: bool = False

    @property
    def owner(self) -> str:
        return self.repository.partition("/")[0]

    @property
    def text_swhid(self) -> str:
        """The core identifier of the bytes at hand; the declared one where there are none."""
        return of_content(self.content).core if self.content else self.swhid

    @property
    def key(self) -> str:
        """32 hexadecimal digits that name the document in a release, the same in every build.

        Two rows that say the same of the same file are one document, unless one has the text and the other has not.
        """
        return key_of(self.repository, self.path, self.swhid, by_name=not self.content)

    @property
    def order(self) -> int:
        """63 bits by which answers are ordered, lowest first: total, and the same in every engine.

        The top bit tells vendored or generated files, the next five the power of two of the stars (most
        first), the rest is a hash of the key.
        """
        behind = int(self.vendored or self.generated)
        unpopular = 31 - min(max(self.stars, 0).bit_length(), 31)
        return (behind << 5 | unpopular) << HASH_BITS | int(self.key, 16) >> (128 - HASH_BITS)


def key_of(repository: str, path: str, swhid: str, *, by_name: bool) -> str:
    """The key of a document with its text, or of one that is known by name alone."""
    place = "\0".join((repository, path, swhid, *(["by name"] if by_name else [])))
    return hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:32]
