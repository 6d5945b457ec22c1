"""The states of a claim and every way between them. Pure.

A claim is the unit of state: one scope of a request, with an outcome of its own. What state a request is in follows
from its claims (`summary`). The table below is the rule; `docs/states.md` shows the same table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    AWAITING_VERIFICATION = "awaiting_verification"
    VERIFIED = "verified"
    IN_REVIEW = "in_review"
    NEEDS_INFO = "needs_info"
    DISPUTED = "disputed"
    ACCEPTED = "accepted"
    DENIED = "denied"
    LISTED = "listed"
    APPLIED = "applied"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"
    APPEALED = "appealed"
    UPHELD = "upheld"
    REVERSED = "reversed"


class Role(StrEnum):
    """Who moves a claim. The pipeline speaks by its receipts; the system is this service by its own rules."""

    REQUESTER = "requester"
    REVIEWER = "reviewer"
    STEWARD = "steward"
    PIPELINE = "pipeline"
    SYSTEM = "system"


class Action(StrEnum):
    SUBMIT = "submit"
    ASK_PROOF = "ask_proof"
    VERIFY = "verify"
    REVIEW = "review"
    DISPUTE = "dispute"
    ASK_INFO = "ask_info"
    ANSWER = "answer"
    ACCEPT = "accept"
    DENY = "deny"
    RECONSIDER = "reconsider"
    MARK_DUPLICATE = "mark_duplicate"
    RESTORE = "restore"
    APPEAL = "appeal"
    UPHOLD = "uphold"
    REVERSE = "reverse"
    LIST = "list"
    APPLY = "apply"
    CLOSE = "close"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: an action, the states it may be taken in, the state it leads to, who may take it."""

    action: Action
    before: tuple[State, ...]
    after: State
    role: Role
    meaning: str


class NotAllowed(Exception):
    """There is no such way in the table; the message says what is, and can be shown."""


_S = State
_TO_DECIDE = (_S.IN_REVIEW, _S.NEEDS_INFO, _S.DISPUTED)

TRANSITIONS = (
    Transition(Action.SUBMIT, (_S.DRAFT,), _S.SUBMITTED, Role.REQUESTER, "the request is sent"),
    Transition(Action.ASK_PROOF, (_S.SUBMITTED,), _S.AWAITING_VERIFICATION, Role.REQUESTER, "a challenge is asked for"),
    Transition(Action.VERIFY, (_S.AWAITING_VERIFICATION,), _S.VERIFIED, Role.SYSTEM, "a proof covers the scope"),
    Transition(Action.ACCEPT, (_S.VERIFIED,), _S.ACCEPTED, Role.SYSTEM, "the policy accepts what is proven and owned"),
    Transition(Action.REVIEW, (_S.VERIFIED,), _S.IN_REVIEW, Role.SYSTEM, "the policy asks for a person"),
    Transition(
        Action.DISPUTE,
        (_S.VERIFIED, _S.IN_REVIEW, _S.NEEDS_INFO, _S.ACCEPTED),
        _S.DISPUTED,
        Role.SYSTEM,
        "somebody else proved control of the same scope",
    ),
    Transition(
        Action.ASK_INFO, (_S.IN_REVIEW, _S.DISPUTED), _S.NEEDS_INFO, Role.REVIEWER, "a question to the requester"
    ),
    Transition(Action.ANSWER, (_S.NEEDS_INFO,), _S.IN_REVIEW, Role.REQUESTER, "the question is answered"),
    Transition(Action.ACCEPT, _TO_DECIDE, _S.ACCEPTED, Role.REVIEWER, "a person accepts"),
    Transition(Action.DENY, _TO_DECIDE, _S.DENIED, Role.REVIEWER, "a person denies, with a reason"),
    Transition(
        Action.RECONSIDER,
        (_S.ACCEPTED,),
        _S.IN_REVIEW,
        Role.REVIEWER,
        "an acceptance is taken back, before it is listed",
    ),
    Transition(
        Action.MARK_DUPLICATE,
        _TO_DECIDE,
        _S.DUPLICATE,
        Role.REVIEWER,
        "another claim of the same subject stands for it",
    ),
    Transition(
        Action.RESTORE,
        (_S.DUPLICATE,),
        _S.IN_REVIEW,
        Role.SYSTEM,
        "the claim that stood for it is withdrawn or denied",
    ),
    Transition(Action.APPEAL, (_S.DENIED,), _S.APPEALED, Role.REQUESTER, "the denial is contested, within 180 days"),
    Transition(Action.UPHOLD, (_S.APPEALED,), _S.UPHELD, Role.REVIEWER, "another reviewer confirms the denial"),
    Transition(Action.REVERSE, (_S.APPEALED,), _S.REVERSED, Role.REVIEWER, "another reviewer accepts after all"),
    Transition(
        Action.LIST, (_S.ACCEPTED, _S.REVERSED), _S.LISTED, Role.STEWARD, "an exclusion list is published with it"
    ),
    Transition(
        Action.APPLY,
        (_S.LISTED, _S.APPLIED),
        _S.APPLIED,
        Role.PIPELINE,
        "an application receipt says it was filtered out",
    ),
    Transition(Action.CLOSE, (_S.APPLIED,), _S.CLOSED, Role.SYSTEM, "a removal report finds nothing left"),
    Transition(Action.REOPEN, (_S.CLOSED,), _S.APPLIED, Role.SYSTEM, "a build that holds it again is activated"),
    Transition(
        Action.WITHDRAW,
        (
            _S.DRAFT,
            _S.SUBMITTED,
            _S.AWAITING_VERIFICATION,
            _S.VERIFIED,
            _S.IN_REVIEW,
            _S.NEEDS_INFO,
            _S.DISPUTED,
            _S.ACCEPTED,
            _S.APPEALED,
            _S.REVERSED,
        ),
        _S.WITHDRAWN,
        Role.REQUESTER,
        "the requester takes it back, before it is listed",
    ),
    Transition(
        Action.EXPIRE,
        (_S.DRAFT, _S.SUBMITTED, _S.AWAITING_VERIFICATION),
        _S.EXPIRED,
        Role.SYSTEM,
        "30 days passed without a proof",
    ),
)
"""An action leads to one state, wherever it is taken."""

HIDDEN = frozenset(
    {
        _S.VERIFIED,
        _S.IN_REVIEW,
        _S.NEEDS_INFO,
        _S.DISPUTED,
        _S.ACCEPTED,
        _S.REVERSED,
        _S.LISTED,
        _S.APPLIED,
    }
)
"""A mask holds over the scope of a claim if and only if the claim is in one of these."""

FINAL = frozenset({_S.DENIED, _S.UPHELD, _S.CLOSED, _S.WITHDRAWN, _S.EXPIRED, _S.DUPLICATE})
"""Nobody is waited for. An appeal still leads out of denied, a dirty build out of closed, the end of the claim that
stood for it out of duplicate; nothing out of the others."""

LIVE = frozenset(State) - FINAL

PROVEN = HIDDEN | {_S.DENIED, _S.DUPLICATE, _S.APPEALED, _S.UPHELD, _S.CLOSED}
"""No claim gets into one of these without a proof (a withdrawn one may have had one)."""

LISTABLE = frozenset({_S.ACCEPTED, _S.REVERSED})
"""What the next exclusion list takes up."""

ON_LIST = frozenset({_S.LISTED, _S.APPLIED, _S.CLOSED})

_SLOWEST_FIRST = (
    _S.DRAFT,
    _S.NEEDS_INFO,
    _S.SUBMITTED,
    _S.AWAITING_VERIFICATION,
    _S.VERIFIED,
    _S.IN_REVIEW,
    _S.DISPUTED,
    _S.APPEALED,
    _S.REVERSED,
    _S.ACCEPTED,
    _S.LISTED,
    _S.APPLIED,
    # Of what is over, the first that any claim reached tells the most.
    _S.CLOSED,
    _S.DENIED,
    _S.UPHELD,
    _S.EXPIRED,
    _S.WITHDRAWN,
    _S.DUPLICATE,
)

_WAYS = {(row.action, before, row.role): row.after for row in TRANSITIONS for before in row.before}


def after(state: State, action: Action, role: Role) -> State:
    """The state that `action`, taken by `role`, leads to; NotAllowed where the table has no such way."""
    way = _WAYS.get((action, state, role))
    if way is not None:
        return way
    if may := sorted(role_of for act, before, role_of in _WAYS if (act, before) == (action, state)):
        raise NotAllowed(f"{_words(action)}: is for the {' or the '.join(may)}, not for the {role}")
    befores = [before for act, before, role_of in _WAYS if (act, role_of) == (action, role)]
    if not befores:
        raise NotAllowed(f"{_words(action)}: is not for the {role}")
    raise NotAllowed(f"{_words(action)}: the claim is {_words(state)}, and must be {' or '.join(map(_words, befores))}")


def actions(state: State, role: Role) -> tuple[Action, ...]:
    """What `role` may do with a claim in `state`, in the order of the table."""
    return tuple(row.action for row in TRANSITIONS if state in row.before and row.role is role)


def summary(states: Iterable[State]) -> State:
    """The state of a request: that of its slowest live claim, or of what tells the most where none is live."""
    reached = set(states)
    return next((state for state in _SLOWEST_FIRST if state in reached), State.DRAFT)


def markdown() -> str:
    """The table as `docs/states.md` shows it."""
    rows = [
        f"| {row.action} | {', '.join(row.before)} | {row.after} | {row.role} | {row.meaning} |" for row in TRANSITIONS
    ]
    return "\n".join(["| action | from | to | who | when |", "|---|---|---|---|---|", *rows]) + "\n"


def _words(name: str) -> str:
    return name.replace("_", " ")
