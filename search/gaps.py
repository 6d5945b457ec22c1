"""What a build could not read of its release: what only that holds is not found, so every answer tells of it. Pure."""

from dataclasses import dataclass

from search.scope import IN_TEXTS, ScopeKind


@dataclass(frozen=True, slots=True)
class Gaps:
    """Shards that could not be read, and files that the others only point to, whose texts were not to be had.

    Most of those files are known by name; `unlisted_files` are those of them that are not, since they declare no
    identifier, or since an older version built it. False where everything was read.
    """

    missing_shards: int = 0
    unread_files: int = 0
    unlisted_files: int = 0

    def __bool__(self) -> bool:
        return bool(self.missing_shards or self.unread_files)

    def __or__(self, other: "Gaps") -> "Gaps":
        """Those of two builds together."""
        return Gaps(
            self.missing_shards + other.missing_shards,
            self.unread_files + other.unread_files,
            self.unlisted_files + other.unlisted_files,
        )

    @property
    def of_names(self) -> "Gaps":
        """What a question that names answer is not told."""
        return Gaps(self.missing_shards, self.unlisted_files, self.unlisted_files)

    def about(self, kind: ScopeKind) -> "Gaps":
        """What a question for scopes of that kind is not told.

        Addresses stand in texts, and a content is what its text is as well as what it is declared to be.
        """
        return self if kind in IN_TEXTS else self.of_names


NONE = Gaps()
