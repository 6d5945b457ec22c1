"""The cost model: its document says what it prints, and its simulation loses and invents no work."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import simulate_costs as costs
from benchmarks.simulate import main
from benchmarks.simulate_build import PAUSES, Trouble, shard_sizes, simulate
from benchmarks.simulate_coefficients import FILE, CoefficientError, Coefficients
from governance.settings import BASE_DIR
from governance.work import SCHEDULE
from search.engines.elastic_schema import MOST_SHARDS, TEXT_OF_A_SHARD
from search.portrait_parts import MOST_GROUPS

RATE = 10.0
SIZES = st.lists(st.floats(1, 1000), min_size=1, max_size=60)
WORKERS = st.integers(1, 20)
TROUBLES = st.builds(
    Trouble,
    hours_between_deaths=st.sampled_from([math.inf, 1.0, 0.1]),
    passing=st.sampled_from([0.0, 0.1, 0.6]),
    damaged=st.sampled_from([0.0, 0.2]),
)


def test_the_document_shows_what_the_command_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "benchmarks", "simulate"], cwd=BASE_DIR, capture_output=True, text=True, check=True
    ).stdout
    tables = [block.strip() for block in printed.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    document = (BASE_DIR / "docs" / "scaling.md").read_text("utf-8")
    for table in tables:
        assert table in document, "docs/scaling.md does not show what `python -m benchmarks simulate` prints"


def test_what_the_model_takes_from_the_service_is_what_the_service_does() -> None:
    assert tuple(pause.total_seconds() for pause in SCHEDULE) == PAUSES
    assert costs.ELASTICSEARCH_SHARD_GB * 10**9 == TEXT_OF_A_SHARD
    assert costs.MOST_ELASTICSEARCH_SHARDS == MOST_SHARDS
    assert MOST_GROUPS == 8


def test_every_figure_names_the_command_that_gave_it() -> None:
    for name, figure in json.loads(FILE.read_text("utf-8"))["figures"].items():
        assert set(figure) == {"value", "what", "command"}, name
        assert all(figure.values()), name


def test_costs_grow_with_the_text() -> None:
    known = Coefficients.read()
    one, sixteen = costs.portrait(1, known), costs.portrait(16, known)
    assert sixteen == pytest.approx(16 * one) == pytest.approx(16 * known.portrait_ratio)
    assert costs.writing_peak(1, known) == known.elasticsearch_unsealed_ratio + known.elasticsearch_ratio
    assert costs.building_seconds(1, known) == pytest.approx(1e6 * 2 / known.elasticsearch_mb_per_second)


def test_a_node_of_sixteen_cores_needs_the_heap_that_its_document_says() -> None:
    assert costs.heap_gb(2) == pytest.approx(0.55)
    assert costs.heap_gb(16) == pytest.approx(3.4, abs=0.1)


@given(SIZES, WORKERS)
def test_an_undisturbed_build_is_no_faster_than_its_text_and_no_slower_than_a_queue_can_be(
    sizes: list[float], workers: int
) -> None:
    told = simulate(sizes, workers, RATE, Trouble())
    fair, longest = sum(sizes) / workers / RATE, max(sizes) / RATE
    # Graham's bound for a list of tasks on equal machines.
    assert max(fair, longest) - 1e-6 <= told.seconds <= fair + longest + 1e-6
    assert (told.done, told.failed, told.tries, told.lost_mb) == (len(sizes), 0, len(sizes), 0.0)


@given(SIZES, WORKERS, TROUBLES, st.integers(0, 1000))
def test_whatever_goes_wrong_each_shard_is_done_or_given_up_once(
    sizes: list[float], workers: int, trouble: Trouble, seed: int
) -> None:
    told = simulate(sizes, workers, RATE, trouble, seed)
    assert told.done + told.failed == len(sizes)
    assert told.tries >= len(sizes)
    assert told.done_mb <= sum(sizes) + 1e-6
    assert told == simulate(sizes, workers, RATE, trouble, seed)
    # What was read at all was read by somebody in the time there was.
    assert told.done_mb + told.lost_mb <= workers * RATE * (told.seconds + max(sizes) / RATE) + 1e-6
    if not trouble.damaged and not trouble.passing:
        assert told.failed == 0


def test_damaged_shards_fail_once_and_shards_that_never_get_through_are_given_up() -> None:
    damaged = simulate([100.0] * 200, 4, RATE, Trouble(damaged=0.5), seed=3)
    assert damaged.tries == 200
    assert 70 < damaged.failed < 130
    unlucky = simulate([100.0] * 50, 4, RATE, Trouble(passing=0.95), seed=3)
    assert unlucky.failed > 25
    assert unlucky.tries <= 50 * (1 + len(PAUSES))
    assert unlucky.seconds > sum(PAUSES)


def test_a_worker_that_dies_costs_its_lease_and_what_it_had_read() -> None:
    calm = simulate([3600.0 * RATE], 1, RATE, Trouble())
    deadly = simulate([3600.0 * RATE], 1, RATE, Trouble(hours_between_deaths=0.7), seed=5)
    deaths = deadly.tries - 1
    assert deaths >= 1
    assert deadly.seconds == pytest.approx(calm.seconds + deadly.lost_mb / RATE + deaths * (60 + 30))


def test_sizes_add_up_and_are_the_same_each_time() -> None:
    sizes = shard_sizes(50_000, 1000, 1.0, seed=1)
    assert len(sizes) == 50
    assert sum(sizes) == pytest.approx(50_000)
    assert sizes == shard_sizes(50_000, 1000, 1.0, seed=1)
    assert max(sizes) > 2 * min(sizes)
    assert set(shard_sizes(3000, 1000, 0.0, seed=1)) == {1000.0}


@pytest.mark.parametrize("wrong", [{"passing": 1.0}, {"damaged": -0.1}, {"hours_between_deaths": 0.0}, {"lease": -1.0}])
def test_trouble_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Trouble(**wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda figures: figures.pop("portrait_ratio"), "misses portrait_ratio"),
        (lambda figures: figures.update(speed={"value": 1}), "has unknown speed"),
        (lambda figures: figures["portrait_ratio"].update(value=0), "portrait_ratio is 0, must be"),
        (lambda figures: figures["portrait_ratio"].update(value="4 %"), "portrait_ratio is '4 %', must be"),
        (lambda figures: figures["portrait_ratio"].pop("value"), "is not a file of figures"),
    ],
)
def test_a_file_of_figures_that_cannot_be_used_names_the_figure(
    tmp_path: Path, change: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(FILE.read_text("utf-8"))
    change(document["figures"])
    (tmp_path / "mine.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(CoefficientError, match=message):
        Coefficients.read(tmp_path / "mine.json")
    assert main(["--coefficients", str(tmp_path / "mine.json")]) == 2
    assert message in capsys.readouterr().err


def test_other_sizes_and_a_ceiling_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--terabytes", "0.2", "--workers", "10", "100"]) == 0
    free = capsys.readouterr().out
    assert main(["--terabytes", "0.2", "--workers", "10", "100", "--ceiling", "20"]) == 0
    bound = capsys.readouterr().out
    assert "| 0.2 TB | 10 | 20 | 65 MB/s |" in free
    assert "| 0.2 TB | 10 | 20 | 20 MB/s |" in bound
