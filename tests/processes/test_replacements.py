"""What is sent for a contract: again after an undo (UND-03), and once however often its worker dies (GEN-03)."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from activities.contract import ContractActivities
from activities.records import Records
from models.links import LinkKey
from models.messages.contract_steps import Delivery
from models.messages.procedure import Identity, Step
from models.tables.contracts import Contract
from models.tables.shipments import Shipment
from models.vocabulary import ProcedureKind
from settings import Settings
from tests.conftest import Postgres
from tests.contracts import DESTINATION, Office, early_in_a_month, open_office
from tests.processes.test_return_kit import UTM_ID, register
from tests.shipping import CONTACT, report
from tests.world import PATIENCE, TENANT, World, eventually


@pytest.fixture
async def office(api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]) -> Office:
    await early_in_a_month(world)
    return await open_office(api, world, staff, operator)


async def sent(office: Office) -> list[tuple[str | None, str]]:
    async with office.world.database.transaction(TENANT) as connection:
        rows = await connection.execute(
            select(Shipment.utm_id, Shipment.state).where(Shipment.kind == "delivery").order_by(Shipment.number)
        )
        return [(row.utm_id, row.state) for row in rows]


async def at_sent(office: Office, *expected: tuple[str | None, str]) -> None:
    async def so() -> bool:
        return await sent(office) == [*expected]

    await eventually(so)


@pytest.mark.requirement("UND-03", "SHP-05")
async def test_a_replacement_that_a_cancellation_stopped_is_sent_by_its_undo(
    office: Office, operator: dict[str, str]
) -> None:
    """The device is the customer's: stopped like the first delivery, it goes out again like that one, once."""
    number = (await office.apply(shipping_required=True, destination=DESTINATION))["contract_number"]
    await at_sent(office, (None, "requested"))
    await report(office.api, operator, f"{TENANT}-{number}-1", "1", "delivered")
    await register(office)
    await office.cancel(number, (await office.today()).isoformat())
    await office.world.advance(days=8)
    status, kit = await office.post(number, f"return-kits/{UTM_ID}/received")
    assert status == 200, kit
    assert (await office.post(number, "undo-cancellation"))[0] == 200
    delivered, stopped = (None, "delivered"), (UTM_ID, "stopped")
    await at_sent(office, delivered, (UTM_ID, "requested"))
    for _ in range(2):
        before = [one for one in await sent(office) if one[1] == "stopped"]
        await office.cancel(number, await office.in_days(10), stop_shipment=True)
        await at_sent(office, delivered, *before, stopped)
        assert (await office.post(number, "undo-cancellation"))[0] == 200
        await at_sent(office, delivered, *before, stopped, (UTM_ID, "requested"))
    await office.world.advance_to(await office.world.clock.now() + timedelta(days=2))
    assert len(await sent(office)) == 4


@pytest.mark.requirement("UND-03", "CUS-05")
async def test_where_a_replacement_goes_is_kept_where_it_can_be_erased(
    office: Office, postgres: Postgres, database_name: str
) -> None:
    """In the shipment's row: the audit log, which keeps every step's answer for good, names the shipment."""
    number = (await office.apply(shipping_required=True, destination=DESTINATION))["contract_number"]
    await register(office)
    await office.cancel(number, (await office.today()).isoformat())
    await office.world.advance(days=8)
    assert (await office.post(number, f"return-kits/{UTM_ID}/received"))[0] == 200
    assert (await office.post(number, "undo-cancellation"))[0] == 200

    async def is_asked_for() -> bool:
        return (UTM_ID, "requested") in await sent(office)

    await eventually(is_asked_for)
    with psycopg.connect(postgres.url("postgres", database_name)) as connection:
        log = str(connection.execute("SELECT * FROM audit_entries").fetchall())
        [(destination,)] = connection.execute(
            "SELECT destination FROM shipments WHERE utm_id IS NOT NULL AND kind = 'delivery'"
        ).fetchall()
    assert "return_kits_undone" in log
    assert destination["address"] == "東京都港区虎ノ門1-2-3"
    assert not any(value and value in log for value in destination.values())


@pytest.mark.requirement("SHP-01", "GEN-02")
async def test_a_delivery_is_told_once_more_to_whoever_died_before_its_procedure_began(
    office: Office, settings: Settings
) -> None:
    """What the errand looked up first stands in no history then: it looks again, and its own row is there already."""
    number = (await office.apply(shipping_required=True, destination=DESTINATION))["contract_number"]
    await at_sent(office, (None, "requested"))
    link_key = LinkKey(settings.link_key.get_secret_value().encode())
    steps = ContractActivities(Records(office.world.database, settings.durations, link_key))
    async with office.world.database.transaction(TENANT) as connection:
        applied_at = await connection.scalar(select(Contract.applied_at).where(Contract.contract_number == number))
    assert applied_at is not None
    step = Step(
        identity=Identity.of(ProcedureKind.CONTRACT, TENANT, number), step="apply", at=applied_at, actor="staff"
    )
    again = (await steps.find_delivery(step)).new
    assert again is not None
    assert again.destination is not None
    assert (again.shipment_id, again.destination.address) == (f"{TENANT}-{number}-1", DESTINATION["address"])
    later = step.model_copy(update={"at": applied_at + timedelta(seconds=1)})
    assert await steps.find_delivery(later) == Delivery()


async def kit_sent(office: Office, operator: dict[str, str]) -> tuple[str, str]:
    """The number of a contract that has ended, and the sending that is to fetch its device."""
    number = (await office.apply(shipping_required=True, destination=DESTINATION))["contract_number"]
    await at_sent(office, (None, "requested"))
    await report(office.api, operator, f"{TENANT}-{number}-1", "1", "delivered")
    await register(office)
    await office.cancel(number, (await office.today()).isoformat())
    await office.world.advance(days=8)
    [kit] = await kits_of(office, number)
    await report(office.api, operator, kit["shipment_id"], "2", "shipped")
    await eventually(lambda: any("回収キット発送" in mail.subject for mail in office.world.mails.to(CONTACT)))
    return number, kit["shipment_id"]


async def kits_of(office: Office, number: str) -> list[dict[str, Any]]:
    answer = await office.api.get(f"{office.url}/{number}/return-kits", headers=office.headers)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def undone(office: Office, number: str) -> None:
    status, answer = await office.post(number, "undo-cancellation")
    assert status == 200, answer


_DELIVERED, _SENT_AGAIN = (None, "delivered"), (UTM_ID, "requested")


@pytest.mark.requirement("UND-03", "UND-06", "GEN-03", "GEN-04")
@pytest.mark.parametrize("ended", [False, True])
async def test_a_device_that_comes_back_after_its_kit_was_recalled_is_sent_again_once(
    office: Office, operator: dict[str, str], *, ended: bool
) -> None:
    """Whether the kit's procedure is under way or has ended; however often, and by whomever, the return is told."""
    number, kit = await kit_sent(office, operator)
    if ended:
        await undone(office, number)
        [shown] = await kits_of(office, number)
        await office.world.advance(hours=2)  # a mail that met another on its way to the customer is sent by then
        async with asyncio.timeout(PATIENCE):
            await office.world.client.get_workflow_handle(shown["procedure_id"]).result()
    else:
        office.world.mails.answer = lambda _: "451 not now"  # the recall waits for its mail
        await undone(office, number)
    for event in ("3", "3", "4"):
        await report(office.api, operator, kit, event, "returned")
    await at_sent(office, _DELIVERED, _SENT_AGAIN)
    status, shown = await office.post(number, f"return-kits/{UTM_ID}/received")
    assert (status, shown["state"]) == (200, "recalled"), shown
    await report(office.api, operator, f"{TENANT}-{number}-2", "5", "shipped")
    assert await sent(office) == [_DELIVERED, (UTM_ID, "shipped")]
    shipment = (await office.api.get(f"{office.url}/{number}/shipment", headers=office.headers)).json()
    assert (shipment["utm_id"], shipment["destination"]["address"]) == (UTM_ID, "東京都港区虎ノ門1-2-3")
    for procedure_id in (f"contract-{TENANT}-{number}", (await kits_of(office, number))[0]["procedure_id"]):
        assert (await office.world.timeline(procedure_id)).count("replacement_requested") == 1


@pytest.mark.requirement("UND-03", "GEN-03")
async def test_staff_who_find_a_recalled_device_in_the_house_have_it_sent_again(
    office: Office, operator: dict[str, str]
) -> None:
    number, _ = await kit_sent(office, operator)
    await undone(office, number)
    for _ in range(2):
        status, shown = await office.post(number, f"return-kits/{UTM_ID}/received")
        assert (status, shown["state"]) == (200, "recalled"), shown
        assert shown["received_at"] is not None
    await at_sent(office, _DELIVERED, _SENT_AGAIN)


@pytest.mark.requirement("UND-03", "UND-06")
async def test_a_recalled_device_that_comes_back_to_a_contract_cancelled_again_is_sent_by_that_one_s_undo(
    office: Office, operator: dict[str, str]
) -> None:
    """Once; nothing goes to a customer who has cancelled."""
    number, kit = await kit_sent(office, operator)
    await undone(office, number)
    await office.cancel(number, await office.in_days(2))
    await report(office.api, operator, kit, "3", "returned")
    assert await sent(office) == [_DELIVERED]
    for begun in (1, 0):
        told = (await office.post(number, "undo-cancellation", dry_run=True))[1]["consequences"]
        assert [one["what"] for one in told].count("shipment_begins") == begun
        await undone(office, number)
        await at_sent(office, _DELIVERED, _SENT_AGAIN)
        await office.cancel(number, await office.in_days(2))
    await report(office.api, operator, f"{TENANT}-{number}-2", "4", "shipped")
    assert await sent(office) == [_DELIVERED, (UTM_ID, "shipped")]
