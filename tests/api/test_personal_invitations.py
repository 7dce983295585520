"""Personal invitations over HTTP: what may be sent, and who sees what."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.world import TENANT, World, make_tenant, sign_in_staff

URL = f"/v1/tenants/{TENANT}/invitations"


@pytest.mark.requirement("APP-18", "GEN-07")
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"mail_address": "required"}),
        ({"mail_address": "a@b.example, c@d.example"}, {"mail_address": "invalid_mail_address"}),
        ({"mail_address": "a@b.example", "name": "x" * 202}, {"name": "too_long"}),
        ({"mail_address": "a@b.example", "state": "applied"}, {"state": "unknown_field"}),
    ],
)
async def test_a_wrong_invitation_is_refused_by_name(
    api: AsyncClient, staff: dict[str, str], world: World, body: dict[str, Any], errors: dict[str, str]
) -> None:
    answer = await api.post(URL, json=body, headers=staff)
    assert answer.status_code == 422
    assert {error["field"]: error["code"] for error in answer.json()["errors"]} == errors
    assert not world.mails.mails


@pytest.mark.requirement("APP-18")
async def test_the_list_is_newest_first_in_pages_and_by_state(api: AsyncClient, staff: dict[str, str]) -> None:
    for number in range(3):
        await api.post(URL, json={"mail_address": f"{number}@minato.example"}, headers=staff)
    first = (await api.get(URL, params={"limit": 2}, headers=staff)).json()
    assert [item["mail_address"] for item in first["items"]] == ["2@minato.example", "1@minato.example"]
    rest = (await api.get(URL, params={"limit": 2, "cursor": first["next_cursor"]}, headers=staff)).json()
    assert [item["mail_address"] for item in rest["items"]] == ["0@minato.example"]
    withdrawn = rest["items"][0]["invitation_id"]
    await api.delete(f"{URL}/{withdrawn}", headers=staff)
    only = (await api.get(URL, params={"state": "withdrawn"}, headers=staff)).json()
    assert [item["invitation_id"] for item in only["items"]] == [withdrawn]
    assert (await api.get(URL, params={"state": "lost"}, headers=staff)).status_code == 422


@pytest.mark.requirement("GEN-05")
async def test_another_tenants_invitation_is_not_there(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """Neither under its own tenant's address nor under the stranger's."""
    invitation = (await api.post(URL, json={"mail_address": "a@b.example"}, headers=staff)).json()
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    for tenant in (TENANT, "T9000000"):
        there = f"/v1/tenants/{tenant}/invitations/{invitation['invitation_id']}"
        assert (await api.post(f"{there}/resend", headers=stranger)).status_code == 404
        assert (await api.delete(there, headers=stranger)).status_code == 404
    assert (await api.get("/v1/tenants/T9000000/invitations", headers=stranger)).json()["items"] == []
    assert [one["state"] for one in (await api.get(URL, headers=staff)).json()["items"]] == ["sent"]
