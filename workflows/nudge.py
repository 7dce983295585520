"""Telling a procedure that another has changed what it is about, so that it looks at the database again."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from models.messages.procedure import Identity


class Nudged:
    """The base of a procedure that others nudge, beside `Procedure`.

    A nudge carries nothing, and nothing depends on it: the change is in the database, where dead links are dead and
    rows say how they stand. It only ends the waiting early.
    """

    nudged: bool = False

    @workflow.signal(description="Look at the database again: another procedure has changed something there.")
    def look_again(self) -> None:
        self.nudged = True


async def nudge(identity: Identity) -> None:
    """From a workflow: nudge another, if it is still there."""
    try:
        await workflow.get_external_workflow_handle(identity.procedure_id).signal(Nudged.look_again)
    except ApplicationError:
        workflow.logger.info("nobody there to nudge: %s", identity.procedure_id)
