"""What a code to a mobile number opens, which a tenant's staff have entered: what is that tenant's, and no more."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from api.context import Context
from api.password_resets import complete_reset
from models.messages.password_reset_steps import CompleteReset
from models.messages.signup_steps import Register
from models.tables.procedures import Link
from tests.accounts import (
    ADDRESS,
    PASSWORD,
    make_customer,
    make_person,
    make_portal_user,
    make_staff,
    sign_in,
    signed_in,
)
from tests.api.test_pages_signup import DONE, STAFF_FIELDS, opened
from tests.page_reader import entries, heading
from tests.processes.test_password_reset import (
    MOBILE,
    NEW,
    OTHER,
    asked,
    code,
    identity,
    person_of,
    redeemed,
    resets,
)
from tests.world import TENANT, World, make_tenant, sign_in_staff

CHOSEN = "Umi4-kaze.Hoshi"
Joins = Callable[[World, str], Awaitable[object]]


@pytest.fixture(autouse=True)
async def account(world: World) -> None:
    """A portal user with a mobile number, in a world of two tenants."""
    await make_tenant(world.database, OTHER, await world.clock.now())
    person_id = await make_person(world)
    await make_portal_user(world, person_id, await make_customer(world), mobile_number=MOBILE)


async def as_staff_here(world: World, person_id: str) -> None:
    await make_staff(world, person_id)


async def as_staff_elsewhere(world: World, person_id: str) -> None:
    await make_staff(world, person_id, OTHER)


async def as_user_elsewhere(world: World, person_id: str) -> None:
    await make_portal_user(world, person_id, await make_customer(world, OTHER), tenant_id=OTHER)


async def by_phone(api: AsyncClient, world: World) -> None:
    """The person's password becomes one that a code has set."""
    await asked(api, channel="sms")
    assert (await redeemed(api, await code(world))).status_code == 204


async def invited(api: AsyncClient, world: World, tenant_id: str = OTHER) -> str:
    """The link by which the person joins the tenant's staff."""
    before = len(world.mails.to(ADDRESS))
    url = f"/v1/tenants/{tenant_id}/staff"
    added = await api.post(url, json={"mail_address": ADDRESS}, headers=await sign_in_staff(world, tenant_id))
    assert added.status_code == 201, added.text
    await world.mails_to(ADDRESS, before + 1)
    return f"/links/{world.mails.to(ADDRESS)[-1].token}"


@pytest.mark.requirement("AUT-04", "GEN-05")
@pytest.mark.parametrize("joins", [as_staff_here, as_staff_elsewhere, as_user_elsewhere])
async def test_a_code_is_good_for_nothing_any_more_once_its_person_has_become_more(
    api: AsyncClient, world: World, joins: Joins
) -> None:
    """It is refused as a wrong one is, by the API, and by the step that would set the password."""
    await asked(api, channel="sms")
    right = await code(world)
    [(reset_id, _)] = await resets(world)
    wrong = await redeemed(api, f"{(int(right) + 1) % 1_000_000:06d}")
    await joins(world, await person_of(world))
    refused = await redeemed(api, right)
    assert (refused.status_code, refused.text) == (wrong.status_code, wrong.text)
    handle = world.client.get_workflow_handle(identity(reset_id).procedure_id)
    with pytest.raises(WorkflowUpdateFailedError) as raised:  # whoever joins between the look and the step
        await handle.execute_update("complete", CompleteReset(command_id="c", actor="person", password_hash="x"))
    assert isinstance(raised.value.cause, ApplicationError)
    assert raised.value.cause.type == "link_withdrawn"
    await signed_in(api)


@pytest.mark.requirement("TEN-06", "AUT-04", "GEN-05")
@pytest.mark.parametrize("is_changed", [False, True])
async def test_who_joins_with_a_password_that_came_by_phone_chooses_a_new_one(
    api: AsyncClient, world: World, *, is_changed: bool
) -> None:
    """Whoever set it, or has changed it since, does not come along: their sessions end. The next tenant asks nobody."""
    await by_phone(api, world)
    password = NEW
    if is_changed:
        password = "Kawa2-mori.Tsuki"
        body = {"current_password": NEW, "password": password, "password_confirmation": password}
        assert (await api.put("/v1/me/password", json=body, headers=await signed_in(api, NEW))).is_success
    session = await signed_in(api, password)
    link = await invited(api, world)
    assert {"password", "password_confirmation"} < entries(await api.get(link)).keys()
    assert (await opened(api, link)).status_code == 422
    chosen = STAFF_FIELDS | {"password": CHOSEN, "password_confirmation": CHOSEN, "step": "register"}
    assert heading(await opened(api, link, **chosen)) == DONE
    assert (await api.get("/v1/me", headers=session)).status_code == 401
    assert (await sign_in(api, password)).status_code == 401
    await signed_in(api, CHOSEN)
    next_link = await invited(api, world, TENANT)
    assert entries(await api.get(next_link)) == {}
    assert heading(await opened(api, next_link)) == DONE


@pytest.mark.requirement("TEN-06", "AUT-04")
async def test_a_reset_by_mail_makes_the_account_the_mailboxs_again(
    api: AsyncClient, world: World, context: Context
) -> None:
    await by_phone(api, world)
    await asked(api)
    await world.mails_to(ADDRESS, 1)
    again = {"password": PASSWORD, "password_confirmation": PASSWORD}
    await complete_reset(context, world.mails.to(ADDRESS)[0].token, again)
    link = await invited(api, world)
    assert entries(await api.get(link)) == {}
    assert heading(await opened(api, link)) == DONE
    await signed_in(api)


@pytest.mark.requirement("TEN-06", "AUT-04")
async def test_a_password_that_comes_by_phone_while_somebody_joins_is_not_joined_with(
    api: AsyncClient, world: World
) -> None:
    """The page had been shown, without a field for one, when the code came back."""
    link = await invited(api, world)
    async with world.database.transaction(OTHER) as connection:
        found = (await connection.execute(select(Link.__table__).where(Link.recipient == ADDRESS))).one()
    await by_phone(api, world)
    handle = world.client.get_workflow_handle(str(found.procedure_id))
    command = Register(command_id=found.link_id, actor="staff", link_id=found.link_id)
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("register", command, id=command.command_id)
    assert {"password", "password_confirmation"} < entries(await api.get(link)).keys()


@pytest.mark.requirement("AUT-04", "GEN-05")
async def test_of_a_code_and_a_joining_at_once_no_password_by_phone_gets_in(api: AsyncClient, world: World) -> None:
    """Whichever is first: the code is refused, or the joining is."""
    link = await invited(api, world)
    await asked(api, channel="sms")
    digits = await code(world)
    await asyncio.gather(redeemed(api, digits), opened(api, link))
    if (await sign_in(api, NEW)).status_code == 201:
        assert "password" in entries(await api.get(link))
    else:
        assert heading(await api.get(link)) == DONE


@pytest.mark.requirement("AUT-03", "AUT-04", "GEN-05")
async def test_a_tenant_that_adds_somebody_later_does_not_write_to_them_about_their_account(
    api: AsyncClient, world: World
) -> None:
    """Not even as its staff: its name and its addresses would stand in the mail."""
    await world.advance(days=1)
    await as_staff_elsewhere(world, await person_of(world))
    await asked(api)
    await world.mails_to(ADDRESS, 1)
    assert world.mails.to(ADDRESS)[0].token.startswith(f"{TENANT}-")
