"""Answers in words: the first line of every page, from the values that the doors give."""

from collections.abc import Sequence
from dataclasses import replace

from frontend.answers import Found, as_far_as_read, in_words, number, strongest
from search.gaps import Gaps
from search.lookup import BUCKETS, Content, Holding, SearchPage
from search.models import Build
from search.progress import BuildStatus
from search.report import FileReport, Report
from search.scope import Scope, ScopeKind


def of_report(report: Report, *, pasted: bool) -> str:
    """The answer of a check; `pasted` where it was a single text without a name."""
    files = [Found(kind_of(file), file.coverage) for file in report.files]
    what = "this code" if pasted else "your file"
    return in_words(report.basis.release, files, incomplete=bool(report.basis.gaps), what=what)


def kind_of(file: FileReport) -> str:
    """The strongest grade of what was found, `boilerplate` where that is all of it, or nothing."""
    return strongest([(piece.grade.value, piece.common) for piece in file.evidence])


def of_holding(holding: Holding, scope: Scope) -> str:
    """What one release holds of a scope."""
    release = holding.release
    if not holding.documents:
        return f"{release} holds {_NOTHING[scope.kind].format(scope.value)}{as_far_as_read(holding.gaps)}."
    files = number(holding.documents, "file")
    if scope.kind is ScopeKind.SWHID:
        return f"{release} holds this content in {number(holding.documents, 'place')}."
    if scope.kind is ScopeKind.EMAIL:
        verb = "names" if holding.documents == 1 else "name"
        return f"{release} holds {files} that {verb} {scope.value}{_in_repositories(holding)}."
    if scope.kind is ScopeKind.ACCOUNT:
        return f"{release} holds {files} of {scope.value}{_in_repositories(holding)}."
    return f"{release} holds {files} of {scope.value}."


_NOTHING = {
    ScopeKind.ACCOUNT: "nothing of {}",
    ScopeKind.REPO: "nothing of {}",
    ScopeKind.PATH: "nothing of {}",
    ScopeKind.SWHID: "no file with this content",
    ScopeKind.EMAIL: "no file that names {}",
}


def _in_repositories(holding: Holding) -> str:
    count = sum(bool(bucket.value) for bucket in holding.repositories)
    if not count:
        return ""
    if count >= BUCKETS:
        return f" in {count} or more repositories"
    return f" in {number(count, 'repository', 'repositories')}"


def of_holdings(holdings: Sequence[Holding], scope: Scope, gaps: Gaps) -> str:
    """One sentence for all releases that were asked; `gaps` are of those and of any that should have been."""
    if len(holdings) == 1:
        return of_holding(replace(holdings[0], gaps=gaps), scope)
    held = sum(bool(holding.documents) for holding in holdings)
    if not held:
        unsure = ", as far as they could be read" if gaps else ""
        return f"None of the {len(holdings)} releases holds {_ANY[scope.kind].format(scope.value)}{unsure}."
    verb = "holds" if held == 1 else "hold"
    return f"{held} of {len(holdings)} releases {verb} {_SOME[scope.kind].format(scope.value)}."


_SOME = {
    ScopeKind.ACCOUNT: "files of {}",
    ScopeKind.REPO: "files of {}",
    ScopeKind.PATH: "files of {}",
    ScopeKind.SWHID: "this content",
    ScopeKind.EMAIL: "files that name {}",
}
_ANY = {**_SOME, ScopeKind.EMAIL: "a file that names {}", ScopeKind.ACCOUNT: "anything of {}"} | {
    ScopeKind.REPO: "anything of {}",
    ScopeKind.PATH: "anything of {}",
}


def of_search(page: SearchPage) -> str:
    total = max(page.total, len(page.hits))
    if not total:
        beginning = "Nothing" if page.exact else "Nothing that was looked at"
        return f"{beginning} in {page.release} matches{as_far_as_read(page.gaps)}."
    how = "Exactly" if page.exact and not page.gaps else "At least"
    verb = "matches" if total == 1 else "match"
    return f"{how} {number(total, 'file')} of {page.release} {verb}."


def of_document(content: Content) -> str:
    if content.holders == 1:
        return f"This file is in {content.release}, in one place."
    return f"This content is in {content.release}, in {content.holders:,} places."


def of_build(status: BuildStatus) -> str:
    if status.is_sealing:
        return f"All shards of {status.release} are read; its build is being sealed."
    failed = number(len(status.failed), "shard")
    return {
        Build.State.RUNNING: f"{status.release} is being built.",
        Build.State.COMPLETE: f"The build of {status.release} is complete.",
        Build.State.INCOMPLETE: f"The build of {status.release} is sealed without {failed}.",
        Build.State.CANCELLED: f"The build of {status.release} was cancelled; it can be resumed.",
        Build.State.FAILED: f"The build of {status.release} could not be sealed.",
    }[status.state]
