"""Records of requests: who asked for what to go, what was proven and decided, and what became of it.

A request has a random pseudonym, and is what its contact address is tied to. State belongs to the claim, and only
`optout.moving` writes it.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from optout.states import ON_LIST, PROVEN, Role, State

TARGET = timedelta(days=14)
DUE = timedelta(days=30)
"""A decision is aimed at within the first and owed within the second (GDPR Art. 12(3): one month)."""


def new_public_id() -> str:
    """122 random bits: a name that tells nothing."""
    return uuid.uuid4().hex


def due_from_now() -> datetime:
    return timezone.now() + DUE


def _one_of(values: Iterable[StrEnum | models.TextChoices]) -> list[str]:
    return sorted(str(value) for value in values)


class Reason(models.TextChoices):
    """Why a claim was decided as it was; denials use the words of the Data Rights Protocol."""

    PROVEN = "proven", "proven and owned"
    REVIEWED = "reviewed", "accepted by a person"
    INSUFFICIENT_VERIFICATION = "insufficient_verification", "the proof does not show control of it"
    NO_MATCH = "no_match", "it names nothing that can be found"
    SUSPECTED_FRAUD = "suspected_fraud", "fraud is suspected"
    NOT_COVERED = "not_covered", "removal does not extend to it"
    TOO_MANY_REQUESTS = "too_many_requests", "it was asked for too often"
    OTHER = "other", "another reason"


ACCEPTING = frozenset({Reason.PROVEN, Reason.REVIEWED})
DENYING = frozenset(Reason) - ACCEPTING


class Request(models.Model):
    """What one person sent at once. Its state follows from its claims: `optout.states.summary`."""

    class Source(models.TextChoices):
        PAGE = "page"
        API = "api"
        BULK = "bulk"

    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    contact = models.EmailField(max_length=254)
    forge = models.CharField(max_length=100, blank=True, help_text="where the requester's account is")
    language = models.CharField(max_length=10, default="en")
    source = models.CharField(max_length=4, choices=Source, default=Source.PAGE)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=due_from_now)
    idempotency_key = models.CharField(
        max_length=64,
        unique=True,
        null=True,
        blank=True,
        editable=False,
        help_text="digest of the key and what was sent",
    )

    class Meta:
        ordering = ["due_at", "pk"]
        indexes: ClassVar = [models.Index(fields=["due_at"], name="request_due")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(due_at__gt=F("created_at")), name="request_due_after_creation"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def target_at(self) -> datetime:
        return self.created_at + TARGET


class Challenge(models.Model):
    """What a requester was asked to answer once, to show that they control `subject`. `expires_at` is 24 h at most."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="challenges")
    method = models.CharField(max_length=40)
    forge = models.CharField(max_length=100, blank=True)
    subject = models.CharField(max_length=300)
    nonce = models.CharField(max_length=128, unique=True)
    text = models.TextField(blank=True, help_text="what is to be signed or written down, word for word")
    code_digest = models.CharField(max_length=128, blank=True, help_text="of a code that was sent by e-mail")
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="answered, or made void by a later one")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["method", "subject", "created_at"], name="challenge_by_subject")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="challenge_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.method} of {self.subject}"


class Proof(models.Model):
    """A checked demonstration of control: which subject, by which method, on which evidence."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="proofs")
    challenge = models.OneToOneField(Challenge, on_delete=models.PROTECT, related_name="proof")
    method = models.CharField(max_length=40)
    provider = models.CharField(max_length=100, help_text="the forge, or `email`")
    kind = models.CharField(max_length=20, help_text="user, organisation, repository or address")
    subject_id = models.CharField(max_length=300, help_text="what the provider never gives to another of the kind")
    subject_name = models.CharField(max_length=300)
    names = models.JSONField(default=dict, help_text="scope -> other scopes that are the same thing")
    nonce = models.CharField(max_length=128, unique=True)
    evidence = models.JSONField(default=dict)
    evidence_digest = models.CharField(max_length=64, help_text="SHA-256 of the evidence as canonical JSON")
    verified_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["provider", "kind", "subject_id"], name="proof_by_subject")]

    def __str__(self) -> str:
        return f"{self.provider}:{self.subject_name} by {self.method}"

    @property
    def subject(self) -> tuple[str, str, str]:
        """Who proved: two proofs of equal subjects are of the same account, repository or address."""
        return self.provider, self.kind, self.subject_id


class ExclusionList(models.Model):
    """A numbered, immutable list; what it was frozen from, and the digests of its files."""

    number = models.PositiveIntegerField(unique=True)
    previous = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="next")
    as_of = models.DateTimeField(null=True, blank=True, help_text="of the latest decision in it")
    manifest_digest = models.CharField(max_length=64, unique=True)
    builds = models.JSONField(default=list, help_text="release and build of each active release at that time")
    counts = models.JSONField(default=dict)
    files = models.JSONField(default=dict, help_text="SHA-256 and bytes of each file")
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["number"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(number__gte=1), name="list_counts_from_one"),
            models.CheckConstraint(
                condition=Q(number=1, previous=None) | Q(number__gt=1, previous__isnull=False), name="list_has_previous"
            ),
        ]

    def __str__(self) -> str:
        return f"list {self.number}"


class Exclusion(models.Model):
    """A line of every list from `since` on."""

    exclusion = models.CharField(max_length=20, unique=True, help_text="its public id, made from the scope")
    scope = models.TextField()
    names = models.JSONField(default=list, help_text="other scopes that the same thing is or was known by")
    since = models.ForeignKey(ExclusionList, on_delete=models.PROTECT, related_name="new")

    class Meta:
        ordering = ["exclusion"]

    def __str__(self) -> str:
        return self.scope


class Claim(models.Model):
    """One scope of a request. `scope` is in its normal form; `names` are other scopes of the same kind for it."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="claims")
    number = models.PositiveIntegerField(help_text="within its request, from 1")
    scope = models.TextField()
    key = models.CharField(max_length=16, help_text="of the scope, as documents carry it")
    names = models.JSONField(default=list)
    found = models.BooleanField(null=True, blank=True, help_text="whether a release showed any of it when it was sent")
    state = models.CharField(
        max_length=21, choices=[(s.value, s.value.replace("_", " ")) for s in State], default=State.DRAFT.value
    )
    reason = models.CharField(max_length=25, choices=Reason, blank=True, help_text="of the decision that stands")
    proof = models.ForeignKey(Proof, null=True, blank=True, on_delete=models.PROTECT, related_name="claims")
    duplicate_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="duplicates")
    listed_in = models.ForeignKey(ExclusionList, null=True, blank=True, on_delete=models.PROTECT, related_name="claims")
    applied_in = models.CharField(max_length=100, blank=True, help_text="name of the release")
    moves = models.PositiveIntegerField(default=0, help_text="number of its latest event")
    changed_at = models.DateTimeField(default=timezone.now, help_text="of its latest event")

    class Meta:
        ordering = ["request", "number"]
        permissions: ClassVar = [("decide_claim", "Can decide claims")]
        indexes: ClassVar = [
            models.Index(fields=["key", "state"], name="claim_by_key"),
            models.Index(fields=["state", "changed_at"], name="claim_by_state"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "number"], name="claim_number_once"),
            # Not of the scope itself: a path may be longer than an index of PostgreSQL can hold.
            models.UniqueConstraint(fields=["request", "key"], name="claim_scope_once"),
            models.CheckConstraint(condition=Q(state__in=_one_of(State)), name="claim_state_known"),
            models.CheckConstraint(
                condition=Q(proof__isnull=False) | ~Q(state__in=_one_of(PROVEN)), name="claim_proven_with_proof"
            ),
            models.CheckConstraint(
                condition=Q(listed_in=None, state__in=_one_of(set(State) - ON_LIST))
                | Q(listed_in__isnull=False, state__in=_one_of(ON_LIST)),
                name="claim_listed_in_a_list",
            ),
            models.CheckConstraint(
                condition=~Q(applied_in="") | ~Q(state__in=_one_of([State.APPLIED, State.CLOSED])),
                name="claim_applied_in_a_release",
            ),
            models.CheckConstraint(
                condition=Q(duplicate_of=None, state__in=_one_of(set(State) - {State.DUPLICATE}))
                | Q(duplicate_of__isnull=False, state=State.DUPLICATE.value),
                name="claim_duplicate_of_one",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=_one_of([State.DENIED, State.APPEALED, State.UPHELD]))
                | Q(reason__in=_one_of(DENYING)),
                name="claim_denied_with_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=_one_of({State.ACCEPTED, State.REVERSED, *ON_LIST}))
                | Q(reason__in=_one_of(ACCEPTING)),
                name="claim_accepted_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"claim {self.number} of {self.request_id}"


class Immutable(Exception):
    """Events are written once."""


class Event(models.Model):
    """One change of one claim, written once.

    `ledger_index` is the entry that commits to it: SHA-256 of `salt` and `statement`, so that whoever holds both can
    show what was recorded, and nobody else can learn it.
    """

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="events")
    number = models.PositiveIntegerField(help_text="within its claim, from 1")
    action = models.CharField(max_length=20)
    before = models.CharField(max_length=21)
    after = models.CharField(max_length=21)
    role = models.CharField(max_length=9)
    actor = models.CharField(max_length=150, blank=True, help_text="a user's name, or the request's pseudonym")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=25, choices=Reason, blank=True)
    note = models.TextField(blank=True, help_text="for reviewers alone")
    public = models.TextField(blank=True, help_text="what the requester is told")
    at = models.DateTimeField(default=timezone.now)
    ledger_index = models.BigIntegerField(unique=True)
    salt = models.CharField(max_length=64, help_text="32 random bytes, hexadecimal")
    statement = models.TextField(help_text="canonical JSON, the private part of the commitment")

    class Meta:
        ordering = ["claim", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["claim", "number"], name="event_number_once"),
            models.CheckConstraint(condition=Q(before__in=_one_of(State)), name="event_before_known"),
            models.CheckConstraint(condition=Q(after__in=_one_of(State)), name="event_after_known"),
            models.CheckConstraint(condition=Q(role__in=_one_of(Role)), name="event_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.action}: {self.before} to {self.after}"

    def save(self, *args: Any, **options: Any) -> None:
        if self.pk is not None:
            raise Immutable("an event cannot be changed")
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise Immutable("an event cannot be deleted")


class MailState(models.TextChoices):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Mail(models.Model):
    """The outbox: a mail is written in the transaction of what it tells, and sent afterwards. `key` is its once."""

    key = models.CharField(max_length=200, unique=True)
    to = models.EmailField(max_length=254)
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True, help_text="emptied once it is sent, since it holds the link")
    secret = models.BooleanField(default=False, help_text="holds a code: emptied where it cannot be sent, too")
    state = models.CharField(max_length=7, choices=MailState, default=MailState.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True, help_text="why the latest try failed")
    created_at = models.DateTimeField(default=timezone.now)
    next_try_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    message_id = models.CharField(max_length=200)

    class Meta:
        ordering = ["pk"]
        indexes: ClassVar = [models.Index(fields=["state", "next_try_at"], name="mail_due")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=_one_of(MailState)), name="mail_state_known"),
            models.CheckConstraint(
                condition=Q(state=MailState.SENT.value, sent_at__isnull=False)
                | (~Q(state=MailState.SENT.value) & Q(sent_at=None)),
                name="mail_sent_at_once",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class ApplicationReceipt(models.Model):
    """What a pipeline signed: the shards it filtered with a list, before and after."""

    exclusion_list = models.ForeignKey(ExclusionList, on_delete=models.PROTECT, related_name="receipts")
    release = models.CharField(max_length=100, help_text="name of the release whose shards were read")
    envelope = models.TextField()
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the signed payload")
    key_id = models.CharField(max_length=60, help_text="fingerprint of the pipeline's key")
    outputs = models.JSONField(default=list)
    accepted_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.release}: {self.exclusion_list}"


class RemovalReport(models.Model):
    """Our own check that what a list names is gone from a release. `left` is what is not, by exclusion."""

    exclusion_list = models.ForeignKey(ExclusionList, on_delete=models.PROTECT, related_name="reports")
    release = models.CharField(max_length=100)
    build = models.CharField(max_length=120)
    is_clean = models.BooleanField()
    left = models.JSONField(default=dict)
    left_count = models.PositiveBigIntegerField(default=0, help_text="documents, over all exclusions")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the report as canonical JSON")
    reported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_clean=True, left_count=0) | Q(is_clean=False, left_count__gt=0),
                name="report_clean_leaves_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release}: {self.exclusion_list}"
