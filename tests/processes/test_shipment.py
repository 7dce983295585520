"""Shipments on the real engine: the carrier's events in any order, and just before and after the deadline."""

import asyncio
import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from models.calendars import is_business_day
from models.rules.business_days import business_day_after
from models.rules.periods import day_of, morning_of
from models.tables.procedures import Procedure
from models.vocabulary import OperatorAction
from tests.shipping import CONTACT, CONTRACT, at_attention, attention_of, parcel, report, shipped
from tests.world import PATIENCE, TENANT, World, eventually

ZONE = "Asia/Tokyo"


def workflow(world: World, new: Any) -> Any:
    return world.client.get_workflow_handle(new.identity.procedure_id)


async def result(world: World, new: Any) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await workflow(world, new).result()


async def ended(world: World, new: Any) -> datetime | None:
    async with world.database.transaction(TENANT) as connection:
        of_it = Procedure.procedure_id == new.identity.procedure_id
        return (await connection.execute(select(Procedure.ended_at).where(of_it))).scalar_one()


async def shipment_shown(api: AsyncClient, staff: dict[str, str], new: Any) -> dict[str, Any]:
    url = f"/v1/tenants/{TENANT}/customers/{new.customer_id}/contracts/{CONTRACT}/shipment"
    answer = await api.get(url, headers=staff)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


@pytest.mark.requirement("SHP-01", "SHP-02", "SHP-03")
async def test_a_parcel_goes_its_way_and_the_customer_hears_of_date_and_waybill(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Requested, scheduled, shipped, delivered; a mail for the date, one for the changed date, one for the waybill."""
    new = await shipped(world, api, staff)
    assert (await shipment_shown(api, staff, new))["state"] == "requested"
    await report(api, operator, new.shipment_id, "1", "scheduled", planned_arrival_date="2027-03-10")
    await world.mails_to(CONTACT, 1)
    await report(api, operator, new.shipment_id, "2", "scheduled", planned_arrival_date="2027-03-12")
    await world.mails_to(CONTACT, 2)
    await report(api, operator, new.shipment_id, "3", "shipped", carrier="さくら運輸", waybill_number="4907 1234")
    await world.mails_to(CONTACT, 3)
    assert (await report(api, operator, new.shipment_id, "4", "delivered"))["state"] == "delivered"
    assert await result(world, new) == "delivered"
    first, changed, waybill = world.mails.to(CONTACT)
    assert "着荷予定日：2027年3月10日(水)" in first.text
    assert "変更前の着荷予定日：－" in first.text
    assert "〒105-0011 東京都港区芝公園4-2-8" in first.text
    assert "変更前の着荷予定日：2027年3月10日(水)" in changed.text
    assert "https://carrier.example/track/4907%201234" in waybill.text
    assert "運送会社：さくら運輸" in waybill.text
    shown = await shipment_shown(api, staff, new)
    assert (shown["state"], shown["waybill_number"], shown["waits_for_operator"]) == ("delivered", "4907 1234", False)
    assert await world.timeline(new.identity.procedure_id) == [
        "shipment_reported_scheduled",
        "shipment_reported_scheduled",
        "shipment_reported_shipped",
        "shipment_reported_delivered",
    ]


@pytest.mark.requirement("SHP-01", "GEN-03")
async def test_an_event_counts_once_and_late_ones_never_lead_back(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Also at once, and after the parcel has arrived."""
    new = await shipped(world, api, staff)
    event = {"planned_arrival_date": "2027-03-10"}
    await asyncio.gather(*(report(api, operator, new.shipment_id, "1", "scheduled", **event) for _ in range(4)))
    await world.mails_to(CONTACT, 1)
    assert (await report(api, operator, new.shipment_id, "3", "shipped", waybill_number="1"))["state"] == "shipped"
    await world.mails_to(CONTACT, 2)
    assert (await report(api, operator, new.shipment_id, "0", "requested"))["state"] == "shipped"
    assert (await report(api, operator, new.shipment_id, "4", "delivered"))["state"] == "delivered"
    assert await result(world, new) == "delivered"
    assert (await report(api, operator, new.shipment_id, "5", "shipped"))["state"] == "delivered"
    assert (await report(api, operator, new.shipment_id, "1", "scheduled", **event))["state"] == "delivered"
    assert len(world.mails.to(CONTACT)) == 2


@pytest.mark.requirement("SHP-02")
async def test_the_later_word_of_two_is_the_carriers_not_the_later_to_come(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """An old date that arrives late changes nothing and mails nobody."""
    new = await shipped(world, api, staff)
    await world.advance(days=1)
    now = await world.clock.now()
    for number, (hours, day) in enumerate([(1, "2027-03-12"), (5, "2027-03-10"), (3, "2027-03-11")]):
        at = (now - timedelta(hours=hours)).isoformat()
        said = await report(
            api, operator, new.shipment_id, str(number), "scheduled", planned_arrival_date=day, occurred_at=at
        )
        assert said["planned_arrival_date"] == "2027-03-12"
    await world.mails_to(CONTACT, 1)
    await world.advance(minutes=1)
    assert len(world.mails.to(CONTACT)) == 1


@pytest.mark.requirement("SHP-04")
async def test_overdue_three_business_days_after_the_planned_date_the_operator_is_told(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Not a moment before; the procedure shows it until the parcel arrives."""
    new = await shipped(world, api, staff)
    planned = day_of(await world.clock.now(), ZONE) + timedelta(days=4)
    await report(api, operator, new.shipment_id, "1", "scheduled", planned_arrival_date=planned.isoformat())
    deadline = morning_of(business_day_after(planned, 3, is_business_day("JP")), ZONE)
    assert (await world.standing(new.identity.procedure_id))[2] == [
        {"at": deadline.isoformat(), "what": "shipment_overdue_due"}
    ]
    await world.advance_to(deadline - timedelta(seconds=3))
    assert await attention_of(world, new.identity.procedure_id) == []
    await world.advance_to(deadline)
    await at_attention(world, new.identity.procedure_id, "overdue")
    assert (await shipment_shown(api, staff, new))["waits_for_operator"]
    assert (await world.standing(new.identity.procedure_id))[1] == "overdue_carrier"
    await report(api, operator, new.shipment_id, "2", "delivered")
    assert await result(world, new) == "delivered"
    assert await attention_of(world, new.identity.procedure_id) == []


@pytest.mark.requirement("SHP-04", "GEN-04")
async def test_an_overdue_parcel_shows_that_it_is_whatever_the_carrier_says_until_it_arrives(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Nothing that has been is named as next."""
    new = await shipped(world, api, staff)
    today = day_of(await world.clock.now(), ZONE)
    await report(api, operator, new.shipment_id, "1", "scheduled", planned_arrival_date=today.isoformat())
    await world.advance(days=10)
    await at_attention(world, new.identity.procedure_id, "overdue")
    for number, said in enumerate(("shipped", "scheduled", "undeliverable"), start=2):
        await report(api, operator, new.shipment_id, str(number), said)
        assert (await world.standing(new.identity.procedure_id))[1:3] == ("overdue_carrier", [])
    await report(api, operator, new.shipment_id, "5", "delivered")
    assert await result(world, new) == "delivered"
    assert (await world.standing(new.identity.procedure_id))[1:3] == (None, [])


@pytest.mark.requirement("SHP-04")
async def test_a_later_date_gives_the_carrier_new_days(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """What was overdue no longer is; overdue again, the operator is told again, and may say that it is seen to."""
    new = await shipped(world, api, staff)
    today = day_of(await world.clock.now(), ZONE)
    await report(api, operator, new.shipment_id, "1", "scheduled", planned_arrival_date=today.isoformat())
    await world.advance(days=10)
    await at_attention(world, new.identity.procedure_id, "overdue")
    later = (today + timedelta(days=20)).isoformat()
    await report(api, operator, new.shipment_id, "2", "scheduled", planned_arrival_date=later)
    await at_attention(world, new.identity.procedure_id)
    await world.advance(days=20)
    await at_attention(world, new.identity.procedure_id, "overdue")
    command = {"command_id": "1", "actor": "operator", "action": OperatorAction.SKIP, "reason": "called the carrier"}
    await workflow(world, new).execute_update("resolve", command)
    await at_attention(world, new.identity.procedure_id)
    await report(api, operator, new.shipment_id, "3", "delivered")
    assert await result(world, new) == "delivered"


@pytest.mark.requirement("SHP-01", "SHP-03")
@pytest.mark.parametrize("order", list(itertools.permutations(["scheduled", "shipped", "delivered"]))[::2])
async def test_in_any_order_it_arrives(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str], order: tuple[str, ...]
) -> None:
    """With all that was said of it, also by what came after its arrival; the customer has the waybill once."""
    new = await shipped(world, api, staff)
    await world.advance(days=1)
    now = await world.clock.now()
    said = {
        "scheduled": {"planned_arrival_date": "2027-03-10", "occurred_at": (now - timedelta(hours=3)).isoformat()},
        "shipped": {
            "carrier": "さくら運輸",
            "waybill_number": "4907",
            "occurred_at": (now - timedelta(hours=2)).isoformat(),
        },
        "delivered": {"occurred_at": (now - timedelta(hours=1)).isoformat()},
    }
    mails = 0
    for number, state in enumerate(order):
        await report(api, operator, new.shipment_id, state, state, **said[state])
        # A planned day means nothing to somebody who has the parcel.
        mails += state == "shipped" or (state == "scheduled" and "delivered" not in order[:number])
        await world.mails_to(CONTACT, mails)
    for state in order:
        await report(api, operator, new.shipment_id, state, state, **said[state])
    assert await result(world, new) == "delivered"
    known = await parcel(world, new.shipment_id)
    assert (known.state, known.reported_at) == ("delivered", now - timedelta(hours=1))
    assert (known.planned_arrival_date.isoformat(), known.carrier, known.waybill_number) == (
        "2027-03-10",
        "さくら運輸",
        "4907",
    )
    assert sum("4907" in mail.text for mail in world.mails.to(CONTACT)) == 1


@pytest.mark.requirement("SHP-03", "GEN-02")
async def test_a_waybill_told_long_after_the_arrival_is_kept_and_mailed(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Its procedure had ended, and has ended when it did; told twice, once, the customer hears of it once."""
    new = await shipped(world, api, staff)
    left_at = (await world.clock.now()).isoformat()
    await report(api, operator, new.shipment_id, "2", "delivered")
    assert await result(world, new) == "delivered"
    ended_at = await ended(world, new)
    await world.advance(days=2)
    for _ in range(2):
        said = await report(api, operator, new.shipment_id, "1", "shipped", waybill_number="4907", occurred_at=left_at)
        assert (said["state"], said["waybill_number"]) == ("delivered", "4907")
    await world.mails_to(CONTACT, 1)
    assert await result(world, new) == "delivered"
    assert [("4907" in mail.text) for mail in world.mails.to(CONTACT)] == [True]
    assert (await world.standing(new.identity.procedure_id))[:2] == ("delivered", None)
    assert await ended(world, new) == ended_at
    assert await world.timeline(new.identity.procedure_id) == [
        "shipment_reported_delivered",
        "shipment_reported_shipped",
    ]


@pytest.mark.requirement("SHP-01", "GEN-08")
async def test_a_parcel_astray_is_shown_to_the_operator_who_may_end_it(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    new = await shipped(world, api, staff)
    await report(api, operator, new.shipment_id, "1", "undeliverable")
    await at_attention(world, new.identity.procedure_id, "astray")
    command = {"command_id": "1", "actor": "operator", "action": OperatorAction.END, "reason": "sent by hand"}
    await workflow(world, new).execute_update("resolve", command)
    assert await result(world, new) == "ended"
    assert (await parcel(world, new.shipment_id)).state == "ended"
    assert (await report(api, operator, new.shipment_id, "2", "delivered"))["state"] == "ended"


@pytest.mark.requirement("SHP-02", "GEN-04")
async def test_no_address_or_name_stands_in_the_audit_log(
    world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    new = await shipped(world, api, staff)
    await report(api, operator, new.shipment_id, "1", "scheduled", planned_arrival_date="2027-03-10")
    await eventually(lambda: len(world.mails.to(CONTACT)) == 1)
    shown = (await api.get(f"/v1/tenants/{TENANT}/procedures/{new.identity.procedure_id}", headers=staff)).json()
    assert "芝公園" not in str(shown)
    assert "@" not in str(shown)
