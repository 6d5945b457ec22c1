"""Records of the ledger. Rows are added and never changed: triggers of the database refuse everything else."""

from typing import Any

from django.db import models

from governance.ledger.entries import parse


class Entry(models.Model):
    """One leaf. `data` are the bytes that `leaf_hash` is of; `kind` and `recorded_at` repeat what stands in them."""

    index = models.PositiveBigIntegerField(primary_key=True, help_text="from 0, without gaps")
    kind = models.CharField(max_length=40)
    data = models.BinaryField()
    leaf_hash = models.BinaryField(max_length=32)
    recorded_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.index} {self.kind}"

    @property
    def body(self) -> dict[str, Any]:
        """What was recorded, as it stands in `data`."""
        body: dict[str, Any] = parse(bytes(self.data))["body"]
        return body


class Node(models.Model):
    """The hash of a complete subtree of 2^level leaves, from leaf index * 2^level on; level 0 stands in Entry."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed tree head."""

    size = models.PositiveBigIntegerField(primary_key=True, help_text="entries")
    root = models.BinaryField(max_length=32)
    note = models.TextField(help_text="the signed note, as it is published")
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ["size"]
        get_latest_by = "size"

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"
