"""What a contract sets going elsewhere, at its end and at its undo: shipments and return kits (SHP-05, UND-03)."""

from datetime import date, timedelta

import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert, select

from models.rules.periods import start_of_day
from models.tables.shipments import ReturnKit, Shipment
from models.tables.utms import Utm
from tests.contracts import DESTINATION, ZONE, Office, open_office
from tests.world import TENANT, World, eventually

_COUNT = 200


@pytest.fixture
async def office(api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]) -> Office:
    return await open_office(api, world, staff, operator)


async def register_utms(office: Office, number: str, count: int) -> None:
    now = await office.world.clock.now()
    rows = [
        {
            "tenant_id": TENANT,
            "registration_id": f"{index:032x}",
            "utm_id": f"{index:012x}",
            "customer_id": office.customer_id,
            "contract_number": number,
            "name": f"UTM {index}",
            "serial_number": f"{index:015d}",
            "postal_code": "105-0011",
            "address": "東京都港区芝公園4-2-8",
            "delivery_status": "納品済",
            "customer_addresses": ["alert@minato.example"],
            "service_desk_addresses": ["desk@partner.example"],
            "report_addresses": [],
            "token_digest": f"{index:064x}",
            "created_at": now,
        }
        for index in range(count)
    ]
    async with office.world.database.transaction(TENANT) as connection:
        await connection.execute(insert(Utm), rows)


async def shipments(office: Office) -> list[tuple[int, str]]:
    async with office.world.database.transaction(TENANT) as connection:
        rows = await connection.execute(select(Shipment.number, Shipment.state).order_by(Shipment.number))
        return [(row.number, row.state) for row in rows]


async def kits(office: Office) -> list[str]:
    async with office.world.database.transaction(TENANT) as connection:
        return [*(await connection.execute(select(ReturnKit.state))).scalars()]


@pytest.mark.requirement("UND-03")
async def test_a_stopped_shipment_is_made_anew_by_the_undo(office: Office) -> None:
    """Stopped at once when asked; each undo begins one, never two."""
    number = (await office.apply(shipping_required=True, destination=DESTINATION))["contract_number"]

    async def are(*expected: tuple[int, str]) -> None:
        async def so() -> bool:
            return await shipments(office) == [*expected]

        await eventually(so)

    await are((1, "requested"))
    await office.cancel(number, await office.in_days(10), stop_shipment=True)
    await are((1, "stopped"))
    status, _ = await office.post(number, "undo-cancellation")
    assert status == 200
    await are((1, "stopped"), (2, "requested"))


@pytest.mark.requirement("KIT-01", "KIT-05", "UND-03", "CAN-03", "CAN-04")
async def test_two_hundred_devices_have_a_kit_each_once_the_contract_has_ended(office: Office) -> None:
    """The cancellation writes nothing for them; its end plans all kits, and the undo stops them all."""
    today = await office.today()
    first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    await office.world.advance_to(start_of_day(first, ZONE) + timedelta(hours=9))
    number = (await office.apply())["contract_number"]
    await register_utms(office, number, _COUNT)
    answer = await office.cancel(number, await office.in_days(0))
    told = [one for one in answer["consequences"] if one["what"] == "return_kit_requested"]
    assert len(told) == _COUNT
    assert await kits(office) == []
    end = start_of_day(date.fromisoformat(answer["cancellation_date"]) + timedelta(days=1), ZONE)
    await office.world.advance_to(end + timedelta(seconds=1))

    async def all_are(state: str) -> bool:
        return await kits(office) == [state] * _COUNT

    await eventually(lambda: all_are("planned"), patience=60)
    status, undone = await office.post(number, "undo-cancellation")
    while status == 503:  # the worker is busy with two hundred new procedures, and the machine perhaps with others
        status, undone = await office.post(number, "undo-cancellation")
    assert status in {200, 202}, undone
    await eventually(lambda: all_are("stopped"), patience=60)
