"""What goes over the wire in every app: problem details."""

from typing import Any

from rest_framework import serializers

Plain = serializers.Serializer[Any]


class ProblemErrorSerializer(Plain):
    field = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(Plain):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    reference = serializers.CharField(required=False)

    def get_fields(self) -> dict[str, Any]:
        # `errors` is an attribute of every serializer, so it cannot be declared like the others.
        return {**super().get_fields(), "errors": ProblemErrorSerializer(many=True, required=False)}
