"""How far the filter is, for who waits at a terminal or reads a log. Pure."""

import sys
import time

from optout.rewriting import ShardOutcome

REFRESH_SECONDS = 10


class Progress:
    """A line on standard error: rewritten in place on a terminal, one in REFRESH_SECONDS elsewhere."""

    def __init__(self, shards: int, *, quiet: bool) -> None:
        self._shards, self._quiet = shards, quiet
        self._done = self._bytes = self._dropped = 0
        self._began = self._told = time.monotonic()
        self._live = sys.stderr.isatty()

    def told(self, outcome: ShardOutcome) -> ShardOutcome:
        """Counts it in, and gives it back."""
        self._done += 1
        self._bytes += outcome.given.bytes
        self._dropped += outcome.made.dropped
        now = time.monotonic()
        if not self._quiet and (self._live or now - self._told > REFRESH_SECONDS or self._done == self._shards):
            self._told = now
            rate = self._bytes / 1e6 / max(now - self._began, 1e-3)
            line = f"{self._done} of {self._shards} shards, {rate:,.1f} MB/s, {self._dropped:,} documents dropped"
            print(
                f"\r{line}\x1b[K" if self._live else line, end="" if self._live else "\n", file=sys.stderr, flush=True
            )
        return outcome

    def end(self) -> None:
        if self._live and not self._quiet:
            print(file=sys.stderr)
