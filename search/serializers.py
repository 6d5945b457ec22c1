"""What goes over the wire: requests become value types, value types become JSON."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from search.checking import AskedFile
from search.documents import DocumentKind
from search.lookup import KNOWN_MOST, Known, SearchPage
from search.report import Grade, Report

Plain = serializers.Serializer[Any]

MISSING_SHARDS = "shards of the release that the build could not read"
UNREAD_FILES = "files that the release only points to, whose texts were not to be had"
UNLISTED_FILES = f"{UNREAD_FILES}; without those that are among the documents by name, unless texts are asked for"
NULL_BY_NAME = "null where the release only points to the content, and its text is not held here"
INCOMPLETE = "given, and true, where it is not known but not all of what was asked could be read"

OTHER_KINDS = [kind.value for kind in DocumentKind if kind is not DocumentKind.FILE]


class AskedFileSerializer(Plain):
    path = serializers.CharField(max_length=4096, trim_whitespace=False, help_text="how the report names the file")
    content = serializers.CharField(
        allow_blank=True, trim_whitespace=False, help_text="the code; compared, then forgotten"
    )


class CheckRequestSerializer(Plain):
    files = serializers.ListField(child=AskedFileSerializer(), allow_empty=False, max_length=settings.CHECK_MAX_FILES)

    def asked(self) -> list[AskedFile]:
        return [AskedFile(file["path"], file["content"].encode("utf-8")) for file in self.validated_data["files"]]


class _WithGaps(Plain):
    """Tells what the build could not read: what only that holds is not found."""

    missing_shards = serializers.IntegerField(source="gaps.missing_shards", help_text=MISSING_SHARDS)
    unread_files = serializers.IntegerField(source="gaps.unread_files", help_text=UNREAD_FILES)


class RangeSerializer(Plain):
    start = serializers.IntegerField()
    end = serializers.IntegerField()


class _OfAKind(Plain):
    """Says the kind of what is no file; of a file, which is the usual, nothing."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(instance)
        return {name: value for name, value in data.items() if (name, value) != ("kind", DocumentKind.FILE.value)}


class SourceSerializer(_OfAKind):
    swhid = serializers.CharField(help_text="qualified: origin, anchor, path and, for a part, lines")
    repository = serializers.CharField()
    path = serializers.CharField(help_text="in the repository; of what is no file, the id that the release gives it")
    kind = serializers.ChoiceField(choices=OTHER_KINDS, required=False, help_text="of what is no file")
    language = serializers.CharField()
    licenses = serializers.ListField(child=serializers.CharField())
    revision = serializers.CharField(help_text="commit, or empty where the release does not say")
    lines = RangeSerializer(allow_null=True, help_text="from 1, both ends included")
    bytes = RangeSerializer(allow_null=True, help_text="from 0, end excluded")


class EvidenceSerializer(Plain):
    grade = serializers.ChoiceField(choices=[grade.value for grade in Grade])
    lines = RangeSerializer(help_text="in the asked file; from 1, both ends included")
    bytes = RangeSerializer(help_text="in the asked file; from 0, end excluded")
    length = serializers.IntegerField(allow_null=True, help_text="non-blank bytes that agree (verbatim)")
    similarity = serializers.FloatField(allow_null=True, help_text="Jaccard index of word 5-grams (near-duplicate)")
    odds = serializers.FloatField(allow_null=True, help_text="chance of an accident (probable)")
    holders = serializers.IntegerField(help_text="documents that carry the same")
    common = serializers.BooleanField(help_text="boilerplate: does not alone make a match")

    def get_fields(self) -> dict[str, Any]:
        # `source` is an attribute of every field, so it cannot be declared like the others.
        source = SourceSerializer(allow_null=True, help_text="null where only a portrait was asked")
        return {**super().get_fields(), "source": source}


class FileReportSerializer(Plain):
    path = serializers.CharField()
    swhid = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes")
    coverage = serializers.FloatField(help_text="share of the non-blank bytes inside exact or verbatim evidence")
    evidence = EvidenceSerializer(many=True)
    limits = serializers.ListField(child=serializers.CharField(), help_text="limits that were reached, in words")


class ReportSerializer(Plain):
    release = serializers.CharField(source="basis.release")
    build = serializers.CharField(source="basis.build")
    spec = serializers.CharField(source="basis.spec", help_text="version of the analysis")
    portrait_error_rate = serializers.FloatField(source="basis.portrait_error_rate")
    guaranteed_length = serializers.IntegerField(
        source="basis.guaranteed_length", help_text="every verbatim run of so many non-blank bytes is found"
    )
    similarity_threshold = serializers.FloatField(source="basis.similarity_threshold")
    missing_shards = serializers.IntegerField(source="basis.gaps.missing_shards", help_text=MISSING_SHARDS)
    unread_files = serializers.IntegerField(source="basis.gaps.unread_files", help_text=UNREAD_FILES)
    found = serializers.BooleanField()
    files = FileReportSerializer(many=True)


class LineSerializer(Plain):
    number = serializers.IntegerField()
    text = serializers.CharField(help_text="secrets are blotted out; long lines are cut around the first match")
    matches = RangeSerializer(many=True, source="marks", help_text="characters of `text`; end excluded")


class SearchHitSerializer(_OfAKind):
    path = serializers.CharField(source="source.path")
    repository = serializers.CharField(source="source.repository")
    swhid = serializers.CharField(source="source.swhid")
    kind = serializers.ChoiceField(
        source="source.kind", choices=OTHER_KINDS, required=False, help_text="of what is no file"
    )
    language = serializers.CharField(source="source.language")
    licenses = serializers.ListField(source="source.licenses", child=serializers.CharField())
    revision = serializers.CharField(source="source.revision")
    size = serializers.IntegerField(allow_null=True, help_text=f"bytes; {NULL_BY_NAME}")
    lines = LineSerializer(many=True)


class TotalSerializer(Plain):
    """One of the two: the number of documents that match, or a lower bound of it."""

    exact = serializers.IntegerField(required=False)
    at_least = serializers.IntegerField(required=False)


class SearchPageSerializer(_WithGaps):
    release = serializers.CharField()
    total = serializers.SerializerMethodField()
    hits = SearchHitSerializer(many=True)
    next = serializers.SerializerMethodField()

    @extend_schema_field(TotalSerializer)
    def get_total(self, page: SearchPage) -> dict[str, int]:
        return {"exact" if page.exact else "at_least": page.total}

    def get_next(self, page: SearchPage) -> str | None:
        """Address of the next page, or null."""
        address: str | None = self.context["next"]
        return address


class KnownSerializer(Plain):
    known = serializers.BooleanField()
    incomplete = serializers.BooleanField(required=False, help_text=INCOMPLETE)

    def to_representation(self, known: Known) -> dict[str, bool]:
        return {"known": known.known} | ({"incomplete": True} if known.incomplete else {})


class BucketSerializer(Plain):
    value = serializers.CharField()
    documents = serializers.IntegerField()
    bytes = serializers.IntegerField()


class HoldingSerializer(_WithGaps):
    unread_files = serializers.IntegerField(source="gaps.unread_files", help_text=UNLISTED_FILES)
    release = serializers.CharField()
    scope = serializers.CharField()
    documents = serializers.IntegerField()
    by_name = serializers.IntegerField(
        help_text="of the documents, those whose texts are not held here: the release only points to them"
    )
    bytes = serializers.IntegerField(help_text="of the texts that are held")
    repositories = BucketSerializer(many=True)
    languages = BucketSerializer(many=True)
    licenses = BucketSerializer(many=True)
    places = SourceSerializer(many=True)
    next = serializers.SerializerMethodField()

    def get_next(self, holding: Any) -> str | None:
        """Address of the next page of places of this release, or null."""
        address: str | None = self.context["next"](holding)
        return address


class HoldingsSerializer(Plain):
    scope = serializers.CharField()
    holdings = HoldingSerializer(many=True)


class ContentSerializer(Plain):
    release = serializers.CharField()
    swhid = serializers.CharField()
    size = serializers.IntegerField(allow_null=True, help_text=f"bytes; {NULL_BY_NAME}")
    language = serializers.CharField()
    text = serializers.CharField(allow_null=True, help_text=f"secrets are blotted out; {NULL_BY_NAME}")
    holders = serializers.IntegerField()
    places = SourceSerializer(many=True)


class ShardSerializer(Plain):
    number = serializers.IntegerField()
    digest = serializers.CharField(help_text="SHA-256 of the Parquet file")


class PortraitSerializer(Plain):
    bytes = serializers.IntegerField(source="portrait_bytes")
    digest = serializers.CharField(source="portrait_digest", help_text="SHA-256 of the bits")
    error_rate = serializers.FloatField(source="portrait_error_rate")
    withheld = serializers.BooleanField(
        source="portrait_withheld", help_text="while something that the release holds is hidden"
    )


class ReleaseSerializer(Plain):
    name = serializers.CharField()
    dataset = serializers.CharField()
    created_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)
    exclusion_list = serializers.IntegerField(
        allow_null=True, help_text="number of the list that its parent was filtered with"
    )

    def get_fields(self) -> dict[str, Any]:
        # `parent` is an attribute of every field, so it cannot be declared like the others.
        parent = serializers.CharField(allow_null=True, help_text="the release that this one was filtered from")
        return {**super().get_fields(), "parent": parent}


class ReleaseFiguresSerializer(_WithGaps, ReleaseSerializer):
    build = serializers.CharField()
    engine = serializers.CharField()
    spec = serializers.CharField()
    documents = serializers.IntegerField()
    bytes = serializers.IntegerField()
    index_bytes = serializers.IntegerField()
    languages = BucketSerializer(many=True)
    licenses = BucketSerializer(many=True)
    repositories = BucketSerializer(many=True)
    portrait = PortraitSerializer(source="*")
    shards = ShardSerializer(many=True)


def report_json(report: Report) -> dict[str, Any]:
    """The report as every machine-readable face gives it."""
    data: dict[str, Any] = dict(ReportSerializer(report).data)
    return data


KNOWN_HELP = f"a JSON array of at most {KNOWN_MOST} core SWHIDs"
