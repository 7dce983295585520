"""Deleting a customer: whether it may be, and the end of its people's access (CUS-05)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api.authentication import Caller
from api.commands import parts_of_a_whole
from api.context import Context
from api.customer_erasure import erase_company
from api.portal_users import delete_row, end_signup
from api.utm_addition import end_all, undecided_of
from api.viewer_revocation import open_of, revoke_open
from models import audit
from models.audit import Fact
from models.customer_deletability import deletabilities
from models.persons import end_sessions_without_access, forget_strangers
from models.refusals import NotDeletable, NotFound, Unavailable
from models.rules.consequences import Consequence
from models.rules.deletion_consequences import of_deleting
from models.rules.periods import day_of
from models.tables.customers import Customer
from models.tables.people import PortalUser
from models.vocabulary import SignupState

_ROUNDS = 3
_RETRY_AFTER_SECONDS = 5


async def erase(context: Context, tenant_id: str, customer_id: str, caller: Caller) -> None:
    """End what is under way for its people, then empty the company and what it sent, in one transaction.

    Whoever has registered goes with the company and not before: a deletion that is given up and repeated still knows
    whom to forget.

    Raises:
        NotFound: the tenant has no such customer.
        NotDeletable: something stands in the way.
        Unavailable: something has not ended in time, and the company is still there.
    """
    async with context.database.transaction(tenant_id) as connection:
        await _refuse_if_blocked(connection, tenant_id, customer_id, await context.clock.now())
        users = await _users(connection, tenant_id, customer_id)
    for _ in range(_ROUNDS):
        with parts_of_a_whole():
            await end_all(context, tenant_id, customer_id, caller)
            await revoke_open(context, tenant_id, customer_id, caller)
            for user in users:
                if user.signup_state != SignupState.REGISTERED:
                    await end_signup(context, user, caller)
        people = await _emptied(context, tenant_id, customer_id, caller, ended=users)
        if people is not None:
            await end_sessions_without_access(context.database, people)
            await forget_strangers(context.database, people)
            return
    raise Unavailable(retry_after=_RETRY_AFTER_SECONDS)


async def _emptied(
    context: Context, tenant_id: str, customer_id: str, caller: Caller, *, ended: list[Row[Any]]
) -> set[str] | None:
    """The persons of its users. None: somebody has asked to view meanwhile; nothing is done.

    `ended`: those whose signups have been ended. Of whoever was added since the signup ends when it finds nobody.
    """
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await _refuse_if_blocked(connection, tenant_id, customer_id, now)
        if await open_of(connection, tenant_id, customer_id):  # nobody asks any more: that locks the company too
            return None
        users = await _users(connection, tenant_id, customer_id)
        gone = [await delete_row(connection, user, caller, now) for user in users]
        await erase_company(connection, tenant_id, customer_id, users=[*ended, *users], now=now)
        fact = Fact(tenant_id=tenant_id, at=now, actor=caller.actor, what="customer_deleted", subject=customer_id)
        await audit.record(connection, fact)
    return {person_id for person_id in gone if person_id is not None}


async def foreseen(context: Context, tenant_id: str, customer_id: str) -> list[Consequence]:
    """What `erase` would do now.

    Raises:
        NotFound: the tenant has no such customer.
        NotDeletable: something stands in the way.
    """
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await _refuse_if_blocked(connection, tenant_id, customer_id, now)
        users = await _users(connection, tenant_id, customer_id)
        additions = await undecided_of(connection, tenant_id, customer_id)
        viewers = await open_of(connection, tenant_id, customer_id)
    signups = sum(user.signup_state != SignupState.REGISTERED for user in users)
    return of_deleting(
        portal_users=len(users), signups=signups, additions=len(additions), viewers=len(viewers), now=now
    )


async def _refuse_if_blocked(connection: AsyncConnection, tenant_id: str, customer_id: str, now: datetime) -> None:
    found = await connection.execute(
        select(Customer.customer_id)
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id, Customer.deleted_at.is_(None))
        .with_for_update()
    )
    if found.first() is None:
        raise NotFound
    today = day_of(now, (await tenant_row(connection, tenant_id)).time_zone)
    deletable = (await deletabilities(connection, tenant_id, [customer_id], today))[customer_id]
    if deletable.blockers:
        since = deletable.since.isoformat() if deletable.since else None
        raise NotDeletable(facts={"deletion_blockers": list(deletable.blockers), "deletable_from": since})


async def _users(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[Row[Any]]:
    found = await connection.execute(
        select(PortalUser.__table__).where(PortalUser.tenant_id == tenant_id, PortalUser.customer_id == customer_id)
    )
    return [*found]
