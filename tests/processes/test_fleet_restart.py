"""Many UTMs restarted by one request: spread, watched, and cancelled as one (RST-08)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert, select, text, update
from temporalio.client import WorkflowUpdateStage

from activities import fleet_restart as activities
from activities.procedures import ProcedureActivities
from models.device_vocabulary import DeviceCommandState, RestartState
from models.identifiers import Draw, digest, secret_token
from models.messages.procedure import BeginProcedure, Command
from models.messages.restart_steps import FleetStanding
from models.rules.restarts import SLOT
from models.tables.devices import DeviceCommand, Restart
from models.tables.utms import Utm
from tests.api.test_customers import CUSTOMERS, created
from tests.utm_customers import UTM, contract
from tests.world import PATIENCE, TENANT, World, eventually

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

    await eventually(is_spread, patience=3 * PATIENCE)
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


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five UTMs are a large fleet."""
    monkeypatch.setattr(activities, "_AT_ONCE", 2)


async def all_are_cancelled(api: AsyncClient, staff: dict[str, str], fleet: str) -> None:
    async def are_cancelled() -> bool:
        return bool((await read(api, staff, fleet))["counts"] == {"cancelled": len(IDS)})

    await eventually(are_cancelled)


@pytest.mark.usefixtures("customer", "batches_of_two")
async def test_a_large_fleet_is_cancelled_at_once_and_taken_back_batch_by_batch(
    world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """The answer is for the fleet; no transaction is about more than a batch of it. Each customer hears of it once."""
    at = await first_slot(world)
    fleet = await ask(api, staff, at=at.isoformat(), per_slot=1)
    procedure_id = f"fleet-restart-{TENANT}-{fleet}"
    cancelled = await api.delete(f"{FLEETS}/{fleet}", headers=staff)
    assert cancelled.status_code == 200, cancelled.text
    assert cancelled.json()["state"] == "cancelled"
    assert [item["state"] for item in cancelled.json()["items"][:2]] == ["cancelled"] * 2, "the earliest slots first"
    await all_are_cancelled(api, staff, fleet)
    await world.client.get_workflow_handle(procedure_id).result()
    assert await world.timeline(procedure_id) == [
        "fleet_restart_asked",
        *["fleet_restart_spread"] * 3,
        "fleet_restart_cancelled",
        *["fleet_restart_taken_back"] * 2,
    ]
    assert await world.standing(procedure_id) == ("cancelled", None, [])
    for utm_id in IDS:
        await world.mails_to(f"{utm_id}@minato.example", 2)
        await world.client.get_workflow_handle(f"restart-{TENANT}-{utm_id}").result()  # it has been told
    again = await api.delete(f"{FLEETS}/{fleet}", headers=staff)
    assert (again.status_code, again.json()["state"]) == (409, "cancelled")


@pytest.mark.usefixtures("customer", "batches_of_two")
async def test_a_cancellation_goes_before_the_next_batch_of_schedules(
    world: World, api: AsyncClient, staff: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a large fleet's UTMs would get their schedules for minutes first, and its customers two mails each."""
    begin, under_way, goes_on = ProcedureActivities.begin_procedure, asyncio.Event(), asyncio.Event()

    async def waits(self: ProcedureActivities, order: BeginProcedure) -> None:
        under_way.set()
        await goes_on.wait()
        await begin(self, order)

    monkeypatch.setattr(ProcedureActivities, "begin_procedure", waits)
    at = await first_slot(world)
    asked = await api.post(FLEETS, json={"at": at.isoformat(), "per_slot": 50}, headers=staff)
    fleet = asked.json()["fleet_restart_id"]
    handle = world.client.get_workflow_handle(f"fleet-restart-{TENANT}-{fleet}")
    await under_way.wait()
    command = Command(command_id=Draw().opaque_id(), actor="staff:somebody")
    accepted = WorkflowUpdateStage.ACCEPTED
    cancelling = await handle.start_update("cancel", command, wait_for_stage=accepted, result_type=FleetStanding)
    goes_on.set()
    assert (await cancelling.result()).state == "cancelled"
    await handle.result()
    assert await world.timeline(handle.id) == ["fleet_restart_asked", "fleet_restart_spread", "fleet_restart_cancelled"]
    assert (await read(api, staff, fleet))["counts"] == {"cancelled": 5}


@pytest.mark.requirement("GEN-08")
@pytest.mark.usefixtures("customer", "batches_of_two")
async def test_an_operator_ends_a_large_fleet_restart_and_takes_all_of_it_back(
    world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    at = await first_slot(world)
    fleet = await ask(api, staff, at=at.isoformat(), per_slot=50)
    handle = world.client.get_workflow_handle(f"fleet-restart-{TENANT}-{fleet}")
    await handle.cancel()
    await handle.result()
    assert (await read(api, staff, fleet))["counts"] == {"cancelled": 5}
    assert (await world.timeline(handle.id)).count("fleet_restart_taken_back") == 2


@pytest.mark.timeout(300)
async def test_a_large_fleet_leaves_short_histories(
    world: World, api: AsyncClient, staff: dict[str, str], customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It continues as new while it gives schedules and while it takes them back; none is left out, none met twice."""
    monkeypatch.setattr(activities, "_AT_ONCE", 1)
    async with world.database.transaction(TENANT) as connection:
        one = (await connection.execute(select(Utm.__table__).limit(1))).one()._asdict()
        for number in range(5, 30):
            own = {"registration_id": Draw().opaque_id(), "token_digest": digest(secret_token())}
            named = {"utm_id": f"{number:012x}", "customer_addresses": [f"{number}@minato.example"]}
            await connection.execute(insert(Utm).values(one | own | named))
    at = await first_slot(world)
    fleet = await ask(api, staff, customer_id=customer, at=at.isoformat(), per_slot=1)
    assert (await read(api, staff, fleet))["counts"] == {"scheduled": 30}
    cancelled = await api.delete(f"{FLEETS}/{fleet}", headers=staff)
    assert cancelled.json()["state"] == "cancelled", cancelled.text
    handle = world.client.get_workflow_handle(f"fleet-restart-{TENANT}-{fleet}")
    assert await handle.result() == "cancelled"
    assert (await read(api, staff, fleet))["counts"] == {"cancelled": 30}
    for number in range(5, 30):
        await world.mails_to(f"{number}@minato.example", 2)
    run_id, lengths = None, list[int]()
    while run_id != "":
        run = world.client.get_workflow_handle(handle.id, run_id=run_id)
        events = (await run.fetch_history()).events
        lengths.append(len(events))
        run_id = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    assert (len(lengths) >= 3, max(lengths) < 250) == (True, True), lengths


@asynccontextmanager
async def slot_reached(world: World, restart_id: str) -> AsyncIterator[None]:
    """The UTM's own procedure is noting the slot, and is done with it once somebody waits for it."""
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(
            update(Restart).where(Restart.restart_id == restart_id).values(state=RestartState.REQUESTED)
        )
        yield

        async def somebody_waits() -> bool:
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(await connection.scalar(waiting))

        await eventually(somebody_waits)


async def commands(world: World) -> list[tuple[str, str]]:
    """Of every restart with a command how both stand."""
    async with world.database.transaction(TENANT) as connection:
        found = await connection.execute(
            select(Restart.state, DeviceCommand.state)
            .join(DeviceCommand, DeviceCommand.command_id == Restart.restart_id)
            .order_by(Restart.restart_id)
        )
        return [(restart, command) for restart, command in found]


@pytest.mark.requirement("RST-04", "RST-08")
@pytest.mark.usefixtures("customer")
async def test_a_cancellation_at_the_very_slot_leaves_that_restart_whole(
    world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """It goes on with its command, or is taken back with it."""
    at = await first_slot(world)
    fleet = await ask(api, staff, utm_ids=IDS[:2], at=at.isoformat(), per_slot=50)
    first = (await read(api, staff, fleet))["items"][0]
    async with slot_reached(world, first["restart_id"]):
        cancelling = asyncio.create_task(api.delete(f"{FLEETS}/{fleet}", headers=staff))
    cancelled = await cancelling
    assert cancelled.status_code == 200, cancelled.text
    assert cancelled.json()["counts"] == {"requested": 1, "cancelled": 1}
    assert sorted(await commands(world)) == [("cancelled", "withdrawn"), ("requested", "waiting")]


@pytest.mark.requirement("RST-03", "RST-08")
@pytest.mark.usefixtures("customer")
async def test_a_schedule_at_the_very_slot_of_the_old_one_leaves_that_restart_whole(
    world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """The fleet leaves the UTM out, as busy; where its step is tried again, it schedules it beside that."""
    at = await first_slot(world)
    first = await ask(api, staff, utm_ids=IDS[:1], at=at.isoformat(), per_slot=50)
    old = (await read(api, staff, first))["items"][0]
    async with slot_reached(world, old["restart_id"]):
        asking = asyncio.create_task(ask(api, staff, utm_ids=IDS[:1], at=(at + SLOT).isoformat(), per_slot=50))
    second = await asking
    [item] = (await read(api, staff, second))["items"]
    assert (item["state"], item["reason"]) in (("cancelled", "busy"), ("scheduled", None))
    assert ("requested", "waiting") in await commands(world)
