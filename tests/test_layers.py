"""The import rules of the house, read from the syntax trees, and the purity of what must run without Django."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("governance", "search", "optout", "frontend")
"""From the ground up; an arrow goes down or stays, and may skip floors."""

EDGES = {
    "api",
    "lists_api",
    "serializers",
    "admin",
    "tasks",
    "views",
    "cli",
    "management",
    "urls",
    "local",
    "remote",
    "offline",
}
DOORS = {
    "governance": {"log", "audit", "work"},
    "search": {"registering", "ingest", "distributing", "progress", "pruning", "lookup", "masks", "unmasked"},
    "optout": {"workflow", "proving", "reviewing", "following", "published", "exclusions", "removal", "mail"},
    "frontend": set(),
}
NEED_DJANGO = {
    "search/models.py", "search/registering.py", "search/builds.py", "search/distributing.py", "search/sealing.py",
    "search/pruning.py", "search/checks.py",
    "search/portrait_parts.py", "search/progress.py", "search/admin.py", "search/tasks.py", "optout/tasks.py",
    "search/ingest.py", "search/lookup.py", "search/masks.py", "search/opened.py", "search/api.py",
    "search/serializers.py", "search/urls.py", "search/apps.py", "search/unmasked.py",
    "optout/admin.py", "optout/api.py", "optout/apps.py", "optout/deciding.py", "optout/evidence.py",
    "optout/exclusions.py", "optout/facts.py", "optout/following.py", "optout/hiding.py", "optout/mail.py",
    "optout/lists_api.py", "optout/models.py", "optout/moving.py", "optout/published.py", "optout/proving.py",
    "optout/removal.py", "optout/remains.py", "optout/reviewing.py",
    "optout/serializers.py", "optout/tokens.py", "optout/urls.py", "optout/workflow.py",
    "search/readiness.py", "optout/readiness.py",
}  # fmt: skip
"""What in search and optout is not pure. Everything else there must run where Django is not installed."""

NEEDED = ("search.models", "search.lookup", "optout.models", "optout.moving", "optout.mail", "governance.work")
"""Modules that need it, and by which others do."""

HOMES = {
    "tantivy": {"search/engines/tantivy.py"},
    "elasticsearch": {"search/engines/elastic_client.py"},
    "celery": {"governance/celery.py"},
    "kombu": {"governance/celery.py"},
    "redis": set(),
    "numba": {"search/analysis/kernel.py"},
    "re2": {"search/patterns.py"},
    "httpx": {"frontend/remote.py"},
    "pygments": {"frontend/highlight.py"},
    "datasketch": set(),
    "duckdb": set(),
    "cryptography": {"governance/signing.py"},
    "obstore": {"governance/storage_objects.py"},
}
"""The modules that may name an outside package; none for what only tests and benchmarks need."""


def modules() -> list[Path]:
    return sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if "migrations" not in path.parts)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of what the module imports, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_arrows_go_down(path: Path) -> None:
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    for name in imports(path):
        root = name.partition(".")[0]
        assert root not in FLOORS[floor + 1 :], f"{name_of(path)} imports {name}, which is above it"
        assert root != "tests", f"{name_of(path)} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_edges_import_edges_and_only_edges_and_doors_import_doors(path: Path) -> None:
    parts = set(path.relative_to(ROOT).with_suffix("").parts)
    is_edge = bool(parts & EDGES)
    for name in imports(path):
        if name.partition(".")[0] not in FLOORS or is_edge:
            continue
        assert not set(name.split(".")[1:3]) & EDGES, f"{name_of(path)} imports the edge {name}"
        app = path.relative_to(ROOT).parts[0]
        if name.partition(".")[0] == app and path.stem not in DOORS[app]:
            assert not set(name.split(".")[1:3]) & DOORS[app], f"{name_of(path)} imports the door {name}"


@pytest.mark.parametrize("package", HOMES)
def test_an_outside_package_has_one_home(package: str) -> None:
    homes = {name_of(path) for path in modules() if any(name.partition(".")[0] == package for name in imports(path))}
    assert homes == HOMES[package]


def test_arrow_speaks_to_servers_in_one_place() -> None:
    homes = {name_of(path) for path in modules() if any(name.startswith("pyarrow.fs") for name in imports(path))}
    assert homes == {"governance/storage_s3.py"}


def test_the_filter_does_without_what_only_contents_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, optout.filter; sys.exit('obstore' in sys.modules)"], cwd=ROOT, check=False
    )
    assert done.returncode == 0


def pure_modules() -> list[str]:
    paths = [
        path
        for app in ("search", "optout")
        for path in (ROOT / app).rglob("*.py")
        if not set(path.parts) & {"migrations", "management"}
    ]
    return sorted(name_of(path) for path in paths if name_of(path) not in NEED_DJANGO)


def test_pure_modules_import_no_django() -> None:
    names = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in pure_modules()]
    script = f"import sys, importlib; sys.modules['django'] = None; [importlib.import_module(n) for n in {names!r}]"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_said_to_need_django_does() -> None:
    for name in NEED_DJANGO:
        assert any(
            root in {"django", "rest_framework"} or imported.startswith(NEEDED)
            for imported in imports(ROOT / name)
            for root in [imported.partition(".")[0]]
        ), name


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_module_is_over_400_lines_and_no_function_over_50(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, f"{node.name} is too long"


def test_package_files_are_empty_or_a_table() -> None:
    for path in ROOT.glob("*/**/__init__.py"):
        if path.relative_to(ROOT).parts[0] in FLOORS:
            body = ast.parse(path.read_text("utf-8")).body
            assert all(isinstance(node, ast.Assign | ast.Expr) for node in body), path
