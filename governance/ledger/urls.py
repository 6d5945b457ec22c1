"""API of the ledger. Addresses have no closing slash."""

from django.urls import path

from governance.ledger import api

app_name = "ledger"

urlpatterns = [
    path("checkpoint", api.CheckpointView.as_view(), name="checkpoint"),
    path("key", api.KeyView.as_view(), name="key"),
    path("entries/<str:index>", api.EntryView.as_view(), name="entry"),
    path("proofs/inclusion", api.InclusionView.as_view(), name="inclusion"),
    path("proofs/consistency", api.ConsistencyView.as_view(), name="consistency"),
    path("receipts/<str:index>.tlog-proof", api.ReceiptView.as_view(), name="receipt"),
]
