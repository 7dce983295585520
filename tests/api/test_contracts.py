"""Contracts over HTTP: applied for, listed, shown and changed (CON-01…10)."""

from datetime import date
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select, update

from models.tables.shipments import Shipment
from models.vocabulary import ShipmentState
from tests.contracts import DESTINATION, Office, open_office
from tests.utm_customers import UTM
from tests.world import NOTIFIED, TENANT, World, eventually


@pytest.fixture
async def office(api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]) -> Office:
    return await open_office(api, world, staff, operator)


async def refused_fields(office: Office, **fields: Any) -> dict[str, str]:
    """Field → code."""
    answer = await office.api.post(office.url, json=await office.body(**fields), headers=office.headers)
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.requirement("CON-01", "CON-03", "CON-07", "CON-10", "CUS-03")
async def test_a_contract_is_in_force_from_its_start_and_its_customer_is_active_at_once(office: Office) -> None:
    """The answer has number, dates, plans with the catalogue's price, and what comes."""
    contract = await office.apply(start_date=await office.in_days(10), memo1="メモ")
    assert contract["contract_number"].startswith("A-S")
    assert (contract["status"], contract["memo1"]) == ("active", "メモ")
    [plan] = contract["rate_plans"]
    assert (plan["quantity"], plan["charges"][0]["unit_price"]) == (2, 3000)
    assert contract["utm_quantity"] == 2
    assert contract["next"][0]["what"] == "contract_starts"
    assert [event["what"] for event in contract["timeline"]] == ["contract_applied"]
    assert await office.customer_status() == "active"
    read = await office.read(contract["contract_number"])
    assert read | {"timeline": []} == contract | {"timeline": []}


@pytest.mark.requirement("CON-09")
async def test_applying_mails_the_notification_addresses(office: Office) -> None:
    """With number, product, tenant, customer and dates."""
    contract = await office.apply()
    [subject] = await office.world.mails_to(NOTIFIED, 1)
    assert contract["contract_number"] in subject
    [mail] = office.world.mails.to(NOTIFIED)
    for said in (office.product_id, "まもるUTM", office.customer_id, "T8000000", "1か月"):
        assert said in mail.text


@pytest.mark.requirement("CON-01", "GEN-07")
async def test_every_wrong_field_is_named(office: Office) -> None:
    """Dates of the past, unknown products and plans, a plan twice, terms of no length."""
    plan = {"rate_plan_id": office.rate_plan_id}
    assert await refused_fields(office, start_date=await office.in_days(-1)) == {"start_date": "date_in_the_past"}
    assert await refused_fields(office, product_id="P-00000000") == {"product_id": "not_in_catalogue"}
    twice = await refused_fields(office, rate_plans=[plan, plan, {"rate_plan_id": "RP-x"}])
    assert twice == {
        "rate_plans.1.rate_plan_id": "duplicate",
        "rate_plans.2.rate_plan_id": "not_in_catalogue",
    }
    short = await refused_fields(office, initial_term={"value": 0, "unit": "month"}, memo1="あ" * 501)
    assert short == {"initial_term.value": "too_small", "memo1": "too_long"}


@pytest.mark.requirement("CON-01", "CON-02", "GEN-07")
async def test_what_catalogue_and_calendar_know_is_named_beside_a_wrong_shape(office: Office) -> None:
    """At the first try, as far as the body can be read."""
    plans = [{"rate_plan_id": office.rate_plan_id, "quantity": 0}, {"rate_plan_id": "RP-x"}, {"quantity": 1}]
    wrong = {"start_date": await office.in_days(-1), "memo1": "あ" * 501, "shipping_required": True, "color": "red"}
    assert await refused_fields(office, **wrong, rate_plans=plans) == {
        "memo1": "too_long",
        "color": "unknown_field",
        "start_date": "date_in_the_past",
        "destination": "required",
        "rate_plans.0.quantity": "too_small",
        "rate_plans.1.rate_plan_id": "not_in_catalogue",
        "rate_plans.2.rate_plan_id": "required",
    }
    unreadable = {"start_date": "tomorrow", "product_id": None, "destination": {"company_name": "あ" * 41}}
    named = await refused_fields(office, **unreadable, rate_plans=[{"rate_plan_id": "RP-x"}])
    assert (named["start_date"], named["product_id"]) == ("invalid_date", "required")
    assert (named["destination.company_name"], named["destination.postal_code"]) == ("too_long", "required")
    assert named["rate_plans.0.rate_plan_id"] == "not_in_catalogue"
    nobody = await office.api.post(
        f"{office.url}x".replace("/contractsx", "x/contracts"), json={}, headers=office.headers
    )
    assert nobody.status_code == 404


@pytest.mark.requirement("CON-01", "CON-02", "GEN-07")
async def test_an_unknown_product_hides_nothing_else_that_is_wrong(office: Office) -> None:
    plan = {"rate_plan_id": office.rate_plan_id}
    plans = [plan, plan, {"rate_plan_id": "RP-x"}]
    assert await refused_fields(office, product_id="P-00000000", rate_plans=plans, shipping_required=True) == {
        "product_id": "not_in_catalogue",
        "destination": "required",
        "rate_plans.1.rate_plan_id": "duplicate",
        "rate_plans.2.rate_plan_id": "not_in_catalogue",
    }


@pytest.mark.requirement("CON-01", "GEN-07")
async def test_a_contract_starts_within_a_hundred_years(office: Office) -> None:
    """Also where the calendar's last year leaves its terms no room: refused, not a procedure that is stuck."""
    today = date.fromisoformat(await office.in_days(0))
    for far in (f"{today.year + 101}-03-01", "9999-12-31"):
        assert await refused_fields(office, start_date=far) == {"start_date": "date_too_far"}
    assert (await office.api.get(office.url, headers=office.headers)).json()["total"] == 0
    longest = {"value": 120, "unit": "year"}
    contract = await office.apply(start_date=f"{today.year + 99}-12-01", initial_term=longest, renewal_term=longest)
    assert contract["term_end_date"] == f"{today.year + 219}-11-30"


@pytest.mark.requirement("CON-02")
async def test_shipping_needs_a_destination_and_goes_only_with_a_utm(office: Office) -> None:
    """Without an application to offer an address the destination is required."""
    assert await refused_fields(office, shipping_required=True) == {"destination": "required"}
    assert await refused_fields(office, destination=DESTINATION) == {"destination": "only_with_shipping"}
    both = await refused_fields(office, shipping_required=True, destination=DESTINATION, utm_id="a1a1b2b2c3c3")
    assert both == {"utm_id": "only_without_shipping"}
    contract = await office.apply(shipping_required=True, destination=DESTINATION)
    assert contract["destination"]["company_name"] == DESTINATION["company_name"]


@pytest.mark.requirement("GEN-03")
async def test_the_same_key_makes_one_contract(office: Office) -> None:
    """The first answer comes again; another body under the key is refused."""
    headers = {**office.headers, "Idempotency-Key": "contract-1"}
    body = await office.body()
    first = await office.api.post(office.url, json=body, headers=headers)
    second = await office.api.post(office.url, json=body, headers=headers)
    assert first.json() == second.json()
    assert (await office.api.get(office.url, headers=office.headers)).json()["total"] == 1
    other = await office.api.post(office.url, json={**body, "memo1": "x"}, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.requirement("CON-06")
async def test_the_list_filters_by_number_dates_and_status(office: Office) -> None:
    """Together, sorted either way."""
    early = await office.apply()
    late = await office.apply(start_date=await office.in_days(30))

    async def numbers(query: str) -> list[str]:
        answer = await office.api.get(f"{office.url}?{query}", headers=office.headers)
        return [item["contract_number"] for item in answer.json()["items"]]

    assert await numbers("sort=start_date") == [early["contract_number"], late["contract_number"]]
    assert await numbers(f"start_date=gte:{late['start_date']}") == [late["contract_number"]]
    assert await numbers(f"end_date=eq:{early['term_end_date']}") == [early["contract_number"]]
    assert await numbers(f"contract_number={late['contract_number'][3:]}") == [late["contract_number"]]
    assert await numbers("status=cancelled") == []
    assert len(await numbers("status=all")) == 2


@pytest.mark.requirement("CON-07")
async def test_the_detail_shows_the_device_that_is_registered_for_the_contract(office: Office) -> None:
    """Until then the one that the application named, if it did; a device that is deleted is no longer shown."""
    unnamed, named = await office.apply(), await office.apply(utm_id="a1a1b2b2c3d4")
    assert [(one["utm_id"], one["utm_ids"]) for one in (unnamed, named)] == [(None, []), ("a1a1b2b2c3d4", [])]
    utms = office.url.replace("/contracts", "/utms")
    devices = {
        "a1a1b2b2c3c3": unnamed["contract_number"],
        "a1a1b2b2c3c5": named["contract_number"],
        "a1a1b2b2c3d4": named["contract_number"],
    }

    async def shown() -> list[tuple[str | None, list[str]]]:
        contracts = [await office.read(one["contract_number"]) for one in (unnamed, named)]
        return [(one["utm_id"], one["utm_ids"]) for one in contracts]

    seen = []
    for utm_id, number in devices.items():
        device = UTM | {"utm_id": utm_id, "contract_number": number}
        assert (await office.api.post(utms, json=device, headers=office.headers)).status_code == 201
        seen.append(await shown())
    assert seen == [
        [("a1a1b2b2c3c3", ["a1a1b2b2c3c3"]), ("a1a1b2b2c3d4", [])],
        [("a1a1b2b2c3c3", ["a1a1b2b2c3c3"]), ("a1a1b2b2c3c5", ["a1a1b2b2c3c5"])],
        [("a1a1b2b2c3c3", ["a1a1b2b2c3c3"]), ("a1a1b2b2c3d4", ["a1a1b2b2c3c5", "a1a1b2b2c3d4"])],
    ]
    assert (await office.api.delete(f"{utms}/a1a1b2b2c3c3", headers=office.headers)).status_code == 204
    assert (await shown())[0] == (None, [])


@pytest.mark.requirement("CON-08", "UND-02", "CAN-03")
async def test_memos_and_plans_change_and_nothing_else(office: Office) -> None:
    """A lost update is refused; number, start, terms and product are no fields of a change."""
    number = (await office.apply())["contract_number"]
    url = f"{office.url}/{number}"
    read = await office.api.get(url, headers=office.headers)
    plans = [{"rate_plan_id": office.rate_plan_id, "quantity": 5, "unit_price": 2500}]
    body = {"memo2": "変更", "rate_plans": plans}
    dry = await office.api.patch(url, json={**body, "dry_run": True}, headers=office.headers)
    again = await office.api.get(url, headers=office.headers)
    assert (again.headers["ETag"], again.json()["rate_plans"]) == (read.headers["ETag"], read.json()["rate_plans"])
    changed = await office.api.patch(url, json=body, headers={**office.headers, "If-Match": read.headers["ETag"]})
    assert changed.status_code == 200, changed.text
    [told] = changed.json()["consequences"]
    assert (told["detail"]["previous_monthly_amount"], told["detail"]["monthly_amount"]) == (6_000, 12_500)
    assert _but_for_the_time(dry.json()) == _but_for_the_time(changed.json())
    [plan] = changed.json()["rate_plans"]
    assert (plan["quantity"], plan["charges"][0]["unit_price"]) == (5, 2500)
    assert changed.json()["utm_quantity"] == 5
    stale = await office.api.patch(
        url, json={"memo2": "x"}, headers={**office.headers, "If-Match": read.headers["ETag"]}
    )
    assert stale.status_code == 412
    same = await office.api.patch(url, json=body, headers=office.headers)
    assert same.json()["code"] == "nothing_changed"
    fixed = await office.api.patch(url, json={"start_date": "2030-01-01"}, headers=office.headers)
    assert fixed.status_code == 422


def _but_for_the_time(contract: dict[str, Any]) -> dict[str, Any]:
    """What a dry run and its act have in common."""
    told = [{**one, "at": ""} for one in contract["consequences"]]
    return {**contract, "consequences": told, "dry_run": None, "timeline": None}


@pytest.mark.requirement("CON-08")
async def test_the_destination_changes_until_it_is_shipped(office: Office) -> None:
    """The shipment goes to the new address; once the carrier has it, the change is refused and nothing is changed."""
    contract = await office.apply(shipping_required=True, destination=DESTINATION)
    url = f"{office.url}/{contract['contract_number']}"

    async def destination() -> str | None:
        async with office.world.database.transaction(TENANT) as connection:
            return await connection.scalar(select(Shipment.destination["address"].astext))

    async def is_requested() -> bool:
        return await destination() == DESTINATION["address"]

    await eventually(is_requested)
    body = {"destination": {**DESTINATION, "address": "港区海岸1-1-1"}, "memo3": "受付"}
    dry = await office.api.patch(url, json={**body, "dry_run": True}, headers=office.headers)
    assert dry.json()["consequences"][0]["detail"]["destination_changed"] is True
    assert await destination() == DESTINATION["address"]
    changed = await office.api.patch(url, json=body, headers=office.headers)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["destination"]["address"], changed.json()["memo3"]) == ("港区海岸1-1-1", "受付")
    assert await destination() == "港区海岸1-1-1"
    async with office.world.database.transaction(TENANT) as connection:
        await connection.execute(update(Shipment).values(state=ShipmentState.SHIPPED))
    for dry_run in (True, False):
        again = {"destination": DESTINATION, "memo3": "x", "dry_run": dry_run}
        late = await office.api.patch(url, json=again, headers=office.headers)
        assert late.status_code == 422
        errors = [(error["field"], error["code"]) for error in late.json()["errors"]]
        assert errors == [("destination", "already_shipped")]
    assert (await office.read(contract["contract_number"]))["memo3"] == "受付"


@pytest.mark.requirement("CON-02", "KIT-01")
async def test_a_contract_has_the_device_that_it_names_although_that_was_registered_before(office: Office) -> None:
    """It is fetched back at the contract's end; one of a contract that runs stays there."""
    first = (await office.apply(rate_plans=[{"rate_plan_id": office.rate_plan_id}]))["contract_number"]
    url = office.url.replace("contracts", "utms")
    numbers = ("a1a1b2b2c300", "a1a1b2b2c301")
    for utm_id in numbers:
        assert (await office.api.post(url, json={**UTM, "utm_id": utm_id}, headers=office.headers)).status_code == 201
    naming = [(await office.apply(utm_id=utm_id))["contract_number"] for utm_id in numbers]
    devices = [(await office.api.get(f"{url}/{utm_id}", headers=office.headers)).json() for utm_id in numbers]
    assert [device["contract_number"] for device in devices] == [first, naming[1]]
    await office.cancel(naming[1], await office.in_days(1))
    kits = await office.api.get(f"{office.url}/{naming[1]}/return-kits", headers=office.headers)
    assert [kit["utm_id"] for kit in kits.json()["items"]] == [numbers[1]]
