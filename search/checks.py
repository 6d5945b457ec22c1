"""What is looked at whenever the web server or a command starts: whether the engine can be used as it is set up."""

from typing import Any

from django.conf import settings
from django.core import checks

from search.engines.base import EngineError
from search.opened import engine_named


def engine_can_be_used(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """A wrong password stops the start. An engine that is not there yet does not: it may come up after the service."""
    try:
        engine_named(settings.ENGINE).check()
    except EngineError as error:
        if error.temporary:
            return [checks.Warning(str(error), id="search.W001")]
        return [checks.Error(str(error), id="search.E001")]
    return []
