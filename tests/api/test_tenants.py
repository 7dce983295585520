"""The operator's tenants over HTTP."""

from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import func, select

from api.context import Context
from api.registration import register
from models.messages.procedure import Command
from models.tables.people import Session
from tests.api.test_service_application import FORM, submitted
from tests.api.test_staff import FIELDS as REGISTRATION
from tests.world import TENANT, World, make_tenant, sign_in_staff

NEW = {"name": "あおばシステムズ", "staff": {"mail_address": "Boss@aoba.example"}}
FIELDS = [
    {"label": "紹介者", "required": False, "kind": "text", "choices": []},
    {"label": "業種", "required": True, "kind": "choice", "choices": ["製造", "小売"]},
]


async def created(api: AsyncClient, operator: dict[str, str], **more: Any) -> Any:
    answer = await api.post("/v1/tenants", json=NEW | more, headers=operator)
    assert answer.status_code == 201, answer.text
    return answer.json()


def codes(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.requirement("TEN-01", "TEN-02")
async def test_a_new_tenant_has_its_settings_and_its_first_staff_member_gets_the_link(
    api: AsyncClient, operator: dict[str, str], world: World
) -> None:
    """What is left out has a default; the mail names tenant and id."""
    tenant = await created(api, operator)
    assert (tenant["time_zone"], tenant["language"], tenant["country"]) == ("Asia/Tokyo", "ja", "JP")
    assert (tenant["sender_name"], tenant["portal_base_url"]) == ("あおばシステムズ", None)
    assert tenant["staff"]["signup_state"] == "signup_open"
    await world.mails_to("boss@aoba.example", 1)
    [mail] = world.mails.mails
    assert tenant["tenant_id"] in mail.text
    assert "あおばシステムズ" in mail.text


@pytest.mark.requirement("TEN-01", "APP-01")
async def test_its_invitation_exists_from_the_beginning(
    api: AsyncClient, operator: dict[str, str], world: World
) -> None:
    """Under the tenant's own base URL, without a slash too many."""
    tenant = await created(api, operator, portal_base_url="https://portal.aoba.example/")
    staff = await sign_in_staff(world, tenant["tenant_id"])
    invitation = await api.get(f"/v1/tenants/{tenant['tenant_id']}/invitation", headers=staff)
    assert invitation.json()["url"].startswith(f"https://portal.aoba.example/apply/{tenant['tenant_id']}-")


@pytest.mark.requirement("GEN-03")
async def test_the_same_request_again_makes_no_second_tenant(api: AsyncClient, operator: dict[str, str]) -> None:
    headers = operator | {"Idempotency-Key": "tenant-1"}
    first = await api.post("/v1/tenants", json=NEW, headers=headers)
    second = await api.post("/v1/tenants", json=NEW, headers=headers)
    assert first.json() == second.json()
    listed = await api.get("/v1/tenants", headers=operator)
    assert listed.json()["total"] == 2  # with the one of every test


@pytest.mark.requirement("GEN-07")
async def test_wrong_input_is_named_and_makes_nothing(api: AsyncClient, operator: dict[str, str]) -> None:
    wrong = {"name": "", "time_zone": "Mars/Base", "language": "fr", "country": "jp", "staff": {"mail_address": "x"}}
    answer = await api.post("/v1/tenants", json=wrong | {"portal_base_url": "ftp://x/"}, headers=operator)
    assert codes(answer) == {
        "name": "required",
        "time_zone": "unknown_time_zone",
        "language": "unknown_choice",
        "country": "invalid",
        "portal_base_url": "invalid_url",
        "staff.mail_address": "invalid_mail_address",
    }
    assert (await api.get("/v1/tenants", headers=operator)).json()["total"] == 1


@pytest.mark.requirement("TEN-01")
async def test_the_operator_lists_reads_and_changes_tenants(api: AsyncClient, operator: dict[str, str]) -> None:
    """A change by what was read before another's is refused."""
    tenant = await created(api, operator)
    listed = (await api.get("/v1/tenants?sort=name", headers=operator)).json()
    assert [item["tenant_id"] for item in listed["items"]] == [tenant["tenant_id"], TENANT]
    url = f"/v1/tenants/{tenant['tenant_id']}"
    tag = (await api.get(url, headers=operator)).headers["ETag"]
    change = {"name": "あおば", "time_zone": "Asia/Seoul", "portal_base_url": "https://p.aoba.example"}
    changed = await api.patch(url, json=change, headers=operator | {"If-Match": tag})
    assert changed.json() == {name: value for name, value in (tenant | change).items() if name != "staff"}
    stale = await api.patch(url, json={"name": "x"}, headers=operator | {"If-Match": tag})
    assert stale.status_code == 412
    cleared = await api.patch(url, json={"portal_base_url": None}, headers=operator)
    assert cleared.json()["portal_base_url"] is None
    assert codes(await api.patch(url, json={"name": None, "state": "active"}, headers=operator)) == {
        "name": "required",
        "state": "unknown_field",
    }


@pytest.mark.requirement("TEN-01", "AUT-05")
async def test_suspending_shuts_staff_and_invitation_out_at_once_and_reopening_lets_them_in(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], world: World
) -> None:
    """Sessions of people with nothing else end; others go on elsewhere."""
    url = f"/v1/tenants/{TENANT}"
    invitation = (await api.get(f"{url}/invitation", headers=staff)).json()["url"].rsplit("/", 1)[1]
    suspended = await api.post(f"{url}/suspend", headers=operator)
    assert suspended.json()["state"] == "suspended"
    assert (await api.get(f"{url}/invitation", headers=staff)).status_code == 401
    closed = await api.post(f"/v1/apply/{invitation}", json=FORM)
    assert (closed.status_code, closed.json()["code"]) == (403, "tenant_suspended")
    again = await api.post(f"{url}/suspend", headers=operator)
    assert (again.status_code, again.json()["state"]) == (409, "suspended")
    late = await sign_in_staff(world, TENANT)
    assert (await api.get(f"{url}/invitation", headers=late)).json()["code"] == "tenant_suspended"
    await api.post(f"{url}/reopen", headers=operator)
    assert (await api.get(f"{url}/invitation", headers=late)).status_code == 200


@pytest.mark.requirement("TEN-01")
async def test_a_suspended_tenants_procedures_go_on(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], world: World, context: Context
) -> None:
    """Who was invited before registers, and who applied before confirms."""
    await api.post(f"/v1/tenants/{TENANT}/staff", json={"mail_address": "new@partner.example"}, headers=staff)
    number = await submitted(api, staff)
    await api.post(f"/v1/tenants/{TENANT}/suspend", headers=operator)
    await world.mails_to("new@partner.example", 1)
    await register(context, world.mails.to("new@partner.example")[0].token, REGISTRATION)
    handle = world.client.get_workflow_handle(f"service-application-{TENANT}-{number}")
    await handle.execute_update("confirm", Command(command_id="c", actor="applicant"))
    assert (await world.standing(handle.id))[0] == "unapproved"


@pytest.mark.requirement("AUT-05")
async def test_a_person_of_another_open_tenant_stays_signed_in_there(
    api: AsyncClient, operator: dict[str, str], world: World
) -> None:
    await make_tenant(world.database, "T9000000", await world.clock.now())
    both = await sign_in_staff(world, TENANT, "T9000000")
    await api.post(f"/v1/tenants/{TENANT}/suspend", headers=operator)
    refused = await api.get(f"/v1/tenants/{TENANT}/invitation", headers=both)
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")
    assert (await api.get("/v1/tenants/T9000000/invitation", headers=both)).status_code == 200
    async with world.database.transaction() as connection:
        assert (await connection.execute(select(func.count()).select_from(Session))).scalar_one() == 1


@pytest.mark.requirement("SET-05")
async def test_the_operator_defines_the_extra_fields_and_staff_read_them(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str]
) -> None:
    """All at once, in order; labels differ, choices have choices."""
    url = f"/v1/tenants/{TENANT}/extra-fields"
    defined = await api.put(url, json={"fields": FIELDS}, headers=operator)
    assert defined.json() == {"fields": FIELDS}
    assert defined.headers["ETag"]
    settings = await api.get(f"/v1/tenants/{TENANT}/settings", headers=staff)
    assert settings.json()["extra_fields"] == FIELDS
    wrong = [FIELDS[0], FIELDS[0], {"label": "x", "required": True, "kind": "choice"}]
    assert codes(await api.put(url, json={"fields": wrong}, headers=operator)) == {
        "fields.1.label": "duplicate",
        "fields.2.choices": "required",
    }


@pytest.mark.requirement("GEN-05")
async def test_only_the_operator_may(api: AsyncClient, staff: dict[str, str]) -> None:
    """Staff are known and not allowed, whatever tenant they name; nobody else is known."""
    calls = [
        ("POST", "/v1/tenants"),
        ("GET", "/v1/tenants"),
        ("GET", f"/v1/tenants/{TENANT}"),
        ("PATCH", f"/v1/tenants/{TENANT}"),
        ("POST", f"/v1/tenants/{TENANT}/suspend"),
        ("POST", f"/v1/tenants/{TENANT}/reopen"),
        ("PUT", f"/v1/tenants/{TENANT}/extra-fields"),
    ]
    for method, path in calls:
        body = NEW if path == "/v1/tenants" else {"fields": []} if path.endswith("fields") else {}
        assert (await api.request(method, path, json=body, headers=staff)).status_code == 403, path
        assert (await api.request(method, path, json=body)).status_code == 401, path


async def test_an_unknown_tenant_is_not_there(api: AsyncClient, operator: dict[str, str]) -> None:
    for method, path in [("GET", ""), ("PATCH", ""), ("POST", "/suspend"), ("GET", "/staff")]:
        assert (await api.request(method, f"/v1/tenants/T9999999{path}", json={}, headers=operator)).status_code == 404


@pytest.mark.requirement("GEN-05")
@pytest.mark.parametrize("what", ["mails", "procedures", "staff"])
async def test_a_tenant_that_is_not_there_is_told_to_the_operator_too(
    api: AsyncClient, operator: dict[str, str], what: str
) -> None:
    assert (await api.get(f"/v1/tenants/T9999999/{what}", headers=operator)).status_code == 404
