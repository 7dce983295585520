"""Shipments as tests speak of them: a customer, a parcel on its way, and what the carrier reports."""

from datetime import datetime
from typing import Any

from httpx2 import AsyncClient
from sqlalchemy import select

from models import shipments
from models.messages.shipment_steps import Destination, NewShipment, ShipmentStart
from models.tables.procedures import Procedure
from models.tables.shipments import Shipment as Parcels
from tests.api.test_customers import created
from tests.world import TENANT, World, eventually
from workflows.shipment import Shipment

CONTRACT = "A-S00000007"
CONTACT = "taro@minato.example"
HOME = Destination(
    company_name="株式会社みなと商事",
    last_name="山田",
    first_name="太郎",
    postal_code="105-0011",
    prefecture="東京都",
    address="港区芝公園4-2-8",
    phone_number="0312345678",
)


async def shipped(world: World, api: AsyncClient, staff: dict[str, str]) -> NewShipment:
    """A shipment that the carrier has been asked for."""
    customer = await created(api, staff)
    new = NewShipment(
        tenant_id=TENANT,
        contract_number=CONTRACT,
        customer_id=customer["customer_id"],
        product_name="まもるUTM スタンダード",
        destination=HOME,
    )
    async with world.database.transaction(TENANT) as connection:
        await shipments.request(connection, new, await world.clock.now())
    await world.client.start_workflow(
        Shipment.run,
        ShipmentStart(identity=new.identity, shipment_id=new.shipment_id),
        id=new.identity.procedure_id,
        task_queue=world.task_queue,
    )
    return new


async def report(
    api: AsyncClient, operator: dict[str, str], shipment_id: str, event_id: str, state: str, **more: Any
) -> dict[str, Any]:
    answer = await api.post(
        f"/v1/carrier/shipments/{shipment_id}/events",
        json={"event_id": event_id, "state": state, **more},
        headers=operator,
    )
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def parcel(world: World, shipment_id: str) -> Any:
    async with world.database.transaction(TENANT) as connection:
        found = await connection.execute(select(Parcels.__table__).where(Parcels.shipment_id == shipment_id))
        return found.one()


async def attention_of(world: World, procedure_id: str) -> list[str]:
    """The steps that wait for an operator."""
    async with world.database.transaction(TENANT) as connection:
        found = await connection.execute(select(Procedure.attention).where(Procedure.procedure_id == procedure_id))
        return [stuck["step"] for stuck in found.scalar_one() or []]


async def at_attention(world: World, procedure_id: str, *steps: str) -> None:
    async def waits() -> bool:
        return await attention_of(world, procedure_id) == list(steps)

    await eventually(waits)


def local(instant: str) -> datetime:
    """An instant as it is written in Tokyo."""
    return datetime.fromisoformat(f"{instant}+09:00")
