"""What requesters are told of their request, in words: where it stands, what is next, what has happened. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from optout.states import Action, Role, State, actions, summary

_S = State


class Phase(StrEnum):
    """What a state means for the requester, coarsely: it is shown as a shape."""

    YOURS = "yours"
    """Nothing goes on before the requester does something."""
    OURS = "ours"
    """A person or the next release is waited for."""
    GONE = "gone"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class _Told:
    """Of a state: its phase, its name in a table, and what it means for all of a request."""

    phase: Phase
    name: str
    answer: str


_TOLD = {
    _S.DRAFT: _Told(Phase.YOURS, "not sent", "This request was not sent."),
    _S.SUBMITTED: _Told(Phase.YOURS, "received", "Your request is received. Next, prove that it is yours."),
    _S.AWAITING_VERIFICATION: _Told(Phase.YOURS, "waiting for your proof", "We are waiting for your proof."),
    _S.NEEDS_INFO: _Told(Phase.YOURS, "waiting for your answer", "We have a question for you."),
    _S.VERIFIED: _Told(Phase.OURS, "proven, hidden", "It is proven and hidden from every answer."),
    _S.IN_REVIEW: _Told(Phase.OURS, "hidden, looked at by a person", "It is hidden, and a person is looking at it."),
    _S.DISPUTED: _Told(
        Phase.OURS, "hidden, claimed by another", "It is hidden. Somebody else proved control of it as well."
    ),
    _S.APPEALED: _Told(Phase.OURS, "contested", "Another person is looking at the decision that you contest."),
    _S.REVERSED: _Told(Phase.OURS, "accepted after all, hidden", "Accepted after all. It is hidden from every answer."),
    _S.ACCEPTED: _Told(Phase.OURS, "accepted, hidden", "Accepted. It is hidden from every answer."),
    _S.LISTED: _Told(Phase.OURS, "on an exclusion list, hidden", "It is on an exclusion list, and hidden."),
    _S.APPLIED: _Told(Phase.OURS, "filtered out, hidden", "It was filtered out of a release, and is hidden."),
    _S.CLOSED: _Told(Phase.GONE, "gone", "It is gone."),
    _S.DENIED: _Told(Phase.OVER, "not accepted", "Not accepted. You can contest that."),
    _S.UPHELD: _Told(Phase.OVER, "not accepted, confirmed", "Not accepted, and confirmed by a second person."),
    _S.EXPIRED: _Told(Phase.OVER, "expired", "It expired: 30 days passed without a proof."),
    _S.WITHDRAWN: _Told(Phase.OVER, "taken back", "You took it back."),
    _S.DUPLICATE: _Told(Phase.OVER, "covered by another request", "Another request of yours stands for it."),
}

_NEXT = {
    _S.SUBMITTED: "Prove that it is yours within 30 days. Once you have, it is hidden at once.",
    _S.AWAITING_VERIFICATION: "Answer the challenge that you asked for, or ask for another one.",
    _S.NEEDS_INFO: "Answer the question below. Until then it stays hidden, and nothing is decided.",
    _S.VERIFIED: "You need do nothing. We write to you when it is decided.",
    _S.IN_REVIEW: "You need do nothing. We write to you when it is decided.",
    _S.DISPUTED: "You need do nothing. A person compares both proofs, and we write to you.",
    _S.APPEALED: "You need do nothing. Somebody who did not decide before looks at it, and we write to you.",
    _S.REVERSED: "You need do nothing. The next exclusion list names it, and we write to you when it is published.",
    _S.ACCEPTED: "You need do nothing. The next exclusion list names it, and we write to you when it is published.",
    _S.LISTED: "You need do nothing. It stays hidden until a release without it answers here.",
    _S.APPLIED: "You need do nothing. We check the release ourselves, and write to you when nothing is left.",
    _S.CLOSED: "Nothing is left of it in the release that was checked. A build that holds it again is hidden again.",
    _S.DENIED: "You can contest the decision within 180 days; another person then looks at it. "
    "You can also complain to your data protection authority, or go to court.",
    _S.UPHELD: "You can complain to your data protection authority, or go to court.",
    _S.EXPIRED: "Nothing was changed. You can ask again at any time.",
    _S.WITHDRAWN: "You can ask again at any time.",
    _S.DUPLICATE: "Follow the other request.",
}

_HAPPENED = {
    Action.SUBMIT: "The request was sent",
    Action.ASK_PROOF: "A challenge was asked for",
    Action.VERIFY: "Proven, and hidden from every answer",
    Action.REVIEW: "Handed to a person",
    Action.DISPUTE: "Disputed",
    Action.ASK_INFO: "A question to you",
    Action.ANSWER: "You answered",
    Action.ACCEPT: "Accepted",
    Action.DENY: "Not accepted",
    Action.RECONSIDER: "Looked at once more",
    Action.MARK_DUPLICATE: "Covered by another request of yours",
    Action.RESTORE: "The claim that stood for it fell; hidden again, looked at by a person",
    Action.APPEAL: "You contested the decision",
    Action.UPHOLD: "The decision was confirmed",
    Action.REVERSE: "Accepted after all",
    Action.LIST: "Put on an exclusion list",
    Action.APPLY: "Filtered out of a release",
    Action.CLOSE: "Gone: nothing is left",
    Action.REOPEN: "Found again, and hidden again",
    Action.WITHDRAW: "You took it back",
    Action.EXPIRE: "Expired without a proof",
}

_BY = {
    Role.REQUESTER: "you",
    Role.REVIEWER: "a reviewer",
    Role.STEWARD: "the steward",
    Role.PIPELINE: "the pipeline",
    Role.SYSTEM: "this service",
}

REQUESTERS = (Action.ASK_PROOF, Action.ANSWER, Action.APPEAL, Action.WITHDRAW)
"""What a requester may do of their own accord, in the order in which it is offered."""


def phase_of(state: State) -> Phase:
    return _TOLD[state].phase


def name_of(state: State) -> str:
    """The state in a table: `accepted, hidden`."""
    return _TOLD[state].name


def answer(counts: Mapping[State, int]) -> str:
    """Where a request stands, in a sentence; it speaks of the slowest of its claims."""
    return _TOLD[summary(counts)].answer


def following(counts: Mapping[State, int]) -> str:
    """What is next, and who does it."""
    return _NEXT[summary(counts)]


def breakdown(counts: Mapping[State, int]) -> str:
    """`2 accepted, hidden; 1 not accepted`, where claims differ; else nothing."""
    if len(counts) < 2:
        return ""
    ordered = [state for state in State if state in counts]
    return "; ".join(f"{counts[state]:,} {name_of(state)}" for state in ordered)


def happened(action: Action) -> str:
    return _HAPPENED[action]


def by(role: Role) -> str:
    return _BY[role]


def possible(counts: Mapping[State, int]) -> tuple[Action, ...]:
    """What the requester may do now with at least one of the claims."""
    may = {action for state in counts for action in actions(state, Role.REQUESTER)}
    if _S.AWAITING_VERIFICATION in counts:
        may.add(Action.ASK_PROOF)  # another challenge moves no claim, so the table has no row for it
    return tuple(action for action in REQUESTERS if action in may)
