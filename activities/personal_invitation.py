"""The personal invitation's steps in the database, each one transaction (APP-18)."""

from datetime import datetime

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.records import Records, fact_of, tenant_row
from mail_templates.wording import moment, recipient_name
from models import links, outbox, procedures
from models.identifiers import Draw
from models.links import NewLink
from models.messages.personal_invitation_steps import NewInvitation, RecordInvitationEnd, RecordSending, Sent
from models.messages.procedure import Answer, Identity, Step
from models.outbox import Letter, Posting
from models.procedures import Beginning, Standing
from models.refusals import NotFound, WrongState
from models.tables.applications import PersonalInvitation
from models.tables.tenants import Tenant
from models.vocabulary import InvitationState, Language, LinkPurpose, Mail

OPEN = (InvitationState.SENT, InvitationState.OPENED)


class PersonalInvitationActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_invitation_sending(self, message: RecordSending) -> Sent:
        """A fresh link with fresh days, mailed; every older link is dead.

        Raises:
            WrongState: it has been answered or withdrawn.
        """

        async def work(connection: AsyncConnection) -> Sent:
            tenant_id = message.identity.tenant_id
            tenant = await tenant_row(connection, tenant_id)
            expires_at = message.at + self._records.durations.personal_invitation
            if message.new is not None:
                await _insert(connection, message, message.new, expires_at)
            row = await _move(
                connection,
                message,
                (*OPEN, InvitationState.EXPIRED),
                state=InvitationState.SENT,
                expires_at=expires_at,
            )
            await links.withdraw(connection, tenant_id, row.invitation_id, message.at)
            await outbox.withdraw(connection, tenant_id, message.identity.procedure_id)
            await self._mail(connection, message, row, tenant=tenant)
            await procedures.begin(connection, _beginning(message), _standing(InvitationState.SENT, expires_at))
            return Sent(state=InvitationState.SENT, expires_at=expires_at)

        what = "invitation_sent" if message.new is not None else "invitation_resent"
        return await self._records.once(fact_of(message, what), Sent, work)

    @activity.defn
    async def record_invitation_opened(self, message: Step) -> Answer:
        """The person has begun to fill in the form.

        Raises:
            WrongState: it was noted before, or the invitation is over.
        """

        async def work(connection: AsyncConnection) -> Answer:
            row = await _move(connection, message, (InvitationState.SENT,), state=InvitationState.OPENED)
            await _show(connection, message.identity, _standing(InvitationState.OPENED, row.expires_at))
            return Answer(state=InvitationState.OPENED)

        return await self._records.once(fact_of(message, "invitation_opened"), Answer, work)

    @activity.defn
    async def find_invitation_state(self, identity: Identity) -> InvitationState:
        """How the invitation stands: the application that answers it says so in its own transaction."""
        async with self._records.database.transaction(identity.tenant_id) as connection:
            return InvitationState((await _row(connection, identity)).state)

    @activity.defn
    async def record_invitation_end(self, message: RecordInvitationEnd) -> Answer:
        """Answered, expired, withdrawn: the link opens nothing any more.

        Raises:
            WrongState: it ended otherwise before.
        """

        async def work(connection: AsyncConnection) -> Answer:
            tenant_id = message.identity.tenant_id
            answered = message.state is InvitationState.APPLIED
            await _move(connection, message, (InvitationState.APPLIED,) if answered else OPEN, state=message.state)
            if message.state is InvitationState.WITHDRAWN:
                await links.withdraw(connection, tenant_id, message.identity.subject, message.at)
            await outbox.withdraw(connection, tenant_id, message.identity.procedure_id)
            await _show(connection, message.identity, Standing(state=message.state, ended_at=message.at))
            return Answer(state=message.state)

        return await self._records.once(fact_of(message, f"invitation_{message.state}"), Answer, work)

    # Private steps.

    async def _mail(
        self,
        connection: AsyncConnection,
        message: RecordSending,
        row: Row[tuple[PersonalInvitation]],
        *,
        tenant: Row[tuple[Tenant]],
    ) -> None:
        identity = message.identity
        link = NewLink(
            tenant_id=identity.tenant_id,
            link_id=Draw().opaque_id(),
            purpose=LinkPurpose.PERSONAL_INVITATION,
            recipient=row.mail_address,
            subject=row.invitation_id,
            procedure_id=identity.procedure_id,
            issued_at=message.at,
            deadline=row.expires_at,
        )
        await links.issue(connection, self._records.link_key, link)
        language = Language(tenant.language)
        letter = Letter(
            mail=Mail.PERSONAL_INVITATION,
            recipient=row.mail_address,
            language=language,
            link_id=link.link_id,
            values={
                "RecipientName": recipient_name(row.name, language),
                "Deadline": moment(row.expires_at, tenant.time_zone, language),
            },
        )
        posting = Posting(
            tenant_id=identity.tenant_id, procedure_id=identity.procedure_id, step=message.step, at=message.at
        )
        await outbox.post(connection, posting, [letter])


async def _insert(
    connection: AsyncConnection, message: RecordSending, new: NewInvitation, expires_at: datetime
) -> None:
    await connection.execute(
        insert(PersonalInvitation).values(
            tenant_id=message.identity.tenant_id,
            invitation_id=message.identity.subject,
            mail_address=new.mail_address,
            name=new.name,
            state=InvitationState.SENT,
            expires_at=expires_at,
            created_at=message.at,
            created_by=message.actor,
        )
    )


async def _row(connection: AsyncConnection, identity: Identity) -> Row[tuple[PersonalInvitation]]:
    found = await connection.execute(
        select(PersonalInvitation.__table__).where(
            PersonalInvitation.tenant_id == identity.tenant_id, PersonalInvitation.invitation_id == identity.subject
        )
    )
    row: Row[tuple[PersonalInvitation]] | None = found.first()
    if row is None:
        raise NotFound
    return row


async def _move(
    connection: AsyncConnection, message: Step, allowed: tuple[InvitationState, ...], **values: object
) -> Row[tuple[PersonalInvitation]]:
    """Raises: WrongState: the state is none of those allowed."""
    moved = await connection.execute(
        update(PersonalInvitation)
        .where(
            PersonalInvitation.tenant_id == message.identity.tenant_id,
            PersonalInvitation.invitation_id == message.identity.subject,
            PersonalInvitation.state.in_(allowed),
        )
        .values(**values)
        .returning(PersonalInvitation.__table__)
    )
    row: Row[tuple[PersonalInvitation]] | None = moved.first()
    if row is None:
        raise WrongState(state=(await _row(connection, message.identity)).state)
    return row


async def _show(connection: AsyncConnection, identity: Identity, standing: Standing) -> None:
    await procedures.show(connection, identity.tenant_id, identity.procedure_id, standing)


def _standing(state: InvitationState, expires_at: datetime) -> Standing:
    return Standing(state=state, waiting_for="invited_person", upcoming=[(expires_at, "expire")])


def _beginning(message: Step) -> Beginning:
    identity = message.identity
    return Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=identity.kind,
        subject=identity.subject,
        started_at=message.at,
    )
