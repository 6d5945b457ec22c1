"""API v1, requests for removal: parse, ask the door, render. Who has the token of a request may act for it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException, ErrorDetail, NotFound
from rest_framework.request import Request as Asked
from rest_framework.response import Response

from governance.api import FieldError, Question, TooLarge, problems, whole_number
from optout import following, paste, proving, workflow
from optout.models import Claim, Request
from optout.ownership.base import NotProven
from optout.proving import Outcome
from optout.refusals import AlreadyUsed, Refused, TooLate, TooMany
from optout.serializers import (
    ANSWERS,
    AnswerSerializer,
    AppealSerializer,
    AskedSerializer,
    ChallengeSerializer,
    MovedSerializer,
    NewChallengeSerializer,
    NewProofSerializer,
    NewRequestSerializer,
    OutcomeSerializer,
    RecordSerializer,
    RequestSerializer,
    UnderstoodLinesSerializer,
    WithdrawSerializer,
)
from optout.states import NotAllowed
from optout.tokens import NoSuchRequest, request_by_token
from search.scope import Scope

LEAST_KEY, MOST_KEY = 22, 255
MOST_PROBLEMS = 100
MOST_INDEX = 2**62
"""Wrong scopes that one answer names."""

KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="a random text of yours; the same request under the same key is made once",
)


class Conflict(FieldError):
    status_code = HTTPStatus.CONFLICT


class NotShown(FieldError):
    """The answer was understood, and does not show what it should."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY


class AskedTooOften(FieldError):
    status_code = HTTPStatus.TOO_MANY_REQUESTS


class ForgeUnavailable(FieldError):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE


class SeveralProblems(FieldError):
    """Like FieldError, of several fields."""

    def __init__(self, found: Mapping[str, str]) -> None:
        super().__init__(*next(iter(found.items())))
        self.detail = {field: [ErrorDetail(text)] for field, text in found.items()}


class About(Question):
    """A view that answers about one request, or makes one: nothing of it may be kept or passed on."""

    def finalize_response(self, request: Asked, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "private, no-store"
        answer["Referrer-Policy"] = "no-referrer"
        return answer

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(_as_problem(exc))

    def about(self, token: str) -> Request:
        return request_by_token(token)

    def body(self, kind: Any) -> dict[str, Any]:
        serializer = kind(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        checked: dict[str, Any] = serializer.validated_data
        return checked

    def asked(self, kind: Any) -> dict[str, Any]:
        """The body of a question about scopes. Too many of them are refused before each is looked at."""
        data = self.request.data
        scopes = data.get("scopes") if isinstance(data, dict) else None
        if isinstance(scopes, list) and len(scopes) > workflow.MOST_SCOPES:
            raise TooLarge("scopes", f"{len(scopes):,} in one request, {workflow.MOST_SCOPES:,} at most")
        return self.body(kind)


def _as_problem(error: Exception) -> Exception:
    match error:
        case NoSuchRequest():
            return NotFound("There is nothing at this address.")
        case TooMany():
            return AskedTooOften(error.field, str(error))
        case TooLate() | AlreadyUsed():
            return Conflict(error.field, str(error))
        case Refused():
            return FieldError(error.field, str(error))
        case NotAllowed():
            return Conflict("claims", str(error))
    return error


class RequestsView(About):
    @extend_schema(
        operation_id="request_removal",
        summary="Ask for code to be taken out of the training sets",
        description="All of the scopes, or none: what cannot be understood is named. What no release shows is kept as "
        "a wish for the releases to come. Nothing is hidden before a proof is given. A receipt goes to the contact.",
        parameters=[KEY],
        request=NewRequestSerializer,
        responses={201: RequestSerializer, **problems(400, 413, 415, 429)},
    )
    def post(self, request: Asked) -> Response:
        asked = self.asked(NewRequestSerializer)
        made = workflow.submit(
            _scopes(asked),
            asked["contact"],
            forge=following.checked_forge(asked.get("forge", "")),
            source=Request.Source.API,
            idempotency_key=_key(request),
        )
        standing = following.standing(made)
        return Response(_told(request, standing), HTTPStatus.CREATED, headers={"Location": standing.address})


def _lines(asked: Mapping[str, Any]) -> list[paste.Line]:
    """What was sent, read line by line."""
    hosts = following.forge_hosts()
    if "scopes" in asked:
        return [_line(number, text, hosts) for number, text in enumerate(asked["scopes"], start=1)]
    try:
        return paste.understand(asked["text"], hosts)
    except ValueError as error:
        raise TooLarge("text", str(error)) from None


def _line(number: int, text: str, hosts: frozenset[str]) -> paste.Line:
    try:
        scope = paste.read_scope(text.strip(), hosts)
    except ValueError as error:
        return paste.Line(number, text[:200], None, problem=str(error))
    return paste.Line(number, text[:200], scope, paste.meaning(scope))


def _scopes(asked: Mapping[str, Any]) -> list[Scope]:
    """All of them, or an error that names each that cannot be read."""
    field = "scopes" if "scopes" in asked else "text"
    lines = _lines(asked)
    wrong = [line for line in lines if line.scope is None][:MOST_PROBLEMS]
    if wrong:
        raise SeveralProblems({f"{field}[{line.number - 1}]": line.problem for line in wrong})
    return [line.scope for line in lines if line.scope is not None]


def _key(request: Asked) -> str:
    """The header's text, in quotes or not."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if key and not (LEAST_KEY <= len(key) <= MOST_KEY and key.isascii() and key.isprintable()):
        # With a key that can be guessed, somebody else could send the same and get the link.
        raise FieldError("Idempotency-Key", f"must be {LEAST_KEY} to {MOST_KEY} printable ASCII characters, at random")
    return key


def _told(request: Asked, standing: following.Standing, *, after: int = 0, limit: int = following.PAGE) -> Any:
    claims, more = following.claims(standing.request, after=after, limit=limit)
    context = {
        "claims": claims,
        "next": f"{standing.address}?cursor={more}&limit={limit}" if more else None,
        "timeline": following.timeline(standing.request),
        "challenges": following.open_challenges(standing.request),
    }
    return RequestSerializer(standing, context=context).data


class UnderstandView(About):
    @extend_schema(
        operation_id="understand_scopes",
        summary="What would be asked for? Each line is answered, and nothing is kept",
        request=AskedSerializer,
        responses={200: UnderstoodLinesSerializer, **problems(400, 413, 415)},
    )
    def post(self, request: Asked) -> Response:
        lines = following.understood(_lines(self.asked(AskedSerializer)))
        return Response(UnderstoodLinesSerializer({"lines": lines}).data)


class RequestView(About):
    parameters = frozenset({"cursor", "limit"})

    @extend_schema(
        operation_id="request_status",
        summary="Where does a request stand, and what is next?",
        parameters=[
            OpenApiParameter("limit", int, description=f"claims a page, at most {following.PAGE_MOST}"),
            OpenApiParameter("cursor", int, description="from `next` of the page before"),
        ],
        responses={200: RequestSerializer, **problems(400, 404)},
    )
    def get(self, request: Asked, token: str) -> Response:
        standing = following.standing(self.about(token))
        after = whole_number("cursor", request.query_params.get("cursor", "0"), 0, workflow.MOST_SCOPES)
        limit = self.number(request, "limit", following.PAGE, following.PAGE_MOST)
        return Response(_told(request, standing, after=after, limit=limit))


class RecordView(About):
    parameters = frozenset({"cursor", "limit"})

    @extend_schema(
        operation_id="request_record",
        summary="What was recorded of a request, with the salts by which its commitments in the ledger can be checked",
        parameters=[
            OpenApiParameter("limit", int, description=f"events a page, at most {following.PAGE_MOST}"),
            OpenApiParameter("cursor", int, description="from `next` of the page before"),
        ],
        responses={200: RecordSerializer, **problems(400, 404)},
    )
    def get(self, request: Asked, token: str) -> Response:
        mine = self.about(token)
        after = whole_number("cursor", request.query_params.get("cursor", "0"), 0, MOST_INDEX) - 1
        limit = self.number(request, "limit", following.PAGE, following.PAGE_MOST)
        events, more = following.record(mine, after=after, limit=limit)
        address = f"{following.standing(mine).address}/record?limit={limit}&cursor="
        following_page = None if more is None else f"{address}{more + 1}"
        return Response(RecordSerializer({"events": events, "next": following_page}).data)


class ChallengesView(About):
    @extend_schema(
        operation_id="ask_for_challenge",
        summary="Ask for a challenge, to prove control of what the request is about",
        description="Valid for 24 hours and for one answer. A code goes to the address that is to be proven.",
        request=NewChallengeSerializer,
        responses={201: ChallengeSerializer, **problems(400, 404, 415, 429)},
    )
    def post(self, request: Asked, token: str) -> Response:
        mine = self.about(token)
        asked = self.body(NewChallengeSerializer)
        made = proving.challenge(mine, asked["method"], asked["subject"], asked.get("forge", ""))
        return Response(ChallengeSerializer(made).data, HTTPStatus.CREATED)


class ProofsView(About):
    @extend_schema(
        operation_id="give_proof",
        summary="Answer a challenge: a signature, the repository with the file, or the code",
        description="What the proof covers is hidden from every answer at once.",
        request=NewProofSerializer,
        responses={200: OutcomeSerializer, **problems(400, 404, 409, 415, 422, 429, 503)},
    )
    def post(self, request: Asked, token: str) -> Response:
        mine = self.about(token)
        asked = self.body(NewProofSerializer)
        challenge = following.challenge_of(mine, asked["challenge"])
        field = ANSWERS.get(challenge.method, "answer")
        if field not in asked:
            raise FieldError(field, f"is missing: it is what answers a challenge of the method {challenge.method}")
        try:
            outcome = proving.prove(mine, challenge, asked[field])
        except NotProven as error:
            raise _refusal(field, error) from None
        return Response(_outcome(outcome))


def _refusal(field: str, error: NotProven) -> APIException:
    return (ForgeUnavailable if error.temporary else NotShown)(field, str(error))


def _outcome(outcome: Outcome) -> Any:
    uncovered = [{"number": claim.number, "scope": claim.scope, "problem": why} for claim, why in outcome.uncovered]
    return OutcomeSerializer({"covered": outcome.covered, "uncovered": uncovered}).data


def _moved(claims: Sequence[Claim]) -> Response:
    return Response(MovedSerializer({"claims": claims}).data)


class WithdrawView(About):
    @extend_schema(
        operation_id="withdraw",
        summary="Take claims back: what was hidden for them is shown again",
        request=WithdrawSerializer,
        responses={200: MovedSerializer, **problems(400, 404, 409, 415)},
    )
    def post(self, request: Asked, token: str) -> Response:
        mine = self.about(token)
        return _moved(workflow.withdraw(mine, self.body(WithdrawSerializer).get("claims")))


class AppealView(About):
    @extend_schema(
        operation_id="appeal",
        summary="Contest a denial, within 180 days; another reviewer looks at it",
        request=AppealSerializer,
        responses={200: MovedSerializer, **problems(400, 404, 409, 415)},
    )
    def post(self, request: Asked, token: str) -> Response:
        mine = self.about(token)
        asked = self.body(AppealSerializer)
        return _moved(workflow.appeal(mine, asked["claims"], asked["reason"]))


class AnswerView(About):
    @extend_schema(
        operation_id="answer",
        summary="Answer a reviewer's question",
        request=AnswerSerializer,
        responses={200: MovedSerializer, **problems(400, 404, 409, 415)},
    )
    def post(self, request: Asked, token: str) -> Response:
        mine = self.about(token)
        asked = self.body(AnswerSerializer)
        return _moved(workflow.answer(mine, asked["claims"], asked["answer"]))
