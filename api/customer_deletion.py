"""Deleting a customer: whether it may be, and the end of its people's access (CUS-05)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api.authentication import Caller
from api.context import Context
from api.customer_erasure import erase_company
from api.portal_users import delete_user
from api.utm_addition import end_all, undecided_of
from api.viewer_revocation import open_of, revoke_open
from models import audit
from models.audit import Fact
from models.customer_deletability import deletabilities
from models.persons import forget_strangers, set_adrift
from models.refusals import NotDeletable, NotFound
from models.rules.consequences import Consequence
from models.rules.deletion_consequences import of_deleting
from models.rules.periods import day_of
from models.tables.customers import Customer
from models.tables.people import PortalUser
from models.vocabulary import SignupState


async def erase(context: Context, tenant_id: str, customer_id: str, caller: Caller) -> None:
    """End what is under way for its people, then empty the company and what it sent, in one transaction.

    Raises:
        NotFound: the tenant has no such customer.
        NotDeletable: something stands in the way.
    """
    async with context.database.transaction(tenant_id) as connection:
        await _refuse_if_blocked(connection, tenant_id, customer_id, await context.clock.now())
        users = await _users(connection, tenant_id, customer_id)
    await end_all(context, tenant_id, customer_id, caller)
    await revoke_open(context, tenant_id, customer_id, caller)
    for user in users:
        await delete_user(context, tenant_id, customer_id, user.user_id, caller)
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await _refuse_if_blocked(connection, tenant_id, customer_id, now)
        # Whoever was added while the others went: their signup ends when it finds nobody.
        users += await _users(connection, tenant_id, customer_id)
        await connection.execute(
            delete(PortalUser).where(PortalUser.tenant_id == tenant_id, PortalUser.customer_id == customer_id)
        )
        # Should nobody come to the end of this, the housekeeping forgets them.
        await set_adrift(connection, _persons(users), now)
        await erase_company(connection, tenant_id, customer_id, users=users, now=now)
        fact = Fact(tenant_id=tenant_id, at=now, actor=caller.actor, what="customer_deleted", subject=customer_id)
        await audit.record(connection, fact)
    await revoke_open(context, tenant_id, customer_id, caller)  # what came meanwhile
    await forget_strangers(context.database, _persons(users))


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


def _persons(users: list[Row[Any]]) -> set[str]:
    return {user.person_id for user in users if user.person_id is not None}


async def _users(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[Row[Any]]:
    found = await connection.execute(
        select(PortalUser.__table__).where(PortalUser.tenant_id == tenant_id, PortalUser.customer_id == customer_id)
    )
    return [*found]
