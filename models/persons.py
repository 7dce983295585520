"""People across tenants: one address, one person (TEN-06); where they belong; what lets them in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, delete, exists, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from models.identifiers import Draw
from models.refusals import AlreadyExists
from models.tables.customers import Customer
from models.tables.people import Person, PortalUser, Session, StaffMember
from models.tables.tenants import Tenant
from models.vocabulary import SignupState, TenantState

NOBODY = "nobody"
"""No person's id: what is asked for an address that nobody has, so that it takes as long."""


@dataclass(frozen=True, kw_only=True)
class StaffMembership:
    tenant_id: str
    name: str
    role: str
    suspended: bool
    since: datetime


@dataclass(frozen=True, kw_only=True)
class PortalMembership:
    """`name` is the company's."""

    tenant_id: str
    customer_id: str
    user_id: str
    name: str
    last_name: str
    first_name: str
    mobile_number: str | None
    since: datetime


@dataclass(frozen=True)
class Memberships:
    """Where somebody has registered, the oldest first."""

    staff: tuple[StaffMembership, ...] = ()
    portal: tuple[PortalMembership, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.staff or self.portal)

    @property
    def tenant_ids(self) -> tuple[str, ...]:
        staff = [membership.tenant_id for membership in self.staff]
        portal = [membership.tenant_id for membership in self.portal]
        return tuple(dict.fromkeys(staff + portal))

    @property
    def home(self) -> str | None:
        """The tenant that writes to the person about their account: where they have been longest, as whatever.

        By it they have their account. One that adds them later, as staff even, does not come to speak in its place.
        """
        staff = [(one.since, one.tenant_id) for one in self.staff]
        portal = [(one.since, one.tenant_id) for one in self.portal]
        return min(staff + portal)[1] if self else None

    @property
    def phone(self) -> PortalMembership | None:
        """Whose mobile number may get a code, of who is only a portal user, and of one tenant (AUT-04).

        The tenant's staff enter numbers, and nobody verifies them: one must open nothing that is not theirs anyway.
        """
        if self.staff or len(self.tenant_ids) != 1:
            return None
        return next((membership for membership in self.portal if membership.mobile_number), None)

    def takes_codes_of(self, tenant_id: str) -> bool:
        """Asked anew when a code comes back: within its hour the person may have become more."""
        return self.phone is not None and self.phone.tenant_id == tenant_id


async def ensure_person(connection: AsyncConnection, mail_address: str, at: datetime) -> str:
    """The person of an address, made if need be, without a password yet. Returns their id.

    Adrift until `settle`: should nothing come of what they are wanted for, they are forgotten.
    """
    made = await connection.execute(
        insert(Person)
        .values(person_id=Draw().opaque_id(), mail_address=mail_address, created_at=at, adrift_since=at)
        .on_conflict_do_update(index_elements=["mail_address"], set_={"adrift_since": at})
        .returning(Person.person_id)
    )
    return made.scalar_one()


async def settle(connection: AsyncConnection, person_id: str) -> None:
    """They belong somewhere, from this very transaction on."""
    await connection.execute(update(Person).where(Person.person_id == person_id).values(adrift_since=None))


async def set_adrift(connection: AsyncConnection, person_ids: Iterable[str], at: datetime) -> None:
    """In the transaction that ends a membership: the housekeeping looks whether they still belong somewhere."""
    await connection.execute(update(Person).where(Person.person_id.in_([*person_ids])).values(adrift_since=at))


async def expect_no_such_user(
    connection: AsyncConnection, tenant_id: str, customer_id: str, mail_address: str, *, besides: str | None = None
) -> None:
    """Nobody of the company signs in by that address; who has registered may be written to at another one (USR-02).

    `besides`: the user whose address it is to be.

    Raises:
        AlreadyExists: somebody does.
    """
    found = await connection.execute(
        select(PortalUser.user_id)
        .join(Person, Person.person_id == PortalUser.person_id)
        .where(
            PortalUser.tenant_id == tenant_id,
            PortalUser.customer_id == customer_id,
            PortalUser.user_id != (besides or ""),
            Person.mail_address == mail_address,
        )
    )
    if found.first() is not None:
        raise AlreadyExists


async def memberships(connection: AsyncConnection, person_id: str, *, at: datetime | None = None) -> Memberships:
    """In the person's own transaction, which alone sees across tenants. `at`: only where they get in then (CAN-05)."""
    staff = await connection.execute(
        select(
            StaffMember.tenant_id,
            Tenant.name,
            StaffMember.role,
            (Tenant.state == TenantState.SUSPENDED).label("suspended"),
            StaffMember.created_at.label("since"),
        )
        .join(Tenant, Tenant.tenant_id == StaffMember.tenant_id)
        .where(StaffMember.person_id == person_id, StaffMember.signup_state == SignupState.REGISTERED)
        .order_by(StaffMember.created_at, StaffMember.tenant_id)
    )
    same_customer = (Customer.tenant_id == PortalUser.tenant_id) & (Customer.customer_id == PortalUser.customer_id)
    still_open = true() if at is None else portal_is_open(at)
    portal = await connection.execute(
        select(
            PortalUser.tenant_id,
            PortalUser.customer_id,
            PortalUser.user_id,
            Customer.company_name.label("name"),
            PortalUser.last_name,
            PortalUser.first_name,
            PortalUser.mobile_number,
            PortalUser.created_at.label("since"),
        )
        .join(Customer, same_customer)
        .where(PortalUser.person_id == person_id, PortalUser.signup_state == SignupState.REGISTERED, still_open)
        .order_by(PortalUser.created_at, PortalUser.user_id)
    )
    return Memberships(
        tuple(StaffMembership(**row._asdict()) for row in staff),
        tuple(PortalMembership(**row._asdict()) for row in portal),
    )


async def lock(connection: AsyncConnection, person_id: str) -> Row[str | None, bool] | None:
    """Until the end of the transaction nobody else sets the person's password, or joins with it; as it now is."""
    found = await connection.execute(
        select(Person.password_hash, Person.password_came_by_phone)
        .where(Person.person_id == person_id)
        .with_for_update(key_share=True)  # does not stop new rows that refer to the person
    )
    return found.first()


async def end_sessions(connection: AsyncConnection, person_id: str, *, but: str | None = None) -> None:
    """End the person's sessions at once, everywhere; `but`: the digest of the one that goes on (AUT-04)."""
    ending = delete(Session).where(Session.person_id == person_id)
    await connection.execute(ending if but is None else ending.where(Session.token_digest != but))


def portal_is_open(at: datetime) -> ColumnElement[bool]:
    """The customer's people get in: its last contract has not ended, or not long ago (CAN-05)."""
    return or_(Customer.portal_closes_at.is_(None), Customer.portal_closes_at > at)


async def end_sessions_without_access(
    database: Database, person_ids: Iterable[str], *, at: datetime | None = None
) -> None:
    """End the sessions of those who are nowhere staff of an open tenant, nor portal users, any more (AUT-05).

    `at`: companies whose portal has closed by then count no more (CAN-05).
    """
    for person_id in person_ids:
        is_staff = exists().where(
            StaffMember.person_id == person_id,
            StaffMember.signup_state == SignupState.REGISTERED,
            Tenant.tenant_id == StaffMember.tenant_id,
            Tenant.state == TenantState.ACTIVE,
        )
        is_user = exists().where(
            PortalUser.person_id == person_id,
            PortalUser.signup_state == SignupState.REGISTERED,
            Customer.tenant_id == PortalUser.tenant_id,
            Customer.customer_id == PortalUser.customer_id,
            true() if at is None else portal_is_open(at),
        )
        async with database.transaction(person_id=person_id) as connection:
            await connection.execute(delete(Session).where(Session.person_id == person_id, ~is_staff, ~is_user))


async def forget_strangers(database: Database, person_ids: Iterable[str]) -> int:
    """Erase those of the persons who belong nowhere any more, with all that was theirs (CUS-05). Returns how many."""
    forgotten = 0
    for person_id in person_ids:
        async with database.transaction(person_id=person_id) as connection:
            strangers = delete(Person).where(Person.person_id == person_id, ~_belongs_somewhere(person_id))
            forgotten += (await connection.execute(strangers)).rowcount
    return forgotten


async def strangers_among(database: Database, person_ids: Iterable[str]) -> list[str]:
    """Those who belong nowhere. The others are adrift no longer."""
    strangers = []
    for person_id in person_ids:
        async with database.transaction(person_id=person_id) as connection:
            belonging = update(Person).where(Person.person_id == person_id, _belongs_somewhere(person_id))
            if not (await connection.execute(belonging.values(adrift_since=None))).rowcount:
                strangers.append(person_id)
    return strangers


def _belongs_somewhere(person_id: str) -> ColumnElement[bool]:
    """In whatever state, of whatever tenant: to be asked in the person's own transaction."""
    return or_(*(exists().where(table.person_id == person_id) for table in (StaffMember, PortalUser)))
