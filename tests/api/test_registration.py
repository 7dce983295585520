"""Registering behind a signup link: what the page is told, and what it takes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from api.context import Context
from api.registration import check, register, registration_of
from models.identifiers import Draw
from models.messages.procedure import Command, Identity
from models.messages.signup_steps import NewStaff, Opened, SignupStart
from models.persons import ensure_person
from models.refusals import InvalidInput, LinkExpired, LinkUsed, LinkWithdrawn, NotFound, Refusal
from models.tables.people import Person, StaffMember
from models.vocabulary import MemberKind, ProcedureKind, SignupState
from tests.world import TENANT, World
from workflows.signup import Signup

ADDRESS = "hanako@partner.example"
PASSWORD = "Kumo7-yane.Tako"
FIELDS = {
    "password": PASSWORD,
    "password_confirmation": PASSWORD,
    "user_name": "山田　花子",
    "company_name": "みなとセキュリティ",
    "department": "",
    "phone_number": "０３１２３４５６７８",
    "remark": "",
}


async def invite(world: World, context: Context, address: str = ADDRESS) -> tuple[Identity, Opened]:
    async with world.database.transaction() as connection:
        person_id = await ensure_person(connection, address, await world.clock.now())
    identity = Identity.of(ProcedureKind.SIGNUP, TENANT, person_id)
    start = SignupStart(
        command_id=Draw().opaque_id(),
        actor="staff:1",
        identity=identity,
        member=MemberKind.STAFF,
        new_staff=NewStaff(mail_address=address),
    )
    opened = await context.commands.start(Signup.run, start, identity, answer=Signup.opened, summary="Signup")
    return identity, opened


async def token_for(world: World, address: str = ADDRESS, count: int = 1) -> str:
    await world.mails_to(address, count)
    return world.mails.to(address)[count - 1].token


async def member(world: World, identity: Identity) -> Any:
    async with world.database.transaction(TENANT) as connection:
        found = await connection.execute(select(StaffMember.__table__).where(StaffMember.person_id == identity.subject))
        return found.one()


async def password_hash(world: World) -> str | None:
    async with world.database.transaction() as connection:
        found = await connection.execute(select(Person.password_hash).where(Person.mail_address == ADDRESS))
        return found.scalar_one()


async def refusal_of(context: Context, token: str) -> type[Refusal]:
    with pytest.raises(Refusal) as raised:
        await registration_of(context, token)
    return raised.type


@pytest.mark.requirement("TEN-02", "TEN-03")
async def test_a_new_staff_member_registers_with_profile_and_password(world: World, context: Context) -> None:
    """The page learns whom it is for; the entries are kept in their normal forms, the password as argon2id."""
    identity, opened = await invite(world, context)
    token = await token_for(world)
    shown = await registration_of(context, token)
    assert (shown.tenant_id, shown.tenant_name, shown.mail_address) == (TENANT, "みなとセキュリティ", ADDRESS)
    assert (shown.has_password, shown.deadline) == (False, opened.expires_at)
    await register(context, token, FIELDS | {"csrf": "of the page"})
    row = await member(world, identity)
    assert (row.signup_state, row.user_name) == (SignupState.REGISTERED, "山田　花子")
    assert (row.phone_number, row.department) == ("0312345678", None)
    assert (await password_hash(world) or "").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await refusal_of(context, token) is LinkUsed


@pytest.mark.requirement("TEN-03", "TEN-05")
async def test_every_wrong_entry_is_named_at_once_and_nothing_is_saved(world: World, context: Context) -> None:
    identity, _ = await invite(world, context)
    token = await token_for(world)
    wrong = {"password": "short", "password_confirmation": "other", "user_name": "山田花子", "phone_number": "03-1234"}
    with pytest.raises(InvalidInput) as raised:
        await register(context, token, wrong)
    assert {(error.field, error.code) for error in raised.value.errors} == {
        ("password", "too_short"),
        ("password_confirmation", "differs"),
        ("user_name", "name_needs_space"),
        ("company_name", "required"),
        ("phone_number", "digits_only"),
    }
    assert (await member(world, identity)).signup_state == SignupState.OPEN


@pytest.mark.requirement("TEN-03")
async def test_a_name_in_half_width_letters_is_kept_in_full_width(world: World, context: Context) -> None:
    await invite(world, context)
    _, entries = await check(context, await token_for(world), FIELDS | {"user_name": "Yamada  ﾊﾅｺ"})
    assert entries.profile is not None
    assert entries.profile.user_name == "Ｙａｍａｄａ　ハナコ"


@pytest.mark.requirement("TEN-06")
async def test_a_person_with_an_account_joins_without_a_new_password(world: World, context: Context) -> None:
    """Whatever stands in the password fields, the one they have stays."""
    identity, _ = await invite(world, context)
    async with world.database.transaction() as connection:
        await connection.execute(update(Person).values(password_hash="of before"))
    token = await token_for(world)
    assert (await registration_of(context, token)).has_password
    await register(context, token, FIELDS | {"password": "", "password_confirmation": ""})
    assert (await member(world, identity)).signup_state == SignupState.REGISTERED
    assert await password_hash(world) == "of before"


@pytest.mark.requirement("GEN-03")
async def test_two_presses_at_once_register_once_and_both_succeed(world: World, context: Context) -> None:
    identity, _ = await invite(world, context)
    token = await token_for(world)
    await asyncio.gather(register(context, token, FIELDS), register(context, token, FIELDS))
    assert (await world.timeline(identity.procedure_id)).count("signup_registered") == 1


@pytest.mark.requirement("TEN-04")
async def test_the_link_lives_seven_days_and_not_a_second_longer(world: World, context: Context) -> None:
    identity, opened = await invite(world, context)
    token = await token_for(world)
    await world.advance_to(opened.expires_at - timedelta(seconds=2))
    await check(context, token, FIELDS)
    await world.advance_to(opened.expires_at)
    assert await refusal_of(context, token) is LinkExpired
    with pytest.raises(LinkExpired):
        await register(context, token, FIELDS)
    assert await world.client.get_workflow_handle(identity.procedure_id).result() == SignupState.EXPIRED
    assert (await member(world, identity)).signup_state == SignupState.EXPIRED


@pytest.mark.requirement("GEN-06")
async def test_the_link_of_an_expired_signup_is_dead_by_every_clock(world: World, context: Context) -> None:
    """The demo moves a procedure ahead of the page's own clock."""
    await invite(world, context)
    token = await token_for(world)
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(StaffMember).values(signup_state=SignupState.EXPIRED))
    assert await refusal_of(context, token) is LinkExpired


@pytest.mark.requirement("TEN-04")
async def test_a_resend_kills_the_link_before(world: World, context: Context) -> None:
    identity, _ = await invite(world, context)
    old = await token_for(world)
    command = Command(command_id="resend", actor="staff:1")
    await context.commands.send(identity, Signup.resend, command)
    fresh = await token_for(world, count=2)
    assert await refusal_of(context, old) is LinkWithdrawn
    await register(context, fresh, FIELDS)


async def test_an_unknown_link_and_one_for_something_else_look_alike(context: Context) -> None:
    for token in ("", "x", f"{TENANT}-{'x' * 43}", f"T9999999-{'x' * 43}"):
        assert await refusal_of(context, token) is NotFound
