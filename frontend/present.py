"""A report arranged for the eye: files in order, findings in groups, the coverage bar, the marked code."""

from collections.abc import Sequence
from dataclasses import dataclass

from frontend import sentences
from frontend.listing import Row, listing, state_of
from search.checking import AskedFile
from search.lookup import Holding
from search.report import Evidence, FileReport, Grade, Report
from search.scope import Scope

SHOWN = 12
"""Findings of a group that are shown at once; the others wait behind a click."""

BOILERPLATE_SHOWN = 3

MOST_ROWS = 4000
"""Lines of asked code that one report shows."""

WIDTH = 1000
"""Of the coverage bar, in its own units."""

OPEN_FILES = 3
"""Reports of so many files are shown unfolded."""

ORDER = (*(grade.value for grade in Grade), "boilerplate")
"""Of kinds of files and of groups, strongest first."""

BLANKS = bytes(range(33)) + b"\x7f"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the coverage bar; boilerplate is drawn half as high."""

    x: int
    width: int
    state: str


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one grade: those shown at once, and the others."""

    grade: str
    first: tuple[Evidence, ...]
    others: tuple[Evidence, ...]

    @property
    def size(self) -> int:
        return len(self.first) + len(self.others)

    @property
    def holders(self) -> int:
        """Documents that carry the same content (for exact findings, which are all of one content)."""
        return self.first[0].holders


@dataclass(frozen=True, slots=True)
class FileView:
    """One asked file of a report. `anchor` names its place on the page."""

    anchor: str
    file: FileReport
    kind: str
    groups: tuple[Group, ...]
    segments: tuple[Segment, ...]
    rows: tuple[Row, ...]
    too_short: bool
    """Whether it has too few non-blank bytes for a copy of a part to be found for certain."""

    @property
    def unlisted(self) -> bool:
        """Whether lines of it were found that are not shown, since the report is long enough."""
        return bool(self.segments) and not self.rows and not self.file.graded(Grade.EXACT)

    @property
    def has_boilerplate(self) -> bool:
        return any(segment.state == "boilerplate" for segment in self.segments)


@dataclass(frozen=True, slots=True)
class ReportView:
    answer: str
    report: Report
    found: tuple[FileView, ...]
    """Files with findings, the strongest first; boilerplate counts here."""
    clean: tuple[FileView, ...]
    unfolded: bool

    @property
    def single(self) -> FileView | None:
        files = (*self.found, *self.clean)
        return files[0] if len(files) == 1 else None


def view_of(report: Report, asked: Sequence[AskedFile], *, pasted: bool) -> ReportView:
    """`asked` are the files that the report is about, in its order."""
    left = MOST_ROWS
    views = []
    for place, (file, source) in enumerate(zip(report.files, asked, strict=True), 1):
        rows = listing(source.content, file.evidence, left) if left and _has_marks(file) else ()
        left -= sum(not row.folded for row in rows)
        views.append(_file_view(f"file-{place}", file, source.content, rows, report.basis.guaranteed_length))
    found = sorted(
        (view for view in views if view.kind), key=lambda view: (ORDER.index(view.kind), -view.file.coverage)
    )
    clean = tuple(view for view in views if not view.kind)
    answer = sentences.of_report(report, pasted=pasted)
    return ReportView(answer, report, tuple(found), clean, len(views) <= OPEN_FILES)


def _has_marks(file: FileReport) -> bool:
    """Whether lines are to be told apart: not where all of them were found."""
    return not file.graded(Grade.EXACT) and any(state_of(piece) for piece in file.evidence)


def _file_view(anchor: str, file: FileReport, content: bytes, rows: tuple[Row, ...], guarantee: int) -> FileView:
    return FileView(
        anchor=anchor,
        file=file,
        kind=sentences.kind_of(file),
        groups=tuple(_groups(file.evidence)),
        segments=tuple(_segments(file)),
        rows=rows,
        too_short=len(content.translate(None, BLANKS)) < guarantee,
    )


def _groups(evidence: Sequence[Evidence]) -> list[Group]:
    """By grade, strongest first; what is common comes last, as boilerplate."""
    by_grade: dict[str, list[Evidence]] = {grade: [] for grade in ORDER}
    for piece in evidence:
        by_grade["boilerplate" if piece.common else piece.grade.value].append(piece)
    return [_group(grade, pieces) for grade, pieces in by_grade.items() if pieces]


def _group(grade: str, pieces: Sequence[Evidence]) -> Group:
    shown = BOILERPLATE_SHOWN if grade == "boilerplate" else SHOWN
    return Group(grade, tuple(pieces[:shown]), tuple(pieces[shown:]))


def _segments(file: FileReport) -> list[Segment]:
    """Boilerplate first, so that what counts is drawn over it."""
    pieces = [(state_of(piece), piece.bytes) for piece in file.evidence if state_of(piece)]
    distinct = sorted(set(pieces), key=lambda pair: (pair[0] != "boilerplate", pair[1].start, pair[1].end))
    scale = WIDTH / max(file.size, 1)
    return [
        Segment(int(place.start * scale), max(round((place.end - place.start) * scale), 2), state)
        for state, place in distinct
    ]


@dataclass(frozen=True, slots=True)
class HoldingView:
    """What a release holds of a scope, with its sentence and the address of the next places."""

    holding: Holding
    answer: str
    following: str


def holding_view(holding: Holding, scope: Scope, following: str) -> HoldingView:
    return HoldingView(holding, sentences.of_holding(holding, scope), following)
