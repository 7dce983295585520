"""A tenant's notification addresses over HTTP: what may be sent, and what is told."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.world import NOTIFIED, TENANT, World, make_tenant, sign_in_staff

URL = f"/v1/tenants/{TENANT}/notification-addresses"
NEW = "ops@partner.example"


def typed(*addresses: str) -> dict[str, Any]:
    return {"addresses": [{"mail_address": one, "mail_address_confirmation": one} for one in addresses]}


@pytest.mark.requirement("SET-06")
async def test_it_warns_when_no_address_is_in_use(api: AsyncClient, staff: dict[str, str]) -> None:
    """A pending one is not in use yet."""
    assert (await api.get(URL, headers=staff)).json() == {
        "addresses": [{"mail_address": NOTIFIED, "state": "verified", "pending_mail_address": None}],
        "warning": None,
    }
    await api.put(URL, json=typed(), headers=staff)
    answer = (await api.put(URL, json=typed(NEW), headers={**staff, "Accept-Language": "en"})).json()
    assert answer["addresses"] == [{"mail_address": NEW, "state": "pending", "pending_mail_address": NEW}]
    assert answer["warning"]["code"] == "no_notification_address"
    assert "no confirmed notification address" in answer["warning"]["message"]


@pytest.mark.requirement("SET-06", "GEN-07")
@pytest.mark.parametrize(
    ("addresses", "errors"),
    [
        (
            [{"mail_address": NEW, "mail_address_confirmation": "opps@partner.example"}],
            [("addresses.0.mail_address_confirmation", "differs")],
        ),
        (typed(NEW, "a@b.example", NEW.upper())["addresses"], [("addresses.2.mail_address", "duplicate")]),
        (typed(*(f"{n}@b.example" for n in range(4)))["addresses"], [("addresses", "too_many")]),
        (
            [{"mail_address": "nobody", "mail_address_confirmation": NEW}],
            [("addresses.0.mail_address", "invalid_mail_address")],
        ),
        ([{"mail_address": NEW}], [("addresses.0.mail_address_confirmation", "required")]),
        (None, [("addresses", "required")]),
    ],
)
async def test_a_wrong_list_is_refused_by_name_and_nothing_is_saved(
    api: AsyncClient, staff: dict[str, str], world: World, addresses: Any, errors: list[tuple[str, str]]
) -> None:
    answer = await api.put(URL, json={"addresses": addresses}, headers=staff)
    assert answer.status_code == 422, answer.text
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == errors
    assert [one["mail_address"] for one in (await api.get(URL, headers=staff)).json()["addresses"]] == [NOTIFIED]
    assert not world.mails.mails


async def test_a_list_over_somebody_elses_is_refused(api: AsyncClient, staff: dict[str, str]) -> None:
    """Whoever read an older list is told with 412, and mails nobody."""
    stale = {**staff, "If-Match": (await api.get(URL, headers=staff)).headers["ETag"]}
    first = await api.put(URL, json=typed(NEW), headers=stale)
    assert first.status_code == 200
    assert (await api.put(URL, json=typed("a@b.example"), headers=stale)).status_code == 412
    fresh = {**staff, "If-Match": first.headers["ETag"]}
    assert (await api.put(URL, json=typed(), headers=fresh)).status_code == 200


@pytest.mark.requirement("GEN-05")
async def test_another_tenants_addresses_are_not_there(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    assert (await api.get(URL, headers=stranger)).status_code == 404
    assert (await api.put(URL, json=typed(), headers=stranger)).status_code == 404
    assert (await api.get(URL)).status_code == 401
    assert (await api.get(URL, headers=staff)).json()["warning"] is None
