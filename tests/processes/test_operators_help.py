"""A procedure that cannot go on waits for an operator, and says so in the Temporal Web UI (GEN-08)."""

import pytest
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.messages.procedure import Command, Identity
from models.tables.procedures import Procedure
from models.vocabulary import ApplicationState, Decision, ProcedureKind
from tests.processes.test_service_application import APPLICANT, NUMBER, confirm, decide, submit
from tests.world import TENANT, World, eventually
from workflows.service_application import ServiceApplication

Handle = WorkflowHandle[ServiceApplication, ApplicationState]
PROCEDURE = Identity.of(ProcedureKind.SERVICE_APPLICATION, TENANT, NUMBER).procedure_id

pytestmark = pytest.mark.requirement("GEN-08")


async def attention(world: World) -> list[dict[str, str]] | None:
    async with world.database.transaction(TENANT) as connection:
        found: list[dict[str, str]] | None = await connection.scalar(
            select(Procedure.attention).where(Procedure.procedure_id == PROCEDURE)
        )
        return found


async def current_details(handle: Handle) -> str:
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def resolve(handle: Handle, action: str) -> None:
    """As an operator types it into the Web UI."""
    await handle.execute_update("resolve", {"action": action, "reason": "the address is mended"})


@pytest.fixture
async def stuck(world: World) -> Handle:
    """An application whose confirmation mail the mail server refuses for good."""
    world.mails.answer = lambda recipient: f"550 5.1.1 <{recipient}> *no such user*" if recipient == APPLICANT else None
    handle, _ = await submit(world)

    async def is_stuck() -> bool:
        return await attention(world) is not None

    await eventually(is_stuck)
    return handle


async def test_the_web_ui_says_what_is_wrong_and_what_to_type(stuck: Handle) -> None:
    """Reason, dates and the update's input stand there; nothing in the reason is Markdown, or an address."""
    details = await current_details(stuck)
    assert details.startswith("## Needs an operator")
    assert "\n    application_confirmation, given up at try 1: 550 5.1.1 … *no such user*\n" in details
    assert '`{"action": "retry", "reason": "what you did"}`' in details
    assert f"`POST /v1/tenants/{TENANT}/procedures/{PROCEDURE}/retry`" in details
    assert "**Waits for:** the applicant to press the link of the confirmation mail" in details
    assert "UTC: lapse" in details


async def test_after_a_retry_the_mail_is_there_and_nobody_is_asked_any_more(stuck: Handle, world: World) -> None:
    world.mails.answer = lambda _: None
    await resolve(stuck, "retry")
    await world.mails_to(APPLICANT, 1)
    assert await attention(world) is None
    assert "Needs an operator" not in await current_details(stuck)
    assert await world.timeline(PROCEDURE) == ["application_submitted", "attention_raised", "operator_retry"]


async def test_after_a_skip_the_procedure_goes_on_without_the_mail(stuck: Handle, world: World) -> None:
    await resolve(stuck, "skip")
    world.mails.answer = lambda _: None
    await confirm(stuck)
    assert await world.mails_to(APPLICANT, 1)
    assert (await world.standing(PROCEDURE))[0] == ApplicationState.UNAPPROVED


async def test_what_has_ended_waits_for_nothing(world: World) -> None:
    handle, _ = await submit(world)
    await confirm(handle)
    await decide(handle, Decision.DENY)
    assert await handle.result() == ApplicationState.DENIED
    assert await current_details(handle) == "**State:** denied\n\n**Waits for:** nothing"


async def test_an_operators_end_closes_the_application_too(stuck: Handle, world: World) -> None:
    await resolve(stuck, "end")
    assert await stuck.result() == ApplicationState.ENDED
    assert (await world.standing(PROCEDURE))[0] == "ended"
    assert await attention(world) is None


async def test_a_procedure_that_is_not_stuck_refuses_help(world: World) -> None:
    handle, _ = await submit(world)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await resolve(handle, "retry")
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "wrong_state"


@pytest.mark.parametrize("confirmed", [False, True])
async def test_request_cancellation_in_the_web_ui_ends_the_procedure_in_order(
    world: World,
    confirmed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The button does what `end` does: rows are closed, and no command is taken afterwards."""
    handle, _ = await submit(world)
    if confirmed:
        await confirm(handle)
    await handle.cancel()
    assert await handle.result() == ApplicationState.ENDED
    assert (await world.standing(PROCEDURE))[0] == "ended"
    assert (await world.timeline(PROCEDURE))[-1] == "ended_by_operator"
    with pytest.raises(Exception, match=r"not found|already completed"):
        await handle.execute_update("withdraw", Command(command_id="late", actor="applicant"), id="late")


async def test_every_timer_and_activity_says_in_words_what_it_is_for(world: World) -> None:
    """The summaries stand in the history, readable without the key."""
    handle, _ = await submit(world)
    await world.mails_to(APPLICANT, 1)
    silent = [
        EventType.Name(event.event_type)
        async for event in handle.fetch_history_events()
        if event.event_type
        in {
            EventType.EVENT_TYPE_TIMER_STARTED,
            EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
            EventType.EVENT_TYPE_MARKER_RECORDED,
        }
        and not event.user_metadata.summary.data.startswith(b'"')
    ]
    assert silent == []
