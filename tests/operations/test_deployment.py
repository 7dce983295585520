"""The deployment files on real servers, without containers: scripts, environment and commands of Compose."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
import yaml
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from local.postgres import QUICK_AND_FORGETFUL, PostgresPasswords, PostgresServer, binaries
from local.processes import free_port, installed_program
from local.product_command import CLI
from local.temporal_server import TemporalPorts, TemporalServer
from models.identifiers import encryption_key, secret_token
from tests.mail_server import MailServer
from tests.world import eventually
from workflows.search_attributes import REGISTERED

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
NAMESPACE = SERVICES["temporal-namespace"]["environment"]["TEMPORAL_NAMESPACE"]
ENV_FILE = {
    "POSTGRES_PASSWORD": "superuser-password",
    "OWNER_DATABASE_PASSWORD": "owner-password",
    "APP_DATABASE_PASSWORD": "app-password",
    "TEMPORAL_DATABASE_PASSWORD": "temporal-password",
    "TETSUZUKI_OPERATOR_KEY": secret_token(),
    "TETSUZUKI_LINK_KEY": secret_token(),
    "TETSUZUKI_PAYLOAD_KEYS": json.dumps({"2026-11": encryption_key()}),
    "TETSUZUKI_PAYLOAD_KEY_ID": "2026-11",
    "TETSUZUKI_SESSION_KEYS": json.dumps({"2026-11": encryption_key()}),
    "TETSUZUKI_SESSION_KEY_ID": "2026-11",
}
"""What a person fills in."""


@pytest.fixture(scope="module")
def database_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A cluster on which the init script has run, as at a container's first start."""
    passwords = PostgresPasswords(superuser=ENV_FILE["POSTGRES_PASSWORD"], owner="unused", app="unused")
    folder = tmp_path_factory.mktemp("cluster") / "postgres"
    server = PostgresServer(folder, port=free_port(), passwords=passwords, tuning=QUICK_AND_FORGETFUL)
    server.start()
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as connection:
        for made_by_the_embedded_server in ("DATABASE tetsuzuki", "ROLE owner", "ROLE app"):
            connection.execute(f"DROP {made_by_the_embedded_server}".encode())
    where = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": ENV_FILE["POSTGRES_PASSWORD"]}
    programs = f"{binaries()}:{os.environ['PATH']}"
    _run(str(ROOT / "deploy" / "postgres" / "roles.sh"), environment=ENV_FILE | where | {"PATH": programs})
    yield server.port
    server.stop()


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A server whose namespace the script has prepared, twice."""
    log = tmp_path_factory.mktemp("temporal") / "temporal.log"
    server = TemporalServer(None, ports=TemporalPorts(grpc=free_port()), log=log)
    server.start()
    programs = f"{Path(installed_program('temporal')).parent}:{os.environ['PATH']}"
    environment = {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_NAMESPACE": NAMESPACE, "PATH": programs}
    for _ in range(2):
        _run("sh", str(ROOT / "deploy" / "temporal" / "namespace.sh"), environment=environment)
    yield server
    server.stop()


def environment_of(name: str, replaced: dict[str, str]) -> dict[str, str]:
    """What the container gets, with the addresses of the servers here."""
    variables = {}
    for variable, template in SERVICES[name]["environment"].items():
        if template is None:  # handed on from .env, which does not have it
            continue
        value = re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", _filled_in, template)
        for container, here in replaced.items():
            value = value.replace(container, here)
        variables[variable] = value
    # Containers have each a port 9464 of their own.
    return variables | {"TETSUZUKI_TEMPORAL_METRICS_ADDRESS": f"127.0.0.1:{free_port()}"}


def _filled_in(match: re.Match[str]) -> str:
    name, kind, default = match.groups()
    assert name in ENV_FILE or kind == "-", f"{name} is required"
    return ENV_FILE.get(name, default)


def _run(*command: str, environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - the project's own files
        command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command_of(name: str) -> list[str]:
    return [sys.executable, str(CLI), *SERVICES[name]["command"]]


@pytest.mark.parametrize("role", ["owner", "app", "temporal"])
def test_every_role_has_its_password_and_no_more_rights_than_it_needs(database_port: int, role: str) -> None:
    """And each reaches its own databases only."""
    reachable = {"owner": ["tetsuzuki"], "app": ["tetsuzuki"], "temporal": ["temporal", "temporal_visibility"]}[role]
    for name in ("tetsuzuki", "temporal", "temporal_visibility"):
        conninfo = psycopg.conninfo.make_conninfo(
            host="127.0.0.1",
            port=database_port,
            user=role,
            password=ENV_FILE[f"{role.upper()}_DATABASE_PASSWORD"],
            dbname=name,
        )
        if name not in reachable:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(conninfo)
            continue
        with psycopg.connect(conninfo) as connection:
            rights = connection.execute(
                "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert rights == (False, False, False, False)


async def test_the_namespace_is_prepared_and_preparing_it_again_does_no_harm(temporal: TemporalServer) -> None:
    client = await Client.connect(temporal.address, namespace=NAMESPACE)
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == 30
    listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=NAMESPACE))
    assert set(REGISTERED) <= set(listed.custom_attributes)


async def test_the_product_runs_with_exactly_the_environment_of_compose(
    database_port: int, temporal: TemporalServer, mail_server: MailServer
) -> None:
    """Migrations, worker and API, as processes; the API says that it is ready, and the doctor finds nothing wrong."""
    api_port = free_port()
    here = {
        "@postgres:5432": f"@127.0.0.1:{database_port}",
        "temporal:7233": temporal.address,
        "mailpit": "127.0.0.1",
        "1025": str(mail_server.port),
        "8080": str(api_port),
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - what is replaced, lest a test listens to the world
    }
    _run(*command_of("migrate"), environment=environment_of("migrate", here))
    running = [
        subprocess.Popen(  # noqa: S603, ASYNC220 - the product's own commands, which start at once
            command_of(name), env={"PATH": os.environ["PATH"], **environment_of(name, here)}, stdout=subprocess.DEVNULL
        )
        for name in ("worker", "api")
    ]
    try:
        async with httpx2.AsyncClient() as client:

            async def ready() -> bool:
                try:
                    return (await client.get(f"http://127.0.0.1:{api_port}/readyz")).status_code == 200
                except httpx2.TransportError:
                    return False

            await eventually(ready, patience=60)
        environment = environment_of("api", here)
        environment.pop("TETSUZUKI_TEMPORAL_UI_URL")  # there is none in this test
        said = _run(sys.executable, str(CLI), "doctor", environment=environment)
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait(20) for process in running]
    assert said.splitlines()[-1] == "All is well."
    assert codes == [0, -signal.SIGTERM]  # the web server hands its signal on once it has ended in order
