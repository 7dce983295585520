"""The carrier's way in (SHP-01, KIT-01): what becomes of a parcel, told by the carrier itself or by the operator.

A carrier proves itself by its signature (`models/carrier_signature.py`), the operator by the operator key. Events count
once by their `event_id`, and may come late and in any order.
"""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row, select

from api.authentication import OPERATOR, Credentials, is_operator, signed_in
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.idempotency import PostedRequest
from models import carrier_signature, shipments
from models.clock import machine_time
from models.fields import Day, Input, Instant, OrAbsent, Title
from models.identifiers import TENANT_ID
from models.messages.procedure import Identity
from models.messages.return_kit_steps import KitIds, ReturnKitStart
from models.messages.shipment_steps import ReportParcel, ShipmentStart
from models.refusals import Forbidden, NotFound, Unavailable, WrongState
from models.rules.shipments import STAYS_HERE
from models.tables.procedures import Procedure
from models.tables.shipments import ReturnKit as Kits
from models.tables.shipments import Shipment as Parcels
from models.vocabulary import ParcelKind, ProcedureKind, ShipmentState
from workflows.return_kit import ReturnKit
from workflows.shipment import Shipment

router = APIRouter(prefix="/v1/carrier/shipments", tags=["Carrier"])
CARRIER = "carrier"
_MOMENT_SECONDS = 1
_KINDS = {ParcelKind.DELIVERY: ProcedureKind.SHIPMENT, ParcelKind.RETURN_KIT: ProcedureKind.RETURN_KIT}

EventId = Annotated[str, Field(min_length=1, max_length=128, pattern="^[ -~]+$")]


class CarrierEvent(Input):
    """`occurred_at`: by the carrier's own account; without it, now. It decides between two dates or two numbers."""

    event_id: EventId
    state: Literal["requested", "scheduled", "shipped", "delivered", "undeliverable", "returned"]
    planned_arrival_date: OrAbsent[Day] = None
    carrier: OrAbsent[Title] = None
    waybill_number: OrAbsent[Title] = None
    occurred_at: OrAbsent[Instant] = None


class ReportedParcel(BaseModel):
    """Where the parcel stands now. `last_event_id`: the event that was taken last, whoever sent it."""

    shipment_id: str
    event_id: str
    state: ShipmentState
    planned_arrival_date: date | None
    carrier: str | None
    waybill_number: str | None
    last_event_id: str | None


async def _reporter(request: Request, context: Shared, credentials: Credentials) -> str:
    """`operator`, or `carrier` when the request is signed with the key that we share with it.

    Raises: Unauthenticated: neither. Forbidden: somebody known, who is neither.
    """
    if credentials and is_operator(context, credentials.credentials):
        return OPERATOR
    key = context.settings.carrier.key.get_secret_value().encode()
    is_carrier = bool(key) and carrier_signature.is_genuine(
        key,
        request.method,
        request.url.path,
        body=await request.body(),
        sent=request.headers,
        now=machine_time(),
    )
    if is_carrier:
        return CARRIER
    await signed_in(context, credentials)
    raise Forbidden


Reporter = Annotated[str, Depends(_reporter)]


@router.post("/{shipment_id}/events", response_model=ReportedParcel)
async def report(
    shipment_id: str, event: CarrierEvent, actor: Reporter, context: Shared, posted: PostedRequest
) -> Response:
    """Tell what has become of a parcel. An event known already, or for a parcel that stays here, changes nothing."""
    once = await posted.by(actor)
    now = await context.clock.now()
    parcel = await _parcel(context, shipment_id)
    command = ReportParcel(
        command_id=f"event-{shipment_id}-{event.event_id}",
        actor=actor,
        shipment_id=shipment_id,
        event_id=event.event_id,
        reported=ShipmentState(event.state),
        occurred_at=min(event.occurred_at or now, now),
        planned_arrival_date=event.planned_arrival_date,
        carrier=event.carrier,
        waybill_number=event.waybill_number,
    )
    await _tell(context, parcel, command)
    now_known = (await _parcel(context, shipment_id))._asdict() | {"event_id": event.event_id}
    return await once.answer(ReportedParcel.model_validate(now_known))


async def _parcel(context: Context, shipment_id: str) -> Row[tuple[Parcels]]:
    """The tenant is the first part of the id. Raises: NotFound: there is no such parcel."""
    tenant_id = shipment_id.partition("-")[0]
    if not TENANT_ID.fullmatch(tenant_id):
        raise NotFound
    async with context.database.transaction(tenant_id) as connection:
        return await shipments.find(connection, tenant_id, shipment_id)


async def _tell(context: Context, parcel: Row[tuple[Parcels]], command: ReportParcel) -> None:
    """A procedure that is over begins again, to record what comes late and to mail what is to be mailed.

    Raises:
        Unavailable: its procedure is about to begin, or to end; the event was not taken.
    """
    kind = _KINDS[ParcelKind(parcel.kind)]
    update = Shipment.report if kind is ProcedureKind.SHIPMENT else ReturnKit.report
    subject = parcel.procedure_id.removeprefix(f"{kind}-{parcel.tenant_id}-")
    identity = Identity.of(kind, parcel.tenant_id, subject, parcel.customer_id)
    try:
        await context.commands.send(identity, update, command)
    except WrongState:
        if (await _parcel(context, parcel.shipment_id)).state not in STAYS_HERE:
            raise Unavailable(retry_after=_MOMENT_SECONDS) from None
    except ProcedureGoneError:
        if not await _is_over(context, parcel):
            raise Unavailable(retry_after=_MOMENT_SECONDS) from None
        if parcel.state in STAYS_HERE:
            return
        if kind is ProcedureKind.SHIPMENT:
            shipment = ShipmentStart(identity=identity, shipment_id=parcel.shipment_id)
            summary = f"Shipment {subject}"
            await context.commands.tell(Shipment.run, shipment, identity, update, command, summary=summary)
        else:
            kit = ReturnKitStart(kit=await _kit(context, parcel))
            summary = f"Return kit {subject}"
            await context.commands.tell(ReturnKit.run, kit, identity, update, command, summary=summary)


async def _kit(context: Context, parcel: Row[tuple[Parcels]]) -> KitIds:
    async with context.database.transaction(parcel.tenant_id) as connection:
        found = await connection.execute(
            select(Kits.__table__).where(
                Kits.tenant_id == parcel.tenant_id,
                Kits.contract_number == parcel.contract_number,
                Kits.procedure_id == parcel.procedure_id,
            )
        )
        return KitIds.model_validate(found.one()._asdict())


async def _is_over(context: Context, parcel: Row[tuple[Parcels]]) -> bool:
    async with context.database.transaction(parcel.tenant_id) as connection:
        found = await connection.execute(
            select(Procedure.ended_at).where(
                Procedure.tenant_id == parcel.tenant_id, Procedure.procedure_id == parcel.procedure_id
            )
        )
        return found.scalar_one_or_none() is not None
