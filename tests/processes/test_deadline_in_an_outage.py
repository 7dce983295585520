"""What falls due while Postgres is away and is recorded when it is back does not undo what was commanded meanwhile."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select, update

from models import procedures
from models.messages.shipment_steps import ReportParcel
from models.tables.applications import ServiceApplication
from models.tables.procedures import Procedure
from models.vocabulary import ShipmentState
from tests.outages import Outage, is_over
from tests.processes.test_attention import accepted, approval
from tests.processes.test_mail_delivery import PROCEDURE
from tests.processes.test_service_application import confirm, submit
from tests.shipping import report, shipped
from tests.world import NOTIFIED, TENANT, World


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
