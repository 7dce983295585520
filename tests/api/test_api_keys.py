"""Keys of machine clients over HTTP."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.world import TENANT, World, make_tenant, sign_in_staff

URL = f"/v1/tenants/{TENANT}/api-keys"
STAFF = f"/v1/tenants/{TENANT}/staff"
SETTINGS = f"/v1/tenants/{TENANT}/settings"


async def created(api: AsyncClient, staff: dict[str, str], scope: str) -> tuple[str, dict[str, str]]:
    """The key's id, and the headers of the machine that has it."""
    answer = await api.post(URL, json={"name": "在庫連携", "scope": scope}, headers=staff)
    assert answer.status_code == 201, answer.text
    return answer.json()["api_key_id"], {"Authorization": f"Bearer {answer.json()['key']}"}


async def listed(api: AsyncClient, staff: dict[str, str]) -> list[Any]:
    items: list[Any] = (await api.get(URL, headers=staff)).json()["items"]
    return items


@pytest.mark.requirement("AUT-05")
async def test_a_key_that_may_read_reads_and_one_that_may_write_writes(api: AsyncClient, staff: dict[str, str]) -> None:
    _, reader = await created(api, staff, "read")
    _, writer = await created(api, staff, "write")
    assert (await api.get(SETTINGS, headers=reader)).status_code == 200
    refused = await api.patch(SETTINGS, json={"shortage_grace_days": 7}, headers=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await api.patch(SETTINGS, json={"shortage_grace_days": 7}, headers=writer)).status_code == 200


@pytest.mark.requirement("AUT-05", "TEN-02")
async def test_no_key_lets_staff_in_or_out(api: AsyncClient, staff: dict[str, str]) -> None:
    """Whom a stolen one had made staff would still be, once it is revoked."""
    _, writer = await created(api, staff, "write")
    added = await api.post(STAFF, json={"mail_address": "a@b.example"}, headers=staff)
    member = f"{STAFF}/{added.json()['person_id']}"
    for answer in (
        await api.post(STAFF, json={"mail_address": "b@b.example"}, headers=writer),
        await api.post(f"{member}/resend", headers=writer),
        await api.delete(member, headers=writer),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await api.get(STAFF, headers=writer)).json()["total"] == 2


@pytest.mark.requirement("AUT-05")
async def test_the_key_is_shown_once_and_the_list_tells_its_last_use(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    key_id, machine = await created(api, staff, "read")
    [before] = await listed(api, staff)
    assert "key" not in before
    assert (before["name"], before["scope"], before["last_used_at"]) == ("在庫連携", "read", None)
    await api.get(STAFF, headers=machine)
    [used] = await listed(api, staff)
    assert used["last_used_at"] is not None
    await world.advance(minutes=2)
    await api.get(STAFF, headers=machine)
    [again] = await listed(api, staff)
    assert again["last_used_at"] > used["last_used_at"]
    assert again["api_key_id"] == key_id


@pytest.mark.requirement("AUT-05")
async def test_a_revoked_key_is_dead_at_once(api: AsyncClient, staff: dict[str, str]) -> None:
    key_id, machine = await created(api, staff, "read")
    assert (await api.delete(f"{URL}/{key_id}", headers=staff)).status_code == 204
    assert (await api.get(STAFF, headers=machine)).status_code == 401
    assert await listed(api, staff) == []
    assert (await api.delete(f"{URL}/{key_id}", headers=staff)).status_code == 404


@pytest.mark.requirement("AUT-05")
async def test_a_machine_makes_and_revokes_no_keys_and_is_nobody_elsewhere(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Nor is it a person with a session, nor the operator: it is known, and not allowed."""
    key_id, machine = await created(api, staff, "write")
    body = {"name": "x", "scope": "write"}
    assert (await api.post(URL, json=body, headers=machine)).status_code == 403
    assert (await api.delete(f"{URL}/{key_id}", headers=machine)).status_code == 403
    await make_tenant(world.database, "T9000000", await world.clock.now())
    assert (await api.get("/v1/tenants/T9000000/staff", headers=machine)).status_code == 404
    assert (await api.get("/v1/me", headers=machine)).status_code == 403
    assert (await api.get("/v1/tenants", headers=machine)).status_code == 403


@pytest.mark.requirement("AUT-05", "TEN-01")
async def test_keys_of_a_suspended_tenant_rest_until_it_is_reopened(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str]
) -> None:
    _, machine = await created(api, staff, "read")
    await api.post(f"/v1/tenants/{TENANT}/suspend", headers=operator)
    assert (await api.get(STAFF, headers=machine)).json()["code"] == "tenant_suspended"
    await api.post(f"/v1/tenants/{TENANT}/reopen", headers=operator)
    assert (await api.get(STAFF, headers=machine)).status_code == 200


@pytest.mark.requirement("GEN-05")
async def test_another_tenants_keys_are_not_there(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    key_id, machine = await created(api, staff, "read")
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    for url in (URL, "/v1/tenants/T9000000/api-keys"):
        assert (await api.delete(f"{url}/{key_id}", headers=stranger)).status_code == 404
    assert (await api.get(URL, headers=stranger)).status_code == 404
    assert (await api.get(STAFF, headers=machine)).status_code == 200


@pytest.mark.requirement("GEN-03", "GEN-07")
async def test_the_same_request_again_shows_the_same_key_and_a_wrong_one_makes_none(
    api: AsyncClient, staff: dict[str, str]
) -> None:
    """The answer is kept encrypted for whoever lost it."""
    headers = staff | {"Idempotency-Key": "key"}
    body = {"name": "在庫連携", "scope": "read"}
    first, again = [(await api.post(URL, json=body, headers=headers)).json() for _ in "12"]
    assert first == again
    assert len(await listed(api, staff)) == 1
    wrong = await api.post(URL, json={"name": " ", "scope": "all"}, headers=staff)
    assert {error["field"]: error["code"] for error in wrong.json()["errors"]} == {
        "name": "required",
        "scope": "unknown_choice",
    }
