"""Devices that come back although the cancellation that asked for them was undone: they go out again (UND-03, UND-06).

The customer was told to keep the device, and sent it all the same. A contract that goes on then lacks it, until it, or
another one, is shipped; one that has been cancelled again gets it when that cancellation is undone too.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.return_kit_rows import KitRow, home_of_device
from models import audit, shipments
from models.audit import Fact
from models.messages.procedure import Identity, Step
from models.messages.shipment_steps import NewShipment, ShipmentStart
from models.rules.kit_decisions import UNDONE
from models.tables.contracts import Contract
from models.tables.shipments import ReturnKit, Shipment
from models.vocabulary import ContractStatus, ParcelKind, ProcedureKind


async def not_replaced(
    connection: AsyncConnection, tenant_id: str, contract_number: str, *, but_at: datetime | None = None
) -> list[KitRow]:
    """The undone kits of the contract whose devices are here, and were not asked for since; of each device one.

    `but_at`: what was asked for at this very instant is not looked at.
    """
    sent_since = exists().where(
        Shipment.tenant_id == ReturnKit.tenant_id,
        Shipment.contract_number == ReturnKit.contract_number,
        Shipment.kind == ParcelKind.DELIVERY,
        Shipment.utm_id == ReturnKit.utm_id,
        Shipment.requested_at >= ReturnKit.received_at,
        true() if but_at is None else Shipment.requested_at != but_at,
    )
    found = await connection.execute(
        select(ReturnKit.__table__)
        .where(
            ReturnKit.tenant_id == tenant_id,
            ReturnKit.contract_number == contract_number,
            ReturnKit.state.in_(UNDONE),
            ReturnKit.received_at.is_not(None),
            ~sent_since,
        )
        .order_by(ReturnKit.utm_id, ReturnKit.ended_on)
    )
    return list({kit.utm_id: kit for kit in found}.values())


async def replace(connection: AsyncConnection, message: Step, kit: KitRow) -> ShipmentStart | None:
    """Ask for the device to be sent again, in the transaction that learns that it is here; the contract tells it too.

    None: nothing is to be sent. The contract is locked, so that an undo at the same moment knows of the device, or is
    known of here.
    """
    if kit.state not in UNDONE or kit.received_at is None:
        return None
    contract = await _locked(connection, kit)
    lacking = [one.utm_id for one in await not_replaced(connection, kit.tenant_id, kit.contract_number)]
    if contract.status != ContractStatus.ACTIVE or kit.utm_id not in lacking:
        return None
    sent = await shipments.deliveries(connection, kit.tenant_id, kit.contract_number)
    new = await to_send(connection, kit, 1 + max((one.number for one in sent), default=0))
    await shipments.request(connection, new, message.at)
    for identity in (message.identity, Identity.of(ProcedureKind.CONTRACT, kit.tenant_id, kit.contract_number)):
        fact = Fact(
            tenant_id=kit.tenant_id,
            at=message.at,
            actor=message.actor,
            what="replacement_requested",
            subject=identity.subject,
            procedure_id=identity.procedure_id,
        )
        await audit.record(connection, fact)
    return ShipmentStart(identity=new.identity, shipment_id=new.shipment_id)


async def to_send(connection: AsyncConnection, kit: KitRow, number: int) -> NewShipment:
    """To where the device was installed."""
    return NewShipment(
        tenant_id=kit.tenant_id,
        contract_number=kit.contract_number,
        customer_id=kit.customer_id,
        product_name=kit.product_name,
        destination=await home_of_device(connection, kit),
        number=number,
        utm_id=kit.utm_id,
    )


async def _locked(connection: AsyncConnection, kit: KitRow) -> Row[Any]:
    found = await connection.execute(
        select(Contract.status)
        .where(Contract.tenant_id == kit.tenant_id, Contract.contract_number == kit.contract_number)
        .with_for_update()
    )
    return found.one()
