"""What falls due while Postgres is away and is recorded when it is back does not undo what was commanded meanwhile."""

import asyncio
from datetime import datetime, timedelta

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select, update

from models import procedures
from models.messages.procedure import Command
from models.messages.shipment_steps import ReportParcel
from models.messages.signup_steps import Opened, Register
from models.tables.applications import ServiceApplication
from models.tables.people import PortalUser
from models.tables.procedures import Procedure
from models.vocabulary import ShipmentState, SignupState
from tests.outages import PAUSE, Outage, is_over
from tests.processes.test_attention import accepted, approval
from tests.processes.test_mail_delivery import PROCEDURE
from tests.processes.test_personal_invitation import invite, procedure_id, workflow
from tests.processes.test_service_application import confirm, submit
from tests.processes.test_signup import ADDRESS, begin_portal_user, portal_start, register, state_of_user
from tests.shipping import report, shipped
from tests.world import NOTIFIED, TENANT, World

SIGNUP = portal_start("", None).identity.procedure_id


async def has_ended(world: World, procedure_id: str) -> bool:
    async with world.database.transaction(TENANT) as connection:
        ended_at = await connection.scalar(select(Procedure.ended_at).where(Procedure.procedure_id == procedure_id))
        return ended_at is not None


@pytest.mark.requirement("APP-15", "GEN-09")
async def test_staff_are_not_reminded_of_an_application_that_was_approved_in_the_outage(
    world: World, outage: Outage
) -> None:
    """The reminder that was due first is recorded first; then the approval, and the procedure is over."""
    handle, _ = await submit(world)
    await confirm(handle)
    with outage.of("application_reminder"):
        await world.advance(days=6)
        await outage.strikes()
        decision = await approval(handle)
    await is_over(world)
    assert (await decision.result()).state == "approved"
    await handle.result()
    assert await has_ended(world, PROCEDURE)
    assert await world.standing(PROCEDURE) == ("approved", None, [])
    assert (await world.timeline(PROCEDURE))[-2:] == ["application_reminder", "application_approved"]


@pytest.mark.requirement("APP-15")
async def test_nobody_is_reminded_of_an_application_that_is_decided_in_its_row(world: World, outage: Outage) -> None:
    """The database is the second lock."""
    handle, _ = await submit(world)
    await confirm(handle)
    await world.mails_to(NOTIFIED, 1)
    with outage.of("application_reminder"):
        await world.advance(days=6)
        await outage.strikes()
        async with world.database.transaction(TENANT) as connection:
            await connection.execute(update(ServiceApplication).values(state="denied"))
            denied = procedures.Standing(state="denied", ended_at=await world.clock.now())
            await procedures.show(connection, TENANT, PROCEDURE, denied)
    await is_over(world)
    assert await has_ended(world, PROCEDURE)
    await world.advance(hours=1)
    assert len(world.mails.to(NOTIFIED)) == 1


@pytest.mark.requirement("SHP-04")
async def test_a_parcel_delivered_in_the_outage_is_not_shown_as_overdue(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str], outage: Outage
) -> None:
    new = await shipped(world, api, staff)
    now = await world.clock.now()
    await report(api, operator, new.shipment_id, "1", "scheduled", planned_arrival_date=f"{now:%Y-%m-%d}")
    with outage.of("shipment_overdue"):
        await world.advance(days=10)
        await outage.strikes()
        delivered = ReportParcel(
            command_id="2",
            actor="carrier",
            shipment_id=new.shipment_id,
            event_id="2",
            reported=ShipmentState.DELIVERED,
            occurred_at=await world.clock.now(),
        )
        answer = await accepted(world.client.get_workflow_handle(new.identity.procedure_id), "report", delivered)
    await is_over(world)
    assert (await answer.result()).state == "delivered"
    assert (await world.standing(new.identity.procedure_id))[:2] == ("delivered", None)
    assert await has_ended(world, new.identity.procedure_id)


@pytest.mark.requirement("TEN-04", "USR-04", "GEN-09")
async def test_a_resend_in_the_outage_of_an_expiry_gives_a_link_that_lives(world: World, outage: Outage) -> None:
    """The expiry is recorded first, then the resend, which opens the signup again."""
    opened = await begin_portal_user(world)
    handle = world.client.get_workflow_handle(SIGNUP)
    with outage.of("signup_expired"):
        await world.advance_to(opened.expires_at)
        await outage.strikes()
        answer = await accepted(handle, "resend", Command(command_id="resend", actor="staff:1"), Opened)
    await is_over(world)
    resent: Opened = await answer.result()
    assert await state_of_user(world) == (SignupState.OPEN, None)
    assert (await world.standing(SIGNUP))[:2] == (SignupState.OPEN, "person")
    assert (await register(world, resent.link_id)).state == SignupState.REGISTERED
    assert (await world.timeline(SIGNUP))[-3:] == ["signup_expired", "signup_opened", "signup_registered"]


@pytest.mark.requirement("USR-03")
async def test_nobody_is_reminded_of_a_signup_after_registering_in_the_outage(world: World, outage: Outage) -> None:
    """The reminder that was due first is recorded first."""
    opened = await begin_portal_user(world)
    command = Register(command_id="register", actor="portal_user", link_id=opened.link_id, password_hash="$argon2id$…")
    with outage.of("signup_reminder"):
        await world.advance_to(opened.reminders[0])
        await outage.strikes()
        answer = await accepted(world.client.get_workflow_handle(SIGNUP), "register", command)
    await is_over(world)
    assert (await answer.result()).state == SignupState.REGISTERED
    assert (await world.timeline(SIGNUP))[-2:] == ["signup_reminder", "signup_registered"]


@pytest.mark.requirement("USR-03", "TEN-04")
@pytest.mark.parametrize("what", ["signup_reminder", "signup_expired"])
async def test_a_signup_that_is_registered_in_its_row_stays_registered(world: World, outage: Outage, what: str) -> None:
    """The database is the second lock: nobody is reminded, nothing expires."""
    opened = await begin_portal_user(world)
    await world.mails_to(ADDRESS, 1)
    with outage.of(what):
        await world.advance_to(opened.reminders[0] if what == "signup_reminder" else opened.expires_at)
        await outage.strikes()
        mailed = len(world.mails.to(ADDRESS))
        async with world.database.transaction(TENANT) as connection:
            await connection.execute(update(PortalUser).values(signup_state=SignupState.REGISTERED))
            registered = procedures.Standing(state=SignupState.REGISTERED, ended_at=await world.clock.now())
            await procedures.show(connection, TENANT, SIGNUP, registered)
    await is_over(world)
    assert (await state_of_user(world))[0] == SignupState.REGISTERED
    assert (await world.standing(SIGNUP))[0] == SignupState.REGISTERED
    assert len(world.mails.to(ADDRESS)) == mailed


@pytest.mark.requirement("APP-18", "GEN-08")
@pytest.mark.parametrize("pause", [timedelta(seconds=1), PAUSE])
async def test_an_invitation_cancelled_in_the_outage_of_its_expiry_ends_in_order(
    world: World, api: AsyncClient, staff: dict[str, str], outage: Outage, pause: timedelta
) -> None:
    """It is withdrawn, as by an operator's end; no application is taken to have answered it."""
    invitation = await invite(api, staff)
    with outage.of("invitation_expired", pause):
        arrival = asyncio.create_task(world.advance_to(datetime.fromisoformat(invitation["expires_at"])))
        await outage.strikes()
        await workflow(world, invitation).cancel()
        async with asyncio.timeout(60):
            assert await workflow(world, invitation).result() == "withdrawn"
    await arrival
    assert (await world.timeline(procedure_id(invitation)))[-2:] == ["invitation_withdrawn", "ended_by_operator"]
    assert await has_ended(world, procedure_id(invitation))
