"""The mini process as a bare Temporal workflow: what the product's engine costs without the product.

Where the product writes what a command does by an ordinary activity, so that it is durable before it has an effect
(decision 0016), and its own steps by local ones, so does this; mails go by ordinary activities, in both.
"""

import asyncio
import dataclasses
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from bench.peers.office import PATIENCE, Office
from bench.peers.surroundings import Surroundings

TASK_QUEUE = "bench-peers"
_WITHIN = timedelta(seconds=10)


@dataclasses.dataclass
class Invited:
    invitation: str
    mail_address: str


@dataclasses.dataclass
class Steps:
    office: Office

    @activity.defn
    async def record(self, invited: Invited) -> None:
        await self.office.record(invited.invitation, invited.mail_address)

    @activity.defn
    async def invite(self, invited: Invited) -> None:
        await self.office.invite(invited.invitation)

    @activity.defn
    async def provision(self, invited: Invited) -> None:
        await self.office.provision(invited.invitation)

    @activity.defn
    async def welcome(self, invited: Invited) -> None:
        await self.office.welcome(invited.invitation)

    @activity.defn
    async def expire(self, invited: Invited) -> None:
        await self.office.expire(invited.invitation)


@workflow.defn
class Invitation:
    @workflow.init
    def __init__(self, invited: Invited) -> None:
        self._invited = invited
        self._recorded = False
        self._decided = False

    @workflow.run
    async def run(self, invited: Invited) -> str:
        await workflow.execute_local_activity_method(Steps.record, invited, start_to_close_timeout=_WITHIN)
        self._recorded = True
        await workflow.execute_activity_method(Steps.invite, invited, start_to_close_timeout=_WITHIN)
        try:
            await workflow.wait_condition(lambda: self._decided, timeout=PATIENCE)
        except TimeoutError:
            await workflow.execute_local_activity_method(Steps.expire, invited, start_to_close_timeout=_WITHIN)
            return "expired"
        await workflow.wait_condition(workflow.all_handlers_finished)
        await workflow.execute_activity_method(Steps.welcome, invited, start_to_close_timeout=_WITHIN)
        return "welcomed"

    @workflow.update
    async def begun(self) -> None:
        await workflow.wait_condition(lambda: self._recorded)

    @workflow.update
    async def decide(self) -> None:
        await workflow.execute_activity_method(Steps.provision, self._invited, start_to_close_timeout=_WITHIN)
        self._decided = True

    @decide.validator
    def _refuse(self) -> None:
        if self._decided:
            raise ValueError(self._invited.invitation)


async def main() -> None:
    found = Surroundings.found()
    client, office = await Client.connect(found.temporal_address), Office(found.database_url, found.smtp_port)
    await office.open()
    steps = Steps(office)
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Invitation],
        activities=[steps.record, steps.invite, steps.provision, steps.welcome, steps.expire],
        # As the product's worker is set up, which tries its workflows in the sandbox beforehand.
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=150,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
