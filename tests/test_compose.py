"""docker-compose.yml and Dockerfile: nothing is root, writes to its root file system, or has no fixed version."""

import ast
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
THEIRS = {name: service for name, service in SERVICES.items() if "build" not in service}
ONE_OFF = {"migrate"}
ASKED_FOR = {
    "ALLOWED_HOSTS": "code.example.org",
    "SITE_URL": "https://code.example.org",
    "LEDGER_ORIGIN": "code.example.org/codesteward",
    "EMAIL_URL": "smtp://mail.example.org",
}
"""What `docker compose` must be told and has no default."""

each_service = pytest.mark.parametrize("name", SERVICES)


def test_every_part_of_the_service_is_there() -> None:
    assert set(OURS) == {"migrate", "web", "worker", "prompt", "beat"}
    assert set(THEIRS) == {"postgresql", "redis", "elasticsearch"}


@each_service
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not {"cap_add", "privileged", "devices", "pid", "network_mode"} & set(service)
    assert "no-new-privileges:true" in service["security_opt"]
    user = str(service["user"]).partition(":")[0]
    assert user.isdigit()
    assert int(user) > 0


@each_service
def test_a_service_writes_to_volumes_and_memory_alone(name: str) -> None:
    service = SERVICES[name]
    assert any(mount.partition(":")[0] == "/tmp" for mount in service["tmpfs"])  # noqa: S108
    for volume in service["volumes"]:
        source, _, target = volume.partition(":/")
        assert source in COMPOSE["volumes"] or target.endswith(":ro"), volume


@each_service
def test_a_service_has_limits(name: str) -> None:
    assert {"cpus", "memory", "pids"} <= set(SERVICES[name]["deploy"]["resources"]["limits"])
    assert SERVICES[name]["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_OFF))
def test_a_service_that_stays_tells_whether_it_is_well(name: str) -> None:
    health = SERVICES[name]["healthcheck"]
    assert health["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(health)
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(set(OURS) - ONE_OFF))
def test_nothing_of_ours_starts_before_the_records_are_migrated_and_the_servers_answer(name: str) -> None:
    after = {other: told["condition"] for other, told in OURS[name]["depends_on"].items()}
    assert after == {"migrate": "service_completed_successfully", **dict.fromkeys(THEIRS, "service_healthy")}


@pytest.mark.parametrize("name", THEIRS)
def test_a_server_of_others_is_of_one_version_and_reached_from_inside_alone(name: str) -> None:
    service = THEIRS[name]
    version = service["image"].rpartition("/")[2].partition(":")[2].partition("@")[0]
    assert version.split("-")[0].count(".") >= 1, service["image"]
    assert service["networks"] == ["inside"]
    assert "ports" not in service
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_only_the_web_server_listens_and_only_on_the_hosts_own_address() -> None:
    listening = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(listening) == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in listening["web"])


@each_service
def test_no_secret_stands_in_the_environment(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if any(word in variable for word in ("PASSWORD", "SECRET", "_KEY", "TOKENS")):
            assert variable.endswith("_FILE")
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
    assert set(SERVICES[name].get("secrets", [])) <= set(COMPOSE["secrets"])
    for secret in COMPOSE["secrets"].values():
        assert set(secret) == {"file"}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_is_read(name: str) -> None:
    assert set(OURS[name]["environment"]) <= variables_read()


def variables_read() -> set[str]:
    """What the settings ask the environment for; a secret may be in a file as well."""
    names: set[str] = set()
    for path in [*(ROOT / "governance").glob("env*.py"), ROOT / "governance" / "settings.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            first = node.args[0]
            name = first.value if isinstance(first, ast.Constant) else None
            if node.func.id.startswith("env_") and isinstance(name, str):
                names |= {name, f"{name}_FILE"} if node.func.id == "env_secret" else {name}
    return names


def test_the_modules_that_are_run_are_there() -> None:
    for service in OURS.values():
        command = service.get("command", "")
        words = command.split() if isinstance(command, str) else command
        if words and words[0] == "celery":
            application = ast.parse((ROOT / "governance" / "celery.py").read_text("utf-8"))
            assert any(
                isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "app" for node in application.body
            )
            assert words[1:3] == ["-A", "governance"]
        elif words:
            assert words[:2] == ["python", "manage.py"]


def test_the_image_is_made_of_one_base_of_one_digest_and_runs_as_nobody_in_particular() -> None:
    lines = DOCKERFILE.splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(set(bases) - {"base"}) == 1
    tag, _, digest = bases[0].partition("@sha256:")
    assert tag.startswith("python:3.11.")
    assert len(digest) == 64
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert "--require-hashes" in DOCKERFILE
    assert "collectstatic" in DOCKERFILE
    assert "HEALTHCHECK" in DOCKERFILE


def test_the_image_is_made_of_what_is_named_and_all_of_it_is_there() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    for line in lines:
        if line.startswith("!"):
            assert (ROOT / line[1:]).exists(), line


def compose_command() -> list[str]:
    """Of the client that is here; none where there is none, or only the first version, which knows another format."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if not shutil.which(command[0]):
            continue
        asked = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and not asked.stdout.startswith("1."):
            return command
    return []


def told(*, without: str = "") -> subprocess.CompletedProcess[str]:
    asked_for = {name: value for name, value in ASKED_FOR.items() if name != without}
    return subprocess.run(
        [*compose_command(), "--file", str(ROOT / "docker-compose.yml"), "config"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **asked_for},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


needs_client = pytest.mark.skipif(
    not compose_command() and "CODESTEWARD_CI" not in os.environ,
    reason="no `docker compose` of version 2 or later here; it needs no engine",
)


@needs_client
def test_the_client_understands_the_file() -> None:
    done = told()
    assert done.returncode == 0, done.stderr
    understood = yaml.safe_load(done.stdout)
    assert set(understood["services"]) == set(SERVICES)
    for name, service in understood["services"].items():
        assert service["read_only"] is True, name


@needs_client
@pytest.mark.parametrize("variable", ASKED_FOR)
def test_what_it_must_be_told_is_asked_for_by_name(variable: str) -> None:
    done = told(without=variable)
    assert done.returncode != 0
    assert variable in done.stderr
