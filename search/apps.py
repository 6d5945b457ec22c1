from django.apps import AppConfig
from django.core import checks
from django.utils.module_loading import import_string


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = "What is in the training set"

    def ready(self) -> None:
        # By its dotted name: it needs the models, which are not there yet when this module is read.
        checks.register(import_string("search.checks.engine_can_be_used"), "engine")
