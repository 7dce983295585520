"""Restarts and the commands that go with them: given, replaced, and taken back before the device has them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import restart_rows as rows
from activities.restart_rows import Device
from models import device_commands
from models.device_commands import Order
from models.device_refusals import RestartInProgress
from models.device_vocabulary import DeviceCommandKind, RestartState
from models.durations import Durations
from models.messages.restart_steps import RestartStanding, RestartStep
from models.tables.devices import Restart
from models.vocabulary import Mail


async def schedule(
    connection: AsyncConnection, step: RestartStep, told: Device, slot: datetime, durations: Durations
) -> RestartStanding:
    """In place of the schedule that there was; the customer is told (RST-03).

    Raises:
        RestartInProgress: the one that there was has been handed to the device this moment.
    """
    replaced_at = await _replace(connection, step)
    row = await order(connection, step, RestartState.SCHEDULED, slot=slot, durations=durations)
    await rows.tell_customer(connection, step, Mail.UTM_RESTART_SCHEDULED, told, row)
    shown = await rows.show(connection, step, row, durations)
    return shown.model_copy(update={"replaced_at": replaced_at, "mails": True})


async def order(
    connection: AsyncConnection,
    step: RestartStep,
    state: RestartState,
    *,
    durations: Durations,
    slot: datetime | None = None,
) -> Row[Any]:
    """The restart's row, or that of a fleet's plan, and the command that will be on offer to the device."""
    tenant_id, at = step.identity.tenant_id, slot or step.at
    new = {
        "tenant_id": tenant_id,
        "restart_id": step.restart_id,
        "registration_id": step.registration_id,
        "utm_id": step.identity.subject,
        "state": state,
        "is_scheduled": slot is not None,
        "at": at,
        "requested_at": step.at,
        "requested_by": step.actor,
    }
    planned = insert(Restart).values(new)
    ordered = await connection.execute(
        planned.on_conflict_do_update(
            index_elements=["tenant_id", "restart_id"],
            set_={"state": state},
            where=Restart.state == RestartState.PLANNED,
        ).returning(Restart.__table__)
    )
    await device_commands.give(
        connection,
        Order(
            tenant_id=tenant_id,
            command_id=step.restart_id,
            registration_id=step.registration_id,
            kind=DeviceCommandKind.RESTART,
            procedure_id=step.identity.procedure_id,
            issued_at=step.at,
            offer_from=at,
            offer_until=at + durations.restart_offer,
        ),
    )
    row: Row[Any] = ordered.one()
    return row


async def take_back(connection: AsyncConnection, step: RestartStep, state: RestartState) -> Row[Any] | None:
    """None: the device has it already, or it is not scheduled any more. One of both sides wins (RST-04).

    The restart's row is held before its command is: a slot that is being noted this moment wins both, or none.
    """
    if not await rows.hold(connection, step, RestartState.SCHEDULED):
        return None
    if not await device_commands.withdraw(connection, step.identity.tenant_id, step.restart_id, step.at):
        return None
    return await rows.move(connection, step, (RestartState.SCHEDULED,), state, ended_at=step.at)


async def _replace(connection: AsyncConnection, step: RestartStep) -> datetime | None:
    """The slot of the schedule that there was."""
    found = await connection.execute(
        select(Restart.restart_id).where(
            Restart.tenant_id == step.identity.tenant_id,
            Restart.registration_id == step.registration_id,
            Restart.state == RestartState.SCHEDULED,
        )
    )
    old = found.scalar()
    if old is None:
        return None
    row = await take_back(connection, step.model_copy(update={"restart_id": old}), RestartState.REPLACED)
    if row is None:
        raise RestartInProgress(state=RestartState.IN_PROGRESS)
    replaced_at: datetime = row.at
    return replaced_at
