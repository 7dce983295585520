"""The service application, on the real engine, just before and just after every deadline."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from models.messages.application_steps import Decide, Recorded, Submission, Submitted
from models.messages.procedure import Command, Identity
from models.messages.service_application import ServiceApplicationInput
from models.tables.tenants import NotificationAddress
from models.vocabulary import ApplicationState, Decision, Language, ProcedureKind
from tests.world import NOTIFIED, TENANT, World, eventually
from workflows import search_attributes
from workflows.service_application import ServiceApplication

APPLICANT = "taro@minato.example"
USERS = ["hanako@minato.example", "jiro@minato.example"]
NUMBER = "AAP-3KJXLH50"


def form() -> ServiceApplicationInput:
    person = {"last_name": "山田", "first_name": "太郎"}
    place = {
        "company_name": "みなと商事",
        "postal_code": "105-0011",
        "prefecture": "東京都",
        "address": "港区芝公園4-2-8",
        "phone_number": "0312345678",
    }
    return ServiceApplicationInput.model_validate(
        {
            "company": {**person, **place, "mail_address": APPLICANT},
            "utm_destinations": [{**person, **place, "quantity": 2}],
            "portal_users": [{**person, "mail_address": address} for address in USERS],
        }
    )


async def submit(world: World) -> tuple[WorkflowHandle[ServiceApplication, ApplicationState], Submitted]:
    identity = Identity.of(ProcedureKind.SERVICE_APPLICATION, TENANT, NUMBER)
    submission = Submission(
        command_id="submit-1",
        actor="applicant",
        identity=identity,
        form=form().model_dump(mode="json"),
        language=Language.JA,
        link_id=uuid.uuid4().hex,
    )
    operation = WithStartWorkflowOperation(
        ServiceApplication.run,
        submission,
        id=identity.procedure_id,
        task_queue=world.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=search_attributes.of(identity),
    )
    submitted = await world.client.execute_update_with_start_workflow(
        "submitted", id="submit-1", start_workflow_operation=operation, result_type=Submitted
    )
    return await operation.workflow_handle(), submitted


async def confirm(handle: WorkflowHandle[ServiceApplication, ApplicationState]) -> None:
    await handle.execute_update("confirm", Command(command_id="c", actor="applicant"), id="confirm")


async def decide(handle: WorkflowHandle[ServiceApplication, ApplicationState], decision: Decision) -> Any:
    command = Decide(command_id=decision, actor="staff:1", decision=decision, memo1="前金")
    return await handle.execute_update("decide", command, id=decision, result_type=Recorded)


def refusal_of(raised: pytest.ExceptionInfo[WorkflowUpdateFailedError]) -> tuple[str | None, str | None]:
    cause = raised.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.type, cause.details[0]["state"]


@pytest.mark.requirement("APP-07")
async def test_submitting_mails_the_applicant_and_nobody_else(world: World) -> None:
    """The confirmation goes out with number and link; the tenant hears nothing yet."""
    _, submitted = await submit(world)
    assert submitted.state == ApplicationState.AWAITING_CONFIRMATION
    await world.mails_to(APPLICANT, 1)
    [mail] = world.mails.mails
    assert NUMBER in mail.text
    assert mail.token.startswith(f"{TENANT}-")


@pytest.mark.requirement("APP-07")
async def test_an_application_not_confirmed_within_24_hours_lapses(world: World) -> None:
    """One second before the deadline it waits; at the deadline it has lapsed, and the tenant was never told."""
    handle, submitted = await submit(world)
    await world.advance_to(submitted.confirm_by - timedelta(seconds=2))
    assert (await world.standing(handle.id))[0] == ApplicationState.AWAITING_CONFIRMATION
    await world.advance_to(submitted.confirm_by)
    assert await handle.result() == ApplicationState.LAPSED
    assert (await world.standing(handle.id))[0] == ApplicationState.LAPSED
    assert not world.mails.to(NOTIFIED)
    with pytest.raises(Exception, match=r"not found|already completed"):
        await confirm(handle)


@pytest.mark.requirement("APP-08", "APP-09")
async def test_a_confirmation_in_the_last_second_counts_and_a_second_press_changes_nothing(world: World) -> None:
    """It becomes unapproved; the applicant and the notification address are told, once."""
    handle, submitted = await submit(world)
    await world.advance_to(submitted.confirm_by - timedelta(seconds=2))
    await confirm(handle)
    await confirm(handle)
    state, waiting_for, upcoming = await world.standing(handle.id)
    assert (state, waiting_for) == (ApplicationState.UNAPPROVED, "staff")
    assert upcoming[0]["what"] == "remind_staff"
    await world.mails_to(NOTIFIED, 1)
    await world.mails_to(APPLICANT, 2)
    await world.advance(hours=1)
    assert len(world.mails.mails) == 3
    assert await world.timeline(handle.id) == ["application_submitted", "application_confirmed"]


@pytest.mark.requirement("APP-11", "APP-12", "APP-13", "APP-14")
async def test_hold_then_approve_makes_the_customer_and_starts_both_signups(world: World) -> None:
    """Hold is offered once; the approval mails the result, and each portal user gets a signup mail."""
    handle, _ = await submit(world)
    await confirm(handle)
    await decide(handle, Decision.HOLD)
    with pytest.raises(WorkflowUpdateFailedError) as again:
        await handle.execute_update(
            "decide",
            Decide(command_id="again", actor="staff:1", decision=Decision.HOLD),
            id="again",
        )
    assert refusal_of(again) == ("wrong_state", ApplicationState.ON_HOLD)
    approved = await decide(handle, Decision.APPROVE)
    assert approved.state == ApplicationState.APPROVED
    assert len(approved.user_ids) == 2
    for user in USERS:
        await world.mails_to(user, 1)
    await world.mails_to(APPLICANT, 3)
    await world.mails_to(NOTIFIED, 2)
    assert (await world.standing(handle.id))[0] == ApplicationState.APPROVED


@pytest.mark.requirement("APP-08", "APP-09", "APP-12", "SET-07")
async def test_an_applicant_who_is_notified_too_gets_both_mails_of_a_step(world: World) -> None:
    """A tenant's own staff may apply, or its desk for somebody."""
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(NotificationAddress).values(mail_address=APPLICANT))
    handle, _ = await submit(world)
    await confirm(handle)
    await decide(handle, Decision.DENY)
    subjects = await world.mails_to(APPLICANT, 5)
    assert len(set(subjects)) == len(subjects) == 5


@pytest.mark.requirement("USR-03")
async def test_the_signups_of_an_approved_application_outlive_it(world: World) -> None:
    """It has ended and nobody signs up in a week; the rehearsal's clock goes on all the same."""
    handle, _ = await submit(world)
    await confirm(handle)
    approved = await decide(handle, Decision.APPROVE)
    for user in USERS:
        await world.mails_to(user, 1)
    await world.advance(minutes=1)
    assert await handle.result() == ApplicationState.APPROVED
    async with asyncio.timeout(30):
        await world.advance(days=8)
        await world.advance(days=30)
    for user_id in approved.user_ids:
        assert (await world.standing(f"signup-{TENANT}-{user_id}"))[0] == "signup_expired"


@pytest.mark.requirement("APP-15")
async def test_staff_are_reminded_after_three_and_seven_business_days_then_weekly(world: World) -> None:
    """Reminders stop at a hold and resume 30 days into it."""
    handle, _ = await submit(world)
    await confirm(handle)
    start = await world.clock.now()
    await world.mails_to(NOTIFIED, 1)
    await world.advance(days=40)
    await eventually(lambda: len(world.mails.to(NOTIFIED)) >= 4)
    reminders = (await world.timeline(handle.id)).count("application_reminder")
    assert 5 <= reminders <= 6
    await decide(handle, Decision.HOLD)
    await world.advance(days=29, hours=23)
    assert (await world.timeline(handle.id)).count("application_reminder") == reminders
    await world.advance(hours=2)
    await eventually(lambda: len(world.mails.to(NOTIFIED)) == reminders + 2)
    assert (await world.clock.now()) - start > timedelta(days=70)
