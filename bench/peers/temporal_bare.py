"""A bare Temporal workflow, on the product's own server: the floor."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from bench.peers.peer import OfficePeer
from bench.peers.temporal_worker import TASK_QUEUE, Invitation, Invited
from bench.product import pid_of

_PAUSE = 0.2  # seconds


class BareTemporal(OfficePeer):
    name = "bare"
    title = "a bare Temporal workflow"
    worker_module = "bench.peers.temporal_worker"

    async def set_up(self) -> None:
        await super().set_up()
        self._client = await Client.connect(self.surroundings.temporal_address)

    @property
    def servers(self) -> Mapping[str, int]:
        return {"Temporal": pid_of(self.site.running, "Temporal")}

    async def begin(self, key: str) -> str:
        async def begun() -> None:
            operation = WithStartWorkflowOperation(
                Invitation.run,
                Invited(key, self.address(key)),
                id=key,
                task_queue=TASK_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
            await self._client.execute_update_with_start_workflow(
                Invitation.begun, id="begun", start_workflow_operation=operation
            )

        await persisting(begun)
        return key

    async def decide(self, process: str) -> None:
        await persisting(
            lambda: self._client.get_workflow_handle(process).execute_update(Invitation.decide, id="decide")
        )


async def persisting(call: Callable[[], Awaitable[object]]) -> None:
    """Until it is answered: whoever repeats an update by its id is given the one answer."""
    while True:
        try:
            await call()
        except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
            await asyncio.sleep(_PAUSE)
        else:
            return
