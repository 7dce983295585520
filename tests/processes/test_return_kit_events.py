"""What the carrier says of a kit late, in another order, or of an earlier sending, on the real engine."""

import asyncio
from datetime import timedelta

import pytest

from models.rules.periods import day_of, morning_of, start_of_day
from tests.contracts import ZONE
from tests.processes import test_return_kit as kits
from tests.processes.test_return_kit import Ended, morning
from tests.shipping import CONTACT, at_attention, parcel, report
from tests.world import NOTIFIED, PATIENCE, eventually

DAY = timedelta(days=1)
# The fixtures there are those here.
charges, cancelled, ended, sent = kits.charges, kits.cancelled, kits.ended, kits.sent


@pytest.mark.requirement("KIT-01", "KIT-04")
@pytest.mark.parametrize("order", [("shipped", "delivered"), ("delivered", "shipped")])
async def test_its_days_count_from_its_sending_whichever_news_of_it_comes_first(
    ended: Ended, order: tuple[str, ...]
) -> None:
    """The customer has the waybill and the due date that holds."""
    left_at = await ended.world.clock.now()
    await ended.world.advance(days=2)
    said = {
        "shipped": {"waybill_number": "4907", "occurred_at": left_at.isoformat()},
        "delivered": {"occurred_at": (left_at + DAY).isoformat()},
    }
    for state in order:
        assert await ended.says(state, state, **said[state]) == "sent"
    kit, sent_on = await ended.kit(), day_of(left_at, ZONE)
    assert (kit["waybill_number"], kit["sent_on"]) == ("4907", sent_on.isoformat())
    assert kit["due_date"] == (sent_on + 28 * DAY).isoformat()
    shown = (await ended.world.standing(ended.procedure_id))[2]
    assert shown[0]["at"] == morning_of(sent_on + 14 * DAY, ZONE).isoformat()
    assert shown[-1]["at"] == start_of_day(sent_on + 57 * DAY, ZONE).isoformat()
    await eventually(lambda: "送り状番号：4907" in "".join(mail.text for mail in ended.world.mails.to(CONTACT)))
    due = sent_on + 28 * DAY
    assert f"{due.year}年{due.month}月{due.day}日" in ended.world.mails.to(CONTACT)[-1].text
    await morning(ended, 14)
    await eventually(lambda: "ご返送のお願い" in ended.world.mails.to(CONTACT)[-1].subject)


@pytest.mark.requirement("KIT-01", "KIT-04")
async def test_what_is_told_late_of_a_kit_that_is_back_is_kept(ended: Ended) -> None:
    """Its device is back before anything else of it is known: the kit stays closed, and nobody is mailed."""
    assert await ended.says("3", "returned") in {"received", "closed"}
    await ended.at_state("closed")
    before = await ended.kit()
    assert await ended.says("1", "shipped", waybill_number="4907") == "closed"
    now = await ended.kit()
    assert (now["waybill_number"], now["received_at"]) == ("4907", before["received_at"])
    assert now["sent_on"] == day_of(await ended.world.clock.now(), ZONE).isoformat()
    assert await ended.subjects() == []


@pytest.mark.requirement("KIT-03", "KIT-04")
async def test_a_box_that_turns_out_to_have_come_back_empty_waits_for_an_address(sent: Ended) -> None:
    """Told after its return that it could not be delivered: as in the other order. Staff's word would have stood."""
    await sent.says("3", "returned")
    await sent.at_state("closed")
    assert await sent.says("2", "undeliverable") == "undeliverable"
    assert (await sent.kit())["received_at"] is None
    await at_attention(sent.world, sent.procedure_id, "undeliverable")
    await eventually(lambda: any("お届けできません" in mail.subject for mail in sent.world.mails.to(NOTIFIED)))
    assert (await sent.staff_do("received"))[0] == 200
    await sent.at_state("closed")
    assert await sent.says("4", "undeliverable") == "closed"


@pytest.mark.requirement("KIT-04")
async def test_the_device_may_come_in_the_box_that_was_sent_first(sent: Ended) -> None:
    """Also when the kit has been sent again meanwhile: nobody is reminded, nothing is charged."""
    first = (await sent.kit())["shipment_id"]
    assert (await sent.staff_do("resend"))[1]["state"] == "requested"
    assert await sent.says("1", "shipped", waybill_number="4908") == "sent"
    await report(sent.api, sent.operator, first, "2", "delivered")
    assert (await sent.kit())["waybill_number"] == "4908"
    await report(sent.api, sent.operator, first, "3", "returned")
    await sent.at_state("closed")
    await sent.world.advance(days=60)
    assert not any("ご返送のお願い" in subject for subject in await sent.subjects())
    assert (await sent.charges(), (await sent.kit())["state"]) == ([], "closed")


@pytest.mark.requirement("KIT-01", "KIT-03")
async def test_a_sending_that_has_not_left_stays_here_once_the_device_is_back(sent: Ended) -> None:
    """In the box of the one before; if that turns out to have come back empty, staff have it sent again."""
    first = (await sent.kit())["shipment_id"]
    assert (await sent.staff_do("resend"))[1]["state"] == "requested"
    await report(sent.api, sent.operator, first, "3", "returned")
    second = (await sent.at_state("closed"))["shipment_id"]
    assert second != first

    async def stays_here() -> bool:
        return bool((await parcel(sent.world, second)).state == "stopped")

    await eventually(stays_here)
    await report(sent.api, sent.operator, first, "2", "undeliverable")
    assert (await sent.kit())["state"] == "undeliverable"
    assert (await sent.staff_do("resend"))[1]["state"] == "requested"
    third = (await sent.kit())["shipment_id"]
    assert third not in (first, second)
    assert await sent.says("1", "shipped", waybill_number="4909") == "sent"


@pytest.mark.requirement("KIT-01")
async def test_a_kit_stays_here_when_the_device_is_back_before_it_has_left(ended: Ended) -> None:
    """Staff say so: the customer has brought it."""
    sending = (await ended.kit())["shipment_id"]
    assert (await ended.staff_do("received"))[0] == 200

    async def stays_here() -> bool:
        return bool((await parcel(ended.world, sending)).state == "stopped")

    await eventually(stays_here)
    async with asyncio.timeout(PATIENCE):
        assert await ended.world.client.get_workflow_handle(ended.procedure_id).result() == "closed"


@pytest.mark.requirement("UND-03", "KIT-03")
async def test_an_undo_that_went_by_a_device_that_was_back_holds(sent: Ended) -> None:
    """The customer keeps on using another by then: nobody is asked for an address."""
    await sent.says("3", "returned")
    await sent.at_state("closed")
    status, answer = await sent.office.post(sent.number, "undo-cancellation")
    assert status == 200, answer
    await sent.says("2", "undeliverable")
    assert (await sent.world.standing(sent.procedure_id))[0] == "closed"
