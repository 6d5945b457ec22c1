"""Why a door does not do what it was asked: each says what is the matter, in words for the person who asked. Pure."""


class Refused(Exception):
    """`field` names the part at fault, as a caller of the API writes it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TooMany(Refused):
    """Asked too often; it may be asked again later."""


class TooLate(Refused):
    """A time limit is over."""


class AlreadyUsed(Refused):
    """The challenge was answered before, or a later one took its place."""

    def __init__(self) -> None:
        super().__init__("challenge", "This challenge was used or replaced. Ask for a new one and answer that.")


class NotPermitted(Exception):
    """The user has no right to decide, or not in this case."""
