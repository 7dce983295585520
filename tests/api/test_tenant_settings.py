"""A tenant's settings over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select, update

from models.rules.periods import day_of, start_of_day
from models.tables.procedures import AuditEntry
from models.tables.tenants import Tenant
from tests.accounts import make_customer, make_person, make_portal_user, signed_in
from tests.world import TENANT, World, make_tenant, sign_in_staff

URL = f"/v1/tenants/{TENANT}/settings"
LINK = {
    "name": "サポート窓口",
    "url": "https://support.partner.example/",
    "description": "平日9時から17時まで",
    "published_on": "2026-12-01",
}


async def changed(api: AsyncClient, staff: dict[str, str], **body: Any) -> Any:
    answer = await api.patch(URL, json=body, headers=staff)
    assert answer.status_code == 200, answer.text
    return answer.json()


def wrong(answer: Any) -> dict[str, str]:
    """Code by field."""
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.requirement("SET-01", "SET-02", "SET-03", "SET-04", "SET-05")
async def test_a_new_tenant_has_the_defaults(api: AsyncClient, staff: dict[str, str]) -> None:
    """UTM addition on, 20 days of grace, everyone may open the invitation."""
    answer = await api.get(URL, headers=staff)
    assert answer.json() == {
        "utm_addition_enabled": True,
        "shortage_grace_days": 20,
        "allowed_referrers": [],
        "links": [],
        "extra_fields": [],
    }
    assert answer.headers["ETag"]


@pytest.mark.requirement("SET-01", "SET-02", "SET-03", "SET-04")
async def test_what_is_named_changes_and_the_rest_stays(api: AsyncClient, staff: dict[str, str]) -> None:
    """Origins are kept in one form, once each; a list replaces the former one."""
    await changed(api, staff, utm_addition_enabled=False, links=[LINK])
    await changed(api, staff, shortage_grace_days=0)
    settings = await changed(
        api, staff, allowed_referrers=["https://WWW.partner.example", "https://www.partner.example/"]
    )
    assert settings == {
        "utm_addition_enabled": False,
        "shortage_grace_days": 0,
        "allowed_referrers": ["https://www.partner.example/"],
        "links": [LINK],
        "extra_fields": [],
    }
    assert (await changed(api, staff, links=[]))["links"] == []


@pytest.mark.requirement("SET-04", "GEN-01", "GEN-05")
async def test_a_portal_user_sees_the_links_of_each_company_s_tenant_from_their_day_on(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """In the order that staff gave them, published at midnight in the tenant's zone; another tenant's are its own."""
    other = "T9000000"
    await make_tenant(world.database, other, await world.clock.now())
    person_id = await make_person(world)
    for tenant_id in (TENANT, other):
        customer_id = await make_customer(world, tenant_id)
        await make_portal_user(world, person_id, customer_id, tenant_id=tenant_id)
    today = day_of(await world.clock.now(), "Asia/Tokyo")
    tomorrow = today + timedelta(days=1)
    links = [LINK | {"name": name, "published_on": day.isoformat()} for name, day in (("後", tomorrow), ("先", today))]
    await changed(api, staff, links=links)

    async def shown() -> dict[str, list[Any]]:
        companies = (await api.get("/v1/me", headers=await signed_in(api))).json()["customers"]
        return {company["tenant_id"]: company["links"] for company in companies}

    assert await shown() == {TENANT: links[1:], other: []}
    await world.advance_to(start_of_day(tomorrow, "Asia/Tokyo") + timedelta(seconds=1))
    assert await shown() == {TENANT: links, other: []}


@pytest.mark.requirement("SET-02", "SET-03", "SET-04", "GEN-07")
async def test_every_wrong_field_is_named_and_nothing_is_saved(api: AsyncClient, staff: dict[str, str]) -> None:
    """All four parts of a link are required; origins have no path; days go to 99."""
    before = (await api.get(URL, headers=staff)).json()
    body = {
        "utm_addition_enabled": "no",
        "shortage_grace_days": 100,
        "allowed_referrers": ["https://a.example/", "https://b.example/path"],
        "links": [LINK, {"name": "", "url": "javascript:alert(1)", "published_on": "2026-12-32"}],
        "colour": "red",
    }
    answer = await api.patch(URL, json=body, headers=staff)
    assert wrong(answer) == {
        "utm_addition_enabled": "wrong_type",
        "shortage_grace_days": "too_large",
        "allowed_referrers.1": "invalid_origin",
        "links.1.name": "required",
        "links.1.url": "invalid_url",
        "links.1.description": "required",
        "links.1.published_on": "invalid_date",
        "colour": "unknown_field",
    }
    assert (await api.get(URL, headers=staff)).json() == before


@pytest.mark.requirement("SET-02", "SET-04")
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"shortage_grace_days": -1}, {"shortage_grace_days": "too_small"}),
        ({"shortage_grace_days": None}, {"shortage_grace_days": "required"}),
        ({"links": [{**LINK, "published_on": 1764547200}]}, {"links.0.published_on": "invalid_date"}),
        ({"links": [{**LINK, "url": "ftp://partner.example/"}]}, {"links.0.url": "invalid_url"}),
        ({"extra_fields": []}, {"extra_fields": "read_only"}),
    ],
)
async def test_a_value_outside_its_limits_is_refused(
    api: AsyncClient, staff: dict[str, str], body: dict[str, Any], errors: dict[str, str]
) -> None:
    assert wrong(await api.patch(URL, json=body, headers=staff)) == errors


@pytest.mark.requirement("SET-05")
async def test_staff_read_the_extra_fields_that_the_operator_defined(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    field = {"label": "業種", "required": True, "kind": "choice", "choices": ["製造", "小売"]}
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Tenant).values(extra_fields=[field]))
    assert (await api.get(URL, headers=staff)).json()["extra_fields"] == [field]


async def test_a_change_over_somebody_elses_is_refused(api: AsyncClient, staff: dict[str, str]) -> None:
    """A stale `If-Match` is 412; what is already so makes no new version."""
    read = await api.get(URL, headers=staff)
    first = await api.patch(URL, json={"shortage_grace_days": 5}, headers={**staff, "If-Match": read.headers["ETag"]})
    late = await api.patch(URL, json={"shortage_grace_days": 6}, headers={**staff, "If-Match": read.headers["ETag"]})
    assert (first.status_code, late.status_code, late.json()["code"]) == (200, 412, "precondition_failed")
    same = await api.patch(URL, json={"shortage_grace_days": 5}, headers=staff)
    assert same.headers["ETag"] == first.headers["ETag"] != read.headers["ETag"]


@pytest.mark.requirement("GEN-04")
async def test_a_change_is_in_the_audit_log(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """Who, what, and to which value; what changes nothing leaves no entry."""
    await changed(api, staff, shortage_grace_days=7, links=[LINK])
    await changed(api, staff, shortage_grace_days=7)
    async with world.database.transaction(TENANT) as connection:
        entries = (await connection.execute(select(AuditEntry.what, AuditEntry.detail, AuditEntry.actor))).all()
    assert [(entry.what, entry.detail) for entry in entries] == [
        ("tenant_settings_changed", {"shortage_grace_days": 7, "links": 1})
    ]
    assert entries[0].actor.startswith("staff:")


@pytest.mark.requirement("GEN-05")
async def test_another_tenants_settings_are_not_there(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    assert (await api.get(URL, headers=stranger)).status_code == 404
    assert (await api.patch(URL, json={"utm_addition_enabled": False}, headers=stranger)).status_code == 404
    assert (await api.get(URL, headers=staff)).json()["utm_addition_enabled"] is True
