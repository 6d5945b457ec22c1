"""The embedded engine: the conformance suite, and what is its own."""

from pathlib import Path

import pytest

from search.engines.base import EVERYTHING, Entry
from search.engines.tantivy import TantivyEngine
from tests.search.engines.conformance import BUILD, EngineConformance, write


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
