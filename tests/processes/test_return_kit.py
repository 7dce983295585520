"""Return kits on the real engine: from a contract's end until the device is back, around every deadline."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from httpx2 import AsyncClient
from pypdf import PdfReader
from sqlalchemy import select

from models.rules.periods import day_of, morning_of, start_of_day
from models.tables.contracts import AccountCharge
from models.vocabulary import OperatorAction
from tests.contracts import MONTHLY, ZONE, Office, early_in_a_month, open_office
from tests.shipping import CONTACT, at_attention, parcel, report
from tests.world import NOTIFIED, PATIENCE, TENANT, World, eventually

UTM_ID = "a1a1b2b2c3c3"
KEPT = {"name": "non_return", "description": "", "type": "one_time", "model": "flat_fee", "price": 32_000}
_DAY = timedelta(days=1)


@dataclass
class Ended:
    """A contract that has ended, with a UTM whose kit has been asked for."""

    office: Office
    world: World
    api: AsyncClient
    operator: dict[str, str]
    number: str
    ended_on: date

    @property
    def procedure_id(self) -> str:
        return f"return-kit-{TENANT}-{self.number}-{UTM_ID}-{self.ended_on:%Y%m%d}"

    async def kit(self) -> dict[str, Any]:
        answer = await self.api.get(f"{self.office.url}/{self.number}/return-kits", headers=self.office.headers)
        assert answer.status_code == 200, answer.text
        [kit] = answer.json()["items"]
        found: dict[str, Any] = kit
        return found

    async def at_state(self, state: str) -> dict[str, Any]:
        async def holds() -> bool:
            return bool((await self.kit())["state"] == state)

        await eventually(holds)
        return await self.kit()

    async def says(self, event_id: str, state: str, **more: Any) -> str:
        shipment_id = (await self.kit())["shipment_id"]
        await report(self.api, self.operator, shipment_id, event_id, state, **more)
        return str((await self.kit())["state"])

    async def staff_do(self, what: str, **body: Any) -> tuple[int, dict[str, Any]]:
        return await self.office.post(self.number, f"return-kits/{UTM_ID}/{what}", **body)

    async def charges(self) -> list[tuple[int, bool]]:
        """(amount, reversed) of each."""
        async with self.world.database.transaction(TENANT) as connection:
            found = await connection.execute(select(AccountCharge.amount, AccountCharge.reversed_at))
            return [(row.amount, row.reversed_at is not None) for row in found]

    async def subjects(self, recipient: str = CONTACT) -> list[str]:
        return [mail.subject.partition("】")[2] for mail in self.world.mails.to(recipient)]


async def register(office: Office, utm_id: str = UTM_ID) -> None:
    answer = await office.api.post(
        f"/v1/tenants/{TENANT}/customers/{office.customer_id}/utms",
        json={
            "utm_id": utm_id,
            "name": "本社1階",
            "serial_number": "SN0123456789012",
            "postal_code": "1050001",
            "address": "東京都港区虎ノ門1-2-3",
            "delivery_status": "納品済み",
            "customer_addresses": ["alert@minato.example"],
            "service_desk_addresses": ["desk@partner.example"],
        },
        headers=office.headers,
    )
    assert answer.status_code == 201, answer.text


@pytest.fixture
def charges() -> list[dict[str, Any]]:
    """Of the contract's plan."""
    return [MONTHLY]


@pytest.fixture
async def cancelled(
    world: World,
    api: AsyncClient,
    staff: dict[str, str],
    operator: dict[str, str],
    charges: list[dict[str, Any]],
) -> Ended:
    """A contract cancelled for today, with a UTM."""
    await early_in_a_month(world)
    office = await open_office(api, world, staff, operator, charges=charges)
    number = (await office.apply())["contract_number"]
    await register(office)
    today = await office.today()
    await office.cancel(number, today.isoformat())
    return Ended(office, world, api, operator, number, today)


@pytest.fixture
async def ended(cancelled: Ended) -> Ended:
    """The kit has been asked for."""
    requested_at = date.fromisoformat((await cancelled.kit())["requested_at"][:10])
    await cancelled.world.advance_to(morning_of(requested_at, ZONE) + timedelta(seconds=1))
    await cancelled.at_state("requested")
    return cancelled


@pytest.fixture
async def sent(ended: Ended) -> Ended:
    """The kit is on its way to the customer."""
    assert await ended.says("1", "shipped", carrier="さくら運輸", waybill_number="4907") == "sent"
    await eventually(lambda: "UTM回収キット発送のお知らせ" in "".join(m.subject for m in ended.world.mails.to(CONTACT)))
    return ended


async def morning(ended: Ended, days: int, *, seconds: float = 1) -> None:
    """So many days after the kit was sent, at nine in the morning."""
    sent_on = date.fromisoformat((await ended.kit())["sent_on"])
    await ended.world.advance_to(morning_of(sent_on + days * _DAY, ZONE) + timedelta(seconds=seconds))


@pytest.mark.requirement("KIT-01", "KIT-05")
async def test_a_kit_is_asked_for_on_the_first_business_day_after_the_cancellation_date(cancelled: Ended) -> None:
    """Planned from the cancellation on, asked for at nine that morning and not before."""
    planned = await cancelled.kit()
    assert (planned["state"], planned["shipment_id"], planned["address"]) == ("planned", None, "東京都港区虎ノ門1-2-3")
    await cancelled.world.advance_to(start_of_day(cancelled.ended_on + _DAY, ZONE) + timedelta(seconds=1))
    requested_at = date.fromisoformat(planned["requested_at"][:10])
    await cancelled.world.advance_to(morning_of(requested_at, ZONE) - timedelta(seconds=2))
    assert (await cancelled.kit())["state"] == "planned"
    await cancelled.world.advance_to(morning_of(requested_at, ZONE))
    kit = await cancelled.at_state("requested")
    sending = await parcel(cancelled.world, kit["shipment_id"])
    assert (sending.kind, sending.destination["address"]) == ("return_kit", "東京都港区虎ノ門1-2-3")


@pytest.mark.requirement("KIT-01", "KIT-04")
async def test_sent_and_returned_it_is_closed(sent: Ended) -> None:
    """The customer is told of waybill and due date; what is back by itself leaves no charge."""
    kit = await sent.kit()
    sent_on = date.fromisoformat(kit["sent_on"])
    assert sent_on == day_of(await sent.world.clock.now(), ZONE)
    assert kit["due_date"] == (sent_on + 28 * _DAY).isoformat()
    mail = sent.world.mails.to(CONTACT)[-1]
    assert "送り状番号：4907" in mail.text
    assert "本社1階（a1a1b2b2c3c3）" in mail.text
    await sent.says("2", "delivered")
    await sent.says("3", "returned")
    await sent.at_state("closed")
    assert await sent.charges() == []
    async with asyncio.timeout(PATIENCE):
        assert await sent.world.client.get_workflow_handle(sent.procedure_id).result() == "closed"


@pytest.mark.requirement("KIT-02")
async def test_the_slip_comes_with_the_mail_and_can_be_downloaded(sent: Ended) -> None:
    url = f"{sent.office.url}/{sent.number}/return-kits/{UTM_ID}/slip.pdf"
    page = await sent.api.get(url, headers=sent.office.headers)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "application/pdf")
    [attached] = [part for part in sent.world.mails.to(CONTACT)[-1].message.walk() if part.get_filename() is not None]
    assert attached.get_filename() == "return-slip-a1a1b2b2c3c3.pdf"
    for pdf in (page.content, attached.get_payload(decode=True)):
        assert isinstance(pdf, bytes)
        text = "".join(one.extract_text() for one in PdfReader(BytesIO(pdf)).pages)
        assert UTM_ID in text
        assert sent.number in text
        assert "虎ノ門1-2-3" in text


@pytest.mark.requirement("KIT-04")
async def test_the_customer_is_reminded_on_days_14_28_and_42(sent: Ended) -> None:
    """At nine in the morning, not before; none after the device is back."""
    for count, days in ((1, 14), (2, 28)):
        await morning(sent, days, seconds=-2)
        assert sum("ご返送のお願い" in subject for subject in await sent.subjects()) == count - 1
        await morning(sent, days)
        await sent.world.mails_to(CONTACT, 1 + count)
        assert sum("ご返送のお願い" in subject for subject in await sent.subjects()) == count
    status, kit = await sent.staff_do("received")
    assert (status, kit["state"]) in {(200, "received"), (200, "closed")}
    await sent.world.advance(days=40)
    assert sum("ご返送のお願い" in subject for subject in await sent.subjects()) == 2
    assert await sent.charges() == []


@pytest.mark.requirement("KIT-04")
async def test_after_day_56_it_is_unreturned_and_charged_until_the_device_comes_after_all(sent: Ended) -> None:
    """The day itself still counts; staff are told; the charge is put on the account once and reversed."""
    sent_on = date.fromisoformat((await sent.kit())["sent_on"])
    end = start_of_day(sent_on + 57 * _DAY, ZONE)
    await sent.world.advance_to(end - timedelta(seconds=2))
    assert ((await sent.kit())["state"], await sent.charges()) == ("sent", [])
    await sent.world.advance_to(end + timedelta(seconds=1))
    await sent.at_state("unreturned")
    assert await sent.charges() == [(50_000, False)]
    await eventually(lambda: any("返却されていません" in mail.subject for mail in sent.world.mails.to(NOTIFIED)))
    assert "50,000円（税抜）" in sent.world.mails.to(NOTIFIED)[-1].text
    await sent.world.advance(days=100)
    assert await sent.says("9", "returned") in {"received", "closed"}
    assert await sent.charges() == [(50_000, True)]


@pytest.mark.requirement("KIT-04")
async def test_waived_nothing_is_charged_and_what_was_is_reversed(sent: Ended) -> None:
    status, kit = await sent.staff_do("waive")
    assert (status, kit["waived"]) == (200, True)
    await sent.world.advance(days=58)
    await sent.at_state("unreturned")
    assert await sent.charges() == []


@pytest.mark.requirement("KIT-04")
@pytest.mark.parametrize("charges", [[MONTHLY, KEPT]], ids=["of the plan"])
async def test_waived_late_the_charge_is_reversed(sent: Ended) -> None:
    """It is the one that the contract's plan names."""
    await sent.world.advance(days=58)
    await sent.at_state("unreturned")
    assert await sent.charges() == [(32_000, False)]
    assert (await sent.staff_do("waive"))[0] == 200
    assert await sent.charges() == [(32_000, True)]


@pytest.mark.requirement("KIT-03")
async def test_undeliverable_it_waits_for_an_address_and_is_sent_again(sent: Ended) -> None:
    """Operator and staff are told; the old sending's news no longer matters; the days begin anew."""
    first = (await sent.kit())["shipment_id"]
    assert await sent.says("2", "undeliverable") == "undeliverable"
    await at_attention(sent.world, sent.procedure_id, "undeliverable")
    await eventually(lambda: any("お届けできません" in mail.subject for mail in sent.world.mails.to(NOTIFIED)))
    status, kit = await sent.staff_do("resend", address="東京都港区虎ノ門9-9-9")
    assert (status, kit["state"], kit["address"]) == (200, "requested", "東京都港区虎ノ門9-9-9")
    await at_attention(sent.world, sent.procedure_id)
    await report(sent.api, sent.operator, first, "3", "returned")
    assert (await sent.kit())["state"] == "requested"
    assert (await parcel(sent.world, kit["shipment_id"])).destination["address"] == "東京都港区虎ノ門9-9-9"
    await sent.world.advance(days=3)
    assert await sent.says("1", "shipped", waybill_number="4908") == "sent"
    again = await sent.kit()
    assert (again["waybill_number"], again["sent_on"]) == (
        "4908",
        day_of(await sent.world.clock.now(), ZONE).isoformat(),
    )


@pytest.mark.requirement("UND-03")
async def test_undone_before_it_is_sent_it_stays_here(ended: Ended) -> None:
    status, answer = await ended.office.post(ended.number, "undo-cancellation")
    assert status == 200, answer
    await ended.at_state("stopped")
    async with asyncio.timeout(PATIENCE):
        assert await ended.world.client.get_workflow_handle(ended.procedure_id).result() == "stopped"
    assert await ended.subjects() == []
    refused, why = await ended.staff_do("received")
    assert (refused, why["state"]) == (409, "stopped")


@pytest.mark.requirement("UND-03")
async def test_undone_when_sent_the_customer_is_told_to_keep_the_device(sent: Ended) -> None:
    status, answer = await sent.office.post(sent.number, "undo-cancellation")
    assert status == 200, answer
    await sent.at_state("recalled")
    await eventually(lambda: any("返送のお願いの取り消し" in mail.subject for mail in sent.world.mails.to(CONTACT)))
    await sent.world.advance(days=60)
    assert not any("ご返送のお願い" in subject for subject in await sent.subjects())
    assert await sent.charges() == []


@pytest.mark.requirement("UND-03")
async def test_undone_before_its_mail_was_delivered_only_the_recall_goes_out(ended: Ended) -> None:
    """What told the customer to send the device is withdrawn."""
    ended.world.mails.answer = lambda _: "451 not now"
    assert await ended.says("1", "shipped", waybill_number="4907") == "sent"
    status, answer = await ended.office.post(ended.number, "undo-cancellation")
    assert status == 200, answer
    await ended.at_state("recalled")
    ended.world.mails.answer = lambda _: None
    await ended.world.advance(hours=2)
    await eventually(lambda: bool(ended.world.mails.to(CONTACT)))
    assert [subject for subject in await ended.subjects() if "返送のお願いの取り消し" not in subject] == []


@pytest.mark.requirement("UND-03")
async def test_undone_when_the_device_is_back_it_is_sent_again(sent: Ended) -> None:
    """A new shipment, to where it was installed."""
    await sent.staff_do("received")
    await sent.at_state("closed")
    status, answer = await sent.office.post(sent.number, "undo-cancellation")
    assert status == 200, answer

    async def found() -> bool:
        read = await sent.api.get(f"{sent.office.url}/{sent.number}/shipment", headers=sent.office.headers)
        return read.status_code == 200 and read.json()["utm_id"] == UTM_ID

    await eventually(found)
    shipment = (await sent.api.get(f"{sent.office.url}/{sent.number}/shipment", headers=sent.office.headers)).json()
    assert (shipment["state"], shipment["destination"]["address"]) == ("requested", "東京都港区虎ノ門1-2-3")
    await report(sent.api, sent.operator, shipment["shipment_id"], "1", "delivered")


@pytest.mark.requirement("UND-06", "KIT-01")
async def test_cancelled_again_there_is_a_new_kit(ended: Ended) -> None:
    await ended.office.post(ended.number, "undo-cancellation")
    await ended.at_state("stopped")
    today = await ended.office.today()
    await ended.office.cancel(ended.number, today.isoformat())
    assert (await ended.kit())["state"] == "planned"
    await ended.world.advance(days=8)
    kit = await ended.at_state("requested")
    assert kit["shipment_id"].endswith(f"{today:%Y%m%d}-1")


@pytest.mark.requirement("KIT-03", "GEN-08")
async def test_an_operators_end_ends_it(sent: Ended) -> None:
    await sent.says("2", "undeliverable")
    await at_attention(sent.world, sent.procedure_id, "undeliverable")
    command = {"command_id": "1", "actor": "operator", "action": OperatorAction.END, "reason": "company is gone"}
    await sent.world.client.get_workflow_handle(sent.procedure_id).execute_update("resolve", command)
    await sent.at_state("ended")


@pytest.mark.requirement("KIT-05", "GEN-05")
async def test_kits_are_their_tenants_and_their_customers(sent: Ended) -> None:
    elsewhere = f"/v1/tenants/{TENANT}/customers/A00000000/contracts/{sent.number}/return-kits"
    assert (await sent.api.get(elsewhere, headers=sent.office.headers)).status_code == 404
    assert (await sent.api.get(f"{sent.office.url}/{sent.number}/return-kits")).status_code == 401
    assert (await sent.office.post(sent.number, "return-kits/ffffffffffff/waive"))[0] == 404
