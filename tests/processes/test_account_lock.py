"""The notice of a locked account, on the real engine."""

import asyncio

import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert, select

from api.context import Context
from api.credentials import NO_TENANT
from models.identifiers import Draw
from models.messages.account_lock_steps import LockNotice
from models.messages.procedure import Identity
from models.sign_in_tries import address_digest, count, lock
from models.tables.people import SignInTry
from models.tables.procedures import Mail
from models.vocabulary import LockState, ProcedureKind
from tests.accounts import ADDRESS, WRONG, make_person, make_staff, sign_in
from tests.world import TENANT, World, make_tenant
from workflows.account_lock import AccountLock


@pytest.fixture
async def person_id(world: World) -> str:
    person_id = await make_person(world)
    await make_staff(world, person_id)
    return person_id


async def lock_out(api: AsyncClient, address: str = ADDRESS) -> None:
    answers = [(await sign_in(api, WRONG, address)).status_code for _ in range(11)]
    assert answers == [401] * 10 + [423]


async def last_notice(world: World, tenant_id: str) -> Identity:
    async with world.database.transaction() as connection:
        lock_id = (await connection.execute(select(SignInTry.lock_id))).scalar_one()
    return Identity.of(ProcedureKind.ACCOUNT_LOCK, tenant_id, lock_id or "")


@pytest.mark.requirement("AUT-03")
@pytest.mark.usefixtures("person_id")
async def test_each_lock_sends_one_mail_with_portal_and_duration(api: AsyncClient, world: World) -> None:
    """Further tries while it is locked send nothing; the next lock sends the next."""
    await lock_out(api)
    await world.mails_to(ADDRESS, 1)
    [mail] = world.mails.mails
    assert "1時間" in mail.text
    assert "http://127.0.0.1:8080" in mail.text
    identity = await last_notice(world, TENANT)
    assert await world.standing(identity.procedure_id) == (LockState.LOCKED, None, [])
    assert await world.timeline(identity.procedure_id) == ["account_locked"]
    await world.advance(hours=1)
    assert len(world.mails.mails) == 1
    await lock_out(api)
    await world.mails_to(ADDRESS, 2)


@pytest.mark.requirement("AUT-03", "AUT-02")
@pytest.mark.usefixtures("person_id")
async def test_many_tries_at_once_send_one_mail(api: AsyncClient, world: World) -> None:
    await asyncio.gather(*(sign_in(api, WRONG) for _ in range(30)))
    await world.mails_to(ADDRESS, 1)
    await world.advance(hours=2)
    assert len(world.mails.mails) == 1


@pytest.mark.requirement("AUT-02", "AUT-03")
async def test_an_unknown_address_is_locked_by_the_same_steps_and_nobody_is_told(
    api: AsyncClient, world: World
) -> None:
    """Its workflow runs too."""
    await lock_out(api, "nobody@partner.example")
    identity = await last_notice(world, NO_TENANT)
    assert await world.client.get_workflow_handle(identity.procedure_id).result() == LockState.NOT_LOCKED
    assert world.mails.mails == []


@pytest.mark.requirement("AUT-03")
@pytest.mark.parametrize("commit", [True, False])
async def test_the_notice_waits_for_the_locks_commit_and_a_rollback_tells_nobody(
    world: World, context: Context, person_id: str, *, commit: bool
) -> None:
    """It is started before the commit, so that no lock goes unannounced."""
    now, digest, lock_id = await world.clock.now(), address_digest(context.link_key.key, ADDRESS), Draw().opaque_id()
    notice = LockNotice(
        identity=Identity.of(ProcedureKind.ACCOUNT_LOCK, TENANT, lock_id), address_digest=digest, person_id=person_id
    )
    async with world.database.transaction() as connection:
        await connection.execute(insert(SignInTry).values(address_digest=digest, wrong_in_a_row=9))
    async with world.database.transaction() as connection:
        await count(connection, digest, now)
        assert await lock(connection, digest, lock_id, until=now)
        await context.commands.begin(AccountLock.run, notice, notice.identity, summary="Notice")
        await asyncio.sleep(0.5)  # a slow database: the step must not look before it is settled
        if not commit:
            await connection.rollback()
    handle = world.client.get_workflow_handle(notice.identity.procedure_id)
    assert await handle.result() == (LockState.LOCKED if commit else LockState.NOT_LOCKED)
    assert len(world.mails.mails) == commit


@pytest.mark.requirement("AUT-03")
async def test_the_mail_comes_from_the_persons_first_tenant(api: AsyncClient, world: World, person_id: str) -> None:
    """It is in that tenant's ledger and in no other's."""
    await make_tenant(world.database, "T9000000", await world.clock.now())
    await make_staff(world, person_id, "T9000000")
    await lock_out(api)
    await world.mails_to(ADDRESS, 1)
    for tenant_id, count_ in ((TENANT, 1), ("T9000000", 0)):
        async with world.database.transaction(tenant_id) as connection:
            assert len((await connection.execute(select(Mail.mail_id))).all()) == count_
