"""A procedure whose code fails, on the real server: whoever began it is told the truth about it."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.commands import Commands, NotDoneYetError
from local.processes import free_port
from local.temporal_server import TemporalPorts, TemporalServer
from models.messages.procedure import Answer, Command, Identity, Message
from models.vocabulary import ProcedureKind
from settings import Settings
from tests.world import TENANT, eventually
from workflows.client import connect

IDENTITY = Identity.of(ProcedureKind.SERVICE_APPLICATION, TENANT, "000000000001")


@workflow.defn
class Failing:
    """Each of its tasks fails, as those do of code that has a mistake."""

    @workflow.run
    async def run(self, _: Message) -> None:
        message = "a mistake"
        raise RuntimeError(message)

    @workflow.update(description="What it would answer first.")
    async def began(self) -> Answer:
        await workflow.wait_condition(lambda: False)
        return Answer(state="never")


@pytest.fixture
async def client(tmp_path: Path, settings: Settings) -> AsyncIterator[Client]:
    server = TemporalServer(None, ports=TemporalPorts(grpc=free_port()), log=tmp_path / "temporal.log")
    server.start()
    client = await connect(server.address, "default", settings.payload_cipher())
    async with Worker(client, task_queue="q", workflows=[Failing], workflow_runner=UnsandboxedWorkflowRunner()):
        yield client
    server.stop()


async def begin(commands: Commands) -> None:
    run: Callable[..., Awaitable[Any]] = Failing.run
    command = Command(command_id="c", actor="applicant")
    await commands.start(run, command, IDENTITY, answer=Failing.began, summary="An application")


async def has_failed(client: Client, times: int) -> bool:
    described = await client.get_workflow_handle(IDENTITY.procedure_id).describe()
    return described.raw_description.pending_workflow_task.attempt > times


@pytest.mark.requirement("GEN-02")
async def test_whoever_begins_it_is_told_that_it_has_begun(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """At every repetition too. It goes on once its code is mended, so "nothing was taken" would be wrong."""
    commands = Commands(client, "q", timedelta(seconds=2))
    with pytest.raises(NotDoneYetError):
        await begin(commands)
    await eventually(lambda: has_failed(client, 3), patience=60)
    with pytest.raises(NotDoneYetError):
        await begin(commands)
    gc.collect()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []
