"""Pages. Addresses have no closing slash."""

from django.urls import path

from frontend import views
from frontend.removal.views import asking, following

app_name = "frontend"

urlpatterns = [
    path("", views.home, name="home"),
    path("check", views.check, name="check"),
    path("search", views.search, name="search"),
    path("holdings", views.holdings, name="holdings"),
    path("documents/<path:swhid>", views.document, name="document"),
    path("releases", views.releases, name="releases"),
    path("releases/<str:name>", views.release, name="release"),
    path("releases/<str:name>/build", views.build, name="build"),
    path("about", views.about, name="about"),
    path("removal", asking.what, name="removal"),
    path("removal/contact", asking.contact, name="removal_contact"),
    path("removal/summary", asking.summary, name="removal_summary"),
    path("removal/send", asking.send, name="removal_send"),
    path("requests/<str:token>", following.status, name="request"),
    path("requests/<str:token>/prove", following.prove, name="request_prove"),
    path("requests/<str:token>/challenges/<str:nonce>", following.challenge, name="challenge"),
    path("requests/<str:token>/challenges/<str:nonce>/text", following.text, name="challenge_text"),
    path("requests/<str:token>/withdraw", following.withdraw, name="request_withdraw"),
    path("requests/<str:token>/appeal", following.appeal, name="request_appeal"),
    path("requests/<str:token>/answer", following.answer, name="request_answer"),
    path("robots.txt", views.robots, name="robots"),
]
