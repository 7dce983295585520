"""Customer companies over HTTP (CUS-01…06)."""

import unicodedata
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import Text, cast, literal_column, select, update

from models.free_ids import insert_under_a_free_id
from models.messages.signup_steps import Register
from models.tables.customers import Customer
from models.tables.people import Person
from models.tables.procedures import Link
from models.tables.registry import metadata
from models.tables.tenants import Tenant
from tests.api.test_service_application import PERSON, PLACE, confirmed
from tests.world import TENANT, World, eventually

COMPANY: dict[str, Any] = {**PERSON, **PLACE, "mail_address": "taro@minato.example"}
CUSTOMERS = f"/v1/tenants/{TENANT}/customers"


async def created(api: AsyncClient, staff: dict[str, str], **fields: Any) -> Any:
    answer = await api.post(CUSTOMERS, json={**COMPANY, **fields}, headers=staff)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def names(api: AsyncClient, staff: dict[str, str], query: str) -> list[str]:
    answer = await api.get(f"{CUSTOMERS}?{query}", headers=staff)
    assert answer.status_code == 200, answer.text
    return [item["company_name"] for item in answer.json()["items"]]


@pytest.mark.requirement("CUS-01", "CUS-03")
async def test_staff_make_a_customer_in_draft(api: AsyncClient, staff: dict[str, str]) -> None:
    customer = await created(api, staff, memo1="大口")
    assert customer["customer_id"][0] == "A"
    assert (customer["status"], customer["account_state"], customer["balance"]) == ("draft", "free", 0)
    read = (await api.get(f"{CUSTOMERS}/{customer['customer_id']}", headers=staff)).json()
    assert (read["memo1"], read["users"], read["open_procedures"], read["application"]) == ("大口", [], [], None)


@pytest.mark.requirement("CUS-01", "GEN-07")
@pytest.mark.parametrize(
    ("field", "fits", "too_long"),
    [
        ("company_name", 40, 41),
        ("last_name", 100, 101),
        ("department", 40, 41),
        ("position", 255, 256),
        ("memo3", 255, 256),
    ],
)
async def test_a_field_is_taken_at_its_limit_and_refused_beyond(
    api: AsyncClient, staff: dict[str, str], field: str, fits: int, too_long: int
) -> None:
    assert (await created(api, staff, **{field: "あ" * fits}))[field] == "あ" * fits
    refused = await api.post(CUSTOMERS, json={**COMPANY, field: "あ" * too_long}, headers=staff)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]


@pytest.mark.requirement("CUS-02")
async def test_a_change_must_change_something_and_must_not_lose_another(
    api: AsyncClient, staff: dict[str, str]
) -> None:
    url = f"{CUSTOMERS}/{(await created(api, staff))['customer_id']}"
    tag = (await api.get(url, headers=staff)).headers["ETag"]

    async def patch(body: dict[str, Any], if_match: str) -> Response:
        return await api.patch(url, json=body, headers={**staff, "If-Match": if_match})

    same = await patch({"company_name": PLACE["company_name"]}, tag)
    assert (same.status_code, same.json()["code"]) == (422, "nothing_changed")
    first = await patch({"company_name": "みなと物産"}, tag)
    assert (first.status_code, first.json()["company_name"]) == (200, "みなと物産")
    stale = await patch({"memo1": "late"}, tag)
    assert stale.status_code == 412


@pytest.mark.requirement("CUS-04")
async def test_filters_join_and_pages_follow(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    for name in ("Alpha 100%", "Beta", "Gamma"):
        await created(api, staff, company_name=name)
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Customer).where(Customer.company_name == "Beta").values(balance=1500))
    assert await names(api, staff, "company_name=100%25") == ["Alpha 100%"]
    assert await names(api, staff, "balance=gte:1000") == ["Beta"]
    assert await names(api, staff, "balance=ne:1500&sort=company_name") == ["Alpha 100%", "Gamma"]
    assert await names(api, staff, "balance=lte:0&company_name=gam&status=draft") == ["Gamma"]
    assert await names(api, staff, "balance=gte:1000&balance=lte:1500") == ["Beta"]
    assert await names(api, staff, "balance=gte:1000&balance=lte:1400") == []
    assert await names(api, staff, "company_name=%20%20Gamma%E3%80%80") == ["Gamma"]
    assert await names(api, staff, "status=active") == []
    first = (await api.get(f"{CUSTOMERS}?limit=2&sort=company_name", headers=staff)).json()
    assert (first["total"], len(first["items"])) == (3, 2)
    assert await names(api, staff, f"limit=2&sort=company_name&cursor={first['next_cursor']}") == ["Gamma"]
    for wrong in ("limit=201", "balance=1000", "sort=memo1"):
        assert (await api.get(f"{CUSTOMERS}?{wrong}", headers=staff)).status_code == 422


@pytest.mark.requirement("CUS-04")
async def test_a_name_is_found_however_its_characters_are_composed(api: AsyncClient, staff: dict[str, str]) -> None:
    """A file name's `が`, copied on a Mac, is a `か` with a mark behind it."""
    await created(api, staff, company_name="まもるがいしゃ")
    assert await names(api, staff, "company_name=" + quote(unicodedata.normalize("NFD", "るが"))) == ["まもるがいしゃ"]


@pytest.mark.requirement("CUS-06", "APP-17")
async def test_the_page_gathers_application_people_and_open_procedures(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    number = await confirmed(api, staff, world)
    approved = await api.post(f"/v1/tenants/{TENANT}/applications/{number}/approve", json={}, headers=staff)
    url = f"{CUSTOMERS}/{approved.json()['customer_id']}"

    async def signups_are_open() -> bool:
        page = (await api.get(url, headers=staff)).json()
        return any(procedure["kind"] == "signup" and procedure["next"] for procedure in page["open_procedures"])

    await eventually(signups_are_open)
    page = (await api.get(url, headers=staff)).json()
    assert page["application"]["utm_destinations"][0]["quantity"] == 2
    assert page["application_number"] == number
    assert [user["mail_address"] for user in page["users"]] == ["hanako@minato.example"]


@pytest.mark.requirement("CUS-04")
async def test_who_was_never_invoiced_was_not_invoiced_on_any_day(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    await created(api, staff, company_name="Invoiced")
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Customer).values(last_invoice_date=date(2026, 11, 1)))
    await created(api, staff, company_name="New")
    assert await names(api, staff, "last_invoice_date=eq:2026-11-01") == ["Invoiced"]
    assert await names(api, staff, "last_invoice_date=ne:2026-11-01") == ["New"]
    assert await names(api, staff, "last_invoice_date=gte:2026-11-01&customer_id=A") == ["Invoiced"]


@pytest.mark.requirement("APP-17")
async def test_a_customer_shows_the_tenants_questions_and_staff_answer_them_one_by_one(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Checked against the tenant's definitions; what is not named stays."""
    questions = [
        {"label": "業種", "required": True, "kind": "choice", "choices": ["製造", "小売"]},
        {"label": "備考", "required": False, "kind": "text"},
    ]
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Tenant).values(extra_fields=questions))
    customer = await created(api, staff)
    url = f"{CUSTOMERS}/{customer['customer_id']}"
    assert customer["extra"] == {"業種": None, "備考": None}
    await api.patch(url, json={"extra": {"備考": "午前中"}}, headers=staff)
    answered = await api.patch(url, json={"extra": {"業種": "小売"}}, headers=staff)
    assert answered.json()["extra"] == {"業種": "小売", "備考": "午前中"}
    wrong = await api.patch(url, json={"extra": {"業種": "農業", "なし": "x"}}, headers=staff)
    assert {(error["field"], error["code"]) for error in wrong.json()["errors"]} == {
        ("extra.業種", "unknown_choice"),
        ("extra.なし", "unknown_field"),
    }
    taken_back = await api.patch(url, json={"extra": {"業種": ""}}, headers=staff)
    assert [error["code"] for error in taken_back.json()["errors"]] == ["required"]


@pytest.mark.requirement("CUS-05", "USR-05")
async def test_a_deletion_erases_the_people_and_ends_their_signups(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Numbers, quantities and the audit log stay, and what reads them still works."""
    number = await confirmed(api, staff, world)
    approved = await api.post(f"/v1/tenants/{TENANT}/applications/{number}/approve", json={}, headers=staff)
    await world.mails_to("hanako@minato.example", 1)
    await world.mails_to("taro@minato.example", 3)
    url = f"{CUSTOMERS}/{approved.json()['customer_id']}"
    assert (await api.delete(url, headers=staff)).status_code == 204
    for again in (await api.get(url, headers=staff), await api.delete(url, headers=staff)):
        assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert await names(api, staff, "status=draft") == []
    assert await people_in_the_database(world) == []
    application = (await api.get(f"/v1/tenants/{TENANT}/applications/{number}", headers=staff)).json()
    assert [place["quantity"] for place in application["utm_destinations"]] == [2]
    listed = (await api.get(f"/v1/tenants/{TENANT}/applications?status=approved", headers=staff)).json()
    assert [item["application_number"] for item in listed["items"]] == [number]
    file = await api.get(f"/v1/tenants/{TENANT}/applications.csv", headers=staff)
    assert number in file.text
    assert (await api.get(f"{url}/users", headers=staff)).status_code == 404


async def people_in_the_database(world: World) -> list[str]:
    """Rows of the tenant, and of people, that still name somebody of the company."""
    found = []
    async with world.database.transaction(TENANT) as connection:
        for table in metadata.sorted_tables:
            if table.name == "idempotent_answers":  # encrypted, and forgotten in time
                continue
            rows = await connection.execute(select(cast(literal_column(f'"{table.name}"'), Text)).select_from(table))
            found += [f"{table.name}: {row}" for row in rows.scalars() if "minato.example" in row or "山田" in row]
    return found


@pytest.mark.requirement("CUS-05", "TEN-06")
async def test_a_deletion_forgets_those_who_belong_nowhere_else(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Somebody who is also a user of another company keeps the account."""
    companies = [f"{CUSTOMERS}/{(await created(api, staff))['customer_id']}" for _ in range(2)]
    for address, urls in (("one@minato.example", companies[:1]), ("both@minato.example", companies)):
        for url in urls:
            await registered(api, staff, world, f"{url}/users", address)
    assert (await api.delete(companies[0], headers=staff)).status_code == 204
    async with world.database.transaction() as connection:
        known = set((await connection.execute(select(Person.mail_address))).scalars())
    assert "both@minato.example" in known
    assert "one@minato.example" not in known


async def registered(api: AsyncClient, staff: dict[str, str], world: World, url: str, address: str) -> None:
    person = {"last_name": "佐藤", "first_name": "次郎", "mail_address": address}
    user = (await api.post(url, json=person, headers=staff)).json()
    await eventually(lambda: len(world.mails.to(address)) > 0)
    async with world.database.transaction(TENANT) as connection:
        link_id = await connection.scalar(select(Link.link_id).where(Link.subject == user["user_id"]))
    command = Register(command_id=str(link_id), actor="portal_user", link_id=str(link_id), password_hash="$argon2id$…")
    handle = world.client.get_workflow_handle(f"signup-{TENANT}-{user['user_id']}")
    await handle.execute_update("register", command, id=command.command_id)


@pytest.mark.requirement("CUS-05")
async def test_a_number_that_is_taken_or_was_is_not_drawn_again(world: World) -> None:
    """Numbers are drawn until one is free, also of those that a deletion has left."""
    draw = iter(("A00000001", "A00000001", "A00000002")).__next__
    values = {
        **COMPANY,
        "tenant_id": TENANT,
        "status": "draft",
        "account_state": "free",
        "created_at": await world.clock.now(),
    }
    async with world.database.transaction(TENANT) as connection:
        assert await insert_under_a_free_id(connection, Customer.customer_id, draw, values) == "A00000001"
        await connection.execute(update(Customer).values(deleted_at=await world.clock.now()))
        assert await insert_under_a_free_id(connection, Customer.customer_id, draw, values) == "A00000002"
