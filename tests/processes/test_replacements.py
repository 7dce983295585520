"""What is sent for a contract: again after an undo (UND-03), and once however often its worker dies (GEN-03)."""

from datetime import timedelta

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
from tests.shipping import report
from tests.world import TENANT, World, eventually


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
