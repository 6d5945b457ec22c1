from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from search import distributing, ingest
from search.management.steward import StewardCommand


class Command(StewardCommand):
    help = "Have a shard that failed tried again by the workers, and its build sealed with it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release")
        parser.add_argument("number", type=int, help="of the shard, as the page of the build names it")

    def handle(self, *args: Any, **options: Any) -> None:
        release = ingest.release_named(options["release"])
        if not settings.WORK.redis:
            raise CommandError(f"there are no workers, REDIS_URL is not set; run: manage.py build {release.name}")
        build = distributing.retry_shard(release, options["number"])
        self.stdout.write(
            f"Shard {options['number']} of {build.name} waits. manage.py build {release.name} follows it."
        )
