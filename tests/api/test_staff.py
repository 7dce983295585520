"""A tenant's staff over HTTP, from the first mail to the deletion."""

import asyncio
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from api.context import Context
from api.registration import register, registration_of
from models.identifiers import digest
from models.refusals import LinkExpired, LinkWithdrawn, Refusal
from models.tables.people import Session
from tests.processes.test_mail_delivery import stuck, waiting
from tests.world import TENANT, World, make_tenant, sign_in_staff

URL = f"/v1/tenants/{TENANT}/staff"
ADDRESS = "hanako@partner.example"
FIELDS = {
    "password": "Kumo7-yane.Tako",
    "password_confirmation": "Kumo7-yane.Tako",
    "user_name": "山田　花子",
    "company_name": "みなとセキュリティ",
}


async def added(api: AsyncClient, staff: dict[str, str], address: str = ADDRESS) -> Any:
    answer = await api.post(URL, json={"mail_address": address}, headers=staff)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def members(api: AsyncClient, staff: dict[str, str]) -> dict[str, Any]:
    answer = await api.get(URL, headers=staff)
    return {item["mail_address"]: item for item in answer.json()["items"]}


async def token(world: World, count: int = 1) -> str:
    await world.mails_to(ADDRESS, count)
    return world.mails.to(ADDRESS)[count - 1].token


async def refusal_of(context: Context, link: str) -> type[Refusal]:
    with pytest.raises(Refusal) as raised:
        await registration_of(context, link)
    return raised.type


async def person_of(world: World, headers: dict[str, str]) -> str | None:
    """None when the session has ended."""
    async with world.database.transaction() as connection:
        token_digest = digest(headers["Authorization"].removeprefix("Bearer "))
        found = await connection.execute(select(Session.person_id).where(Session.token_digest == token_digest))
        return found.scalar_one_or_none()


@pytest.mark.requirement("TEN-02", "TEN-03")
async def test_an_added_address_is_listed_as_open_then_registered_with_its_profile(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    open_ = await added(api, staff, "Hanako@Partner.example")
    assert (open_["mail_address"], open_["signup_state"]) == (ADDRESS, "signup_open")
    link = await token(world)
    await register(context, link, FIELDS)
    member = (await members(api, staff))[ADDRESS]
    assert (member["person_id"], member["signup_state"]) == (open_["person_id"], "registered")
    assert (member["user_name"], member["company_name"]) == ("山田　花子", "みなとセキュリティ")


@pytest.mark.requirement("TEN-02", "GEN-03")
async def test_an_address_is_added_once(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """The same request is answered alike, another of the same address is refused, in either spelling and state."""
    key = staff | {"Idempotency-Key": "staff-1"}
    first = await api.post(URL, json={"mail_address": ADDRESS}, headers=key)
    again = await api.post(URL, json={"mail_address": ADDRESS}, headers=key)
    assert first.json() == again.json()
    for address in (ADDRESS, ADDRESS.upper()):
        other = await api.post(URL, json={"mail_address": address}, headers=staff)
        assert (other.status_code, other.json()["code"]) == (409, "already_exists")
    await world.mails_to(ADDRESS, 1)
    answers = await asyncio.gather(*(api.post(URL, json={"mail_address": "b@b.example"}, headers=staff) for _ in "12"))
    assert sorted(answer.status_code for answer in answers) == [201, 409]


@pytest.mark.requirement("TEN-06")
async def test_one_address_can_be_staff_of_two_tenants(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    """One person, two signups, each with its own link."""
    await make_tenant(world.database, "T9000000", await world.clock.now())
    other_staff = await sign_in_staff(world, "T9000000")
    here = await added(api, staff)
    there = await api.post("/v1/tenants/T9000000/staff", json={"mail_address": ADDRESS}, headers=other_staff)
    assert there.json()["person_id"] == here["person_id"]
    await world.mails_to(ADDRESS, 2)
    await api.delete(f"{URL}/{here['person_id']}", headers=staff)
    listed = await api.get("/v1/tenants/T9000000/staff", headers=other_staff)
    assert {item["signup_state"] for item in listed.json()["items"]} == {"signup_open", "registered"}


@pytest.mark.requirement("TEN-04")
async def test_after_seven_days_a_resend_starts_seven_fresh_ones(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """Expired at the deadline, open again by the resend, and the first link stays dead."""
    member = await added(api, staff)
    old = await token(world)
    await world.advance(days=7, seconds=1)
    assert (await members(api, staff))[ADDRESS]["signup_state"] == "signup_expired"
    assert await refusal_of(context, old) is LinkExpired
    resent = await api.post(f"{URL}/{member['person_id']}/resend", headers=staff)
    assert (resent.status_code, resent.json()["signup_state"]) == (200, "signup_open")
    assert resent.json()["signup_expires_at"] > member["signup_expires_at"]
    fresh = await token(world, 2)
    assert issubclass(await refusal_of(context, old), LinkExpired | LinkWithdrawn)
    await world.advance(days=6, hours=23)
    await register(context, fresh, FIELDS)
    late = await api.post(f"{URL}/{member['person_id']}/resend", headers=staff)
    assert (late.status_code, late.json()["state"]) == (409, "registered")


@pytest.mark.requirement("TEN-04")
async def test_a_resend_before_the_end_replaces_the_link(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    member = await added(api, staff)
    old = await token(world)
    assert (await api.post(f"{URL}/{member['person_id']}/resend", headers=staff)).status_code == 200
    assert await refusal_of(context, old) is LinkWithdrawn
    assert (await registration_of(context, await token(world, 2))).member_id == member["person_id"]


@pytest.mark.requirement("TEN-04", "AUT-05")
@pytest.mark.parametrize("state", ["signup_open", "signup_expired"])
async def test_deleting_and_adding_again_starts_a_fresh_signup(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context, state: str
) -> None:
    """The link before is dead at once; the new one works."""
    member = await added(api, staff)
    old = await token(world)
    if state == "signup_expired":
        await world.advance(days=7, seconds=1)
    assert (await members(api, staff))[ADDRESS]["signup_state"] == state
    assert (await api.delete(f"{URL}/{member['person_id']}", headers=staff)).status_code == 204
    assert ADDRESS not in await members(api, staff)
    assert issubclass(await refusal_of(context, old), LinkWithdrawn | LinkExpired)
    assert (await api.delete(f"{URL}/{member['person_id']}", headers=staff)).status_code == 404
    assert (await api.post(f"{URL}/{member['person_id']}/resend", headers=staff)).status_code == 404
    again = await added(api, staff)
    assert again["signup_state"] == "signup_open"
    await register(context, await token(world, 2), FIELDS)


@pytest.mark.requirement("TEN-04", "GEN-08")
async def test_an_expired_address_whose_mail_was_refused_can_be_deleted_and_added_again(
    api: AsyncClient, staff: dict[str, str], operator: dict[str, str], world: World
) -> None:
    """The deletion ends the signup that still waits for an operator: nobody needs to step in."""
    world.mails.answer = lambda recipient: "550 no such user" if recipient == ADDRESS else None
    member = await added(api, staff)
    await stuck(api, operator)
    await world.advance(days=7, seconds=1)
    assert (await members(api, staff))[ADDRESS]["signup_state"] == "signup_expired"
    assert (await api.delete(f"{URL}/{member['person_id']}", headers=staff)).status_code == 204
    assert await waiting(api, operator) == []
    world.mails.answer = lambda _recipient: None
    again = await added(api, staff)
    assert again["signup_state"] == "signup_open"
    assert again["signup_expires_at"] > member["signup_expires_at"]
    await world.mails_to(ADDRESS, 1)


@pytest.mark.requirement("AUT-05")
async def test_deleting_a_registered_member_ends_access_here_and_the_last_one_the_session(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Staff of two tenants keep what they have in the other."""
    await make_tenant(world.database, "T9000000", await world.clock.now())
    elsewhere = await sign_in_staff(world, "T9000000")
    both = await sign_in_staff(world, TENANT, "T9000000")
    person_id = await person_of(world, both)
    assert (await api.delete(f"{URL}/{person_id}", headers=staff)).status_code == 204
    assert (await api.get(URL, headers=both)).status_code == 404
    assert (await api.get("/v1/tenants/T9000000/staff", headers=both)).status_code == 200
    gone = await api.delete(f"/v1/tenants/T9000000/staff/{person_id}", headers=elsewhere)
    assert gone.status_code == 204
    assert await person_of(world, both) is None
    assert (await api.get("/v1/tenants/T9000000/staff", headers=both)).status_code == 401


async def test_the_last_registered_member_stays_unless_the_operator_deletes_them(
    api: AsyncClient, operator: dict[str, str], staff: dict[str, str], world: World
) -> None:
    """Of two who delete each other at once, one stays."""
    other = await sign_in_staff(world, TENANT)
    one_id, other_id = await person_of(world, staff), await person_of(world, other)
    answers = await asyncio.gather(
        api.delete(f"{URL}/{one_id}", headers=other), api.delete(f"{URL}/{other_id}", headers=staff)
    )
    assert 204 in {answer.status_code for answer in answers}
    [left] = (await api.get(URL, headers=operator)).json()["items"]
    mine = staff if left["person_id"] == one_id else other
    refused = await api.delete(f"{URL}/{left['person_id']}", headers=mine)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_staff_member")
    assert refused.json()["state"] == "registered"
    assert (await api.delete(f"{URL}/{left['person_id']}", headers=operator)).status_code == 204


@pytest.mark.requirement("TEN-01", "TEN-04")
async def test_the_operator_can_mend_a_new_tenants_first_signup(
    api: AsyncClient, operator: dict[str, str], world: World
) -> None:
    """A wrong first address is deleted and another added."""
    body = {"name": "あおば", "staff": {"mail_address": "wrong@aoba.example"}}
    tenant = (await api.post("/v1/tenants", json=body, headers=operator)).json()
    url = f"/v1/tenants/{tenant['tenant_id']}/staff"
    assert (await api.post(f"{url}/{tenant['staff']['person_id']}/resend", headers=operator)).status_code == 200
    assert (await api.delete(f"{url}/{tenant['staff']['person_id']}", headers=operator)).status_code == 204
    right = await api.post(url, json={"mail_address": ADDRESS}, headers=operator)
    assert right.status_code == 201
    await world.mails_to(ADDRESS, 1)


@pytest.mark.requirement("GEN-05")
async def test_another_tenants_staff_are_not_there(api: AsyncClient, staff: dict[str, str], world: World) -> None:
    await make_tenant(world.database, "T9000000", await world.clock.now())
    stranger = await sign_in_staff(world, "T9000000")
    member = await added(api, staff)
    for path in (URL, "/v1/tenants/T9000000/staff"):
        one = f"{path}/{member['person_id']}"
        assert (await api.delete(one, headers=stranger)).status_code == 404
        assert (await api.post(f"{one}/resend", headers=stranger)).status_code == 404
    assert (await api.get(URL, headers=stranger)).status_code == 404
    assert (await members(api, staff))[ADDRESS]["signup_state"] == "signup_open"
