"""What a decision about a service application leads to, told before it (APP-11…15)."""

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Context
from api.contract_consequences import Consequence, told
from models import outbox
from models.messages.procedure import Identity
from models.refusals import NotFound, WrongState
from models.rules.application_decisions import decision_is_open
from models.rules.decision_consequences import Undecided, of_deciding
from models.tables.applications import ServiceApplication
from models.vocabulary import ApplicationState, Decision, Language


async def foresee(context: Context, identity: Identity, decision: Decision, language: Language) -> list[Consequence]:
    """What would come of the decision now.

    Raises:
        NotFound: the tenant has no such application.
        WrongState: it is not open to the decision.
    """
    durations, now = context.settings.durations, await context.clock.now()
    async with context.database.transaction(identity.tenant_id) as connection:
        row = await application_row(connection, identity)
        addresses = await outbox.notification_addresses(connection, identity.tenant_id)
    if not decision_is_open(ApplicationState(row.state), decision):
        raise WrongState(state=row.state)
    application = Undecided(
        applicant=row.company["mail_address"],
        users=[user["mail_address"] for user in row.portal_users],
        notification_addresses=addresses,
        signup=durations.signup,
        signup_reminders_before_end=durations.signup_reminders_before_end,
        hold_silence=durations.application_hold_silence,
    )
    return told(of_deciding(application, decision, now), language)


async def application_row(connection: AsyncConnection, identity: Identity) -> Row[Any]:
    """Raises: NotFound: the tenant has no such application."""
    found = await connection.execute(
        select(ServiceApplication.__table__).where(
            ServiceApplication.tenant_id == identity.tenant_id,
            ServiceApplication.application_number == identity.subject,
        )
    )
    row: Row[Any] | None = found.first()
    if row is None:
        raise NotFound
    return row
