"""Something that comes about just as its deadline does, on the rehearsal's server."""

import asyncio
import time
from datetime import timedelta

from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.world import World
from workflows.deadline_timers import holds_in_time

_DEADLINE = timedelta(seconds=1)


@workflow.defn(sandboxed=False)
class SlowToAnswer:
    """Takes a command just before the deadline, and takes until after it to say so."""

    def __init__(self) -> None:
        self._is_told = False

    @workflow.run
    async def run(self) -> bool:
        in_time = await holds_in_time(lambda: self._is_told, workflow.now() + _DEADLINE, summary="The deadline")
        await workflow.sleep(_DEADLINE)
        return in_time

    @workflow.update
    async def tell(self) -> None:
        time.sleep(1)  # noqa: ASYNC251 - the worker holds the workflow's task for so long
        self._is_told = True


async def test_a_command_during_which_the_deadline_passes_does_not_strand_its_workflow(world: World) -> None:
    """The timer fires while the task that would cancel it is under way."""
    worker = Worker(
        world.client,
        task_queue="slow",
        workflows=[SlowToAnswer],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    )
    async with asyncio.timeout(30), worker:
        handle = await world.client.start_workflow(SlowToAnswer.run, id="slow", task_queue="slow")
        await asyncio.sleep(_DEADLINE.total_seconds() / 2)
        await handle.execute_update(SlowToAnswer.tell)
        assert await handle.result()
