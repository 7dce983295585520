"""A tenant's notification addresses, on the real engine, just before and just after the deadline."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from api.context import Context
from api.notification_addresses import confirm_address, confirmation_of
from models.outbox import notification_addresses
from models.refusals import LinkExpired, LinkWithdrawn, NotFound
from models.tables.procedures import AuditEntry, Mail, Procedure
from models.vocabulary import AddressChangeState, OperatorAction
from tests.api.test_service_application import confirmed
from tests.world import NOTIFIED, PATIENCE, TENANT, World, eventually

URL = f"/v1/tenants/{TENANT}/notification-addresses"
NEW, OTHER, THIRD = "ops@partner.example", "night@partner.example", "third@partner.example"


async def put(api: AsyncClient, staff: dict[str, str], *addresses: str) -> list[dict[str, Any]]:
    typed = [{"mail_address": address, "mail_address_confirmation": address} for address in addresses]
    answer = await api.put(URL, json={"addresses": typed}, headers=staff)
    assert answer.status_code == 200, answer.text
    shown: list[dict[str, Any]] = answer.json()["addresses"]
    return shown


async def token_of(world: World, address: str, count: int = 1) -> str:
    await world.mails_to(address, count)
    return world.mails.to(address)[count - 1].token


async def in_use(world: World) -> list[str]:
    async with world.database.transaction(TENANT) as connection:
        return await notification_addresses(connection, TENANT)


async def procedures(world: World) -> dict[str, str]:
    """State by id, of the confirmations."""
    async with world.database.transaction(TENANT) as connection:
        found = await connection.execute(select(Procedure.procedure_id, Procedure.state))
        return {row.procedure_id: row.state for row in found if row.state != "changed"}


async def ended(world: World) -> dict[str, str]:
    """The same, once every workflow of them has ended."""
    for procedure_id in await procedures(world):
        async with asyncio.timeout(PATIENCE):
            await world.client.get_workflow_handle(procedure_id).result()
    return await procedures(world)


@pytest.mark.requirement("SET-06", "GEN-06")
async def test_a_new_address_works_only_once_its_button_is_pressed(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """Until then the old one stays in use; a second press changes nothing and says it is done."""
    assert await put(api, staff, NEW) == [{"mail_address": NOTIFIED, "state": "verified", "pending_mail_address": NEW}]
    token = await token_of(world, NEW)
    assert await in_use(world) == [NOTIFIED]
    assert (await confirmation_of(context, token)).state is AddressChangeState.PENDING
    assert await in_use(world) == [NOTIFIED]
    for _ in range(2):
        done = await confirm_address(context, token)
        assert (done.state, done.mail_address) == (AddressChangeState.VERIFIED, NEW)
    assert await in_use(world) == [NEW]
    answer = await api.get(URL, headers=staff)
    assert answer.json()["addresses"] == [{"mail_address": NEW, "state": "verified", "pending_mail_address": None}]
    assert list((await ended(world)).values()) == ["verified"]


@pytest.mark.requirement("SET-06")
async def test_pressed_twice_at_once_it_is_done_once(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    await put(api, staff, NEW)
    token = await token_of(world, NEW)
    done = await asyncio.gather(*(confirm_address(context, token) for _ in range(3)))
    assert {one.state for one in done} == {AddressChangeState.VERIFIED}
    [procedure_id] = await ended(world)
    assert await world.timeline(procedure_id) == ["notification_address_pending", "notification_address_verified"]


@pytest.mark.requirement("SET-06", "GEN-09")
async def test_a_press_in_the_last_second_counts_and_after_seven_days_the_link_is_dead(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """The old address goes on; a new one that replaced none is gone from the list."""
    await put(api, staff, NEW, OTHER)
    tokens = [await token_of(world, address) for address in (NEW, OTHER)]
    deadline = (await confirmation_of(context, tokens[0])).deadline
    await world.advance_to(deadline - timedelta(seconds=2))
    assert (await confirm_address(context, tokens[0])).state is AddressChangeState.VERIFIED
    await world.advance_to(deadline)
    with pytest.raises(LinkExpired):
        await confirm_address(context, tokens[1])
    assert sorted((await ended(world)).values()) == ["expired", "verified"]
    answer = (await api.get(URL, headers=staff)).json()
    assert [(one["mail_address"], one["state"]) for one in answer["addresses"]] == [(NEW, "verified")]


@pytest.mark.requirement("SET-06", "GEN-03")
async def test_the_same_list_again_mails_nobody(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """One after the other, at once, and after the confirmation: one mail for each new address."""
    await asyncio.gather(*(put(api, staff, NOTIFIED, NEW, OTHER) for _ in range(3)))
    shown = await put(api, staff, NOTIFIED, NEW, OTHER)
    assert [(one["mail_address"], one["state"]) for one in shown] == [
        (NOTIFIED, "verified"),
        (NEW, "pending"),
        (OTHER, "pending"),
    ]
    await confirm_address(context, await token_of(world, NEW))
    await put(api, staff, NOTIFIED, NEW, OTHER)
    await token_of(world, OTHER)
    await world.advance(hours=1)
    assert sorted(mail.recipient for mail in world.mails.mails) == sorted([NEW, OTHER])
    assert await in_use(world) == [NOTIFIED, NEW]


@pytest.mark.requirement("SET-06")
async def test_a_newer_change_withdraws_the_older_one(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """Its link is dead at once, and its procedure ends without waiting for its deadline."""
    await put(api, staff, NEW)
    token = await token_of(world, NEW)
    await put(api, staff, OTHER)
    with pytest.raises(LinkWithdrawn):
        await confirm_address(context, token)
    [older] = [procedure_id for procedure_id, state in (await procedures(world)).items() if state == "withdrawn"]
    async with asyncio.timeout(PATIENCE):
        assert await world.client.get_workflow_handle(older).result() == AddressChangeState.WITHDRAWN
    assert await world.timeline(older) == ["notification_address_pending", "notification_address_withdrawn"]
    await confirm_address(context, await token_of(world, OTHER))
    assert await in_use(world) == [OTHER]


@pytest.mark.requirement("SET-06")
async def test_removing_works_at_once_and_kills_what_was_pending(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """Also the removal of the first of several: the others stay as they are, and nobody is mailed again."""
    await put(api, staff, NOTIFIED, NEW, OTHER)
    await confirm_address(context, await token_of(world, NEW))
    token = await token_of(world, OTHER)
    assert await put(api, staff, NEW) == [{"mail_address": NEW, "state": "verified", "pending_mail_address": None}]
    assert await in_use(world) == [NEW]
    with pytest.raises(LinkWithdrawn):
        await confirm_address(context, token)
    assert await put(api, staff) == []
    assert sorted((await ended(world)).values()) == ["verified", "withdrawn"]
    assert len(world.mails.mails) == 2


@pytest.mark.requirement("SET-06")
async def test_of_a_press_and_a_newer_list_at_once_one_wins(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """Either the pressed address is in use and replaced later, or its link is withdrawn; never both."""
    await put(api, staff, NEW)
    token = await token_of(world, NEW)
    pressed, shown = await asyncio.gather(
        confirm_address(context, token), put(api, staff, THIRD), return_exceptions=True
    )
    assert isinstance(shown, list)
    assert shown[0]["pending_mail_address"] == THIRD
    assert await in_use(world) == ([NOTIFIED] if isinstance(pressed, LinkWithdrawn) else [NEW])
    states = sorted((await procedures(world)).values())
    assert states == ["pending", "withdrawn" if isinstance(pressed, LinkWithdrawn) else "verified"]


@pytest.mark.requirement("GEN-08")
async def test_an_address_that_refuses_the_mail_waits_for_an_operator(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """An operator's end leaves the old address in use and the link dead."""
    world.mails.answer = lambda _: "550 no such mailbox"
    await put(api, staff, NEW)
    [procedure_id] = await procedures(world)

    async def needs_operator() -> bool:
        async with world.database.transaction(TENANT) as connection:
            found = await connection.execute(select(Procedure.attention).where(Procedure.procedure_id == procedure_id))
            return found.scalar_one() is not None

    await eventually(needs_operator)
    command = {"command_id": "1", "actor": "operator", "action": OperatorAction.END, "reason": "no such mailbox"}
    await world.client.get_workflow_handle(procedure_id).execute_update("resolve", command)
    await world.client.get_workflow_handle(procedure_id).result()
    answer = (await api.get(URL, headers=staff)).json()
    assert answer["addresses"] == [{"mail_address": NOTIFIED, "state": "verified", "pending_mail_address": None}]


@pytest.mark.requirement("GEN-04")
async def test_the_audit_log_knows_who_changed_the_list_and_no_address(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    await put(api, staff, NEW)
    await confirm_address(context, await token_of(world, NEW))
    async with world.database.transaction(TENANT) as connection:
        entries = (await connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.entry_id))).all()
        mails = (await connection.execute(select(Mail.template, Mail.state))).all()
    assert [tuple(mail) for mail in mails] == [("notification_address_confirmation", "sent")]
    people = [entry.actor.partition(":")[0] for entry in entries if entry.actor != "system"]
    assert people == ["staff", "staff", "address_holder"]
    assert not [entry for entry in entries if "@" in str(entry)]


@pytest.mark.requirement("GEN-06")
@pytest.mark.parametrize("token", ["nonsense", f"{TENANT}-{'A' * 43}", f"T9000000-{'A' * 43}"])
async def test_an_unknown_link_opens_nothing(context: Context, token: str) -> None:
    with pytest.raises(NotFound):
        await confirm_address(context, token)


@pytest.mark.requirement("SET-07", "APP-09", "APP-12")
async def test_the_tenants_mails_go_to_every_address_in_use_and_to_no_pending_one(
    api: AsyncClient, staff: dict[str, str], world: World, context: Context
) -> None:
    """One mail each, in separate mails: received, then decided."""
    await put(api, staff, NOTIFIED, NEW, OTHER)
    await confirm_address(context, await token_of(world, NEW))
    await token_of(world, OTHER)
    number = await confirmed(api, staff, world)
    answer = await api.post(f"/v1/tenants/{TENANT}/applications/{number}/deny", json={}, headers=staff)
    assert answer.status_code == 200, answer.text
    received = await world.mails_to(NOTIFIED, 2)
    assert (await world.mails_to(NEW, 3))[1:] == received
    await world.advance(minutes=1)
    assert [len(world.mails.to(address)) for address in (NOTIFIED, NEW, OTHER)] == [2, 3, 1]
