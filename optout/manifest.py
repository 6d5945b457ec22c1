"""The manifest of an exclusion list: what the list is, and the digests of its files. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from governance.ledger.canonical import canonical
from optout.list_tables import DOCUMENTS, EXCLUSIONS, FileFacts
from optout.listed_scopes import KINDS
from optout.statements import Fields, check_count, check_digest

FORMAT = 1
FILES = (DOCUMENTS.jsonl, DOCUMENTS.parquet, EXCLUSIONS.jsonl, EXCLUSIONS.parquet)


@dataclass(frozen=True, slots=True)
class ReleaseBuild:
    """An active release, and the build that was asked for its documents."""

    release: str
    build: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a list is. `previous` is the SHA-256 of the manifest of list number - 1, None for list 1.

    `as_of` is the time of the latest decision in it (ISO 8601 with an offset); `by_kind` and `files` name every kind
    of scope and every table.
    """

    number: int
    previous: str | None
    as_of: str | None
    releases: tuple[ReleaseBuild, ...]
    exclusions: int
    by_kind: Mapping[str, int]
    documents: int
    files: Mapping[str, FileFacts]

    def __post_init__(self) -> None:
        check_count(self.number, "number", least=1)
        if (self.previous is None) != (self.number == 1):
            raise ValueError("previous: must be null for list 1, and for no other")
        if self.previous is not None:
            check_digest(self.previous, "previous")
        if self.as_of is not None and datetime.fromisoformat(self.as_of).tzinfo is None:
            raise ValueError("as_of: has no offset from UTC")
        if sorted(self.by_kind) != sorted(KINDS) or sum(self.by_kind.values()) != self.exclusions:
            raise ValueError(f"by_kind: must count every kind ({', '.join(KINDS)}) and add up to exclusions")
        if sorted(self.files) != sorted(FILES):
            raise ValueError(f"files: must name {', '.join(FILES)}")

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """Inverse of `to_bytes`, of its every byte; raises ValueError that names the field at fault."""
        fields = Fields.parsed(text, "manifest")
        if (given := fields.count("format")) != FORMAT:
            raise ValueError(f"manifest.format: is {given}, only {FORMAT} is known here")
        files = fields.inner("files")
        manifest = cls(
            number=fields.count("number"),
            previous=fields.text_or_none("previous"),
            as_of=fields.text_or_none("as_of"),
            releases=tuple(ReleaseBuild(r.text("release"), r.text("build")) for r in fields.all("releases")),
            exclusions=fields.count("exclusions"),
            by_kind=fields.inner("by_kind").counts(),
            documents=fields.count("documents"),
            files={name: _file_facts(files.inner(name)) for name in files.value},
        )
        if manifest.to_bytes() != text:
            raise ValueError("manifest: is not canonical JSON of the fields of format 1 and a line feed")
        return manifest

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self), "releases": [asdict(release) for release in self.releases]}

    def to_bytes(self) -> bytes:
        return canonical(self.to_json()) + b"\n"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _file_facts(fields: Fields) -> FileFacts:
    return FileFacts(fields.digest("sha256"), fields.count("bytes"))
