"""The outbox of work: a row for each task until it is done, in the database that the task is about."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Work(models.Model):
    """One task with the ids it is about. The same task about the same ids is one row, however often it is asked for.

    Whoever does it holds a lease: `token` names the holder, `held_until` is moved on as long as he lives.
    """

    key = models.CharField(max_length=200, unique=True, help_text="task and ids")
    task = models.CharField(max_length=100, help_text="dotted name of the function")
    ids = models.JSONField(default=list)
    asked_at = models.DateTimeField(default=timezone.now, help_text="when it was asked for last; done means: since")
    send_at = models.DateTimeField(default=timezone.now, help_text="not sent before")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="when the broker got it; empty: it did not yet")
    token = models.CharField(max_length=32, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    takes = models.PositiveIntegerField(default=0, help_text="how often it was begun")
    tries = models.PositiveIntegerField(default=0, help_text="how often it failed in a way that may pass")
    problem = models.TextField(blank=True, help_text="why the latest try failed")

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "work"
        indexes: ClassVar = [
            models.Index(fields=["send_at"], name="work_due"),
            models.Index(fields=["held_until"], name="work_held"),
        ]

    def __str__(self) -> str:
        return self.key
