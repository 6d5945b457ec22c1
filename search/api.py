"""API v1, the questions: parse, ask the door, render."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import FileResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import (
    BODY,
    FieldError,
    JSONBody,
    Question,
    TooLarge,
    Unavailable,
    Unknown,
    decode_token,
    encode_token,
    problems,
)
from search import lookup
from search.checking import AskedFile
from search.engines.base import EngineError
from search.models import Release
from search.opened import portrait_path
from search.querying import QueryError
from search.scope import parse_scope
from search.searching import Cursor
from search.serializers import (
    INCOMPLETE,
    KNOWN_HELP,
    CheckRequestSerializer,
    ContentSerializer,
    HoldingsSerializer,
    KnownSerializer,
    ReleaseFiguresSerializer,
    ReleaseSerializer,
    ReportSerializer,
    SearchPageSerializer,
)
from search.swhid import Kind, Swhid, parse_swhid

logger = logging.getLogger(__name__)

RELEASE = OpenApiParameter("release", str, description="an active release; the latest where it is left out")


class ReleaseQuestion(Question):
    """A question to an active release."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, lookup.NoRelease):
            field = "name" if "name" in self.kwargs else "release"
            exc = Unknown(field, str(exc)) if exc.named else NotFound(str(exc))
        if isinstance(exc, lookup.Withheld):
            exc = PermissionDenied(str(exc))
        if isinstance(exc, EngineError):
            logger.error("%s: %s", self.request.path, exc)
            exc = Unavailable()
        return super().handle_exception(exc)

    def release(self, request: Request) -> str | None:
        return request.query_params.get("release") or None


class CheckView(ReleaseQuestion):
    parameters = frozenset({"release"})
    parser_classes = [JSONBody, MultiPartParser]

    @extend_schema(
        operation_id="check",
        summary="Is this code in the training set?",
        description="Exact copies, verbatim spans and near-duplicates of the files, with places. The code is compared "
        "and forgotten: it is neither stored nor logged.",
        parameters=[RELEASE],
        request={
            "application/json": CheckRequestSerializer,
            "multipart/form-data": {
                "type": "object",
                "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                "required": ["files"],
            },
        },
        responses={200: ReportSerializer, **problems(400, 404, 413, 415, 503)},
    )
    def post(self, request: Request) -> Response:
        files = _uploaded(request) if request.FILES else _posted(request)
        if sum(len(file.content) for file in files) > settings.CHECK_MAX_BYTES:
            raise TooLarge("files", f"more than {settings.CHECK_MAX_BYTES:,} bytes of code in one request")
        return Response(ReportSerializer(lookup.check(files, self.release(request))).data)


def _posted(request: Request) -> list[AskedFile]:
    files = request.data.get("files") if isinstance(request.data, dict) else None
    _refuse_too_many(files if isinstance(files, list) else [])
    serializer = CheckRequestSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.asked()


def _uploaded(request: Request) -> list[AskedFile]:
    uploads = [upload for name in request.FILES for upload in request.FILES.getlist(name)]
    _refuse_too_many(uploads)
    files = [AskedFile(upload.name or f"file {place}", upload.read()) for place, upload in enumerate(uploads)]
    for place, file in enumerate(files):
        if b"\0" in file.content:
            raise FieldError(f"files[{place}].content", "holds a NUL byte: only text can be checked")
    return files


def _refuse_too_many(files: Sequence[Any]) -> None:
    if len(files) > settings.CHECK_MAX_FILES:
        raise TooLarge("files", f"{len(files):,} files in one request, {settings.CHECK_MAX_FILES:,} at most")


class SearchView(ReleaseQuestion):
    parameters = frozenset({"q", "release", "cursor", "limit"})

    @extend_schema(
        operation_id="search",
        summary="Full text: words, phrases, substrings, regular expressions",
        description='Words; `"words in a row"` or `"any letters -> in a row"`; `/regular expression/` (RE2); filters '
        "`owner:`, `repo:`, `path:`, `lang:`, `license:`.",
        parameters=[
            OpenApiParameter("q", str, required=True, description="the query"),
            OpenApiParameter("limit", int, description=f"hits a page, at most {lookup.PAGE_MOST}"),
            OpenApiParameter("cursor", str, description="from `next` of the page before"),
            RELEASE,
        ],
        responses={200: SearchPageSerializer, **problems(400, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        try:
            page = lookup.search(
                self.text(request, "q"),
                cursor=_search_cursor(request),
                limit=self.number(request, "limit", lookup.PAGE, lookup.PAGE_MOST),
                release=self.release(request),
            )
        except QueryError as error:
            raise FieldError("q", str(error)) from None
        token = encode_token(page.next.tier, -1 if page.next.after is None else page.next.after) if page.next else None
        following = _next(request, token, release=page.release)
        return Response(SearchPageSerializer(page, context={"next": following}).data)


def _search_cursor(request: Request) -> Cursor | None:
    parts = _cursor(request, (0, -1))
    return Cursor(parts[0], None if parts[1] < 0 else parts[1]) if parts else None


def _cursor(request: Request, least: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers in the cursor, each at least as large as its neighbour in `least`; none where there is no cursor."""
    token = request.query_params.get("cursor", "")
    try:
        parts = decode_token(token, (int,) * len(least)) if token else ()
    except ValueError as error:
        raise FieldError("cursor", str(error)) from None
    if any(not low <= part < 2**63 for low, part in zip(least, parts, strict=False)):
        raise FieldError("cursor", f"{token[:40]!r} is not a page token of this service")
    return parts


def _next(request: Request, token: str | None, *, release: str) -> str | None:
    """The release is named, so that the pages stay of one release when another is activated."""
    if token is None:
        return None
    values = {**request.query_params.dict(), "cursor": token, "release": release}
    return request.build_absolute_uri(f"{request.path}?{urlencode(values)}")


class KnownView(ReleaseQuestion):
    parameters = frozenset({"release"})

    @extend_schema(
        operation_id="known",
        summary="Which of these contents are in the training set?",
        parameters=[RELEASE],
        request={"application/json": {"type": "array", "items": {"type": "string"}, "description": KNOWN_HELP}},
        responses={
            200: {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        "known": {"type": "boolean"},
                        "incomplete": {"type": "boolean", "description": INCOMPLETE},
                    },
                    "required": ["known"],
                },
            },
            **problems(400, 404, 413, 415, 503),
        },
    )
    def post(self, request: Request) -> Response:
        found = lookup.known(_swhids(request.data), self.release(request))
        return Response({swhid: KnownSerializer(known).data for swhid, known in found.items()})


def _swhids(data: Any) -> list[Swhid]:  # whatever JSON the client sent
    if not isinstance(data, list):
        raise FieldError(BODY, "must be a JSON array of SWHIDs")
    if len(data) > lookup.KNOWN_MOST:
        raise TooLarge(BODY, f"{len(data):,} SWHIDs in one request, {lookup.KNOWN_MOST:,} at most")
    return [_core_swhid(item, f"[{place}]") for place, item in enumerate(data)]


def _core_swhid(item: Any, field: str) -> Swhid:
    if not isinstance(item, str):
        raise FieldError(field, "must be a string")
    try:
        swhid = parse_swhid(item)
    except ValueError as error:
        raise FieldError(field, str(error)) from None
    if swhid.qualifiers:
        raise FieldError(field, f"{swhid.core} must be given without qualifiers")
    return swhid


class HoldingsView(ReleaseQuestion):
    parameters = frozenset({"scope", "release", "cursor", "limit"})

    @extend_schema(
        operation_id="holdings",
        summary="What does each release hold of an account, a repository, a path, a content or an e-mail address?",
        parameters=[
            OpenApiParameter(
                "scope",
                str,
                required=True,
                description="`account:name`, `repo:owner/name`, `path:owner/name/path`, `swhid:swh:1:cnt:…`, "
                "`email:name@example.org`",
            ),
            OpenApiParameter("limit", int, description="places a page"),
            OpenApiParameter("cursor", str, description="from `next` of the page before"),
            RELEASE,
        ],
        responses={200: HoldingsSerializer, **problems(400, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        try:
            scope = parse_scope(self.text(request, "scope"))
        except ValueError as error:
            raise FieldError("scope", str(error)) from None
        parts = _cursor(request, (0,))
        found = lookup.holdings(
            scope,
            release=self.release(request),
            after=parts[0] if parts else None,
            limit=self.number(request, "limit", lookup.PAGE, lookup.PAGE_MOST),
        )

        def following(holding: lookup.Holding) -> str | None:
            token = encode_token(holding.next) if holding.next is not None else None
            return _next(request, token, release=holding.release)

        answer = {"scope": str(scope), "holdings": found}
        return Response(HoldingsSerializer(answer, context={"next": following}).data)


class DocumentView(ReleaseQuestion):
    parameters = frozenset({"release"})

    @extend_schema(
        operation_id="document",
        summary="One content: its text, where it was found, who else holds it",
        parameters=[RELEASE],
        responses={200: ContentSerializer, **problems(400, 404, 503)},
    )
    def get(self, request: Request, swhid: str) -> Response:
        core = _core_swhid(swhid, "swhid")
        if core.kind is not Kind.CONTENT:
            raise FieldError("swhid", "only contents (swh:1:cnt:) are held")
        release = self.release(request)
        content = lookup.document(core, release)
        if content is None:
            nobody = f"release {release} does not hold" if release else "no active release holds"
            unsure = ", as far as could be read" if lookup.gaps(release) else ""
            raise Unknown("swhid", f"{nobody} {core}{unsure}")
        return Response(ContentSerializer(content).data)


class DocsView(SpectacularSwaggerSplitView):
    """The page of the API's documentation. drf-spectacular's own fails where it is asked for its OPTIONS."""

    http_method_names = ["get", "head"]


class ReleasesView(ReleaseQuestion):
    @extend_schema(
        operation_id="releases",
        summary="The active releases, the latest activated first",
        responses={200: ReleaseSerializer(many=True), **problems(400)},
    )
    def get(self, request: Request) -> Response:
        return Response([_release(release) for release in lookup.active_releases()])


def _release(release: Release) -> Mapping[str, Any]:
    return ReleaseSerializer(
        {
            "name": release.name,
            "dataset": release.dataset.name,
            "parent": release.parent.name if release.parent else None,
            "exclusion_list": release.exclusion_list,
            "created_at": release.created_at,
            "activated_at": release.activated_at,
        }
    ).data


class ReleaseView(ReleaseQuestion):
    @extend_schema(
        operation_id="release",
        summary="One release with its figures and digests",
        responses={200: ReleaseFiguresSerializer, **problems(400, 404, 503)},
    )
    def get(self, request: Request, name: str) -> Response:
        return Response(ReleaseFiguresSerializer(lookup.figures(name)).data)


class PortraitView(ReleaseQuestion):
    @extend_schema(
        operation_id="portrait",
        summary="The portrait of a release: its fingerprints as a Bloom filter, to be asked offline",
        description="Withheld (403) while something that the release holds is hidden: a filter cannot forget it.",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **problems(400, 403, 404, 503)},
    )
    def get(self, request: Request, name: str) -> HttpResponseBase:
        build = lookup.portrait(name)
        try:
            file = portrait_path(build).open("rb")
        except OSError as error:
            raise EngineError(f"the portrait of build {build.name} cannot be read ({error.strerror})") from error
        return FileResponse(file, as_attachment=True, filename=f"{build.name}.portrait")
