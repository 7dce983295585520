"""The deployment files agree with the code, and keep what docs/operations/docker.md promises."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from local.temporal_server import FASTER_QUEUES, SOON_TOLD
from settings import Settings
from workflows.search_attributes import REGISTERED

ROOT = Path(__file__).parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "worker", "api")
EXAMPLE = (ROOT / ".env.example").read_text()


def settings_named(prefix: str, model: type[BaseModel]) -> set[str]:
    """Every variable that the product reads."""
    names = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= settings_named(f"{prefix}{name.upper()}__", kind)
        else:
            names.add(f"{prefix}{name.upper()}")
    return names


def test_the_compose_file_is_one() -> None:
    """By Docker's own schema."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(  # noqa: S603 - our own words
        [*command, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_variable_stands_in_the_example_and_every_one_of_the_example_is_used() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT)) | set(
        re.findall(r"^ +(TETSUZUKI_\w+):$", COMPOSE_TEXT, re.MULTILINE)
    )
    told = set(re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert used == told


def test_what_is_required_has_no_default_and_is_empty_in_the_example() -> None:
    """Compose refuses to start without it, and nobody runs on a published secret."""
    secret = re.compile(r"PASSWORD|_KEY")
    for name, rest in re.findall(r"\$\{(\w+)([^}]*)\}", COMPOSE_TEXT):
        assert rest.startswith(":?") == bool(secret.search(name)), name
    for name, value in re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE):
        assert not (secret.search(name) and value), name


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_the_product_is_a_setting_of_it(name: str) -> None:
    given = {variable for variable in SERVICES[name]["environment"] if variable.startswith("TETSUZUKI_")}
    of_migrations = {"TETSUZUKI_OWNER_DATABASE_URL"} if name == "migrate" else set()
    assert given <= settings_named("TETSUZUKI_", Settings) | of_migrations


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_of_one_version(name: str) -> None:
    assert re.fullmatch(r"[\w/-]+:v?\d+(\.\d+)+(-\w+)*", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_published_port_is_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_as_few_rights_as_it_can(name: str) -> None:
    """No capabilities, none to gain; what is ours or writes nothing has a file system that cannot be written."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("read_only", False) or name == "temporal-ui"
    if name in OURS:
        assert service["user"] == "10001"


def test_neither_database_nor_engine_can_be_reached_from_outside() -> None:
    """Nor can they reach out."""
    assert COMPOSE["networks"]["servers"]["internal"] is True
    for name in ("postgres", "temporal"):
        assert SERVICES[name]["networks"] == ["servers"]
        assert "ports" not in SERVICES[name]


def test_everything_waits_for_what_it_needs() -> None:
    """The product starts on migrated tables and a prepared namespace."""
    for name in ("worker", "api"):
        assert SERVICES[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "temporal-namespace": {"condition": "service_completed_successfully"},
        }
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[needed], (name, needed)


def test_the_namespace_gets_the_search_attributes_that_workflows_set() -> None:
    script = (ROOT / "deploy" / "temporal" / "namespace.sh").read_text()
    assert dict(re.findall(r"--name (\w+) --type (\w+)", script)) == REGISTERED


def test_the_servers_queues_are_as_fast_as_the_embedded_servers() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "temporal" / "dynamicconfig.yaml").read_text())
    assert {key: json.dumps(values[0]["value"]) for key, values in config.items()} == FASTER_QUEUES | SOON_TOLD


def test_the_image_holds_every_package_and_module_of_the_product() -> None:
    """What setuptools would install is what `.dockerignore` lets in."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {pattern.rstrip("*") for pattern in setuptools["packages"]["find"]["include"]}
    modules = {f"{module}.py" for module in setuptools["py-modules"]}
    let_in = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert let_in == packages | modules | {"requirements/product.txt", "alembic.ini"}


def test_the_image_runs_as_nobody_in_particular_and_from_hashed_requirements() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER [1-9][0-9]+$", dockerfile, re.MULTILINE)
    assert "--require-hashes" in dockerfile
    for image in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE):
        assert re.search(r":\d+\.\d+\.\d+", image)
