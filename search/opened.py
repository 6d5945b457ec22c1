"""Opened builds: the index and the portrait of a build, opened once a process and shared by its threads."""

import threading
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

from governance.storage import StorageError
from search.analysis.entries import SPEC
from search.engines import ENGINES
from search.engines.base import Engine, EngineError, Index
from search.models import Build
from search.portrait import Portrait, PortraitError
from search.portraits import Portraits

KEPT = 8
"""Builds that stay open: the active ones of a few releases, and those they replaced a moment ago."""


@dataclass(frozen=True, slots=True)
class Opened:
    index: Index
    portrait: Portrait


def engine_named(name: str) -> Engine:
    path, setting = ENGINES[name]
    engine: Engine = import_string(path)(getattr(settings, setting))
    return engine


def portraits() -> Portraits:
    return Portraits(settings.PORTRAITS_URL or str(settings.BUILDS_DIR), settings.DATA_DIR / "portraits")


def portrait_path(build: Build) -> Path:
    """A file of this machine; raises EngineError where it has to be fetched and cannot be."""
    try:
        return portraits().file(build.name, build.sealed_at)
    except (PortraitError, StorageError) as error:
        raise EngineError(str(error)) from error


Key = tuple[str, str]

_opened: dict[Key, Opened] = {}
_opening: dict[Key, threading.Lock] = {}
_lock = threading.Lock()


def open_build(build: Build) -> Opened:
    """Raises EngineError where the build is not sealed, was made by another spec, or is damaged."""
    key = (f"{settings.BUILDS_DIR} {build.name}", str(build.sealed_at))
    with _lock:
        if key in _opened:
            return _opened[key]
        alone = _opening.setdefault(key, threading.Lock())
    # To fetch a portrait takes a while, and other builds can be asked meanwhile.
    with alone:
        opened = _opened.get(key)
        if opened is None:
            opened = _open(build)
            _keep(key, opened)
        return opened


def _keep(key: Key, opened: Opened) -> None:
    with _lock:
        _opened[key] = opened
        _opening.pop(key, None)
        while len(_opened) > KEPT:
            _opened.pop(next(iter(_opened))).index.close()


def _open(build: Build) -> Opened:
    if build.spec != SPEC:
        raise EngineError(
            f"build {build.name} was analysed by spec {build.spec}, this code speaks {SPEC}: "
            f"run manage.py build {build.release.name}"
        )
    try:
        portrait = Portrait.open(portrait_path(build))
    except PortraitError as error:
        raise EngineError(str(error)) from error
    return Opened(engine_named(build.engine).open(build.name), portrait)
