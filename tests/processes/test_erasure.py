"""What is left of people once nobody needs them any more, whatever they were called or died of meanwhile (CUS-05)."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy import Text, cast, delete, insert, literal_column, select, update

from models.persons import set_adrift
from models.tables.people import Person, PortalUser, StaffMember
from models.tables.procedures import Procedure
from models.tables.registry import metadata
from tests.accounts import ADDRESS, WRONG, make_customer, make_person, make_portal_user, make_staff, sign_in
from tests.api.test_customers import CUSTOMERS
from tests.world import TENANT, World, eventually, make_tenant
from workflows import schedules

MOBILE = "09012345678"
SMS = f"{MOBILE}@sms.tetsuzuki.example"
ELSEWHERE = "hanako@minato.example"
STAFF = f"/v1/tenants/{TENANT}/staff"


async def written_to(world: World, *telling: str, tenant_id: str = TENANT) -> list[str]:
    """Tables with a row that still names one of them."""
    found = []
    async with world.database.transaction(tenant_id) as connection:
        for table in metadata.sorted_tables:
            if table.name == "idempotent_answers":  # encrypted
                continue
            rows = await connection.execute(select(cast(literal_column(f'"{table.name}"'), Text)).select_from(table))
            found += [table.name for row in rows.scalars() if any(one in row for one in telling)]
    return found


async def wrote_about_the_account(api: AsyncClient, world: World) -> None:
    """A link, a code, and that the account is locked."""
    for more in ({}, {"channel": "sms"}):
        answer = await api.post("/v1/password-resets", json={"mail_address": ADDRESS} | more)
        assert answer.status_code == 202, answer.text
    await world.mails_to(ADDRESS, 1)
    await world.mails_to(SMS, 1)
    for _ in range(10):
        await sign_in(api, WRONG)
    await world.mails_to(ADDRESS, 2)


async def user_of(world: World, person_id: str, customer_id: str) -> str:
    """Who signs in by one address, and has been written to at another one since."""
    user_id = await make_portal_user(world, person_id, customer_id, mobile_number=MOBILE)
    await changed(world, user_id, mail_address=ELSEWHERE)
    return user_id


async def changed(world: World, user_id: str, **columns: str | None) -> None:
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(PortalUser).where(PortalUser.user_id == user_id).values(columns))


async def nights(world: World, count: int = 2) -> None:
    await schedules.keep(world.client, world.task_queue, world_clock=True)
    await world.advance(days=count)


async def known(world: World) -> set[str]:
    async with world.database.transaction() as connection:
        return set((await connection.execute(select(Person.mail_address))).scalars())


@pytest.mark.requirement("CUS-05", "USR-04")
@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["of nobody else", "of a user of another company's"])
async def test_with_a_company_goes_what_its_people_were_written_at_addresses_and_numbers_of_before(
    api: AsyncClient, world: World, staff: dict[str, str], *, is_elsewhere: bool
) -> None:
    """Who is a user of another company too keeps the account alone."""
    customer_id, person_id = await make_customer(world), await make_person(world)
    user_id = await user_of(world, person_id, customer_id)
    if is_elsewhere:
        await make_portal_user(world, person_id, await make_customer(world), address="hana@other.example")
    await wrote_about_the_account(api, world)
    await changed(world, user_id, mobile_number="09000000000")
    assert set(await written_to(world, ADDRESS, MOBILE)) == {"persons", "mails", "links"}
    assert (await api.delete(f"{CUSTOMERS}/{customer_id}", headers=staff)).status_code == 204
    assert await written_to(world, ADDRESS, ELSEWHERE, MOBILE) == (["persons"] if is_elsewhere else [])


@pytest.mark.requirement("CUS-05", "USR-05")
async def test_with_a_user_goes_what_the_tenant_wrote_about_the_account_and_soon_the_account(
    api: AsyncClient, world: World, staff: dict[str, str]
) -> None:
    """Whoever is a user of another company of the tenant's keeps both."""
    person_id = await make_person(world)
    customers = [await make_customer(world) for _ in range(2)]
    users = [await user_of(world, person_id, customer_id) for customer_id in customers]
    await wrote_about_the_account(api, world)
    urls = [f"{CUSTOMERS}/{customer}/users/{user}" for customer, user in zip(customers, users, strict=True)]
    assert (await api.delete(urls[0], headers=staff)).status_code == 204
    assert set(await written_to(world, ADDRESS, MOBILE)) == {"persons", "portal_users", "mails", "links"}
    await nights(world)
    assert ADDRESS in await known(world)
    assert (await api.delete(urls[1], headers=staff)).status_code == 204
    assert await written_to(world, ADDRESS, MOBILE, ELSEWHERE) == ["persons"]
    await world.advance(days=2)
    assert await written_to(world, ADDRESS) == []


@pytest.mark.requirement("CUS-05", "TEN-06")
async def test_whoever_belongs_nowhere_is_forgotten_however_that_came_about(
    api: AsyncClient, world: World, staff: dict[str, str]
) -> None:
    """A staff address whose signup was deleted, and a deletion that died: with what any tenant had written to them."""
    added = await api.post(STAFF, json={"mail_address": "new@partner.example"}, headers=staff)
    assert added.status_code == 201, added.text
    await api.post(STAFF, json={"mail_address": "open@partner.example"}, headers=staff)
    assert (await api.delete(f"{STAFF}/{added.json()['person_id']}", headers=staff)).status_code == 204
    person_id, elsewhere = await make_person(world), "T9000000"
    await make_tenant(world.database, elsewhere, await world.clock.now())
    await make_staff(world, person_id, elsewhere)
    for _ in range(10):
        await sign_in(api, WRONG)
    await world.mails_to(ADDRESS, 1)
    async with world.database.transaction(elsewhere) as connection:  # as a deletion does that came no further
        await connection.execute(delete(StaffMember).where(StaffMember.person_id == person_id))
        await set_adrift(connection, [person_id], await world.clock.now())
    assert set(await written_to(world, ADDRESS, tenant_id=elsewhere)) == {"persons", "mails"}
    await nights(world)
    left = await known(world)
    assert {"new@partner.example", ADDRESS} & left == set()
    assert "open@partner.example" in left
    assert await written_to(world, ADDRESS, tenant_id=elsewhere) == []


@pytest.mark.requirement("TEN-06", "USR-03")
async def test_an_account_is_kept_while_a_signup_counts_on_its_password(
    api: AsyncClient, world: World, staff: dict[str, str]
) -> None:
    """Its page asks whoever has a password for none."""
    person_id = await make_person(world)
    async with world.database.transaction() as connection:
        await set_adrift(connection, [person_id], await world.clock.now())
    customer_id = await make_customer(world)
    person = {"last_name": "山田", "first_name": "花子", "mail_address": ADDRESS}
    user = await api.post(f"{CUSTOMERS}/{customer_id}/users", json=person, headers=staff)
    assert user.status_code == 201, user.text
    await nights(world, 3)
    assert ADDRESS in await known(world)
    await world.advance(days=6)
    assert ADDRESS not in await known(world)


@pytest.mark.requirement("CUS-05", "GEN-08")
async def test_a_refused_mail_names_its_reader_to_operators_in_the_ledger_alone(
    api: AsyncClient, world: World, staff: dict[str, str]
) -> None:
    """Which is emptied with the company, as is the reason that waits for an operator."""
    world.mails.answer = lambda recipient: f"550 5.1.1 <{recipient}> no such user" if recipient == ELSEWHERE else None
    customer_id = await make_customer(world)
    person = {"last_name": "山田", "first_name": "花子", "mail_address": ELSEWHERE}
    user = await api.post(f"{CUSTOMERS}/{customer_id}/users", json=person, headers=staff)
    procedure_id = f"signup-{TENANT}-{user.json()['user_id']}"

    async def reasons() -> list[str]:
        async with world.database.transaction(TENANT) as connection:
            waiting = await connection.scalar(select(Procedure.attention).where(Procedure.procedure_id == procedure_id))
            return [stuck["reason"] for stuck in waiting or []]

    async def is_stuck() -> bool:
        return await reasons() != []

    await eventually(is_stuck)
    assert await reasons() == ["portal_user_signup, given up at try 1: 550 5.1.1 … no such user"]
    assert "procedures" not in await written_to(world, ELSEWHERE)
    assert "mails" in await written_to(world, ELSEWHERE)
    old = [{"step": "refused_mail_x", "reason": f"550 <{ELSEWHERE}>", "since": "2026-11-22T00:00:00Z", "actions": []}]
    procedure = {"tenant_id": TENANT, "procedure_id": "p", "kind": "contract", "subject": "C", "state": "active"}
    async with world.database.transaction(TENANT) as connection:  # as versions of before wrote it
        await connection.execute(
            insert(Procedure).values(
                **procedure, customer_id=customer_id, next=[], started_at=await world.clock.now(), attention=old
            )
        )
    assert (await api.delete(f"{CUSTOMERS}/{customer_id}", headers=staff)).status_code == 204
    assert await written_to(world, ELSEWHERE) == []
    async with world.database.transaction(TENANT) as connection:
        kept = await connection.scalar(select(Procedure.attention).where(Procedure.procedure_id == "p"))
    assert kept == [{**old[0], "reason": "erased"}]
