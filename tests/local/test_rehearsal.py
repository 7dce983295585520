import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from local.processes import free_port
from local.rehearsal_server import RehearsalServer
from workflows.search_attributes import STATE
from workflows.world_clock import WorldClock

A_DAY = timedelta(days=1)
RUNNING_LATE = timedelta(seconds=2)  # real time goes on between a jump and the look at the clock


@activity.defn
async def take_a_while() -> None:
    await asyncio.sleep(0.2)


@workflow.defn
class Diary:
    """Notes the time of each of five days, with some work on each."""

    @workflow.run
    async def run(self) -> list[datetime]:
        notes = []
        for _ in range(5):
            await workflow.sleep(A_DAY)
            notes.append(workflow.now())
            await workflow.execute_activity(take_a_while, start_to_close_timeout=timedelta(seconds=30))
        return notes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RehearsalServer]:
    server = RehearsalServer(port=free_port(), log=tmp_path_factory.mktemp("rehearsal") / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def client(server: RehearsalServer) -> AsyncIterator[Client]:
    client = await Client.connect(server.address)
    runner = UnsandboxedWorkflowRunner()  # a test's own module is not made for the sandbox to import again
    activities = [take_a_while]
    async with Worker(client, task_queue="diary", workflows=[Diary], activities=activities, workflow_runner=runner):
        yield client


async def test_a_jump_passes_every_timer_in_its_time(client: Client) -> None:
    """Five days go by in one jump, each seen by the procedure at its own instant."""
    clock = WorldClock(client)
    attributes = TypedSearchAttributes([SearchAttributePair(STATE, "writing")])
    diary = await client.start_workflow(Diary.run, id="diary", task_queue="diary", search_attributes=attributes)
    begun = await clock.now()
    await clock.advance(begun + 6 * A_DAY)
    assert timedelta(0) <= await clock.now() - begun - 6 * A_DAY < RUNNING_LATE
    for number, noted in enumerate(await diary.result(), start=1):
        assert timedelta(0) <= noted - begun - number * A_DAY + RUNNING_LATE < 2 * RUNNING_LATE


async def test_without_a_jump_the_world_runs_as_real_time_does(client: Client) -> None:
    """The clock is locked from the start and again after each jump."""
    clock = WorldClock(client)
    diary = await client.start_workflow(Diary.run, id="locked", task_queue="diary")
    before, started = await clock.now(), datetime.now(UTC)
    await asyncio.sleep(0.5)
    assert abs((await clock.now() - before) - (datetime.now(UTC) - started)) < RUNNING_LATE / 4
    await diary.terminate()


async def test_jumps_asked_for_at_once_go_to_the_latest_instant(client: Client) -> None:
    """Several callers may ask at a time; each finds the world at its instant or later, none goes too far."""
    clock = WorldClock(client)
    begun = await clock.now()
    await asyncio.gather(*(clock.advance(begun + days * A_DAY) for days in (3, 1, 2, 3)))
    assert timedelta(0) <= await clock.now() - begun - 3 * A_DAY < RUNNING_LATE


async def test_a_jump_is_carried_out_though_its_caller_goes_away(client: Client) -> None:
    """A caller that gives up does not leave the world half-way, and the next jump goes on from there."""
    clock = WorldClock(client)
    diary = await client.start_workflow(Diary.run, id="impatient", task_queue="diary")
    begun = await clock.now()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(clock.advance(begun + 2 * A_DAY + timedelta(hours=1)), 0.1)
    await clock.advance(begun + 6 * A_DAY)
    assert len(await diary.result()) == 5
    assert timedelta(0) <= await clock.now() - begun - 6 * A_DAY < RUNNING_LATE
