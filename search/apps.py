from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = "What is in the training set"
