from typing import Any

from optout import exclusions
from optout.states import NotAllowed
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = (
        "Freeze what is accepted as the next exclusion list, sign it and write its folder. Where nothing was accepted "
        "since the latest list, that one is named again, and its folder is made anew if it is missing."
    )
    failures = (exclusions.NotPublished, NotAllowed)

    def handle(self, *args: Any, **options: Any) -> None:
        published = exclusions.publish()
        record, counts = published.record, published.record.counts
        if published.is_new:
            self.stdout.write(
                f"Published list {record.number}: {counts['exclusions']:,} exclusions, {published.new:,} of them new, "
                f"{counts['documents']:,} documents of the active releases."
            )
        else:
            self.stdout.write(f"Nothing was accepted since list {record.number}, which stands.")
        self.stdout.write(f"Manifest SHA-256 {record.manifest_digest}")
        self.stdout.write(f"In {published.folder}")
        self.stdout.write(
            f"Next: python -m optout.filter --list {published.folder} --in SHARDS --out DIR "
            "--key PIPELINE_KEY --trust PUBLIC_KEY_OF_LISTS"
        )
