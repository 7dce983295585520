"""The rows of remote support: the session's, the orders to its device, and the procedure's page."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from models import device_commands, procedures
from models.device_commands import Order
from models.device_refusals import RemoteSupportOpen
from models.device_vocabulary import DeviceCommandKind, RemoteSupportState
from models.messages.procedure import Identity
from models.messages.remote_support_steps import RecordRemoteSupport, RemoteSupportStanding, RemoteSupportStep
from models.procedures import Beginning, Standing
from models.refusals import NotFound
from models.tables.customers import Customer
from models.tables.devices import RemoteSupport
from models.tables.tenants import Tenant
from models.tables.utms import Utm
from models.vocabulary import ProcedureKind

SESSIONS = (RemoteSupportState.STARTING, RemoteSupportState.RUNNING)
OPEN = (RemoteSupportState.AWAITING_APPROVAL, *SESSIONS)
_DUE = {
    RemoteSupportState.STARTING: ("device", "give_up_remote_support_attempt"),
    RemoteSupportState.RUNNING: ("end_of_session", "remote_support_ends"),
    RemoteSupportState.ENDED: ("device", "give_up_remote_support_stop"),
}


@dataclass(frozen=True)
class Device:
    row: Row[Any]
    company_name: str
    tenant: Row[tuple[Tenant]]


def identity_of(tenant_id: str, request_id: str, customer_id: str) -> Identity:
    return Identity.of(ProcedureKind.REMOTE_SUPPORT, tenant_id, request_id, customer_id)


async def device(connection: AsyncConnection, step: RemoteSupportStep) -> Device:
    """Locked, so that of two sessions at once the second finds the first. Raises: NotFound: it has been deleted."""
    found = await connection.execute(
        _device(step.identity.tenant_id, step.registration_id)
        .where(Utm.deleted_at.is_(None))
        .with_for_update(of=Utm.__table__)
    )
    row: Row[Any] | None = found.first()
    if row is None:
        raise NotFound
    return Device(row, row.company_name, await tenant_row(connection, row.tenant_id))


async def device_of(connection: AsyncConnection, row: Row[Any]) -> Device:
    """Also of a device that has been deleted."""
    found = (await connection.execute(_device(row.tenant_id, row.registration_id))).one()
    return Device(found, found.company_name, await tenant_row(connection, row.tenant_id))


async def refuse_if_open(connection: AsyncConnection, identity: Identity, utm: Row[Any], *, is_manual: bool) -> None:
    """Raises: RemoteSupportOpen: a session is open at the UTM; for the desk also: one has been asked for (RSA-05)."""
    state = await open_state(connection, identity, utm, SESSIONS if is_manual else OPEN)
    if state is not None:
        raise RemoteSupportOpen(state=state)


async def open_state(
    connection: AsyncConnection, identity: Identity, utm: Row[Any], states: Collection[str]
) -> str | None:
    """Which of the states another one at the UTM is in, if any."""
    return await connection.scalar(
        select(RemoteSupport.state).where(
            RemoteSupport.tenant_id == identity.tenant_id,
            RemoteSupport.registration_id == utm.registration_id,
            RemoteSupport.request_id != identity.subject,
            RemoteSupport.state.in_(states),
        )
    )


async def begin(connection: AsyncConnection, message: RecordRemoteSupport, device: Device) -> None:
    identity = message.identity
    beginning = Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=ProcedureKind.REMOTE_SUPPORT,
        subject=identity.subject,
        started_at=message.at,
        customer_id=device.row.customer_id,
    )
    await procedures.begin(connection, beginning, Standing(state="starting"))


async def insert_one(
    connection: AsyncConnection, message: RecordRemoteSupport, device: Device, **values: object
) -> None:
    await connection.execute(
        insert(RemoteSupport).values(
            tenant_id=message.identity.tenant_id,
            request_id=message.identity.subject,
            registration_id=message.registration_id,
            utm_id=device.row.utm_id,
            customer_id=device.row.customer_id,
            asked_by=message.start.asked_by,
            reason=message.start.reason,
            duration_minutes=message.start.duration_minutes,
            requested_at=message.at,
            **values,
        )
    )


async def row(connection: AsyncConnection, step: RemoteSupportStep) -> Row[Any]:
    found = await connection.execute(
        select(RemoteSupport.__table__)
        .where(RemoteSupport.tenant_id == step.identity.tenant_id, RemoteSupport.request_id == step.identity.subject)
        .with_for_update()
    )
    return found.one()


async def change(connection: AsyncConnection, before: Row[Any], **values: object) -> Row[Any]:
    """In the state that it was read in. Raises `NoResultFound` when it no longer is."""
    changed = await connection.execute(
        update(RemoteSupport)
        .where(
            RemoteSupport.tenant_id == before.tenant_id,
            RemoteSupport.request_id == before.request_id,
            RemoteSupport.state == before.state,
        )
        .values(**values)
        .returning(RemoteSupport.__table__)
    )
    after: Row[Any] = changed.one()
    return after


async def order(connection: AsyncConnection, step: RemoteSupportStep, before: Row[Any], *, until: datetime) -> Row[Any]:
    """One more attempt: the device is told to start the session, or once that has ended to stop it."""
    stops = before.state == RemoteSupportState.ENDED
    attempt = before.attempts + 1
    command_id = f"{before.request_id}-{'stop' if stops else 'start'}-{attempt}"
    await device_commands.give(
        connection,
        Order(
            tenant_id=before.tenant_id,
            command_id=command_id,
            registration_id=before.registration_id,
            kind=DeviceCommandKind.REMOTE_SUPPORT_STOP if stops else DeviceCommandKind.REMOTE_SUPPORT_START,
            procedure_id=step.identity.procedure_id,
            issued_at=step.at,
            offer_from=step.at,
            offer_until=until,
        ),
    )
    values = {"attempts": attempt, "command_id": command_id}
    found = await connection.execute(
        update(RemoteSupport)
        .where(RemoteSupport.tenant_id == before.tenant_id, RemoteSupport.request_id == before.request_id)
        .values(**values)
        .returning(RemoteSupport.__table__)
    )
    after: Row[Any] = found.one()
    return after


async def show(
    connection: AsyncConnection,
    step: RemoteSupportStep,
    state: RemoteSupportState,
    *,
    due_at: datetime | None = None,
    mails: bool = False,
) -> RemoteSupportStanding:
    """The procedure's page, and the answer to the workflow. Without anything due the procedure is over."""
    waiting_for, what = _DUE.get(state, (None, ""))
    standing = Standing(
        state=state,
        waiting_for=waiting_for if due_at else None,
        upcoming=[(due_at, what)] if due_at else [],
        ended_at=None if due_at else step.at,
    )
    await procedures.show(connection, step.identity.tenant_id, step.identity.procedure_id, standing)
    return RemoteSupportStanding(state=state, due_at=due_at, mails=mails)


def _device(tenant_id: str, registration_id: str) -> Any:  # noqa: ANN401 - SQLAlchemy's type of it says less
    return (
        select(Utm.__table__, Customer.company_name)
        .join(Customer, (Customer.tenant_id == Utm.tenant_id) & (Customer.customer_id == Utm.customer_id))
        .where(Utm.tenant_id == tenant_id, Utm.registration_id == registration_id)
    )
