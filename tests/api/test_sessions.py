"""Signing in and out over HTTP, and what guessing is answered."""

import asyncio
import statistics
import time
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from httpx2 import AsyncClient
from sqlalchemy import select, update

from models.passwords import Passwords
from models.persons import ensure_person
from models.tables.people import Person, StaffMember
from tests.accounts import (
    ADDRESS,
    PASSWORD,
    WRONG,
    make_customer,
    make_person,
    make_portal_user,
    make_staff,
    sign_in,
    signed_in,
)
from tests.world import TENANT, World, make_tenant

NOBODY = "nobody@partner.example"

pytestmark = pytest.mark.usefixtures("person_id")


@pytest.fixture
async def person_id(world: World) -> str:
    """Staff of the tenant, with a password."""
    person_id = await make_person(world)
    await make_staff(world, person_id)
    return person_id


async def statuses(api: AsyncClient, count: int, password: str = WRONG, address: str = ADDRESS) -> list[int]:
    return [(await sign_in(api, password, address)).status_code for _ in range(count)]


@pytest.mark.requirement("AUT-01", "TEN-06")
async def test_a_person_learns_where_they_belong_and_can_act_in_each(
    api: AsyncClient, world: World, person_id: str
) -> None:
    """One address, one password, two tenants and a company; in any spelling of the address."""
    await make_tenant(world.database, "T9000000", await world.clock.now())
    await make_staff(world, person_id, "T9000000")
    customer_id = await make_customer(world)
    user_id = await make_portal_user(world, person_id, customer_id)
    answer = await sign_in(api, address=ADDRESS.upper())
    assert answer.status_code == 201
    session = answer.json()
    assert session["person"] == {"person_id": person_id, "mail_address": ADDRESS}
    assert [tenant["tenant_id"] for tenant in session["tenants"]] == [TENANT, "T9000000"]
    assert session["tenants"][0] == {"tenant_id": TENANT, "name": "みなとセキュリティ", "role": "admin"}
    company = {"tenant_id": TENANT, "customer_id": customer_id, "name": "みなと商事", "user_id": user_id, "links": []}
    assert session["customers"] == [company]
    headers = {"Authorization": f"Bearer {session['token']}"}
    for tenant_id in (TENANT, "T9000000"):
        assert (await api.get(f"/v1/tenants/{tenant_id}/staff", headers=headers)).status_code == 200
    me = (await api.get("/v1/me", headers=headers)).json()
    assert me == {name: session[name] for name in ("person", "tenants", "customers")}


@pytest.mark.requirement("AUT-01")
async def test_wrong_password_unknown_address_and_unfinished_signup_are_answered_alike(
    api: AsyncClient, world: World
) -> None:
    """Word for word."""
    await make_person(world, "alone@partner.example")  # belongs nowhere
    async with world.database.transaction() as connection:
        await ensure_person(connection, "new@partner.example", await world.clock.now())
    answers = [
        await sign_in(api, WRONG),
        await sign_in(api, PASSWORD, NOBODY),
        await sign_in(api, PASSWORD, "alone@partner.example"),
        await sign_in(api, PASSWORD, "new@partner.example"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].json()["code"] == "invalid_credentials"


@pytest.mark.requirement("AUT-02")
@pytest.mark.parametrize("address", [ADDRESS, NOBODY])
async def test_the_tenth_wrong_password_locks_and_an_hour_later_it_is_open(
    api: AsyncClient, world: World, address: str
) -> None:
    """Known address or not: then even the right one is refused, until the hour ends."""
    assert await statuses(api, 10, address=address) == [401] * 10
    locked_at = await world.clock.now()
    assert await statuses(api, 2, address=address) == [423] * 2
    assert await statuses(api, 1, PASSWORD, address) == [423]
    await world.advance_to(locked_at + timedelta(minutes=59, seconds=50))
    assert await statuses(api, 3, address=address) == [423] * 3
    await world.advance_to(locked_at + timedelta(hours=1))
    opened = 201 if address == ADDRESS else 401
    assert await statuses(api, 1, PASSWORD, address) == [opened]


@pytest.mark.requirement("AUT-02")
async def test_after_a_lock_the_row_begins_anew(api: AsyncClient, world: World) -> None:
    """Nine more wrong ones do not lock again, the tenth does."""
    await statuses(api, 10)
    await world.advance(hours=1)
    assert await statuses(api, 10) == [401] * 10
    assert await statuses(api, 1) == [423]


@pytest.mark.requirement("AUT-02")
async def test_a_right_password_before_the_tenth_begins_the_row_anew(api: AsyncClient) -> None:
    """Also as the tenth try itself."""
    for _ in range(2):
        assert await statuses(api, 9) == [401] * 9
        assert await statuses(api, 1, PASSWORD) == [201]
    assert await statuses(api, 10) == [401] * 10
    assert await statuses(api, 1, PASSWORD) == [423]


@pytest.mark.requirement("AUT-02")
async def test_tries_at_the_same_time_are_all_counted(api: AsyncClient) -> None:
    """Of forty at once ten are looked at, and the account is locked."""
    answers = await asyncio.gather(*(sign_in(api, WRONG) for _ in range(40)))
    found = sorted(answer.status_code for answer in answers)
    assert found == [401] * 10 + [423] * 30
    assert await statuses(api, 1, PASSWORD) == [423]


@pytest.mark.requirement("AUT-02")
async def test_two_right_ones_at_once_after_nine_wrong_ones_both_count_as_right(
    api: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A double click does not lock anybody out, also when the one that is looked at takes longer than the other."""
    await statuses(api, 9)
    unlooked = asyncio.Event()
    fits = Passwords.fits

    async def slow_for_the_tenth(self: Passwords, stored: str | None, password: str) -> bool:
        if stored is not None:
            await unlooked.wait()
        answer = await fits(self, stored, password)
        unlooked.set()
        return answer

    monkeypatch.setattr(Passwords, "fits", slow_for_the_tenth)
    answers = await asyncio.gather(sign_in(api), sign_in(api))
    assert 201 in {answer.status_code for answer in answers}
    assert await statuses(api, 1, PASSWORD) == [201]


@pytest.mark.requirement("AUT-01", "AUT-02")
async def test_known_and_unknown_addresses_take_alike(api: AsyncClient) -> None:
    """The quick quarter of many tries, taken in turns: what a busy machine adds is no difference."""
    taken: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(40):
        addresses = {"known": ADDRESS, "unknown": f"nobody{number // 8}@partner.example"}
        for kind, address in sorted(addresses.items(), reverse=bool(number % 2)):
            begun = time.perf_counter()
            assert (await sign_in(api, WRONG, address)).status_code == 401
            taken[kind].append(time.perf_counter() - begun)
        if number % 8 == 7:
            await signed_in(api)
    known, unknown = (statistics.quantiles(times, n=4)[0] for times in taken.values())
    assert 0.8 < known / unknown < 1.25


@pytest.mark.requirement("AUT-05")
async def test_a_session_ends_by_sign_out_or_after_twelve_hours(api: AsyncClient, world: World) -> None:
    """Signing out ends this one only; the other lives until its hour."""
    one, other = await signed_in(api), await signed_in(api)
    begun = await world.clock.now()
    assert (await api.delete("/v1/sessions/current", headers=one)).status_code == 204
    assert (await api.get("/v1/me", headers=one)).status_code == 401
    await world.advance_to(begun + timedelta(hours=11, minutes=59, seconds=50))
    assert (await api.get("/v1/me", headers=other)).status_code == 200
    await world.advance_to(begun + timedelta(hours=12))
    assert (await api.get("/v1/me", headers=other)).status_code == 401


@pytest.mark.requirement("TEN-01", "AUT-01")
async def test_staff_of_suspended_tenants_only_are_refused_and_of_others_not_shown_them(
    api: AsyncClient, operator: dict[str, str], world: World, person_id: str
) -> None:
    await api.post(f"/v1/tenants/{TENANT}/suspend", headers=operator)
    refused = await sign_in(api)
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")
    assert (await sign_in(api, WRONG)).status_code == 401
    await make_tenant(world.database, "T9000000", await world.clock.now())
    await make_staff(world, person_id, "T9000000")
    assert [tenant["tenant_id"] for tenant in (await sign_in(api)).json()["tenants"]] == ["T9000000"]
    await api.post(f"/v1/tenants/{TENANT}/reopen", headers=operator)
    assert len((await sign_in(api)).json()["tenants"]) == 2


@pytest.mark.requirement("TEN-05")
async def test_a_hash_with_old_parameters_is_renewed_at_the_next_sign_in(api: AsyncClient, world: World) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with world.database.transaction() as connection:
        await connection.execute(update(Person).values(password_hash=old))
    await signed_in(api)
    async with world.database.transaction() as connection:
        renewed = (await connection.execute(select(Person.password_hash))).scalar_one()
    assert (renewed or "").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await signed_in(api)


@pytest.mark.requirement("AUT-01")
async def test_the_tenant_sees_when_its_staff_were_last_there(api: AsyncClient, world: World) -> None:
    await signed_in(api)
    async with world.database.transaction(TENANT) as connection:
        seen = (await connection.execute(select(StaffMember.last_sign_in_at))).scalar_one()
    assert seen is not None
    assert (await world.clock.now()) - seen < timedelta(minutes=1)


@pytest.mark.requirement("GEN-03")
async def test_the_same_sign_in_again_gives_the_same_session(api: AsyncClient) -> None:
    body = {"mail_address": ADDRESS, "password": PASSWORD}
    first = await api.post("/v1/sessions", json=body, headers={"Idempotency-Key": "s"})
    again = await api.post("/v1/sessions", json=body, headers={"Idempotency-Key": "s"})
    assert first.json() == again.json()
