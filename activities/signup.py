"""The signup's steps in the database, each one transaction."""

from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import members
from activities.members import Member
from activities.records import Records, fact_of, tenant_row
from mail_templates.wording import moment
from models import links, outbox, procedures
from models.identifiers import Draw
from models.links import NewLink
from models.messages.signup_steps import (
    Closed,
    Opened,
    RecordOpening,
    RecordRegistration,
    RecordSignupReminder,
    SignupStep,
)
from models.outbox import Letter, Posting
from models.procedures import Beginning, Standing
from models.rules.signup_dates import signup_reminders
from models.tables.tenants import Tenant
from models.vocabulary import Language, LinkPurpose, Mail, MemberKind, ProcedureKind, SignupState

_PURPOSES = {
    MemberKind.STAFF: LinkPurpose.STAFF_SIGNUP,
    MemberKind.PORTAL_USER: LinkPurpose.PORTAL_USER_SIGNUP,
}
_MAILS = {MemberKind.STAFF: Mail.STAFF_SIGNUP, MemberKind.PORTAL_USER: Mail.PORTAL_USER_SIGNUP}


class SignupActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_signup_opening(self, message: RecordOpening) -> Opened:
        """A fresh link with fresh days, mailed; every older link is dead (TEN-04).

        Makes what the start asks for: the tenant with its invitation, its staff member, or the portal user.

        Raises:
            AlreadyExists: the address is staff of the tenant, or a user of the company, already.
            NotFound: the company of a new portal user, or the member itself, has been deleted.
            PreconditionFailed: the user has been edited since whoever moves it has read it.
        """

        async def work(connection: AsyncConnection) -> Opened:
            await members.create(connection, message.start, message.at)
            if message.start.new_tenant is not None:
                await links.issue(
                    connection, self._records.link_key, links.invitation(message.identity.tenant_id, message.at)
                )
            if message.change is not None:
                await members.move(connection, message, message.change)
            member = await members.find(connection, message)
            tenant = await tenant_row(connection, message.identity.tenant_id)
            expires_at = message.at + self._records.durations.signup
            await members.set_state(connection, message, SignupState.OPEN, expires_at=expires_at)
            # What lies undelivered has a dead link, and would only hold up the new mail.
            await outbox.withdraw(connection, message.identity.tenant_id, message.identity.procedure_id)
            link_id = await self._fresh_link(connection, message, member, expires_at)
            await self._post(connection, message, _letter(_MAILS[message.member], member, tenant, link_id, expires_at))
            reminders = self._reminders(message.member, expires_at)
            coming = [(at, "remind_person") for at in reminders if at > message.at]
            await procedures.begin(connection, _beginning(message), _open([*coming, (expires_at, "expire")]))
            return Opened(
                fingerprint=message.start.fingerprint,
                state=SignupState.OPEN,
                expires_at=expires_at,
                reminders=reminders,
                link_id=link_id,
                member_id=message.identity.subject,
                command_id=message.start.command_id,
            )

        return await self._records.once(fact_of(message, "signup_opened"), Opened, work)

    @activity.defn
    async def record_signup_reminder(self, message: RecordSignupReminder) -> Closed:
        """The same link once more (USR-03), and the row names what comes now (GEN-04).

        Whoever has registered meanwhile is not reminded.
        """

        async def work(connection: AsyncConnection) -> Closed:
            if not await members.is_open(connection, message):
                return Closed(state=SignupState.OPEN, at=message.at)
            member = await members.find(connection, message)
            tenant = await tenant_row(connection, message.identity.tenant_id)
            link = await links.latest(connection, message.identity.tenant_id, message.identity.subject)
            letter = _letter(Mail.SIGNUP_REMINDER, member, tenant, link.link_id, link.deadline)
            await self._post(connection, message, letter)
            if message.upcoming:  # a workflow of older code names nothing
                identity, coming = message.identity, [(one.at, one.what) for one in message.upcoming]
                await procedures.show(connection, identity.tenant_id, identity.procedure_id, _open(coming))
            return Closed(state=SignupState.OPEN, at=message.at)

        return await self._records.once(fact_of(message, "signup_reminder"), Closed, work)

    @activity.defn
    async def record_signup_registration(self, message: RecordRegistration) -> Closed:
        """The person has an account, or joins with the one they have (TEN-06).

        Raises:
            WrongState: the signup is no longer open.
        """

        async def work(connection: AsyncConnection) -> Closed:
            member = await members.find(connection, message)
            person_id = await members.register(connection, message, member)
            await links.use(connection, message.identity.tenant_id, message.command.link_id, message.at)
            await self._show_end(connection, message, SignupState.REGISTERED)
            return Closed(state=SignupState.REGISTERED, at=message.at, person_id=person_id)

        return await self._records.once(fact_of(message, "signup_registered"), Closed, work)

    @activity.defn
    async def record_signup_expiry(self, message: SignupStep) -> Closed:
        """Nobody came in time; the link is dead (TEN-04).

        A signup that is no longer open stays as it is.
        """

        async def work(connection: AsyncConnection) -> Closed:
            if await members.is_open(connection, message):
                await members.set_state(connection, message, SignupState.EXPIRED)
                await self._show_end(connection, message, SignupState.EXPIRED)
            return Closed(state=SignupState.EXPIRED, at=message.at)

        return await self._records.once(fact_of(message, "signup_expired"), Closed, work)

    @activity.defn
    async def record_signup_deletion(self, message: SignupStep) -> Closed:
        """The user is gone, with the link and what mails were still to go (USR-05)."""

        async def work(connection: AsyncConnection) -> Closed:
            await members.delete(connection, message)
            return await self._cut_short(connection, message, SignupState.DELETED)

        return await self._records.once(fact_of(message, "signup_deleted"), Closed, work)

    @activity.defn
    async def record_signup_end(self, message: SignupStep) -> Closed:
        """An operator has ended it; staff can resend it, as if it had expired."""

        async def work(connection: AsyncConnection) -> Closed:
            await members.set_state(connection, message, SignupState.ENDED)
            return await self._cut_short(connection, message, SignupState.ENDED)

        return await self._records.once(fact_of(message, "signup_ended"), Closed, work)

    # Private steps.

    async def _cut_short(self, connection: AsyncConnection, message: SignupStep, state: SignupState) -> Closed:
        identity = message.identity
        await links.withdraw(connection, identity.tenant_id, identity.subject, message.at)
        await outbox.withdraw(connection, identity.tenant_id, identity.procedure_id)
        await self._show_end(connection, message, state)
        return Closed(state=state, at=message.at)

    async def _fresh_link(
        self, connection: AsyncConnection, message: SignupStep, member: Member, expires_at: datetime
    ) -> str:
        identity = message.identity
        await links.withdraw(connection, identity.tenant_id, identity.subject, message.at)
        link = NewLink(
            tenant_id=identity.tenant_id,
            link_id=Draw().opaque_id(),
            purpose=_PURPOSES[message.member],
            recipient=member.mail_address,
            subject=identity.subject,
            procedure_id=identity.procedure_id,
            issued_at=message.at,
            deadline=expires_at,
        )
        await links.issue(connection, self._records.link_key, link)
        return link.link_id

    async def _post(self, connection: AsyncConnection, message: SignupStep, letter: Letter) -> None:
        identity = message.identity
        posting = Posting(
            tenant_id=identity.tenant_id, procedure_id=identity.procedure_id, step=message.step, at=message.at
        )
        await outbox.post(connection, posting, [letter])

    async def _show_end(self, connection: AsyncConnection, message: SignupStep, state: SignupState) -> None:
        standing = Standing(state=state, ended_at=message.at)
        await procedures.show(connection, message.identity.tenant_id, message.identity.procedure_id, standing)

    def _reminders(self, member: MemberKind, expires_at: datetime) -> tuple[datetime, ...]:
        if member is MemberKind.STAFF:
            return ()
        return signup_reminders(expires_at, self._records.durations.signup_reminders_before_end)


def _letter(mail: Mail, member: Member, tenant: Row[tuple[Tenant]], link_id: str, deadline: datetime | None) -> Letter:
    language = Language(tenant.language)
    values = {"Deadline": moment(deadline, tenant.time_zone, language)} if deadline else {}
    values |= {"CompanyName": member.company_name, "UserID": member.member_id, "UserName": member.name(language)}
    return Letter(mail=mail, recipient=member.mail_address, language=language, link_id=link_id, values=values)


def _open(upcoming: list[tuple[datetime, str]]) -> Standing:
    return Standing(state=SignupState.OPEN, waiting_for="person", upcoming=upcoming)


def _beginning(message: SignupStep) -> Beginning:
    identity = message.identity
    return Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=ProcedureKind.SIGNUP,
        subject=identity.subject,
        customer_id=identity.customer_id,
        started_at=message.at,
    )
