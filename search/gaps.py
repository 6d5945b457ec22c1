"""What a build could not read of its release: what only that holds is not found, so every answer tells of it. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gaps:
    """Shards that could not be read, and files that the others only point to, whose texts were not to be had.

    False where everything was read.
    """

    missing_shards: int = 0
    unread_files: int = 0

    def __bool__(self) -> bool:
        return bool(self.missing_shards or self.unread_files)

    def __or__(self, other: "Gaps") -> "Gaps":
        """Those of two builds together."""
        return Gaps(self.missing_shards + other.missing_shards, self.unread_files + other.unread_files)


NONE = Gaps()
