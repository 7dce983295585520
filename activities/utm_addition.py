"""The UTM addition's steps in the database, each one transaction."""

from datetime import datetime

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import utm_addition_letters as letters
from activities.records import Records, fact_of, tenant_row
from models import outbox, procedures
from models.business_calendar import reminder_instants
from models.messages.procedure import Step
from models.messages.utm_addition_steps import (
    AdditionRecorded,
    RecordAddition,
    RecordAdditionDecision,
    RecordAdditionReminder,
)
from models.outbox import Letter, Posting
from models.procedures import Beginning, Standing
from models.refusals import NotFound, WrongState
from models.tables.applications import UtmAddition
from models.tables.people import PortalUser
from models.utm_additions import refuse_unless_open
from models.vocabulary import AdditionState, ProcedureKind


class UtmAdditionActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_addition(self, message: RecordAddition) -> AdditionRecorded:
        """The application, the applicant's mail and the tenant's (ADD-01, ADD-02, ADD-04).

        Raises:
            NotFound: the company or the applicant has been deleted meanwhile.
            TenantSuspended, UtmAdditionDisabled, CompanyNotServed.
        """
        identity, submission = message.identity, message.submission

        async def work(connection: AsyncConnection) -> AdditionRecorded:
            await refuse_unless_open(connection, identity.tenant_id, identity.customer_id or "")
            addition = await letters.told_of(connection, await _insert(connection, message))
            await _post(connection, message, [letters.completed(addition), *letters.received(addition)])
            reminders = await self._reminders(connection, message)
            beginning = Beginning(
                tenant_id=identity.tenant_id,
                procedure_id=identity.procedure_id,
                kind=ProcedureKind.UTM_ADDITION,
                subject=identity.subject,
                started_at=message.at,
                customer_id=identity.customer_id,
            )
            await procedures.begin(connection, beginning, _undecided(reminders[0]))
            every = int(self._records.durations.application_reminder_interval.total_seconds())
            return AdditionRecorded(
                fingerprint=submission.fingerprint,
                state=AdditionState.UNAPPROVED,
                reminders=tuple(reminders),
                remind_every_seconds=every,
            )

        return await self._records.once(fact_of(message, "addition_submitted"), AdditionRecorded, work)

    @activity.defn
    async def record_addition_decision(self, message: RecordAdditionDecision) -> AdditionRecorded:
        """Approved or denied, and the applicant's mail of it (ADD-05)."""

        async def work(connection: AsyncConnection) -> AdditionRecorded:
            row = await _close(connection, message, (AdditionState.UNAPPROVED,), message.state)
            reader = await letters.reader_of_result(connection, row)
            await _post(connection, message, [letters.result(await letters.told_of(connection, row), reader)])
            return AdditionRecorded(state=message.state)

        return await self._records.once(fact_of(message, f"addition_{message.state}"), AdditionRecorded, work)

    @activity.defn
    async def record_addition_reminder(self, message: RecordAdditionReminder) -> AdditionRecorded:
        """The tenant has not decided yet (ADD-06).

        Raises:
            WrongState: there is nothing to decide any more, because the company has been deleted.
        """

        async def work(connection: AsyncConnection) -> AdditionRecorded:
            row = await _row(connection, message)
            if row.state != AdditionState.UNAPPROVED:
                raise WrongState(state=row.state)
            await _post(connection, message, letters.reminder(await letters.told_of(connection, row), message.at))
            await _show(connection, message, _undecided(message.upcoming.at))
            return AdditionRecorded(state=row.state)

        return await self._records.once(fact_of(message, "addition_reminder"), AdditionRecorded, work)

    @activity.defn
    async def record_addition_end(self, message: Step) -> AdditionRecorded:
        """Ended by an operator, or with its company; nobody is told."""

        async def work(connection: AsyncConnection) -> AdditionRecorded:
            # The company's deletion may have ended it in its row already.
            await _close(connection, message, (AdditionState.UNAPPROVED, AdditionState.ENDED), AdditionState.ENDED)
            return AdditionRecorded(state=AdditionState.ENDED)

        return await self._records.once(fact_of(message, "addition_ended"), AdditionRecorded, work)

    async def _reminders(self, connection: AsyncConnection, message: Step) -> list[datetime]:
        tenant = await tenant_row(connection, message.identity.tenant_id)
        days = self._records.durations.application_reminder_business_days
        return reminder_instants(message.at, tenant.time_zone, tenant.country, days)


def _undecided(reminder: datetime) -> Standing:
    return Standing(state=AdditionState.UNAPPROVED, waiting_for="staff", upcoming=[(reminder, "remind_staff")])


async def _show(connection: AsyncConnection, message: Step, standing: Standing) -> None:
    await procedures.show(connection, message.identity.tenant_id, message.identity.procedure_id, standing)


async def _post(connection: AsyncConnection, message: Step, mails: list[Letter]) -> None:
    posting = Posting(
        tenant_id=message.identity.tenant_id,
        procedure_id=message.identity.procedure_id,
        step=message.step,
        at=message.at,
    )
    await outbox.post(connection, posting, mails)


async def _insert(connection: AsyncConnection, message: RecordAddition) -> Row[tuple[UtmAddition]]:
    """With the applicant's name and address of today. Raises: NotFound: the applicant is gone."""
    identity, submission = message.identity, message.submission
    found = await connection.execute(
        select(PortalUser.last_name, PortalUser.first_name, PortalUser.mail_address).where(
            PortalUser.tenant_id == identity.tenant_id,
            PortalUser.customer_id == identity.customer_id,
            PortalUser.user_id == submission.user_id,
        )
    )
    applicant = found.first()
    if applicant is None:
        raise NotFound
    made = await connection.execute(
        insert(UtmAddition)
        .values(
            tenant_id=identity.tenant_id,
            application_number=identity.subject,
            customer_id=identity.customer_id,
            user_id=submission.user_id,
            language=submission.language,
            destination=submission.destination,
            state=AdditionState.UNAPPROVED,
            submitted_at=message.at,
            **applicant._asdict(),
        )
        .returning(UtmAddition.__table__)
    )
    row: Row[tuple[UtmAddition]] = made.one()
    return row


async def _row(connection: AsyncConnection, message: Step) -> Row[tuple[UtmAddition]]:
    found = await connection.execute(
        select(UtmAddition.__table__).where(
            UtmAddition.tenant_id == message.identity.tenant_id,
            UtmAddition.application_number == message.identity.subject,
        )
    )
    return found.one()


async def _close(
    connection: AsyncConnection, message: Step, allowed: tuple[AdditionState, ...], state: AdditionState
) -> Row[tuple[UtmAddition]]:
    """Close it if its state is still an allowed one (the database is the second lock), and show it closed.

    Raises:
        WrongState: it is not.
    """
    moved = await connection.execute(
        update(UtmAddition)
        .where(
            UtmAddition.tenant_id == message.identity.tenant_id,
            UtmAddition.application_number == message.identity.subject,
            UtmAddition.state.in_(allowed),
        )
        .values(state=state, decided_at=message.at, decided_by=message.actor)
        .returning(UtmAddition.__table__)
    )
    row: Row[tuple[UtmAddition]] | None = moved.first()
    if row is None:
        raise WrongState(state=(await _row(connection, message)).state)
    await _show(connection, message, Standing(state=state, ended_at=message.at))
    return row
