"""What a command does, its procedure knows, whatever dies in between."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError

from models.clock import machine_time
from models.messages.application_steps import Decide, Recorded
from models.messages.procedure import Command
from models.tables.applications import ServiceApplication
from models.vocabulary import Decision
from tests.processes.test_service_application import confirm, decide, submit
from tests.world import TENANT, World

ACCEPTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
COMPLETED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED
WRITING = (EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_MARKER_RECORDED)
TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


@pytest.mark.requirement("GEN-02")
async def test_a_command_stands_in_the_history_before_it_has_an_effect(world: World) -> None:
    """The engine forgets, with its process, what it has not accepted; the database would not have."""
    handle, _ = await submit(world)
    await confirm(handle)
    await decide(handle, Decision.HOLD)
    kinds = [event.event_type for event in (await handle.fetch_history()).events]
    answered = [position for position, kind in enumerate(kinds) if kind == COMPLETED]
    accepted = [position for position, kind in enumerate(kinds) if kind == ACCEPTED]
    # The first answers the form, which is durable with the start.
    assert len(accepted) == len(answered) == 3
    for begun, done in list(zip(accepted, answered, strict=True))[1:]:
        between = kinds[begun:done]
        written = [position for position, kind in enumerate(between) if kind in WRITING]
        assert written, "its record is neither before its acceptance nor after its answer"
        assert TASK_COMPLETED in between[written[0] :], "the acceptance was stored before the record was answered"


@pytest.mark.requirement("GEN-02", "APP-11")
async def test_a_command_is_judged_by_what_becomes_of_the_one_before_it(world: World) -> None:
    """The database knows of a confirmation before its procedure does; staff who see it there can decide at once."""
    handle, _ = await submit(world)
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(select(ServiceApplication.application_number).with_for_update())
        confirmation = await handle.start_update(
            "confirm",
            Command(command_id="c", actor="applicant"),
            id="confirm",
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        )
        hold = await handle.start_update(
            "decide",
            Decide(command_id="h", actor="staff:1", decision=Decision.HOLD),
            id="hold",
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            result_type=Recorded,
        )
    await confirmation.result()
    assert (await hold.result()).state == "on_hold"


@pytest.mark.requirement("GEN-02")
async def test_a_command_that_was_given_up_is_not_done_later(world: World) -> None:
    """Whoever was told that nothing was taken can rely on it; repeated in time, the same command is done."""
    handle, _ = await submit(world)
    await confirm(handle)
    given_up = Decide(
        command_id="late", actor="staff:1", decision=Decision.DENY, good_until=machine_time() - timedelta(seconds=1)
    )
    with pytest.raises(WorkflowUpdateFailedError) as raised:
        await handle.execute_update("decide", given_up, id="late")
    assert isinstance(raised.value.cause, ApplicationError)
    assert raised.value.cause.type == "unavailable"
    assert (await world.standing(handle.id))[0] == "unapproved"
    repeated = given_up.model_copy(update={"good_until": machine_time() + timedelta(minutes=1)})
    answer = await handle.execute_update("decide", repeated, id="late", result_type=Recorded)
    assert answer.state == "denied"
