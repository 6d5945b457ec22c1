"""Whether the builds that answer can be asked; part of /readyz (governance/health.py)."""

from governance.health import Finding, State
from search.engines.base import EngineError, Field, Term
from search.models import Build
from search.opened import open_build

NOBODY = Term(Field.KEY, "-")
"""No document has this key: asking for it reads a term and nothing more."""


def engine() -> Finding:
    """Failed where no active release can be asked, degraded where some release cannot."""
    active = list(Build.objects.filter(active_for__isnull=False).select_related("release").order_by("pk"))
    silent = [build.release.name for build in active if not _answers(build)]
    sealed = list(Build.objects.filter(answers_again=True).values_list("release__name", flat=True).order_by("pk"))
    if not silent and not sealed:
        return Finding(State.OK, f"active releases that answer: {len(active)}")
    state = State.FAILED if active and len(silent) == len(active) else State.DEGRADED
    named = {"cannot be asked": silent, "sealed again, and in no answer until that is done": sealed}
    return Finding(state, "; ".join(f"{what}: {', '.join(names)}" for what, names in named.items() if names))


def _answers(build: Build) -> bool:
    try:
        open_build(build).index.count(NOBODY)
    except EngineError:
        return False
    return True
