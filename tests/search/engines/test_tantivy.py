"""The embedded engine: the conformance suite, and what is its own."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from search.engines.base import EVERYTHING, EngineError, Entry, Field
from search.engines.tantivy import TantivyEngine
from tests.search.engines.conformance import BUILD, EngineConformance, write

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def engine(tmp_path: Path) -> TantivyEngine:
    return TantivyEngine(tmp_path)


class TestTantivy(EngineConformance):
    def test_no_segment_is_left_behind(self, engine: TantivyEngine, corpus: list[Entry], tmp_path: Path) -> None:
        write(engine, [[entry] for entry in corpus[:30]])
        engine.tidy(BUILD)
        folders = sorted(path.name for path in (tmp_path / BUILD).iterdir())
        assert folders == ["index", "sealed-30"]
        assert engine.open(BUILD).count(EVERYTHING) == 30

    def test_a_draft_that_was_left_is_not_an_index(
        self, engine: TantivyEngine, corpus: list[Entry], tmp_path: Path
    ) -> None:
        with engine.part(BUILD, 0) as part:
            part.add(corpus[0])
        (tmp_path / BUILD / "draft").mkdir()
        (tmp_path / BUILD / "draft" / "meta.json").write_text("{}")
        assert engine.seal(BUILD, [0]) == 1

    @pytest.mark.parametrize("ending", [".store", ".term", ".idx"])
    def test_damage_that_is_met_by_a_question_is_told(
        self, engine: TantivyEngine, corpus: list[Entry], tmp_path: Path, ending: str
    ) -> None:
        write(engine, [corpus[:40]])
        for file in (tmp_path / BUILD / "index").iterdir():
            if file.suffix == ending:
                held = file.read_bytes()
                file.unlink()
                file.write_bytes(random.Random(1).randbytes(len(held) * 8 // 10) + held[len(held) * 8 // 10 :])
        with pytest.raises(EngineError, match=r"the index (cannot be read|of build \S+ is damaged)"):
            _ask_of_all(engine, corpus[:40])


def _ask_of_all(engine: TantivyEngine, entries: list[Entry]) -> None:
    index = engine.open(BUILD)
    for entry in entries:
        index.best(Field.FINGERPRINTS, entry.texts[Field.FINGERPRINTS].split(), EVERYTHING, limit=5, texts=True)


def test_every_process_numbers_the_fields_alike(tmp_path: Path) -> None:
    """Sets are ordered by a seed of the process; an index is read by other processes than wrote it."""
    script = "import sys, tantivy; from search.engines.tantivy import SCHEMA; tantivy.Index(SCHEMA, sys.argv[1])"
    schemas = set()
    for seed in "123":
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script, str(folder)], env=environment, cwd=ROOT, check=True)
        schemas.add((folder / "meta.json").read_text())
    assert len(schemas) == 1
