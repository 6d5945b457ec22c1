"""API v1, what is public of exclusion lists: parse, ask the door, render."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import Question, Unknown, problems, whole_number
from optout import published
from optout.serializers import ListSerializer, ListWithHistorySerializer

MOST_LISTS = 10**9


class ListsView(Question):
    @extend_schema(
        operation_id="exclusion_lists",
        summary="The exclusion lists that were published, the latest first",
        responses={200: ListSerializer(many=True), **problems(400)},
    )
    def get(self, request: Request) -> Response:
        return Response(ListSerializer(published.lists(), many=True).data)


class ListView(Question):
    @extend_schema(
        operation_id="exclusion_list",
        summary="One list: its digests, the receipts of those who applied it, the reports on what was left",
        description="Not what it names: that goes to pipelines alone.",
        parameters=[OpenApiParameter("number", int, OpenApiParameter.PATH, description="from 1")],
        responses={200: ListWithHistorySerializer, **problems(400, 404)},
    )
    def get(self, request: Request, number: str) -> Response:
        record = published.one(whole_number("number", number, 1, MOST_LISTS))
        if record is None:
            raise Unknown("number", f"there is no exclusion list {number}")
        return Response(ListWithHistorySerializer(record).data)
