"""The contract, on the real engine, just before and just after every date of its calendar."""

from datetime import date, datetime, timedelta

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from models.rules.periods import morning_of, start_of_day
from models.tables.procedures import AuditEntry
from tests.contracts import ZONE, Office, open_office
from tests.world import NOTIFIED, TENANT, World, eventually

_DAY = timedelta(days=1)


@pytest.fixture
async def office(api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]) -> Office:
    return await open_office(api, world, staff, operator)


async def dawn_of(office: Office, day: str, *, seconds: float = 1) -> None:
    """Go to the first second of the day in the tenant's zone: what was due at 00:00 is done by then. Or before it."""
    await office.world.advance_to(start_of_day(date.fromisoformat(day), ZONE) + timedelta(seconds=seconds))


def after(day: str, days: int = 1) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


async def happened(office: Office, number: str) -> list[str]:
    return await office.world.timeline(f"contract-T8000000-{number}")


@pytest.mark.requirement("CON-04")
async def test_a_contract_renews_again_and_again_by_itself(office: Office) -> None:
    """A second before midnight it is in its term; at midnight the next one has begun, the day after its last."""
    contract = await office.apply(initial_term={"value": 1, "unit": "month"})
    number = contract["contract_number"]
    for renewals in range(1, 4):
        last_day = contract["term_end_date"]
        await dawn_of(office, after(last_day), seconds=-2)
        assert (await office.read(number))["term_end_date"] == last_day
        await dawn_of(office, after(last_day))
        contract = await office.read(number)
        assert contract["term_start_date"] == after(last_day)
        assert contract["term_number"] == renewals
    assert (await happened(office, number)).count("contract_renewed") == 3


@pytest.mark.requirement("CON-04", "CUS-03", "CAN-05", "GEN-04")
async def test_without_a_renewal_term_it_expires_the_day_after_its_last(office: Office) -> None:
    """The customer has no contract in force then, and its people lose the portal thirty days later."""
    contract = await office.apply(
        initial_term={"value": 1, "unit": "month"}, renewal_term={"value": 0, "unit": "month"}
    )
    number, last_day = contract["contract_number"], contract["term_end_date"]
    assert (contract["end_date"], contract["next_renewal_date"]) == (last_day, None)
    await dawn_of(office, after(last_day), seconds=-2)
    assert (await office.read(number))["status"] == "active"
    await dawn_of(office, after(last_day))
    assert (await office.read(number))["status"] == "expired"
    assert await office.customer_status() == "cancelled"
    async with office.world.database.transaction(TENANT) as connection:
        changes = await connection.execute(
            select(AuditEntry.detail)
            .where(AuditEntry.what == "customer_status_changed", AuditEntry.subject == office.customer_id)
            .order_by(AuditEntry.entry_id)
        )
    assert changes.scalars().all() == [{"from": "draft", "to": "active"}, {"from": "active", "to": "cancelled"}]
    await dawn_of(office, after(last_day, 31))
    handle = office.world.client.get_workflow_handle(f"contract-T8000000-{number}")
    assert await handle.result() == "expired"
    assert (await happened(office, number))[-1] == "portal_days_over"


@pytest.mark.requirement("GEN-01", "GEN-04", "CON-04", "CAN-05")
async def test_when_the_tenants_zone_moves_west_end_and_renewal_come_once_and_by_the_new_day(
    office: Office, operator: dict[str, str]
) -> None:
    """At the old instant nothing is due, and nothing is said to have happened; the next one is the right one."""
    month = {"value": 1, "unit": "month"}
    ending, renewing = [(await office.apply(initial_term=month))["contract_number"] for _ in range(2)]
    last_day = (await office.read(renewing))["term_end_date"]
    await office.cancel(ending, last_day)
    moved = await office.api.patch("/v1/tenants/T8000000", json={"time_zone": "Europe/London"}, headers=operator)
    assert moved.status_code == 200, moved.text
    midnight = start_of_day(date.fromisoformat(after(last_day)), "Europe/London")
    await dawn_of(office, after(last_day))
    for number, what, fact in (
        (ending, "contract_ends", "contract_ended"),
        (renewing, "contract_renews", "contract_renewed"),
    ):
        _, _, upcoming = await office.world.standing(f"contract-T8000000-{number}")
        assert (upcoming[0]["what"], datetime.fromisoformat(upcoming[0]["at"])) == (what, midnight)
        assert fact not in await happened(office, number)
    await office.world.advance_to(midnight - timedelta(seconds=2))
    assert (await office.read(ending))["ended_at"] is None
    assert (await office.read(renewing))["term_number"] == 0
    await office.world.advance_to(midnight + timedelta(seconds=1))
    assert datetime.fromisoformat((await office.read(ending))["ended_at"]) == midnight
    assert (await office.read(renewing))["term_number"] == 1
    for number, fact in ((ending, "contract_ended"), (renewing, "contract_renewed")):
        assert (await happened(office, number)).count(fact) == 1


@pytest.mark.requirement("CON-05")
async def test_notices_go_out_60_and_30_days_before_each_renewal(office: Office) -> None:
    """At nine in the morning, with the last day on which a cancellation avoids a fee."""
    contract = await office.apply(renewal_term={"value": 1, "unit": "year"})
    renewal = date.fromisoformat(contract["next_renewal_date"])
    await office.world.mails_to(NOTIFIED, 1)
    for count, days in ((2, 60), (3, 30)):
        at = morning_of(renewal - timedelta(days=days), ZONE)
        await office.world.advance_to(at - timedelta(seconds=2))
        assert len(office.world.mails.to(NOTIFIED)) == count - 1
        await office.world.advance_to(at)
        await office.world.mails_to(NOTIFIED, count)
    last_free = renewal - _DAY
    assert f"{last_free.year}年{last_free.month}月{last_free.day}日" in office.world.mails.to(NOTIFIED)[-1].text
    await eventually(lambda: len(office.world.mails.to(NOTIFIED)) == 3)


@pytest.mark.timeout(300)
@pytest.mark.requirement("CON-04", "CON-05", "UND-06")
async def test_ten_years_leave_short_histories(office: Office) -> None:
    """It continues as new at each renewal and after many commands: every run stays short, and so does what it carries.

    A cancellation and undo a year, and twenty-six in one term; no renewal and no notice is lost.
    """
    term = {"value": 6, "unit": "month"}
    number = (await office.apply(initial_term=term, renewal_term=term))["contract_number"]
    handle = office.world.client.get_workflow_handle(f"contract-T8000000-{number}")
    command = {"command_id": "cancel-1", "actor": "staff:1", "cancellation_date": await office.in_days(2)}
    first = await handle.execute_update("cancel", command, id="cancel-1")
    await handle.execute_update("undo", {"command_id": "undo-1", "actor": "staff:1"}, id="undo-1")

    async def is_short() -> bool:
        """At rest it continues as new; a command that comes before that belongs to the run still."""
        return len((await handle.fetch_history()).events) <= _LONG

    for year in range(10):
        for _ in range(_MANY if year == 4 else 1):
            await office.cancel(number, await office.in_days(0), charge_fee=True)
            status, undone = await office.post(number, "undo-cancellation")
            assert (status, undone["status"]) == (200, "active"), undone
            await eventually(is_short, patience=30)
        if year == 4:  # whose answer has been forgotten, and changes nothing all the same
            assert await handle.execute_update("cancel", command, id="cancel-1") == first
        await office.world.advance(days=364)  # the session of whoever asks ends after ten years
    lengths, carried = await runs(office, number)
    read, events = await office.read(number), await happened(office, number)
    assert read["term_number"] == events.count("contract_renewed") == 19
    assert events.count("renewal_notice_sent") >= 2 * 19
    assert (len(lengths) >= 19, max(lengths) < 500, max(carried) < 64_000) == (True, True, True), (lengths, carried)


_LONG = 300
_MANY = 26  # each of them two commands: more than the answers that are carried over


async def runs(office: Office, number: str) -> tuple[list[int], list[int]]:
    """Of each of its workflow's runs: how many events its history has, and the bytes that it began with."""
    workflow_id, run_id = f"contract-T8000000-{number}", None
    lengths, carried = [], []
    while run_id != "":
        handle = office.world.client.get_workflow_handle(workflow_id, run_id=run_id)
        events = (await handle.fetch_history()).events
        started = events[0].workflow_execution_started_event_attributes
        lengths.append(len(events))
        carried.append(started.input.ByteSize())
        run_id = started.continued_execution_run_id
    return lengths, carried


@pytest.mark.requirement("GEN-08")
async def test_an_operator_ends_a_contract_with_its_procedure(office: Office) -> None:
    number = (await office.apply())["contract_number"]
    handle = office.world.client.get_workflow_handle(f"contract-T8000000-{number}")
    await handle.cancel()
    await handle.result()
    assert "contract_closed" in await happened(office, number)
    assert (await office.read(number))["ended_at"] is not None
