"""Emptying what was written to people: mails, links, and what an operator was told of them (CUS-05)."""

from collections.abc import Collection, Iterable

from sqlalchemy import Update, case, func, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.messages.procedure import Identity
from models.tables.people import PasswordReset, Person, PortalUser, StaffMember
from models.tables.procedures import Link, Mail, Procedure
from models.vocabulary import Mail as MailName
from models.vocabulary import MailState, ProcedureKind

ERASED = "erased"
_ACCOUNT_MAILS = (MailName.PASSWORD_RESET_MAIL, MailName.PASSWORD_RESET_SMS, MailName.ACCOUNT_LOCKED)
_WITHOUT_REASONS = text(
    "(SELECT jsonb_agg(jsonb_set(waiting, '{reason}', to_jsonb(CAST(:erased AS text))) ORDER BY place)"
    " FROM jsonb_array_elements(procedures.attention) WITH ORDINALITY stuck (waiting, place))"
).bindparams(erased=ERASED)


def emptied_mails(tenant_id: str) -> Update:
    """That they went out stays; to whom and what they said does not. What has not gone out yet never will."""
    return (
        update(Mail)
        .where(Mail.tenant_id == tenant_id)
        .values(
            recipient=literal(f"{ERASED}:") + Mail.mail_id,  # still another one for each mail of a step
            values={},
            subject=None,
            text=None,
            html=None,
            smtp_answer=None,
            state=case((Mail.state == MailState.SENT, Mail.state), else_=MailState.SKIPPED),
            lease_until=None,  # a try under way writes nothing back
        )
    )


async def erase_mails(connection: AsyncConnection, tenant_id: str, procedure_ids: Collection[str]) -> None:
    """Those procedures' mails and links, and the reasons for which they wait for an operator."""
    await connection.execute(emptied_mails(tenant_id).where(Mail.procedure_id.in_(procedure_ids)))
    await connection.execute(
        update(Link).where(Link.tenant_id == tenant_id, Link.procedure_id.in_(procedure_ids)).values(recipient=ERASED)
    )
    await connection.execute(
        update(Procedure)
        .where(Procedure.tenant_id == tenant_id, Procedure.procedure_id.in_(procedure_ids))
        .where(Procedure.attention.is_not(None))
        .values(attention=_WITHOUT_REASONS)
    )


async def erase_account_mails(
    connection: AsyncConnection, tenant_id: str, person_ids: Collection[str], *, recipients: Iterable[str] = ()
) -> None:
    """What the tenant has written to the people about their passwords and locks: those procedures are no customer's.

    Found by the person: accounts stay at the address that they were made with (USR-04), and numbers change.
    `recipients`: addresses and numbers besides.
    """
    resets = await connection.execute(
        select(PasswordReset.reset_id).where(
            PasswordReset.tenant_id == tenant_id, PasswordReset.person_id.in_(person_ids)
        )
    )
    found = {Identity.of(ProcedureKind.PASSWORD_RESET, tenant_id, reset).procedure_id for reset in resets.scalars()}
    accounts = await connection.execute(select(Person.mail_address).where(Person.person_id.in_(person_ids)))
    written = await connection.execute(
        select(Mail.procedure_id)
        .where(Mail.tenant_id == tenant_id, Mail.template.in_(_ACCOUNT_MAILS))
        .where(Mail.recipient.in_({*accounts.scalars(), *recipients}))
    )
    found.update(written.scalars())
    if found:
        await erase_mails(connection, tenant_id, found)


async def erase_account_mails_of_strangers(
    connection: AsyncConnection, tenant_id: str, person_ids: Iterable[str]
) -> None:
    """Likewise, of those of them who are nobody's any more in the tenant, whose transaction it is."""
    for person_id in person_ids:
        for table in (StaffMember, PortalUser):
            member = select(func.count()).where(table.tenant_id == tenant_id, table.person_id == person_id)
            if await connection.scalar(member):
                break
        else:
            await erase_account_mails(connection, tenant_id, [person_id])
