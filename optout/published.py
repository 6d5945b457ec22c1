"""Door of what is public of exclusion lists: which there are, where they were applied, what was found.

Never what they name: a list is one of people who object, so its lines go to pipelines alone, from a steward.
"""

from optout.models import ExclusionList


def lists() -> list[ExclusionList]:
    """The latest first."""
    return list(ExclusionList.objects.select_related("previous").order_by("-number"))


def one(number: int) -> ExclusionList | None:
    """With its receipts and reports, in their order."""
    found = ExclusionList.objects.select_related("previous").prefetch_related("receipts", "reports")
    return found.filter(number=number).first()
