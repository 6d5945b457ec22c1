"""What `manage.py check --deploy` looks at beyond Django's own checks."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

from governance.env import SettingError

KEYS = ("governance.keys.list_key", "governance.keys.ledger_key")
"""Dotted, so that the cryptography behind them is loaded by this check and not by every start."""


def keys_can_be_used(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A key that is damaged is found when the service is set up, and not when a list is to be published."""
    faults: list[CheckMessage] = []
    keys = set()
    for path in KEYS:
        try:
            keys.add(import_string(path)().public)
        except SettingError as error:
            faults.append(Error(str(error), id="governance.E001"))
    if len(keys) + len(faults) < len(KEYS):
        faults.append(Error("SIGNING_KEY and LEDGER_KEY are one key, must be two", id="governance.E002"))
    return faults
