"""The rows of people who sign up: staff of a tenant and portal users of its customers, looked at alike."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from mail_templates.wording import person_name, recipient_name
from models.messages.signup_steps import (
    ChangeAddress,
    NewPortalUser,
    NewStaff,
    NewTenant,
    RecordRegistration,
    SignupStart,
    SignupStep,
)
from models.persons import end_sessions, ensure_person, expect_no_such_user, set_adrift, settle
from models.persons import lock as lock_person
from models.refusals import AlreadyExists, NotFound, PreconditionFailed, WrongState
from models.tables.customers import Customer
from models.tables.people import Person, PortalUser, StaffMember
from models.tables.tenants import Tenant
from models.vocabulary import Language, MemberKind, SignupState, TenantState


@dataclass(frozen=True, kw_only=True)
class Member:
    """Staff or portal user, as the signup's mails need them. Staff have no name before they have signed up."""

    member_id: str
    mail_address: str
    company_name: str
    last_name: str | None = None
    first_name: str | None = None

    def name(self, language: Language) -> str:
        full = person_name(self.last_name, self.first_name, language) if self.last_name and self.first_name else None
        return recipient_name(full, language)


async def create(connection: AsyncConnection, start: SignupStart, at: datetime) -> None:
    """Insert what the start brings along. A resend brings nothing.

    Raises:
        AlreadyExists: the address is taken within the tenant, or within the company; or the tenant's id is.
        NotFound: there is no such company.
    """
    tenant_id = start.identity.tenant_id
    if start.new_tenant is not None:
        await _create_tenant(connection, tenant_id, start.new_tenant, at)
    if start.new_staff is not None:
        await _create_staff(connection, start, start.new_staff, at)
    if start.new_portal_user is not None:
        await _create_portal_user(connection, start, start.new_portal_user, at)


async def find(connection: AsyncConnection, message: SignupStep) -> Member:
    """The member whose signup it is.

    Raises:
        NotFound: it has been deleted meanwhile.
    """
    found = await (_staff if message.member is MemberKind.STAFF else _portal_user)(connection, message)
    if found is None:
        raise NotFound
    return found


async def is_open(connection: AsyncConnection, message: SignupStep) -> bool:
    """Whether the signup still waits for the member.

    Raises:
        NotFound: the member has been deleted meanwhile.
    """
    table, mine = _rows_of(message)
    state = await connection.scalar(select(table.signup_state).where(*mine).with_for_update())
    if state is None:
        raise NotFound
    return state == SignupState.OPEN


async def set_state(
    connection: AsyncConnection, message: SignupStep, state: SignupState, *, expires_at: datetime | None = None
) -> None:
    """Raises: NotFound: the member has been deleted meanwhile."""
    values: dict[str, object] = {"signup_state": state}
    if expires_at is not None:
        values["signup_expires_at"] = expires_at
    table, mine = _rows_of(message)
    done = await connection.execute(update(table).where(*mine).values(values))
    if done.rowcount != 1:
        raise NotFound


async def move(connection: AsyncConnection, message: SignupStep, change: ChangeAddress) -> None:
    """Edit a portal user, address included.

    Raises:
        AlreadyExists: the company has a user of that address.
        PreconditionFailed: the user is no longer what the change was made for.
    """
    identity = message.identity
    mine = (PortalUser.tenant_id == identity.tenant_id, PortalUser.user_id == identity.subject)
    customer_id = await connection.scalar(select(PortalUser.customer_id).where(*mine))
    if customer_id is None:
        raise PreconditionFailed
    await expect_no_such_user(
        connection, identity.tenant_id, customer_id, change.mail_address, besides=identity.subject
    )
    values = {**change.profile, "mail_address": change.mail_address, "version": PortalUser.version + 1}
    moving = update(PortalUser).where(*mine).values(values)
    if change.version is not None:
        moving = moving.where(PortalUser.version == change.version)
    try:
        async with connection.begin_nested():
            done = await connection.execute(moving)
    except IntegrityError:
        raise AlreadyExists from None
    if done.rowcount != 1:
        raise PreconditionFailed


async def register(connection: AsyncConnection, message: RecordRegistration, member: Member) -> str:
    """Make the account, or join the one that the address has. Returns the person's id.

    Raises:
        WrongState: the signup is not open any more; or it is, and needs a password that was not asked for.
    """
    command = message.command
    person_id = await ensure_person(connection, member.mail_address, message.at)
    await _settle_password(connection, person_id, message)
    table, mine = _rows_of(message)
    values: dict[str, object] = {"signup_state": SignupState.REGISTERED, "person_id": person_id}
    if message.member is MemberKind.STAFF:
        values |= command.model_dump(include={"user_name", "company_name", "department", "phone_number", "remark"})
    done = await connection.execute(update(table).where(*mine, table.signup_state == SignupState.OPEN).values(values))
    if done.rowcount != 1:
        raise WrongState(state=SignupState.EXPIRED)
    await settle(connection, person_id)
    return person_id


async def _settle_password(connection: AsyncConnection, person_id: str, message: RecordRegistration) -> None:
    """Whoever has one keeps it (TEN-06), but for one that came by phone: the link proves the mailbox, and that not.

    Raises:
        WrongState: it has come by phone after the page was shown.
    """
    person = await lock_person(connection, person_id)
    if person is None or (person.password_hash is not None and not person.password_came_by_phone):
        return
    chosen = message.command.password_hash
    if chosen is None and person.password_came_by_phone:
        raise WrongState(state=SignupState.OPEN)
    values: dict[str, object] = {"password_hash": chosen, "password_came_by_phone": False}
    if person.password_came_by_phone:
        values["password_changed_at"] = message.at
        await end_sessions(connection, person_id)  # whoever had the phone's is not in the further tenant by it
    await connection.execute(update(Person).where(Person.person_id == person_id).values(values))


async def delete(connection: AsyncConnection, message: SignupStep) -> None:
    """What is left of a person who now belongs nowhere is the housekeeping's (CUS-05)."""
    table, mine = _rows_of(message)
    gone = await connection.execute(delete_from(table).where(*mine).returning(table.person_id))
    await set_adrift(connection, [person_id for person_id in gone.scalars() if person_id is not None], message.at)


def _rows_of(message: SignupStep) -> tuple[type[StaffMember] | type[PortalUser], list[ColumnElement[bool]]]:
    identity = message.identity
    if message.member is MemberKind.STAFF:
        return StaffMember, [StaffMember.tenant_id == identity.tenant_id, StaffMember.person_id == identity.subject]
    return PortalUser, [PortalUser.tenant_id == identity.tenant_id, PortalUser.user_id == identity.subject]


async def _staff(connection: AsyncConnection, message: SignupStep) -> Member | None:
    found = await connection.execute(
        select(StaffMember.mail_address, Tenant.name)
        .join(Tenant, Tenant.tenant_id == StaffMember.tenant_id)
        .where(StaffMember.tenant_id == message.identity.tenant_id, StaffMember.person_id == message.identity.subject)
    )
    row = found.first()
    if row is None:
        return None
    return Member(member_id=message.identity.subject, mail_address=row.mail_address, company_name=row.name)


async def _portal_user(connection: AsyncConnection, message: SignupStep) -> Member | None:
    same_customer = (Customer.tenant_id == PortalUser.tenant_id) & (Customer.customer_id == PortalUser.customer_id)
    found = await connection.execute(
        select(PortalUser.mail_address, PortalUser.last_name, PortalUser.first_name, Customer.company_name)
        .join(Customer, same_customer)
        .where(PortalUser.tenant_id == message.identity.tenant_id, PortalUser.user_id == message.identity.subject)
    )
    row = found.first()
    if row is None:
        return None
    return Member(member_id=message.identity.subject, **row._asdict())


async def _create_tenant(connection: AsyncConnection, tenant_id: str, new: NewTenant, at: datetime) -> None:
    row = {"tenant_id": tenant_id, "state": TenantState.ACTIVE, "created_at": at, **new.model_dump()}
    await _insert(connection, Tenant, row)


async def _create_staff(connection: AsyncConnection, start: SignupStart, new: NewStaff, at: datetime) -> None:
    row = {
        "tenant_id": start.identity.tenant_id,
        "person_id": start.identity.subject,
        "mail_address": new.mail_address,
        "signup_state": SignupState.OPEN,
        "created_at": at,
    }
    await _insert(connection, StaffMember, row)
    await settle(connection, start.identity.subject)


async def _create_portal_user(
    connection: AsyncConnection, start: SignupStart, new: NewPortalUser, at: datetime
) -> None:
    await _hold_customer(connection, start.identity.tenant_id, new.customer_id)
    await expect_no_such_user(connection, start.identity.tenant_id, new.customer_id, new.mail_address)
    row = {
        "tenant_id": start.identity.tenant_id,
        "user_id": start.identity.subject,
        "signup_state": SignupState.OPEN,
        "created_at": at,
        **new.model_dump(),
    }
    await _insert(connection, PortalUser, row)


async def _hold_customer(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """Keep the company from being deleted while somebody is added to it. Raises: NotFound: it has been."""
    found = await connection.execute(
        select(Customer.customer_id)
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id, Customer.deleted_at.is_(None))
        .with_for_update(read=True)
    )
    if found.first() is None:
        raise NotFound


async def _insert(
    connection: AsyncConnection, table: type[Tenant] | type[StaffMember] | type[PortalUser], row: dict[str, object]
) -> None:
    try:
        async with connection.begin_nested():
            await connection.execute(insert(table).values(row))
    except IntegrityError:
        raise AlreadyExists from None
