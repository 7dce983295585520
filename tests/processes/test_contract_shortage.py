"""The contract-shortage notice on the world clock (SET-09, SET-02)."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from httpx2 import AsyncClient
from sqlalchemy import delete, insert, select, update
from temporalio.service import RPCError

from models.tables.applications import ServiceApplication
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.tables.procedures import Mail
from models.tables.tenants import NotificationAddress, Tenant
from tests.api.test_customers import CUSTOMERS, created
from tests.utm_customers import applied, contract
from tests.world import NOTIFIED, TENANT, World, eventually, make_tenant
from workflows import schedules

TOKYO = "Asia/Tokyo"
SETTINGS = f"/v1/tenants/{TENANT}/settings"
PLACE: dict[str, Any] = {"postal_code": "105-0001", "prefecture": "東京都", "address": "港区芝1-2-3"}

pytestmark = pytest.mark.requirement("SET-09")


@pytest.fixture
async def customer_id(api: AsyncClient, staff: dict[str, str], world: World) -> str:
    """Of a customer that applied for five UTMs in two places, in a tenant without days of grace."""
    await schedules.keep(world.client, world.task_queue, world_clock=True)
    await schedules.keep_in(world.client, world.task_queue, TOKYO, world_clock=True)
    await api.patch(SETTINGS, json={"shortage_grace_days": 0}, headers=staff)
    customer_id = str((await created(api, staff))["customer_id"])
    await applied(world, customer_id, [{**PLACE, "quantity": 2}, {**PLACE, "quantity": 3}])
    return customer_id


async def next_nine(world: World, zone: str = TOKYO) -> datetime:
    now = (await world.clock.now()).astimezone(ZoneInfo(zone))
    nine = datetime.combine(now.date(), time(9), ZoneInfo(zone))
    return (nine if nine > now else nine + timedelta(days=1)).astimezone(UTC)


async def day_passes(world: World) -> None:
    """To the next 09:00, and until nothing that recurs is still under way."""
    nine = await next_nine(world)
    await world.advance_to(nine)

    async def is_done() -> bool:
        try:
            due = await schedules.next_on_world_clock(world.client)
        except RPCError:
            return False  # a worker that has just been killed answers nothing
        return due is not None and due > nine

    await eventually(is_done)


async def notices(world: World, tenant_id: str = TENANT) -> list[str]:
    """The customers that each notice in the ledger names, the first notice first."""
    async with world.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(Mail.values).where(Mail.template == "contract_shortage").order_by(Mail.sequence)
        )
        return [values["CustomerIDs"] for values in found.scalars()]


async def test_who_has_fewer_utms_under_contract_is_named_every_day_at_nine(world: World, customer_id: str) -> None:
    """Not a second before; one mail a day to each notification address, and none once contracts cover them."""
    await world.advance_to(await next_nine(world) - timedelta(seconds=1))
    assert await notices(world) == []
    await day_passes(world)
    assert await notices(world) == [customer_id]
    [subject] = await world.mails_to(NOTIFIED, 1)
    assert "1社" in subject
    assert customer_id in world.mails.to(NOTIFIED)[0].text
    day = (await world.clock.now()).astimezone(ZoneInfo(TOKYO)).date()
    procedure_id = f"contract-shortage-{TENANT}-{day}"
    assert await world.timeline(procedure_id) == ["contract_shortage_told"]
    assert await world.standing(procedure_id) == ("told", None, [])
    await contract(world, customer_id, utm_quantity=4)
    await day_passes(world)
    assert len(await notices(world)) == 2
    await contract(world, customer_id, utm_quantity=1, start_date=datetime(2999, 1, 1, tzinfo=UTC).date())
    await day_passes(world)
    assert len(await notices(world)) == 2


async def test_a_contract_that_has_ended_covers_nothing(world: World, customer_id: str) -> None:
    """And one whose last day is still to come does."""
    tomorrow = (await world.clock.now()).date() + timedelta(days=2)
    number = await contract(world, customer_id, utm_quantity=5, status="cancelled", cancellation_date=tomorrow)
    await day_passes(world)
    assert await notices(world) == []
    async with world.database.transaction(TENANT) as connection:
        ending = update(Contract).where(Contract.contract_number == number)
        await connection.execute(ending.values(ended_at=await world.clock.now()))
    await day_passes(world)
    assert await notices(world) == [customer_id]


@pytest.mark.requirement("SET-02")
async def test_a_new_customer_is_left_out_for_the_tenants_days_of_grace(
    world: World, customer_id: str, api: AsyncClient, staff: dict[str, str]
) -> None:
    """Created on day D, checked from D + n on."""
    await api.patch(SETTINGS, json={"shortage_grace_days": 2}, headers=staff)
    async with world.database.transaction(TENANT) as connection:
        today = (await next_nine(world)).astimezone(ZoneInfo(TOKYO)).date()
        last_instant = datetime.combine(today, time(0), ZoneInfo(TOKYO)) - timedelta(seconds=1)
        await connection.execute(update(Customer).values(created_at=last_instant))  # D is yesterday
    await day_passes(world)
    assert await notices(world) == []
    await day_passes(world)
    assert await notices(world) == [customer_id]


async def test_the_operator_exempts_a_customer_and_takes_it_in_again(
    world: World, customer_id: str, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    url = f"{CUSTOMERS}/{customer_id}"
    assert (await api.put(f"{url}/shortage-exemption", json={"exempt": True}, headers=staff)).status_code == 403
    answer = await api.put(f"{url}/shortage-exemption", json={"exempt": True}, headers=operator)
    assert answer.json() == {"customer_id": customer_id, "exempt": True}
    read = await api.get(url, headers=staff)
    assert (read.json()["shortage_exempt"], read.headers["ETag"]) == (True, answer.headers["ETag"])
    await day_passes(world)
    assert await notices(world) == []
    again = await api.put(f"{url}/shortage-exemption", json={"exempt": False}, headers=operator)
    assert again.json()["exempt"] is False
    await day_passes(world)
    assert await notices(world) == [customer_id]


async def test_an_undecided_application_and_a_deleted_customer_are_not_short_of_contracts(
    world: World, customer_id: str, api: AsyncClient, staff: dict[str, str]
) -> None:
    other = str((await created(api, staff))["customer_id"])
    await applied(world, other, [{**PLACE, "quantity": 1}], state="unapproved")
    assert (await api.delete(f"{CUSTOMERS}/{customer_id}", headers=staff)).status_code == 204
    await day_passes(world)
    assert await notices(world) == []


@pytest.mark.requirement("SET-07")
@pytest.mark.usefixtures("customer_id")
async def test_nobody_is_written_to_without_a_notification_address(world: World) -> None:
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(delete(NotificationAddress))
    await day_passes(world)
    assert await notices(world) == []


@pytest.mark.requirement("SET-08", "GEN-08")
@pytest.mark.usefixtures("customer_id")
async def test_a_refused_mail_waits_for_the_operator_and_the_other_address_has_its_own(
    world: World, api: AsyncClient, operator: dict[str, str]
) -> None:
    """And the next day's notice comes all the same."""
    async with world.database.transaction(TENANT) as connection:
        second = insert(NotificationAddress).values(tenant_id=TENANT, slot=1, mail_address="second@partner.example")
        await connection.execute(second)
    world.mails.answer = lambda recipient: "550 no such mailbox" if recipient == NOTIFIED else None
    await day_passes(world)
    await world.mails_to("second@partner.example", 1)

    async def somebody_is_asked() -> bool:
        waiting = (await api.get("/v1/attention", headers=operator)).json()["items"]
        return [one["kind"] for one in waiting] == ["contract-shortage"]

    await eventually(somebody_is_asked)
    await day_passes(world)
    await world.mails_to("second@partner.example", 2)


@pytest.mark.requirement("GEN-01", "GEN-05")
async def test_each_zones_tenants_are_told_at_their_own_nine_of_their_own_customers(
    world: World, customer_id: str, operator: dict[str, str], api: AsyncClient
) -> None:
    """A new zone is kept from the moment a tenant has it."""
    other, zone = "T9000000", "America/New_York"
    await make_tenant(world.database, other, await world.clock.now())
    changed = await api.patch(f"/v1/tenants/{other}", json={"time_zone": zone}, headers=operator)
    assert changed.status_code == 200
    async with world.database.transaction(other) as connection:
        await connection.execute(update(Tenant).values(shortage_grace_days=0))
    await applied_elsewhere(world, other)
    nine = await next_nine(world, zone)
    await world.advance_to(nine - timedelta(seconds=1))
    assert await notices(world, other) == []
    await world.advance_to(nine)

    async def is_told() -> bool:
        return await notices(world, other) == ["A99999999"]

    await eventually(is_told)
    assert set(await notices(world)) <= {customer_id}


async def applied_elsewhere(world: World, tenant_id: str) -> None:
    """A customer of another tenant, with an application for one UTM and no contract."""
    async with world.database.transaction(TENANT) as connection:
        row = (await connection.execute(select(Customer.__table__))).one()._asdict()
        application = (await connection.execute(select(ServiceApplication.__table__))).one()._asdict()
    async with world.database.transaction(tenant_id) as connection:
        number = {"application_number": "AAP-OTHER000"}
        await connection.execute(insert(ServiceApplication).values(application | number | {"tenant_id": tenant_id}))
        whose = {"tenant_id": tenant_id, "customer_id": "A99999999"}
        await connection.execute(insert(Customer).values(row | number | whose))
