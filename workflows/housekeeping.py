"""Every night: what has expired and belongs to no tenant is deleted."""

from temporalio import workflow

from activities.housekeeping import HousekeepingActivities, Tidied
from workflows.patience import DATABASE


@workflow.defn(name="Housekeeping")
class Housekeeping:
    @workflow.run
    async def run(self) -> Tidied:
        return await workflow.execute_local_activity_method(HousekeepingActivities.tidy_up, **DATABASE)
