"""Every address on one screen. The apps are named by dotted string: governance imports none of them."""

from django.contrib import admin
from django.urls import include, path

# Here and not when the apps are loaded: the command line has no use for it, and would wait for all that it imports.
admin.autodiscover()

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/ledger/", include("governance.ledger.urls")),
    path("api/v1/", include("search.urls")),
    path("api/v1/", include("optout.urls")),
    path("", include("frontend.urls")),
]

handler400 = "governance.api.bad_request"
handler403 = "governance.api.forbidden"
handler404 = "governance.api.not_found"
handler500 = "governance.api.server_error"
