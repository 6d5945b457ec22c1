"""Conventions of every answer to a machine: one error shape, one page token, one limit of what is sent.

Errors are RFC 9457 problem details (`application/problem+json`): `type`, `title`, `status`, `detail`, and `errors`, a
list of `{"field", "detail"}` that names each part of the request at fault. A 500 carries a reference and nothing else.
What is the matter with the body as a whole is said of the field `body`.
"""

import base64
import binascii
import logging
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from drf_spectacular.utils import OpenApiResponse
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.views import APIView, exception_handler

from governance.serializers import ProblemSerializer

PROBLEM_TYPE = "application/problem+json"
BODY = "body"
MOST_ADDRESS = 20_000
CLOSING_BYTES = 1024
"""The closing boundary of a form stands within its last bytes."""
DRAIN_BYTES = 2**27
"""A body over the limit is read and thrown away up to here, so that the client gets to read the answer."""

logger = logging.getLogger(__name__)


class Unavailable(APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "The index cannot be asked now."
    wait = 30
    """Seconds, for `Retry-After`."""


class FieldError(ValidationError):
    """A 400 about one field, named as a caller would write it: `q`, `files[3].content`."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__({field: [problem]})


class TooLarge(FieldError):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Unknown(FieldError):
    """What the field names is not there."""

    status_code = HTTPStatus.NOT_FOUND


class JSONBody(JSONParser):
    """JSON that is nested too deeply is malformed like any other."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None


class Question(APIView):
    """A view that knows its query parameters: others are an error, not ignored."""

    parameters: frozenset[str] = frozenset()
    parser_classes = [JSONBody]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        for name in request.query_params:
            if name not in self.parameters:
                allowed = ", ".join(sorted(self.parameters)) or "none"
                raise FieldError(name, f"is not a parameter of this address; there are: {allowed}")

    def number(self, request: Request, name: str, default: int, most: int) -> int:
        return whole_number(name, request.query_params.get(name, str(default)), 1, most)

    def text(self, request: Request, name: str) -> str:
        value = request.query_params.get(name, "")
        if not value.strip():
            raise FieldError(name, "is missing")
        return value


def whole_number(field: str, text: str, least: int, most: int) -> int:
    """A decimal in ASCII digits from `least` to `most`; FieldError otherwise."""
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not (is_number and least <= int(text) <= most):
        raise FieldError(field, f"{text[:20]!r} is not a whole number from {least} to {most}")
    return int(text)


def problems(*statuses: int) -> dict[int | tuple[int, str], Any]:
    """The answers of an operation that are problem details, for its schema."""
    answer = OpenApiResponse(ProblemSerializer, description="problem details (RFC 9457)")
    return {(status, PROBLEM_TYPE): answer for status in statuses}


def problem(
    status: int, detail: str, errors: list[dict[str, str]] | None = None, reference: str = ""
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    if reference:
        body["reference"] = reference
    return body


def problem_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler: every error that is a client's or an engine's, as problem details.

    JSON whatever was to be rendered: a schema asked for as YAML fails in the same shape.
    """
    if isinstance(error, TooManyFilesSent):
        error = TooLarge("files", f"more than {settings.DATA_UPLOAD_MAX_NUMBER_FILES:,} files in one request")
    response = exception_handler(error, context)
    if response is None:
        return None
    errors = list(_flatten("", response.data)) if isinstance(error, ValidationError) else []
    if isinstance(error, ParseError):
        errors = [{"field": BODY, "detail": str(error.detail)}]
    detail = _summary(errors) if errors else str(getattr(error, "detail", error))
    headers = {name: value for name, value in response.items() if name != "Content-Type"}
    return _problem_response(problem(response.status_code, detail, errors), headers)


def _problem_response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JsonResponse:
    return JsonResponse(body, status=body["status"], content_type=PROBLEM_TYPE, headers=headers)


def _flatten(field: str, data: Any) -> Iterator[dict[str, str]]:  # DRF nests details in lists and dicts at will
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _flatten(_inner(field, key), value)
    elif isinstance(data, list) and any(isinstance(item, dict | list) for item in data):
        for place, item in enumerate(data):
            if item:
                yield from _flatten(f"{field}[{place}]", item)
    elif isinstance(data, list):
        for item in data:
            yield {"field": field or BODY, "detail": str(item)}
    else:
        yield {"field": field or BODY, "detail": str(data)}


def _inner(field: str, key: str | int) -> str:
    if key == "non_field_errors":
        return field
    if isinstance(key, int):
        return f"{field}[{key}]"
    return f"{field}.{key}" if field else key


def _summary(errors: list[dict[str, str]]) -> str:
    field, detail = errors[0]["field"], errors[0]["detail"]
    text = detail if detail.startswith(field) else f"{field}: {detail}"
    return text if len(errors) == 1 else f"{text} (and {len(errors) - 1} more)"


def encode_token(*parts: str | int) -> str:
    """An opaque page token."""
    text = ".".join(str(part) for part in parts)
    return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def decode_token(token: str, kinds: tuple[Callable[[str], Any], ...]) -> tuple[Any, ...]:
    """The parts of a token, each read by its kind; ValueError where it is none of ours."""
    try:
        parts = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True).decode("ascii").split(".")
        return tuple(kind(part) for kind, part in zip(kinds, parts, strict=True))
    except (binascii.Error, ValueError):
        raise ValueError(f"{token[:40]!r} is not a page token of this service") from None


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/overlap"))


def error_answer(
    request: HttpRequest, status: int, detail: str, *, title: str = "", field: str = "", reference: str = ""
) -> HttpResponse:
    """An error outside of DRF, for a machine or for a person by the path that was asked."""
    if wants_json(request):
        errors = [{"field": field, "detail": detail}] if field else None
        return _problem_response(problem(status, detail, errors, reference))
    page = {"title": title or HTTPStatus(status).phrase, "detail": detail, "reference": reference}
    return render(request, "error.html", page, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_answer(request, 400, "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_answer(request, 403, "This is not allowed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_answer(request, 404, "There is nothing at this address.")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_answer(
        request,
        403,
        "The form was sent without its token. Allow cookies for this site, reload the page, send it again.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """A fixed text and a reference that stands in the log, never what went wrong inside.

    Where the database cannot be asked now (it restarts, or somebody else writes too long), whoever asks is told to come
    again: nothing was written.
    """
    reference = secrets.token_hex(6)
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        logger.error("reference %s: the database cannot be asked", reference)
        answer = error_answer(request, 503, "The records cannot be asked now. Try again soon.", reference=reference)
        answer["Retry-After"] = str(Unavailable.wait)
        return answer
    logger.error("reference %s: %s %s failed", reference, request.method, request.path)
    return error_answer(request, 500, "Something failed on our side.", reference=reference)


class BodyLimitMiddleware:
    """Refuses bodies over DATA_UPLOAD_MAX_MEMORY_SIZE before anything reads them, and bodies of unknown length.

    A form that was cut off is refused as well: Django would answer for the part of a file that arrived.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if len(request.META.get("QUERY_STRING", "")) + len(request.path) > MOST_ADDRESS:
            return error_answer(request, 414, f"The address has more than {MOST_ADDRESS:,} bytes.")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()):
            return error_answer(request, 400, "Content-Length is not a number.")
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            return error_answer(request, 411, "Send the body with a Content-Length, not in chunks.")
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if int(length) <= limit:
            if _is_cut(request):
                return error_answer(request, 400, "The form ends before its closing boundary.", field=BODY)
            return self._get_response(request)
        _drain(request, int(length))
        return error_answer(
            request,
            413,
            f"The request body has {int(length):,} bytes, {limit:,} are allowed: "
            f"ask about fewer or smaller files at a time ({settings.CHECK_MAX_BYTES:,} bytes of code).",
            field=BODY,
        )


def _is_cut(request: HttpRequest) -> bool:
    boundary = (request.content_params or {}).get("boundary", "")
    if request.content_type != "multipart/form-data" or not boundary or not boundary.isascii():
        return False  # what is wrong with it is told where it is parsed
    return b"--" + boundary.encode() + b"--" not in request.body[-CLOSING_BYTES:]


def _drain(request: HttpRequest, length: int) -> None:
    left = min(length, DRAIN_BYTES)
    while left > 0 and (chunk := request.read(min(left, 2**16))):
        left -= len(chunk)
