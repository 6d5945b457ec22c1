from django.apps import AppConfig
from django.conf import settings

from governance.env import SettingError
from optout.ownership.forges import DEFAULT_FORGES, parse_forges


class OptoutConfig(AppConfig):
    name = "optout"
    verbose_name = "Requests for removal"

    def ready(self) -> None:
        """A wrong FORGES stops the start, rather than the first proof."""
        try:
            parse_forges(
                settings.FORGES or DEFAULT_FORGES,
                allow_private=settings.FORGES_ALLOW_PRIVATE,
                tokens=settings.FORGE_TOKENS,
            )
        except ValueError as error:
            raise SettingError("FORGES", str(error)) from None
