"""The steps of a tenant's notification addresses in the database, each one transaction (SET-06)."""

from datetime import datetime

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.records import Records, fact_of, tenant_row
from mail_templates.wording import moment
from models import audit, links, outbox, procedures
from models.audit import Fact
from models.identifiers import Draw
from models.links import NewLink
from models.messages.notification_address_steps import (
    AddressesChanged,
    AwaitConfirmation,
    RecordAddressChange,
    RecordAddressEnd,
)
from models.messages.procedure import Answer, Identity, Step
from models.outbox import Letter, Posting
from models.procedures import Beginning, Standing
from models.refusals import LinkWithdrawn, PreconditionFailed
from models.rules.notification_addresses import Slot, fingerprint, plan
from models.tables.tenants import NotificationAddress, Tenant
from models.vocabulary import AddressChangeState, Language, LinkPurpose, Mail, ProcedureKind

CHANGED = "changed"
"""The state of a change of the list, which is over as soon as it is recorded."""


class NotificationAddressActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_address_change(self, message: RecordAddressChange) -> AddressesChanged:
        """The list as sent: what stays, stays; what is new gets a mail with a link; what is gone, goes at once.

        Raises:
            PreconditionFailed: the list has changed since it was read.
        """

        async def work(connection: AsyncConnection) -> AddressesChanged:
            tenant_id, command = message.identity.tenant_id, message.command
            tenant = await tenant_row(connection, tenant_id, locked=True)
            current = await read_slots(connection, tenant_id)
            if command.expected is not None and command.expected != fingerprint(current):
                raise PreconditionFailed
            planned = plan(current, command.addresses)
            withdrawn = [await _withdraw(connection, message, address_id) for address_id in planned.withdrawn]
            begun, slots = [], []
            for slot in planned.slots:
                if slot.pending and not slot.address_id:
                    begun.append(await self._begin(connection, message, tenant, slot.pending))
                    slots.append(Slot(slot.verified, slot.pending, begun[-1].identity.subject))
                else:
                    slots.append(slot)
            await _write_slots(connection, tenant_id, slots)
            await procedures.begin(
                connection, _beginning(message.identity, message.at), Standing(state=CHANGED, ended_at=message.at)
            )
            return AddressesChanged(
                fingerprint=command.fingerprint, state=CHANGED, begun=tuple(begun), withdrawn=tuple(withdrawn)
            )

        return await self._records.once(fact_of(message, "notification_addresses_changed"), AddressesChanged, work)

    @activity.defn
    async def find_address_state(self, identity: Identity) -> AddressChangeState:
        """Whether it is still waited for."""
        async with self._records.database.transaction(identity.tenant_id) as connection:
            found = await connection.execute(select(NotificationAddress.slot).where(*_waiting(identity)))
            return AddressChangeState.PENDING if found.first() else AddressChangeState.WITHDRAWN

    @activity.defn
    async def record_address_confirmation(self, message: Step) -> Answer:
        """From now on the address is the one in use.

        Raises:
            LinkWithdrawn: another change was faster.
        """

        async def work(connection: AsyncConnection) -> Answer:
            await tenant_row(connection, message.identity.tenant_id, locked=True)
            confirmed = await connection.execute(
                update(NotificationAddress)
                .where(*_waiting(message.identity))
                .values(
                    mail_address=NotificationAddress.pending_mail_address, pending_mail_address=None, address_id=None
                )
            )
            if confirmed.rowcount != 1:
                raise LinkWithdrawn
            link = await links.latest(connection, message.identity.tenant_id, message.identity.subject)
            await links.use(connection, message.identity.tenant_id, link.link_id, message.at)
            await _show_end(connection, message.identity, AddressChangeState.VERIFIED, message.at)
            return Answer(state=AddressChangeState.VERIFIED)

        return await self._records.once(fact_of(message, "notification_address_verified"), Answer, work)

    @activity.defn
    async def record_address_end(self, message: RecordAddressEnd) -> Answer:
        """Expired, or ended by an operator: the old address, if there is one, stays in use.

        Raises:
            LinkWithdrawn: another change was faster.
        """

        async def work(connection: AsyncConnection) -> Answer:
            tenant_id = message.identity.tenant_id
            await tenant_row(connection, tenant_id, locked=True)
            ended = await connection.execute(
                update(NotificationAddress)
                .where(*_waiting(message.identity))
                .values(pending_mail_address=None, address_id=None)
            )
            if ended.rowcount != 1:
                raise LinkWithdrawn
            await _clear_empty_slots(connection, tenant_id)
            if message.state is AddressChangeState.WITHDRAWN:
                await links.withdraw(connection, tenant_id, message.identity.subject, message.at)
            await _show_end(connection, message.identity, message.state, message.at)
            return Answer(state=message.state)

        return await self._records.once(fact_of(message, f"notification_address_{message.state}"), Answer, work)

    # Private steps.

    async def _begin(
        self, connection: AsyncConnection, message: RecordAddressChange, tenant: Row[tuple[Tenant]], address: str
    ) -> AwaitConfirmation:
        identity = Identity.of(ProcedureKind.NOTIFICATION_ADDRESS, tenant.tenant_id, Draw().opaque_id())
        expires_at = message.at + self._records.durations.notification_address_confirmation
        link = NewLink(
            tenant_id=tenant.tenant_id,
            link_id=Draw().opaque_id(),
            purpose=LinkPurpose.NOTIFICATION_ADDRESS,
            recipient=address,
            subject=identity.subject,
            procedure_id=identity.procedure_id,
            issued_at=message.at,
            deadline=expires_at,
        )
        await links.issue(connection, self._records.link_key, link)
        posting = Posting(tenant_id=tenant.tenant_id, procedure_id=identity.procedure_id, step="begin", at=message.at)
        await outbox.post(connection, posting, [_letter(tenant, address, link)])
        standing = Standing(
            state=AddressChangeState.PENDING, waiting_for="address_holder", upcoming=[(expires_at, "expire")]
        )
        await procedures.begin(connection, _beginning(identity, message.at), standing)
        await audit.record(connection, _fact(message, identity, "notification_address_pending", step="begin"))
        return AwaitConfirmation(identity=identity, expires_at=expires_at)


async def read_slots(connection: AsyncConnection, tenant_id: str) -> list[Slot]:
    found = await connection.execute(
        select(
            NotificationAddress.mail_address, NotificationAddress.pending_mail_address, NotificationAddress.address_id
        )
        .where(NotificationAddress.tenant_id == tenant_id)
        .order_by(NotificationAddress.slot)
    )
    return [Slot(row.mail_address, row.pending_mail_address, row.address_id) for row in found]


async def _write_slots(connection: AsyncConnection, tenant_id: str, slots: list[Slot]) -> None:
    """All of them anew."""
    rows = [
        {
            "tenant_id": tenant_id,
            "slot": number,
            "mail_address": slot.verified,
            "pending_mail_address": slot.pending,
            "address_id": slot.address_id,
        }
        for number, slot in enumerate(slots)
    ]
    await connection.execute(delete(NotificationAddress).where(NotificationAddress.tenant_id == tenant_id))
    if rows:
        await connection.execute(insert(NotificationAddress), rows)


async def _clear_empty_slots(connection: AsyncConnection, tenant_id: str) -> None:
    await connection.execute(
        delete(NotificationAddress).where(
            NotificationAddress.tenant_id == tenant_id,
            NotificationAddress.mail_address.is_(None),
            NotificationAddress.pending_mail_address.is_(None),
        )
    )


async def _withdraw(connection: AsyncConnection, message: RecordAddressChange, address_id: str) -> Identity:
    """The newer list wins: link and unsent mail of the older one are dead at once."""
    tenant_id = message.identity.tenant_id
    identity = Identity.of(ProcedureKind.NOTIFICATION_ADDRESS, tenant_id, address_id)
    await links.withdraw(connection, tenant_id, address_id, message.at)
    await outbox.withdraw(connection, tenant_id, identity.procedure_id)
    await _show_end(connection, identity, AddressChangeState.WITHDRAWN, message.at)
    await audit.record(connection, _fact(message, identity, "notification_address_withdrawn", step="end"))
    return identity


def _waiting(identity: Identity) -> tuple[ColumnElement[bool], ...]:
    return (
        NotificationAddress.tenant_id == identity.tenant_id,
        NotificationAddress.address_id == identity.subject,
        NotificationAddress.pending_mail_address.is_not(None),
    )


async def _show_end(connection: AsyncConnection, identity: Identity, state: AddressChangeState, at: datetime) -> None:
    standing = Standing(state=state, ended_at=at)
    await procedures.show(connection, identity.tenant_id, identity.procedure_id, standing)


def _beginning(identity: Identity, at: datetime) -> Beginning:
    return Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=identity.kind,
        subject=identity.subject,
        started_at=at,
    )


def _fact(message: RecordAddressChange, identity: Identity, what: str, *, step: str) -> Fact:
    """What a change of the list does to the procedure of one address."""
    return fact_of(message.model_copy(update={"identity": identity, "step": step}), what)


def _letter(tenant: Row[tuple[Tenant]], address: str, link: NewLink) -> Letter:
    language = Language(tenant.language)
    deadline = moment(link.deadline, tenant.time_zone, language) if link.deadline else ""
    return Letter(
        mail=Mail.NOTIFICATION_ADDRESS_CONFIRMATION,
        recipient=address,
        language=language,
        link_id=link.link_id,
        values={"MailAddress": address, "Deadline": deadline},
    )
