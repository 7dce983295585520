"""The signup, on the real engine: of a portal user, just before and just after every deadline; of staff, once more."""

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from models.links import find, tenant_of
from models.messages.procedure import Answer, Command, Identity, Resolve
from models.messages.signup_steps import (
    ChangeAddress,
    Closed,
    NewPortalUser,
    NewStaff,
    NewTenant,
    Opened,
    Register,
    SignupStart,
)
from models.persons import ensure_person
from models.tables.customers import Customer
from models.tables.people import Person, PortalUser
from models.tables.procedures import Procedure
from models.vocabulary import MemberKind, OperatorAction, ProcedureKind, SignupState
from tests.world import PATIENCE, TENANT, World, eventually
from workflows.signup import Signup

CUSTOMER, USER, ADDRESS = "A00366102", "YW499776", "hanako@minato.example"


async def make_customer(world: World) -> None:
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(
            insert(Customer).values(
                tenant_id=TENANT,
                customer_id=CUSTOMER,
                company_name="みなと商事",
                last_name="山田",
                first_name="太郎",
                mail_address="taro@minato.example",
                postal_code="105-0011",
                prefecture="東京都",
                address="港区芝公園4-2-8",
                phone_number="0312345678",
                status="draft",
                account_state="free",
                created_at=await world.clock.now(),
            )
        )


def portal_start(command_id: str, new: NewPortalUser | None) -> SignupStart:
    return SignupStart(
        command_id=command_id,
        actor="staff:1",
        identity=Identity.of(ProcedureKind.SIGNUP, TENANT, USER, CUSTOMER),
        member=MemberKind.PORTAL_USER,
        new_portal_user=new,
    )


async def begin(world: World, start: SignupStart) -> Opened:
    operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        Signup.run,
        start,
        id=start.identity.procedure_id,
        task_queue=world.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    opened: Opened = await world.client.execute_update_with_start_workflow(
        "opened", id=start.command_id, start_workflow_operation=operation, result_type=Opened
    )
    return opened


async def begin_portal_user(world: World) -> Opened:
    await make_customer(world)
    new = NewPortalUser(
        customer_id=CUSTOMER, last_name="山田", first_name="花子", mail_address=ADDRESS, mobile_number=None
    )
    return await begin(world, portal_start("begin", new))


async def send(world: World, update: str, command: Command, answer: type[Any]) -> Any:
    handle = world.client.get_workflow_handle(portal_start("", None).identity.procedure_id)
    return await handle.execute_update(update, command, id=command.command_id, result_type=answer)


async def register(world: World, link_id: str) -> Closed:
    command = Register(command_id=link_id, actor="portal_user", link_id=link_id, password_hash="$argon2id$…")
    closed: Closed = await send(world, "register", command, Closed)
    return closed


async def state_of_user(world: World) -> tuple[str, str | None]:
    async with world.database.transaction(TENANT) as connection:
        row = (
            await connection.execute(
                select(PortalUser.signup_state, PortalUser.person_id).where(PortalUser.user_id == USER)
            )
        ).one()
        return row.signup_state, row.person_id


def code_of(raised: pytest.ExceptionInfo[WorkflowUpdateFailedError]) -> str | None:
    assert isinstance(raised.value.cause, ApplicationError)
    return raised.value.cause.type


@pytest.mark.requirement("USR-03")
async def test_a_portal_user_is_reminded_three_days_and_one_day_before_the_end_and_then_expires(world: World) -> None:
    opened = await begin_portal_user(world)
    assert opened.reminders == (opened.expires_at - timedelta(days=3), opened.expires_at - timedelta(days=1))
    seen: list[tuple[datetime, int]] = []
    for instant, mails in ((opened.reminders[0], 2), (opened.reminders[1], 3)):
        await world.advance_to(instant - timedelta(seconds=2))
        seen.append((instant, len(world.mails.to(ADDRESS))))
        await world.advance_to(instant)
        await world.mails_to(ADDRESS, mails)
    assert [count for _, count in seen] == [1, 2]
    await world.advance_to(opened.expires_at - timedelta(seconds=2))
    assert await state_of_user(world) == (SignupState.OPEN, None)
    await world.advance_to(opened.expires_at)
    await eventually(lambda: _is(world, SignupState.EXPIRED))
    assert len({mail.token for mail in world.mails.to(ADDRESS)}) == 1


async def _is(world: World, state: SignupState) -> bool:
    return (await state_of_user(world))[0] == state


@pytest.mark.requirement("USR-03", "TEN-02")
async def test_registering_in_the_last_second_counts_and_makes_the_person(world: World) -> None:
    """A second press gets the first answer, also after the procedure has ended."""
    opened = await begin_portal_user(world)
    await world.advance_to(opened.expires_at - timedelta(seconds=2))
    first = await register(world, opened.link_id)
    assert await state_of_user(world) == (SignupState.REGISTERED, first.person_id)
    assert await register(world, opened.link_id) == first


@pytest.mark.requirement("TEN-04", "USR-04")
async def test_a_resend_kills_the_older_link_and_gives_seven_fresh_days(world: World) -> None:
    opened = await begin_portal_user(world)
    await world.advance(days=6)
    resent = await send(world, "resend", Command(command_id="resend-1", actor="staff:1"), Opened)
    assert resent.expires_at - opened.expires_at >= timedelta(days=6)
    with pytest.raises(WorkflowUpdateFailedError) as dead:
        await register(world, opened.link_id)
    assert code_of(dead) == "link_withdrawn"
    await eventually(lambda: len({mail.token for mail in world.mails.to(ADDRESS)}) == 2)
    await world.advance(days=2)
    assert (await register(world, resent.link_id)).state == SignupState.REGISTERED


@pytest.mark.requirement("TEN-04", "USR-04")
async def test_an_expired_signup_begins_anew_when_it_is_resent(world: World) -> None:
    opened = await begin_portal_user(world)
    await world.advance_to(opened.expires_at)
    await eventually(lambda: _is(world, SignupState.EXPIRED))
    again = await begun_anew(world)
    assert again.expires_at > opened.expires_at
    assert (await register(world, again.link_id)).state == SignupState.REGISTERED


async def begun_anew(world: World) -> Opened:
    """As staff do it: refused while the former run is ending, it is begun again."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(WorkflowUpdateFailedError):
                return await begin(world, portal_start("resend-after-expiry", None))
            await asyncio.sleep(0.05)


@pytest.mark.requirement("USR-04")
async def test_another_address_moves_the_link_there(world: World) -> None:
    """The old address's link is dead, the new one's works."""
    opened = await begin_portal_user(world)
    moved = await send(
        world,
        "change_address",
        ChangeAddress(command_id="move", actor="staff:1", mail_address="new@minato.example"),
        Opened,
    )
    await world.mails_to("new@minato.example", 1)
    with pytest.raises(WorkflowUpdateFailedError):
        await register(world, opened.link_id)
    closed = await register(world, moved.link_id)
    async with world.database.transaction() as connection:
        address = await connection.scalar(select(Person.mail_address).where(Person.person_id == closed.person_id))
    assert address == "new@minato.example"


@pytest.mark.requirement("USR-05")
async def test_deleting_ends_procedure_and_link_at_once(world: World) -> None:
    opened = await begin_portal_user(world)
    await world.mails_to(ADDRESS, 1)
    [mail] = world.mails.to(ADDRESS)
    await send(world, "delete", Command(command_id="delete", actor="staff:1"), Answer)
    handle = world.client.get_workflow_handle(portal_start("", None).identity.procedure_id)
    assert await handle.result() == SignupState.DELETED
    assert tenant_of(mail.token) == TENANT
    async with world.database.transaction(TENANT) as connection:
        link = await find(connection, mail.token)
    assert link is not None
    assert link.withdrawn_at is not None
    assert opened.link_id == link.link_id


@pytest.mark.requirement("USR-02", "TEN-06")
async def test_the_same_address_is_refused_twice_in_one_company(world: World) -> None:
    await begin_portal_user(world)
    new = NewPortalUser(
        customer_id=CUSTOMER, last_name="山田", first_name="花子", mail_address=ADDRESS, mobile_number=None
    )
    other = portal_start("other", new).model_copy(
        update={"identity": Identity.of(ProcedureKind.SIGNUP, TENANT, "AA000001", CUSTOMER)}
    )
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await begin(world, other)
    assert code_of(refused) == "already_exists"


@pytest.mark.requirement("TEN-01", "TEN-02")
async def test_a_new_tenant_comes_with_its_first_staff_in_one_step(world: World) -> None:
    """The mail names tenant and deadline; staff get no reminders, and the link dies after seven days."""
    async with world.database.transaction() as connection:
        person_id = await ensure_person(connection, "first@new.example", await world.clock.now())
    start = SignupStart(
        command_id="tenant",
        actor="operator",
        identity=Identity.of(ProcedureKind.SIGNUP, "T7000000", person_id),
        member=MemberKind.STAFF,
        new_tenant=NewTenant(
            name="Harbour Security", time_zone="Asia/Tokyo", language="en", portal_base_url=None, sender_name="Harbour"
        ),
        new_staff=NewStaff(mail_address="first@new.example"),
    )
    opened = await begin(world, start)
    assert opened.reminders == ()
    await world.mails_to("first@new.example", 1)
    [mail] = world.mails.to("first@new.example")
    assert "T7000000" in mail.text
    assert "Harbour Security" in mail.text
    await world.advance_to(opened.expires_at)
    assert len(world.mails.to("first@new.example")) == 1


async def attention(world: World) -> list[dict[str, Any]] | None:
    procedure_id = portal_start("", None).identity.procedure_id
    async with world.database.transaction(TENANT) as connection:
        found: list[dict[str, Any]] | None = await connection.scalar(
            select(Procedure.attention).where(Procedure.procedure_id == procedure_id)
        )
        return found


async def is_waited_for(world: World) -> bool:
    return await attention(world) is not None


async def is_settled(world: World) -> bool:
    return await attention(world) is None


@pytest.mark.requirement("USR-04", "GEN-08")
async def test_a_refused_mail_needs_no_operator_once_the_signup_has_moved_to_another_address(world: World) -> None:
    """The typing error is mended by staff; what went to the wrong address matters to nobody any more."""
    world.mails.answer = lambda recipient: "550 5.1.1 no such user" if recipient == ADDRESS else None
    await begin_portal_user(world)
    await eventually(lambda: is_waited_for(world))
    move = ChangeAddress(
        command_id="move",
        actor="staff:1",
        mail_address="right@minato.example",
        profile={"first_name": "はな子"},
        version=1,
    )
    await send(world, "change_address", move, Opened)
    await world.mails_to("right@minato.example", 1)
    await eventually(lambda: is_settled(world))
    async with world.database.transaction(TENANT) as connection:
        name = await connection.scalar(select(PortalUser.first_name).where(PortalUser.user_id == USER))
    assert name == "はな子"
    with pytest.raises(WorkflowUpdateFailedError) as stale:
        await send(world, "change_address", move.model_copy(update={"command_id": "stale"}), Opened)
    assert code_of(stale) == "precondition_failed"


@pytest.mark.requirement("TEN-06", "GEN-08")
async def test_a_refused_mail_needs_no_operator_once_the_person_has_registered(world: World) -> None:
    """Nobody but the address had the link, whatever its mail server has said: the procedure is over."""
    world.mails.answer = lambda _: "550 5.1.1 no such user"
    opened = await begin_portal_user(world)
    await eventually(lambda: is_waited_for(world))
    assert (await register(world, opened.link_id)).state == SignupState.REGISTERED
    async with asyncio.timeout(PATIENCE):
        handle = world.client.get_workflow_handle(portal_start("", None).identity.procedure_id)
        assert await handle.result() == SignupState.REGISTERED
    assert await attention(world) is None


@pytest.mark.requirement("USR-04", "TEN-04")
async def test_a_signup_that_expired_while_its_mails_wait_can_be_resent(world: World) -> None:
    """The mail server was away all the time; once it is back, only the fresh link is mailed."""
    world.mails.stop()
    opened = await begin_portal_user(world)
    await world.advance_to(opened.expires_at)
    await eventually(lambda: _is(world, SignupState.EXPIRED))
    resent = await send(world, "resend", Command(command_id="resend-late", actor="staff:1"), Opened)
    assert await state_of_user(world) == (SignupState.OPEN, None)
    await eventually(lambda: is_settled(world))
    world.mails.start()
    await world.advance(hours=1)
    await world.mails_to(ADDRESS, 1)
    assert len(world.mails.to(ADDRESS)) == 1
    assert (await register(world, resent.link_id)).state == SignupState.REGISTERED


@pytest.mark.requirement("GEN-08")
async def test_a_signup_that_an_operator_ended_can_be_resent(world: World) -> None:
    """The user stays; the link is dead, and a resend begins anew."""
    world.mails.answer = lambda _: "550 5.1.1 no such user"
    await begin_portal_user(world)
    await eventually(lambda: is_waited_for(world))
    await send(world, "resolve", Resolve(command_id="end", action=OperatorAction.END, reason="no such mailbox"), Answer)
    handle = world.client.get_workflow_handle(portal_start("", None).identity.procedure_id)
    await handle.result()
    assert await state_of_user(world) == (SignupState.ENDED, None)
    world.mails.answer = lambda _: None
    again = await begin(world, portal_start("resend-after-end", None))
    assert (await register(world, again.link_id)).state == SignupState.REGISTERED


@pytest.mark.requirement("CUS-05", "GEN-08")
async def test_a_signup_whose_user_is_gone_ends_by_itself(world: World) -> None:
    """As it is when the company has been deleted with its people."""
    opened = await begin_portal_user(world)
    await world.mails_to(ADDRESS, 1)
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(delete(PortalUser).where(PortalUser.user_id == USER))
    await world.advance_to(opened.reminders[0])
    handle = world.client.get_workflow_handle(portal_start("", None).identity.procedure_id)
    assert await handle.result() == SignupState.DELETED
    assert (await world.standing(handle.id))[0] == SignupState.DELETED
    assert len(world.mails.to(ADDRESS)) == 1
