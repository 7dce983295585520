"""Many UTMs restarted by one request: spread, watched, and cancelled as one (RST-08)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select, update

from models.device_vocabulary import DeviceCommandState
from models.rules.restarts import SLOT
from models.tables.devices import DeviceCommand
from tests.api.test_customers import CUSTOMERS, created
from tests.utm_customers import UTM, contract
from tests.world import TENANT, World, eventually

FLEETS = f"/v1/tenants/{TENANT}/fleet-restarts"
IDS = [f"{number:012x}" for number in range(5)]

pytestmark = pytest.mark.requirement("RST-08")


@pytest.fixture
async def customer(world: World, api: AsyncClient, staff: dict[str, str]) -> str:
    """With five registered UTMs."""
    customer_id: str = (await created(api, staff))["customer_id"]
    await contract(world, customer_id, utm_quantity=5)
    for utm_id in IDS:
        body = UTM | {"utm_id": utm_id, "customer_addresses": [f"{utm_id}@minato.example"]}
        answer = await api.post(f"{CUSTOMERS}/{customer_id}/utms", json=body, headers=staff)
        assert answer.status_code == 201, answer.text
    return customer_id


async def first_slot(world: World) -> datetime:
    now = await world.clock.now()
    return datetime.fromtimestamp((now.timestamp() // 900 + 4) * 900, UTC)


async def read(api: AsyncClient, staff: dict[str, str], fleet: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await api.get(f"{FLEETS}/{fleet}", headers=staff)).json()
    return shown


async def ask(api: AsyncClient, staff: dict[str, str], **body: Any) -> str:
    answer = await api.post(FLEETS, json=body, headers=staff)
    assert answer.status_code == 202, answer.text
    fleet: str = answer.json()["fleet_restart_id"]

    async def is_spread() -> bool:
        return "planned" not in (await read(api, staff, fleet))["counts"]

    await eventually(is_spread)
    return fleet


async def test_a_fleet_is_spread_over_slots_and_over_when_each_restart_is(
    world: World, api: AsyncClient, staff: dict[str, str], customer: str
) -> None:
    """Two in a slot; every customer is told; those that nobody confirmed have failed."""
    at = await first_slot(world)
    fleet = await ask(api, staff, customer_id=customer, at=at.isoformat(), per_slot=2)
    shown = await read(api, staff, fleet)
    assert [datetime.fromisoformat(item["at"]) for item in shown["items"]] == [
        at, at, at + SLOT, at + SLOT, at + 2 * SLOT,
    ]  # fmt: skip
    assert (shown["state"], shown["counts"]) == ("in_progress", {"scheduled": 5})
    for utm_id in IDS:
        await world.mails_to(f"{utm_id}@minato.example", 1)
    await world.advance_to(at + 2 * SLOT + timedelta(minutes=15, seconds=1))

    async def is_over() -> bool:
        return bool((await read(api, staff, fleet))["state"] == "finished")

    await eventually(is_over)
    assert (await read(api, staff, fleet))["counts"] == {"failed": 5}
    await world.advance(hours=1)
    assert await world.standing(f"fleet-restart-{TENANT}-{fleet}") == ("finished", None, [])


@pytest.mark.usefixtures("customer")
async def test_it_is_cancelled_as_one_but_for_what_a_device_has(
    world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """Of the three named one has been handed over: it goes on, the others are taken back and told so."""
    at = await first_slot(world)
    fleet = await ask(api, staff, utm_ids=IDS[:3], at=at.isoformat(), per_slot=50)
    handed_over = (await read(api, staff, fleet))["items"][0]
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(
            update(DeviceCommand)
            .where(DeviceCommand.command_id == handed_over["restart_id"])
            .values(state=DeviceCommandState.OFFERED)
        )
    cancelled = await api.delete(f"{FLEETS}/{fleet}", headers=staff)
    assert cancelled.status_code == 200, cancelled.text
    assert cancelled.json()["state"] == "cancelled"
    assert cancelled.json()["counts"] == {"scheduled": 1, "cancelled": 2}
    for utm_id in IDS[1:3]:
        await world.mails_to(f"{utm_id}@minato.example", 2)
    async with world.database.transaction(TENANT) as connection:
        states = (await connection.execute(select(DeviceCommand.state).order_by(DeviceCommand.state))).scalars().all()
    assert states == ["offered", "withdrawn", "withdrawn"]
    again = await api.delete(f"{FLEETS}/{fleet}", headers=staff)
    assert (again.status_code, again.json()["state"]) == (409, "cancelled")


@pytest.mark.usefixtures("customer")
async def test_wrong_input_is_refused_by_name(api: AsyncClient, staff: dict[str, str]) -> None:
    """Nothing is planned."""
    body = {"utm_ids": [IDS[0], "ffffffffffff"], "at": "2000-01-01T00:00:00Z", "per_slot": 1}
    answer = await api.post(FLEETS, json=body, headers=staff)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [
        ("utm_ids.1", "no_utm"),
        ("at", "in_the_past"),
    ]
    for wrong in (0, 1001):
        answer = await api.post(FLEETS, json=body | {"per_slot": wrong}, headers=staff)
        assert "per_slot" in {error["field"] for error in answer.json()["errors"]}


@pytest.mark.requirement("RST-01", "RST-08")
@pytest.mark.usefixtures("customer")
async def test_a_fleet_whose_last_slot_is_too_far_ahead_is_refused(
    world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """Five UTMs and three slots until the ninety days are over: two in each."""
    end = await world.clock.now() + timedelta(days=90)
    last = end - timedelta(minutes=end.minute % 15, seconds=end.second, microseconds=end.microsecond)
    body = {"utm_ids": IDS, "at": (last - timedelta(minutes=30)).isoformat(), "per_slot": 1}
    answer = await api.post(FLEETS, json=body, headers=staff)
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("per_slot", "too_small")
    assert "2" in error["message"]
    assert (await api.post(FLEETS, json=body | {"per_slot": 2}, headers=staff)).status_code == 202


@pytest.mark.requirement("GEN-08")
@pytest.mark.usefixtures("customer")
async def test_an_operator_ends_a_fleet_restart_and_takes_all_of_it_back(
    world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    at = await first_slot(world)
    fleet = await ask(api, staff, utm_ids=IDS[:2], at=at.isoformat(), per_slot=50)
    handle = world.client.get_workflow_handle(f"fleet-restart-{TENANT}-{fleet}")
    await handle.cancel()
    await handle.result()
    assert (await read(api, staff, fleet))["counts"] == {"cancelled": 2}
