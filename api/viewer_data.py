"""What an allowed viewer program shows: its company's UTMs and how they are (VWR-04).

The credential's digest is looked up every time, so that it is dead the moment it is revoked.
"""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.authentication import Credentials, signed_in
from api.context import Context, Shared
from api.etags import tagged
from api.utm_answers import detail, today_of
from models.identifiers import digest
from models.persons import portal_is_open
from models.refusals import Forbidden, TenantSuspended, Unauthenticated
from models.tables.customers import Customer
from models.tables.tenants import Tenant
from models.tables.utms import Utm
from models.tables.viewers import Viewer
from models.utm_rows import utms_as_shown
from models.viewer_vocabulary import ViewerState
from models.vocabulary import Connection, TenantState

router = APIRouter(prefix="/v1/viewer", tags=["Viewer access"])
_CREDENTIAL = re.compile(r"tzv_(T[0-9]{7})-[A-Za-z0-9_-]{43}")
_USE_NOTED_EVERY = timedelta(minutes=10)


class ViewedCompany(BaseModel):
    customer_id: str
    company_name: str


class ViewedUtm(BaseModel):
    """`served`: its contract is in force. `alert_count` of the last 30 days."""

    utm_id: str
    name: str
    connection: Connection
    last_connected_at: datetime | None
    version: str | None
    scheduled_restart_at: datetime | None
    served: bool
    alert_count: int


class ViewerData(BaseModel):
    company: ViewedCompany
    utms: list[ViewedUtm]


async def _viewer(
    context: Shared,
    credentials: Credentials,
    fingerprint: Annotated[str | None, Header(alias="X-PC-Fingerprint")] = None,
) -> Row[Any]:
    """Raises: Unauthenticated: no credential of this PC, or none any more. Forbidden: somebody known, who is no viewer.

    TenantSuspended.
    """
    match = _CREDENTIAL.fullmatch(credentials.credentials) if credentials else None
    if credentials is None or match is None:
        await signed_in(context, credentials)
        raise Forbidden
    async with context.database.transaction(match.group(1)) as connection:
        return await _used(connection, context, credentials.credentials, fingerprint or "")


AllowedViewer = Annotated[Any, Depends(_viewer)]


@router.get("/data")
async def read(context: Shared, viewer: AllowedViewer, response: Response) -> ViewerData:
    """With the credential, and the header `X-PC-Fingerprint` of the PC that it was given to."""
    silence = context.settings.durations.utm_silence
    async with context.database.transaction(viewer.tenant_id) as connection:
        today = await today_of(
            connection, viewer.tenant_id, viewer.customer_id, await context.clock.now(), silence=silence
        )
        found = await connection.execute(
            utms_as_shown()
            .where(Utm.tenant_id == viewer.tenant_id, Utm.customer_id == viewer.customer_id, Utm.deleted_at.is_(None))
            .order_by(Utm.created_at, Utm.utm_id)
        )
        utms = [ViewedUtm.model_validate(detail(row, today), from_attributes=True) for row in found]
    company = ViewedCompany(customer_id=viewer.customer_id, company_name=viewer.company_name)
    return tagged(response, ViewerData(company=company, utms=utms))


async def _used(connection: AsyncConnection, context: Context, credential: str, fingerprint: str) -> Row[Any]:
    """Whose credential it is; that it is used is noted, every ten minutes at most."""
    now = await context.clock.now()
    found = await connection.execute(
        select(Viewer.__table__, Customer.company_name, Tenant.state.label("tenant_state"))
        .join(Customer, (Customer.tenant_id == Viewer.tenant_id) & (Customer.customer_id == Viewer.customer_id))
        .join(Tenant, Tenant.tenant_id == Viewer.tenant_id)
        .where(
            Viewer.credential_digest == digest(credential),
            Viewer.pc_digest == digest(fingerprint),
            Viewer.state == ViewerState.ALLOWED,
            Viewer.last_used_at > now - context.settings.durations.viewer_unused,
            Customer.deleted_at.is_(None),
            portal_is_open(now),
        )
    )
    row: Row[Any] | None = found.first()
    if row is None:
        raise Unauthenticated
    if row.tenant_state == TenantState.SUSPENDED:
        raise TenantSuspended
    if now - row.last_used_at >= _USE_NOTED_EVERY:
        await connection.execute(
            update(Viewer)
            .where(Viewer.tenant_id == row.tenant_id, Viewer.viewer_id == row.viewer_id)
            .where(Viewer.state == ViewerState.ALLOWED)
            .values(last_used_at=now)
        )
    return row
