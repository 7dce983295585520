"""The signed-in person: who they are, where they belong, and their password (AUT-01, AUT-04, TEN-06)."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api.authentication import Person as Caller
from api.authentication import SignedIn
from api.context import Context, Shared
from api.credentials import Proven, prove
from api.etags import tagged
from models import audit
from models.audit import Fact
from models.common_passwords import common_passwords
from models.messages.registration import NewPassword
from models.persons import Memberships, PortalMembership, end_sessions, memberships
from models.refusals import FieldError, InvalidCredentials, InvalidInput, NothingChanged
from models.rules.passwords import password_errors
from models.rules.periods import day_of
from models.tables.people import Person
from models.tables.tenants import Tenant

router = APIRouter(prefix="/v1/me", tags=["Sign-in"])


class PersonShown(BaseModel):
    person_id: str
    mail_address: str


class TenantShown(BaseModel):
    tenant_id: str
    name: str
    role: str


class LinkShown(BaseModel):
    name: str
    url: str
    description: str
    published_on: date


class CustomerShown(BaseModel):
    """A company of which the person is a portal user; `name` is the company's.

    `links`: what its tenant shows to customers, in the tenant's order, each from its publication date on (SET-04).
    """

    tenant_id: str
    customer_id: str
    name: str
    user_id: str
    links: list[LinkShown]


class Me(BaseModel):
    person: PersonShown
    tenants: list[TenantShown]
    customers: list[CustomerShown]


class PasswordChange(NewPassword):
    current_password: Annotated[str, Field(min_length=1, max_length=1000)]


@router.get("")
async def read(context: Shared, person: SignedIn, response: Response) -> Me:
    """Tenants that are suspended are left out. Each company has the links that its tenant shows to customers."""
    now = await context.clock.now()
    async with context.database.transaction(person_id=person.person_id) as connection:
        belongs = await memberships(connection, person.person_id, at=now)
        me = await shown(context, connection, person.person_id, belongs, at=now)
    return tagged(response, me)


@router.put("/password", status_code=204)
async def change_password(body: PasswordChange, context: Shared, person: SignedIn) -> None:
    """The person's other sessions end. A wrong current password counts as one at the sign-in does."""
    address = await _mail_address(context, person.person_id)
    errors = password_errors(body.password, body.password_confirmation, mail_address=address, common=common_passwords())
    try:
        proven = await prove(context, address, body.current_password)
    except InvalidCredentials:
        raise _wrong_password(*errors) from None
    if errors:
        raise InvalidInput(errors=errors)
    if body.password == body.current_password:
        raise NothingChanged
    await _change(context, person, proven, await context.passwords.hash(body.password))


async def shown(
    context: Context, connection: AsyncConnection, person_id: str, belongs: Memberships, *, at: datetime
) -> Me:
    """As the last thing in the person's transaction: it ends as one of a tenant whose customer they are."""
    found = await connection.execute(select(Person.mail_address).where(Person.person_id == person_id))
    mail_address, links = found.scalar_one(), dict[str, list[LinkShown]]()
    for tenant_id in {membership.tenant_id for membership in belongs.portal}:
        await context.database.go_on_as(connection, tenant_id)
        links[tenant_id] = _published(await tenant_row(connection, tenant_id), at)
    return Me(
        person=PersonShown(person_id=person_id, mail_address=mail_address),
        tenants=[
            TenantShown.model_validate(membership, from_attributes=True)
            for membership in belongs.staff
            if not membership.suspended
        ],
        customers=[_company(membership, links[membership.tenant_id]) for membership in belongs.portal],
    )


def _company(membership: PortalMembership, links: list[LinkShown]) -> CustomerShown:
    return CustomerShown(
        tenant_id=membership.tenant_id,
        customer_id=membership.customer_id,
        name=membership.name,
        user_id=membership.user_id,
        links=links,
    )


def _published(tenant: Row[tuple[Tenant]], now: datetime) -> list[LinkShown]:
    today = day_of(now, tenant.time_zone)
    links = [LinkShown.model_validate(link) for link in tenant.links]
    return [link for link in links if link.published_on <= today]


async def _change(context: Context, person: Caller, proven: Proven, password_hash: str) -> None:
    now = await context.clock.now()
    async with context.database.transaction(person_id=person.person_id) as connection:
        changed = await connection.execute(
            update(Person)
            .where(Person.person_id == person.person_id, Person.password_hash == proven.password_hash)
            .values(password_hash=password_hash, password_changed_at=now)
        )
        if changed.rowcount != 1:
            raise _wrong_password()  # another change was faster
        await end_sessions(connection, person.person_id, but=person.token_digest)
        belongs = await memberships(connection, person.person_id)
        for tenant_id in belongs.tenant_ids:
            await context.database.go_on_as(connection, tenant_id)
            fact = Fact(
                tenant_id=tenant_id, at=now, actor=person.actor, what="password_changed", subject=person.person_id
            )
            await audit.record(connection, fact)


async def _mail_address(context: Context, person_id: str) -> str:
    async with context.database.transaction() as connection:
        found = await connection.execute(select(Person.mail_address).where(Person.person_id == person_id))
        return found.scalar_one()


def _wrong_password(*more: FieldError) -> InvalidInput:
    return InvalidInput(errors=[FieldError("current_password", "wrong_password"), *more])
