"""The operator's tenants (TEN-01, SET-05)."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from api import signups
from api.authentication import Caller, Operator
from api.context import Context, Shared
from api.etags import IfMatch, check_if_match, etag
from api.idempotency import Once, Posted, PostedRequest
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from models import audit
from models.audit import Fact
from models.fields import BaseUrl, CountryCode, Input, MailAddress, OrAbsent, TenantName, TimeZoneName
from models.messages.extra_fields import ExtraFieldInput, ExtraFieldsInput
from models.messages.procedure import Identity
from models.messages.signup_steps import NewStaff, NewTenant, Opened, SignupStart
from models.persons import end_sessions_without_access, ensure_person
from models.refusals import AlreadyExists, InvalidInput, Unavailable, WrongState
from models.rules.extra_fields import definition_errors
from models.tables.people import StaffMember
from models.tables.tenants import Tenant as Tenants
from models.vocabulary import Language, MemberKind, ProcedureKind, SignupState, TenantState

router = APIRouter(prefix="/v1/tenants", tags=["Tenants"])
_DRAWS = 20
"""Ids that other tenants may have before a free one is drawn."""


class FirstStaffInput(Input):
    mail_address: MailAddress


class NewTenantInput(Input):
    """`sender_name` is the tenant's name when absent; `portal_base_url` the product's own address."""

    name: TenantName
    time_zone: TimeZoneName = "Asia/Tokyo"
    language: Language = Language.JA
    country: CountryCode = "JP"
    portal_base_url: OrAbsent[BaseUrl] = None
    sender_name: OrAbsent[TenantName] = None
    staff: FirstStaffInput


class TenantChange(Input):
    """What is not named stays as it is; only `portal_base_url` can be nothing."""

    name: TenantName = ""
    time_zone: TimeZoneName = ""
    language: Language = Language.JA
    country: CountryCode = ""
    portal_base_url: OrAbsent[BaseUrl] = None
    sender_name: TenantName = ""


class Tenant(BaseModel):
    tenant_id: str
    name: str
    time_zone: str
    language: Language
    country: str
    portal_base_url: str | None
    sender_name: str
    state: TenantState
    created_at: datetime
    utm_addition_enabled: bool
    shortage_grace_days: int
    allowed_referrers: list[str]
    links: list[dict[str, Any]]
    extra_fields: list[ExtraFieldInput]


class FirstStaff(BaseModel):
    person_id: str
    mail_address: str
    signup_state: SignupState
    signup_expires_at: datetime


class NewTenantAnswer(Tenant):
    staff: FirstStaff


class ExtraFields(BaseModel):
    fields: list[ExtraFieldInput]


@router.post("", status_code=201, response_model=NewTenantAnswer)
async def create(body: NewTenantInput, context: Shared, operator: Operator, posted: PostedRequest) -> Response:
    """Make the tenant with its invitation, and begin the signup of its first staff member, all or nothing."""
    once = await posted.by(operator.actor)
    # Before the tenant is there: a day that nobody needs harms nobody, one that is missing would.
    await context.commands.keep_recurrences_in(body.time_zone, world_clock=context.settings.rehearsal)
    opened, tenant_id = await _begin(context, body, once, operator.actor)
    staff = FirstStaff(
        person_id=opened.member_id,
        mail_address=body.staff.mail_address,
        signup_state=SignupState(opened.state),
        signup_expires_at=opened.expires_at,
    )
    async with context.database.transaction(tenant_id) as connection:
        tenant = Tenant.model_validate(await tenant_row(connection, tenant_id), from_attributes=True)
    answer = NewTenantAnswer(**tenant.model_dump(), staff=staff)
    return await once.answer(answer, status=201, location=f"/v1/tenants/{tenant_id}")


@router.get("")
async def find_all(context: Shared, operator: Operator, paging: PagingQuery) -> Page[Tenant]:
    """Every tenant, newest first. Sorts by `created_at` and `name`."""
    table = Tenants.__table__
    sortable = {"created_at": table.c.created_at, "name": table.c.name}
    order = resolve_order(paging.sort, sortable, default="-created_at")
    async with context.database.transaction(operator=True) as connection:
        rows = await fetch_page(connection, select(table), order=order, key=table.c.tenant_id, paging=paging)
    return rows.page(lambda row: Tenant.model_validate(row, from_attributes=True))


@router.get("/{tenant_id}")
async def read(tenant_id: str, context: Shared, operator: Operator, response: Response) -> Tenant:
    async with context.database.transaction(tenant_id) as connection:
        return _shown(await tenant_row(connection, tenant_id), response)


@router.patch("/{tenant_id}")
async def change(
    tenant_id: str,
    body: TenantChange,
    context: Shared,
    operator: Operator,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> Tenant:
    if body.time_zone:
        await context.commands.keep_recurrences_in(body.time_zone, world_clock=context.settings.rehearsal)
    async with context.database.transaction(tenant_id) as connection:
        tenant = await tenant_row(connection, tenant_id, locked=True)
        check_if_match(if_match, etag(tenant.version))
        values = body.model_dump(mode="json", exclude_unset=True)
        changed = {name: value for name, value in values.items() if value != getattr(tenant, name)}
        if changed:
            fact = await _fact(context, tenant_id, operator, what="tenant_changed")
            await _save(connection, replace(fact, detail={"fields": sorted(changed)}), changed)
        return _shown(await tenant_row(connection, tenant_id), response)


@router.put("/{tenant_id}/extra-fields")
async def define_extra_fields(
    tenant_id: str,
    body: ExtraFieldsInput,
    context: Shared,
    operator: Operator,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> ExtraFields:
    """All extra fields of the tenant's application form, in the order they are asked (SET-05)."""
    if errors := definition_errors([field.definition() for field in body.fields]):
        raise InvalidInput(errors=errors)
    async with context.database.transaction(tenant_id) as connection:
        tenant = await tenant_row(connection, tenant_id, locked=True)
        check_if_match(if_match, etag(tenant.version))
        fact = await _fact(context, tenant_id, operator, what="extra_fields_defined")
        await _save(connection, fact, {"extra_fields": body.model_dump(mode="json")["fields"]})
        shown = _shown(await tenant_row(connection, tenant_id), response)
    return ExtraFields(fields=shown.extra_fields)


@router.post("/{tenant_id}/suspend", response_model=Tenant)
async def suspend(tenant_id: str, context: Shared, operator: Operator, posted: PostedRequest) -> Response:
    """Staff can no longer act or sign in and the invitation is closed, at once; running procedures go on (TEN-01)."""
    fact = await _fact(context, tenant_id, operator, what="tenant_suspended")
    answer = await _move(context, fact, posted, to=TenantState.SUSPENDED)
    async with context.database.transaction(tenant_id) as connection:
        found = await connection.execute(select(StaffMember.person_id).where(StaffMember.tenant_id == tenant_id))
        person_ids = found.scalars().all()
    await end_sessions_without_access(context.database, person_ids)
    return answer


@router.post("/{tenant_id}/reopen", response_model=Tenant)
async def reopen(tenant_id: str, context: Shared, operator: Operator, posted: PostedRequest) -> Response:
    fact = await _fact(context, tenant_id, operator, what="tenant_reopened")
    return await _move(context, fact, posted, to=TenantState.ACTIVE)


async def _begin(context: Context, body: NewTenantInput, once: Once, actor: str) -> tuple[Opened, str]:
    async with context.database.transaction() as connection:
        person_id = await ensure_person(connection, body.staff.mail_address, await context.clock.now())
    draw = once.draw()
    for _ in range(_DRAWS):
        tenant_id = draw.tenant_id()
        start = SignupStart(
            command_id=once.command_id,
            fingerprint=once.fingerprint,
            actor=actor,
            identity=Identity.of(ProcedureKind.SIGNUP, tenant_id, person_id),
            member=MemberKind.STAFF,
            new_tenant=_new_tenant(body),
            new_staff=NewStaff(mail_address=body.staff.mail_address),
        )
        with contextlib.suppress(AlreadyExists):  # another tenant has that id
            return await signups.begin(context, start, once_only=True), tenant_id
    raise Unavailable(retry_after=1)


def _new_tenant(body: NewTenantInput) -> NewTenant:
    values = body.model_dump(mode="json", exclude={"staff"})
    return NewTenant.model_validate(values | {"sender_name": body.sender_name or body.name})


async def _move(context: Context, fact: Fact, posted: Posted, *, to: TenantState) -> Response:
    """Raises: WrongState: it is there already."""
    async with context.database.transaction(fact.tenant_id) as connection:
        once = await posted.by(fact.actor, connection)
        tenant = await tenant_row(connection, fact.tenant_id, locked=True)
        if tenant.state == to:
            raise WrongState(state=tenant.state)
        await _save(connection, fact, {"state": to})
        moved = await tenant_row(connection, fact.tenant_id)
        return await once.answer(Tenant.model_validate(moved, from_attributes=True))


async def _save(connection: AsyncConnection, fact: Fact, values: Mapping[str, object]) -> None:
    await connection.execute(
        update(Tenants).where(Tenants.tenant_id == fact.tenant_id).values(version=Tenants.version + 1, **values)
    )
    await audit.record(connection, fact)


async def _fact(context: Context, tenant_id: str, operator: Caller, *, what: str) -> Fact:
    at = await context.clock.now()
    return Fact(tenant_id=tenant_id, at=at, actor=operator.actor, what=what, subject=tenant_id)


def _shown(tenant: Row[tuple[Tenants]], response: Response) -> Tenant:
    response.headers["ETag"] = etag(tenant.version)
    return Tenant.model_validate(tenant, from_attributes=True)
