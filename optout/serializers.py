"""What goes over the wire of requests: bodies become plain values, values of the reading door become JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from optout import paste, wording
from optout.following import Moment, Standing, Understood
from optout.models import Challenge, Claim
from optout.ownership import METHODS, challenge_file, email_code, ssh_signature
from optout.states import Action, Role, State
from optout.workflow import MOST_SCOPES, MOST_WORDS
from search.scope import MAX_LENGTH, parse_scope

Plain = serializers.Serializer[Any]

MOST_TEXT = 4_000_000
STATES = [state.value for state in State]


class AskedSerializer(Plain):
    """Scopes, as a list or as lines of text; one of the two."""

    scopes = serializers.ListField(
        child=serializers.CharField(max_length=MAX_LENGTH),
        required=False,
        allow_empty=False,
        max_length=MOST_SCOPES,
        help_text="scopes, or what can be understood as one: `repo:owner/name`, `owner/name`, `@account`, an address",
    )
    text = serializers.CharField(
        required=False,
        max_length=MOST_TEXT,
        trim_whitespace=False,
        help_text="the same, one a line; blank lines and those that begin with # say nothing",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("scopes" in attrs) == ("text" in attrs):
            raise serializers.ValidationError({"scopes": ["give either scopes or text"]})
        return attrs


class NewRequestSerializer(AskedSerializer):
    contact = serializers.CharField(max_length=254, help_text="an e-mail address; where we write to about the request")
    forge = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="where your account is; the first one we know"
    )


class UnderstoodSerializer(Plain):
    number = serializers.IntegerField(source="line.number", help_text="of the line or of the scope, from 1")
    text = serializers.CharField(source="line.text", help_text="as it was given; at most 200 characters")
    scope = serializers.SerializerMethodField()
    meaning = serializers.CharField(source="line.meaning", help_text="what the scope covers, in words")
    problem = serializers.CharField(source="line.problem", help_text="what is the matter, where nothing was understood")
    repeats = serializers.IntegerField(
        source="line.repeats", allow_null=True, help_text="number of the line that said it before"
    )
    found = serializers.BooleanField(allow_null=True, help_text="whether a release shows any of it; null: not known")

    def get_scope(self, understood: Understood) -> str | None:
        """In its normal form; null where nothing was understood."""
        return str(understood.line.scope) if understood.line.scope else None


class UnderstoodLinesSerializer(Plain):
    lines = UnderstoodSerializer(many=True)


class ClaimSerializer(Plain):
    number = serializers.IntegerField()
    scope = serializers.CharField()
    names = serializers.ListField(child=serializers.CharField(), help_text="other scopes that are the same thing")
    meaning = serializers.SerializerMethodField()
    found = serializers.BooleanField(allow_null=True, help_text="whether a release showed any of it when it was sent")
    state = serializers.ChoiceField(choices=STATES)
    words = serializers.SerializerMethodField()
    reason = serializers.CharField(help_text="code of the decision that stands; empty before")
    listed_in = serializers.IntegerField(
        source="listed_in.number", default=None, allow_null=True, help_text="number of the exclusion list"
    )
    applied_in = serializers.CharField(help_text="name of the release that it was filtered out of; empty before")
    changed_at = serializers.DateTimeField()

    def get_meaning(self, claim: Claim) -> str:
        """What the scope covers, in words."""
        return paste.meaning(parse_scope(claim.scope))

    def get_words(self, claim: Claim) -> str:
        """The state in words."""
        return wording.name_of(State(claim.state))


class MomentSerializer(Plain):
    at = serializers.DateTimeField()
    action = serializers.ChoiceField(choices=[action.value for action in Action])
    state = serializers.ChoiceField(choices=STATES, source="after", help_text="that the claims got into")
    role = serializers.ChoiceField(choices=[role.value for role in Role], help_text="who did it")
    words = serializers.SerializerMethodField()
    reason = serializers.CharField(help_text="in words; empty where none was given")
    text = serializers.CharField(source="public", help_text="what was said with it")
    claim = serializers.IntegerField(help_text="number of the first of the claims")
    claims = serializers.IntegerField(help_text="how many moved together")

    def get_words(self, moment: Moment) -> str:
        """What happened, in words."""
        return wording.happened(moment.action)


class ChallengeSerializer(Plain):
    challenge = serializers.CharField(source="nonce", help_text="names the challenge")
    method = serializers.CharField(help_text=f"one of {', '.join(sorted(METHODS))}")
    forge = serializers.CharField()
    subject = serializers.CharField(help_text="the account or the address that is to be shown to be yours")
    text = serializers.CharField(help_text="what is to be signed or put into the file, to the letter")
    instructions = serializers.SerializerMethodField()
    answer = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField()

    def get_instructions(self, challenge: Challenge) -> str:
        """What to do, in words."""
        return _INSTRUCTIONS[challenge.method].format(subject=challenge.subject) if challenge.method in ANSWERS else ""

    def get_answer(self, challenge: Challenge) -> str:
        """Name of the field that the answer is sent in."""
        return ANSWERS.get(challenge.method, "answer")


ANSWERS = {ssh_signature.METHOD: "signature", challenge_file.METHOD: "repository", email_code.METHOD: "code"}
"""Method -> field of the answer."""

_INSTRUCTIONS = {
    ssh_signature.METHOD: "Write `text` to challenge.txt, run `ssh-keygen -Y sign -n "
    f"{ssh_signature.NAMESPACE} -f ~/.ssh/id_ed25519 challenge.txt` with a key that {{subject}} publishes, "
    "and send challenge.txt.sig as `signature`.",
    challenge_file.METHOD: f"Put `text` into {challenge_file.PATH} on the default branch of the repository, "
    "and send the repository's name (owner/name) as `repository`.",
    email_code.METHOD: "Send the code that was mailed to {subject} as `code`.",
}


class RequestSerializer(Plain):
    """Where a request stands. `url` is the page for people, `status_url` this answer."""

    token = serializers.CharField(help_text="whoever has it may follow and take back the request; do not pass it on")
    url = serializers.CharField(source="page")
    status_url = serializers.CharField(source="address")
    state = serializers.ChoiceField(choices=STATES, help_text="of the slowest of the claims that are under way")
    answer = serializers.SerializerMethodField()
    following = serializers.SerializerMethodField()
    actions = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="request.created_at")
    target_at = serializers.DateTimeField(source="request.target_at", help_text="when we aim to have decided")
    due_at = serializers.DateTimeField(source="request.due_at", help_text="when it is decided at the latest")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="state -> number of claims")
    claims = serializers.SerializerMethodField()
    next = serializers.SerializerMethodField()
    timeline = serializers.SerializerMethodField()
    challenges = serializers.SerializerMethodField()

    def get_answer(self, standing: Standing) -> str:
        """Where it stands, in a sentence."""
        return wording.answer(standing.counts)

    def get_following(self, standing: Standing) -> str:
        """What is next, in words."""
        return wording.following(standing.counts)

    def get_actions(self, standing: Standing) -> list[str]:
        """What the requester may do now."""
        return list(wording.possible(standing.counts))

    @extend_schema_field(ClaimSerializer(many=True))
    def get_claims(self, standing: Standing) -> Any:
        return ClaimSerializer(self.context["claims"], many=True).data

    def get_next(self, standing: Standing) -> str | None:
        """Address of the next page of claims, or null."""
        address: str | None = self.context["next"]
        return address

    @extend_schema_field(MomentSerializer(many=True))
    def get_timeline(self, standing: Standing) -> Any:
        return MomentSerializer(self.context["timeline"], many=True).data

    @extend_schema_field(ChallengeSerializer(many=True))
    def get_challenges(self, standing: Standing) -> Any:
        """Those that can still be answered."""
        return ChallengeSerializer(self.context["challenges"], many=True).data


class RecordedSerializer(Plain):
    """One event, and what it takes to show that the ledger commits to it."""

    claim = serializers.IntegerField(source="claim.number")
    ledger_index = serializers.IntegerField(help_text="of the entry in the ledger, whose body holds the commitment")
    statement = serializers.CharField(help_text="what happened, as canonical JSON")
    salt = serializers.CharField(help_text="32 bytes, hexadecimal; commitment = SHA-256 of the salt and the statement")


class RecordSerializer(Plain):
    events = RecordedSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="address of the next page")


class ListSerializer(Plain):
    """What is public of an exclusion list."""

    number = serializers.IntegerField()
    manifest = serializers.CharField(source="manifest_digest", help_text="SHA-256 of manifest.json")
    previous = serializers.CharField(
        source="previous.manifest_digest", default=None, allow_null=True, help_text="the same of the list before"
    )
    as_of = serializers.DateTimeField(allow_null=True, help_text="of the latest decision in it")
    published_at = serializers.DateTimeField()
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="exclusions, of each kind too, and documents that they named"
    )


class FileSerializer(Plain):
    sha256 = serializers.CharField()
    bytes = serializers.IntegerField()


class ApplicationReceiptSerializer(Plain):
    release = serializers.CharField(help_text="whose shards were filtered")
    digest = serializers.CharField(help_text="SHA-256 of receipt.json")
    key = serializers.CharField(source="key_id", help_text="fingerprint of the pipeline's key")
    accepted_at = serializers.DateTimeField()


class RemovalReportSerializer(Plain):
    release = serializers.CharField()
    build = serializers.CharField()
    left = serializers.IntegerField(source="left_count", help_text="documents that were still in it")
    digest = serializers.CharField(help_text="SHA-256 of the report")
    reported_at = serializers.DateTimeField()


class ListWithHistorySerializer(ListSerializer):
    files = serializers.DictField(child=FileSerializer())
    receipts = ApplicationReceiptSerializer(many=True, source="receipts.all")
    reports = RemovalReportSerializer(many=True, source="reports.all")


class NewChallengeSerializer(Plain):
    method = serializers.CharField(max_length=40, help_text=f"one of {', '.join(sorted(METHODS))}")
    subject = serializers.CharField(max_length=300, help_text="your login at the forge, or the e-mail address")
    forge = serializers.CharField(required=False, allow_blank=True, max_length=100)


class NewProofSerializer(Plain):
    """The challenge, and the answer in the field that the method has for it."""

    challenge = serializers.CharField(max_length=128)
    signature = serializers.CharField(required=False, max_length=32 * 1024, trim_whitespace=False)
    repository = serializers.CharField(required=False, max_length=300)
    code = serializers.CharField(required=False, max_length=200)
    answer = serializers.CharField(required=False, max_length=32 * 1024, help_text="of any other method")


class UncoveredSerializer(Plain):
    number = serializers.IntegerField()
    scope = serializers.CharField()
    problem = serializers.CharField(help_text="why the proof does not cover it")


class OutcomeSerializer(Plain):
    covered = ClaimSerializer(many=True)
    uncovered = UncoveredSerializer(many=True)


class NumbersSerializer(Plain):
    claims = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MOST_SCOPES),
        allow_empty=False,
        max_length=MOST_SCOPES,
        help_text="numbers of the claims",
    )


class WithdrawSerializer(NumbersSerializer):
    claims = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MOST_SCOPES),
        required=False,
        allow_empty=False,
        max_length=MOST_SCOPES,
        help_text="numbers of the claims; all that can still be taken back where it is left out",
    )


class AnswerSerializer(NumbersSerializer):
    answer = serializers.CharField(max_length=MOST_WORDS)


class AppealSerializer(NumbersSerializer):
    reason = serializers.CharField(max_length=MOST_WORDS, help_text="why the decision is wrong")


class MovedSerializer(Plain):
    claims = ClaimSerializer(many=True)
