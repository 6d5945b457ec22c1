"""Door of removal: believe a pipeline's receipt, check for ourselves that what is listed is gone, close the claims.

The check shares no matching code with `optout.filter`: it asks the index of the new release by the scopes' keys and by
the documents that the list names, and compares the names in the shards with the keys once more.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from governance.keys import list_key
from governance.ledger import log
from governance.ledger.canonical import canonical
from governance.ledger.entries import Kind
from governance.signing import PublicKey, SignatureError
from governance.storage import StorageError
from optout import mail, remains
from optout.column_map import JUDGED, OPTIONS
from optout.exclusion_list import ExclusionListError, ListedDocument, open_list
from optout.exclusions import NotPublished, list_numbered, on_list, write_out
from optout.hiding import scopes_of
from optout.models import ApplicationReceipt, Claim, ExclusionList, RemovalReport
from optout.moving import SYSTEM, Actor, alone, move_all
from optout.receipt import Receipt, ReceiptError, open_receipt
from optout.states import Action, Role, State
from search import unmasked
from search.layouts import ColumnMap
from search.models import Build, Release, Shard
from search.scope import Scope, ScopeKind
from search.shards import ShardError, read_places

PIPELINE = Actor(Role.PIPELINE)
Progress = Callable[[str], None]
"""Told what is being checked."""


class NotAccepted(Exception):
    """A receipt or a release that does not fit what was published; the message names the part at fault."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A report, the number of claims that it closed, and why how many others stay open."""

    report: RemovalReport
    closed: int
    kept_open: Mapping[str, int]


# --- Receipts ---------------------------------------------------------------------------------------


def pipeline_keys(path: Path | None = None) -> list[PublicKey]:
    """The keys whose receipts are believed, one a line in PIPELINE_KEYS_FILE; NotAccepted where there is none."""
    path = path or Path(settings.PIPELINE_KEYS_FILE)
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError as error:
        raise NotAccepted(f"PIPELINE_KEYS_FILE: {path} cannot be read ({error.strerror})") from None
    keys = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            keys.append(PublicKey.from_openssh(line))
        except SignatureError as error:
            raise NotAccepted(f"{path}, line {number}: {error}") from None
    if not keys:
        raise NotAccepted(f"{path}: holds no key")
    return keys


def accept_receipt(envelope: bytes, trusted: Collection[PublicKey]) -> tuple[ApplicationReceipt, int]:
    """Record what a pipeline has signed and move the claims on the list on; returns how many moved.

    Refused (NotAccepted) where signature, list, manifest, shards or counts are not those that were published. The same
    receipt again changes nothing.
    """
    try:
        receipt = open_receipt(envelope, trusted)
    except ReceiptError as error:
        raise NotAccepted(f"receipt: {error}") from None
    record = _list_of(receipt)
    releases = _filtered(receipt)
    for release in releases:
        _check_counts(receipt, record, release)
    filtered = releases[0]
    digest = hashlib.sha256(receipt.to_bytes()).hexdigest()
    with alone():
        accepted, new = ApplicationReceipt.objects.get_or_create(
            digest=digest,
            defaults={
                "exclusion_list": record,
                "release": filtered.name,
                "envelope": envelope.decode("utf-8"),
                "key_id": _signer(envelope, trusted).key_id,
                "outputs": [{"name": o.name, "sha256": o.sha256, "rows": o.rows} for o in receipt.outputs],
            },
        )
        if not new:
            return accepted, 0
        log.append(
            Kind.RECEIPT_ACCEPTED,
            {
                "list": record.number,
                "manifest": record.manifest_digest,
                "receipt": digest,
                "key": accepted.key_id,
                "dropped": receipt.dropped.documents,
            },
        )
        listed = Claim.objects.filter(state=State.LISTED, listed_in__number__lte=record.number)
        moved = move_all(
            listed.values_list("pk", flat=True), Action.APPLY, PIPELINE, applied_in=receipt.release or filtered.name
        )
    return accepted, len(moved)


def _list_of(receipt: Receipt) -> ExclusionList:
    try:
        record = list_numbered(receipt.list)
    except NotPublished as error:
        raise NotAccepted(f"receipt.list: {error}") from None
    if receipt.manifest != record.manifest_digest:
        raise NotAccepted(
            f"receipt.manifest: is {receipt.manifest}, list {record.number} was published with {record.manifest_digest}"
        )
    return record


def _filtered(receipt: Receipt) -> list[Release]:
    """The releases whose shards were read, all of them and no others: an active one first.

    As a rule there is one; but the same shards may be registered under several names.
    """
    found = []
    given = {shard.sha256: shard.name for shard in receipt.inputs if shard.rows}
    problem = "are no shards of a release that is registered here"
    for release in Release.objects.filter(shards__digest__in=list(given)).distinct():
        registered = dict(release.shards.values_list("digest", "url"))
        if given.keys() == registered.keys():
            found.append(release)
        elif other := sorted(given.keys() - registered.keys()):
            problem = f"{given[other[0]]} is no shard of {release.name} (SHA-256 {other[0]})"
        else:
            missing = sorted(registered.keys() - given.keys())
            problem = f"{len(missing)} shards of {release.name} were not filtered, such as {registered[missing[0]]}"
    if not found:
        raise NotAccepted(f"receipt.inputs: {problem}")
    # The same shards may be registered once more because the first map was wrong.
    alike = [release for release in found if _columns(release.name) == {_map(receipt.columns or {})}]
    if not alike:
        which = "another" if receipt.columns else "a"
        raise NotAccepted(f"receipt.columns: {found[0].name} is registered with {which} column map")
    return sorted(alike, key=lambda release: (release.active_build_id is None, release.pk))


def _check_counts(receipt: Receipt, record: ExclusionList, release: Release) -> None:
    """Everything that the list holds of the release must have been dropped, and nothing that is not on the list."""
    known = {exclusion.id for exclusion in on_list(record)}
    if unknown := sorted(set(receipt.dropped.by_exclusion) - known):
        raise NotAccepted(f"receipt.dropped.by_exclusion: {unknown[0]} is not on list {record.number}")
    expected = Counter(document.exclusion for document in _listed(record) if document.release == release.name)
    for exclusion, count in sorted(expected.items()):
        if (dropped := receipt.dropped.by_exclusion.get(exclusion, 0)) < count:
            raise NotAccepted(
                f"receipt.dropped.by_exclusion.{exclusion}: {dropped} documents were dropped, list {record.number} "
                f"names {count} in {release.name}"
            )


def _listed(record: ExclusionList) -> Iterator[ListedDocument]:
    """The documents of a published list, from its folder as it was signed."""
    try:
        return open_list(write_out(record), [list_key().public]).documents()
    except (ExclusionListError, NotPublished) as error:
        raise NotAccepted(f"list {record.number}: {error}") from None


def _signer(envelope: bytes, trusted: Collection[PublicKey]) -> PublicKey:
    """Which of the trusted keys has signed."""
    for key in trusted:
        try:
            open_receipt(envelope, [key])
        except ReceiptError:
            continue
        return key
    raise NotAccepted("receipt: is signed by no trusted key")


# --- Reports ----------------------------------------------------------------------------------------


def report(release: Release, progress: Progress = lambda now: None) -> Outcome:
    """Check a filtered release against its list, record what was found, and close the claims of a clean one.

    Raises NotAccepted where the release names no list, its shards are not those of an accepted receipt, or its build
    is not complete. Run again after more releases were taken out of the answers, it closes what is left to close.
    """
    record, build = _list_and_build(release)
    exclusions = on_list(record)
    progress(f"index of {build.name}, {len(exclusions):,} exclusions")
    left = remains.in_index(build, exclusions)
    progress(f"documents named by list {record.number}")
    # What another release holds under the same names may be another text: one that was redacted here.
    parents = _alike(str(release.parent))
    named = (each for each in _listed(record) if each.release in parents and each.exclusion not in left)
    left |= remains.by_name(build, named)
    shards = list(release.shards.all())
    for place, shard in enumerate(shards, start=1):
        progress(f"shard {place} of {len(shards)}")
        try:
            left |= remains.in_shard(shard, exclusions, left)
        except (ShardError, StorageError) as error:
            raise NotAccepted(str(error)) from None
    return _record(record, release, build, left)


def _list_and_build(release: Release) -> tuple[ExclusionList, Build]:
    if release.exclusion_list is None:
        raise NotAccepted(f"{release.name}: names no exclusion list; register it with --parent and --exclusion-list")
    try:
        record = list_numbered(release.exclusion_list)
    except NotPublished as error:
        raise NotAccepted(f"{release.name}: {error}") from None
    _check_shards(release, record)
    build = release.builds.filter(state=Build.State.COMPLETE).order_by("-pk").first()
    if build is None:
        raise NotAccepted(f"{release.name}: has no complete build to be checked; run: manage.py build {release.name}")
    return record, build


def _check_shards(release: Release, record: ExclusionList) -> None:
    """The shards must be what some accepted receipt says came out when the parent was filtered."""
    shards, parents = _digests(release.name), _digests(str(release.parent))
    # By the shards and not by the name: the same shards may be registered as several releases.
    receipts = [receipt for receipt in record.receipts.all() if _digests(receipt.release) == parents]
    if not receipts:
        raise NotAccepted(
            f"{release.name}: no receipt for list {record.number} on {release.parent} was accepted; "
            "run: manage.py accept_receipt"
        )
    if not any({shard["sha256"] for shard in receipt.outputs if shard["rows"]} == shards for receipt in receipts):
        raise NotAccepted(f"{release.name}: its shards are not those of any receipt for list {record.number}")
    if _columns(release.name) != _columns(str(release.parent)):
        raise NotAccepted(f"{release.name}: was registered with another column map than {release.parent}")


def _digests(release: str) -> set[str]:
    return set(_shards(release).values_list("digest", flat=True))


def _shards(release: str) -> QuerySet[Shard]:
    return Shard.objects.filter(release__name=release)


def _columns(release: str) -> set[str]:
    """The column maps of its shards, which are one as a rule."""
    return {_map(columns) for columns in _shards(release).values_list("columns", flat=True)}


def _map(columns: Mapping[str, str]) -> str:
    """What the map says of that by which a file is judged."""
    judged = {name: column for name, column in columns.items() if name in (*OPTIONS, *JUDGED)}
    return json.dumps(judged, sort_keys=True)


def _alike(release: str) -> set[str]:
    """The names under which the same shards are registered."""
    digests = _digests(release)
    names = Release.objects.filter(shards__digest__in=digests).distinct().values_list("name", flat=True)
    return {name for name in names if _digests(name) == digests}


def _record(record: ExclusionList, release: Release, build: Build, left: Mapping[str, int]) -> Outcome:
    found = {
        "build": build.name,
        "left": dict(sorted(left.items())),
        "list": record.number,
        "manifest": record.manifest_digest,
        "release": release.name,
    }
    digest = hashlib.sha256(canonical(found)).hexdigest()
    with alone():
        written, new = RemovalReport.objects.get_or_create(
            digest=digest,
            defaults={
                "exclusion_list": record,
                "release": release.name,
                "build": build.name,
                "is_clean": not left,
                "left": found["left"],
                "left_count": sum(left.values()),
            },
        )
        if new:
            log.append(
                Kind.REMOVAL_REPORTED,
                {"list": record.number, "report": digest, "release": release.name, "left": sum(left.values())},
            )
    closed, kept_open = _close(written, release, build) if written.is_clean else (0, {})
    return Outcome(written, closed, kept_open)


# --- Closing ----------------------------------------------------------------------------------------


def _close(clean: RemovalReport, release: Release, build: Build) -> tuple[int, dict[str, int]]:
    """Close what the report shows to be gone, and what no other active release holds; masks are lifted with it."""
    applied = Claim.objects.filter(state=State.APPLIED, listed_in__number__lte=clean.exclusion_list.number)
    known = _scopes_with_documents(clean.exclusion_list)
    with alone():
        # Within, so that nobody activates a build that holds it between the look and the move.
        if Release.objects.filter(pk=release.pk, active_build=build).exists():
            still = _held_elsewhere(applied, build, known)
        else:
            still = {claim.pk: f"{release.name} is not active yet" for claim in applied}
        gone = applied.exclude(pk__in=still).values_list("pk", flat=True)
        moved = move_all(gone, Action.CLOSE, SYSTEM, applied_in=release.name)
        mail.queue_about(mail.Kind.GONE, moved, release=release.name, digest=clean.digest)
    return len(moved), dict(Counter(still.values()))


def _scopes_with_documents(record: ExclusionList) -> frozenset[str]:
    """The scopes of a list for which it names documents."""
    if not any(build.unread_files for build in unmasked.active_builds()):
        return frozenset()  # nobody asks
    named = {document.exclusion for document in _listed(record)}
    return frozenset(exclusion.scope for exclusion in on_list(record) if exclusion.id in named)


def _held_elsewhere(claims: QuerySet[Claim], clean: Build, known: Collection[str]) -> dict[int, str]:
    """Of each claim that an active build still holds something of, or may hold, which one that is, in words.

    `known` are scopes for which the list names documents.
    """
    held: dict[int, str] = {}
    for build in unmasked.active_builds():
        name = build.release.name
        if build.state != Build.State.COMPLETE:
            held |= {claim.pk: f"{name} is active, and could not be read wholly" for claim in claims}
            continue
        in_shards = _in_shards(build, claims) if build != clean else set()
        for claim in claims.exclude(pk__in=held):
            scopes = scopes_of(claim)
            if claim.pk in in_shards or unmasked.count(build, scopes):
                held[claim.pk] = f"{name} is active, and holds what they name"
            elif build.unread_files and any(_stands_in_texts(scope, known) for scope in scopes):
                held[claim.pk] = f"{name} is active, and points to {build.unread_files:,} texts that were not read"
    return held


def _stands_in_texts(scope: Scope, known: Collection[str]) -> bool:
    """Whether texts that nobody has read may be covered: any may hold an address.

    A content that documents were known to have is told by its identifier; another may be that of a text as it is
    once it is decoded.
    """
    return scope.kind is ScopeKind.EMAIL or (scope.kind is ScopeKind.SWHID and str(scope) not in known)


def _in_shards(build: Build, claims: Iterable[Claim]) -> set[int]:
    """The claims that a file of the build's shards belongs to by its name, whether an index takes it or not."""
    owners: dict[str, set[int]] = {}
    for claim in claims:
        for scope in scopes_of(claim):
            owners.setdefault(scope.key, set()).add(claim.pk)
    found: set[int] = set()
    try:
        for shard in build.release.shards.all() if owners else ():
            for place in read_places(shard.url, ColumnMap.of(shard.columns)):
                found.update(*(owners[key] for key in remains.keys_of(place) & owners.keys()))
    except (ShardError, StorageError):
        # Nobody can say what is in it.
        found.update(*owners.values())
    return found


def hide_again(build: Build) -> None:
    """Before a build begins to answer: what was closed as gone and is in it is hidden again (ACTIVATION_GUARDS).

    Within the transaction that activates it no claim is closed.
    """
    with alone():
        closed = Claim.objects.filter(state=State.CLOSED)
        returned = [claim.pk for claim in closed if unmasked.count(build, scopes_of(claim))]
        move_all(returned, Action.REOPEN, SYSTEM)
