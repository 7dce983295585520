"""The local carrier on the rehearsal stack, as real processes: it tells late, twice and out of order, and is killed."""

import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from temporalio.service import RPCError

from local.carrier_journey import Telling
from local.carrier_workflow import workflow_id
from local.demo_office import APPLICANT, Office, in_japan
from tests.product_process import STARTS_WITHIN, Product
from tests.rehearsed_office import rehearsed_office
from tests.world import eventually

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("rehearsal")]
SEED = 63
"""A first parcel, of either kind, with all that can go wrong: late, nobody at home, told twice and out of order."""
A_DAY = timedelta(days=1)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[tuple[Office, Product]]:
    async with rehearsed_office(tmp_path, "--local-carrier", f"--carrier-seed={SEED}") as found:
        yield found


def kill_carrier(product: Product, *, times: int = 1) -> None:
    """`kill -9`, and again as soon as it is back: each time it is longer dead."""
    killed = 0
    deadline = time.monotonic() + STARTS_WITHIN
    for _ in range(times):
        while (pid := product.pids()["Carrier"]) == killed:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
        killed = pid


async def days_pass(office: Office, days: int) -> None:
    await office.jump(await office.cast.now() + days * A_DAY)


async def is_taken(office: Office, shipment_id: str) -> bool:
    """By the carrier. A jump before that would skip the product's pauses between its tries, and so its patience."""
    try:
        await office.cast.temporal.get_workflow_handle(workflow_id(shipment_id)).describe()
    except RPCError:
        return False
    return True


async def tries_of(office: Office, procedure_id: str, activity: str) -> int:
    """How often the product has tried something until it was taken."""
    history = await office.cast.temporal.get_workflow_handle(procedure_id).fetch_history()
    scheduled = {
        event.event_id
        for event in history.events
        if event.activity_task_scheduled_event_attributes.activity_type.name == activity
    }
    return sum(
        event.activity_task_started_event_attributes.attempt
        for event in history.events
        if event.activity_task_started_event_attributes.scheduled_event_id in scheduled
    )


def is_told_badly(told: list[Telling]) -> bool:
    """Some of it twice, and not in the order in which it came about."""
    came_about = [telling.event.occurred_at for telling in told]
    return len({telling.event_id for telling in told}) < len(told) and came_about != sorted(came_about)


@pytest.mark.requirement("SHP-01", "SHP-02", "SHP-03", "KIT-01", "KIT-02", "GEN-02", "GEN-03")
async def test_a_utm_reaches_the_customer_and_comes_home_through_a_carrier_that_dies(
    office: tuple[Office, Product],
) -> None:
    """Ordered while the carrier is dead, and told of by one that is killed on the way: each thing happens once."""
    staff, product = office
    kill_carrier(product, times=3)
    today = in_japan(await staff.cast.now()).date()
    contract = f"/contracts/{(await staff.apply(await staff.offer_product(), today))['contract_number']}"
    parcel = await staff.once_there(f"{contract}/shipment")
    await eventually(lambda: is_taken(staff, parcel["shipment_id"]), patience=STARTS_WITHIN)
    await days_pass(staff, 2)
    kill_carrier(product)
    await days_pass(staff, 9)

    arrived = await staff.of_customer("GET", f"{contract}/shipment")
    assert arrived["state"] == "delivered"
    assert await tries_of(staff, parcel["procedure_id"], "request_parcel") > 1
    told = await staff.cast.said_by_carrier(parcel["shipment_id"])
    assert is_told_badly(told)
    planned = {telling.event.planned_arrival_date for telling in told} - {None}
    assert len(await staff.mails("utm_planned_arrival", to=APPLICANT)) == len(planned) == 2
    assert len(await staff.mails("utm_waybill_number", to=APPLICANT)) == 1

    await staff.register_utm()
    leaving = {"cancellation_date": in_japan(await staff.cast.now()).date().isoformat(), "charge_fee": False}
    await staff.of_customer("POST", f"{contract}/cancel", leaving)
    [planned_kit] = (await staff.of_customer("GET", f"{contract}/return-kits"))["items"]
    await staff.jump(datetime.fromisoformat(planned_kit["requested_at"]) + timedelta(minutes=5))
    kill_carrier(product)
    await days_pass(staff, 28)

    [kit] = (await staff.of_customer("GET", f"{contract}/return-kits"))["items"]
    assert (kit["state"], kit["shipment_id"].rpartition("-")[2]) == ("closed", "1")
    assert is_told_badly(await staff.cast.said_by_carrier(kit["shipment_id"]))
    [mail] = await staff.mails("return_kit_sent", to=APPLICANT)
    assert [slip["media_type"] for slip in (await staff.cast.in_inbox(mail))["attachments"]] == ["application/pdf"]
