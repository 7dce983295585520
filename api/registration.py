"""Registering by a signup link, for the pages behind it: staff and portal users (TEN-03…06, USR-03)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.commands import ProcedureGoneError
from api.context import Context
from api.input_errors import field_errors
from models import links
from models.common_passwords import common_passwords
from models.messages.procedure import Identity
from models.messages.registration import StaffProfile
from models.messages.signup_steps import Register
from models.refusals import FieldError, InvalidInput, LinkExpired, LinkWithdrawn, NotFound, WrongState
from models.rules.passwords import password_errors
from models.tables.customers import Customer
from models.tables.people import Person, PortalUser, StaffMember
from models.tables.procedures import Link
from models.tables.tenants import Tenant
from models.vocabulary import LinkPurpose, MemberKind, ProcedureKind, SignupState
from workflows.signup import Signup

_MEMBERS = {LinkPurpose.STAFF_SIGNUP: MemberKind.STAFF, LinkPurpose.PORTAL_USER_SIGNUP: MemberKind.PORTAL_USER}


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A signup that is open, as its page shows it. `company_name` and the names are a portal user's."""

    tenant_id: str
    tenant_name: str
    time_zone: str
    language: str
    link_id: str
    member: MemberKind
    member_id: str
    mail_address: str
    has_password: bool
    """The address has an account: its person joins with it and chooses no new password (TEN-06).

    Not with one that was set by a code to a phone: a tenant had entered the number.
    """
    deadline: datetime
    state: SignupState
    company_name: str | None = None
    last_name: str | None = None
    first_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entries:
    """What was entered, checked.

    The password is absent when an existing person joins. The profile is absent for portal users, and for such a person.
    """

    password: str | None
    profile: StaffProfile | None


async def registration_of(context: Context, token: str) -> Registration:
    """What the page behind the link shows.

    Raises:
        NotFound: no such link, or one for another purpose. LinkUsed, LinkExpired, LinkWithdrawn.
    """
    tenant_id = links.tenant_of(token)
    if tenant_id is None:
        raise NotFound
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        link = await links.find(connection, token)
        if link is None or link.purpose not in _MEMBERS:
            raise NotFound
        links.refuse_dead(link, now)
        registration = await _registration(connection, link)
    if registration.state == SignupState.EXPIRED:  # where the procedure's clock is ahead of ours, as in the demo
        raise LinkExpired
    return registration


async def check(context: Context, token: str, fields: Mapping[str, str]) -> tuple[Registration, Entries]:
    """What the confirmation step shows: the entries, if they are right.

    `fields` are the form's; those that the registration does not know are left alone.

    Raises:
        InvalidInput: names every wrong field. And what `registration_of` raises.
    """
    registration = await registration_of(context, token)
    errors: list[FieldError] = []
    password = None if registration.has_password else _password(fields, registration.mail_address, errors)
    accepts = registration.has_password and not any(fields.get(name, "").strip() for name in StaffProfile.model_fields)
    profile = None if accepts or registration.member is not MemberKind.STAFF else _profile(fields, errors)
    if errors:
        raise InvalidInput(errors=errors)
    return registration, Entries(password=password, profile=profile)


async def register(context: Context, token: str, fields: Mapping[str, str]) -> Registration:
    """Complete the signup. Pressed twice it is done once, and answered alike.

    Raises:
        InvalidInput, LinkUsed, LinkExpired, LinkWithdrawn, NotFound: as `check`.
        NotDoneYetError: accepted, not recorded yet. Unavailable: nothing was taken.
    """
    registration, entries = await check(context, token, fields)
    identity = Identity.of(ProcedureKind.SIGNUP, registration.tenant_id, registration.member_id)
    command = Register(
        command_id=registration.link_id,
        actor=f"{registration.member}:{registration.member_id}",
        link_id=registration.link_id,
        password_hash=await context.passwords.hash(entries.password) if entries.password else None,
        **(
            entries.profile.model_dump() if entries.profile else {"user_name": await _known_name(context, registration)}
        ),
    )
    try:
        await context.commands.send(identity, Signup.register, command)
    except ProcedureGoneError:
        # It ended between the look and the command; the link says how.
        ended = await registration_of(context, token)
        raise WrongState(state=ended.state) from None
    return registration


async def _known_name(context: Context, registration: Registration) -> str | None:
    """The name under which somebody who only accepts is a portal user in this very tenant; none where they are not.

    What another tenant has written down about the same person is that tenant's (GEN-05). Portal users have theirs.
    """
    if registration.member is not MemberKind.STAFF:
        return None
    async with context.database.transaction(registration.tenant_id) as connection:
        found = await connection.execute(
            select(PortalUser.last_name, PortalUser.first_name)
            .where(
                PortalUser.tenant_id == registration.tenant_id,
                PortalUser.person_id == registration.member_id,
                PortalUser.signup_state == SignupState.REGISTERED,
            )
            .order_by(PortalUser.created_at, PortalUser.user_id)
            .limit(1)
        )
        user = found.first()
    return f"{user.last_name}\u3000{user.first_name}" if user else None


async def _registration(connection: AsyncConnection, link: Row[tuple[Link]]) -> Registration:
    tenant = (await connection.execute(select(Tenant.__table__).where(Tenant.tenant_id == link.tenant_id))).one()
    kind = _MEMBERS[LinkPurpose(link.purpose)]
    member = await (_staff if kind is MemberKind.STAFF else _portal_user)(connection, link)
    if member is None:
        raise LinkWithdrawn
    return Registration(
        tenant_id=link.tenant_id,
        tenant_name=tenant.name,
        time_zone=tenant.time_zone,
        language=tenant.language,
        link_id=link.link_id,
        member=kind,
        member_id=link.subject,
        deadline=link.deadline,
        has_password=await _has_password(connection, member.mail_address),
        **member._asdict(),
    )


async def _staff(connection: AsyncConnection, link: Row[tuple[Link]]) -> Row[str, str] | None:
    found = await connection.execute(
        select(StaffMember.mail_address, StaffMember.signup_state.label("state")).where(
            StaffMember.tenant_id == link.tenant_id, StaffMember.person_id == link.subject
        )
    )
    return found.first()


async def _portal_user(connection: AsyncConnection, link: Row[tuple[Link]]) -> Row[str, str, str, str, str] | None:
    same_customer = (Customer.tenant_id == PortalUser.tenant_id) & (Customer.customer_id == PortalUser.customer_id)
    found = await connection.execute(
        select(
            PortalUser.mail_address,
            PortalUser.signup_state.label("state"),
            PortalUser.last_name,
            PortalUser.first_name,
            Customer.company_name,
        )
        .join(Customer, same_customer)
        .where(PortalUser.tenant_id == link.tenant_id, PortalUser.user_id == link.subject)
    )
    return found.first()


async def _has_password(connection: AsyncConnection, mail_address: str) -> bool:
    found = await connection.execute(
        select(Person.person_id).where(
            Person.mail_address == mail_address,
            Person.password_hash.is_not(None),
            Person.password_came_by_phone.is_(False),
        )
    )
    return found.first() is not None


def _password(fields: Mapping[str, str], mail_address: str, errors: list[FieldError]) -> str:
    password = fields.get("password", "")
    confirmation = fields.get("password_confirmation", "")
    errors += password_errors(password, confirmation, mail_address=mail_address, common=common_passwords())
    return password


def _profile(fields: Mapping[str, str], errors: list[FieldError]) -> StaffProfile | None:
    try:
        return StaffProfile.model_validate({name: fields.get(name, "") for name in StaffProfile.model_fields})
    except ValidationError as error:
        errors += field_errors(error.errors())
        return None
