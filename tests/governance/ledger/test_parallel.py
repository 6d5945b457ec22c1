"""Several processes append and sign at once, and one is killed: no gap, no fork, no entry twice."""

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.governance.ledger.sites import site, started

WRITERS, TURNS = 3, 25
WRITER = """
from django.db import transaction
from governance.ledger import log
for turn in range(TURNS):
    with transaction.atomic():
        log.append_all([("claim_moved", {"writer": WRITER, "turn": turn, "part": part}) for part in range(3)])
        transaction.set_rollback(turn % 5 == 4)
    if turn % 6 == 0:
        log.sign_checkpoint()
"""
KILLED = """
import os, signal
from django.db import transaction
from governance.ledger import log
with transaction.atomic():
    print(len(log.append_all([("claim_moved", {"killed": True})] * 3)), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
DUMP = """
import dataclasses, json
from governance.ledger import audit
from governance.ledger.models import Entry
found = audit.verify()
entries = [[entry.index, entry.body, str(entry.recorded_at)] for entry in Entry.objects.order_by("index")]
print(json.dumps({"entries": entries, "checkpoints": found.checkpoints}))
"""


@pytest.mark.django_db(transaction=True)
def test_parallel_writers_take_turns_and_one_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    environment = site(tmp_path)
    script = WRITER.replace("TURNS", str(TURNS))
    writers = [started(environment, script.replace("WRITER", str(number))) for number in range(WRITERS)]
    killed = started(environment, KILLED)
    assert killed.communicate(timeout=120)[0] == "3\n"
    assert killed.returncode == -signal.SIGKILL
    for writer in writers:
        complaint = writer.communicate(timeout=120)[1]
        assert writer.returncode == 0, complaint
    said, complaint = started(environment, DUMP).communicate(timeout=120)
    assert said, complaint
    assert_in_turns(json.loads(said))


def assert_in_turns(found: dict[str, Any]) -> None:
    kept = [turn for turn in range(TURNS) if turn % 5 != 4]
    assert [index for index, _, _ in found["entries"]] == list(range(WRITERS * len(kept) * 3))
    bodies = [(body["writer"], body["turn"], body["part"]) for _, body, _ in found["entries"]]
    expected = [(writer, turn, part) for writer in range(WRITERS) for turn in kept for part in range(3)]
    assert Counter(bodies) == Counter(expected)
    for begin in range(0, len(bodies), 3):
        writer, turn, _ = bodies[begin]
        assert bodies[begin : begin + 3] == [(writer, turn, part) for part in range(3)]
    times = [time for _, _, time in found["entries"]]
    assert times == sorted(times)
    assert found["checkpoints"] >= 5
