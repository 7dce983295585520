"""A customer's portal users: made, changed, resent, deleted by staff (USR-01…05)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import Row, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api import signups
from api.authentication import Caller, Staff
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.etags import IfMatch, check_if_match, etag
from api.idempotency import PostedRequest
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.signups import Membership
from models import audit, links
from models.audit import Fact
from models.erasure import erase_account_mails_of_strangers
from models.fields import Input, MailAddress, MobileNumber, OrAbsent, PortalUserFamilyName, PortalUserGivenName
from models.identifiers import Draw
from models.messages.procedure import Command, Identity
from models.messages.service_application import PortalUserInput
from models.messages.signup_steps import ChangeAddress, NewPortalUser, SignupStart
from models.persons import end_sessions_without_access, expect_no_such_user, set_adrift
from models.refusals import AlreadyExists, NotFound, NothingChanged, WrongState
from models.tables.customers import Customer
from models.tables.people import PortalUser as Users
from models.vocabulary import MemberKind, ProcedureKind, SignupState
from workflows.signup import Signup

router = APIRouter(prefix="/v1/tenants/{tenant_id}/customers/{customer_id}/users", tags=["Portal users"])


class UserChange(Input):
    """What is not named stays as it is."""

    last_name: PortalUserFamilyName = ""
    first_name: PortalUserGivenName = ""
    mail_address: MailAddress = ""
    mobile_number: OrAbsent[MobileNumber] = None


class PortalUser(BaseModel):
    user_id: str
    last_name: str
    first_name: str
    mail_address: str
    mobile_number: str | None
    signup_state: SignupState
    signup_expires_at: datetime | None
    last_sign_in_at: datetime | None
    created_at: datetime


@router.get("")
async def find_all(
    tenant_id: str, customer_id: str, context: Shared, staff: Staff, paging: PagingQuery
) -> Page[PortalUser]:
    """Sorts by `created_at`, `last_name` and `mail_address`."""
    table = Users.__table__
    sortable = {name: table.c[name] for name in ("created_at", "last_name", "mail_address")}
    order = resolve_order(paging.sort, sortable, default="created_at")
    async with context.database.transaction(tenant_id) as connection:
        await _expect_customer(connection, tenant_id, customer_id)
        query = select(table).where(table.c.tenant_id == tenant_id, table.c.customer_id == customer_id)
        rows = await fetch_page(connection, query, order=order, key=table.c.user_id, paging=paging)
    return rows.page(_shown)


@router.post("", status_code=201, response_model=PortalUser)
async def create(
    tenant_id: str, customer_id: str, body: PortalUserInput, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """Begin the user's signup: seven days to register by the mailed link (USR-03)."""
    once = await posted.by(staff.actor)
    async with context.database.transaction(tenant_id) as connection:
        await _expect_customer(connection, tenant_id, customer_id)
    user_id = once.draw().user_id()
    start = SignupStart(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=staff.actor,
        identity=_membership(tenant_id, customer_id, user_id).identity,
        member=MemberKind.PORTAL_USER,
        new_portal_user=NewPortalUser(customer_id=customer_id, **body.model_dump()),
    )
    await signups.begin(context, start, once_only=True)
    row = await _read(context, tenant_id, customer_id, user_id)
    location = f"/v1/tenants/{tenant_id}/customers/{customer_id}/users"
    return await once.answer(_shown(row), status=201, location=location, etag=etag(row.version))


@router.patch("/{user_id}")
async def change(  # noqa: PLR0913 - the path has three parts
    tenant_id: str,
    customer_id: str,
    user_id: str,
    body: UserChange,
    context: Shared,
    staff: Staff,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> PortalUser:
    """At least one change. Another address during the signup takes the link there; the old link is dead (USR-04)."""
    values = body.model_dump(mode="json", exclude_unset=True)
    is_done = False
    while not is_done:
        row = await _read(context, tenant_id, customer_id, user_id)
        check_if_match(if_match, etag(row.version))
        changed = {name: value for name, value in values.items() if value != getattr(row, name)}
        if not changed:
            raise NothingChanged
        membership, version = _membership(tenant_id, customer_id, user_id), row.version if if_match else None
        edit = _Edit(membership, staff, changed, row.signup_state, version)
        is_done = await (_move_signup if edit.moves_signup else _save)(context, edit)
    row = await _read(context, tenant_id, customer_id, user_id)
    response.headers["ETag"] = etag(row.version)
    return _shown(row)


@router.post("/{user_id}/resend", response_model=PortalUser)
async def resend(
    tenant_id: str, customer_id: str, user_id: str, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """A fresh link, good for seven days from now; every older one is dead."""
    once = await posted.by(staff.actor)
    await _read(context, tenant_id, customer_id, user_id)
    await signups.resend(context, _membership(tenant_id, customer_id, user_id), once, staff.actor)
    row = await _read(context, tenant_id, customer_id, user_id)
    return await once.answer(_shown(row), etag=etag(row.version))


@router.delete("/{user_id}", status_code=204)
async def remove(tenant_id: str, customer_id: str, user_id: str, context: Shared, staff: Staff) -> None:
    """Delete in any state: signup, link and sessions end at once (USR-05)."""
    row = await _read(context, tenant_id, customer_id, user_id)
    await end_signup(context, row, staff)
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        person_id = await delete_row(connection, row, staff, now)
        if person_id is not None:  # with the last membership in the tenant goes what it wrote about the account
            await erase_account_mails_of_strangers(connection, tenant_id, [person_id])
    if person_id is not None:
        await end_sessions_without_access(context.database, [person_id])


async def end_signup(context: Context, user: Row[Any], caller: Caller) -> None:
    """With the user, unless they have registered: then the row stays."""
    command = Command(command_id=Draw().opaque_id(), actor=caller.actor)
    await signups.end(context, _membership(user.tenant_id, user.customer_id, user.user_id), command)


async def delete_row(connection: AsyncConnection, user: Row[Any], caller: Caller, at: datetime) -> str | None:
    """Returns whose person it was; None of one who had not registered, or whose signup took the row with it.

    Whoever belongs nowhere any more is forgotten by the housekeeping, should nobody do so before (CUS-05).
    """
    gone = await connection.execute(
        delete(Users).where(Users.tenant_id == user.tenant_id, Users.user_id == user.user_id).returning(Users.person_id)
    )
    row = gone.first()
    if row is None:
        return None
    await links.withdraw(connection, user.tenant_id, user.user_id, at)
    membership = _membership(user.tenant_id, user.customer_id, user.user_id)
    await audit.record(connection, _fact(membership, caller, at, "portal_user_deleted"))
    person_id: str | None = row.person_id
    if person_id is not None:
        await set_adrift(connection, [person_id], at)
    return person_id


@dataclass(frozen=True)
class _Edit:
    """`state`: the signup's, when it began. `version`: the one that it is for; without it whatever stands there."""

    membership: Membership
    caller: Caller
    changed: dict[str, Any]
    state: SignupState
    version: int | None

    @property
    def moves_signup(self) -> bool:
        return "mail_address" in self.changed and self.state == SignupState.OPEN


async def _move_signup(context: Context, edit: _Edit) -> bool:
    """All of the edit goes with the address, in one step of the signup."""
    profile = dict(edit.changed)
    command = ChangeAddress(
        command_id=Draw().opaque_id(),
        actor=edit.caller.actor,
        mail_address=profile.pop("mail_address"),
        profile=profile,
        version=edit.version,
    )
    try:
        await context.commands.send(edit.membership.identity, Signup.change_address, command)
    except ProcedureGoneError:
        raise WrongState(state=await signups.signup_state(context, edit.membership)) from None
    return True


async def _save(context: Context, edit: _Edit) -> bool:
    """False: edited meanwhile, or its signup begun anew: the edit might leave a link to another address.

    Raises:
        AlreadyExists: the company has a user of that address (USR-02).
    """
    identity = edit.membership.identity
    now = await context.clock.now()
    saving = update(Users).where(
        Users.tenant_id == identity.tenant_id, Users.user_id == identity.subject, Users.signup_state == edit.state
    )
    if edit.version is not None:
        saving = saving.where(Users.version == edit.version)
    try:
        async with context.database.transaction(identity.tenant_id) as connection:
            if (address := edit.changed.get("mail_address")) and identity.customer_id:
                await expect_no_such_user(
                    connection, identity.tenant_id, identity.customer_id, address, besides=identity.subject
                )
            done = await connection.execute(saving.values(version=Users.version + 1, **edit.changed))
            if done.rowcount != 1:
                return False
            fact = _fact(edit.membership, edit.caller, now, "portal_user_changed", fields=sorted(edit.changed))
            await audit.record(connection, fact)
    except IntegrityError:
        raise AlreadyExists from None
    return True


async def _expect_customer(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """Raises: NotFound: the tenant has no such customer."""
    found = await connection.execute(
        select(Customer.customer_id).where(
            Customer.tenant_id == tenant_id, Customer.customer_id == customer_id, Customer.deleted_at.is_(None)
        )
    )
    if found.first() is None:
        raise NotFound


async def _read(context: Context, tenant_id: str, customer_id: str, user_id: str) -> Row[Any]:
    """Raises: NotFound: the customer has no such user."""
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(Users.__table__).where(
                Users.tenant_id == tenant_id, Users.customer_id == customer_id, Users.user_id == user_id
            )
        )
        row = found.first()
    if row is None:
        raise NotFound
    return row


def _shown(row: Row[Any]) -> PortalUser:
    return PortalUser.model_validate(row, from_attributes=True)


def _membership(tenant_id: str, customer_id: str, user_id: str) -> Membership:
    return Membership(Identity.of(ProcedureKind.SIGNUP, tenant_id, user_id, customer_id), MemberKind.PORTAL_USER)


def _fact(membership: Membership, caller: Caller, at: datetime, what: str, **detail: object) -> Fact:
    identity = membership.identity
    return Fact(
        tenant_id=identity.tenant_id, at=at, actor=caller.actor, what=what, subject=identity.subject, detail=detail
    )
