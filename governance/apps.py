from django.apps import AppConfig
from django.core import checks

from governance.checks import keys_can_be_used


class GovernanceConfig(AppConfig):
    name = "governance"

    def ready(self) -> None:
        checks.register(keys_can_be_used, checks.Tags.security, deploy=True)
