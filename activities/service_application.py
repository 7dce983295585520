"""The service application's steps in the database, each one transaction."""

from datetime import datetime

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import application_letters as letters
from activities.approved_application import create_customer
from activities.records import Records, fact_of, tenant_row
from models import links, outbox, procedures
from models.business_calendar import reminder_instants
from models.links import NewLink
from models.messages.application_steps import (
    RecordDecision,
    Recorded,
    RecordReminder,
    RecordSubmission,
    Submitted,
)
from models.messages.procedure import Step
from models.outbox import Posting
from models.procedures import Beginning, Standing
from models.refusals import LinkUsed, WrongState
from models.tables.applications import PersonalInvitation, ServiceApplication
from models.vocabulary import ApplicationState, InvitationState, LinkPurpose, ProcedureKind

_UNDECIDED = (ApplicationState.UNAPPROVED, ApplicationState.ON_HOLD)


class ServiceApplicationActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_submission(self, message: RecordSubmission) -> Submitted:
        """The application, its confirmation link and its first mail (APP-07).

        Raises:
            LinkUsed: the personal invitation it answers has been used or withdrawn.
        """
        submission = message.submission
        confirm_by = message.at + self._records.durations.application_confirmation

        async def work(connection: AsyncConnection) -> Submitted:
            tenant = await tenant_row(connection, message.identity.tenant_id)
            await _insert(connection, message, confirm_by)
            await _use_personal_invitation(connection, message)
            await self._link(connection, message, confirm_by)
            await self._post(connection, message, letters.confirmation(submission, confirm_by, tenant.time_zone))
            await procedures.begin(
                connection,
                Beginning(
                    tenant_id=message.identity.tenant_id,
                    procedure_id=message.identity.procedure_id,
                    kind=ProcedureKind.SERVICE_APPLICATION,
                    subject=submission.application_number,
                    started_at=message.at,
                ),
                Standing(
                    state=ApplicationState.AWAITING_CONFIRMATION,
                    waiting_for="applicant",
                    upcoming=[(confirm_by, "lapse")],
                ),
            )
            return Submitted(
                fingerprint=submission.fingerprint,
                state=ApplicationState.AWAITING_CONFIRMATION,
                application_number=submission.application_number,
                confirm_by=confirm_by,
            )

        return await self._records.once(fact_of(message, "application_submitted"), Submitted, work)

    @activity.defn
    async def record_confirmation(self, message: Step) -> Recorded:
        """The tenant hears of it only now (APP-08, APP-09)."""

        async def work(connection: AsyncConnection) -> Recorded:
            row = await _move(
                connection,
                message,
                (ApplicationState.AWAITING_CONFIRMATION,),
                state=ApplicationState.UNAPPROVED,
                confirmed_at=message.at,
            )
            tenant = await tenant_row(connection, message.identity.tenant_id)
            addresses = await outbox.notification_addresses(connection, tenant.tenant_id)
            await self._post(
                connection, message, [letters.completed(row), *letters.received(row, tenant.language, addresses)]
            )
            reminders = reminder_instants(
                message.at, tenant.time_zone, tenant.country, self._records.durations.application_reminder_business_days
            )
            await self._show_undecided(connection, message, ApplicationState.UNAPPROVED, reminders[0])
            return self._recorded(ApplicationState.UNAPPROVED, message.at, reminders)

        return await self._records.once(fact_of(message, "application_confirmed"), Recorded, work)

    @activity.defn
    async def record_application_close(self, message: RecordDecision) -> Recorded:
        """Lapsed (APP-07), withdrawn by the applicant, or ended by an operator: nothing goes to the tenant."""

        async def work(connection: AsyncConnection) -> Recorded:
            allowed = (ApplicationState.AWAITING_CONFIRMATION, *_UNDECIDED)
            await _move(connection, message, allowed, state=message.state)
            await self._show_end(connection, message, message.state)
            return Recorded(state=message.state, at=message.at)

        return await self._records.once(fact_of(message, f"application_{message.state}"), Recorded, work)

    @activity.defn
    async def record_hold(self, message: RecordDecision) -> Recorded:
        """Memos are kept, reminders rest (APP-11, APP-15)."""

        async def work(connection: AsyncConnection) -> Recorded:
            await _move(
                connection,
                message,
                (ApplicationState.UNAPPROVED,),
                state=ApplicationState.ON_HOLD,
                held_at=message.at,
                **_memos(message),
            )
            resume = message.at + self._records.durations.application_hold_silence
            await self._show_undecided(connection, message, ApplicationState.ON_HOLD, resume)
            return self._recorded(ApplicationState.ON_HOLD, message.at, [resume], message.actor)

        return await self._records.once(fact_of(message, "application_put_on_hold"), Recorded, work)

    @activity.defn
    async def record_decision(self, message: RecordDecision) -> Recorded:
        """Approved or denied: the customer and its users, exactly once, and the mails of it (APP-12, APP-13)."""

        async def work(connection: AsyncConnection) -> Recorded:
            row = await _move(
                connection,
                message,
                _UNDECIDED,
                state=message.state,
                decided_at=message.at,
                decided_by=message.actor,
                **_memos(message),
            )
            customer_id: str | None = None
            user_ids: tuple[str, ...] = ()
            if message.state is ApplicationState.APPROVED:
                customer_id, user_ids = await create_customer(connection, row, message.at)
            tenant = await tenant_row(connection, message.identity.tenant_id)
            addresses = await outbox.notification_addresses(connection, tenant.tenant_id)
            await self._post(
                connection, message, [letters.result(row), *letters.decided(row, tenant.language, addresses)]
            )
            await self._show_end(connection, message, message.state)
            return Recorded(
                state=message.state,
                at=message.at,
                by=message.actor,
                customer_id=customer_id,
                user_ids=user_ids,
            )

        return await self._records.once(fact_of(message, f"application_{message.state}"), Recorded, work)

    @activity.defn
    async def record_application_reminder(self, message: RecordReminder) -> Recorded:
        """The tenant has not decided yet (APP-15).

        Nobody is reminded of an application that is decided.
        """

        async def work(connection: AsyncConnection) -> Recorded:
            row = await _row(connection, message)
            if row.state not in _UNDECIDED:
                return Recorded(state=row.state, at=message.at)
            tenant = await tenant_row(connection, message.identity.tenant_id)
            addresses = await outbox.notification_addresses(connection, tenant.tenant_id)
            await self._post(connection, message, letters.reminder(row, message.at, tenant.language, addresses))
            if message.upcoming:
                await self._show_undecided(connection, message, ApplicationState(row.state), message.upcoming[0].at)
            return Recorded(state=row.state, at=message.at)

        return await self._records.once(fact_of(message, "application_reminder"), Recorded, work)

    # Private steps.

    async def _link(self, connection: AsyncConnection, message: RecordSubmission, deadline: datetime) -> None:
        await links.issue(
            connection,
            self._records.link_key,
            NewLink(
                tenant_id=message.identity.tenant_id,
                link_id=message.submission.link_id,
                purpose=LinkPurpose.APPLICATION_CONFIRMATION,
                recipient=message.submission.form["company"]["mail_address"],
                subject=message.submission.application_number,
                procedure_id=message.identity.procedure_id,
                issued_at=message.at,
                deadline=deadline,
            ),
        )

    async def _post(self, connection: AsyncConnection, message: Step, mails: list[outbox.Letter]) -> None:
        posting = Posting(
            tenant_id=message.identity.tenant_id,
            procedure_id=message.identity.procedure_id,
            step=message.step,
            at=message.at,
        )
        await outbox.post(connection, posting, mails)

    def _recorded(
        self, state: ApplicationState, at: datetime, reminders: list[datetime], actor: str | None = None
    ) -> Recorded:
        every = int(self._records.durations.application_reminder_interval.total_seconds())
        return Recorded(state=state, at=at, reminders=tuple(reminders), remind_every_seconds=every, by=actor)

    async def _show_undecided(
        self, connection: AsyncConnection, message: Step, state: ApplicationState, reminder: datetime
    ) -> None:
        standing = Standing(state=state, waiting_for="staff", upcoming=[(reminder, "remind_staff")])
        await procedures.show(connection, message.identity.tenant_id, message.identity.procedure_id, standing)

    async def _show_end(self, connection: AsyncConnection, message: Step, state: ApplicationState) -> None:
        standing = Standing(state=state, ended_at=message.at)
        await procedures.show(connection, message.identity.tenant_id, message.identity.procedure_id, standing)


def _memos(message: RecordDecision) -> dict[str, str | None]:
    """Only those named: a memo stored before stays when a decision leaves it out, and goes when it is named empty."""
    command = message.command
    memos = {"memo1": command.memo1, "memo2": command.memo2, "memo3": command.memo3}
    return {name: memo or None for name, memo in memos.items() if memo is not None}


async def _insert(connection: AsyncConnection, message: RecordSubmission, confirm_by: datetime) -> None:
    submission = message.submission
    form = submission.form
    await connection.execute(
        insert(ServiceApplication).values(
            tenant_id=message.identity.tenant_id,
            application_number=submission.application_number,
            state=ApplicationState.AWAITING_CONFIRMATION,
            language=submission.language,
            company_name=form["company"]["company_name"],
            company=form["company"],
            utm_destinations=form["utm_destinations"],
            portal_users=form["portal_users"],
            extra=form["extra"],
            submitted_at=message.at,
            confirm_by=confirm_by,
            invitation_id=submission.invitation_id,
        )
    )


async def _use_personal_invitation(connection: AsyncConnection, message: RecordSubmission) -> None:
    submission = message.submission
    if submission.invitation_id is None:
        return
    taken = await connection.execute(
        update(PersonalInvitation)
        .where(
            PersonalInvitation.tenant_id == message.identity.tenant_id,
            PersonalInvitation.invitation_id == submission.invitation_id,
            PersonalInvitation.state.in_((InvitationState.SENT, InvitationState.OPENED)),
        )
        .values(state=InvitationState.APPLIED, application_number=submission.application_number)
    )
    if taken.rowcount != 1:
        raise LinkUsed
    link = await links.latest(connection, message.identity.tenant_id, submission.invitation_id)
    await links.use(connection, message.identity.tenant_id, link.link_id, message.at)


async def _row(connection: AsyncConnection, message: Step) -> Row[tuple[ServiceApplication]]:
    found = await connection.execute(
        select(ServiceApplication.__table__).where(
            ServiceApplication.tenant_id == message.identity.tenant_id,
            ServiceApplication.application_number == message.identity.subject,
        )
    )
    return found.one()


async def _move(
    connection: AsyncConnection, message: Step, allowed: tuple[ApplicationState, ...], **values: object
) -> Row[tuple[ServiceApplication]]:
    """Change the state if it is still an allowed one (the database is the second lock).

    Raises:
        WrongState: it is not.
    """
    moved = await connection.execute(
        update(ServiceApplication)
        .where(
            ServiceApplication.tenant_id == message.identity.tenant_id,
            ServiceApplication.application_number == message.identity.subject,
            ServiceApplication.state.in_(allowed),
        )
        .values(version=ServiceApplication.version + 1, **values)
        .returning(ServiceApplication.__table__)
    )
    row: Row[tuple[ServiceApplication]] | None = moved.first()
    if row is None:
        raise WrongState(state=(await _row(connection, message)).state)
    return row
