"""Cancelling, moving and undoing over HTTP, with dry runs (CAN-01…09, UND-01…06)."""

from datetime import date
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.contracts import Office, open_office
from tests.world import NOTIFIED, World


@pytest.fixture
async def office(api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]) -> Office:
    return await open_office(api, world, staff, operator)


def when(answer: dict[str, Any], what: str) -> list[str]:
    return [one["at"] for one in answer["consequences"] if one["what"] == what]


@pytest.mark.requirement("CAN-01", "CAN-07", "CAN-09", "CUS-03")
async def test_a_cancelled_contract_serves_to_its_date_and_is_not_cancelled_twice(office: Office) -> None:
    """It is cancelled at once, its customer stays active, and the second cancellation is told the date."""
    number = (await office.apply())["contract_number"]
    day = await office.in_days(20)
    answer = await office.cancel(number, day)
    assert (answer["status"], answer["cancellation_date"], answer["fee"]) == ("cancelled", day, None)
    assert await office.customer_status() == "active"
    [_, subject] = await office.world.mails_to(NOTIFIED, 2)
    assert number in subject
    status, refused = await office.post(number, "cancel", cancellation_date=day, charge_fee=False)
    assert (status, refused["code"], refused["state"], refused["cancellation_date"]) == (
        409,
        "already_cancelled",
        "cancelled",
        day,
    )


@pytest.mark.requirement("CAN-02")
async def test_the_fee_is_the_monthly_amount_for_each_whole_month_left(office: Office) -> None:
    """Two units at 3000 yen, cancelled on the first day of a year: eleven whole months are left."""
    number = (await office.apply())["contract_number"]
    answer = await office.cancel(number, await office.in_days(0), charge_fee=True)
    assert answer["fee"] == 2 * 3000 * 11
    [fee] = [one["detail"] for one in answer["consequences"] if one["what"] == "cancellation_fee"]
    assert fee == {"amount": 66000, "monthly_amount": 6000, "months_left": 11, "fixed": False}
    await office.world.mails_to(NOTIFIED, 2)
    assert "66,000円" in office.world.mails.to(NOTIFIED)[-1].text


@pytest.mark.requirement("CAN-01", "CAN-02", "GEN-07")
async def test_wrong_dates_and_fees_are_named(office: Office) -> None:
    """A date of the past; a date after the end of a contract that does not renew."""
    renewing = (await office.apply())["contract_number"]
    ending = await office.apply(renewal_term={"value": 0, "unit": "month"})
    yesterday = {"cancellation_date": await office.in_days(-1), "charge_fee": False}
    beyond = {"cancellation_date": (await office.in_days(400)), "charge_fee": False}
    for number, body, code in (
        (renewing, yesterday, "date_in_the_past"),
        (ending["contract_number"], beyond, "after_contract_end"),
    ):
        for dry in (True, False):
            status, answer = await office.post(number, "cancel", **body, dry_run=dry)
            assert status == 422
            assert [(error["field"], error["code"]) for error in answer["errors"]] == [("cancellation_date", code)]


@pytest.mark.requirement("CAN-03")
async def test_a_dry_run_changes_nothing_and_says_what_the_cancellation_then_says(office: Office) -> None:
    """The same consequences, in order of time; the contract, its mails and its timeline stay as they are."""
    contract = await office.apply()
    number = contract["contract_number"]
    day = await office.in_days(40)
    foreseen = await office.cancel(number, day, charge_fee=True, dry_run=True)
    assert (await office.read(number))["status"] == "active"
    assert len(office.world.mails.to(NOTIFIED)) <= 1
    done = await office.cancel(number, day, charge_fee=True)
    said = [(one["what"], one["detail"]) for one in foreseen["consequences"]]
    assert said == [(one["what"], one["detail"]) for one in done["consequences"]]
    assert {what for what, _ in said} >= {
        *("mail", "cancellation_fee", "contract_ends", "renewal_prevented"),
        *("undo_window_closes", "portal_closes", "customer_cancelled", "customer_deletable"),
    }
    instants = [one["at"] for one in done["consequences"]]
    assert instants == sorted(instants)


@pytest.mark.requirement("CAN-06")
async def test_the_date_moves_and_each_move_mails_again(office: Office) -> None:
    """Earlier and later, with the fee that goes with it; not to the same date."""
    number = (await office.apply())["contract_number"]
    first, later = await office.in_days(10), await office.in_days(70)
    before = await office.cancel(number, first, charge_fee=True)
    status, foreseen = await office.post(number, "reschedule-cancellation", cancellation_date=later, dry_run=True)
    assert (status, foreseen["cancellation_date"]) == (200, later)
    assert (await office.read(number))["cancellation_date"] == first
    status, moved = await office.post(number, "reschedule-cancellation", cancellation_date=later)
    assert (status, moved["cancellation_date"]) == (200, later)
    assert moved["fee"] == foreseen["fee"] == before["fee"] - 2 * 6000
    assert (await office.read(number))["fee"] == moved["fee"]
    await office.world.mails_to(NOTIFIED, 3)
    status, same = await office.post(number, "reschedule-cancellation", cancellation_date=later)
    assert (status, same["code"]) == (422, "nothing_changed")
    active = (await office.apply())["contract_number"]
    status, refused = await office.post(active, "reschedule-cancellation", cancellation_date=later)
    assert (status, refused["code"], refused["state"]) == (409, "wrong_state", "active")


@pytest.mark.requirement("UND-01", "UND-02", "UND-05")
async def test_an_undo_gives_the_contract_back_as_it_was(office: Office) -> None:
    """With its terms and without the fee; the dry run before it changed nothing."""
    contract = await office.apply()
    number = contract["contract_number"]
    cancelled = await office.cancel(number, await office.in_days(5), charge_fee=True)
    deadline = date.fromisoformat(cancelled["undo_deadline"][:10])
    assert deadline > date.fromisoformat(await office.in_days(0))
    status, foreseen = await office.post(number, "undo-cancellation", dry_run=True)
    assert (status, foreseen["status"], len(when(foreseen, "fee_reversed"))) == (200, "active", 1)
    assert (await office.read(number))["status"] == "cancelled"
    status, undone = await office.post(number, "undo-cancellation")
    assert (status, undone["status"], undone["cancellation_date"], undone["fee"]) == (200, "active", None, None)
    read = await office.read(number)
    kept = ("term_end_date", "next_renewal_date", "rate_plans", "end_date")
    assert {name: read[name] for name in kept} == {name: contract[name] for name in kept}
    await office.world.mails_to(NOTIFIED, 3)
    status, refused = await office.post(number, "undo-cancellation")
    assert (status, refused["code"], refused["state"]) == (409, "wrong_state", "active")


@pytest.mark.requirement("UND-01")
async def test_without_a_utm_in_the_product_no_undo_is_offered(
    api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Neither by deadline nor by command."""
    office = await open_office(api, world, staff, operator, includes_utm=False)
    number = (await office.apply())["contract_number"]
    assert (await office.cancel(number, await office.in_days(5)))["undo_deadline"] is None
    for dry in (True, False):
        status, refused = await office.post(number, "undo-cancellation", dry_run=dry)
        assert (status, refused["code"]) == (409, "undo_not_offered")


@pytest.mark.requirement("GEN-03")
async def test_a_repeated_cancellation_gets_its_first_answer(office: Office) -> None:
    """Also when the contract has been undone and cancelled anew meanwhile."""
    number = (await office.apply())["contract_number"]
    body = {"cancellation_date": await office.in_days(5), "charge_fee": False}
    headers = {**office.headers, "Idempotency-Key": "cancel-1"}
    first = await office.api.post(f"{office.url}/{number}/cancel", json=body, headers=headers)
    await office.post(number, "undo-cancellation")
    again = await office.api.post(f"{office.url}/{number}/cancel", json=body, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await office.read(number))["status"] == "active"
