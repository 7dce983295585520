"""A customer's administrators: kept by staff, seen by the customer's people too."""

import pytest
from httpx2 import AsyncClient

from tests.api.test_customers import CUSTOMERS, created

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
