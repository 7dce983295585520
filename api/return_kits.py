"""A contract's return kits: one overview, and what staff can do for each (KIT-01…05)."""

import asyncio
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import return_slips
from api.authentication import Caller, StaffOrOperator
from api.commands import ProcedureGoneError, Update
from api.context import Context, Shared
from api.customers import customer_row
from api.idempotency import Once, PostedRequest
from api.paging import Page, PagingQuery, page_of
from mail_templates.return_slip import NoJapaneseFontError, print_slip
from models import contract_utms
from models.calendars import is_business_day
from models.fields import Input, InstallationAddress, OrAbsent, PostalCode
from models.messages.procedure import Command
from models.messages.return_kit_steps import KitIds, KitStanding, ResendKit, ReturnKitStart
from models.refusals import NoJapaneseFont, NotFound, Unavailable, WrongState
from models.rules.kit_decisions import OVER
from models.rules.return_kits import kit_requested_at
from models.tables.contracts import Contract
from models.tables.shipments import ReturnKit as Kits
from models.tables.shipments import Shipment
from models.tables.tenants import Tenant
from models.vocabulary import ContractStatus, ReturnKitState
from workflows.return_kit import ReturnKit

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/contracts/{contract_number}/return-kits",
    tags=["Return kits"],
)
_STILL_BEGINNING_SECONDS = 1


class ShownKit(BaseModel):
    """`requested_at`: when the carrier is asked for it, or was. `due_date`: by when the device is asked back."""

    utm_id: str
    utm_name: str
    state: ReturnKitState
    shipment_id: str | None = None
    carrier: str | None = None
    waybill_number: str | None = None
    requested_at: datetime
    sent_on: date | None = None
    due_date: date | None = None
    received_at: datetime | None = None
    waived: bool = False
    postal_code: str
    address: str
    procedure_id: str | None = None


class Resend(Input):
    """What is not named stays as it is."""

    postal_code: OrAbsent[PostalCode] = None
    address: OrAbsent[InstallationAddress] = None


async def _the_kit(
    tenant_id: str, customer_id: str, contract_number: str, utm_id: str, context: Shared, caller: StaffOrOperator
) -> KitIds:
    """The device's latest kit, for whoever may see it.

    Raises:
        NotFound: the contract has no such device. WrongState: the contract has not ended, so there is no kit yet.
    """
    async with context.database.transaction(tenant_id) as connection:
        contract = await _contract(connection, tenant_id, customer_id, contract_number)
        if _is_ending(contract) and any(kit.utm_id == utm_id for kit in await _coming(connection, contract)):
            raise WrongState(state=ReturnKitState.PLANNED)
        found = await connection.execute(
            select(Kits.ended_on)
            .where(Kits.tenant_id == tenant_id, Kits.contract_number == contract_number, Kits.utm_id == utm_id)
            .order_by(Kits.ended_on.desc())
            .limit(1)
        )
        ended_on = found.scalar_one_or_none()
    if ended_on is None:
        raise NotFound
    return KitIds(
        tenant_id=tenant_id,
        contract_number=contract_number,
        customer_id=customer_id,
        utm_id=utm_id,
        ended_on=ended_on,
    )


TheKit = Annotated[KitIds, Depends(_the_kit)]


@router.get("")
async def find_all(
    tenant_id: str,
    customer_id: str,
    contract_number: str,
    context: Shared,
    caller: StaffOrOperator,
    paging: PagingQuery,
) -> Page[ShownKit]:
    """Every kit of the contract's latest end; of a cancelled one that has not ended yet, those that it will have.

    Those that are only planned have no shipment yet.
    """
    async with context.database.transaction(tenant_id) as connection:
        contract = await _contract(connection, tenant_id, customer_id, contract_number)
        items = await _coming(connection, contract) if _is_ending(contract) else await _kits(connection, contract)
    return page_of(items, paging, key=lambda kit: kit.utm_id)


@router.post("/{utm_id}/resend", response_model=ShownKit)  # noqa: FAST003 - `TheKit` takes it
async def resend(
    body: Resend, kit: TheKit, context: Shared, caller: StaffOrOperator, posted: PostedRequest
) -> Response:
    """Send the kit again, to the corrected address; one that has not been asked for is only corrected (KIT-03).

    404 once the customer is deleted: nobody is written down any more, nor where they are (CUS-05).
    """
    once = await posted.by(caller.actor)
    async with context.database.transaction(kit.tenant_id) as connection:
        await customer_row(connection, kit.tenant_id, kit.customer_id)
    address = {"postal_code": body.postal_code, "address": body.address}
    return await _tell(
        context, kit, ReturnKit.resend, command=ResendKit(**_command(once, caller), **address), once=once
    )


@router.post("/{utm_id}/waive", response_model=ShownKit)  # noqa: FAST003 - `TheKit` takes it
async def waive(kit: TheKit, context: Shared, caller: StaffOrOperator, posted: PostedRequest) -> Response:
    """No charge for the device; one that has been made is reversed (KIT-04)."""
    once = await posted.by(caller.actor)
    return await _tell(context, kit, ReturnKit.waive, command=Command(**_command(once, caller)), once=once)


@router.post("/{utm_id}/received", response_model=ShownKit)  # noqa: FAST003 - `TheKit` takes it
async def received(kit: TheKit, context: Shared, caller: StaffOrOperator, posted: PostedRequest) -> Response:
    """The device is back; a charge for it is reversed (KIT-04).

    A recalled kit stays so; the device, which was to be kept, is sent again if the contract goes on (UND-03).
    """
    once = await posted.by(caller.actor)
    command = Command(**_command(once, caller))
    if (await _kit(context, kit)).state is not ReturnKitState.RECALLED:
        return await _tell(context, kit, ReturnKit.received, command=command, once=once)
    start, summary = ReturnKitStart(kit=kit), f"Return kit {kit.identity.subject}"
    await context.commands.tell(ReturnKit.run, start, kit.identity, ReturnKit.received, command, summary=summary)
    return await once.answer(await _kit(context, kit))


@router.get("/{utm_id}/slip.pdf", response_class=Response)  # noqa: FAST003 - `TheKit` takes it
async def slip(kit: TheKit, context: Shared, caller: StaffOrOperator) -> Response:
    """The slip that goes into the box, as it is attached to the mail (KIT-02). 503 where no Japanese font is there."""
    async with context.database.transaction(kit.tenant_id) as connection:
        found = await return_slips.find(connection, kit.tenant_id, kit.identity.procedure_id)
    try:
        page = await asyncio.to_thread(print_slip, found)
    except NoJapaneseFontError:
        raise NoJapaneseFont from None
    headers = {"Content-Disposition": f'inline; filename="return-slip-{kit.utm_id}.pdf"'}
    return Response(page, media_type="application/pdf", headers=headers)


def _command(once: Once, caller: Caller) -> dict[str, str]:
    return {"command_id": once.command_id, "fingerprint": once.fingerprint, "actor": caller.actor}


async def _tell(
    context: Context, ids: KitIds, update: Update[KitStanding], *, command: Command, once: Once
) -> Response:
    """Raises: WrongState: the kit is not open to it, or over. Unavailable: its procedure is about to begin."""
    try:
        await context.commands.send(ids.identity, update, command)
    except ProcedureGoneError:
        state = (await _kit(context, ids)).state
        if state in OVER:
            raise WrongState(state=state) from None
        raise Unavailable(retry_after=_STILL_BEGINNING_SECONDS) from None
    return await once.answer(await _kit(context, ids))


async def _contract(
    connection: AsyncConnection, tenant_id: str, customer_id: str, contract_number: str
) -> Row[tuple[Contract]]:
    """Raises: NotFound: the customer has no such contract."""
    found = await connection.execute(
        select(Contract.__table__).where(
            Contract.tenant_id == tenant_id,
            Contract.customer_id == customer_id,
            Contract.contract_number == contract_number,
        )
    )
    row: Row[tuple[Contract]] | None = found.first()
    if row is None:
        raise NotFound
    return row


def _is_ending(contract: Row[tuple[Contract]]) -> bool:
    is_cancelled = contract.status == ContractStatus.CANCELLED and contract.ended_at is None
    return bool(is_cancelled and contract.includes_utm)


async def _coming(connection: AsyncConnection, contract: Row[tuple[Contract]]) -> list[ShownKit]:
    """Computed, not stored: cancelling a contract of many devices writes nothing for each."""
    tenant = await connection.execute(
        select(Tenant.time_zone, Tenant.country).where(Tenant.tenant_id == contract.tenant_id)
    )
    zone, country = tenant.one()
    requested_at = kit_requested_at(contract.cancellation_date, zone, is_business_day(country))
    utms = await contract_utms.of_contract(connection, contract.tenant_id, contract.contract_number)
    return [
        ShownKit(
            utm_id=utm.utm_id,
            utm_name=utm.name,
            state=ReturnKitState.PLANNED,
            requested_at=requested_at,
            postal_code=utm.postal_code,
            address=utm.address,
        )
        for utm in utms
    ]


async def _kits(connection: AsyncConnection, contract: Row[tuple[Contract]]) -> list[ShownKit]:
    latest = (
        select(Kits.ended_on)
        .where(Kits.tenant_id == contract.tenant_id, Kits.contract_number == contract.contract_number)
        .order_by(Kits.ended_on.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(Kits.__table__, Shipment.carrier, Shipment.waybill_number)
        .join(
            Shipment,
            (Shipment.tenant_id == Kits.tenant_id) & (Shipment.shipment_id == Kits.shipment_id),
            isouter=True,
        )
        .where(
            Kits.tenant_id == contract.tenant_id,
            Kits.contract_number == contract.contract_number,
            Kits.ended_on == latest,
        )
        .order_by(Kits.utm_id)
    )
    return [ShownKit.model_validate(row._asdict()) for row in await connection.execute(query)]


async def _kit(context: Context, ids: KitIds) -> ShownKit:
    async with context.database.transaction(ids.tenant_id) as connection:
        contract = await _contract(connection, ids.tenant_id, ids.customer_id, ids.contract_number)
        kits = await _kits(connection, contract)
    return next(kit for kit in kits if kit.utm_id == ids.utm_id)
