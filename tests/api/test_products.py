"""The operator's catalogue over HTTP (CAT-01, CAT-02)."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert, select
from sqlalchemy.exc import ProgrammingError

from models.tables.catalogue import CatalogueEntry, Product
from tests.conftest import Postgres
from tests.world import World

MONTHLY: dict[str, Any] = {
    "name": "月額利用料",
    "description": "UTM 1台あたり",
    "type": "recurring",
    "model": "per_unit",
    "price": 9800,
    "billing_period": "month",
}
FIRST_MONTH_FREE: dict[str, Any] = {
    "name": "初月無料",
    "description": "",
    "type": "recurring",
    "model": "discount_percentage",
    "percent": 100,
    "billing_period": "month",
}
PRODUCT: dict[str, Any] = {
    "name": "みなとUTM",
    "description": "機器と監視",
    "includes_utm": True,
    "rate_plans": [{"name": "スタンダード", "charges": [MONTHLY, FIRST_MONTH_FREE]}],
}


async def made_product(api: AsyncClient, operator: dict[str, str], **fields: Any) -> Any:
    answer = await api.post("/v1/products", json={**PRODUCT, **fields}, headers=operator)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def names(api: AsyncClient, caller: dict[str, str], query: str = "") -> list[str]:
    return [item["name"] for item in (await api.get(f"/v1/products?{query}", headers=caller)).json()["items"]]


@pytest.mark.requirement("CAT-01", "CAT-02")
async def test_the_operator_makes_a_product_and_all_who_are_signed_in_read_it(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str]
) -> None:
    """Plans and charges come in the order they were given in, each with an id."""
    made = await made_product(api, operator)
    assert made["product_id"].startswith("P-")
    [plan] = made["rate_plans"]
    assert [(charge["price"], charge["percent"]) for charge in plan["charges"]] == [(9800, None), (None, 100)]
    read = await api.get(f"/v1/products/{made['product_id']}", headers=staff)
    assert read.json() == made
    key = await api.post("/v1/tenants/T8000000/api-keys", json={"name": "k", "scope": "read"}, headers=staff)
    for caller in (operator, staff, {"Authorization": f"Bearer {key.json()['key']}"}):
        assert await names(api, caller) == ["みなとUTM"]


@pytest.mark.requirement("CAT-01")
async def test_nobody_but_the_operator_writes_the_catalogue(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], world: World
) -> None:
    """The routes refuse, and so does the database."""
    url = f"/v1/products/{(await made_product(api, operator))['product_id']}"
    assert (await api.post("/v1/products", json=PRODUCT, headers=staff)).status_code == 403
    assert (await api.patch(url, json={"name": "x"}, headers=staff)).status_code == 403
    values = {"product_id": "P-1", "name": "x", "includes_utm": True, "created_at": await world.clock.now()}
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with world.database.transaction("T8000000") as connection:
            await connection.execute(insert(Product).values(values))


@pytest.mark.requirement("GEN-05")
@pytest.mark.parametrize("table", ["products", "rate_plans", "charges", "catalogue_entries"])
def test_the_tables_of_the_catalogue_force_row_level_security(
    postgres: Postgres, database_name: str, table: str
) -> None:
    """On their owner too."""
    with psycopg.connect(postgres.url("owner", database_name)) as connection:
        forced = connection.execute("SELECT relforcerowsecurity FROM pg_class WHERE relname = %s", (table,)).fetchone()
    assert forced == (True,)


@pytest.mark.requirement("CAT-01", "CAT-02", "GEN-07")
@pytest.mark.parametrize(
    ("charge", "field", "code"),
    [
        ({"price": 9800.5}, "price", "whole_number"),
        ({"price": -1}, "price", "too_small"),
        ({"price": None}, "price", "required"),
        ({"percent": 10}, "percent", "not_for_model"),
        ({"model": "discount_percentage", "percent": 50}, "price", "not_for_model"),
        ({"model": "discount_percentage", "price": None}, "percent", "required"),
        ({"model": "discount_percentage", "price": None, "percent": 101}, "percent", "too_large"),
        ({"billing_period": None}, "billing_period", "required"),
        ({"billing_period": "week"}, "billing_period", "unknown_choice"),
        ({"type": "monthly"}, "type", "unknown_choice"),
        ({"name": " "}, "name", "required"),
        ({"tax": 10}, "tax", "unknown_field"),
    ],
)
async def test_a_wrong_charge_is_refused_by_the_name_of_its_field(
    api: AsyncClient, operator: dict[str, str], charge: dict[str, Any], field: str, code: str
) -> None:
    plans = [PRODUCT["rate_plans"][0], {"name": "プレミアム", "charges": [MONTHLY, {**MONTHLY, **charge}]}]
    answer = await api.post("/v1/products", json={**PRODUCT, "rate_plans": plans}, headers=operator)
    assert answer.status_code == 422, answer.text
    errors = [(error["field"], error["code"]) for error in answer.json()["errors"]]
    assert errors == [(f"rate_plans.1.charges.1.{field}", code)]
    assert await names(api, operator) == []


@pytest.mark.requirement("CAT-01", "GEN-07")
@pytest.mark.parametrize(
    ("charge", "wrong"),
    [
        ({"price": None, "billing_period": None}, {"price": "required", "billing_period": "required"}),
        (
            {"model": "discount_percentage", "billing_period": None},
            {"price": "not_for_model", "percent": "required", "billing_period": "required"},
        ),
        ({"name": "", "price": None}, {"name": "required", "price": "required"}),
        ({"model": "free", "price": None}, {"model": "unknown_choice"}),
    ],
)
async def test_every_wrong_field_of_a_charge_is_named(
    api: AsyncClient, operator: dict[str, str], charge: dict[str, Any], wrong: dict[str, str]
) -> None:
    """What depends on type or model is judged where that one is right."""
    plans = [{"name": "プレミアム", "charges": [{**MONTHLY, **charge}]}]
    answer = await api.post("/v1/products", json={**PRODUCT, "rate_plans": plans}, headers=operator)
    assert answer.status_code == 422, answer.text
    errors = {error["field"]: error["code"] for error in answer.json()["errors"]}
    assert errors == {f"rate_plans.0.charges.0.{field}": code for field, code in wrong.items()}


@pytest.mark.requirement("CAT-01")
async def test_what_is_charged_once_needs_no_period(api: AsyncClient, operator: dict[str, str]) -> None:
    once = {"name": "初期費用", "type": "one_time", "model": "flat_fee", "price": 0}
    made = await made_product(api, operator, rate_plans=[{"name": "P", "charges": [once]}])
    assert made["rate_plans"][0]["charges"][0]["billing_period"] is None


@pytest.mark.requirement("GEN-03")
async def test_the_same_request_makes_one_product(api: AsyncClient, operator: dict[str, str]) -> None:
    headers = {**operator, "Idempotency-Key": "once"}
    first, second = [await api.post("/v1/products", json=PRODUCT, headers=headers) for _ in range(2)]
    assert first.json() == second.json()
    assert len(await names(api, operator)) == 1


@pytest.mark.requirement("CAT-01", "UND-02")
async def test_a_product_or_a_plan_leaves_the_catalogue_and_can_still_be_read(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str]
) -> None:
    """Retired, not deleted: contracts have it. It can come back, and plans can be added."""
    product = await made_product(api, operator)
    url = f"/v1/products/{product['product_id']}"
    more = await api.post(f"{url}/rate-plans", json={"name": "プレミアム", "charges": [MONTHLY]}, headers=operator)
    assert [plan["name"] for plan in more.json()["rate_plans"]] == ["スタンダード", "プレミアム"]
    assert more.headers["ETag"] == (await api.get(url, headers=operator)).headers["ETag"]
    plan_url = f"{url}/rate-plans/{product['rate_plans'][0]['rate_plan_id']}"
    gone = (await api.patch(plan_url, json={"retired": True}, headers=operator)).json()
    assert [plan["retired_at"] is None for plan in gone["rate_plans"]] == [False, True]
    retired = (await api.patch(url, json={"retired": True}, headers=operator)).json()
    assert retired["retired_at"] is not None
    assert (await names(api, staff), await names(api, staff, "retired=true")) == ([], ["みなとUTM"])
    assert (await api.get(url, headers=staff)).json() == retired
    assert (await api.patch(url, json={"retired": False}, headers=operator)).json()["retired_at"] is None
    assert (await api.patch(f"{url}/rate-plans/RP-0", json={"name": "x"}, headers=operator)).status_code == 404


@pytest.mark.requirement("CAT-01")
async def test_a_change_must_change_something_and_must_not_lose_another(
    api: AsyncClient, operator: dict[str, str]
) -> None:
    product = await made_product(api, operator)
    url = f"/v1/products/{product['product_id']}"
    tag = (await api.get(url, headers=operator)).headers["ETag"]
    same = await api.patch(url, json={"name": PRODUCT["name"], "retired": False}, headers=operator)
    assert (same.status_code, same.json()["code"]) == (422, "nothing_changed")
    renamed = await api.patch(url, json={"name": "新UTM"}, headers={**operator, "If-Match": tag})
    assert (renamed.json()["name"], renamed.json()["description"]) == ("新UTM", "機器と監視")
    plan = f"{url}/rate-plans/{product['rate_plans'][0]['rate_plan_id']}"
    for stale in (url, plan):
        answer = await api.patch(stale, json={"name": "x"}, headers={**operator, "If-Match": tag})
        assert answer.status_code == 412
    fixed = await api.patch(url, json={"includes_utm": False}, headers=operator)
    assert [error["code"] for error in fixed.json()["errors"]] == ["unknown_field"]


@pytest.mark.requirement("CAT-01", "GEN-04")
async def test_every_edit_of_the_catalogue_is_kept_with_its_actor(
    api: AsyncClient, operator: dict[str, str], world: World
) -> None:
    """What was made, added, and changed to what; a refused edit and a repeated request leave nothing."""
    once = {**operator, "Idempotency-Key": "once"}
    product, _ = [(await api.post("/v1/products", json=PRODUCT, headers=once)).json() for _ in range(2)]
    url = f"/v1/products/{product['product_id']}"
    await api.patch(url, json={"name": "新UTM", "description": "機器と監視", "retired": True}, headers=operator)
    await api.patch(url, json={"name": "新UTM"}, headers=operator)
    await api.post(f"{url}/rate-plans", json={"name": "P", "charges": [MONTHLY]}, headers=operator)
    plan_id = product["rate_plans"][0]["rate_plan_id"]
    await api.patch(f"{url}/rate-plans/{plan_id}", json={"retired": True}, headers=operator)
    added_id = (await api.get(url, headers=operator)).json()["rate_plans"][1]["rate_plan_id"]
    now = await world.clock.now()
    async with world.database.transaction(operator=True) as connection:
        entries = (await connection.execute(select(CatalogueEntry.__table__).order_by(CatalogueEntry.entry_id))).all()
    assert {(entry.actor, entry.product_id) for entry in entries} == {("operator", product["product_id"])}
    assert all(timedelta(0) <= now - entry.at < timedelta(minutes=1) for entry in entries)
    assert [(entry.what, entry.detail) for entry in entries] == [
        ("product_created", {}),
        ("product_changed", {"name": "新UTM", "retired": True}),
        ("rate_plan_added", {"rate_plan_id": added_id}),
        ("rate_plan_changed", {"rate_plan_id": plan_id, "retired": True}),
    ]


@pytest.mark.requirement("GEN-04")
async def test_no_tenant_reads_or_writes_the_catalogues_log(
    api: AsyncClient, operator: dict[str, str], world: World
) -> None:
    await made_product(api, operator)
    async with world.database.transaction("T8000000") as connection:
        assert (await connection.execute(select(CatalogueEntry.__table__))).all() == []
    async with world.database.transaction(operator=True) as connection:
        assert len((await connection.execute(select(CatalogueEntry.__table__))).all()) == 1
    values = {"at": await world.clock.now(), "actor": "x", "what": "x", "product_id": "P-1", "detail": {}}
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with world.database.transaction("T8000000") as connection:
            await connection.execute(insert(CatalogueEntry).values(values))


@pytest.mark.requirement("CAT-01")
async def test_the_list_is_paged(api: AsyncClient, operator: dict[str, str]) -> None:
    for name in ("A", "B", "C"):
        await made_product(api, operator, name=name, includes_utm=name == "B")
    first = (await api.get("/v1/products?limit=2&sort=name", headers=operator)).json()
    assert ([item["name"] for item in first["items"]], first["total"]) == (["A", "B"], 3)
    assert await names(api, operator, f"limit=2&sort=name&cursor={first['next_cursor']}") == ["C"]
    assert await names(api, operator, "includes_utm=true") == ["B"]
