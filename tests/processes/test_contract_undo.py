"""A contract's cancellation and its undo, on the real engine, to the second."""

from datetime import UTC, date, datetime, timedelta

import pytest
from httpx2 import AsyncClient
from sqlalchemy import func, insert, select
from temporalio.client import WorkflowUpdateStage

from models.identifiers import Draw, digest, secret_token
from models.rules.periods import start_of_day
from models.tables.contracts import AccountCharge, Contract
from models.tables.customers import Customer
from models.tables.people import Person, PortalUser, Session
from models.tables.procedures import Mail
from models.vocabulary import SignupState
from tests.contracts import DESTINATION, ZONE, Office, open_office
from tests.processes.test_contract_errands import kits, register_utms
from tests.utm_customers import portal_user
from tests.world import NOTIFIED, TENANT, World


@pytest.fixture
async def office(api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]) -> Office:
    return await open_office(api, world, staff, operator)


async def to_the_first_of_a_month(office: Office) -> None:
    """From where months are whole: the world's own day is the machine's."""
    today = await office.today()
    first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    await office.world.advance_to(start_of_day(first, ZONE) + timedelta(hours=9))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


async def happened(office: Office, number: str) -> list[str]:
    return await office.world.timeline(f"contract-{TENANT}-{number}")


async def fees_that_hold(office: Office) -> int:
    async with office.world.database.transaction(TENANT) as connection:
        query = select(func.count()).where(AccountCharge.tenant_id == TENANT, AccountCharge.reversed_at.is_(None))
        return int(await connection.scalar(query) or 0)


@pytest.mark.requirement("CAN-05", "CAN-06", "CUS-03")
async def test_the_contract_ends_the_day_after_its_date(office: Office) -> None:
    """In the last second it is served and its date can be moved; a second later neither."""
    await to_the_first_of_a_month(office)
    number = (await office.apply())["contract_number"]
    day = await office.in_days(5)
    await office.cancel(number, day)
    end = start_of_day(date.fromisoformat(day) + timedelta(days=1), ZONE)
    await office.world.advance_to(end - timedelta(seconds=2))
    assert (await office.read(number))["ended_at"] is None
    assert await office.customer_status() == "active"
    await office.world.advance_to(end + timedelta(seconds=1))
    assert instant((await office.read(number))["ended_at"]) == end
    assert await office.customer_status() == "cancelled"
    later = await office.in_days(20)
    status, refused = await office.post(number, "reschedule-cancellation", cancellation_date=later)
    assert (status, refused["code"], refused["cancellation_date"]) == (409, "cancellation_over", day)


@pytest.mark.requirement("UND-01", "UND-02", "CUS-03")
async def test_an_undo_in_the_last_second_counts(office: Office) -> None:
    """After the contract has ended, with the renewal that fell due meanwhile."""
    await to_the_first_of_a_month(office)
    start = await office.in_days(0)
    contract = await office.apply(initial_term={"value": 14, "unit": "month"}, start_date=start)
    number = contract["contract_number"]
    cancelled = await office.cancel(number, await office.in_days(0), charge_fee=True)
    assert await fees_that_hold(office) == 1
    deadline = instant(cancelled["undo_deadline"])
    await office.world.advance_to(deadline - timedelta(seconds=3))
    assert (await office.read(number))["ended_at"] is not None
    status, undone = await office.post(number, "undo-cancellation")
    assert (status, undone["status"]) == (200, "active"), undone
    read = await office.read(number)
    assert (read["ended_at"], read["term_end_date"]) == (None, contract["term_end_date"])
    assert await office.customer_status() == "active"
    assert await fees_that_hold(office) == 0
    await office.world.advance_to(deadline + timedelta(days=3))
    assert (await office.read(number))["status"] == "active"
    assert "undo_window_closed" not in await happened(office, number)


@pytest.mark.requirement("UND-01", "UND-04")
async def test_an_undo_in_the_first_second_after_is_too_late(office: Office) -> None:
    """And stays so when the workflow is long over."""
    await to_the_first_of_a_month(office)
    number = (await office.apply())["contract_number"]
    cancelled = await office.cancel(number, await office.in_days(3))
    deadline = instant(cancelled["undo_deadline"])
    await office.world.advance_to(deadline)
    for days in (0, 1, 60):
        await office.world.advance(days=days)
        status, refused = await office.post(number, "undo-cancellation")
        assert (status, refused["code"], refused["state"]) == (409, "undo_window_closed", "cancelled")
    handle = office.world.client.get_workflow_handle(f"contract-{TENANT}-{number}")
    assert await handle.result() == "cancelled"
    assert (await happened(office, number))[1:] == [
        *("contract_cancelled", "contract_ended", "return_kits_planned", "undo_window_closed", "portal_days_over")
    ]


@pytest.mark.requirement("UND-02", "CAN-08")
async def test_renewals_that_fell_due_meanwhile_happen(office: Office) -> None:
    """A monthly contract, cancelled for the first day of its second term and undone three weeks later."""
    await to_the_first_of_a_month(office)
    contract = await office.apply(initial_term={"value": 1, "unit": "month"})
    number = contract["contract_number"]
    first_of_next = date.fromisoformat(contract["next_renewal_date"])
    await office.world.advance_to(start_of_day(first_of_next, ZONE) - timedelta(days=3))
    await office.cancel(number, first_of_next.isoformat())
    await office.world.advance_to(start_of_day(first_of_next, ZONE) + timedelta(days=21))
    assert (await office.read(number))["term_number"] == 1  # began on the cancellation date itself
    status, _ = await office.post(number, "undo-cancellation")
    assert status == 200
    expected = first_of_next
    for term in (1, 2):
        read = await office.read(number)
        assert (read["term_number"], read["term_start_date"]) == (term, expected.isoformat())
        expected = date.fromisoformat(read["next_renewal_date"])
        await office.world.advance_to(start_of_day(expected, ZONE) + timedelta(seconds=1))


@pytest.mark.requirement("UND-02", "UND-03", "CON-04", "CAN-03")
async def test_a_renewal_and_an_expiry_missed_while_cancelled_are_made_up_by_the_undo(office: Office) -> None:
    """Both fall into the window: the one renews at once, the other expires at once, and its device still comes back."""
    await to_the_first_of_a_month(office)
    begun = (await office.today()) - timedelta(days=0)
    renewing = await office.apply(initial_term={"value": 1, "unit": "month"}, start_date=await office.in_days(10))
    ending = await office.apply(
        initial_term={"value": 1, "unit": "month"},
        renewal_term={"value": 0, "unit": "month"},
        start_date=await office.in_days(10),
    )
    first_of_next = (begun.replace(day=1) + timedelta(days=32)).replace(day=1)
    await office.world.advance_to(start_of_day(first_of_next, ZONE) + timedelta(hours=9))
    await register_utms(office, ending["contract_number"], 1)
    for contract in (renewing, ending):
        await office.cancel(contract["contract_number"], await office.in_days(2))
    await office.world.advance(days=20)
    [before] = await kits(office)
    told = (await office.post(ending["contract_number"], "undo-cancellation", dry_run=True))[1]["consequences"]
    assert not [one for one in told if "kit" in one["what"] or "shipment" in one["what"]]
    [foreseen] = [one for one in told if one["what"] == "cancellation_undone"]
    assert (foreseen["detail"], "期限切れ" in foreseen["text"]) == ({"expired": True}, True)
    status, undone = await office.post(renewing["contract_number"], "undo-cancellation")
    assert (status, undone["status"]) == (200, "active")
    assert (await office.read(renewing["contract_number"]))["term_number"] == 1
    status, undone = await office.post(ending["contract_number"], "undo-cancellation")
    assert (status, undone["status"]) == (200, "expired")
    await office.world.advance(days=1)
    mails = {one.text for one in office.world.mails.to(NOTIFIED) if "解約を取り消した日" in one.text}
    [goes_on] = [text for text in mails if renewing["contract_number"] in text]
    [is_over] = [text for text in mails if ending["contract_number"] in text]
    assert "解約前の期間と条件のまま続きます" in goes_on
    assert "解約前の期間と条件のまま続きます" not in is_over
    assert "満了しているため、契約は続かず、期限切れとなります" in is_over
    assert (before, await kits(office)) == ("requested", ["requested"])


@pytest.mark.requirement("UND-06", "CAN-06", "CON-05", "CAN-03")
async def test_a_notice_missed_under_a_moved_date_is_made_up_by_the_undo(office: Office) -> None:
    """One went out while the later date stood, for a renewal that was still to be; the next one's did not."""
    await to_the_first_of_a_month(office)
    await office.world.advance(days=9)
    contract = await office.apply(initial_term={"value": 2, "unit": "month"})
    number, renewal = contract["contract_number"], date.fromisoformat(contract["next_renewal_date"])
    await office.cancel(number, (renewal + timedelta(days=5)).isoformat())
    await office.world.advance_to(start_of_day(renewal - timedelta(days=30), ZONE) + timedelta(hours=9, seconds=1))
    assert {renewed for renewed, _ in await notices(office)} == {"1"}
    status, _ = await office.post(number, "reschedule-cancellation", cancellation_date=await office.in_days(0))
    assert status == 200
    await office.world.advance(days=4)  # over the morning of the notice for the renewal after that
    told = (await office.post(number, "undo-cancellation", dry_run=True))[1]["consequences"]
    made_up = next(one["detail"] for one in told if one["detail"].get("template") == "contract_renewal_notice")
    assert made_up["term_number"] == 2
    assert (await office.post(number, "undo-cancellation"))[0] == 200
    told_of = [renewed for renewed, _ in await notices(office)]
    assert told_of[-1] == "2"
    assert told_of.count("2") == 1


async def notices(office: Office) -> list[tuple[str, str]]:
    """(number of the term, day it was due) of every notice written, in order."""
    async with office.world.database.transaction(TENANT) as connection:
        query = select(Mail.step).where(Mail.template == "contract_renewal_notice").order_by(Mail.sequence)
        steps = (await connection.execute(query)).scalars()
        return [(step.split("-")[1], step.split("-")[2]) for step in steps]


@pytest.mark.requirement("UND-06")
async def test_cancelled_and_undone_twenty_times_it_is_what_it_was(office: Office) -> None:
    """Terms, fees and mails: one of each kind for each command, one renewal, no fee that holds."""
    await to_the_first_of_a_month(office)
    contract = await office.apply(initial_term={"value": 2, "unit": "month"})
    number = contract["contract_number"]
    for turn in range(20):
        await office.cancel(number, await office.in_days(turn % 3), charge_fee=True)
        if turn % 4 == 3:
            await office.world.advance(days=4)
        status, undone = await office.post(number, "undo-cancellation")
        assert (status, undone["status"]) == (200, "active"), undone
    read = await office.read(number)
    kept = ("term_end_date", "next_renewal_date", "rate_plans", "status", "fee")
    assert {name: read[name] for name in kept} == {name: contract[name] for name in kept}
    assert await fees_that_hold(office) == 0
    events = await happened(office, number)
    assert (events.count("contract_cancelled"), events.count("cancellation_undone")) == (20, 20)
    assert events.count("contract_ended") == 5
    await office.world.mails_to(NOTIFIED, 41)
    renewal = start_of_day(date.fromisoformat(contract["next_renewal_date"]), ZONE)
    await office.world.advance_to(renewal + timedelta(seconds=1))
    assert (await office.read(number))["term_number"] == 1


@pytest.mark.requirement("GEN-03")
async def test_a_command_repeated_after_the_contract_has_continued_as_new_gets_its_first_answer(
    office: Office,
) -> None:
    """The renewal began another run; the same update id is answered from what it carried over."""
    await to_the_first_of_a_month(office)
    contract = await office.apply(initial_term={"value": 1, "unit": "month"})
    number = contract["contract_number"]
    handle = office.world.client.get_workflow_handle(f"contract-{TENANT}-{number}")
    command = {"command_id": "cancel-1", "actor": "staff:1", "cancellation_date": await office.in_days(2)}
    first = await handle.execute_update("cancel", command, id="cancel-1")
    await handle.execute_update("undo", {"command_id": "undo-1", "actor": "staff:1"}, id="undo-1")
    run_before = (await handle.describe()).run_id
    renewal = start_of_day(date.fromisoformat(contract["next_renewal_date"]), ZONE)
    await office.world.advance_to(renewal + timedelta(seconds=1))
    assert (await handle.describe()).run_id != run_before
    assert await handle.execute_update("cancel", command, id="cancel-1") == first
    assert (await office.read(number))["status"] == "active"
    assert (await happened(office, number)).count("contract_cancelled") == 1
    await office.cancel(number, await office.in_days(2))  # what was repeated has not cancelled it again


@pytest.mark.requirement("CON-08", "UND-02")
async def test_a_change_that_comes_while_the_undo_is_being_recorded_is_judged_after_it(office: Office) -> None:
    """Not by the state that is over."""
    number = (await office.apply(shipping_required=True, destination=DESTINATION))["contract_number"]
    await office.cancel(number, await office.in_days(2))
    handle = office.world.client.get_workflow_handle(f"contract-{TENANT}-{number}")
    undo = {"command_id": "undo-1", "actor": "staff:1"}
    moved = {"values": {"destination": {**DESTINATION, "address": "港区芝1-1-1"}}}
    change = {"command_id": "change-1", "actor": "staff:1", "changes": moved}
    async with office.world.database.transaction(TENANT) as connection:
        await connection.execute(select(Contract.status).with_for_update())
        begun = [
            await handle.start_update(what, command, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
            for what, command in (("undo", undo), ("change", change))
        ]
    assert [(await one.result())["state"] for one in begun] == ["active", "active"]
    assert (await office.read(number))["destination"]["address"] == "港区芝1-1-1"


@pytest.mark.requirement("CAN-05")
async def test_the_portal_closes_thirty_days_after_the_last_contract(office: Office) -> None:
    """The person's session ends and a sign-in finds nothing; an undo in time would have kept it open."""
    await to_the_first_of_a_month(office)
    person_id, token = Draw().opaque_id(), secret_token()
    now = await office.world.clock.now()
    async with office.world.database.transaction(TENANT) as connection:
        await connection.execute(insert(Person).values(person_id=person_id, mail_address="p@x.jp", created_at=now))
        session = {"token_digest": digest(token), "person_id": person_id, "created_at": now}
        await connection.execute(insert(Session).values(**session, expires_at=now + timedelta(days=365)))
        user = {"tenant_id": TENANT, "user_id": "YW499776", "customer_id": office.customer_id, "person_id": person_id}
        names = {"last_name": "山田", "first_name": "花子", "mail_address": "p@x.jp"}
        state = {"signup_state": SignupState.REGISTERED, "created_at": now}
        await connection.execute(insert(PortalUser).values(**user, **names, **state))
    headers = {"Authorization": f"Bearer {token}"}
    number = (await office.apply())["contract_number"]
    day = await office.in_days(1)
    await office.cancel(number, day)
    closing = start_of_day(date.fromisoformat(day) + timedelta(days=31), ZONE)
    await office.world.advance_to(closing - timedelta(seconds=2))
    assert len((await office.api.get("/v1/me", headers=headers)).json()["customers"]) == 1
    await office.world.advance_to(closing + timedelta(seconds=1))
    assert (await office.api.get("/v1/me", headers=headers)).status_code == 401
    async with office.world.database.transaction(TENANT) as connection:
        assert await connection.scalar(select(Customer.portal_closes_at)) == closing
    await office.apply()
    async with office.world.database.transaction(TENANT) as connection:
        assert await connection.scalar(select(Customer.portal_closes_at)) is None


@pytest.mark.requirement("CAN-05", "UND-01")
async def test_the_portal_closes_also_at_the_instant_at_which_the_window_for_an_undo_does(office: Office) -> None:
    """Cancelled for the first of a month of thirty-one days, both are at the first of the next."""
    await to_the_first_of_a_month(office)
    today = await office.today()
    if (closes_on := today + timedelta(days=31)).day != 1:  # a shorter month is followed by one of thirty-one days
        await to_the_first_of_a_month(office)
        closes_on = await office.today() + timedelta(days=31)
    user = await portal_user(office.world, office.customer_id)
    number = (await office.apply())["contract_number"]
    cancelled = await office.cancel(number, await office.in_days(0))
    closing = start_of_day(closes_on, ZONE)
    assert instant(cancelled["undo_deadline"]) == closing
    await office.world.advance_to(closing - timedelta(seconds=2))
    assert (await office.api.get("/v1/me", headers=user)).status_code == 200
    await office.world.advance_to(closing + timedelta(seconds=1))
    assert (await office.api.get("/v1/me", headers=user)).status_code == 401
    assert {"undo_window_closed", "portal_days_over"} <= {*await happened(office, number)}
