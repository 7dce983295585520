"""What `GET /metrics` and the worker's own port tell Prometheus."""

import re

import pytest
from httpx2 import AsyncClient
from temporalio.runtime import Runtime

import telemetry
from local.processes import free_port
from tests.processes.test_operators_help import stuck  # noqa: F401 - a fixture
from tests.world import TENANT


@pytest.fixture(scope="session")
def metrics_address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="session")
def runtime(metrics_address: str) -> Runtime:
    """As the entry points make it; it cannot be closed, so one is enough."""
    return telemetry.runtime(metrics_address)


def figure(text: str, name: str, **labels: str) -> float:
    """One figure of a page in Prometheus's format; 0 where it is not there."""
    for line in text.splitlines():
        if re.match(rf"{name}(\{{| )", line) and all(f'{label}="{value}"' in line for label, value in labels.items()):
            return float(line.rpartition(" ")[2])
    return 0.0


async def test_requests_are_counted_by_route_and_status(api: AsyncClient, staff: dict[str, str]) -> None:
    """By the route's template; what matched no route is one figure, however many addresses are tried."""
    before = (await api.get("/metrics")).text
    await api.get(f"/v1/tenants/{TENANT}/invitation", headers=staff)
    await api.get(f"/v1/tenants/{TENANT}/invitation")
    for address in ("/wp-login.php", "/.env"):
        await api.request("BREW", address)
    after = (await api.get("/metrics")).text

    def grown(**labels: str) -> float:
        name = "tetsuzuki_requests_total"
        return figure(after, name, **labels) - figure(before, name, **labels)

    route = "/v1/tenants/{tenant_id}/invitation"
    assert grown(method="GET", route=route, status="200") == 1
    assert grown(method="GET", route=route, status="401") == 1
    assert grown(method="none", route="none", status="404") == 2
    assert figure(after, "tetsuzuki_request_seconds_count", route=route) >= 2
    assert "wp-login" not in after


@pytest.mark.usefixtures("stuck")
async def test_procedures_that_need_an_operator_are_counted_over_all_tenants(api: AsyncClient) -> None:
    """What an alarm hangs on."""
    assert figure((await api.get("/metrics")).text, "tetsuzuki_procedures_needing_operator") == 1


async def test_the_databases_connections_are_told(api: AsyncClient) -> None:
    text = (await api.get("/metrics")).text
    assert figure(text, "tetsuzuki_database_connections") >= 1
    assert figure(text, "tetsuzuki_database_connections_in_use") >= 0


@pytest.mark.usefixtures("stuck")
async def test_the_worker_tells_what_became_of_the_mails(metrics_address: str) -> None:
    """Beside all that the Temporal SDK measures itself, on the port that the settings name."""
    async with AsyncClient() as client:
        text = (await client.get(f"http://{metrics_address}/metrics")).text
    assert figure(text, "tetsuzuki_mails_total", template="application_confirmation", outcome="refused") >= 1
    assert figure(text, "temporal_workflow_task_queue_poll_succeed_total") >= 1
