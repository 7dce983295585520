"""Keys for a tenant's machine clients (AUT-05)."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import insert, select, update

from api.authentication import Caller, Staff, StaffPerson, new_api_key
from api.context import Shared
from api.idempotency import PostedRequest
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from models import audit
from models.audit import Fact
from models.fields import Input, Title
from models.idempotent_answers import Kept
from models.identifiers import digest
from models.refusals import NotFound
from models.tables.tenants import ApiKey as Keys
from models.vocabulary import ApiKeyScope

router = APIRouter(prefix="/v1/tenants/{tenant_id}/api-keys", tags=["API keys"])


class NewApiKey(Input):
    """`read` may only GET."""

    name: Title
    scope: ApiKeyScope


class ApiKey(BaseModel):
    api_key_id: str
    name: str
    scope: ApiKeyScope
    created_at: datetime
    created_by: str
    last_used_at: datetime | None


class ApiKeyAnswer(ApiKey):
    key: str
    """Shown this once; only a digest is kept."""


@router.post("", status_code=201, response_model=ApiKeyAnswer)
async def create(
    tenant_id: str, body: NewApiKey, context: Shared, staff: StaffPerson, posted: PostedRequest
) -> Response:
    """A machine cannot make keys, for itself or others."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        once = await posted.by(staff.actor, connection)
        answer = ApiKeyAnswer(
            api_key_id=once.draw().opaque_id(),
            name=body.name,
            scope=body.scope,
            created_at=now,
            created_by=staff.actor,
            last_used_at=None,
            key=new_api_key(tenant_id),
        )
        row = answer.model_dump(exclude={"key"})
        await connection.execute(insert(Keys).values(tenant_id=tenant_id, key_digest=digest(answer.key), **row))
        fact = _fact(tenant_id, answer.api_key_id, staff, what="api_key_created", at=now)
        await audit.record(connection, fact)
        return await once.answer(answer, status=201, kept=Kept(is_secret=True))


@router.get("")
async def find_all(tenant_id: str, context: Shared, staff: Staff, paging: PagingQuery) -> Page[ApiKey]:
    """Those that work, newest first. Sorts by `created_at` and `name`."""
    table = Keys.__table__
    order = resolve_order(paging.sort, {"created_at": table.c.created_at, "name": table.c.name}, default="-created_at")
    query = select(table).where(table.c.tenant_id == tenant_id, table.c.revoked_at.is_(None))
    async with context.database.transaction(tenant_id) as connection:
        rows = await fetch_page(connection, query, order=order, key=table.c.api_key_id, paging=paging)
    return rows.page(lambda row: ApiKey.model_validate(row, from_attributes=True))


@router.delete("/{api_key_id}", status_code=204)
async def revoke(tenant_id: str, api_key_id: str, context: Shared, staff: StaffPerson) -> None:
    """At once."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        revoked = await connection.execute(
            update(Keys)
            .where(Keys.tenant_id == tenant_id, Keys.api_key_id == api_key_id, Keys.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        if revoked.rowcount != 1:
            raise NotFound
        await audit.record(connection, _fact(tenant_id, api_key_id, staff, what="api_key_revoked", at=now))


def _fact(tenant_id: str, api_key_id: str, staff: Caller, *, what: str, at: datetime) -> Fact:
    return Fact(tenant_id=tenant_id, at=at, actor=staff.actor, what=what, subject=api_key_id)
