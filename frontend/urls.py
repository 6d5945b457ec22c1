"""Pages. Addresses have no closing slash."""

from django.urls import path

from frontend import views

app_name = "frontend"

urlpatterns = [
    path("", views.home, name="home"),
    path("check", views.check, name="check"),
    path("search", views.search, name="search"),
    path("holdings", views.holdings, name="holdings"),
    path("documents/<path:swhid>", views.document, name="document"),
    path("releases", views.releases, name="releases"),
    path("releases/<str:name>", views.release, name="release"),
    path("about", views.about, name="about"),
    path("robots.txt", views.robots, name="robots"),
]
