"""compose.yaml and the Dockerfile describe the same service that the supervisor runs."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedhub.config import Config
from embedhub.jobs import Queue
from embedhub.local.children import (
    embed_command,
    files_command,
    migrate_command,
    train_command,
    upkeep_command,
    web_command,
)

PROJECT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
OURS = [name for name, service in SERVICES.items() if service.get("build") == "."]
# The keys of the Compose Specification that are used here; a typing error is none of them.
KNOWN_KEYS = {
    *("build", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "ports"),
    *("profiles", "restart", "shm_size", "volumes"),
}


def test_every_part_is_there() -> None:
    assert {
        "postgres",
        "migrate",
        "web",
        "embed",
        "embed-gpu",
        "files",
        "train",
        "upkeep",
        "redis",
    } == set(SERVICES)
    assert COMPOSE["volumes"].keys() == {"files", "postgres", "redis"}


@pytest.mark.parametrize("name", SERVICES)
def test_services_use_known_keys_and_name_an_image(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() <= KNOWN_KEYS
    assert service["image"]
    assert all(isinstance(part, str) for part in service.get("command", []))
    for other, condition in service.get("depends_on", {}).items():
        assert other in SERVICES
        needs = condition["condition"]
        assert needs in {"service_healthy", "service_completed_successfully"}
        assert needs != "service_healthy" or "healthcheck" in SERVICES[other]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("migrate", migrate_command()),
        ("web", web_command("0.0.0.0", 8000)),
        ("embed", embed_command()),
        ("embed-gpu", embed_command()),
        ("files", files_command()),
        ("train", train_command()),
        ("upkeep", upkeep_command(Path("/home/embedhub/timetable"))),
    ],
)
def test_containers_run_what_the_supervisor_runs(name: str, command: tuple[str, ...]) -> None:
    assert tuple(SERVICES[name]["command"]) == command


@pytest.mark.parametrize("name", OURS)
def test_modules_of_the_commands_exist(name: str) -> None:
    command = SERVICES[name]["command"]
    assert find_spec(command[command.index("-m") + 1]) is not None


def test_every_queue_has_a_worker() -> None:
    served = {
        c[c.index("-Q") + 1] for c in (SERVICES[name]["command"] for name in OURS) if "-Q" in c
    }
    assert served == {queue.value for queue in Queue}


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings(name: str) -> None:
    for variable in SERVICES[name]["environment"]:
        field = variable.removeprefix("EMBEDHUB_").lower()
        assert field in Config.model_fields, variable


def test_one_clock_rings() -> None:
    assert [name for name in OURS if "-B" in SERVICES[name]["command"]] == ["upkeep"]


def test_the_gpu_worker_is_asked_for_only() -> None:
    assert SERVICES["embed-gpu"]["profiles"] == ["gpu"]
    assert "profiles" not in SERVICES["embed"]


def test_nothing_is_published_beyond_loopback_unasked() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["${EMBEDHUB_PUBLISH:-127.0.0.1:8000}:8000"]


def test_no_password_has_a_default() -> None:
    text = (PROJECT / "compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "EMBEDHUB_SECRET_KEY"):
        assert re.findall(rf"\$\{{{name}(:.)", text)
        assert set(re.findall(rf"\$\{{{name}(:.)", text)) == {":?"}


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users
    assert users[-1] not in {"root", "0"}


def test_the_image_holds_every_package_of_ours() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    packages = {path.parent.name for path in PROJECT.glob("*/__init__.py")}
    assert copied == packages - {"tests", "benchmarks"}
