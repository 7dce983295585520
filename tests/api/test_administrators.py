"""A customer's administrators: kept by staff, seen by the customer's people too."""

import pytest
from httpx2 import AsyncClient

from tests.accounts import ADDRESS, make_customer, make_person, make_portal_user, signed_in
from tests.api.test_customers import CUSTOMERS, created
from tests.world import TENANT, World

TARO = {"name": "山田 太郎", "mail_address": "taro@minato.example"}


@pytest.mark.requirement("APR-01")
async def test_administrators_are_named_listed_and_removed(api: AsyncClient, staff: dict[str, str]) -> None:
    """Each address once in a company; with the company they are forgotten."""
    customer = await created(api, staff)
    url = f"{CUSTOMERS}/{customer['customer_id']}/administrators"
    made = await api.post(url, json=TARO, headers=staff)
    assert made.status_code == 201, made.text
    assert (await api.post(url, json=TARO, headers=staff)).json()["code"] == "already_exists"
    wrong = await api.post(url, json={"name": "", "mail_address": "nobody"}, headers=staff)
    assert {error["field"] for error in wrong.json()["errors"]} == {"name", "mail_address"}
    listed = (await api.get(url, headers=staff)).json()
    assert (listed["total"], listed["items"]) == (1, [made.json()])
    one = f"{url}/{made.json()['administrator_id']}"
    assert [(await api.delete(one, headers=staff)).status_code for _ in range(2)] == [204, 404]
    assert (await api.get(url, headers=staff)).json()["total"] == 0
    await api.post(url, json=TARO, headers=staff)
    assert (await api.delete(f"{CUSTOMERS}/{customer['customer_id']}", headers=staff)).status_code == 204
    assert (await api.get(url, headers=staff)).status_code == 404


@pytest.mark.requirement("APR-01", "AUT-05")
async def test_nobody_but_the_tenants_staff_names_or_removes_administrators(
    api: AsyncClient, staff: dict[str, str], operator: dict[str, str], world: World
) -> None:
    """The company's own people see them; a key of staff that may write does what staff do, one that may read does not.

    Whoever could name an administrator could approve access to the company's devices.
    """
    customer_id = await make_customer(world)
    await make_portal_user(world, await make_person(world), customer_id)
    url = f"{CUSTOMERS}/{customer_id}/administrators"
    one = f"{url}/{(await api.post(url, json=TARO, headers=staff)).json()['administrator_id']}"
    hanako = {"name": "山田 花子", "mail_address": ADDRESS}

    async def may(headers: dict[str, str]) -> list[int]:
        answers = [await api.get(url, headers=headers), await api.post(url, json=hanako, headers=headers)]
        return [answer.status_code for answer in (*answers, await api.delete(one, headers=headers))]

    keys = [
        (await api.post(f"/v1/tenants/{TENANT}/api-keys", json={"name": "k", "scope": scope}, headers=staff)).json()
        for scope in ("read", "write")
    ]
    reading, writing = ({"Authorization": f"Bearer {key['key']}"} for key in keys)
    assert await may(await signed_in(api)) == [200, 403, 403]
    assert await may(reading) == [200, 403, 403]
    assert await may(operator) == [403, 403, 403]
    assert [item["name"] for item in (await api.get(url, headers=staff)).json()["items"]] == [TARO["name"]]
    assert await may(writing) == [200, 201, 204]
