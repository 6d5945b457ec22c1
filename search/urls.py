"""API v1. Addresses have no closing slash."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from search import api
from search.api import DocsView

app_name = "api"

urlpatterns = [
    path("check", api.CheckView.as_view(), name="check"),
    path("search", api.SearchView.as_view(), name="search"),
    path("known", api.KnownView.as_view(), name="known"),
    path("holdings", api.HoldingsView.as_view(), name="holdings"),
    path("documents/<path:swhid>", api.DocumentView.as_view(), name="document"),
    path("releases", api.ReleasesView.as_view(), name="releases"),
    path("releases/<str:name>", api.ReleaseView.as_view(), name="release"),
    path("releases/<str:name>/portrait", api.PortraitView.as_view(), name="portrait"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs",
        DocsView.as_view(url_name="api:schema", template_name="governance/api_docs.html"),
        name="docs",
    ),
]
