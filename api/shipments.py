"""What staff see of a contract's shipment (SHP-01…05)."""

from datetime import date, datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import select

from api.authentication import StaffOrOperator
from api.context import Shared
from api.customers import customer_row
from api.etags import tagged
from models.messages.shipment_steps import Destination
from models.refusals import NotFound
from models.tables.procedures import Procedure
from models.tables.shipments import Shipment as Parcels
from models.vocabulary import ParcelKind, ShipmentState

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/contracts/{contract_number}/shipment", tags=["Contracts"]
)


class Shipment(BaseModel):
    """`number`: from 1; a later one replaces a device that had come back when the cancellation was undone (UND-03).

    `waits_for_operator`: it is overdue, gone astray, or a step is stuck (SHP-04). `next`: what happens by itself.
    """

    shipment_id: str
    number: int
    state: ShipmentState
    utm_id: str | None
    planned_arrival_date: date | None
    carrier: str | None
    waybill_number: str | None
    destination: Destination
    requested_at: datetime
    reported_at: datetime | None
    procedure_id: str
    waiting_for: str | None
    waits_for_operator: bool


@router.get("")
async def find_one(
    tenant_id: str,
    customer_id: str,
    contract_number: str,
    context: Shared,
    caller: StaffOrOperator,
    response: Response,
) -> Shipment:
    """The contract's latest shipment; 404 when it needs none, and once the customer is deleted."""
    query = (
        select(Parcels.__table__, Procedure.waiting_for, Procedure.attention)
        .join(
            Procedure,
            (Procedure.tenant_id == Parcels.tenant_id) & (Procedure.procedure_id == Parcels.procedure_id),
            isouter=True,
        )
        .where(
            Parcels.tenant_id == tenant_id,
            Parcels.customer_id == customer_id,
            Parcels.contract_number == contract_number,
            Parcels.kind == ParcelKind.DELIVERY,
        )
        .order_by(Parcels.number.desc())
        .limit(1)
    )
    async with context.database.transaction(tenant_id) as connection:
        await customer_row(connection, tenant_id, customer_id)
        row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound
    shown = row._asdict() | {"waits_for_operator": row.attention is not None}
    return tagged(response, Shipment.model_validate(shown))
