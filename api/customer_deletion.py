"""When a customer may be deleted, and what a deletion erases (CUS-05)."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Update, case, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.authentication import Caller
from api.context import Context
from api.portal_users import delete_user
from models import audit
from models.audit import Fact
from models.messages.procedure import Identity
from models.messages.service_application import Company
from models.persons import forget_strangers
from models.refusals import NotDeletable, NotFound
from models.tables.applications import PersonalInvitation, ServiceApplication
from models.tables.customers import Customer
from models.tables.people import PortalUser
from models.tables.procedures import Link, Mail
from models.vocabulary import Mail as MailName
from models.vocabulary import MailState, ProcedureKind

_ERASED = "erased"
_ACCOUNT_MAILS = (MailName.PASSWORD_RESET_MAIL, MailName.PASSWORD_RESET_SMS, MailName.ACCOUNT_LOCKED)


@dataclass(frozen=True)
class Deletability:
    """`since`: the first day it is allowed, when something stands in the way until a known day."""

    blockers: list[str] = field(default_factory=list)
    since: date | None = None


async def deletability(_connection: AsyncConnection, _customer: Row[Any]) -> Deletability:
    """Contracts and UTMs stand in the way; until those exist, nothing does."""
    return Deletability()


async def erase(context: Context, tenant_id: str, customer_id: str, caller: Caller) -> None:
    """End every user's signup, then empty the company and what it sent, in one transaction.

    Raises:
        NotFound: the tenant has no such customer.
        NotDeletable: something stands in the way.
    """
    async with context.database.transaction(tenant_id) as connection:
        await _refuse_if_blocked(connection, tenant_id, customer_id)
        users = await _users(connection, tenant_id, customer_id)
    for user in users:
        await delete_user(context, tenant_id, customer_id, user.user_id, caller)
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await _refuse_if_blocked(connection, tenant_id, customer_id)
        row = await _empty(connection, tenant_id, customer_id, now)
        # Whoever was added while the others went: their signup ends when it finds nobody.
        users += await _users(connection, tenant_id, customer_id)
        await connection.execute(
            delete(PortalUser).where(PortalUser.tenant_id == tenant_id, PortalUser.customer_id == customer_id)
        )
        if row.application_number is not None:
            await _erase_application(connection, tenant_id, row.application_number)
        signups = [Identity.of(ProcedureKind.SIGNUP, tenant_id, user.user_id).procedure_id for user in users]
        await _erase_mails(connection, tenant_id, signups)
        await _erase_account_mails(connection, tenant_id, users)
        fact = Fact(tenant_id=tenant_id, at=now, actor=caller.actor, what="customer_deleted", subject=customer_id)
        await audit.record(connection, fact)
    await forget_strangers(context.database, {user.person_id for user in users if user.person_id is not None})


async def _refuse_if_blocked(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    found = await connection.execute(
        select(Customer.__table__)
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id, Customer.deleted_at.is_(None))
        .with_for_update()
    )
    row = found.first()
    if row is None:
        raise NotFound
    deletable = await deletability(connection, row)
    if deletable.blockers:
        since = deletable.since.isoformat() if deletable.since else None
        raise NotDeletable(facts={"deletion_blockers": deletable.blockers, "deletable_from": since})


async def _users(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[Row[Any]]:
    found = await connection.execute(
        select(PortalUser.__table__).where(PortalUser.tenant_id == tenant_id, PortalUser.customer_id == customer_id)
    )
    return [*found]


async def _empty(connection: AsyncConnection, tenant_id: str, customer_id: str, now: datetime) -> Row[Any]:
    """The number, the amounts and the dates stay."""
    nothing = dict.fromkeys(("memo1", "memo2", "memo3", "department", "position"))
    blank = dict.fromkeys(
        (
            *("company_name", "last_name", "first_name", "mail_address"),
            *("postal_code", "prefecture", "address", "phone_number"),
        ),
        "",
    )
    gone = await connection.execute(
        update(Customer)
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
        .values(deleted_at=now, version=Customer.version + 1, extra={}, **nothing, **blank)
        .returning(Customer.application_number)
    )
    return gone.one()


async def _erase_application(connection: AsyncConnection, tenant_id: str, number: str) -> None:
    """The number, the dates and the quantities stay; whoever stood in it does not."""
    found = await connection.execute(
        select(ServiceApplication.utm_destinations).where(
            ServiceApplication.tenant_id == tenant_id, ServiceApplication.application_number == number
        )
    )
    destinations = [
        {**dict.fromkeys(destination, ""), "quantity": destination["quantity"]} for destination in found.scalar_one()
    ]
    await connection.execute(
        update(ServiceApplication)
        .where(ServiceApplication.tenant_id == tenant_id, ServiceApplication.application_number == number)
        .values(
            company_name=_ERASED,
            company=dict.fromkeys(Company.model_fields, ""),
            utm_destinations=destinations,
            portal_users=[],
            extra={},
            memo1=None,
            memo2=None,
            memo3=None,
        )
    )
    application = Identity.of(ProcedureKind.SERVICE_APPLICATION, tenant_id, number)
    invited = await connection.execute(
        update(PersonalInvitation)
        .where(PersonalInvitation.tenant_id == tenant_id, PersonalInvitation.application_number == number)
        .values(mail_address=_ERASED, name=None)
        .returning(PersonalInvitation.invitation_id)
    )
    invitations = [Identity.of(ProcedureKind.PERSONAL_INVITATION, tenant_id, found) for found in invited.scalars()]
    await _erase_mails(connection, tenant_id, [one.procedure_id for one in (application, *invitations)])


async def _erase_mails(connection: AsyncConnection, tenant_id: str, procedure_ids: list[str]) -> None:
    """That they went out stays; to whom and what they said does not. What has not gone out yet never will."""
    await connection.execute(_emptied_mails(tenant_id).where(Mail.procedure_id.in_(procedure_ids)))
    await connection.execute(
        update(Link).where(Link.tenant_id == tenant_id, Link.procedure_id.in_(procedure_ids)).values(recipient=_ERASED)
    )


async def _erase_account_mails(connection: AsyncConnection, tenant_id: str, users: list[Row[Any]]) -> None:
    """What the people were written about their passwords: those procedures are no customer's."""
    recipients = {recipient for user in users for recipient in (user.mail_address, user.mobile_number) if recipient}
    mine = Mail.template.in_(_ACCOUNT_MAILS) & Mail.recipient.in_(recipients)
    gone = await connection.execute(select(Mail.link_id).where(Mail.tenant_id == tenant_id, mine))
    link_ids = [link_id for link_id in gone.scalars() if link_id is not None]
    await connection.execute(_emptied_mails(tenant_id).where(mine))
    await connection.execute(
        update(Link).where(Link.tenant_id == tenant_id, Link.link_id.in_(link_ids)).values(recipient=_ERASED)
    )


def _emptied_mails(tenant_id: str) -> Update:
    return (
        update(Mail)
        .where(Mail.tenant_id == tenant_id)
        .values(
            recipient=literal(f"{_ERASED}:") + Mail.mail_id,  # still another one for each mail of a step
            values={},
            subject=None,
            text=None,
            html=None,
            smtp_answer=None,
            state=case((Mail.state == MailState.SENT, Mail.state), else_=MailState.SKIPPED),
        )
    )
