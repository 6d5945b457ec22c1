"""API v1, requests for removal. Addresses have no closing slash."""

from django.urls import path

from optout import api, lists_api

app_name = "requests"

urlpatterns = [
    path("exclusion-lists", lists_api.ListsView.as_view(), name="lists"),
    path("exclusion-lists/<str:number>", lists_api.ListView.as_view(), name="list"),
    path("requests", api.RequestsView.as_view(), name="requests"),
    path("requests/understand", api.UnderstandView.as_view(), name="understand"),
    path("requests/<str:token>", api.RequestView.as_view(), name="request"),
    path("requests/<str:token>/record", api.RecordView.as_view(), name="record"),
    path("requests/<str:token>/challenges", api.ChallengesView.as_view(), name="challenges"),
    path("requests/<str:token>/proofs", api.ProofsView.as_view(), name="proofs"),
    path("requests/<str:token>/withdraw", api.WithdrawView.as_view(), name="withdraw"),
    path("requests/<str:token>/appeal", api.AppealView.as_view(), name="appeal"),
    path("requests/<str:token>/answer", api.AnswerView.as_view(), name="answer"),
]
