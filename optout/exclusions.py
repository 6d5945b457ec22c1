"""Door of the exclusion lists: publish the next one, and write one out again.

A list is frozen in three steps, each safe to run again after a kill: find out what it would hold, write its folder
whole, record it with all that follows from it in one transaction. A folder that was never recorded is made anew.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from governance.keys import list_key
from governance.ledger import log
from governance.ledger.entries import Kind
from optout import exclusion_list as lists
from optout import mail
from optout.exclusion_list import ExclusionListError, ListedDocument
from optout.manifest import Manifest, ReleaseBuild
from optout.models import Claim, Event, Exclusion, ExclusionList
from optout.moving import AT_ONCE, Actor, alone, move_all
from optout.states import LISTABLE, ON_LIST, Action, Role
from search import unmasked
from search.engines.base import EngineError
from search.models import Build
from search.scope import parse_scope

STEWARD = Actor(Role.STEWARD)
DOCUMENT = ("release", "repository", "path", "swhid", "exclusion")


class NotPublished(Exception):
    """No list can be published or written out now; the message says why."""


@dataclass(frozen=True, slots=True)
class Published:
    """`new` counts the exclusions that no earlier list held; `is_new` is False where there was nothing to publish."""

    record: ExclusionList
    folder: Path
    new: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Frozen:
    """What the next list holds."""

    number: int
    previous: ExclusionList | None
    as_of: str | None
    claims: tuple[int, ...]
    builds: tuple[Build, ...]
    exclusions: tuple[lists.Exclusion, ...]

    @property
    def releases(self) -> tuple[ReleaseBuild, ...]:
        return tuple(ReleaseBuild(build.release.name, build.name) for build in self.builds)

    @property
    def new(self) -> list[lists.Exclusion]:
        return [exclusion for exclusion in self.exclusions if exclusion.since == self.number]


def publish() -> Published:
    """Freeze what is accepted as the next list; the latest one again where nothing was accepted since.

    Raises NotPublished where a claim was moved or a build activated meanwhile: then run it again.
    """
    with _one_at_a_time():
        latest = ExclusionList.objects.order_by("-number").first()
        if latest and not Claim.objects.filter(state__in=LISTABLE).exists():
            return Published(latest, write_out(latest), 0, is_new=False)
        frozen = _freeze(latest)
        folder = folder_of(frozen.number)
        # Of a run that was killed before it recorded the list: nobody was told of it.
        shutil.rmtree(folder, ignore_errors=True)
        manifest = _write(frozen, folder)
        return Published(_record(frozen, manifest), folder, len(frozen.new), is_new=True)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of those who publish on this machine, else one could take away the folder that another has just recorded."""
    folder = Path(settings.LISTS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    # A lock of the operating system goes with its process, however that ends.
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_out(record: ExclusionList) -> Path:
    """The folder of a published list, made again where it is missing.

    The same bytes, from the records and the builds that it was resolved against; NotPublished where those builds are
    gone or say something else now.
    """
    folder = folder_of(record.number)
    if folder.exists():
        _check_manifest(record, folder)
        return folder
    manifest = _write(_as_recorded(record), folder)
    if manifest.sha256 != record.manifest_digest:
        shutil.rmtree(folder)
        raise NotPublished(
            f"list {record.number}: made again it has manifest {manifest.sha256}, and {record.manifest_digest} was "
            "published; restore its folder from a backup"
        )
    return folder


def _check_manifest(record: ExclusionList, folder: Path) -> None:
    try:
        digest = hashlib.sha256((folder / lists.MANIFEST).read_bytes()).hexdigest()
    except OSError as error:
        raise NotPublished(f"{folder}: is not list {record.number} ({error.strerror}); move it away") from None
    if digest != record.manifest_digest:
        raise NotPublished(
            f"{folder}: holds another list than number {record.number}, which was published with manifest "
            f"{record.manifest_digest}; move it away, and it is made again"
        )


def folder_of(number: int) -> Path:
    return Path(settings.LISTS_DIR) / f"list-{number:06d}"


def list_numbered(number: int) -> ExclusionList:
    """Raises NotPublished where there is no such list."""
    record = ExclusionList.objects.filter(number=number).first()
    if record is None:
        last = ExclusionList.objects.aggregate(last=Max("number"))["last"]
        raise NotPublished(f"there is no exclusion list {number}; the latest is {last or 'not published yet'}")
    return record


def on_list(record: ExclusionList) -> list[lists.Exclusion]:
    """The exclusions of a published list, by scope."""
    rows = Exclusion.objects.filter(since__number__lte=record.number).select_related("since")
    return sorted((_exclusion(row) for row in rows), key=lambda exclusion: exclusion.scope)


def _freeze(latest: ExclusionList | None) -> _Frozen:
    number = latest.number + 1 if latest else 1
    claims = list(Claim.objects.filter(state__in=LISTABLE).order_by("pk"))
    held = on_list(latest) if latest else []
    exclusions = sorted([*held, *_new(claims, held, number)], key=lambda exclusion: exclusion.scope)
    keys = tuple(claim.pk for claim in claims)
    return _Frozen(number, latest, _as_of(keys), keys, tuple(unmasked.active_builds()), tuple(exclusions))


def _new(claims: Iterable[Claim], held: Iterable[lists.Exclusion], number: int) -> Iterator[lists.Exclusion]:
    """What no list holds yet. A name that was learned later becomes an exclusion of its own: lines never change."""
    covered = {scope for exclusion in held for scope in (exclusion.scope, *exclusion.names)}
    on_lines = {exclusion.scope for exclusion in held}
    for claim in claims:
        names = sorted(set(claim.names) - {claim.scope})
        if claim.scope not in on_lines:
            fresh = [lists.Exclusion(claim.scope, tuple(names), number)]
        else:
            fresh = [lists.Exclusion(name, (), number) for name in names if name not in covered]
        for exclusion in fresh:
            on_lines.add(exclusion.scope)
            covered |= {exclusion.scope, *exclusion.names}
            yield exclusion


def _as_of(claims: Iterable[int]) -> str | None:
    """When the latest claim on the list was decided, so that the same records give the same bytes."""
    decisions = Event.objects.filter(action__in=(Action.ACCEPT, Action.REVERSE))
    moments = [
        decisions.filter(claim__state__in=ON_LIST).aggregate(at=Max("at"))["at"],
        *(decisions.filter(claim__in=some).aggregate(at=Max("at"))["at"] for some in _batches(list(claims))),
    ]
    known = [moment for moment in moments if moment is not None]
    return max(known).isoformat() if known else None


def _as_recorded(record: ExclusionList) -> _Frozen:
    builds = {build.name: build for build in Build.objects.select_related("release")}
    missing = [held["build"] for held in record.builds if held["build"] not in builds]
    if missing:
        raise NotPublished(f"list {record.number}: build {missing[0]}, which it was resolved against, is gone")
    as_of = record.as_of.isoformat() if record.as_of else None
    chosen = tuple(builds[held["build"]] for held in record.builds)
    return _Frozen(record.number, record.previous, as_of, (), chosen, tuple(on_list(record)))


def _write(frozen: _Frozen, folder: Path) -> Manifest:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        written = lists.write_list(
            folder,
            number=frozen.number,
            previous=frozen.previous.manifest_digest if frozen.previous else None,
            as_of=frozen.as_of,
            releases=frozen.releases,
            exclusions=frozen.exclusions,
            documents=_documents(frozen),
            keys=[list_key()],
        )
    except (ExclusionListError, EngineError) as error:
        raise NotPublished(f"list {frozen.number} cannot be written: {error}") from error
    return written.manifest


def _documents(frozen: _Frozen) -> Iterator[ListedDocument]:
    """What the builds hold of each exclusion, hidden or not, in the order of the file."""
    for build in frozen.builds:
        columns: dict[str, list[str]] = {name: [] for name in DOCUMENT[1:]}
        for exclusion in frozen.exclusions:
            for place in _places(build, exclusion):
                for name, value in zip(DOCUMENT[1:], (*place, exclusion.id), strict=True):
                    columns[name].append(value)
        # Arrow keeps and sorts ten million of them in the memory that Python takes for one.
        table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        for batch in table.sort_by([(name, "ascending") for name in DOCUMENT[1:]]).to_batches(AT_ONCE):
            for row in batch.to_pylist():
                yield ListedDocument(release=build.release.name, **row)


def _places(build: Build, exclusion: lists.Exclusion) -> set[tuple[str, str, str]]:
    """Repository, path and SWHID of what one exclusion covers."""
    return {
        (hit.repository, hit.path, hit.swhid)
        for scope in (exclusion.scope, *exclusion.names)
        for hit in unmasked.documents(build, parse_scope(scope))
    }


def _record(frozen: _Frozen, manifest: Manifest) -> ExclusionList:
    """The list, its exclusions, the claims on it, the ledger's entry and the mails: all or nothing."""
    with alone():
        _refuse_what_changed(frozen)
        record = ExclusionList.objects.create(
            number=frozen.number,
            previous=frozen.previous,
            as_of=frozen.as_of,
            manifest_digest=manifest.sha256,
            builds=[{"release": release.release, "build": release.build} for release in frozen.releases],
            counts={"exclusions": manifest.exclusions, "documents": manifest.documents, **manifest.by_kind},
            files={name: {"sha256": facts.sha256, "bytes": facts.bytes} for name, facts in manifest.files.items()},
            published_at=timezone.now(),
        )
        Exclusion.objects.bulk_create(
            (Exclusion(exclusion=new.id, scope=new.scope, names=list(new.names), since=record) for new in frozen.new),
            batch_size=AT_ONCE,
        )
        moved = move_all(frozen.claims, Action.LIST, STEWARD, listed_in=record)
        mail.queue_about(mail.Kind.LISTED, moved, number=record.number)
        log.append(
            Kind.LIST_PUBLISHED,
            {
                "list": record.number,
                "manifest": record.manifest_digest,
                "exclusions": manifest.exclusions,
                "documents": manifest.documents,
            },
        )
    return record


def _refuse_what_changed(frozen: _Frozen) -> None:
    """Others may have moved claims, published or activated while the folder was written."""
    claims = tuple(Claim.objects.filter(state__in=LISTABLE).order_by("pk").values_list("pk", flat=True))
    last = ExclusionList.objects.aggregate(last=Max("number"))["last"] or 0
    if claims != frozen.claims or last + 1 != frozen.number or tuple(unmasked.active_builds()) != frozen.builds:
        raise NotPublished("claims, lists or active builds changed while the list was made; run it again")


def _exclusion(row: Exclusion) -> lists.Exclusion:
    return lists.Exclusion(row.scope, tuple(row.names), row.since.number)


def _batches(keys: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]
