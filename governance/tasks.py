"""Periodic work of the ground floor."""

from governance import work


def send_work() -> int:
    """Tasks that were sent again."""
    return work.send_due()
