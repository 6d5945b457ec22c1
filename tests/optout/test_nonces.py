"""One nonce, fifty threads that all know the right answer: one of them proves it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from optout import proving
from optout.models import Claim, Event, Mail, Proof
from optout.ownership.base import NotProven
from optout.refusals import AlreadyUsed, TooMany
from tests.optout.asking import ask, challenged

THREADS = 50


@pytest.mark.usefixtures("committed")
def test_of_fifty_answers_at_once_exactly_one_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "MOST_TRIES", 2 * THREADS)
    request = ask("repo:ada/engine", "repo:ada/compiler")
    made = challenged(request)
    begin = threading.Barrier(THREADS)

    def answer(_: int) -> str:
        begin.wait()
        try:
            proving.prove(request, made, "1 ada")
        except AlreadyUsed:
            return "used"
        finally:
            connection.close()
        return "proven"

    with ThreadPoolExecutor(THREADS) as pool:
        told = list(pool.map(answer, range(THREADS)))
    assert sorted(told) == ["proven", *["used"] * (THREADS - 1)]
    assert Proof.objects.count() == 1
    assert Event.objects.filter(action="verify").count() == Claim.objects.filter(state="accepted").count() == 2
    assert Mail.objects.filter(key__startswith="verified").count() == 1


@pytest.mark.usefixtures("committed")
def test_no_more_tries_are_made_at_once_than_one_after_the_other() -> None:
    made = challenged(ask("repo:ada/engine"))
    begin = threading.Barrier(THREADS)

    def guess(number: int) -> str:
        begin.wait()
        try:
            proving.prove(made.request, made, f"{number} eve")
        except TooMany:
            return "too many"
        except NotProven:
            return "wrong"
        finally:
            connection.close()
        return "proven"

    with ThreadPoolExecutor(THREADS) as pool:
        told = list(pool.map(guess, range(THREADS)))
    assert sorted(told) == ["too many"] * (THREADS - proving.MOST_TRIES) + ["wrong"] * proving.MOST_TRIES
