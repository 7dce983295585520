"""Parcels in the database: asked for within somebody's transaction, and changed by what the carrier reports."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models import procedures
from models.messages.procedure import Identity
from models.messages.shipment_steps import Destination, NewShipment, ReportParcel
from models.procedures import Beginning, Standing
from models.refusals import NotFound
from models.rules import shipments as rules
from models.rules.shipments import Parcel, Report
from models.tables.shipments import ReturnKit, Shipment
from models.vocabulary import ParcelKind, ProcedureKind, ShipmentState

NOWHERE: dict[str, str | None] = {**dict.fromkeys(Destination.model_fields, ""), "department": None}
"""Where a parcel goes whose customer has been erased."""
_OF_THE_PARCEL = tuple(field.name for field in fields(Parcel))


async def request(connection: AsyncConnection, new: NewShipment, at: datetime) -> None:
    """Make the row of a contract's delivery and show its procedure, in the transaction of what needs it.

    Once for each number; `workflows.shipment.begin_shipment` begins the workflow afterwards, and does this too when it
    has not been done.
    """
    if new.destination is None:
        return  # whoever named it so has made it
    row = {
        "tenant_id": new.tenant_id,
        "shipment_id": new.shipment_id,
        "kind": ParcelKind.DELIVERY,
        "contract_number": new.contract_number,
        "customer_id": new.customer_id,
        "utm_id": new.utm_id,
        "number": new.number,
        "procedure_id": new.identity.procedure_id,
        "product_name": new.product_name,
        "destination": new.destination.model_dump(),
        "state": ShipmentState.REQUESTED,
        "requested_at": at,
    }
    made = await connection.execute(insert(Shipment).values(row).on_conflict_do_nothing())
    if made.rowcount:
        await _show(connection, new.identity, at)


async def find(
    connection: AsyncConnection, tenant_id: str, shipment_id: str, *, locked: bool = False
) -> Row[tuple[Shipment]]:
    """Raises: NotFound: the tenant has no such parcel."""
    query = select(Shipment.__table__).where(Shipment.tenant_id == tenant_id, Shipment.shipment_id == shipment_id)
    found: Row[tuple[Shipment]] | None = (
        await connection.execute(query.with_for_update() if locked else query)
    ).first()
    if found is None:
        raise NotFound
    return found


async def deliveries(
    connection: AsyncConnection, tenant_id: str, contract_number: str
) -> Sequence[Row[tuple[Shipment]]]:
    """The contract's parcels but for those of its kits, in their order. `utm_id`: of the device that one replaces."""
    found = await connection.execute(
        select(Shipment.__table__)
        .where(
            Shipment.tenant_id == tenant_id,
            Shipment.contract_number == contract_number,
            Shipment.kind == ParcelKind.DELIVERY,
        )
        .order_by(Shipment.number)
    )
    return found.all()


async def keep_here(connection: AsyncConnection, tenant_id: str, shipment_id: str) -> None:
    """Stop a parcel that the carrier has not been handed yet; for any other nothing changes."""
    await connection.execute(
        update(Shipment)
        .where(
            Shipment.tenant_id == tenant_id,
            Shipment.shipment_id == shipment_id,
            Shipment.state.in_(rules.ON_THE_WAY_OUT),
        )
        .values(state=ShipmentState.STOPPED)
    )


async def note(
    connection: AsyncConnection, tenant_id: str, report: ReportParcel
) -> tuple[Row[tuple[Shipment]], Row[tuple[Shipment]]]:
    """Put what the carrier reports into the parcel's row. Returns it as it was and as it is.

    Raises:
        NotFound: the tenant has no such parcel.
    """
    before = await find(connection, tenant_id, report.shipment_id, locked=True)
    said = Report(
        state=report.reported,
        occurred_at=report.occurred_at,
        planned_arrival_date=report.planned_arrival_date,
        carrier=report.carrier,
        waybill_number=report.waybill_number,
    )
    await connection.execute(
        update(Shipment)
        .where(Shipment.tenant_id == tenant_id, Shipment.shipment_id == report.shipment_id)
        .values(**asdict(rules.after(parcel_of(before), said)), last_event_id=report.event_id)
    )
    return before, await find(connection, tenant_id, report.shipment_id)


async def sendings(connection: AsyncConnection, kit: Row[tuple[ReturnKit]]) -> list[Row[tuple[Shipment]]]:
    """The kit's parcels, the latest last."""
    found = await connection.execute(
        select(Shipment.__table__)
        .where(
            Shipment.tenant_id == kit.tenant_id,
            Shipment.contract_number == kit.contract_number,
            Shipment.procedure_id == kit.procedure_id,
        )
        .order_by(Shipment.number)
    )
    return list(found)


def destination_of(parcel: Row[tuple[Shipment]]) -> Destination:
    """Nowhere once its customer has been erased. An erasure used to leave not even the names of the fields."""
    return Destination.model_validate(NOWHERE | parcel.destination)


def is_erased(parcel: Row[tuple[Shipment]]) -> bool:
    """There is nowhere to bring it to any more."""
    return not parcel.destination.get("address")


def parcel_of(row: Row[tuple[Shipment]]) -> Parcel:
    """As the rules know it."""
    known = row._mapping  # noqa: SLF001 - the documented way to a row's columns by name
    enums = {"kind": ParcelKind(row.kind), "state": ShipmentState(row.state)}
    return Parcel(**{name: known[name] for name in _OF_THE_PARCEL} | enums)


async def _show(connection: AsyncConnection, identity: Identity, at: datetime) -> None:
    beginning = Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=ProcedureKind.SHIPMENT,
        subject=identity.subject,
        customer_id=identity.customer_id,
        started_at=at,
    )
    await procedures.begin(connection, beginning, Standing(state=ShipmentState.REQUESTED, waiting_for="carrier"))
