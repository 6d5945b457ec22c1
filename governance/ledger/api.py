"""API of the ledger: everything that is needed to check it, for anybody (docs/formats/ledger.md).

Hashes are hexadecimal in JSON, and base64 in checkpoints and receipts, whose formats are others' (c2sp.org).
"""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import FieldError, Question, Unknown, problems, whole_number
from governance.ledger import log

MOST = 2**63 - 1
Plain = serializers.Serializer[Any]
TEXT: dict[int | tuple[int, str], Any] = {(200, "text/plain"): OpenApiTypes.STR}


class EntrySerializer(Plain):
    index = serializers.IntegerField()
    kind = serializers.CharField()
    recorded_at = serializers.DateTimeField()
    body = serializers.DictField(help_text="what was recorded, by kind")
    entry = serializers.CharField(help_text="the bytes that the leaf hash is of, as text: body, format, kind, time")
    leaf_hash = serializers.CharField(help_text="SHA-256 of a zero byte and `entry`, hexadecimal")


class InclusionSerializer(Plain):
    index = serializers.IntegerField()
    size = serializers.IntegerField()
    hashes = serializers.ListField(
        child=serializers.CharField(), help_text="from the leaf's sibling up, hexadecimal (RFC 6962 section 2.1.1)"
    )


class ConsistencySerializer(Plain):
    old = serializers.IntegerField()
    new = serializers.IntegerField()
    hashes = serializers.ListField(child=serializers.CharField(), help_text="hexadecimal (RFC 6962 section 2.1.2)")


class PlainText(BaseRenderer):
    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return str(data).encode("utf-8")


class LedgerQuestion(Question):
    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, log.NotThere):
            exc = Unknown(exc.argument, exc.problem)
        elif isinstance(exc, log.LedgerError):
            exc = FieldError(exc.argument, exc.problem)
        return super().handle_exception(exc)

    def count(self, request: Request, name: str) -> int:
        return whole_number(name, self.text(request, name), 0, MOST)


class CheckpointView(LedgerQuestion):
    renderer_classes = [PlainText]

    @extend_schema(
        operation_id="ledger_checkpoint",
        summary="The latest checkpoint: how many entries there are, their root hash, signed",
        description="A signed note (c2sp.org/tlog-checkpoint). Keep it: a later one must be consistent with it.",
        responses={**TEXT, **problems(400, 404)},
    )
    def get(self, request: Request) -> Response:
        checkpoint = log.latest_checkpoint()
        if checkpoint is None:
            raise NotFound("No checkpoint has been signed yet.")
        return Response(checkpoint.note)


class KeyView(LedgerQuestion):
    renderer_classes = [PlainText]

    @extend_schema(
        operation_id="ledger_key",
        summary="The ledger's name and public key, as verifiers of signed notes take them",
        responses={**TEXT, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        return Response(f"{log.note_key()}\n")


class EntryView(LedgerQuestion):
    @extend_schema(
        operation_id="ledger_entry",
        summary="One entry of the ledger, and the hash of its leaf",
        parameters=[OpenApiParameter("index", int, OpenApiParameter.PATH, description="from 0")],
        responses={200: EntrySerializer, **problems(400, 404)},
    )
    def get(self, request: Request, index: str) -> Response:
        entry = log.entry(whole_number("index", index, 0, MOST))
        data = bytes(entry.data)
        answer = {
            "index": entry.index,
            "kind": entry.kind,
            "recorded_at": entry.recorded_at,
            "body": entry.body,
            "entry": data.decode("utf-8"),
            "leaf_hash": bytes(entry.leaf_hash).hex(),
        }
        return Response(EntrySerializer(answer).data)


class InclusionView(LedgerQuestion):
    parameters = frozenset({"index", "size"})

    @extend_schema(
        operation_id="ledger_inclusion",
        summary="The proof that an entry is among the first so many",
        parameters=[
            OpenApiParameter("index", int, required=True, description="of the entry, from 0"),
            OpenApiParameter("size", int, required=True, description="of the tree: that of a checkpoint"),
        ],
        responses={200: InclusionSerializer, **problems(400, 404)},
    )
    def get(self, request: Request) -> Response:
        index, size = self.count(request, "index"), self.count(request, "size")
        return Response(
            InclusionSerializer({"index": index, "size": size, "hashes": _hex(log.inclusion(index, size))}).data
        )


class ConsistencyView(LedgerQuestion):
    parameters = frozenset({"old", "new"})

    @extend_schema(
        operation_id="ledger_consistency",
        summary="The proof that one checkpoint continues another",
        parameters=[
            OpenApiParameter("old", int, required=True, description="size of the earlier checkpoint"),
            OpenApiParameter("new", int, required=True, description="size of the later one"),
        ],
        responses={200: ConsistencySerializer, **problems(400, 404)},
    )
    def get(self, request: Request) -> Response:
        old, new = self.count(request, "old"), self.count(request, "new")
        return Response(ConsistencySerializer({"old": old, "new": new, "hashes": _hex(log.consistency(old, new))}).data)


class ReceiptView(LedgerQuestion):
    renderer_classes = [PlainText]

    @extend_schema(
        operation_id="ledger_receipt",
        summary="An entry with its proof and a checkpoint in one file, to be checked offline",
        description="c2sp.org/tlog-proof; its `extra` line is the entry.",
        parameters=[OpenApiParameter("index", int, OpenApiParameter.PATH, description="of the entry, from 0")],
        responses={**TEXT, **problems(400, 404)},
    )
    def get(self, request: Request, index: str) -> Response:
        return Response(log.receipt(whole_number("index", index, 0, MOST)))


def _hex(hashes: list[bytes]) -> list[str]:
    return [digest.hex() for digest in hashes]
