"""A customer with its contracts and devices: status, page, and when it may be deleted (CUS-03, CUS-05, CUS-06)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import insert, select

from models.tables.devices import Restart
from models.tables.shipments import ReturnKit, Shipment
from models.tables.utms import Utm
from tests.api.test_customers import CUSTOMERS, names, people_in_the_database
from tests.contracts import DESTINATION, Office, open_office
from tests.utm_customers import UTM, applied
from tests.world import TENANT, World, eventually

JAPAN = timedelta(hours=9)


@pytest.fixture
async def office(api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]) -> Office:
    return await open_office(api, world, staff, operator)


async def customer(office: Office) -> Any:
    return (await office.api.get(f"{CUSTOMERS}/{office.customer_id}", headers=office.headers)).json()


async def deletion(office: Office, language: str = "en", *, dry_run: bool = False) -> Response:
    headers = {**office.headers, "Accept-Language": language}
    query = {"dry_run": "true"} if dry_run else {}
    return await office.api.delete(f"{CUSTOMERS}/{office.customer_id}", headers=headers, params=query)


async def advance_to(world: World, day: date) -> None:
    """To the first instant of the day in Japan."""
    await world.advance_to(datetime(day.year, day.month, day.day, tzinfo=UTC) - JAPAN)


@pytest.mark.requirement("CUS-03", "CUS-04", "CON-10")
async def test_the_status_follows_the_contracts_and_lists_find_it(office: Office, world: World) -> None:
    """Active as soon as one is applied for, cancelled once the last day of service is over."""
    assert (await customer(office))["status"] == "draft"
    number = (await office.apply(start_date=await office.in_days(3)))["contract_number"]
    assert await names(office.api, office.headers, "status=active") == ["みなと商事"]
    await office.cancel(number, await office.in_days(5))
    assert (await customer(office))["status"] == "active"
    await advance_to(world, await office.today() + timedelta(days=6))

    async def is_cancelled() -> bool:
        return await names(office.api, office.headers, "status=cancelled") == ["みなと商事"]

    await eventually(is_cancelled)
    assert await names(office.api, office.headers, "status=active") == []


@pytest.mark.requirement("CUS-05", "CAN-03")
async def test_a_deletion_waits_for_devices_contracts_and_the_fifth_of_the_next_month(
    office: Office, world: World
) -> None:
    """The refusal names what stands in the way and, once it is known, the first day."""
    await advance_to(world, (await office.today()).replace(day=1) + timedelta(days=70))
    number = (await office.apply())["contract_number"]
    user = {"last_name": "山田", "first_name": "花子", "mail_address": "hanako@minato.example"}
    await office.api.post(f"{CUSTOMERS}/{office.customer_id}/users", json=user, headers=office.headers)
    await office.api.post(f"{CUSTOMERS}/{office.customer_id}/utms", json=UTM, headers=office.headers)
    refused = await deletion(office)
    assert refused.status_code == 409
    assert refused.json()["deletion_blockers"] == ["utm", "contract_in_force"]
    assert refused.json()["deletable_from"] is None
    last_day = (await office.today() + timedelta(days=40)).replace(day=28)
    await office.cancel(number, last_day.isoformat())
    first = (last_day + timedelta(days=10)).replace(day=5)
    shown = await customer(office)
    assert (shown["deletion_blockers"], shown["deletable_from"]) == (["utm", "contract_in_force"], first.isoformat())
    await office.api.delete(f"{CUSTOMERS}/{office.customer_id}/utms/{UTM['utm_id']}", headers=office.headers)
    await advance_to(world, first - timedelta(days=1))
    last = await deletion(office)
    assert last.json()["deletion_blockers"] == ["contract_ended_recently"]
    assert first.isoformat() in last.json()["detail"]
    assert first.isoformat() in (await deletion(office, "ja")).json()["detail"]
    listed = (await office.api.get(CUSTOMERS, headers=office.headers)).json()["items"]
    assert [item["deletable_from"] for item in listed] == [first.isoformat()]
    blocked = await deletion(office, dry_run=True)
    assert (blocked.status_code, blocked.json()["deletion_blockers"]) == (409, ["contract_ended_recently"])
    await advance_to(world, first)
    foreseen = await deletion(office, dry_run=True)
    assert foreseen.status_code == 200
    assert [one["what"] for one in foreseen.json()["consequences"]] == ["portal_users_removed", "customer_erased"]
    assert (await customer(office))["company_name"] == "みなと商事"
    assert (await deletion(office)).status_code == 204


@pytest.mark.requirement("CUS-05")
async def test_a_deletion_empties_contracts_devices_and_parcels_and_the_contract_comes_to_its_end(
    office: Office, world: World
) -> None:
    """Nobody is named any more, and what the calendar still brings to the contract finds nobody missing."""
    body = {"shipping_required": True, "destination": DESTINATION, "memo1": "山田さま"}
    number = (await office.apply(**body))["contract_number"]
    url = f"{CUSTOMERS}/{office.customer_id}/utms"
    await office.api.post(url, json={**UTM, "name": "山田席"}, headers=office.headers)
    await office.api.delete(f"{url}/{UTM['utm_id']}", headers=office.headers)
    await add_parcels(world, office, number)
    last_day = await office.today()
    await office.cancel(number, last_day.isoformat())
    await advance_to(world, (last_day.replace(day=1) + timedelta(days=31)).replace(day=5))
    assert (await deletion(office)).status_code == 204
    assert await people_in_the_database(world) == []
    await world.advance(days=31)
    identity = f"contract-{TENANT}-{number}"

    async def has_ended() -> bool:
        return (await world.standing(identity))[2] == []

    await eventually(has_ended)
    assert (await world.timeline(identity))[-1] == "portal_days_over"


async def add_parcels(world: World, office: Office, number: str) -> None:
    """As a shipment and a kit that went to the customer are kept, and what a device has said of itself."""
    now = await world.clock.now()
    whose = {"tenant_id": TENANT, "customer_id": office.customer_id, "contract_number": number, "procedure_id": "p"}
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(
            insert(Shipment).values(
                **whose,
                shipment_id=f"{TENANT}-x",
                kind="delivery",
                number=9,
                product_name="UTM",
                destination=DESTINATION,
                state="delivered",
                requested_at=now,
            )
        )
        registration_id = await connection.scalar(select(Utm.registration_id))
        await connection.execute(
            insert(Restart).values(
                tenant_id=TENANT,
                restart_id="r",
                registration_id=registration_id,
                utm_id="a1a1b2b2c3c4",
                state="failed",
                is_scheduled=True,
                at=now,
                requested_at=now,
                requested_by="staff:x",
                detail="山田席から応答なし",
            )
        )
        await connection.execute(
            insert(ReturnKit).values(
                **whose,
                utm_id="a1a1b2b2c3c4",
                ended_on=now.date(),
                utm_name="山田席",
                product_name="UTM",
                state="closed",
                postal_code="105-0001",
                address="山田ビル1-1",
                requested_at=now,
            )
        )


@pytest.mark.requirement("CUS-06")
async def test_the_page_gathers_contracts_devices_and_the_offered_addresses(office: Office, world: World) -> None:
    """With the contract among the open procedures, and when it goes on."""
    place = {"postal_code": "105-0001", "prefecture": "東京都", "address": "港区虎ノ門1-2-3", "quantity": 2}
    await applied(world, office.customer_id, [place])
    number = (await office.apply())["contract_number"]
    await office.api.post(f"{CUSTOMERS}/{office.customer_id}/utms", json=UTM, headers=office.headers)
    page = await customer(office)
    assert [(one["contract_number"], one["status"]) for one in page["contracts"]] == [(number, "active")]
    assert [(one["utm_id"], one["contract_number"]) for one in page["utms"]] == [(UTM["utm_id"], number)]
    assert [one["address"] for one in page["offered_addresses"]] == ["港区虎ノ門1-2-3"]
    [procedure] = page["open_procedures"]
    assert (procedure["kind"], bool(procedure["next"])) == ("contract", True)
