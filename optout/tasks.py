"""Work of the requests that comes round, or follows a commit."""

from optout import mail, workflow


def deliver_mail() -> dict[str, int]:
    """Mails by what became of them."""
    return {str(state): count for state, count in mail.deliver().items()}


def deliver_one(pk: int) -> str | None:
    """What became of the mail; None where it was not due, or somebody else is at it."""
    state = mail.deliver_one(pk)
    return None if state is None else str(state)


def expire_claims() -> int:
    """Claims that expired."""
    return workflow.expire_claims()
