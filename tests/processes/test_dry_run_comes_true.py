"""What a dry run foresees is what then happens, event by event, and nothing else does (CAN-03)."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import Row, select

from models.tables.contracts import AccountCharge
from models.tables.customers import Customer
from models.tables.procedures import AuditEntry, Mail
from models.tables.shipments import ReturnKit
from tests.contracts import Office, open_office
from tests.world import TENANT, World

NOTED = {
    "contract_cancelled": "contract_cancelled",
    "cancellation_moved": "cancellation_moved",
    "cancellation_undone": "cancellation_undone",
    "contract_starts": "contract_started",
    "contract_renews": "contract_renewed",
    "contract_expires": "contract_expired",
    "contract_ends": "contract_ended",
    "undo_window_closes": "undo_window_closed",
    "portal_closes": "portal_days_over",
}
"""What the timeline says of a consequence once it has come."""
Event = tuple[str, datetime]


@pytest.fixture
async def office(api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]) -> Office:
    return await open_office(api, world, staff, operator)


def whole_minute(at: datetime) -> datetime:
    """A dry run's present moment is some seconds before the act's."""
    return (at + timedelta(seconds=30)).replace(second=0, microsecond=0)


def foreseen(answer: dict[str, Any]) -> Counter[Event]:
    found: Counter[Event] = Counter()
    for one in answer["consequences"]:
        at = whole_minute(datetime.fromisoformat(one["at"]))
        if one["what"] in NOTED:
            found[NOTED[one["what"]], at] += 1
        elif one["what"] == "mail":
            found[one["detail"]["template"], at] += len(one["detail"]["recipients"])
        elif one["what"] in {"cancellation_fee", "fee_reversed"} and one["detail"]["amount"]:
            found[f"{one['what']} {one['detail']['amount']}", at] += 1
        elif one["what"] == "return_kit_requested":
            found[f"kit {one['detail']['utm_id']} to {one['detail']['address']}", at] += 1
    return found


async def happened(office: Office, number: str, since: datetime) -> Counter[Event]:
    """In the contract's timeline, its mails and its kits."""
    procedure_id = f"contract-{TENANT}-{number}"
    async with office.world.database.transaction(TENANT) as connection:
        noted = await connection.execute(
            select(AuditEntry.what, AuditEntry.at).where(
                AuditEntry.procedure_id == procedure_id,
                AuditEntry.at >= since,
                AuditEntry.what.in_(NOTED.values()),
            )
        )
        mails = await connection.execute(
            select(Mail.template, Mail.queued_at).where(Mail.procedure_id == procedure_id, Mail.queued_at >= since)
        )
        kits = await connection.execute(
            select(ReturnKit.utm_id, ReturnKit.address, ReturnKit.requested_at).where(
                ReturnKit.contract_number == number
            )
        )
        charges = [*await connection.execute(select(AccountCharge.__table__))]
        sent = [(f"kit {kit.utm_id} to {kit.address}", kit.requested_at) for kit in kits]
        events = [(row[0], row[1]) for row in (*noted, *mails)]
    return Counter((what, whole_minute(at)) for what, at in (*events, *sent, *_charged(charges, since)))


def _charged(charges: Sequence[Row[Any]], since: datetime) -> Iterator[Event]:
    """Fees, and those reversed without another in their place."""
    for charge in charges:
        if charge.charged_at >= since:
            yield f"cancellation_fee {charge.amount}", charge.charged_at
        if charge.reversed_at and charge.reversed_at not in [other.charged_at for other in charges]:
            yield f"fee_reversed {charge.amount}", charge.reversed_at


async def lived_through(office: Office, answer: dict[str, Any]) -> None:
    """Until after the last consequence; the customer's status and portal change at the instants that were named."""
    at = {one["what"]: datetime.fromisoformat(one["at"]) for one in answer["consequences"]}
    ends, closes = at["customer_cancelled"], at["portal_closes"]
    await office.world.advance_to(ends - timedelta(seconds=2))
    assert await office.customer_status() == "active"
    await office.world.advance_to(ends + timedelta(seconds=1))
    assert await office.customer_status() == "cancelled"
    async with office.world.database.transaction(TENANT) as connection:
        assert await connection.scalar(select(Customer.portal_closes_at)) == closes
    last = max(datetime.fromisoformat(one["at"]) for one in answer["consequences"])
    await office.world.advance_to(max(last, await office.world.clock.now()) + timedelta(hours=1))


async def contract_with_utm(office: Office, draw: random.Random) -> str:
    terms = {"value": draw.choice((1, 2, 6)), "unit": "month"}, {"value": draw.choice((1, 1, 3)), "unit": "month"}
    number = str((await office.apply(initial_term=terms[0], renewal_term=terms[1]))["contract_number"])
    utm = {
        "utm_id": f"{draw.getrandbits(48):012x}",
        "name": "本社",
        "serial_number": "SN-0123456789ABC",
        "postal_code": "105-0011",
        "address": "東京都港区芝公園4-2-8",
        "delivery_status": "納品済み",
        "contract_number": number,
    }
    url = office.url.replace("contracts", "utms")
    assert (await office.api.post(url, json=utm, headers=office.headers)).status_code == 201
    return number


async def in_daylight(office: Office) -> datetime:
    """Off the times at which the calendar does anything. Returns the instant from which on events are looked at."""
    await office.world.advance_to(
        (await office.world.clock.now() + timedelta(days=1)).replace(hour=3, minute=10, second=0)
    )
    return await office.world.clock.now()


@pytest.mark.requirement("CAN-03", "CAN-05", "CAN-08", "KIT-01", "UND-01", "CUS-05")
@pytest.mark.parametrize("seed", range(3))
async def test_a_cancellation_comes_true_as_its_dry_run_says(office: Office, seed: int) -> None:
    """Mails, renewals, end, kits, deadlines; and the customer can be deleted from the day that was named."""
    draw = random.Random(seed)
    number = await contract_with_utm(office, draw)
    since = await in_daylight(office)
    body = {"cancellation_date": await office.in_days(draw.randint(0, 80)), "charge_fee": True}
    status, said = await office.post(number, "cancel", **body, dry_run=True)
    assert status == 200, said
    await office.post(number, "cancel", **body)
    await lived_through(office, said)
    assert await happened(office, number, since) == foreseen(said)
    customer = await office.api.get(office.url.removesuffix("/contracts"), headers=office.headers)
    [deletable] = [one["detail"] for one in said["consequences"] if one["what"] == "customer_deletable"]
    assert customer.json()["deletable_from"] == deletable["deletable_from"]


@pytest.mark.requirement("CAN-03", "CAN-06", "UND-06")
@pytest.mark.parametrize("seed", range(2))
async def test_a_moved_date_comes_true_as_its_dry_run_says(office: Office, seed: int) -> None:
    """What the former date would have brought does not come."""
    draw = random.Random(100 + seed)
    number = await contract_with_utm(office, draw)
    await office.cancel(number, await office.in_days(draw.randint(5, 20)), charge_fee=True)
    since = await in_daylight(office)
    body = {"cancellation_date": await office.in_days(draw.randint(25, 90))}
    status, said = await office.post(number, "reschedule-cancellation", **body, dry_run=True)
    assert status == 200, said
    await office.post(number, "reschedule-cancellation", **body)
    await lived_through(office, said)
    assert await happened(office, number, since) == foreseen(said)


@pytest.mark.requirement("CAN-03", "UND-02", "UND-03", "UND-06")
async def test_an_undo_comes_true_as_its_dry_run_says(office: Office) -> None:
    """Up to the next renewal, which is the last thing that it tells of."""
    draw = random.Random(7)
    number = str((await office.apply(initial_term={"value": 6, "unit": "month"}))["contract_number"])
    await office.cancel(number, await office.in_days(draw.randint(60, 70)), charge_fee=True)
    since = await in_daylight(office)
    status, said = await office.post(number, "undo-cancellation", dry_run=True)
    assert status == 200, said
    await office.post(number, "undo-cancellation")
    last = max(datetime.fromisoformat(one["at"]) for one in said["consequences"])
    await office.world.advance_to(last + timedelta(minutes=1))
    assert any("fee_reversed" in what for what, _ in foreseen(said))
    told = Counter({event: count for event, count in foreseen(said).items() if event[1] <= last.astimezone(UTC)})
    # Later renewals have notices of their own, perhaps at the same instant, which this dry run does not tell of.
    assert told <= await happened(office, number, since)
