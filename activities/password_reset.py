"""The password reset's steps in the database, each one transaction."""

from datetime import datetime

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.records import Records, fact_of, tenant_row
from mail_templates.wording import moment, person_name, recipient_name
from models import links, outbox, persons, procedures, sign_in_tries
from models.database import Database
from models.identifiers import Draw
from models.links import NewLink
from models.messages.password_reset_steps import (
    RecordResetClose,
    RecordResetCompletion,
    RecordResetRequest,
    Requested,
    ResetStart,
)
from models.messages.procedure import Answer, Identity
from models.outbox import Letter, Posting
from models.procedures import Beginning, Standing
from models.refusals import LinkUsed, LinkWithdrawn, NotFound
from models.tables.people import PasswordReset, Person, PortalUser, StaffMember
from models.vocabulary import Language, LinkPurpose, Mail, ResetChannel, ResetState


class PasswordResetActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_reset_request(self, message: RecordResetRequest) -> Requested:
        """A link by mail or a code by SMS, good for one use within the hour.

        Raises:
            NotFound: the account, or the mobile number, has gone since it was asked for.
        """
        expires_at = message.at + self._records.durations.password_reset

        async def work(connection: AsyncConnection) -> Requested:
            identity = message.identity
            letter = await self._letter(connection, message, expires_at)
            await connection.execute(
                insert(PasswordReset).values(
                    tenant_id=identity.tenant_id,
                    reset_id=identity.subject,
                    person_id=message.start.person_id,
                    channel=message.start.channel,
                    requested_at=message.at,
                    expires_at=expires_at,
                )
            )
            posting = Posting(
                tenant_id=identity.tenant_id, procedure_id=identity.procedure_id, step=message.step, at=message.at
            )
            await outbox.post(connection, posting, [letter])
            await procedures.begin(connection, _beginning(identity, message.at), _waiting(expires_at))
            return Requested(state=ResetState.REQUESTED, expires_at=expires_at)

        return await self._records.once(fact_of(message, "password_reset_requested"), Requested, work)

    @activity.defn
    async def record_reset_completion(self, message: RecordResetCompletion) -> Answer:
        """The new password; sessions and lock end, and every reset that was asked for before (AUT-02, AUT-04).

        Raises:
            LinkUsed: it has been completed. LinkWithdrawn: the password has been changed since it was asked for, or a
                code was, and the person has become more than a portal user of the tenant that entered the number.
        """

        async def work(connection: AsyncConnection) -> Answer:
            identity, link_id = message.identity, message.command.link_id
            reset = await _use(connection, identity, message.at)
            person_id, by_phone = reset.person_id, reset.channel == ResetChannel.SMS
            if by_phone:
                await _refuse_unless_phone_suffices(connection, identity.tenant_id, person_id)
            mail_address = await _set_password(connection, person_id, message, by_phone=by_phone)
            await persons.end_sessions(connection, person_id)
            digest = sign_in_tries.address_digest(self._records.link_key.key, mail_address)
            await sign_in_tries.end_lock(connection, digest)
            if link_id is not None:
                await links.use(connection, identity.tenant_id, link_id, message.at)
            standing = Standing(state=ResetState.COMPLETED, ended_at=message.at)
            await procedures.show(connection, identity.tenant_id, identity.procedure_id, standing)
            return Answer(state=ResetState.COMPLETED)

        return await self._records.once(fact_of(message, "password_reset_completed"), Answer, work)

    @activity.defn
    async def record_reset_close(self, message: RecordResetClose) -> Answer:
        """Nobody came in time, or an operator ended it: link and code are dead."""

        async def work(connection: AsyncConnection) -> Answer:
            identity = message.identity
            if message.state is ResetState.ENDED:
                await links.withdraw(connection, identity.tenant_id, identity.subject, message.at)
            standing = Standing(state=message.state, ended_at=message.at)
            await procedures.show(connection, identity.tenant_id, identity.procedure_id, standing)
            return Answer(state=message.state)

        return await self._records.once(fact_of(message, f"password_reset_{message.state}"), Answer, work)

    async def _letter(self, connection: AsyncConnection, message: RecordResetRequest, expires_at: datetime) -> Letter:
        tenant = await tenant_row(connection, message.identity.tenant_id)
        language = Language(tenant.language)
        values = {"Deadline": moment(expires_at, tenant.time_zone, language)}
        if message.start.channel is ResetChannel.SMS:
            values["reset_id"] = message.identity.subject  # what the code is made of, when the SMS is
            number = await _mobile_number(connection, message.start)
            return Letter(mail=Mail.PASSWORD_RESET_SMS, recipient=number, language=language, values=values)
        address = await _mail_address(connection, message.start.person_id)
        link_id = await self._link(connection, message, address, expires_at)
        values["UserName"] = recipient_name(await _name(connection, message.start, language), language)
        return Letter(
            mail=Mail.PASSWORD_RESET_MAIL, recipient=address, language=language, values=values, link_id=link_id
        )

    async def _link(
        self, connection: AsyncConnection, message: RecordResetRequest, address: str, expires_at: datetime
    ) -> str:
        link = NewLink(
            tenant_id=message.identity.tenant_id,
            link_id=Draw().opaque_id(),
            purpose=LinkPurpose.PASSWORD_RESET,
            recipient=address,
            subject=message.identity.subject,
            procedure_id=message.identity.procedure_id,
            issued_at=message.at,
            deadline=expires_at,
        )
        await links.issue(connection, self._records.link_key, link)
        return link.link_id


async def _use(connection: AsyncConnection, identity: Identity, at: datetime) -> Row[str, str]:
    """Whose reset it is and how they are asked, now used. Raises: LinkUsed."""
    used = await connection.execute(
        update(PasswordReset)
        .where(
            PasswordReset.tenant_id == identity.tenant_id,
            PasswordReset.reset_id == identity.subject,
            PasswordReset.used_at.is_(None),
        )
        .values(used_at=at)
        .returning(PasswordReset.person_id, PasswordReset.channel)
    )
    reset = used.first()
    if reset is None:
        raise LinkUsed
    return reset


async def _refuse_unless_phone_suffices(connection: AsyncConnection, tenant_id: str, person_id: str) -> None:
    """Raises: LinkWithdrawn."""
    # Locked first, as a registration does: who joins at the same moment is seen here, or sees what is set here.
    await persons.lock(connection, person_id)
    await Database.go_on_as(connection, person_id=person_id)
    belongs = await persons.memberships(connection, person_id)
    await Database.go_on_as(connection, tenant_id)
    if not belongs.takes_codes_of(tenant_id):
        raise LinkWithdrawn


async def _set_password(
    connection: AsyncConnection, person_id: str, message: RecordResetCompletion, *, by_phone: bool
) -> str:
    """Returns the person's address. Raises: LinkWithdrawn."""
    requested_at = (
        select(PasswordReset.requested_at)
        .where(
            PasswordReset.tenant_id == message.identity.tenant_id,
            PasswordReset.reset_id == message.identity.subject,
        )
        .scalar_subquery()
    )
    changed = await connection.execute(
        update(Person)
        .where(
            Person.person_id == person_id,
            or_(Person.password_changed_at.is_(None), Person.password_changed_at <= requested_at),
        )
        .values(
            password_hash=message.command.password_hash,
            password_changed_at=message.at,
            password_came_by_phone=by_phone,
        )
        .returning(Person.mail_address)
    )
    mail_address = changed.scalar_one_or_none()
    if mail_address is None:
        raise LinkWithdrawn
    return mail_address


async def _mail_address(connection: AsyncConnection, person_id: str | None) -> str:
    """Raises: NotFound: the account has been erased."""
    address: str | None = await connection.scalar(select(Person.mail_address).where(Person.person_id == person_id))
    if address is None:
        raise NotFound
    return address


async def _mobile_number(connection: AsyncConnection, start: ResetStart) -> str:
    """Raises: NotFound: the portal user has been deleted, or has no number any more."""
    number: str | None = await connection.scalar(
        select(PortalUser.mobile_number).where(
            PortalUser.tenant_id == start.identity.tenant_id, PortalUser.user_id == start.user_id
        )
    )
    if not number:
        raise NotFound
    return number


async def _name(connection: AsyncConnection, start: ResetStart, language: Language) -> str | None:
    """What the tenant knows the person by."""
    tenant_id = start.identity.tenant_id
    staff = await connection.execute(
        select(StaffMember.user_name).where(
            StaffMember.tenant_id == tenant_id, StaffMember.person_id == start.person_id
        )
    )
    if name := staff.scalar_one_or_none():
        return name
    user = await connection.execute(
        select(PortalUser.last_name, PortalUser.first_name)
        .where(PortalUser.tenant_id == tenant_id, PortalUser.person_id == start.person_id)
        .limit(1)
    )
    row = user.first()
    return person_name(row.last_name, row.first_name, language) if row else None


def _beginning(identity: Identity, at: datetime) -> Beginning:
    return Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=identity.kind,
        subject=identity.subject,
        started_at=at,
    )


def _waiting(expires_at: datetime) -> Standing:
    return Standing(state=ResetState.REQUESTED, waiting_for="person", upcoming=[(expires_at, "expire")])
