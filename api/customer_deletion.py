"""When a customer may be deleted, and what a deletion erases (CUS-05)."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Row, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.authentication import Caller
from api.context import Context
from api.portal_users import delete_user
from models import audit
from models.audit import Fact
from models.messages.procedure import Identity
from models.refusals import NotFound
from models.tables.applications import ServiceApplication
from models.tables.customers import Customer
from models.tables.people import PortalUser
from models.tables.procedures import Link, Mail
from models.vocabulary import ProcedureKind

_ERASED = "erased"


@dataclass(frozen=True)
class Deletability:
    """`since`: the first day it is allowed, when something stands in the way until a known day."""

    blockers: list[str] = field(default_factory=list)
    since: date | None = None


async def deletability(_connection: AsyncConnection, _customer: Row[Any]) -> Deletability:
    """Contracts and UTMs stand in the way; until those exist, nothing does."""
    return Deletability()


async def erase(context: Context, tenant_id: str, customer_id: str, caller: Caller) -> None:
    """End every user's signup, then take the company and what it sent out of the tables, in one transaction.

    Raises:
        NotFound: the tenant has no such customer.
    """
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(PortalUser.user_id).where(PortalUser.tenant_id == tenant_id, PortalUser.customer_id == customer_id)
        )
        user_ids = list(found.scalars())
    for user_id in user_ids:
        await delete_user(context, tenant_id, customer_id, user_id, caller)
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        gone = await connection.execute(
            delete(Customer)
            .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
            .returning(Customer.application_number)
        )
        row = gone.first()
        if row is None:
            raise NotFound
        if row.application_number is not None:
            await _erase_application(connection, tenant_id, row.application_number)
        signups = [Identity.of(ProcedureKind.SIGNUP, tenant_id, user_id).procedure_id for user_id in user_ids]
        await _erase_mails(connection, tenant_id, signups)
        fact = Fact(tenant_id=tenant_id, at=now, actor=caller.actor, what="customer_deleted", subject=customer_id)
        await audit.record(connection, fact)


async def _erase_application(connection: AsyncConnection, tenant_id: str, number: str) -> None:
    """The number, the dates and the quantities stay; whoever stood in it does not."""
    found = await connection.execute(
        select(ServiceApplication.utm_destinations).where(
            ServiceApplication.tenant_id == tenant_id, ServiceApplication.application_number == number
        )
    )
    quantities = [{"quantity": destination["quantity"]} for destination in found.scalar_one()]
    await connection.execute(
        update(ServiceApplication)
        .where(ServiceApplication.tenant_id == tenant_id, ServiceApplication.application_number == number)
        .values(
            company_name=_ERASED,
            company={},
            utm_destinations=quantities,
            portal_users=[],
            extra={},
            memo1=None,
            memo2=None,
            memo3=None,
        )
    )
    application = Identity.of(ProcedureKind.SERVICE_APPLICATION, tenant_id, number)
    await _erase_mails(connection, tenant_id, [application.procedure_id])


async def _erase_mails(connection: AsyncConnection, tenant_id: str, procedure_ids: list[str]) -> None:
    """That they went out stays; to whom and what they said does not."""
    await connection.execute(
        update(Mail)
        .where(Mail.tenant_id == tenant_id, Mail.procedure_id.in_(procedure_ids))
        .values(recipient=literal(f"{_ERASED}:") + Mail.mail_id, values={}, subject=None, text=None, html=None)
    )
    await connection.execute(
        update(Link).where(Link.tenant_id == tenant_id, Link.procedure_id.in_(procedure_ids)).values(recipient=_ERASED)
    )
