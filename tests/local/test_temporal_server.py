import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import psutil
import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from local.processes import free_port
from local.temporal_server import TemporalPorts, TemporalServer
from workflows.search_attributes import ATTENTION, REGISTERED


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TemporalServer]:
    ports = TemporalPorts(grpc=free_port())
    server = TemporalServer(tmp_path / "temporal.sqlite", ports=ports, log=tmp_path / "temporal.log")
    server.start()
    yield server
    server.stop()


async def test_the_namespace_is_prepared(server: TemporalServer) -> None:
    """Search attributes are registered and closed procedures stay visible for thirty days."""
    client = await Client.connect(server.address)
    attributes = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default"))
    assert set(REGISTERED) <= set(attributes.custom_attributes)
    namespace = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert namespace.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=30)


async def test_a_procedure_survives_a_killed_server(server: TemporalServer) -> None:
    """What the server had accepted is there, attributes and all, when it comes up again on the same store."""
    attributes = TypedSearchAttributes([SearchAttributePair(ATTENTION, "no")])
    client = await Client.connect(server.address)
    await client.start_workflow("Waiting", id="waiting-1", task_queue="nobody", search_attributes=attributes)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.start()
    client = await Client.connect(server.address)
    found = await client.get_workflow_handle("waiting-1").describe()
    assert found.typed_search_attributes[ATTENTION] == "no"


def test_no_web_page_can_command_the_server(server: TemporalServer) -> None:
    """The server's HTTP API, which asks for no login, refuses everybody; the product speaks gRPC."""
    ports = {port.laddr.port for port in psutil.Process(server.pid).net_connections() if port.status == "LISTEN"}
    answers = [answer for port in ports if (answer := answer_over_http(port)) is not None]
    assert 403 in answers
    assert 200 not in answers


def answer_over_http(port: int) -> int | None:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/api/v1/namespaces", timeout=2).status_code
    except httpx2.HTTPError:
        return None  # another protocol
