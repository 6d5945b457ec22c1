from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from governance.health import State, ask, worst_of


class Command(BaseCommand):
    help = "Tell what /readyz tells; exit status 1 where questions cannot be answered."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("probes", nargs="*", metavar="PROBE", help="all of them where none is named")
        parser.add_argument("--strict", action="store_true", help="fail where something waits for too long, too")

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["probes"] or list(settings.PROBES)
        if unknown := sorted(set(names) - set(settings.PROBES)):
            raise CommandError(f"there is no probe {', '.join(unknown)}; there are {', '.join(settings.PROBES)}")
        findings = ask(names)
        for name, finding in findings.items():
            self.stdout.write(f"{name:<10} {finding.state.name.lower():<9} {finding.detail}")
        worst = worst_of(findings)
        if worst is State.FAILED:
            raise CommandError("not ready")
        if worst is State.DEGRADED and options["strict"]:
            raise CommandError("ready, but something waits for too long")
