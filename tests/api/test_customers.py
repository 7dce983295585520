"""Customer companies over HTTP (CUS-01…06)."""

from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select, update

from models.tables.customers import Customer
from models.tables.procedures import Mail
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
    assert await names(api, staff, "status=active") == []
    first = (await api.get(f"{CUSTOMERS}?limit=2&sort=company_name", headers=staff)).json()
    assert (first["total"], len(first["items"])) == (3, 2)
    assert await names(api, staff, f"limit=2&sort=company_name&cursor={first['next_cursor']}") == ["Gamma"]
    for wrong in ("limit=201", "balance=1000", "sort=memo1"):
        assert (await api.get(f"{CUSTOMERS}?{wrong}", headers=staff)).status_code == 422


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


@pytest.mark.requirement("CUS-05", "USR-05")
async def test_a_deletion_erases_the_people_and_ends_their_signups(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    number = await confirmed(api, staff, world)
    approved = await api.post(f"/v1/tenants/{TENANT}/applications/{number}/approve", json={}, headers=staff)
    await world.mails_to("hanako@minato.example", 1)
    await world.mails_to("taro@minato.example", 3)
    url = f"{CUSTOMERS}/{approved.json()['customer_id']}"
    assert (await api.delete(url, headers=staff)).status_code == 204
    assert (await api.get(url, headers=staff)).status_code == 404
    async with world.database.transaction(TENANT) as connection:
        kept = list(await connection.execute(select(Mail.recipient, Mail.text)))
    assert not [row for row in kept if "minato.example" in row.recipient or "山田" in (row.text or "")]
