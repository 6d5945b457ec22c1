"""Records of what there is: releases, their shards, their builds, and what is hidden.

Rows say what and where; documents themselves live in an engine and in portraits.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from search.gaps import Gaps


class Dataset(models.Model):
    """A training set. `origin` turns a repository's name into the address of its origin."""

    name = models.SlugField(max_length=100, unique=True)
    origin = models.CharField(max_length=200, default="https://github.com/")

    def __str__(self) -> str:
        return self.name


class Release(models.Model):
    """One immutable published state of a dataset."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="releases")
    name = models.SlugField(max_length=100, unique=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    exclusion_list = models.PositiveIntegerField(
        null=True, blank=True, help_text="number of the list that the parent was filtered with to make this one"
    )
    created_at = models.DateTimeField(default=timezone.now)
    active_build = models.OneToOneField(
        "Build", null=True, blank=True, on_delete=models.PROTECT, related_name="active_for"
    )
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(exclusion_list=None) | Q(exclusion_list__gte=1, parent__isnull=False),
                name="release_filtered_from_a_parent",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Shard(models.Model):
    """One Parquet file of a release, with what registration found in it."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="shards")
    number = models.PositiveIntegerField()
    url = models.CharField(max_length=2000)
    layout = models.CharField(max_length=50)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file")
    bytes = models.BigIntegerField()
    rows = models.BigIntegerField()
    documents = models.BigIntegerField(help_text="files that the shard claims to hold")
    text_bytes = models.BigIntegerField()
    columns = models.JSONField(
        default=dict, blank=True, help_text="which columns hold what, where the schema alone does not tell"
    )

    class Meta:
        ordering = ["release", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "number"], name="shard_number_once"),
            models.UniqueConstraint(fields=["release", "digest"], name="shard_digest_once"),
        ]

    def __str__(self) -> str:
        return f"{self.release}/{self.number}"


class Build(models.Model):
    """The indices made from one release by one configuration.

    Incomplete means sealed without the shards that failed: it can be asked, says so, and can be resumed. One that was
    cancelled, or failed because it could not be sealed, can be resumed as well.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        INCOMPLETE = "incomplete"
        COMPLETE = "complete"
        CANCELLED = "cancelled"
        FAILED = "failed"

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="builds")
    name = models.SlugField(max_length=120, unique=True)
    engine = models.CharField(max_length=30)
    spec = models.CharField(max_length=20)
    profile = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField(default=timezone.now)
    sealed_at = models.DateTimeField(null=True, blank=True)
    documents = models.BigIntegerField(default=0)
    text_bytes = models.BigIntegerField(default=0)
    index_bytes = models.BigIntegerField(default=0)
    missing_shards = models.PositiveIntegerField(default=0, help_text="that are not in what was sealed last")
    unread_files = models.BigIntegerField(default=0, help_text="that shards point to, and whose texts nobody has read")
    unlisted_files = models.BigIntegerField(default=0, help_text="of them, those that are not known by name either")
    problem = models.TextField(blank=True, help_text="why it could not be sealed")
    answers_again = models.BooleanField(
        default=False, help_text="it answered, and does so again when what was added to it is sealed"
    )

    class Meta:
        permissions: ClassVar = [("steer_build", "Can cancel builds and have shards tried again")]

    def __str__(self) -> str:
        return self.name

    @property
    def gaps(self) -> Gaps:
        return Gaps(self.missing_shards, self.unread_files, self.unlisted_files)


class ShardBuild(models.Model):
    """How far one shard of a build is. Done means: its part and its fingerprints are stored, whole.

    Whether somebody is at it stands in the outbox of work; `seen_at` is when whoever was at it last told his progress.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="shards")
    shard = models.ForeignKey(Shard, on_delete=models.PROTECT, related_name="builds")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.TextField(blank=True)
    tally = models.JSONField(default=dict, help_text="documents, repeats, and what was skipped by reason")
    text_bytes = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    done_bytes = models.BigIntegerField(default=0, help_text="of text, as far as was told")
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["shard__number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["build", "shard"], name="shard_once_a_build"),
        ]

    def __str__(self) -> str:
        return f"{self.build}: {self.shard}"


class Mask(models.Model):
    """A scope hidden from every answer, from `created_at` until `lifted_at`, by one owner; others may hide it too."""

    scope = models.TextField()
    owner = models.CharField(max_length=20, default="steward")
    key = models.CharField(max_length=16, help_text="of the scope, as documents carry it")
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "owner"], condition=Q(lifted_at=None), name="scope_masked_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["lifted_at"], name="mask_in_force")]

    def __str__(self) -> str:
        return self.scope
