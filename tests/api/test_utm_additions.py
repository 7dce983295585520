"""UTM addition applications over HTTP: who may ask for what, who decides, and what becomes of it (ADD-01…06)."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert, select, update

from models.contract_shortage import under_contracted
from models.identifiers import Draw
from models.tables.applications import UtmAddition
from models.tables.customers import Customer
from models.tables.procedures import Procedure
from models.tables.tenants import Tenant
from tests.accounts import make_customer
from tests.additions import APPLICANT, DESTINATION, URL, Company, make_company, procedure_id
from tests.api.test_customers import CUSTOMERS
from tests.contracts import open_office
from tests.utm_customers import UTM, applied, contract, portal_user
from tests.world import TENANT, World, make_tenant, sign_in_staff

NOON = "2026-11-20T12:00:00+09:00"


@pytest.fixture
async def company(api: AsyncClient, world: World) -> Company:
    return await make_company(api, world)


async def make_addition(
    world: World, customer_id: str, at: str = NOON, *, tenant_id: str = TENANT, **columns: Any
) -> str:
    """An application as its procedure records it. Returns its number."""
    row: dict[str, Any] = {
        "application_number": Draw().addition_number(),
        "user_id": "YW499776",
        "last_name": "山田",
        "first_name": "花子",
        "mail_address": APPLICANT,
        "language": "ja",
        "destination": DESTINATION,
        "state": "unapproved",
        "submitted_at": datetime.fromisoformat(at),
        **columns,
    }
    async with world.database.transaction(tenant_id) as connection:
        await connection.execute(insert(UtmAddition).values(tenant_id=tenant_id, customer_id=customer_id, **row))
    return str(row["application_number"])


async def found(api: AsyncClient, staff: dict[str, str], **query: Any) -> list[str]:
    answer = await api.get(URL, params=query, headers=staff)
    assert answer.status_code == 200, answer.text
    return [item["application_number"] for item in answer.json()["items"]]


async def procedures(world: World) -> int:
    async with world.database.transaction(TENANT) as connection:
        return len((await connection.execute(select(Procedure.procedure_id))).all())


@pytest.mark.requirement("ADD-01", "ADD-03", "ADD-05", "CUS-06")
async def test_what_was_asked_for_shows_to_staff_to_the_company_and_at_the_customer(
    company: Company, api: AsyncClient, staff: dict[str, str]
) -> None:
    """The detail has the company's id, and what would look odd to a carrier."""
    answer = await company.ask(address="横浜市西区みなとみらい", department="情報システム部")
    number = answer.json()["application_number"]
    assert answer.json() == {"application_number": number, "state": "unapproved"}
    assert (number[:4], len(number)) == ("UAP-", 12)
    destination = {**DESTINATION, "address": "横浜市西区みなとみらい", "department": "情報システム部"}
    detail = await api.get(f"{URL}/{number}", headers=staff)
    shown = detail.json()
    assert (shown["customer_id"], shown["company_name"], shown["user_id"]) == (
        company.customer_id,
        "みなと商事",
        company.user_id,
    )
    assert (shown["destination"], shown["quantity"], shown["procedure_id"]) == (destination, 3, procedure_id(number))
    assert shown["warnings"] == [{"field": "destination.address", "code": "no_house_number"}]
    assert detail.headers["ETag"]
    [own] = (await api.get(company.url, headers=company.headers)).json()["items"]
    assert (own["application_number"], own["state"], own["destination"]) == (number, "unapproved", destination)
    page = (await api.get(f"{CUSTOMERS}/{company.customer_id}", headers=staff)).json()
    assert page["utm_additions"] == [own]
    assert [(one["kind"], one["subject"]) for one in page["open_procedures"]] == [("utm-addition", number)]


LONGEST: dict[str, Any] = {
    "company_name": "あ" * 40,
    "last_name": "あ" * 100,
    "first_name": "あ" * 100,
    "department": "あ" * 40,
    "postal_code": "2200012",
    "prefecture": "北海道",
    "address": "あ" * 100,
    "phone_number": "0" * 15,
    "quantity": 999,
}
SHORTEST = {
    **dict.fromkeys(("company_name", "last_name", "first_name", "address"), "あ"),
    "department": "",
    "phone_number": "0",
    "quantity": 1,
}
TOO_MUCH = {
    **{name: f"{LONGEST[name]}あ" for name in ("company_name", "last_name", "first_name", "department", "address")},
    "postal_code": "220-00123",
    "prefecture": "神奈川",
    "phone_number": "0" * 16,
    "quantity": 1000,
}
TOO_LITTLE = {
    **dict.fromkeys(("company_name", "last_name", "first_name", "address", "prefecture", "phone_number"), " "),
    "postal_code": "220001",
    "quantity": 0,
}


@pytest.mark.requirement("ADD-01", "APP-03", "GEN-07")
async def test_every_field_is_taken_at_its_limits_and_refused_beyond(company: Company, world: World) -> None:
    """All wrong fields are named at once, and nothing is begun."""
    for fits in (LONGEST, SHORTEST):
        answer = await company.ask(**fits)
        assert answer.status_code == 201, answer.text
    begun = await procedures(world)
    long, short = await company.ask(**TOO_MUCH), await company.ask(**TOO_LITTLE, mail_address="x@y.jp")
    assert (long.status_code, short.status_code) == (422, 422)
    assert {error["field"]: error["code"] for error in long.json()["errors"]} == {
        **dict.fromkeys(("company_name", "last_name", "first_name", "department", "address"), "too_long"),
        "phone_number": "too_long",
        "postal_code": "invalid_postal_code",
        "prefecture": "unknown_prefecture",
        "quantity": "too_large",
    }
    assert {error["field"]: error["code"] for error in short.json()["errors"]} == {
        **dict.fromkeys(("company_name", "last_name", "first_name", "address", "prefecture"), "required"),
        "phone_number": "required",
        "postal_code": "invalid_postal_code",
        "quantity": "too_small",
        "mail_address": "unknown_field",
    }
    assert await procedures(world) == begun


@pytest.mark.requirement("GEN-03")
async def test_the_same_key_and_body_gives_one_application(company: Company, world: World) -> None:
    first, second = await company.ask("once"), await company.ask("once")
    assert first.json() == second.json()
    other = await company.ask("once", quantity=4)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await procedures(world) == 1


@pytest.mark.requirement("ADD-01", "SET-01")
async def test_switched_off_it_refuses_new_ones_with_the_reason_and_decides_those_made_before(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    number = await company.asked()
    settings = f"/v1/tenants/{TENANT}/settings"
    await api.patch(settings, json={"utm_addition_enabled": False}, headers=staff)
    refused = await company.ask("later")
    assert (refused.status_code, refused.json()["code"]) == (409, "utm_addition_disabled")
    assert "UTM追加申請は受け付けておりません" in refused.json()["detail"]
    assert await procedures(world) == 1
    assert (await api.post(f"{URL}/{number}/approve", headers=staff)).json()["state"] == "approved"
    await api.patch(settings, json={"utm_addition_enabled": True}, headers=staff)
    assert (await company.ask("later")).status_code == 201


@pytest.mark.requirement("ADD-01", "TEN-01")
async def test_a_company_that_is_suspended_or_cancelled_cannot_ask_and_any_other_can(
    company: Company, world: World
) -> None:
    """Nor can anybody while the tenant is suspended."""
    refusals = {
        "suspended": {"account_state": "suspended", "status": "active"},
        "cancelled": {"account_state": "free", "status": "cancelled"},
    }
    for state, columns in refusals.items():
        async with world.database.transaction(TENANT) as connection:
            await connection.execute(update(Customer).values(columns))
        refused = await company.ask()
        assert (refused.status_code, refused.json()["code"]) == (409, "company_not_served")
        assert refused.json()["state"] == state
    for columns in ({"account_state": "active", "status": "active"}, {"account_state": "free", "status": "draft"}):
        async with world.database.transaction(TENANT) as connection:
            await connection.execute(update(Customer).values(columns))
        assert (await company.ask()).status_code == 201
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Tenant).values(state="suspended"))
    suspended = await company.ask()
    assert (suspended.status_code, suspended.json()["code"]) == (403, "tenant_suspended")
    assert await procedures(world) == 2


@pytest.mark.requirement("GEN-05")
async def test_nobody_else_sees_asks_or_decides(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """Not another company's people, not another tenant's staff, and nobody in the other's place."""
    number = await company.asked()
    neighbour = await portal_user(world, await make_customer(world))
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    for headers in (neighbour, stranger, staff, operator):
        asked = await api.post(company.url, json=DESTINATION, headers=headers)
        read = await api.get(company.url, headers=headers)
        expected = 403 if headers is operator else 404
        assert (asked.status_code, read.status_code) == (expected, expected)
    for tenant_id in (TENANT, "T9000000"):
        one = f"/v1/tenants/{tenant_id}/utm-additions/{number}"
        for answer in (await api.get(one, headers=stranger), await api.post(f"{one}/approve", headers=stranger)):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await api.get("/v1/tenants/T9000000/utm-additions", headers=stranger)).json()["total"] == 0
    for headers in (company.headers, neighbour):
        assert (await api.get(URL, headers=headers)).status_code == 403
        assert (await api.post(f"{URL}/{number}/approve", headers=headers)).status_code == 403
    assert (await api.get(f"{URL}/{number}", headers=staff)).json()["state"] == "unapproved"
    assert (await api.post(f"{URL}/UAP-00000000/approve", headers=staff)).status_code == 404
    held = await api.post(f"{URL}/{number}/hold", headers=staff)
    assert held.status_code in {404, 422}


@pytest.mark.requirement("ADD-03", "APP-10")
async def test_the_list_filters_by_period_state_number_and_company_and_goes_both_ways_page_by_page(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Unapproved ones unless a status is named; a day is the tenant's; what is a wildcard is a letter."""
    minato = await make_customer(world, company_name="みなと商事")
    percent = await make_customer(world, company_name="100%_Kita")
    first = await make_addition(world, minato, "2026-11-19T15:00:00+00:00", application_number="UAP-0000ABC1")
    last = await make_addition(world, percent, "2026-11-20T14:59:59.999999+00:00", application_number="UAP-0000ABC2")
    later = await make_addition(world, minato, "2026-11-20T15:00:00+00:00", application_number="UAP-0000XYZ1")
    decided = {
        state: await make_addition(world, minato, "2026-12-01T00:00:00+09:00", state=state)
        for state in ("approved", "denied", "ended")
    }
    assert await found(api, staff) == [later, last, first]
    assert await found(api, staff, sort="submitted_at") == [first, last, later]
    assert await found(api, staff, **{"from": "2026-11-20", "to": "2026-11-20"}) == [last, first]
    assert await found(api, staff, **{"from": "2026-11-21"}) == [later]
    for state, number in decided.items():
        assert await found(api, staff, status=state) == [number]
    assert len(await found(api, staff, status="all")) == 6
    assert await found(api, staff, number="abc") == [last, first]
    assert await found(api, staff, company_name="0%_kita") == [last]
    assert await found(api, staff, company_name="0_kita") == []
    assert await found(api, staff, company_name="商事", number="xyz", status="unapproved") == [later]
    page = (await api.get(URL, params={"limit": 2}, headers=staff)).json()
    assert (page["total"], [item["quantity"] for item in page["items"]]) == (3, [3, 3])
    assert await found(api, staff, limit=2, cursor=page["next_cursor"]) == [first]
    wrong = await api.get(URL, params={"status": "on_hold"}, headers=staff)
    assert (wrong.status_code, [error["field"] for error in wrong.json()["errors"]]) == (422, ["status"])


@pytest.mark.requirement("ADD-05", "CON-02", "UTM-01")
async def test_an_approved_address_is_offered_taken_when_it_is_the_only_one_and_asked_for_among_several(
    api: AsyncClient, world: World, staff: dict[str, str], operator: dict[str, str]
) -> None:
    """For contracts and devices alike; what is undecided or denied offers nothing."""
    office = await open_office(api, world, staff, operator)
    url = f"{CUSTOMERS}/{office.customer_id}"
    shipped = await office.body(shipping_required=True)
    device = {name: value for name, value in UTM.items() if name not in {"postal_code", "address"}}
    await contract(world, office.customer_id, utm_quantity=9)
    for state in ("unapproved", "denied", "ended"):
        await make_addition(world, office.customer_id, state=state)
    assert await missing(api, office.url, shipped, staff) == ["destination"]
    assert await missing(api, f"{url}/utms", device, staff) == ["address", "postal_code"]

    await make_addition(world, office.customer_id, state="approved")
    await make_addition(world, office.customer_id, state="approved", destination={**DESTINATION, "quantity": 9})
    place = {name: value for name, value in DESTINATION.items() if name != "quantity"}
    assert (await api.get(url, headers=staff)).json()["offered_addresses"] == [place]
    number = (await office.apply(shipping_required=True))["contract_number"]
    assert (await office.read(number))["destination"] == place
    registered = await api.post(f"{url}/utms", json=device, headers=staff)
    assert (registered.json()["postal_code"], registered.json()["address"]) == (
        "220-0012",
        "神奈川県横浜市西区みなとみらい2-3-4",
    )

    await applied(world, office.customer_id, [{**DESTINATION, "address": "横浜市中区1-1"}])
    offered = (await api.get(url, headers=staff)).json()["offered_addresses"]
    assert [one["address"] for one in offered] == ["横浜市中区1-1", "横浜市西区みなとみらい2-3-4"]
    assert await missing(api, office.url, shipped, staff) == ["destination"]
    assert await missing(api, f"{url}/utms", {**device, "utm_id": "a1a1b2b2c3c4"}, staff) == ["address", "postal_code"]
    given = await office.apply(shipping_required=True, destination=offered[0])
    assert (await office.read(given["contract_number"]))["destination"]["address"] == "横浜市中区1-1"


async def missing(api: AsyncClient, url: str, body: dict[str, Any], staff: dict[str, str]) -> list[str]:
    """The fields that are required after all."""
    answer = await api.post(url, json=body, headers=staff)
    assert answer.status_code == 422, answer.text
    return sorted(error["field"] for error in answer.json()["errors"] if error["code"] == "required")


@pytest.mark.requirement("SET-09")
async def test_approved_additions_count_as_applied_for_in_the_shortage_check(world: World) -> None:
    """With the service application's; one UTM fewer under contract, and the customer is named."""
    short, covered, undecided = [await make_customer(world) for _ in range(3)]
    for customer_id, quantity in ((short, 4), (covered, 5)):
        await applied(world, customer_id, [{**DESTINATION, "quantity": 2}])
        await make_addition(world, customer_id, state="approved", destination={**DESTINATION, "quantity": 3})
        await make_addition(world, customer_id, state="denied", destination={**DESTINATION, "quantity": 99})
        await contract(world, customer_id, utm_quantity=quantity)
    await make_addition(world, undecided)
    later = date.fromisoformat(str((await world.clock.now()).date())) + timedelta(days=21)
    async with world.database.transaction(TENANT) as connection:
        tenant = (await connection.execute(select(Tenant.__table__))).one()
        assert await under_contracted(connection, tenant, later) == [short]


@pytest.mark.requirement("ADD-02")
async def test_the_applicants_mails_are_in_the_language_they_asked_in(
    company: Company, world: World, api: AsyncClient, staff: dict[str, str]
) -> None:
    """Also the result, which somebody else sets off."""
    answer = await api.post(company.url, json=DESTINATION, headers={**company.headers, "Accept-Language": "en"})
    number = answer.json()["application_number"]
    await api.post(f"{URL}/{number}/deny", headers=staff)
    completed, result = await world.mails_to(APPLICANT, 2)
    assert completed == f"We have received your UTM addition application {number}"
    assert result == f"The result of your UTM addition application {number}: denied"
