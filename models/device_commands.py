"""Orders to devices: written ahead of their time, and taken back as long as they have not been handed over.

Temporal hears nothing of it, and no device waits for a workflow: what is on offer is what stands in `device_commands`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.device_vocabulary import DeviceCommandKind, DeviceCommandState
from models.tables.devices import DeviceCommand

CHANNEL = "device_commands"
"""Of Postgres' NOTIFY; the payload is `<tenant_id> <registration_id>`."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """On offer from `offer_from` until `offer_until`, and not at that instant any more."""

    tenant_id: str
    command_id: str
    registration_id: str
    kind: DeviceCommandKind
    procedure_id: str
    issued_at: datetime
    offer_from: datetime
    offer_until: datetime


async def give(connection: AsyncConnection, order: Order) -> None:
    row = {name: getattr(order, name) for name in order.__dataclass_fields__}
    await connection.execute(insert(DeviceCommand).values(state=DeviceCommandState.WAITING, **row))
    await ring(connection, order.tenant_id, order.registration_id)


async def ring(connection: AsyncConnection, tenant_id: str, registration_id: str) -> None:
    """With the transaction's commit, whoever holds the device's line looks at what is on offer."""
    await connection.execute(
        text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": f"{tenant_id} {registration_id}"}
    )


async def offer_until(connection: AsyncConnection, tenant_id: str, command_id: str, until: datetime) -> None:
    """Put it on offer for longer, or again."""
    await connection.execute(
        update(DeviceCommand)
        .where(
            DeviceCommand.tenant_id == tenant_id,
            DeviceCommand.command_id == command_id,
            DeviceCommand.state.in_((DeviceCommandState.WAITING, DeviceCommandState.OFFERED)),
        )
        .values(offer_until=until)
    )


async def withdraw(connection: AsyncConnection, tenant_id: str, command_id: str, at: datetime) -> bool:
    """False when the device has it already: nobody can take it back then."""
    taken_back = await connection.execute(
        update(DeviceCommand)
        .where(
            DeviceCommand.tenant_id == tenant_id,
            DeviceCommand.command_id == command_id,
            DeviceCommand.state == DeviceCommandState.WAITING,
        )
        .values(state=DeviceCommandState.WITHDRAWN, settled_at=at)
    )
    return taken_back.rowcount == 1


async def settle(
    connection: AsyncConnection, tenant_id: str, command_id: str, state: DeviceCommandState, at: datetime
) -> None:
    """What became of it: the device has begun, or it is over, and the next one may be handed over."""
    settled = await connection.execute(
        update(DeviceCommand)
        .where(
            DeviceCommand.tenant_id == tenant_id,
            DeviceCommand.command_id == command_id,
            DeviceCommand.settled_at.is_(None),
        )
        .values(state=state, settled_at=None if state is DeviceCommandState.STARTED else at)
        .returning(DeviceCommand.registration_id)
    )
    for registration_id in settled.scalars():
        await ring(connection, tenant_id, registration_id)
