"""A tenant's staff: added by mail address, registered by link, deleted at once (TEN-02, TEN-04, TEN-06)."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api import signups
from api.authentication import OPERATOR, Caller, StaffOrOperator, StaffPersonOrOperator
from api.context import Context, Shared
from api.idempotency import PostedRequest
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.signups import Membership
from models import audit, links
from models.audit import Fact
from models.erasure import erase_account_mails_of_strangers
from models.fields import Input, MailAddress
from models.identifiers import Draw
from models.messages.procedure import Command, Identity
from models.messages.signup_steps import NewStaff, SignupStart
from models.persons import end_sessions_without_access, ensure_person, set_adrift
from models.refusals import LastStaffMember, NotFound
from models.tables.people import StaffMember as Members
from models.vocabulary import MemberKind, ProcedureKind, SignupState

router = APIRouter(prefix="/v1/tenants/{tenant_id}/staff", tags=["Staff"])


class NewStaffInput(Input):
    mail_address: MailAddress


class StaffMember(BaseModel):
    """The names and below are given at the signup."""

    person_id: str
    mail_address: str
    role: str
    signup_state: SignupState
    signup_expires_at: datetime | None
    created_at: datetime
    last_sign_in_at: datetime | None
    user_name: str | None
    company_name: str | None
    department: str | None
    phone_number: str | None
    remark: str | None


@router.get("")
async def find_all(tenant_id: str, context: Shared, caller: StaffOrOperator, paging: PagingQuery) -> Page[StaffMember]:
    """Sorts by `created_at` and `mail_address`."""
    table = Members.__table__
    sortable = {"created_at": table.c.created_at, "mail_address": table.c.mail_address}
    order = resolve_order(paging.sort, sortable, default="created_at")
    async with context.database.transaction(tenant_id) as connection:
        await tenant_row(connection, tenant_id)
        query = select(table).where(table.c.tenant_id == tenant_id)
        rows = await fetch_page(connection, query, order=order, key=table.c.person_id, paging=paging)
    return rows.page(lambda row: StaffMember.model_validate(row, from_attributes=True))


@router.post("", status_code=201, response_model=StaffMember)
async def add(
    tenant_id: str, body: NewStaffInput, context: Shared, caller: StaffPersonOrOperator, posted: PostedRequest
) -> Response:
    """Begin the address's signup: seven days to register by the mailed link.

    Not for API keys, nor is the resend or the deletion: who has been let in by one would outlive its revocation.
    """
    once = await posted.by(caller.actor)
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await tenant_row(connection, tenant_id)
        person_id = await ensure_person(connection, body.mail_address, now)
    membership = _membership(tenant_id, person_id)
    start = SignupStart(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=caller.actor,
        identity=membership.identity,
        member=MemberKind.STAFF,
        new_staff=NewStaff(mail_address=body.mail_address),
    )
    await signups.begin(context, start)
    member = await _member(context, membership)
    return await once.answer(member, status=201, location=f"/v1/tenants/{tenant_id}/staff")


@router.post("/{person_id}/resend", response_model=StaffMember)
async def resend(
    tenant_id: str, person_id: str, context: Shared, caller: StaffPersonOrOperator, posted: PostedRequest
) -> Response:
    """A fresh link, good for `durations.signup` (7 days) from now; every older one is dead."""
    once = await posted.by(caller.actor)
    membership = _membership(tenant_id, person_id)
    await signups.signup_state(context, membership)
    await signups.resend(context, membership, once, caller.actor)
    return await once.answer(await _member(context, membership))


@router.delete("/{person_id}", status_code=204)
async def remove(tenant_id: str, person_id: str, context: Shared, caller: StaffPersonOrOperator) -> None:
    """Delete in any state: signup, link and access here end at once, sessions if nothing else is left.

    An expired signup may still wait for an operator, over a refused mail: it ends too, and leaves the address free for
    a new one (TEN-04). Staff cannot delete the last registered one, not even themselves: only the operator can.
    """
    membership = _membership(tenant_id, person_id)
    if await signups.signup_state(context, membership) is not SignupState.REGISTERED:
        command = Command(command_id=Draw().opaque_id(), actor=caller.actor)
        if await signups.end(context, membership, command) is not None:
            return
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        await tenant_row(connection, tenant_id, locked=True)  # of two who delete each other one stays
        await _delete(connection, membership, caller, now)
    await end_sessions_without_access(context.database, [person_id])


async def _delete(connection: AsyncConnection, membership: Membership, caller: Caller, now: datetime) -> None:
    tenant_id, person_id = membership.identity.tenant_id, membership.identity.subject
    mine = (Members.tenant_id == tenant_id, Members.person_id == person_id)
    deleted = (await connection.execute(delete(Members).where(*mine).returning(Members.signup_state))).scalar()
    if deleted is None:
        raise NotFound
    if deleted == SignupState.REGISTERED and caller.actor != OPERATOR and not await _registered(connection, tenant_id):
        raise LastStaffMember(state=deleted)
    await set_adrift(connection, [person_id], now)
    await erase_account_mails_of_strangers(connection, tenant_id, [person_id])
    await links.withdraw(connection, tenant_id, person_id, now)
    fact = Fact(tenant_id=tenant_id, at=now, actor=caller.actor, what="staff_deleted", subject=person_id)
    await audit.record(connection, fact)


async def _registered(connection: AsyncConnection, tenant_id: str) -> int:
    query = select(func.count()).where(Members.tenant_id == tenant_id, Members.signup_state == SignupState.REGISTERED)
    return (await connection.execute(query)).scalar_one()


async def _member(context: Context, membership: Membership) -> StaffMember:
    identity = membership.identity
    async with context.database.transaction(identity.tenant_id) as connection:
        found = await connection.execute(
            select(Members.__table__).where(
                Members.tenant_id == identity.tenant_id, Members.person_id == identity.subject
            )
        )
        row = found.first()
    if row is None:
        raise NotFound
    return StaffMember.model_validate(row, from_attributes=True)


def _membership(tenant_id: str, person_id: str) -> Membership:
    return Membership(Identity.of(ProcedureKind.SIGNUP, tenant_id, person_id), MemberKind.STAFF)
