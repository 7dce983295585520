"""Finding a company across a person's tenants over HTTP."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.accounts import make_customer, make_person, make_portal_user, make_staff, signed_in
from tests.world import TENANT, World, make_tenant

OTHER, THIRD = "T9000000", "T9000001"


@pytest.fixture
async def person(api: AsyncClient, world: World) -> dict[str, str]:
    """Staff of two tenants of three; each has a company of almost the same name."""
    person_id = await make_person(world)
    for tenant_id in (OTHER, THIRD):
        await make_tenant(world.database, tenant_id, await world.clock.now())
    for tenant_id in (TENANT, OTHER):
        await make_staff(world, person_id, tenant_id)
    for tenant_id, name in ((TENANT, "みなと商事"), (OTHER, "みなと電機 ABC_50%"), (THIRD, "みなと物産")):
        await make_customer(world, tenant_id, company_name=name, phone_number=f"03000{tenant_id[1:]}")
    return await signed_in(api)


async def found(api: AsyncClient, headers: dict[str, str], **query: str) -> Any:
    answer = await api.get("/v1/companies", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(answer: Any) -> list[str]:
    return [item["company_name"] for item in answer["items"]]


@pytest.mark.requirement("FND-01", "GEN-05")
async def test_a_part_of_the_name_finds_the_companies_of_ones_own_tenants(
    api: AsyncClient, person: dict[str, str]
) -> None:
    """With ids and names of both, and none of a tenant that is not the person's."""
    answer = await found(api, person, company_name="みなと")
    assert names(answer) == ["みなと商事", "みなと電機 ABC_50%"]
    assert (answer["total"], answer["more"]) == (2, False)
    assert answer["items"][0]["tenant_id"] == TENANT
    assert answer["items"][0]["tenant_name"] == "みなとセキュリティ"
    assert answer["items"][0]["customer_id"].startswith("A")


@pytest.mark.requirement("FND-01")
@pytest.mark.parametrize(
    ("part", "count"), [("abc", 1), ("c_5", 1), ("0%", 1), ("_", 1), ("%", 1), ("x", 0), ("\\", 0), ("物産", 0)]
)
async def test_a_part_means_itself(api: AsyncClient, person: dict[str, str], part: str, count: int) -> None:
    """In any case; the signs of patterns are signs like others."""
    assert (await found(api, person, company_name=part))["total"] == count


@pytest.mark.requirement("FND-01")
async def test_a_phone_number_is_exact(api: AsyncClient, person: dict[str, str]) -> None:
    """Digits, typed in full width or not; together with a name both must fit."""
    assert names(await found(api, person, phone_number="030008000000")) == ["みなと商事"]
    assert names(await found(api, person, phone_number="０３０００８００００００")) == ["みなと商事"]
    assert names(await found(api, person, phone_number="03000")) == []
    assert names(await found(api, person, phone_number="030008000000", company_name="電機")) == []


@pytest.mark.requirement("FND-02")
async def test_at_most_ten_are_shown_and_the_total_is_told(
    api: AsyncClient, person: dict[str, str], world: World
) -> None:
    for number in range(9):
        await make_customer(world, TENANT, company_name=f"みなと{number}")
    answer = await found(api, person, company_name="みなと")
    assert (len(answer["items"]), answer["total"], answer["more"]) == (10, 11, True)


@pytest.mark.requirement("FND-01", "GEN-07")
@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({}, {("company_name", "required"), ("phone_number", "required")}),
        ({"company_name": "あ" * 41}, {("company_name", "too_long")}),
        ({"phone_number": "1" * 16}, {("phone_number", "too_long")}),
        ({"phone_number": "03-1234"}, {("phone_number", "digits_only")}),
    ],
)
async def test_what_cannot_be_searched_is_named(
    api: AsyncClient, person: dict[str, str], query: dict[str, str], codes: set[tuple[str, str]]
) -> None:
    answer = await api.get("/v1/companies", params=query, headers=person)
    assert answer.status_code == 422
    assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == codes


@pytest.mark.requirement("FND-01", "TEN-01")
async def test_suspended_tenants_and_companies_one_only_uses_are_left_out(
    api: AsyncClient, operator: dict[str, str], person: dict[str, str], world: World
) -> None:
    """A portal user searches nothing by that."""
    me = (await api.get("/v1/me", headers=person)).json()["person"]["person_id"]
    await make_portal_user(world, me, await make_customer(world, THIRD, company_name="みなと水産"), tenant_id=THIRD)
    await api.post(f"/v1/tenants/{OTHER}/suspend", headers=operator)
    assert names(await found(api, person, company_name="みなと")) == ["みなと商事"]
