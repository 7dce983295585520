"""The return kits' rows: made at a contract's end, changed under a condition, undone together."""

from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models import contract_utms, procedures, shipments
from models.calendars import is_business_day
from models.contract_utms import ContractUtm
from models.messages.return_kit_steps import BeginReturnKits, BegunKits, KitIds, UndoneKits, UndoReturnKits
from models.messages.shipment_steps import AskedShipment, Destination, NewShipment
from models.procedures import Beginning, Standing
from models.refusals import NotFound, WrongState
from models.rules.kit_decisions import BACK, UNDER_WAY, kit_undone
from models.rules.return_kits import kit_requested_at
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.tables.shipments import ReturnKit, Shipment
from models.tables.tenants import Tenant
from models.vocabulary import ParcelKind, ProcedureKind, ReturnKitState

KitRow: TypeAlias = Row[tuple[ReturnKit]]


async def plan(connection: AsyncConnection, message: BeginReturnKits, tenant: Row[tuple[Tenant]]) -> BegunKits:
    """A row and a shown procedure for each UTM of the contract."""
    utms = await contract_utms.of_contract(connection, tenant.tenant_id, message.contract_number)
    requested_at = kit_requested_at(message.ended_on, tenant.time_zone, is_business_day(tenant.country))
    rows = [_planned(message, utm, requested_at) for utm in utms]
    if rows:
        await connection.execute(insert(ReturnKit).on_conflict_do_nothing(), rows)
    for row in rows:
        await _show(connection, message, str(row["utm_id"]), requested_at)
    return BegunKits(state=ReturnKitState.PLANNED, utm_ids=tuple(str(row["utm_id"]) for row in rows))


async def undo(connection: AsyncConnection, message: UndoReturnKits) -> UndoneKits:
    """Each kit of that end, by where it stands; the devices that came back are asked for anew."""
    kits = await connection.execute(
        select(ReturnKit.__table__)
        .where(
            ReturnKit.tenant_id == message.identity.tenant_id,
            ReturnKit.contract_number == message.contract_number,
            ReturnKit.ended_on == message.ended_on,
        )
        .order_by(ReturnKit.utm_id)
        .with_for_update()
    )
    rows = kits.all()
    for state in UNDER_WAY:
        among = [row.utm_id for row in rows if row.state == state]
        await _set_state(connection, message, among, kit_undone(state))
    back = [row for row in rows if row.state in BACK]
    replacements = await _replacements(connection, message, back)
    for new in replacements:
        await shipments.request(connection, new, message.at)
    return UndoneKits(
        state="undone",
        procedure_ids=tuple(row.procedure_id for row in rows if row.state in UNDER_WAY),
        replacements=tuple(AskedShipment.model_validate(new.model_dump()) for new in replacements),
    )


async def kit_row(connection: AsyncConnection, kit: KitIds, *, locked: bool = False) -> KitRow:
    """Raises: NotFound: there is none."""
    query = select(ReturnKit.__table__).where(*_key(kit))
    found: KitRow | None = (await connection.execute(query.with_for_update() if locked else query)).first()
    if found is None:
        raise NotFound
    return found


async def hold_customer(connection: AsyncConnection, kit: KitIds) -> None:
    """Keep the company from being deleted while an address of it is written down. Raises: NotFound: it has been."""
    found = await connection.execute(
        select(Customer.customer_id)
        .where(
            Customer.tenant_id == kit.tenant_id, Customer.customer_id == kit.customer_id, Customer.deleted_at.is_(None)
        )
        .with_for_update(read=True)
    )
    if found.first() is None:
        raise NotFound


async def change_kit(
    connection: AsyncConnection, kit: KitIds, allowed: frozenset[ReturnKitState], **values: object
) -> KitRow:
    """Raises: WrongState: the state is none of those allowed."""
    changed = await connection.execute(
        update(ReturnKit)
        .where(*_key(kit), ReturnKit.state.in_(allowed))
        .values(**values, version=ReturnKit.version + 1)
        .returning(ReturnKit.__table__)
    )
    row: KitRow | None = changed.first()
    if row is None:
        raise WrongState(state=(await kit_row(connection, kit)).state)
    return row


async def is_wanted(connection: AsyncConnection, kit: KitRow) -> bool:
    """Whether the contract is still at the end that the kit is of: no undo has gone by it."""
    found = await connection.execute(
        select(Contract.contract_number).where(
            Contract.tenant_id == kit.tenant_id,
            Contract.contract_number == kit.contract_number,
            Contract.cancellation_date == kit.ended_on,
            Contract.ended_at.is_not(None),
        )
    )
    return found.first() is not None


async def send(connection: AsyncConnection, kit: KitIds, row: KitRow, at: datetime) -> KitRow:
    """A new sending: the parcel that the carrier is asked to take, to the kit's address as it is now."""
    number = row.sendings + 1
    shipment_id = f"{kit.tenant_id}-{kit.identity.subject}-{number}"
    customer = await _customer(connection, kit.tenant_id, kit.customer_id)
    await connection.execute(
        insert(Shipment).values(
            tenant_id=kit.tenant_id,
            shipment_id=shipment_id,
            kind=ParcelKind.RETURN_KIT,
            contract_number=kit.contract_number,
            customer_id=kit.customer_id,
            utm_id=kit.utm_id,
            number=number,
            procedure_id=row.procedure_id,
            product_name=row.product_name,
            destination=_destination(customer, row).model_dump(),
            state=ReturnKitState.REQUESTED,
            requested_at=at,
        )
    )
    return await change_kit(
        connection, kit, UNDER_WAY, shipment_id=shipment_id, sendings=number, sent_on=None, due_date=None
    )


def _planned(message: BeginReturnKits, utm: ContractUtm, requested_at: datetime) -> dict[str, object]:
    return {
        "tenant_id": message.identity.tenant_id,
        "contract_number": message.contract_number,
        "utm_id": utm.utm_id,
        "ended_on": message.ended_on,
        "customer_id": message.customer_id,
        "procedure_id": _ids(message, utm.utm_id).identity.procedure_id,
        "utm_name": utm.name,
        "product_name": message.product_name,
        "state": ReturnKitState.PLANNED,
        "postal_code": utm.postal_code,
        "address": utm.address,
        "requested_at": requested_at,
    }


async def _show(connection: AsyncConnection, message: BeginReturnKits, utm_id: str, requested_at: datetime) -> None:
    identity = _ids(message, utm_id).identity
    beginning = Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=ProcedureKind.RETURN_KIT,
        subject=identity.subject,
        customer_id=identity.customer_id,
        started_at=message.at,
    )
    upcoming = [(requested_at, "request_return_kit")]
    await procedures.begin(connection, beginning, Standing(state=ReturnKitState.PLANNED, upcoming=upcoming))


def _ids(message: BeginReturnKits, utm_id: str) -> KitIds:
    return KitIds(
        tenant_id=message.identity.tenant_id,
        contract_number=message.contract_number,
        customer_id=message.customer_id,
        utm_id=utm_id,
        ended_on=message.ended_on,
    )


async def _set_state(
    connection: AsyncConnection, message: UndoReturnKits, utm_ids: list[str], state: ReturnKitState
) -> None:
    if utm_ids:
        await connection.execute(
            update(ReturnKit)
            .where(
                ReturnKit.tenant_id == message.identity.tenant_id,
                ReturnKit.contract_number == message.contract_number,
                ReturnKit.ended_on == message.ended_on,
                ReturnKit.utm_id.in_(utm_ids),
            )
            .values(state=state, version=ReturnKit.version + 1)
        )


async def _replacements(connection: AsyncConnection, message: UndoReturnKits, back: list[KitRow]) -> list[NewShipment]:
    """The devices go out again, to where they were installed."""
    if not back:
        return []
    tenant_id = message.identity.tenant_id
    sent = select(func.coalesce(func.max(Shipment.number), 0)).where(
        Shipment.tenant_id == tenant_id,
        Shipment.contract_number == message.contract_number,
        Shipment.kind == ParcelKind.DELIVERY,
    )
    number = (await connection.execute(sent)).scalar_one()
    customer = await _customer(connection, tenant_id, back[0].customer_id)
    return [
        NewShipment(
            tenant_id=tenant_id,
            contract_number=message.contract_number,
            customer_id=kit.customer_id,
            product_name=kit.product_name,
            destination=_destination(customer, kit),
            number=number + count,
            utm_id=kit.utm_id,
        )
        for count, kit in enumerate(back, start=1)
    ]


async def _customer(connection: AsyncConnection, tenant_id: str, customer_id: str) -> Row[tuple[Customer]]:
    found = await connection.execute(
        select(Customer.__table__).where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
    )
    row: Row[tuple[Customer]] = found.one()
    return row


def _destination(customer: Row[tuple[Customer]], kit: KitRow) -> Destination:
    """The installation address, with the customer's contact: a UTM's row names no person."""
    return Destination(
        company_name=customer.company_name,
        last_name=customer.last_name,
        first_name=customer.first_name,
        department=customer.department,
        postal_code=kit.postal_code,
        prefecture="",
        address=kit.address,
        phone_number=customer.phone_number,
    )


async def home_of_device(connection: AsyncConnection, kit: KitRow) -> Destination:
    """Where the kit's device goes when it is sent again."""
    return _destination(await _customer(connection, kit.tenant_id, kit.customer_id), kit)


def _key(kit: KitIds) -> tuple[ColumnElement[bool], ...]:
    return (
        ReturnKit.tenant_id == kit.tenant_id,
        ReturnKit.contract_number == kit.contract_number,
        ReturnKit.utm_id == kit.utm_id,
        ReturnKit.ended_on == kit.ended_on,
    )
