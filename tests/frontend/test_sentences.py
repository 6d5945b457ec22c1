"""The first line of a report, as the table of what it says when."""

import pytest

from frontend.sentences import of_report
from search.gaps import Gaps
from search.report import Basis, Evidence, FileReport, Grade, Range, Report

RELEASE = "stack-1"


def file(*grades: Grade, coverage: float = 0.5, common: bool = False) -> FileReport:
    place = Range(1, 9), Range(0, 99)
    evidence = tuple(Evidence(grade, *place, common=common) for grade in grades)
    return FileReport("a.py", "swh:1:cnt:" + "0" * 40, 100, coverage, evidence)


EXACT = file(Grade.EXACT, coverage=1.0)
PART = file(Grade.VERBATIM, Grade.NEAR_DUPLICATE)
ALIKE = file(Grade.NEAR_DUPLICATE, coverage=0.0)
LIKELY = file(Grade.PROBABLE, coverage=0.0)
COMMON = file(Grade.VERBATIM, common=True, coverage=0.0)
NOTHING = file(coverage=0.0)

TABLE = [
    ([EXACT], "Yes. All of this code is in stack-1, byte for byte."),
    ([file(Grade.VERBATIM, coverage=1.0)], "Yes. All of this code is in stack-1, inside other files."),
    ([PART], "Yes. Parts of this code are in stack-1."),
    ([ALIKE], "Yes. stack-1 holds files that are almost the same as this code."),
    ([LIKELY], "Probably. Parts of this code seem to be in stack-1."),
    ([COMMON], "No. Of this code, only boilerplate is in stack-1: text that very many files share."),
    ([NOTHING], "No. Nothing of this code was found in stack-1."),
    ([EXACT, EXACT], "Yes. All 2 of your files are in stack-1."),
    ([EXACT] * 3 + [PART] * 2 + [NOTHING] * 7, "Yes. 3 of your 12 files are in stack-1, and parts of 2 more."),
    ([PART, PART], "Yes. Parts of all 2 of your files are in stack-1."),
    ([EXACT, NOTHING], "Yes. 1 of your 2 files is in stack-1."),
    ([PART, PART, NOTHING], "Yes. Parts of 2 of your 3 files are in stack-1."),
    ([ALIKE, NOTHING], "Yes. Something almost the same as 1 of your 2 files is in stack-1."),
    (
        [EXACT, PART, ALIKE, LIKELY, COMMON],
        "Yes. 1 of your 5 files is in stack-1, parts of 1 more, something almost the same as 1 more "
        "and perhaps parts of 1 more.",
    ),
    ([LIKELY, NOTHING], "Probably. Parts of 1 of your 2 files seem to be in stack-1."),
    ([COMMON, NOTHING], "No. Of your 2 files, only boilerplate is in stack-1: text that very many files share."),
    ([NOTHING] * 1200, "No. Nothing of your 1,200 files was found in stack-1."),
]


def report(files: list[FileReport], missing: int = 0) -> Report:
    return Report(Basis(RELEASE, "stack-1-1", "1", 2e-5, 93, 0.7, Gaps(missing)), tuple(files))


@pytest.mark.parametrize(("files", "sentence"), TABLE)
def test_the_first_line_of_a_report(files: list[FileReport], sentence: str) -> None:
    assert of_report(report(files), pasted=len(files) == 1) == sentence


def test_a_named_file_is_not_called_this_code() -> None:
    assert of_report(report([PART]), pasted=False) == "Yes. Parts of your file are in stack-1."


def test_a_no_about_a_part_of_the_release_is_no_plain_no() -> None:
    answer = of_report(report([NOTHING], missing=2), pasted=True)
    assert answer == "No, as far as stack-1 could be read: nothing of this code was found."


def test_boilerplate_never_says_yes() -> None:
    for files in ([COMMON], [COMMON] * 5):
        assert of_report(report(files), pasted=False).startswith("No.")
