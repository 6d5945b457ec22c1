"""Opened builds: the index and the portrait of a build, opened once a process and shared by its threads."""

import threading
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

from search.analysis.entries import SPEC
from search.engines import ENGINES
from search.engines.base import Engine, EngineError, Index
from search.models import Build
from search.portrait import Portrait, PortraitError

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


def portrait_path(build: Build) -> Path:
    return Path(settings.BUILDS_DIR / build.name / "portrait")


_opened: dict[tuple[str, str], Opened] = {}
_lock = threading.Lock()


def open_build(build: Build) -> Opened:
    """Raises EngineError where the build is not sealed, was made by another spec, or is damaged."""
    key = (str(portrait_path(build)), str(build.sealed_at))
    with _lock:
        if key not in _opened:
            _opened[key] = _open(build)
            while len(_opened) > KEPT:
                _opened.pop(next(iter(_opened))).index.close()
        return _opened[key]


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
