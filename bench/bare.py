"""The floor: a bare Temporal workflow with the waits and Updates of the main job, and nothing else of it.

It waits for a confirmation, then for a decision, under the same deadlines. `Writing` says whether each step also writes
one row, which is the least that "recorded" can mean, and how: in a local activity, or for commands in an ordinary one,
so that the command is on disk before it has an effect (decision 0016).
"""

import asyncio
import dataclasses
from datetime import timedelta
from enum import StrEnum
from typing import Any

import psycopg_pool
from temporalio import activity, workflow
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

TASK_QUEUE = "bench-bare"


class Writing(StrEnum):
    NOTHING = "bare"
    ROW = "bare with one row"
    DURABLE_ROW = "bare with one durable row"


@workflow.defn(name="Bare")
class Bare:
    def __init__(self) -> None:
        self._started = False
        self._confirmed = False
        self._decision: str | None = None

    @workflow.run
    async def run(self, writing: Writing) -> str:
        self._writing = writing
        await self._record("submit")
        self._started = True
        await workflow.wait_condition(lambda: self._confirmed, timeout=timedelta(hours=24))
        await workflow.wait_condition(lambda: self._decision is not None, timeout=timedelta(days=3))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._decision or ""

    @workflow.update
    async def submitted(self) -> str:
        await workflow.wait_condition(lambda: self._started)
        return "awaiting_confirmation"

    @workflow.update
    async def confirm(self) -> str:
        await self._record("confirm")
        self._confirmed = True
        return "unapproved"

    @workflow.update
    async def decide(self, decision: str) -> str:
        await self._record("decide")
        self._decision = decision
        return decision

    @decide.validator
    def _refuse(self, decision: str) -> None:
        if self._decision is not None or not self._confirmed:
            raise ValueError(decision)

    async def _record(self, step: str) -> None:
        if self._writing is Writing.DURABLE_ROW and workflow.current_update_info() is not None:
            await workflow.execute_activity("write_row", step, start_to_close_timeout=timedelta(seconds=10))
        elif self._writing is not Writing.NOTHING:
            await workflow.execute_local_activity("write_row", step, start_to_close_timeout=timedelta(seconds=20))


@dataclasses.dataclass
class Rows:
    pool: psycopg_pool.AsyncConnectionPool[Any]

    @activity.defn
    async def write_row(self, step: str) -> None:
        async with self.pool.connection() as connection:
            await connection.execute("INSERT INTO bench_rows (step) VALUES (%s)", (step,))


async def serve(address: str, database_url: str) -> None:
    """Run the bare worker until cancelled."""
    client = await Client.connect(address)
    async with psycopg_pool.AsyncConnectionPool(database_url, min_size=2, max_size=10) as pool:
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE IF NOT EXISTS bench_rows (id bigserial PRIMARY KEY, step text)")
        async with Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[Bare],
            activities=[Rows(pool).write_row],
            # Loading this module anew in the sandbox for each workflow would be a cost that is not Temporal's.
            workflow_runner=UnsandboxedWorkflowRunner(),
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
            activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        ):
            await asyncio.Event().wait()


async def submit(client: Client, workflow_id: str, writing: Writing) -> None:
    operation = WithStartWorkflowOperation(
        Bare.run,
        writing,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    await client.execute_update_with_start_workflow(Bare.submitted, start_workflow_operation=operation)


async def confirm(client: Client, workflow_id: str) -> None:
    await client.get_workflow_handle(workflow_id).execute_update(Bare.confirm)


async def decide(client: Client, workflow_id: str) -> None:
    await client.get_workflow_handle(workflow_id).execute_update(Bare.decide, "deny")


if __name__ == "__main__":
    import sys

    asyncio.run(serve(sys.argv[1], sys.argv[2]))
