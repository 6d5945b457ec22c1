"""Measured figures that the cost model rests on, each with the command that gave it."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

FILE = Path(__file__).with_name("coefficients.json")


class CoefficientError(Exception):
    """The file cannot be used; the message names the file and the figure."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """All are above 0; what each means and where it comes from stands beside it in the file. Megabytes of text."""

    documents_per_mb: float
    parquet_ratio: float
    register_mb_per_second: float
    tantivy_core_seconds_per_mb: float
    tantivy_ratio: float
    elasticsearch_mb_per_second: float
    elasticsearch_cores: float
    elasticsearch_ratio: float
    elasticsearch_unsealed_ratio: float
    elasticsearch_sent_ratio: float
    merge_mb_per_second: float
    fingerprints_per_kb: float
    portrait_ratio: float
    insertions_per_second: float

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        try:
            figures = json.loads(path.read_text("utf-8"))["figures"]
            values = {name: figure["value"] for name, figure in figures.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CoefficientError(f"{path}: is not a file of figures ({error!r})") from None
        known = {field.name for field in fields(cls)}
        for problem, names in (("misses", known - values.keys()), ("has unknown", values.keys() - known)):
            if names:
                raise CoefficientError(f"{path}: {problem} {', '.join(sorted(names))}")
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise CoefficientError(f"{path}: {name} is {value!r}, must be a number above 0")
        return cls(**values)

    @property
    def elasticsearch_core_seconds_per_mb(self) -> float:
        """Of worker and server together, both cores taken for fully used."""
        return self.elasticsearch_cores / self.elasticsearch_mb_per_second
