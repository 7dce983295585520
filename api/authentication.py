"""Who is calling: the operator, a signed-in person, a tenant's machine client.

The database is asked every time, so that sign-out, suspension and deletion work at once and everywhere (AUT-05).
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Row, select, update

from activities.records import tenant_row
from api.context import Context, Shared
from models.identifiers import TENANT_ID, digest, secret_token
from models.persons import memberships
from models.refusals import Forbidden, NotFound, TenantSuspended, Unauthenticated
from models.tables.people import PortalUser as PortalUsers
from models.tables.people import Session, StaffMember
from models.tables.tenants import ApiKey, Tenant
from models.vocabulary import ApiKeyScope, SignupState, TenantState

OPERATOR = "operator"
_API_KEY = re.compile(r"tzk_(T[0-9]{7})_[A-Za-z0-9_-]{43}")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_USE_NOTED_EVERY = timedelta(minutes=1)
_bearer = HTTPBearer(auto_error=False, description="Operator key, session token, or API key.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


@dataclass(frozen=True)
class Caller:
    """`actor` is what the audit log says: `operator`, `staff:<person id>`, `api_key:<id>`, `portal_user:<user id>`."""

    actor: str
    person_id: str | None = None


@dataclass(frozen=True)
class Person:
    """Somebody signed in, in whatever tenants and companies."""

    person_id: str
    token_digest: str

    @property
    def actor(self) -> str:
        return f"person:{self.person_id}"


@dataclass(frozen=True, kw_only=True)
class PortalUser(Caller):
    """A customer's person; `tenant_id` is the customer's."""

    user_id: str
    tenant_id: str


def new_api_key(tenant_id: str) -> str:
    """The tenant's id, so that the row can be found under its policy, and 256 bits."""
    return f"tzk_{tenant_id}_{secret_token()}"


def is_operator(context: Context, token: str) -> bool:
    expected = context.settings.operator_key.get_secret_value()
    return hmac.compare_digest(token.encode(), expected.encode())


async def _operator(context: Shared, credentials: Credentials) -> Caller:
    token = _token(credentials)
    if is_operator(context, token):
        return Caller(OPERATOR)
    await signed_in(context, credentials)  # known, but not allowed
    raise Forbidden


async def signed_in(context: Shared, credentials: Credentials) -> Person:
    """Raises: Unauthenticated: nobody known. Forbidden: the operator, or a machine, who are no persons."""
    token = _token(credentials)
    token_digest = digest(token)
    now = await context.clock.now()
    async with context.database.transaction() as connection:
        found = await connection.execute(
            select(Session.person_id).where(Session.token_digest == token_digest, Session.expires_at > now)
        )
        person_id = found.scalar_one_or_none()
    if person_id is None:
        if is_operator(context, token) or (_API_KEY.fullmatch(token) and await _used_key(context, token)):
            raise Forbidden
        raise Unauthenticated
    return Person(person_id, token_digest)


async def _anyone(context: Shared, credentials: Credentials) -> Caller:
    """The operator, somebody signed in, or a machine of any tenant.

    Raises:
        Unauthenticated: nobody known. TenantSuspended: the machine's.
    """
    token = _token(credentials)
    if is_operator(context, token):
        return Caller(OPERATOR)
    if _API_KEY.fullmatch(token):
        key = await _used_key(context, token)
        if key.state == TenantState.SUSPENDED:
            raise TenantSuspended
        return Caller(f"api_key:{key.api_key_id}")
    person = await signed_in(context, credentials)
    return Caller(person.actor, person.person_id)


async def _staff(
    request: Request, context: Shared, credentials: Credentials, tenant_id: Annotated[str, Path()]
) -> Caller:
    """Staff of the tenant in the path, or one of its API keys.

    Raises:
        Unauthenticated: nobody known. NotFound: not their tenant. TenantSuspended. Forbidden: a key that may only
            read, or one of its customers' people.
    """
    token = _token(credentials)
    if is_operator(context, token):
        raise Forbidden
    if not TENANT_ID.fullmatch(tenant_id):
        await signed_in(context, credentials)
        raise NotFound
    if _API_KEY.fullmatch(token):
        return await _machine(request, context, token, tenant_id)
    return await _member(context, credentials, tenant_id)


async def _staff_or_operator(
    request: Request, context: Shared, credentials: Credentials, tenant_id: Annotated[str, Path()]
) -> Caller:
    if is_operator(context, _token(credentials)):
        async with context.database.transaction(tenant_id) as connection:
            await tenant_row(connection, tenant_id)
        return Caller(OPERATOR)
    return await _staff(request, context, credentials, tenant_id)


async def _staff_person(caller: Annotated[Caller, Depends(_staff)]) -> Caller:
    """Staff in person: what lets somebody in for good is not for a machine, whose key may be stolen.

    Raises: as `_staff` does. Forbidden: a machine.
    """
    if caller.person_id is None:
        raise Forbidden
    return caller


async def _staff_person_or_operator(caller: Annotated[Caller, Depends(_staff_or_operator)]) -> Caller:
    """Raises: as `_staff_or_operator` does. Forbidden: a machine."""
    return caller if caller.actor == OPERATOR else await _staff_person(caller)


async def _portal_user(context: Shared, credentials: Credentials, customer_id: Annotated[str, Path()]) -> PortalUser:
    """A person of the customer in the path, in whatever tenant it is.

    Raises:
        Unauthenticated: nobody known. NotFound: not their company. Forbidden: the operator, or a machine.
    """
    person = await signed_in(context, credentials)
    now = await context.clock.now()
    async with context.database.transaction(person_id=person.person_id) as connection:
        mine = (await memberships(connection, person.person_id, at=now)).portal
    found = next((one for one in mine if one.customer_id == customer_id), None)
    if found is None:
        raise NotFound
    actor = f"portal_user:{found.user_id}"
    return PortalUser(actor, person.person_id, user_id=found.user_id, tenant_id=found.tenant_id)


async def _staff_or_portal_user(
    request: Request,
    context: Shared,
    credentials: Credentials,
    tenant_id: Annotated[str, Path()],
    customer_id: Annotated[str, Path()],
) -> Caller:
    """Staff of the tenant, or a person of the customer. Raises: as `_staff` does."""
    try:
        return await _staff(request, context, credentials, tenant_id)
    except (NotFound, Forbidden):
        if _API_KEY.fullmatch(_token(credentials)):
            raise
    user = await _portal_user(context, credentials, customer_id)
    if user.tenant_id != tenant_id:
        raise NotFound
    return user


async def _member(context: Context, credentials: HTTPAuthorizationCredentials | None, tenant_id: str) -> Caller:
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(Session.person_id, StaffMember.person_id.label("member"), Tenant.state)
            .outerjoin(
                StaffMember,
                (StaffMember.person_id == Session.person_id) & (StaffMember.signup_state == SignupState.REGISTERED),
            )
            .outerjoin(Tenant, Tenant.tenant_id == StaffMember.tenant_id)
            .where(Session.token_digest == digest(_token(credentials)), Session.expires_at > now)
        )
        row = found.first()
        if row is None:
            raise Unauthenticated
        if row.member is None:
            mine = select(PortalUsers.user_id).where(PortalUsers.person_id == row.person_id).limit(1)
            raise NotFound if await connection.scalar(mine) is None else Forbidden
    if row.state == TenantState.SUSPENDED:
        raise TenantSuspended
    return Caller(f"staff:{row.person_id}", row.person_id)


async def _machine(request: Request, context: Context, token: str, tenant_id: str) -> Caller:
    key = await _used_key(context, token)
    if key.tenant_id != tenant_id:
        raise NotFound
    if key.state == TenantState.SUSPENDED:
        raise TenantSuspended
    if key.scope == ApiKeyScope.READ and request.method not in _READING:
        raise Forbidden
    return Caller(f"api_key:{key.api_key_id}")


async def _used_key(context: Context, token: str) -> Row[str, str, str, datetime | None, str]:
    """The key of that token, its use noted. Raises: Unauthenticated: there is none, or it is revoked."""
    match = _API_KEY.fullmatch(token)
    tenant_id = match.group(1) if match else ""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(ApiKey.tenant_id, ApiKey.api_key_id, ApiKey.scope, ApiKey.last_used_at, Tenant.state)
            .join(Tenant, Tenant.tenant_id == ApiKey.tenant_id)
            .where(ApiKey.key_digest == digest(token), ApiKey.revoked_at.is_(None))
        )
        row = found.first()
        if row is None:
            raise Unauthenticated
        if row.last_used_at is None or now - row.last_used_at > _USE_NOTED_EVERY:
            await connection.execute(
                update(ApiKey)
                .where(ApiKey.tenant_id == tenant_id, ApiKey.api_key_id == row.api_key_id)
                .values(last_used_at=now)
            )
    return row


def _token(credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None:
        raise Unauthenticated
    return credentials.credentials


Operator = Annotated[Caller, Depends(_operator)]
Anyone = Annotated[Caller, Depends(_anyone)]
SignedIn = Annotated[Person, Depends(signed_in)]
Staff = Annotated[Caller, Depends(_staff)]
StaffPerson = Annotated[Caller, Depends(_staff_person)]
SignedInPortalUser = Annotated[PortalUser, Depends(_portal_user)]
StaffOrPortalUser = Annotated[Caller, Depends(_staff_or_portal_user)]
StaffOrOperator = Annotated[Caller, Depends(_staff_or_operator)]
StaffPersonOrOperator = Annotated[Caller, Depends(_staff_person_or_operator)]
