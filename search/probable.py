"""What a portrait alone can say of a file: `probable`, with the odds of an accident, never more.

A portrait holds no text and no place, so nothing it says can be checked. It cannot forget either: masks do
not reach it, which is why the service itself never answers from a portrait.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from search.analysis.entries import SPEC
from search.analysis.fingerprints import PROFILES
from search.checking import AskedFile
from search.matching import Asked
from search.portrait import Portrait, PortraitError
from search.report import Basis, Evidence, FileReport, Grade, Report
from search.swhid import of_content


def check_offline(portrait: Portrait, files: list[AskedFile]) -> Report:
    """Raises PortraitError where the portrait was made by another spec than this code speaks."""
    header = portrait.header
    if header.spec != SPEC or header.profile not in PROFILES:
        raise PortraitError(
            f"the portrait was made by spec {header.spec}, profile {header.profile}; this code speaks spec {SPEC}"
        )
    profile = PROFILES[header.profile]
    basis = Basis(
        release=header.release,
        build="",
        spec=header.spec,
        portrait_error_rate=portrait.error_rate,
        guaranteed_length=profile.guarantee,
        similarity_threshold=1.0,
        gaps=header.gaps,
    )
    return Report(basis, tuple(_check(portrait, file) for file in files))


def _check(portrait: Portrait, file: AskedFile) -> FileReport:
    asked = Asked(file.content, PROFILES[portrait.header.profile])
    present = portrait.contains(asked.fingerprints)
    inside = np.zeros(asked.size, np.bool_)
    evidence = []
    for first, last in _runs(present):
        start = int(asked.selection.starts[first])
        end = int(asked.selection.starts[last]) + asked.profile.gram
        inside[start:end] = True
        here = asked.lines.bytes(start, end - start)
        # An accident at any of the places where such a run could begin (union bound).
        odds = min(1.0, present.size * portrait.error_rate ** (last - first + 1))
        evidence.append(Evidence(Grade.PROBABLE, asked.lines.lines(here), here, length=end - start, odds=odds))
    evidence.sort(key=lambda piece: (piece.odds or 0.0, piece.bytes.start))
    return FileReport(
        path=file.path,
        swhid=of_content(file.content).core,
        size=len(file.content),
        coverage=float(inside.mean()) if asked.size else 0.0,
        evidence=tuple(evidence),
    )


def _runs(present: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(first, last) of every stretch of neighbouring fingerprints that are all present."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], present, [False])).astype(np.int8)))
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield first, end - 1
